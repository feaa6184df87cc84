//! crane: push, pull, copy, append, mutate, index, digest, ls, validate, delete; and what it asks for that is not there.

use e2e::served::{GUEST, OWNER};

use super::{Client, with_each_login};

#[test]
fn crane_pushes_changes_and_deletes_images() {
    let Some(crane) = Client::new("crane") else { return };
    with_each_login(|served, login| {
        let owner = |arguments: &[&str]| crane.run(served, Some(OWNER), arguments).trim().to_owned();
        let at = |name: &str| served.at(&format!("public/{name}"));
        owner(&["push", "--index", "app", &at("app:all")]);
        let [single, index] = ["single", "index"].map(|tag| crane.digest(tag));
        for digest in [single, index] {
            owner(&["copy", &format!("{}@{digest}", at("app")), &at(&format!("copied:{}", &digest.encoded()[..8]))]);
        }
        owner(&["tag", &format!("{}@{single}", at("app")), "1.0"]);
        assert_eq!(crane.run(served, None, &["digest", &at("app:1.0")]).trim(), single.to_string());

        let layer = crane.path("layer.tar");
        tar::Builder::new(std::fs::File::create(&layer).unwrap()).finish().unwrap();
        owner(&["append", "--base", &at("app:1.0"), "--new_layer", "layer.tar", "--new_tag", &at("app:1.1")]);
        owner(&["mutate", &at("app:1.1"), "--label", "by=crane", "--tag", &at("app:1.2")]);
        let members = ["--manifest", &at("app:1.0"), "--manifest", &at("app:1.2"), "--tag", &at("app:both")];
        owner(&[&["index", "append"][..], &members].concat());
        crane.run(served, None, &["validate", "--remote", &at("app:both")]);
        let pulled = crane.path(&format!("pulled-{login:?}")).display().to_string();
        crane.run(served, None, &["pull", "--format=oci", &at("app:both"), &pulled]);
        let listed = crane.run(served, None, &["ls", &at("app")]);
        assert_eq!(listed.lines().collect::<Vec<_>>(), ["1.0", "1.1", "1.2", "all", "both"]);

        crane.is_refused(served, None, &["push", "app", "--index", &at("app:new")]);
        crane.is_refused(served, Some(GUEST), &["tag", &at("app:1.0"), "new"]);
        crane.is_refused(served, Some(GUEST), &["delete", &at("app:1.1")]);
        owner(&["delete", &at("app:1.1")]);
        owner(&["delete", &format!("{}@{}", at("app"), owner(&["digest", &at("app:1.2")]))]);
        assert_eq!(crane.run(served, None, &["ls", &at("app")]), "1.0\nall\nboth\n");
        // There is no list of all repositories, and a client is told so.
        let catalog = crane.outcome(served, Some(OWNER), &["catalog", served.host()]);
        assert!(!catalog.success && catalog.stderr.contains("UNSUPPORTED"), "{}", catalog.stderr);
    });
}
