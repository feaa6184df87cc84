//! Limits, addresses and the audit log of a server in a process of its own.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use serde_json::Value;

use crate::desk::Desk;
use crate::serve_access::{PASSWORD, RULES, login, write};
use crate::served::Served;

/// Sends a request as a client without a library does, and returns all of the answer.
fn ask(served: &Served, method: &str, path: &str, user: &str, password: &str, header: &str) -> String {
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let mut stream = TcpStream::connect(served.address).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: registry.example\r\nConnection: close\r\n");
    write!(stream, "{head}Authorization: Basic {auth}\r\n{header}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn who_did_what_is_told_in_a_file_and_who_asks_too_often_is_refused() {
    let (desk, _application) = Desk::with_application();
    let limits = "[audit]\nfile = \"audit\"\n[[rate-limits]]\nof = \"pulls\"\nrepositories = [\"hot/*\"]\nrequests = 1\nperiod = \"1w\"\n";
    write(&desk, &format!("{RULES}{limits}"));
    let served = Served::with(&desk, &["--config", "serve.toml"], &[]);
    let captain = login(&desk, &served.address.to_string(), "captain", PASSWORD);
    let put = desk.run(&["--authfile", &captain, "copy", "oci:app:1.0", &served.at("public/app:1.0")]);
    assert_eq!(put.code, 0, "{}", put.stderr);
    let denied = ask(&served, "DELETE", "/v2/public/app/manifests/1.0", "sailor", PASSWORD, "");
    assert!(denied.starts_with("HTTP/1.1 403"), "{denied}");
    let wrong = ask(&served, "GET", "/v2/", "sailor", "wrong-password", "");
    assert!(wrong.starts_with("HTTP/1.1 401"), "{wrong}");
    // Nobody is trusted, so nobody has another address by saying so.
    let hot = |said: &str| ask(&served, "GET", "/v2/hot/app/tags/list", "captain", PASSWORD, said);
    assert!(hot("X-Forwarded-For: 198.51.100.1\r\n").starts_with("HTTP/1.1 404"));
    let refused = hot("X-Forwarded-For: 198.51.100.2\r\n").to_ascii_lowercase();
    assert!(refused.starts_with("http/1.1 429") && refused.contains("\r\nretry-after: "), "{refused}");
    assert!(refused.contains("toomanyrequests"), "{refused}");
    served.terminate();
    let text = std::fs::read_to_string(desk.path("audit")).unwrap();
    assert!(!text.contains(PASSWORD) && !text.contains("wrong-password") && !text.contains("198.51.100"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |what: &str, member: &str, value: &str| {
        lines.iter().any(|line| line["what"] == what && line[member] == value && line["address"] == "127.0.0.1")
    };
    assert!(has("manifest.put", "user", "captain") && has("manifest.put", "outcome", "done"), "{text}");
    assert!(has("blob.put", "phase", "begin") && has("denied", "user", "sailor"), "{text}");
    assert!(has("denied", "claimed", "sailor"), "{text}");
}
