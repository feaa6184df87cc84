//! `save`, `load`

use crate::desk::Desk;
use crate::server::Server;

#[test]
fn an_archive_carries_everything_there_and_back() {
    let (desk, _) = Desk::with_application();
    let server = Server::new();
    let tree = |reference: &str| desk.json(&["artifacts", reference])["root"].clone();
    for file in ["app.tar", "app.tar.zst"] {
        let document = desk.json(&["save", file, "oci:app:1.0", "oci:app:docker"]);
        assert_eq!(document["schema"], "supercargo.save.v1");
        let repository = server.at(&format!("{}/app", file.replace('.', "-")));
        let document = desk.json(&["load", file, &repository]);
        assert_eq!(document["schema"], "supercargo.load.v1");
        assert_eq!(desk.ok(&["tags", &repository, "-q"]), "1.0\ndocker\n");
        assert_eq!(tree(&format!("{repository}:1.0")), tree("oci:app:1.0"));
        assert_eq!(tree(&format!("oci-archive:{file}:1.0")), tree("oci:app:1.0"));
    }
    assert!(std::fs::read(desk.path("app.tar.zst")).unwrap().starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
}

#[test]
fn one_tag_cannot_name_several_images() {
    let (desk, _) = Desk::with_application();
    desk.ok(&["save", "two.tar", "oci:app:1.0", "oci:app:docker"]);
    let said = desk.fails(&["load", "two.tar", "oci:to:latest"], 2);
    assert!(said.contains("help: supercargo load two.tar oci:to"), "{said}");
    desk.ok(&["save", "one.tar", "oci:app:1.0"]);
    desk.ok(&["load", "one.tar", "oci:to:latest"]);
    assert_eq!(desk.ok(&["tags", "oci:to", "-q"]), "latest\n");
}

#[test]
fn a_dry_run_leaves_no_file() {
    let (desk, _) = Desk::with_application();
    desk.ok(&["save", "--dry-run", "app.tar", "oci:app:1.0"]);
    assert!(!desk.path("app.tar").exists());
    desk.ok(&["save", "app.tar", "oci:app:1.0"]);
    desk.ok(&["load", "--dry-run", "app.tar", "oci:to"]);
    assert!(!desk.path("to").exists());
}

#[test]
fn what_is_there_is_not_overwritten_and_what_is_no_archive_is_refused() {
    let (desk, application) = Desk::with_application();
    desk.write("app.tar", "precious");
    desk.fails(&["save", "app.tar", "oci:app:1.0"], 2);
    assert_eq!(std::fs::read_to_string(desk.path("app.tar")).unwrap(), "precious");
    desk.fails(&["load", "app.tar", "oci:to"], 6);
    desk.fails(&["load", "absent.tar", "oci:to"], 9);
    assert!(!desk.path("to").exists());

    std::fs::remove_file(crate::desk::blob_path(&desk.path("app"), &application.named("base-layer").digest)).unwrap();
    desk.fails(&["save", "lossy.tar", "oci:app:1.0"], 6);
    assert!(!desk.path("lossy.tar").exists());
}
