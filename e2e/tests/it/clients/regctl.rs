//! regctl: images with what is attached to them, artifacts, blobs, tags.

use e2e::served::{GUEST, OWNER};

use super::{Client, with_each_login};
use crate::interop::attested;

#[test]
fn regctl_carries_artifacts_blobs_and_tags() {
    let Some(mut regctl) = Client::new("regctl") else { return };
    regctl.application = attested();
    regctl.application.write_layout(&regctl.path("attested"));
    e2e::sound::write(&regctl.path("sbom.json"), "{\"packages\": []}");
    let blob = oci::Digest::sha256(b"{\"packages\": []}").to_string();
    with_each_login(|served, login| {
        let owner = |arguments: &[&str]| regctl.run(served, Some(OWNER), arguments);
        let nobody = |arguments: &[&str]| regctl.run(served, None, arguments);
        let at = |name: &str| served.at(&format!("public/{name}"));
        let whole = ["image", "copy", "--referrers", "--digest-tags"];
        // In layouts it looks for fallback tags alone, so what it reads first was written by another.
        served.fill(&regctl.path("attested"), "public/source");
        owner(&[&whole[..], &[&at("source:application"), &at("app:1")]].concat());
        let put = ["artifact", "put", "--file", "sbom.json", "--artifact-type", "application/vnd.example.sbom"];
        owner(&[&put[..], &["--subject", &at("app:1")]].concat());
        owner(&[&put[..], &[&at("app:alone")]].concat());
        let filter = ["--filter-artifact-type", "application/vnd.example.sbom"];
        let got = nobody(&[&["artifact", "get", "--subject", &at("app:1")], &filter[..]].concat());
        assert_eq!(got, "{\"packages\": []}");
        assert_eq!(nobody(&["artifact", "get", &at("app:alone")]), "{\"packages\": []}");

        // All of it goes to another repository, and is listed there.
        owner(&[&whole[..], &[&at("app:1"), &at("copied:1")]].concat());
        let trees = ["app:1", "copied:1"].map(|name| nobody(&["artifact", "tree", &at(name)]).replace(&at(name), ""));
        assert_eq!(trees[0], trees[1]);
        let artifacts = regctl.application.manifests().iter().filter(|manifest| manifest.subject().is_some());
        for digest in artifacts.map(|manifest| manifest.digest().to_string()) {
            assert!(trees[1].contains(&digest), "{digest} is not in\n{}", trees[1]);
        }
        let away = format!("ocidir://{}:1", regctl.path(&format!("away-{login:?}")).display());
        nobody(&[&whole[..], &[&at("copied:1"), &away]].concat());
        assert!(nobody(&["artifact", "list", &away]).contains("application/vnd.example.sbom"));

        assert!(owner(&["blob", "head", &at("app"), &blob]).contains(&blob));
        owner(&["blob", "copy", &at("app"), &at("blobs"), &blob]);
        assert_eq!(nobody(&["blob", "get", &at("blobs"), &blob]), "{\"packages\": []}");
        owner(&["blob", "delete", &at("blobs"), &blob]);
        assert!(!regctl.outcome(served, None, &["blob", "head", &at("blobs"), &blob]).success);
        let changed = ["image", "mod", &at("app:1"), "--create", &at("app:2"), "--annotation", "by=regctl"];
        owner(&changed);
        owner(&["tag", "delete", &at("app:alone")]);
        assert_eq!(nobody(&["tag", "list", &at("app")]), "1\n2\n");

        regctl.is_refused(served, None, &["image", "copy", &at("app:1"), &at("app:3")]);
        regctl.is_refused(served, Some(GUEST), &[&put[..], &["--subject", &at("app:1")]].concat());
        regctl.is_refused(served, Some(GUEST), &["tag", "delete", &at("app:1")]);
        let listed = regctl.outcome(served, Some(OWNER), &["repo", "list", served.host()]);
        assert!(!listed.success && listed.stderr.contains("UNSUPPORTED"), "{}", listed.stderr);
    });
}
