//! A server that is full of secrets: what it tells, keeps and answers while it serves.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use testkit::users::{HTPASSWD, OWNER, PASSWORD};

use super::planted::{Needles, pair, secret};
use crate::desk::Desk;
use crate::served::Served;

/// What commands about a registry of one's own are given.
pub(super) const SETTINGS: &str = r#"
root = "registry"
[auth]
htpasswd = "secrets/users"
[auth.tokens]
[[rules]]
repositories = ["*"]
users = ["captain"]
actions = ["read", "create", "update", "delete"]
[[events]]
name = "hook"
url = "http://127.0.0.1:1/hook"
secret-file = "secrets/events"
[traces]
endpoint = "http://127.0.0.1:1"
headers-file = "secrets/headers"
[log]
level = "debug"
decisions = "all"
requests = "all"
[audit]
file = "audit.log"
"#;

/// What a hash of a password begins with in the file of users.
const HASH: &str = "abcdefghijklmnopqrstuu";

/// Writes the files that a configuration names.
pub(super) fn write_secrets(directory: &Path) {
    let files = [
        ("users", HTPASSWD.to_owned()),
        ("events", secret("events")),
        ("headers", format!("authorization: Bearer {}\n", secret("collector"))),
        ("one", secret("one")),
        ("two", format!("{}\n{}\n", secret("line"), secret("line"))),
        ("plain-users", format!("captain:{}\n", secret("plain"))),
        ("broken-users", format!("captain {}\n", secret("broken"))),
        ("broken-hash", format!("captain:$2y$05${}\n", secret("hash"))),
        ("broken-headers", format!("{}\nauthorization {}\n", secret("header"), secret("header"))),
        ("broken.pem", format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", secret("pem"))),
    ];
    fs::create_dir_all(directory).unwrap();
    for (name, content) in files {
        let path = directory.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

pub(super) fn needles(more: &[&str]) -> Needles {
    let known = [super::planted::MARK, PASSWORD, "correct%20horse", "correct+horse", HASH];
    Needles::of(&[&known, more].concat())
}

/// Searches all files below a directory but those that hold secrets because they were told to.
pub(super) fn search(needles: &Needles, directory: &Path, wrong: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("secrets") {
            search(needles, &path, wrong);
        } else if path.is_file() {
            let found = needles.find(&fs::read(&path).unwrap());
            wrong.extend(found.iter().map(|found| format!("{}: {found}", path.display())));
        }
    }
}

fn token_of(answer: &str) -> String {
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let document: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    document["token"].as_str().or(document["access_token"].as_str()).unwrap().to_owned()
}

#[test]
fn a_server_tells_nobody_what_it_is_shown() {
    for format in ["text", "json"] {
        let desk = Desk::new();
        write_secrets(&desk.path("secrets"));
        let made = desk.json(&["serve", "key", "--id", "deploy", "--user", "ci"]);
        let (key, table) = (made["key"].as_str().unwrap(), made["table"].as_str().unwrap());
        desk.write(
            "serve.toml",
            &format!("{}{table}", SETTINGS.replace("[log]\n", &format!("[log]\nformat = \"{format}\"\n"))),
        );
        let served = Served::with(&desk, &["-vv", "--config", "serve.toml"], &[("RUST_BACKTRACE", "1")]);
        let basic = |user: &str, password: &str| format!("authorization: Basic {}\r\n", pair(user, password));
        let token_path = "/token?service=x&scope=repository:app:pull,push";
        let token = token_of(&served.ask(&format!("GET {token_path}\r\n{}\r\n", basic(OWNER, PASSWORD))));
        let form = |text: &str| {
            let kind = "content-type: application/x-www-form-urlencoded";
            format!("POST /token\r\n{kind}\r\ncontent-length: {}\r\n\r\n{text}", text.len())
        };
        let right = format!(
            "grant_type=password&service=x&client_id=x&username={OWNER}&password=correct%20horse&access_type=offline"
        );
        let answer = served.ask(&form(&right));
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let document: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let refresh = document["refresh_token"].as_str().unwrap_or(&token).to_owned();
        let wrong = right.replace("correct%20horse", &secret("wrong"));
        let digest = oci::Digest::sha256(b"x");
        let requests = [
            format!("GET /v2/\r\n{}\r\n", basic(OWNER, PASSWORD)),
            format!("GET /v2/\r\n{}\r\n", basic("ci", key)),
            format!("GET /v2/\r\n{}\r\n", basic("ci", &secret("key"))),
            format!("GET /v2/app/tags/list\r\n{}\r\n", basic(OWNER, &secret("wrong"))),
            format!("GET /v2/app/tags/list\r\n{}\r\n", basic(&secret("name"), "")),
            format!("GET /v2/app/tags/list\r\nauthorization: Bearer {token}\r\n\r\n"),
            format!("GET /v2/app/tags/list\r\nauthorization: Bearer {}\r\n\r\n", secret("bearer")),
            format!("GET /v2/app/tags/list\r\nauthorization: Bearer {token}{}\r\n\r\n", secret("bearer")),
            format!("GET /v2/app/tags/list\r\nauthorization: {}\r\n\r\n", secret("scheme")),
            format!("GET /v2/app/tags/list\r\ncookie: {}\r\n\r\n", secret("cookie")),
            format!("GET {token_path}&account=x\r\n{}\r\n", basic(OWNER, &secret("wrong"))),
            format!("GET {token_path}\r\n{}\r\n", basic("ci", key)),
            format!("GET /token?password={}\r\n\r\n", secret("query")),
            format!("GET /v2/app/tags/list?access_token={}\r\n{}\r\n", secret("query"), basic(OWNER, PASSWORD)),
            format!("GET /v2/app/blobs/{digest}?X-Amz-Signature={}\r\n{}\r\n", secret("query"), basic(OWNER, PASSWORD)),
            form(&wrong),
            form(&format!(
                "grant_type=refresh_token&service=x&client_id=x&refresh_token={refresh}&scope=repository:app:pull"
            )),
            form(&format!("grant_type=refresh_token&service=x&client_id=x&refresh_token={}", secret("refresh"))),
            format!(
                "POST /v2/app/blobs/uploads/?digest={digest}\r\n{}content-length: 1\r\n\r\nx",
                basic(OWNER, PASSWORD)
            ),
            format!(
                "POST /v2/app/blobs/uploads/?digest={digest}\r\n{}content-length: 1\r\n\r\nx",
                basic(OWNER, &secret("wrong"))
            ),
        ];
        let needles = needles(&[&token, &refresh, key]);
        let mut wrong = Vec::new();
        let mut statuses = Vec::new();
        for request in &requests {
            let answer = served.ask(request);
            statuses.push(answer.split(' ').nth(1).unwrap_or_default().to_owned());
            // Tokens are given to those who ask for them.
            let is_token = request.contains(" /token") || request.starts_with("POST /token");
            if !(is_token && answer.starts_with("HTTP/1.1 200 ")) {
                wrong.extend(needles.find(answer.as_bytes()).iter().map(|found| format!("{request}: {found}")));
            }
        }
        assert!(
            statuses.iter().any(|status| status == "200") && statuses.iter().any(|status| status == "401"),
            "{statuses:?}"
        );
        let said = served.terminate();
        assert!(said.lines().count() > requests.len() && said.contains("captain"), "{said}");
        wrong.extend(needles.find(said.as_bytes()).iter().map(|found| format!("the log: {found}")));
        assert!(!fs::read(desk.path("audit.log")).unwrap().is_empty());
        search(&needles, &desk.path(""), &mut wrong);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
