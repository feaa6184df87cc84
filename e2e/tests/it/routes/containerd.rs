//! `hosts.toml`, as containerd reads it.

use e2e::scene::REPOSITORY;
use testkit::proxy::{Answer, Fault, Matcher, Rule};

use super::{Harbour, by_digest, by_tag, was_read};

const FILE: &str = "containerd/certs.d/registry.test/hosts.toml";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_is_told_for_whom_it_stands_in() {
    let harbour = Harbour::open().await;
    harbour.write(
        FILE,
        "server = \"http://ORIGIN\"\n[host.\"http://MIRROR\"]\ncapabilities = [\"pull\", \"resolve\"]\n\
         [host.\"http://MIRROR\".header]\nx-key = \"geheim\"\n",
    );
    let outcome = harbour.copies().await;
    assert!(!outcome.stderr.contains("geheim"), "{outcome}");
    assert!(by_tag(&harbour, &harbour.mirror) > 0 && by_digest(&harbour.mirror) > 0);
    assert_eq!((by_tag(&harbour, &harbour.origin), by_digest(&harbour.origin)), (0, 0));
    for exchange in harbour.mirror.log().exchanges() {
        assert!(exchange.query.contains("ns=registry.test"), "{}", exchange.line());
        assert_eq!(exchange.header("x-key"), Some("geheim"), "{}", exchange.line());
    }
    for exchange in harbour.origin.log().exchanges() {
        assert_eq!(exchange.header("x-key"), None, "{}", exchange.line());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_mirror_is_for() {
    let harbour = Harbour::open().await;
    harbour.write(FILE, "server = \"http://ORIGIN\"\n[host.\"http://MIRROR\"]\ncapabilities = [\"pull\"]\n");
    harbour.copies().await;
    assert!(by_tag(&harbour, &harbour.mirror) == 0 && by_digest(&harbour.mirror) > 0);
    assert!(by_tag(&harbour, &harbour.origin) > 0 && by_digest(&harbour.origin) == 0);
    // A mirror that takes pushes gets them.
    harbour.write(FILE, "server = \"http://ORIGIN\"\n[host.\"http://MIRROR\"]\ncapabilities = [\"push\"]\n");
    harbour.forget();
    let (from, to) =
        (format!("{}/{REPOSITORY}:bundle", harbour.origin.host()), format!("registry.test/{REPOSITORY}:new"));
    harbour.program.succeed(&["copy", &from, &to]);
    assert_eq!(harbour.mirror.log().count(&Matcher::manifest("new").method("PUT")), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_with_an_api_elsewhere() {
    let harbour = Harbour::open().await;
    harbour.write(FILE, "server = \"http://ORIGIN\"\n[host.\"http://MIRROR/of/registry\"]\noverride_path = true\n");
    harbour.mirror.set_rules([Rule::new(Matcher::any(), Fault::Answer(Answer::error(404, "UNKNOWN", "nothing here")))]);
    harbour.copies().await;
    let asked = harbour.mirror.log().exchanges();
    assert!(asked.iter().any(|exchange| exchange.path == format!("/of/registry/{REPOSITORY}/manifests/bundle")));
    assert!(asked.iter().all(|exchange| exchange.path.starts_with("/of/registry/")), "{asked:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_is_no_use_is_named() {
    let harbour = Harbour::open().await;
    let file = harbour.write(FILE, "server = [1]\n");
    let outcome = harbour.copy();
    assert!(outcome.code.is_some_and(|code| code != 0), "{outcome}");
    outcome.assert_explained();
    outcome.assert_says(&[&file.display().to_string()]);
    assert!(!was_read(&harbour.origin));
}
