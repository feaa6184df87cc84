//! The oras library: artifacts pushed, attached, discovered and pulled, and whole graphs copied.

use e2e::served::{GUEST, OWNER};

use super::{Client, text, with_each_login};
use crate::interop::attested;

#[test]
fn oras_pushes_attaches_discovers_pulls_and_copies() {
    let Some(mut oras) = Client::new("orascopy") else { return };
    oras.application = attested();
    oras.application.write_layout(&oras.path("attested"));
    e2e::sound::write(&oras.path("notes.txt"), "first\n");
    e2e::sound::write(&oras.path("sbom.json"), "{}");
    with_each_login(|served, login| {
        let at = |name: &str| served.at(&format!("public/{name}"));
        let owner = |arguments: &[&str]| oras.run(served, Some(OWNER), arguments).trim().to_owned();
        let nobody = |arguments: &[&str]| oras.run(served, None, arguments);
        let push = |name: &str| {
            ["push".to_owned(), at(name), "application/vnd.example.notes".to_owned(), "notes.txt".to_owned()]
        };
        let refused = push("notes:1");
        for who in [None, Some(GUEST)] {
            oras.is_refused(served, who, &refused.each_ref().map(String::as_str));
        }
        let notes = owner(&refused.each_ref().map(String::as_str));
        let sbom = owner(&["attach", &at("notes:1"), "application/vnd.example.sbom", "sbom.json"]);
        let other = owner(&["attach", &at("notes:1"), "application/vnd.example.other", "notes.txt"]);
        assert_ne!(notes, sbom);
        let lines = |arguments: &[&str]| {
            let mut lines: Vec<String> = nobody(arguments).lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let mut all =
            [format!("{sbom} application/vnd.example.sbom"), format!("{other} application/vnd.example.other")];
        assert_eq!(lines(&["discover", &at("notes:1"), "application/vnd.example.sbom"]), all[..1]);
        all.sort();
        assert_eq!(lines(&["discover", &at("notes:1"), ""]), all);
        let out = oras.path(&format!("out-{login:?}"));
        nobody(&["pull", &at("notes:1"), &out.display().to_string()]);
        assert_eq!(text(&out.join("notes.txt")), "first\n");

        owner(&["--recursive", "oci:attested:application", &at("app:1")]);
        owner(&["--recursive", &at("app:1"), &served.at("private/app:1")]);
        oras.is_refused(served, Some(GUEST), &["pull", &served.at("private/app:1"), &out.display().to_string()]);
        let root = oras.digest("application").to_string();
        let there = |name: String| lines(&["discover", &name, ""]);
        assert_eq!(there(format!("{}@{root}", at("app"))), there(at("app:1")));
    });
}
