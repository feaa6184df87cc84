//! buildah: build, push, pull, lists of images, a cache of layers.

use std::process::Command;

use e2e::served::{GUEST, OWNER};
use serde_json::Value;

use super::{Client, with_each_login};

/// Returns a client of which everything lies at its desk; `None` where it is not there, or would leave files that nobody can remove.
pub(super) fn root(name: &'static str) -> Option<Client> {
    let mut client = Client::new(name)?;
    let user = Command::new("id").arg("-u").output().unwrap();
    if user.stdout != b"0\n" {
        say(&format!("skipped: {name} as another user than root leaves files that this user cannot remove"));
        return None;
    }
    let [root, state] = ["storage", "state"].map(|directory| client.path(directory).display().to_string());
    client.global = ["--storage-driver", "vfs", "--root", &root, "--runroot", &state].map(str::to_owned).into();
    Some(client)
}

#[expect(clippy::print_stderr, reason = "what a test did without must be seen in its output")]
pub(super) fn say(what: &str) {
    eprintln!("{what}");
}

#[test]
fn buildah_builds_pushes_pulls_and_lists() {
    let Some(buildah) = root("buildah") else { return };
    std::fs::create_dir(buildah.path("context")).unwrap();
    e2e::sound::write(&buildah.path("context/greeting"), "hello");
    e2e::sound::write(&buildah.path("context/Containerfile"), "FROM scratch\nCOPY greeting /\n");
    with_each_login(|served, _| {
        let owner = |arguments: &[&str]| buildah.run(served, Some(OWNER), arguments);
        let at = |name: &str| served.at(&format!("public/{name}"));
        let [built, list] = [at("built:1"), at("list:1")];
        owner(&["bud", "--isolation", "chroot", "--tag", &built, "context"]);
        buildah.is_refused(served, None, &["push", &built]);
        buildah.is_refused(served, Some(GUEST), &["push", &built]);
        owner(&["push", &built]);
        owner(&["rmi", "--all", "--force"]);
        let id = buildah.run(served, None, &["pull", "--quiet", &built]);

        // An image on what was pulled, with a cache in the registry.
        e2e::sound::write(&buildah.path("context/Second"), format!("FROM {built}\nLABEL second=yes\n"));
        let cache = ["--layers", "--cache-to", &at("cache"), "--cache-from", &at("cache")];
        let second = ["--isolation", "chroot", "--file", "context/Second", "--tag", &at("built:2"), "context"];
        owner(&[&["bud"], &cache[..], &second].concat());
        owner(&["push", &at("built:2")]);

        owner(&["manifest", "create", "both"]);
        for image in ["built:1", "built:2"] {
            owner(&["manifest", "add", "both", &format!("docker://{}", at(image))]);
        }
        owner(&["manifest", "push", "--all", "both", &format!("docker://{list}")]);
        owner(&["manifest", "rm", "both"]);
        let index: Value = serde_json::from_str(&buildah.run(served, None, &["manifest", "inspect", &list])).unwrap();
        assert_eq!(index["manifests"].as_array().map(Vec::len), Some(2), "{index}");
        assert!(!id.trim().is_empty());
        owner(&["rmi", "--all", "--force"]);
    });
}
