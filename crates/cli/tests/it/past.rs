//! `lock --as-of`: a lock of an earlier day is made again

use crate::desk::{Desk, Outcome};
use crate::history::{ok_on, on, published, stable};
use crate::server::Server;

/// How many days are gone through.
const DAYS: usize = 50;

fn project(server: &Server, policy: &str) -> String {
    format!(
        "[project]\nname = \"old\"\n[registries.up]\nhost = \"{}\"\n[policy]\nyanked = \"deny\"\neol = \"deny\"\n{policy}\n[images]\n\
         app = {{ repo = \"up/app\", version = \"^1\" }}\ntool = {{ repo = \"up/tool\", cooldown = \"0d\" }}\n\
         db = {{ repo = \"up/db\", version = \"*\", variant = \"alpine\" }}\nold = {{ repo = \"up/old\", version = \"*\" }}\n",
        server.host()
    )
}

/// Returns the day that many days after the first.
fn day(number: usize) -> String {
    let lengths = [31, 28, 31, 30];
    let (mut number, mut month) = (number, 0);
    while number >= lengths[month] {
        number -= lengths[month];
        month += 1;
    }
    format!("2025-{:02}-{:02}", month + 1, number + 1)
}

fn at(number: usize, time: &str) -> String {
    format!("{}T{time}Z", day(number))
}

/// Publishes, moves and marks what happens on a day: every few days something else, so that in time everything meets everything.
fn happens(server: &Server, number: usize) {
    let today = day(number);
    let minor = number / 3 + 1;
    if number.is_multiple_of(3) {
        let (version, series) = (format!("1.{minor}.0"), format!("1.{minor}"));
        published(server, "app", &today, &[&version, &series, "1", "latest"]);
    }
    if number % 7 == 2 {
        // Made days ago, and published only now.
        published(server, "app", &day(number - 2), &[&format!("1.{minor}.1"), &format!("1.{minor}")]);
    }
    if number % 5 == 1 {
        published(server, "tool", &today, &["latest"]);
        // The clock of this builder was set back.
        published(server, "old", "1970-01-01", &[&format!("2.{number}.0")]);
    }
    if number.is_multiple_of(4) {
        // The same version again, with other content.
        published(
            server,
            "db",
            &today,
            &[&format!("3.{}-alpine", number / 8), "3-alpine", &format!("3.{}", number / 8)],
        );
    }
    let marking = Desk::new();
    let mark = |image: &str, what: &[&str]| {
        ok_on(&marking, &at(number, "11:00:00"), &[&["mark", &server.at(image)], what].concat());
    };
    if number % 6 == 4 {
        mark(&format!("app:1.{minor}.0"), &["--yanked", "--reason", "broken"]);
    }
    if number % 11 == 10 {
        mark("app:latest", &["--eol", &day(number + 1)]);
        ok_on(&marking, &at(number, "11:30:00"), &["delete", &server.at(&format!("app:1.{}", minor - 2))]);
    }
}

/// Locks anew, and returns the lock.
fn locked(desk: &Desk, now: &str, arguments: &[&str]) -> String {
    let _ = std::fs::remove_file(desk.path("Supercargo.lock"));
    ok_on(desk, now, &[&["lock", "-q"], arguments].concat());
    std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap()
}

#[test]
fn the_lock_of_every_day_is_made_again() {
    for policy in ["", "cooldown = \"2d\""] {
        let (desk, server) = (Desk::new(), Server::new());
        // What has to be there before the first lock can be made.
        published(&server, "app", "2024-12-20", &["1.0.0", "1.0.0-rc.1"]);
        published(&server, "tool", "2024-12-20", &["latest"]);
        published(&server, "db", "2024-12-20", &["2.9-alpine", "2.9"]);
        published(&server, "old", "2024-12-20", &["1.0.0"]);
        desk.write("Supercargo.toml", &project(&server, policy));
        let locks: Vec<String> = (0..DAYS)
            .map(|number| {
                happens(&server, number);
                locked(&desk, &at(number, "12:00:00"), &[])
            })
            .collect();
        let different = locks.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(different > DAYS / 2, "{different}");
        assert!(locks.iter().any(|lock| lock.contains("created-from = \"observed\"")));
        for (number, then) in locks.iter().enumerate() {
            let again = locked(&desk, "2026-01-01T00:00:00Z", &["--as-of", &day(number)]);
            assert_eq!(&again, then, "{}", day(number));
        }
        // Whatever is locked now.
        ok_on(&desk, "2026-01-01T00:00:00Z", &["update", "-q"]);
        ok_on(&desk, "2026-01-01T00:00:00Z", &["lock", "-q", "--as-of", &day(DAYS / 2)]);
        assert_eq!(std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap(), locks[DAYS / 2]);
    }
}

#[test]
fn what_is_gone_is_named_by_its_digest() {
    let (desk, server) = (Desk::new(), Server::new());
    published(&server, "app", "2025-01-01", &["1.0.0"]);
    desk.write(
        "Supercargo.toml",
        &format!("[project]\nname = \"x\"\n[images]\napp = {{ repo = \"{}\", version = \"^1\" }}\n", server.at("app")),
    );
    let then = locked(&desk, "2025-01-02T12:00:00Z", &[]);
    let digest = then.lines().find_map(|line| line.strip_prefix("digest = ")).unwrap().trim_matches('"').to_owned();
    published(&server, "app", "2025-01-03", &["1.0.0"]);
    assert_eq!(locked(&desk, "2025-02-01T00:00:00Z", &["--as-of", "2025-01-02"]), then);
    ok_on(&Desk::new(), "2025-02-01T00:00:00Z", &["delete", &format!("{}@{digest}", server.at("app"))]);
    let Outcome { code, stderr, .. } = on(&desk, "2025-02-02T00:00:00Z", &["lock", "--as-of", "2025-01-02"]);
    assert_eq!(code, 9, "{stderr}");
    assert!(stderr.contains(&format!("has no {digest} any more, which its tag 1.0.0 named on 2025-01-02")), "{stderr}");
}

