//! containerd's `ctr`: pull and push by a `hosts.toml`, and with the registry as a mirror of another (`ns=`).

use std::fs;

use e2e::served::{GUEST, OWNER};
use e2e::users::PASSWORD;

use super::{Client, with_each_login};
use crate::interop::containerd::Daemon;

#[test]
fn ctr_pulls_and_pushes_by_its_hosts() {
    let desk = tempfile::Builder::new().prefix("e2e-c-").tempdir().unwrap();
    let Some(daemon) = Daemon::start(desk.path()) else { return };
    let Some(crane) = Client::new("crane") else { return };
    let digest = crane.digest("single").to_string();
    with_each_login(|served, login| {
        crane.run(served, Some(OWNER), &["push", "--index", "app", &served.at("public/app:all")]);
        let source = format!("{}@{digest}", served.at("public/app"));
        crane.run(served, Some(OWNER), &["tag", &source, "1.0"]);
        let hosts = desk.path().join(format!("hosts-{login:?}"));
        let (server, ca) = (format!("https://{}", served.host()), served.authority().display().to_string());
        let text = format!("server = \"{server}\"\n[host.\"{server}\"]\nca = \"{ca}\"\n");
        for name in [served.host(), "registry.example"] {
            fs::create_dir_all(hosts.join(name)).unwrap();
            e2e::sound::write(&hosts.join(name).join("hosts.toml"), &text);
        }
        let hosts = hosts.display().to_string();
        let images = |verb: &str, who: Option<&str>, rest: &[&str]| {
            let user = who.map(|who| format!("{who}:{PASSWORD}"));
            let login = user.iter().flat_map(|user| ["--user", user.as_str()]);
            let command: Vec<&str> = ["images", verb, "--hosts-dir", &hosts].into_iter().chain(login).collect();
            daemon.ctr(&[&command[..], rest].concat())
        };
        let pull = |who: Option<&str>, image: &str| {
            let pulled = images("pull", who, &["--snapshotter", "native", "--platform", "linux/amd64", image]);
            assert!(pulled.success, "{login:?} {who:?} {image}: {}{}", pulled.stdout, pulled.stderr);
            let listed = daemon.ctr(&["images", "list"]).stdout;
            assert!(listed.lines().any(|line| line.starts_with(image) && line.contains(&digest)), "{listed}");
        };
        let pulled = served.at("public/app:1.0");
        pull(None, &pulled);
        pull(Some(GUEST), &pulled);
        // As the mirror of another registry, whose name every request then has in `ns`.
        pull(None, "registry.example/public/app:1.0");

        let pushed = served.at("private/app:1.0");
        for (who, reason) in [(None, "authorization failed"), (Some(GUEST), "403")] {
            let refused = images("push", who, &[&pushed, &pulled]);
            assert!(!refused.success && refused.stderr.contains(reason), "{login:?} {who:?}: {}", refused.stderr);
        }
        let put = images("push", Some(OWNER), &[&pushed, &pulled]);
        assert!(put.success, "{login:?}: {}{}", put.stdout, put.stderr);
        assert!(!images("pull", Some(GUEST), &[&pushed]).success);
        pull(Some(OWNER), &pushed);
    });
}
