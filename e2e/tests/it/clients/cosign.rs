//! cosign: signatures by a key of one's own, as referrers and under tags, without a transparency log.

use e2e::environment;
use e2e::served::{GUEST, OWNER};

use super::{Client, with_each_login};

/// What both forms of signing need to stay on this machine.
const OFFLINE: [&str; 5] = ["--yes", "--key", "cosign.key", "--use-signing-config=false", "--tlog-upload=false"];

#[test]
fn cosign_signs_and_verifies_as_referrers_and_under_tags() {
    if !environment::everything_is_tested() {
        return;
    }
    let (Some(cosign), Some(crane)) = (Client::new("cosign"), Client::new("crane")) else { return };
    let mut make = cosign.tool.command();
    make.stderr(std::process::Stdio::null())
        .arg("generate-key-pair")
        .env("COSIGN_PASSWORD", "")
        .current_dir(cosign.desk.path());
    assert!(make.status().unwrap().success());
    let digest = crane.digest("index");
    with_each_login(|served, _| {
        crane.run(served, Some(OWNER), &["push", "--index", "app", &served.at("public/app:all")]);
        let image = format!("{}@{digest}", served.at("public/app"));
        // (whether signatures are referrers, the tags that they leave)
        for (bundle, tags) in [("--new-bundle-format=true", 0), ("--new-bundle-format=false", 1)] {
            let verify = ["verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true", bundle, &image];
            assert!(!cosign.outcome(served, None, &verify).success, "nobody has signed it so");
            let sign = [&["sign"], &OFFLINE[..], &[bundle, &image]].concat();
            cosign.is_refused(served, None, &sign);
            cosign.is_refused(served, Some(GUEST), &sign);
            cosign.run(served, Some(OWNER), &sign);
            cosign.run(served, None, &verify);
            let listed = crane.run(served, None, &["ls", &served.at("public/app")]);
            assert_eq!(listed.lines().filter(|tag| tag.starts_with("sha256-")).count(), tags, "{listed}");
        }
        e2e::sound::write(&cosign.path("predicate.json"), "{}");
        let statement = ["--predicate", "predicate.json", "--type", "custom"];
        cosign.run(served, Some(OWNER), &[&["attest"], &OFFLINE[..], &statement, &[&image]].concat());
        assert!(cosign.run(served, None, &["tree", &image]).contains("artifacts via OCI referrer"));
    });
}
