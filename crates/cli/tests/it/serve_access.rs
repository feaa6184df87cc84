//! Users, keys and tokens of a registry, by its file alone.

use serde_json::Value;
pub(crate) use testkit::users::{HTPASSWD, PASSWORD, RULES};

use crate::desk::{Desk, Outcome};
use crate::served::Served;

/// Writes the configuration and the users.
pub(crate) fn write(desk: &Desk, text: &str) {
    desk.write("users", HTPASSWD);
    desk.write("serve.toml", &format!("root = \"registry\"\n{text}"));
}

/// Writes a file with credentials for a server, and returns its name.
pub(crate) fn login(desk: &Desk, host: &str, user: &str, password: &str) -> String {
    use base64::Engine as _;
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let name = format!("{user}.json");
    desk.write(&name, &serde_json::json!({ "auths": { host: { "auth": auth } } }).to_string());
    name
}

/// Copies the application to a repository and reads it back as somebody.
fn copy_as(desk: &Desk, served: &Served, user: &str, password: &str, repository: &str) -> (Outcome, Outcome) {
    let login = login(desk, &served.address.to_string(), user, password);
    let put = desk.run(&["--authfile", &login, "copy", "oci:app:1.0", &served.at(repository)]);
    let back = format!("oci:back-{user}:1.0");
    (put, desk.run(&["--authfile", &login, "copy", &served.at(repository), &back]))
}

#[test]
fn users_do_what_rules_say_by_passwords_and_by_tokens() {
    for tokens in ["", "[auth.tokens]\nservice = \"registry.example\"\nrequired = true\n"] {
        let (desk, _application) = Desk::with_application();
        write(&desk, &format!("{RULES}{tokens}"));
        let mut served = Served::with(&desk, &["--config", "serve.toml"], &[]);
        let (put, read) = copy_as(&desk, &served, "captain", PASSWORD, "public/app:1.0");
        assert_eq!((put.code, read.code), (0, 0), "{}{}", put.stderr, read.stderr);
        let (put, read) = copy_as(&desk, &served, "sailor", PASSWORD, "public/web:1.0");
        assert_eq!((put.code, read.code), (5, 9), "{}{}", put.stderr, read.stderr);
        let said = served.hear("denied");
        assert!(said.starts_with("note: ") && said.contains("user sailor"), "{said}");
        let (_, read) = copy_as(&desk, &served, "sailor", "wrong", "public/app:1.0");
        assert_eq!(read.code, 5, "{}", read.stderr);
        let as_nobody = |name: &str| desk.run(&["copy", &served.at(name), "oci:nobody:1.0"]).code;
        assert_eq!((as_nobody("public/app:1.0"), as_nobody("private/app:1.0")), (0, 5));
        if let Some(skopeo) = testkit::peers::tool("skopeo") {
            let creds = format!("captain:{PASSWORD}");
            let reference = format!("docker://{}", served.at("public/app:1.0"));
            let seen = skopeo.run(["inspect", "--raw", "--tls-verify=false", "--creds", &creds, &reference]);
            assert!(seen.contains("application/vnd.oci.image.index.v1+json"), "{seen}");
        }
        served.terminate();
    }
}

#[test]
fn a_key_that_was_made_does_what_its_scope_says() {
    let (desk, _application) = Desk::with_application();
    let arguments = ["--id", "deploy", "--user", "ci", "--repositories", "app/*", "--actions", "read,create"];
    let made: Value = desk.json(&[&["serve", "key"], &arguments[..], &["--expires", "2w"]].concat());
    let (key, table) = (made["key"].as_str().unwrap(), made["table"].as_str().unwrap());
    assert!(!table.contains(key) && table.contains("expires = \""), "{table}");
    let rule = "[[rules]]\nrepositories = [\"*\"]\nkeys = [\"deploy\"]\nactions = [\"read\", \"create\", \"delete\"]\n";
    write(&desk, &format!("{table}{rule}[log]\nformat = \"json\"\n"));
    let mut served = Served::with(&desk, &["--config", "serve.toml"], &[]);
    let started: Value = serde_json::from_str(&served.hear("\"start\"")).unwrap();
    assert_eq!(started["url"], format!("http://{}", served.address));
    let (put, read) = copy_as(&desk, &served, "ci", key, "app/web:1.0");
    assert_eq!((put.code, read.code), (0, 0), "{}{}", put.stderr, read.stderr);
    let (put, _) = copy_as(&desk, &served, "ci", key, "other/web:1.0");
    assert_eq!(put.code, 5, "{}", put.stderr);
    let denied: Value = serde_json::from_str(&served.hear("\"decision\"")).unwrap();
    assert_eq!((&denied["allowed"], &denied["repository"]), (&Value::Bool(false), &"other/web".into()));
    assert_eq!(denied["who"], "user ci by key deploy");
    served.terminate();
    let expired = desk.fails(&["serve", "key", "--id", "a b", "--user", "ci"], 2);
    assert!(expired.starts_with("error: `a b` cannot be the name of a key"), "{expired}");
}

#[test]
fn passwords_that_can_be_overheard_are_warned_of() {
    let desk = Desk::new();
    write(&desk, &format!("listen = \"0.0.0.0:5000\"\n{RULES}"));
    let check = ["serve", "--config", "serve.toml", "--check"];
    let checked = desk.run(&check);
    assert_eq!(checked.code, 0);
    assert!(checked.stderr.starts_with("warning: others can reach 0.0.0.0:5000, and passwords"), "{}", checked.stderr);
    write(&desk, &format!("listen = \"0.0.0.0:5000\"\ntls.proxy = true\n{RULES}"));
    assert_eq!(desk.run(&check).stderr, "");
}

#[test]
fn what_is_wrong_in_a_file_that_is_named_is_told_with_both_places() {
    let desk = Desk::new();
    write(&desk, RULES);
    desk.write("users", "captain:{SHA}x\n");
    insta::assert_snapshot!(desk.fails(&["serve", "--config", "serve.toml", "--check"], 2), @r#"
    error: users: line 1, column 9: the hash is neither bcrypt ($2y$) nor Argon2 ($argon2id$)
     --> serve.toml:4:12
      |
    4 | htpasswd = "users"
      |            ^^^^^^^
    "#);
    write(&desk, "[auth]\nhtpasswd = \"users\"\n");
    insta::assert_snapshot!(desk.fails(&["serve", "--config", "serve.toml"], 2), @r#"
    error: users are known here, and no rule says what they may do
     --> serve.toml:3:12
      |
    3 | htpasswd = "users"
      |            ^^^^^^^
    help: [[rules]]   # repositories = ["*"], users = ["*"], actions = ["read", "create", "update", "delete"]
    "#);
    write(&desk, &format!("{RULES}groups = [\"owners\"]\n"));
    insta::assert_snapshot!(desk.fails(&["serve", "--config", "serve.toml"], 2), @r#"
    error: there is no group `owners`
      --> serve.toml:15:11
       |
    15 | groups = ["owners"]
       |           ^^^^^^^^
    "#);
}
