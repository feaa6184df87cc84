//! `store`

use crate::desk::{Desk, blob_path};

#[test]
fn the_content_store_is_measured_checked_and_pruned() {
    let (desk, application) = Desk::with_application();
    let root = desk.path("home/.local/share/supercargo/store");
    desk.ok(&["pull", "oci:app:1.0"]);
    let size = desk.json(&["store", "size"]);
    assert_eq!(size["schema"], "supercargo.store-size.v1");
    assert_eq!(size["names"], 1);
    let blobs = size["blobs"].as_u64().unwrap();
    assert_eq!(blobs, application.graph_of([application.named("index").digest]).len() as u64);
    assert!(desk.ok(&["store", "size"]).starts_with("WHAT "));
    assert_eq!(desk.json(&["store", "verify"])["damaged"], serde_json::json!([]));

    let damaged = application.named("base-layer").digest;
    let path = blob_path(&root, &damaged);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "damaged").unwrap();
    let outcome = desk.run(&["store", "verify"]);
    assert_eq!(outcome.code, 6, "{}", outcome.stderr);
    assert!(outcome.stdout.contains(&damaged.to_string()), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("error: the local content store: 1 file damaged"), "{}", outcome.stderr);

    desk.ok(&["delete", "store:app:1.0"]);
    let planned = desk.json(&["store", "prune", "--dry-run"]);
    assert!(planned["content_files"].as_u64().unwrap() > 0, "{planned}");
    assert_eq!(desk.json(&["store", "size"])["blobs"], blobs);
    desk.ok(&["store", "prune"]);
    let size = desk.json(&["store", "size"]);
    assert_eq!((&size["blobs"], &size["cached_manifests"]), (&serde_json::json!(0), &serde_json::json!(0)));
}

#[test]
fn the_content_store_lies_where_the_environment_says() {
    let (desk, _) = Desk::with_application();
    let pulled =
        desk.command(&["pull", "oci:app:1.0"]).env("SUPERCARGO_STORE", desk.path("elsewhere")).output().unwrap();
    assert!(pulled.status.success());
    assert!(desk.path("elsewhere/store.json").exists());
    let homeless = desk.command(&["store", "size"]).env_remove("HOME").output().unwrap();
    assert_eq!(homeless.status.code(), Some(2));
    let homeless = desk.command(&["inspect", "oci:app:1.0"]).env_remove("HOME").output().unwrap();
    assert!(homeless.status.success());
}
