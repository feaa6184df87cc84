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

/// Writes what `docker save` writes: two images of one layer each.
fn docker_archive(desk: &Desk) {
    let mut archive = tar::Builder::new(std::fs::File::create(desk.path("saved.tar")).unwrap());
    let mut add = |name: &str, content: &str| {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content.as_bytes()).unwrap();
    };
    let mut images = Vec::new();
    for name in ["shop:1", "tool:2"] {
        let layer = format!("the layer of {name}");
        let config = serde_json::json!({
            "architecture": "amd64",
            "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": [oci::Digest::sha256(layer.as_bytes())] },
        });
        let (layer_name, config_name) = (format!("{name}.tar"), format!("{name}.json"));
        add(&layer_name, &layer);
        add(&config_name, &config.to_string());
        images.push(serde_json::json!({ "Config": config_name, "RepoTags": [name], "Layers": [layer_name] }));
    }
    add("manifest.json", &serde_json::Value::from(images).to_string());
    archive.finish().unwrap();
}

#[test]
fn an_image_of_a_docker_archive_is_found_by_its_name() {
    let desk = Desk::new();
    docker_archive(&desk);
    for (name, tag) in [("shop:1", "1"), ("tool:2", "2"), ("2", "2")] {
        let reference = format!("docker-archive:saved.tar:{name}");
        let sheet = desk.json(&["inspect", &reference]);
        assert_eq!(sheet["images"][0]["platform"], "linux/amd64");
        let destination = format!("oci:{}", name.replace(':', "-"));
        desk.ok(&["copy", &reference, &destination]);
        assert_eq!(desk.ok(&["tags", &destination]), format!("{tag}\n"));
        let copied = desk.json(&["inspect", &destination]);
        assert_eq!(copied["manifest"]["digest"], sheet["manifest"]["digest"]);
    }
    let said = desk.fails(&["inspect", "docker-archive:saved.tar:shop:9"], 9);
    assert!(said.contains("it has: shop:1, tool:2"), "{said}");
    let said = desk.fails(&["inspect", "docker-archive:saved.tar"], 2);
    assert!(said.contains("has 2 images"), "{said}");
    desk.fails(&["copy", "docker-archive:saved.tar:shop:1", "docker-archive:other.tar"], 2);
    let server = Server::new();
    desk.ok(&["push", "docker-archive:saved.tar:shop:1", &server.at("shop:one")]);
    desk.ok(&["copy", "--all-tags", "docker-archive:saved.tar", &server.at("all")]);
    assert_eq!(desk.ok(&["tags", &server.at("all")]), "1\n2\n");
}
