//! A registry that is told anew what it may let in.

use std::io::{Read as _, Write as _};

use crate::desk::Desk;
use crate::serve_access::{HTPASSWD, PASSWORD, RULES, login, write};
use crate::served::Served;

#[test]
fn a_hangup_changes_rights_and_breaks_nothing_that_is_under_way() {
    let (desk, _application) = Desk::with_application();
    write(&desk, RULES);
    let mut served = Served::with(&desk, &["--config", "serve.toml"], &[]);
    let host = served.address.to_string();
    let captain = login(&desk, &host, "captain", PASSWORD);
    let put = |tag: &str| desk.run(&["--authfile", &captain, "copy", "oci:app:1.0", &served_at(&host, tag)]).code;
    assert_eq!(put("one"), 0);

    let mut under_way = served.begin_as(Some(("captain", PASSWORD)), b"content");
    desk.write("users", &HTPASSWD.replace("captain:", "admiral:"));
    assert!(served.reload().contains("as the configuration says now"));
    assert_eq!(put("two"), 5);
    under_way.write_all(b"content").unwrap();
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");

    write(&desk, RULES);
    served.reload();
    assert_eq!(put("three"), 0);
    served.terminate();
}

fn served_at(host: &str, tag: &str) -> String {
    format!("{host}/app:{tag}")
}

#[test]
fn what_is_wrong_leaves_all_as_it_was() {
    let (desk, _application) = Desk::with_application();
    write(&desk, RULES);
    let mut served = Served::with(&desk, &["--config", "serve.toml"], &[]);
    let host = served.address.to_string();
    let captain = login(&desk, &host, "captain", PASSWORD);
    write(&desk, &format!("{RULES}actoins = []\n"));
    assert_eq!(
        served.reload(),
        "error: nothing is changed: serve.toml:15:1: `actoins` is not a key that is known here\n"
    );
    write(&desk, RULES);
    desk.write("users", "captain\n");
    let said = served.reload();
    assert!(
        said.starts_with("error: nothing is changed: serve.toml:4:12: ") && said.contains("line 1, column 8"),
        "{said}"
    );
    desk.ok(&["--authfile", &captain, "copy", "oci:app:1.0", &served_at(&host, "one")]);
    served.terminate();
}

#[test]
fn nobody_is_let_in_by_a_file_that_was_emptied() {
    let (desk, _application) = Desk::with_application();
    write(&desk, RULES);
    let mut served = Served::with(&desk, &["--config", "serve.toml"], &[]);
    write(&desk, "");
    let said = served.reload();
    assert!(said.starts_with("error: nothing is changed: nothing says any more who may do what"), "{said}");
    assert_eq!(desk.run(&["copy", "oci:app:1.0", &served_at(&served.address.to_string(), "one")]).code, 5);
    write(&desk, &format!("{RULES}[tls]\nproxy = true\n"));
    assert!(served.reload().contains("whether clients speak TLS changes only with a start"));
    served.terminate();
}

#[test]
fn what_cannot_change_is_named() {
    let desk = Desk::new();
    write(&desk, RULES);
    let mut served = Served::with(&desk, &["--config", "serve.toml"], &[]);
    write(&desk, &format!("{RULES}[limits]\nuploads = 5\n[log]\nlevel = \"warning\"\n"));
    served.send("-HUP");
    assert_eq!(
        served.hear("warning: "),
        "warning: what is said anew of limits.uploads counts from the next start on\n"
    );
    let said = served.terminate();
    assert_eq!(said, "", "nothing below a warning is told any more");
}
