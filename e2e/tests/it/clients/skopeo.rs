//! skopeo: copy, inspect, list-tags, sync, delete, login.

use e2e::served::{GUEST, OWNER};
use e2e::users::PASSWORD;
use serde_json::{Value, json};

use super::{Client, with_each_login};

#[test]
fn skopeo_copies_inspects_lists_syncs_and_deletes() {
    let Some(skopeo) = Client::new("skopeo") else { return };
    with_each_login(|served, login| {
        let image = |name: &str| format!("docker://{}", served.at(name));
        let copy = ["--insecure-policy", "copy", "--all", "--quiet"];
        let tags = |name: &str| -> Value {
            let listed = skopeo.run(served, None, &["list-tags", &image(name)]);
            serde_json::from_str::<Value>(&listed).unwrap()["Tags"].clone()
        };
        for (tag, digest) in skopeo.application.tags() {
            let (from, to) = (format!("oci:app:{tag}"), image(&format!("public/app:{tag}")));
            skopeo.run(served, Some(OWNER), &[&copy[..], &[&from, &to]].concat());
            let raw = skopeo.run(served, None, &["inspect", "--raw", &to]);
            assert_eq!(raw.as_bytes(), skopeo.application.manifest(digest).unwrap().bytes(), "{login:?} {tag}");
        }
        assert_eq!(tags("public/app"), json!(["index", "single"]));
        // Between repositories, where blobs are mounted.
        let (from, private) = (image("public/app:index"), image("private/app:index"));
        skopeo.run(served, Some(OWNER), &[&copy[..], &[&from, &private]].concat());
        skopeo.run(served, Some(OWNER), &["inspect", "--raw", &private]);
        skopeo.is_refused(served, None, &["inspect", "--raw", &private]);
        skopeo.is_refused(served, Some(GUEST), &["inspect", "--raw", &private]);
        // There and back by a directory.
        let directory = skopeo.path(&format!("synced-{login:?}")).display().to_string();
        let sync = ["--insecure-policy", "sync", "--all"];
        let there = ["--src", "docker", "--dest", "dir", &served.at("public/app"), &directory];
        skopeo.run(served, None, &[&sync[..], &there].concat());
        let back = ["--src", "dir", "--dest", "docker", &directory, &served.at("public/synced")];
        skopeo.run(served, Some(OWNER), &[&sync[..], &back].concat());
        assert_eq!(tags("public/synced/app"), json!(["index", "single"]));

        skopeo.is_refused(served, None, &[&copy[..], &["oci:app:single", &image("public/app:new")]].concat());
        skopeo.is_refused(served, Some(GUEST), &[&copy[..], &["oci:app:single", &image("public/app:new")]].concat());
        skopeo.is_refused(served, Some(GUEST), &["delete", &image("public/app:single")]);
        skopeo.run(served, Some(OWNER), &["delete", &image("public/app:single")]);
        assert_eq!(tags("public/app"), json!(["index"]));
    });
}

#[test]
fn skopeo_logs_in_with_the_right_password_alone() {
    let Some(skopeo) = Client::new("skopeo") else { return };
    with_each_login(|served, _| {
        let file = skopeo.path("login.json").display().to_string();
        let trusted = served.trusted().display().to_string();
        let login = |password: &str| {
            let as_owner = ["login", "--authfile", &file, "--username", OWNER, "--password", password];
            skopeo.outcome(served, None, &[&as_owner[..], &["--cert-dir", &trusted, served.host()]].concat())
        };
        assert!(!login("wrong").success);
        let right = login(PASSWORD);
        assert!(right.success, "{}", right.stderr);
        let to = format!("docker://{}", served.at("private/app:1"));
        let copy = ["--insecure-policy", "copy", "--quiet", "--authfile", &file, "oci:app:single", &to];
        skopeo.run(served, None, &copy);
    });
}
