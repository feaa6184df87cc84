//! Tags that a server removes by itself, and what keeps them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::desk::Desk;
use crate::served::Served;

/// How long something is waited for that has to come.
const TIMEOUT: Duration = Duration::from_secs(30);

fn push(desk: &Desk, served: &Served, tag: &str) {
    desk.write("report.md", tag);
    desk.ok(&["push", "report.md", &served.at(&format!("ci/app:{tag}")), "--type", "application/vnd.example.report"]);
}

fn tags(served: &Served) -> Value {
    let answer = served.ask("GET /v2/ci/app/tags/list");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str::<Value>(body).unwrap()["tags"].clone()
}

/// Returns tag, whether it goes, and the reason, of every tag that rules take away.
fn judged(desk: &Desk, file: &str) -> Vec<(String, bool, String)> {
    let document = desk.json(&["serve", "retention", "--config", file]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tags = document["tags"].as_array().unwrap().iter();
    tags.map(|tag| (text(&tag["tag"]), tag["goes"].as_bool().unwrap(), text(&tag["reason"]))).collect()
}

#[test]
fn a_server_removes_what_was_shown_and_keeps_what_is_held() {
    let desk = Desk::new();
    desk.write("plain.toml", "root = \"data\"\n");
    let rules = "[collect]\nperiod = \"1s\"\n[[retention]]\nrepositories = [\"ci/*\"]\nkeep = 1\n";
    desk.write("rules.toml", &format!("root = \"data\"\n{rules}"));
    let served = Served::with(&desk, &["--config", "plain.toml"], &[]);
    for tag in ["1", "2", "3", "4"] {
        push(&desk, &served, tag);
    }
    let (first, second) = (served.at("ci/app:1"), served.at("ci/app:2"));
    let set = desk.json(&["serve", "hold", "add", &first, "--legal", "--reason", "case 1", "--expires", "52w"]);
    assert_eq!((&set["change"], &set["kind"], set["expires"].is_string()), (&json!("added"), &json!("legal"), true));
    desk.ok(&["serve", "hold", "add", &second, "--reason", "a customer has it"]);
    let listed = desk.json(&["serve", "hold", "list", &served.at("ci/app")]);
    let reasons: Vec<&str> =
        listed["holds"].as_array().unwrap().iter().filter_map(|hold| hold["reason"].as_str()).collect();
    assert!(reasons.len() == 2 && reasons.contains(&"case 1"), "{listed}");
    let refused = desk.fails(&["delete", &first], 5);
    assert!(refused.contains("legal hold"), "{refused}");
    desk.ok(&["serve", "hold", "remove", &second, "--dry-run"]);
    desk.ok(&["serve", "hold", "remove", &second]);
    desk.fails(&["serve", "hold", "remove", &second], 9);
    desk.fails(&["serve", "hold", "add", &served.at("ci/app:absent"), "--reason", "r"], 9);
    desk.fails(&["serve", "hold", "list", "oci:app"], 2);

    let goes = |tag: &str, goes: bool, reason: &str| (tag.to_owned(), goes, reason.to_owned());
    let expected = [goes("3", true, "rule"), goes("2", true, "rule"), goes("1", false, "held")];
    assert_eq!(judged(&desk, "rules.toml"), expected);
    assert_eq!(judged(&desk, "plain.toml"), []);
    let shown = desk.ok(&["serve", "retention", "--config", "rules.toml"]);
    assert!(shown.contains("ci/app:3") && shown.ends_with("2 tags to remove\n"), "{shown}");
    assert_eq!(tags(&served), json!(["1", "2", "3", "4"]));
    served.terminate();

    let served = Served::with(&desk, &["--config", "rules.toml"], &[]);
    let deadline = Instant::now() + TIMEOUT;
    while tags(&served) != json!(["1", "4"]) {
        assert!(Instant::now() < deadline, "{}", tags(&served));
        std::thread::sleep(Duration::from_millis(50));
    }
    let history = desk.json(&["history", &served.at("ci/app:3")]);
    assert_eq!(history["registry"][1]["moved"], "gone", "{history}");
    served.terminate();
}

#[test]
fn what_was_pulled_is_known_after_a_restart() {
    let desk = Desk::new();
    let rules = "[[retention]]\nrepositories = [\"ci/*\"]\npulled-within = \"1d\"\n";
    desk.write("serve.toml", &format!("root = \"data\"\n{rules}"));
    let served = Served::with(&desk, &["--config", "serve.toml"], &[]);
    push(&desk, &served, "1");
    let answer = served.ask("HEAD /v2/ci/app/manifests/1");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    served.terminate();
    let document = desk.json(&["serve", "retention", "--config", "serve.toml"]);
    assert!(document["pulls_since"].is_string() && document["tags"][0]["pulled"].is_string(), "{document}");
    assert_eq!(document["tags"][0]["reason"], "pulled");
}
