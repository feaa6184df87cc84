//! Passwords that are typed where none belongs: in a place, in the value of an option, and where nothing is to be typed.

use super::lines::LINES;
use super::planted::{Needles, secret};
use crate::desk::Desk;

/// Options that every command takes, and that take a value.
const OPTIONS: [&str; 13] = [
    "-C",
    "--project",
    "--platform",
    "--format",
    "--color",
    "--progress",
    "--authfile",
    "--registries-conf",
    "--ca-file",
    "--jobs",
    "--timeout",
    "--locked",
    "--no-such-option",
];

/// Returns places with a user in them.
fn places() -> Vec<String> {
    let (password, long) = (secret("typed"), secret(&"typed".repeat(200)));
    [
        format!("captain:{password}@127.0.0.1:1"),
        format!("captain@corp.example:{password}@registry.example"),
        format!("captain:{password}/{password}@127.0.0.1:1"),
        format!("captain:{password},{password}@127.0.0.1:1"),
        format!("captain:{long}@127.0.0.1:1"),
        format!("https://captain:{password}@127.0.0.1:1"),
        format!("https://{password}@127.0.0.1:1"),
        format!("docker://captain:{password}@127.0.0.1:1"),
        format!("oci:captain:{password}@127.0.0.1:1"),
    ]
    .to_vec()
}

/// Runs a command line, and returns what it shows of what is secret.
fn shown(desk: &Desk, needles: &Needles, typed: &[&str]) -> Vec<String> {
    let mut command = desk.command(&[&["-vv"], typed].concat());
    let output = command.env("RUST_BACKTRACE", "1").output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains("panicked"), "{typed:?}: {}", String::from_utf8_lossy(&said));
    needles.find(&said).iter().map(|found| format!("{typed:?}: {found}")).collect()
}

#[test]
fn what_is_typed_as_a_place_is_not_said_again() {
    let (desk, needles) = (Desk::new(), Needles::default());
    desk.write("Supercargo.toml", "[images]\n");
    let mut wrong = Vec::new();
    for place in places() {
        for line in LINES {
            let last = line.typed.last().unwrap();
            let replaced = last.replace("{r}", &place).replace("{m}", "typed");
            // What nobody expects, where there is no place to type.
            let replaced = if last.contains("{r}") { replaced } else { format!("{replaced} {place}/app:1") };
            wrong.extend(shown(&desk, &needles, &replaced.split(' ').collect::<Vec<_>>()));
        }
        wrong.extend(shown(&desk, &needles, &[&place]));
        wrong.extend(shown(&desk, &needles, &["copy", "--to", &place]));
    }
    assert!(wrong.is_empty(), "{} times:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_typed_for_an_option_is_not_said_again() {
    let (desk, needles) = (Desk::new(), Needles::default());
    let mut wrong = Vec::new();
    for place in places() {
        for option in OPTIONS {
            for command in [&["lock"][..], &["login", "127.0.0.1:1"], &["inspect", "oci:none"]] {
                wrong.extend(shown(&desk, &needles, &[&[option, &place], command].concat()));
                wrong.extend(shown(&desk, &needles, &[&[&*format!("{option}={place}")], command].concat()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} times:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn who_types_a_password_is_told_what_to_do() {
    let desk = Desk::new();
    for typed in [
        &["login", "captain:geheim@h.example"][..],
        &["inspect", "https://captain:geheim@h.example/app:1"],
        &["copy", "captain:geheim@h.example/app:1", "oci:out"],
    ] {
        let said = desk.fails(typed, 2);
        assert!(said.ends_with("help: supercargo login h.example --username USER --password-stdin\n"), "{said}");
        assert!(said.contains("***@h.example") && !said.contains("geheim"), "{said}");
    }
}
