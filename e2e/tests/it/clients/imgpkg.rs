//! imgpkg: bundles, pushed, pulled and copied by way of a tar.

use e2e::environment;
use e2e::served::{GUEST, OWNER};

use super::{Client, text, with_each_login};

const LOCK: &str = "---\napiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n- image: ";

#[test]
fn imgpkg_pushes_pulls_and_copies_bundles() {
    if !environment::everything_is_tested() {
        return;
    }
    let (Some(imgpkg), Some(crane)) = (Client::new("imgpkg"), Client::new("crane")) else { return };
    std::fs::create_dir_all(imgpkg.path("bundle/.imgpkg")).unwrap();
    e2e::sound::write(&imgpkg.path("bundle/settings.yml"), "replicas: 2\n");
    let digest = crane.digest("index");
    with_each_login(|served, login| {
        crane.run(served, Some(OWNER), &["push", "--index", "app", &served.at("public/app:all")]);
        let image = format!("{}@{digest}", served.at("public/app"));
        e2e::sound::write(&imgpkg.path("bundle/.imgpkg/images.yml"), format!("{LOCK}{image}\n"));
        let at = |name: &str| served.at(&format!("public/{name}"));
        let authority = served.authority().display().to_string();
        let command = |verb: &[&str], rest: &[&str]| {
            let all = [verb, &["--registry-ca-cert-path", &authority], rest].concat();
            all.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let run = |who: Option<&str>, verb: &[&str], rest: &[&str]| {
            let all = command(verb, rest);
            imgpkg.run(served, who, &all.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let push = ["--bundle", &at("bundle:1"), "--file", "bundle"];
        for who in [None, Some(GUEST)] {
            let all = command(&["push"], &push);
            imgpkg.is_refused(served, who, &all.iter().map(String::as_str).collect::<Vec<_>>());
        }
        run(Some(OWNER), &["push"], &push);
        // With the image that it names: to another repository, and by a tar to a third.
        run(Some(OWNER), &["copy"], &["--bundle", &at("bundle:1"), "--to-repo", &at("copied")]);
        let tar = format!("{login:?}.tar");
        run(None, &["copy"], &["--bundle", &at("copied:1"), "--to-tar", &tar]);
        run(Some(OWNER), &["copy"], &["--tar", &tar, "--to-repo", &at("unpacked")]);
        let out = format!("out-{login:?}");
        run(None, &["pull"], &["--bundle", &at("unpacked:1"), "--output", &out]);
        assert_eq!(text(&imgpkg.path(&out).join("settings.yml")), "replicas: 2\n");
        let lock = text(&imgpkg.path(&out).join(".imgpkg/images.yml"));
        assert!(lock.contains(&format!("{}@{digest}", at("unpacked"))), "{lock}");
        assert!(run(None, &["tag", "list"], &["--image", &at("bundle")]).contains('1'));
    });
}
