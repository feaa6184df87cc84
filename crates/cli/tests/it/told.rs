//! What a registry tells of its own past, without an observation log

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use crate::desk::{Desk, Outcome};
use crate::history::{ok_on, on, published};
use crate::server::Server;

/// A registry that keeps the history of its tags, and its clock.
struct House {
    server: Server,
    seconds: Arc<AtomicU64>,
}

impl House {
    fn new() -> Self {
        let (server, seconds) = Server::with_history();
        Self { server, seconds }
    }

    /// Publishes an image at the registry's noon of the day on which it was made.
    fn publish(&self, repository: &str, day: &str, tags: &[&str]) {
        self.at(&format!("{day}T12:00:00Z"));
        published(&self.server, repository, day, tags);
    }

    fn at(&self, time: &str) {
        let time: oci::Timestamp = time.parse().unwrap();
        self.seconds.store(u64::try_from(time.seconds()).unwrap(), Ordering::SeqCst);
    }

    fn project(&self, desk: &Desk) {
        let repository = self.server.at("app");
        let project =
            format!("[project]\nname = \"x\"\n[images]\napp = {{ repo = \"{repository}\", version = \"^1\" }}\n");
        desk.write("Supercargo.toml", &project);
    }

    /// Returns what a tag names now.
    fn named(&self, tag: &str) -> String {
        let looked = Desk::new().json(&["tag", &self.server.at(&format!("app:{tag}")), "other", "--dry-run"]);
        looked["image"]["digest"].as_str().unwrap().to_owned()
    }
}

fn lock_of(desk: &Desk) -> String {
    std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap()
}

#[test]
fn a_lock_of_an_earlier_day_is_made_without_any_log() {
    let house = House::new();
    house.publish("app", "2025-01-01", &["1.0.0"]);
    house.publish("app", "2025-01-02", &["1.1.0", "1.0.1"]);
    let then = Desk::new();
    house.project(&then);
    ok_on(&then, "2025-01-03T18:00:00Z", &["lock", "-q"]);
    assert!(lock_of(&then).contains("version = \"1.1.0\""), "{}", lock_of(&then));
    // The newest version is overwritten, another one comes, made long ago as it says, and then all that was locked is removed.
    house.publish("app", "2025-01-04", &["1.1.0"]);
    house.at("2025-01-05T12:00:00Z");
    published(&house.server, "app", "2024-06-01", &["1.2.0"]);
    house.at("2025-01-06T12:00:00Z");
    ok_on(&Desk::new(), "2025-01-06T12:00:00Z", &["delete", &house.server.at("app:1.1.0")]);

    let again = Desk::new();
    house.project(&again);
    ok_on(&again, "2025-02-01T00:00:00Z", &["lock", "-q", "--as-of", "2025-01-03"]);
    assert_eq!(lock_of(&again), lock_of(&then));
    let now = Desk::new();
    house.project(&now);
    ok_on(&now, "2025-02-01T00:00:00Z", &["lock", "-q"]);
    assert!(lock_of(&now).contains("version = \"1.2.0\""), "{}", lock_of(&now));

    // A day of which the registry knows nothing is answered as without a history.
    ok_on(&again, "2025-02-01T00:00:00Z", &["lock", "-q", "--as-of", "2024-12-01"]);
    assert!(lock_of(&again).contains("version = \"1.2.0\""), "{}", lock_of(&again));
}

#[test]
fn every_move_that_the_registry_knows_is_shown() {
    let house = House::new();
    house.publish("app", "2025-01-01", &["1.0.0"]);
    let first = house.named("1.0.0");
    house.publish("app", "2025-01-03", &["1.0.0"]);
    let second = house.named("1.0.0");
    house.at("2025-01-04T12:00:00Z");
    ok_on(&Desk::new(), "2025-01-04T12:00:00Z", &["delete", &house.server.at("app:1.0.0")]);
    let desk = Desk::new();
    let app = house.server.at("app:1.0.0");
    let told = desk.json(&["history", &app]);
    assert_eq!(told["moves"], serde_json::json!([]), "nothing was seen from here");
    let moves: Vec<(&Value, &str, &str, &str)> = told["registry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| {
            (
                &each["number"],
                each["at"].as_str().unwrap(),
                each["moved"].as_str().unwrap(),
                each["digest"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        moves,
        [
            (&Value::from(1), "2025-01-01T12:00:00Z", "names", &*first),
            (&Value::from(2), "2025-01-03T12:00:00Z", "names", &*second),
            (&Value::from(3), "2025-01-04T12:00:00Z", "gone", &*second),
        ]
    );
    let shown = desk.ok(&["history", &app]);
    assert!(shown.starts_with("MOVE  AT                    NAMES"), "{shown}");
    assert_eq!(shown.lines().count(), 4, "{shown}");
    desk.fails(&["history", &house.server.at("app:9")], 9);
    // Without asking, this machine knows nothing.
    desk.fails(&["history", &app, "--offline"], 9);
}

#[test]
fn a_tag_is_put_back() {
    let house = House::new();
    house.publish("app", "2025-01-01", &["1.0.0"]);
    let first = house.named("1.0.0");
    house.publish("app", "2025-01-03", &["1.0.0"]);
    let second = house.named("1.0.0");
    let desk = Desk::new();
    let app = house.server.at("app:1.0.0");
    house.at("2025-01-05T12:00:00Z");
    desk.ok(&["history", &app, "--revert", "1", "--dry-run"]);
    assert_eq!(house.named("1.0.0"), second);
    let said = desk.ok(&["history", &app, "--revert", "1"]);
    assert_eq!(said, format!("{app}@{first} (was {second})\n"));
    assert_eq!(house.named("1.0.0"), first);
    house.at("2025-01-06T12:00:00Z");
    ok_on(&Desk::new(), "2025-01-06T12:00:00Z", &["delete", &app]);
    desk.ok(&["history", &app, "--revert", "2025-01-04T00:00:00Z"]);
    assert_eq!(house.named("1.0.0"), second);
    assert_eq!(desk.json(&["history", &app])["registry"].as_array().unwrap().len(), 5);
    for (to, code) in [("99", 9), ("4", 9), ("2024-01-01T00:00:00Z", 9), ("soon", 2)] {
        desk.fails(&["history", &app, "--revert", to], code);
    }
    desk.fails(&["history", &house.server.at("app"), "--revert", "1"], 2);

    let without = Server::new();
    published(&without, "app", "2025-01-01", &["1.0.0"]);
    let said = desk.fails(&["history", &without.at("app:1.0.0"), "--revert", "1"], 2);
    assert!(said.contains("keeps no history of tags"), "{said}");
}

#[test]
fn that_a_tag_went_back_is_known_without_any_log() {
    let house = House::new();
    house.publish("app", "2025-01-01", &["1.0.0"]);
    house.publish("app", "2025-01-03", &["1.0.0"]);
    let desk = Desk::new();
    house.project(&desk);
    ok_on(&desk, "2025-01-03T18:00:00Z", &["lock", "-q"]);
    house.at("2025-01-05T12:00:00Z");
    ok_on(&Desk::new(), "2025-01-05T12:00:00Z", &["history", &house.server.at("app:1.0.0"), "--revert", "1"]);
    let Outcome { code, stdout, stderr } = on(&desk, "2025-01-06T12:00:00Z", &["outdated"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("MOVED back: now ") && stdout.contains(", as until 2025-01-03T12:00:00Z"), "{stdout}");
}
