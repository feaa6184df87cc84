//! The manual has a page for every command, and `man` can show each.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::desk::Desk;
use crate::usage::every_command;

#[test]
fn every_command_has_a_page() {
    let desk = Desk::new();
    let commands: Vec<Vec<String>> = every_command(&desk).into_iter().map(|(words, _)| words).collect();
    assert!(commands.len() > 50, "{commands:?}");
    let said = desk.ok(&["man", "--all", "share/man1"]);
    assert_eq!(said, format!("{} pages in share/man1\n", commands.len()));
    let written: BTreeSet<_> =
        std::fs::read_dir(desk.path("share/man1")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let typed = |command: &[String]| [&["supercargo".to_owned()], command].concat();
    let expected = commands.iter().map(|command| typed(command).join("-") + ".1");
    assert_eq!(written, expected.map(Into::into).collect());
    for command in &commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let page = desk.ok(&[&["man"], &words[..]].concat());
        let typed = typed(command);
        let written = std::fs::read_to_string(desk.path("share/man1").join(typed.join("-") + ".1")).unwrap();
        assert_eq!(page, written);
        let synopsis = format!(".SH SYNOPSIS\n\\fB{}\\fR ", typed.join(" "));
        assert!(page.contains(&synopsis), "{page}");
        let title = format!("\n.TH {} 1 \"\" \"supercargo {}\"", typed.join("-"), env!("CARGO_PKG_VERSION"));
        assert!(page.contains(&title), "{page}");
        for section in ["NAME", "DESCRIPTION", "OPTIONS", "\"GLOBAL OPTIONS\""] {
            assert_eq!(page.matches(&format!("\n.SH {section}\n")).count(), 1, "{section}: {page}");
        }
        assert_eq!(page.contains("\n.SH \"SEE ALSO\"\n"), !command.is_empty());
        // No line of text may be one of control by accident.
        let is_known = |line: &str| {
            [".SH", ".TH", ".TP", ".PP", ".RS", ".RE", ".IP", ".br", ".nf", ".fi", ".ie", ".el"].contains(&line)
        };
        let mut controls = page.lines().filter(|line| line.starts_with(['.', '\'']));
        assert!(controls.all(|line| is_known(line.split(' ').next().unwrap())), "{page}");
    }
}

#[test]
fn the_page_of_the_program_has_what_its_help_has() {
    let page = Desk::new().ok(&["man"]);
    for section in ["REFERENCES", "ENVIRONMENT", "\"EXIT CODES\""] {
        assert!(page.contains(&format!("\n.SH {section}\n.nf\n")), "{page}");
    }
    assert!(page.contains("\n130  interrupted\n") && page.contains("\nsupercargo\\-copy(1)\n"), "{page}");
}

#[test]
fn formatters_have_nothing_to_say_about_the_pages() {
    let desk = Desk::new();
    desk.ok(&["man", "--all", "manual"]);
    let pages: Vec<_> = std::fs::read_dir(desk.path("manual")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let formatters: [&[&str]; 2] =
        [&["groff", "-man", "-ww", "-K", "utf8", "-T", "utf8", "-z"], &["mandoc", "-T", "lint", "-W", "error"]];
    for formatter in formatters {
        match Command::new(formatter[0]).args(&formatter[1..]).args(&pages).output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success() && said.is_empty(), "{formatter:?}: {said}");
            }
            Err(error) => println!("skipped: {}: {error}", formatter[0]),
        }
    }
}

#[test]
fn a_page_is_replaced_whole_or_not_at_all() {
    let desk = Desk::new();
    desk.ok(&["man", "--all", "manual"]);
    let (page, old) = (desk.path("manual/supercargo.1"), "the page of an older version\n".repeat(1000));
    std::fs::write(&page, &old).unwrap();
    // A file may have no more than a few of the bytes of a page, as on a disk that is full.
    let plain = desk.command(&["man", "--all", "manual"]);
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""])
        .arg(plain.get_program())
        .args(plain.get_args());
    let output = command.current_dir(desk.path("")).env_clear().env("HOME", desk.path("home")).output().unwrap();
    assert_eq!(output.status.code(), Some(10), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_to_string(&page).unwrap(), old);
    assert!(!desk.path("manual/.supercargo").exists());
    // What was there keeps its permissions.
    std::fs::set_permissions(&page, std::fs::Permissions::from_mode(0o640)).unwrap();
    desk.ok(&["man", "--all", "manual"]);
    assert_eq!(std::fs::metadata(&page).unwrap().permissions().mode() & 0o777, 0o640);
    assert_ne!(std::fs::read_to_string(&page).unwrap(), old);
}

#[test]
fn a_page_that_does_not_exist_is_a_mistake() {
    let desk = Desk::new();
    let said = desk.fails(&["man", "lock", "wat"], 2);
    assert_eq!(said, "error: supercargo lock has no command `wat`\nhelp: supercargo lock --help\n");
    desk.fails(&["man", "lock", "--all", "manual"], 2);
    desk.write("file", "");
    desk.fails(&["man", "--all", "file"], 10);
}
