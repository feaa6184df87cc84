//! What is asked of registries to know what is newer.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use testkit::proxy::HttpProxy;

use crate::desk::Desk;
use crate::releases::{publish, release};
use crate::server::Server;

/// Images of the project.
const IMAGES: usize = 5;

#[test]
fn what_is_known_is_not_fetched_again() {
    let (desk, server) = (Desk::new(), Server::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let upstream = server.host().parse().unwrap();
    let proxy = runtime.block_on(HttpProxy::start(upstream));
    let mut project = "[images]\n".to_owned();
    for image in 0..IMAGES {
        let repository = format!("app-{image}");
        publish(&desk, &server, &repository, &[release("2026-01-05", &["1.0.0"]), release("2026-02-05", &["1.1.0"])]);
        writeln!(project, "app-{image} = {{ repo = \"{}/{repository}\", version = \"^1\" }}", proxy.address()).unwrap();
    }
    desk.write("Supercargo.toml", &project);
    desk.ok(&["lock"]);
    for image in 0..IMAGES {
        publish(&desk, &server, &format!("app-{image}"), &[release("2026-03-05", &["1.2.0"])]);
    }
    // The first time it learns what the new releases are.
    let first = desk.ok(&["outdated"]);
    proxy.log().clear();
    assert_eq!(desk.ok(&["outdated"]), first);

    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for exchange in proxy.log().exchanges() {
        let what = exchange.path.split('/').rev().nth(1).unwrap_or_default();
        *asked.entry(format!("{} {what}", exchange.method)).or_default() += 1;
    }
    insta::assert_debug_snapshot!(asked, @r#"
    {
        "GET referrers": 10,
        "GET tags": 5,
        "GET v2": 1,
        "HEAD manifests": 10,
    }
    "#);
}

#[test]
fn what_is_newer_is_remembered() {
    let (desk, server) = (Desk::new(), Server::new());
    publish(&desk, &server, "app", &[release("2026-01-05", &["1.0.0"])]);
    let repository = server.at("app");
    desk.write("Supercargo.toml", &format!("[images]\napp = {{ repo = \"{repository}\", version = \"^1\" }}\n"));
    desk.ok(&["lock"]);
    // Somebody else, who keeps no log for us.
    publish(&Desk::new(), &server, "app", &[release("2026-02-05", &["1.0.0"])]);
    let mut command = desk.command(&["outdated"]);
    assert!(command.env("SUPERCARGO_NOW", "2099-01-01T00:00:00Z").output().unwrap().status.success());
    let history = desk.json(&["history", &format!("{repository}:1.0.0")]);
    assert_eq!(history["moves"].as_array().unwrap().len(), 2, "{history}");
}