#[test]
fn a_tag_that_goes_back_is_told_from_one_that_moves_on() {
    let (desk, server) = (Desk::new(), Server::new());
    let write = |policy: &str| {
        desk.write(
            "Supercargo.toml",
            &format!(
                "[project]\nname = \"x\"\n[policy]\nmoved-tags = \"{policy}\"\n[images]\napp = {{ repo = \"{}\", version = \"^1\" }}\n",
                server.at("app")
            ),
        );
    };
    write("follow");
    published(&server, "app", "2025-01-01", &["1.0.0"]);
    locked(&desk, "2025-01-02T12:00:00Z", &[]);
    published(&server, "app", "2025-01-03", &["1.0.0"]);
    let shown = |now: &str| stable(&ok_on(&desk, now, &["outdated"]), &server);
    insta::assert_snapshot!(shown("2025-01-04T12:00:00Z"), @r"
    IMAGE  LOCKED  IN RANGE  LATEST  AGE  NOTES
    app    1.0.0   1.0.0     1.0.0    3d  MOVED: now <0>
    ");
    ok_on(&desk, "2025-01-04T12:00:00Z", &["update"]);
    published(&server, "app", "2025-01-01", &["1.0.0"]);
    insta::assert_snapshot!(shown("2025-01-06T12:00:00Z"), @r"
    IMAGE  LOCKED  IN RANGE  LATEST  AGE  NOTES
    app    1.0.0   1.0.0     1.0.0    3d  MOVED back: now <0>, as until 2025-01-02T12:00:00Z
    ");
    write("warn");
    let Outcome { code, stderr, .. } = on(&desk, "2025-01-06T12:00:00Z", &["update"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(stable(&stderr, &server), @r"
    warning: `app`: the tag 1.0.0 names <0> now, as it did until 2025-01-02T12:00:00Z, and is locked as <1>
    note: the lock of 1 image is up to date
    ");
    write("error");
    let Outcome { code, stderr, .. } = on(&desk, "2025-01-06T12:00:00Z", &["update"]);
    assert_eq!(code, 6);
    insta::assert_snapshot!(stable(&stderr, &server), @r"
    error: `app`: the tag 1.0.0 names <0> now, as it did until 2025-01-02T12:00:00Z, and is locked as <1>
    help: supercargo history HOST/app:1.0.0
    ");
    write("follow");
    let Outcome { code, stderr, stdout } = on(&desk, "2025-01-06T12:00:00Z", &["update"]);
    assert_eq!(code, 0);
    assert!(stdout.contains(" is now sha256:"), "{stdout}");
    assert!(stderr.contains(" now, as it did until 2025-01-02T12:00:00Z, and is locked as "), "{stderr}");
}

#[test]
fn a_tag_that_moves_is_locked_with_the_others_that_name_the_same() {
    let (desk, server) = (Desk::new(), Server::new());
    published(&server, "tool", "2025-01-01", &["edge"]);
    published(&server, "tool", "2025-01-02", &["latest", "stable", "main"]);
    desk.write(
        "Supercargo.toml",
        &format!("[project]\nname = \"x\"\n[images]\ntool = {{ repo = \"{}\" }}\n", server.at("tool")),
    );
    let lock = locked(&desk, "2025-01-03T12:00:00Z", &[]);
    assert!(lock.contains("tag = \"latest\"\naliases = [\"main\", \"stable\"]\n"), "{lock}");
    assert!(lock.contains("\nfloating = true\n"), "{lock}");
    published(&server, "tool", "2025-01-04", &["latest"]);
    assert_eq!(locked(&desk, "2025-01-05T12:00:00Z", &["--as-of", "2025-01-03"]), lock);
}

#[test]
fn two_machines_with_one_log_make_one_lock() {
    let (here, there, server) = (Desk::new(), Desk::new(), Server::new());
    // It does not say when it was made.
    published(&server, "old", "1970-01-01", &["1.0.0"]);
    let project =
        format!("[project]\nname = \"x\"\n[images]\nold = {{ repo = \"{}\", version = \"*\" }}\n", server.at("old"));
    for desk in [&here, &there] {
        desk.write("Supercargo.toml", &project);
    }
    ok_on(&here, "2025-01-01T12:00:00Z", &["inspect", &server.at("old:1.0.0")]);
    let lock = locked(&here, "2025-01-03T12:00:00Z", &[]);
    assert!(lock.contains("created = \"2025-01-01T12:00:00Z\"\ncreated-from = \"observed\"\n"), "{lock}");
    assert!(!locked(&there, "2025-01-03T12:00:00Z", &[]).contains("created"));
    let log = server.at("log:1");
    ok_on(&here, "2025-01-03T12:00:00Z", &["history", &server.at("old"), "--export", &log]);
    ok_on(&there, "2025-01-03T12:00:00Z", &["history", &server.at("old"), "--import", &log]);
    assert_eq!(locked(&there, "2025-01-03T12:00:00Z", &[]), lock);
    assert_eq!(locked(&there, "2025-02-01T12:00:00Z", &["--as-of", "2025-01-03"]), lock);
}
