//! Registries that are reached through a proxy alone, and certificates that are not what they should be.

use std::net::SocketAddr;

use e2e::scene::REPOSITORY;
use e2e::{Kind, Outcome, Place, Program, sound};
use store::LayoutStore;
use testkit::application::{Application, WholeGraph};
use testkit::certificates;
use testkit::proxy::{ForwardProxy, TlsFront};

/// A name that only the proxy knows.
const NAME: &str = "registry.test:5000";

struct Scene {
    place: Place,
    front: TlsFront,
    program: Program,
    application: Application,
}

impl Scene {
    /// Opens a registry that has an application, behind TLS with one of the certificates.
    async fn open(certificate: &str) -> Self {
        let place = Place::open(Kind::Ours).await.unwrap();
        let application = WholeGraph::default().layer_bytes(300_000).build();
        place.fill(REPOSITORY, &application).await;
        let front = TlsFront::start(place.address(), certificate).await;
        Self { place, front, program: Program::default(), application }
    }

    /// Copies the application from `host` to a layout.
    fn copy(&self, host: &str, options: &[&str]) -> Outcome {
        let (from, to) = (format!("{host}/{REPOSITORY}"), format!("oci:{}", self.layout().display()));
        self.program.run(&[&["copy", "--all-tags", &from, &to], options].concat())
    }

    fn layout(&self) -> std::path::PathBuf {
        self.program.home().join("layout")
    }

    async fn arrived(&self) {
        let store = LayoutStore::open(self.layout()).unwrap();
        sound::assert_whole(&self.application, &store, "what came through the proxy").await;
        std::fs::remove_dir_all(self.layout()).unwrap();
    }

    fn assert_nothing_arrived(&self, outcome: &Outcome) {
        assert!(!self.layout().exists(), "{outcome}");
    }
}

fn trusted() -> Vec<String> {
    vec!["--ca-file".to_owned(), certificates::path("authority.pem").display().to_string()]
}

fn loopback(address: SocketAddr) -> String {
    format!("127.0.0.1:{}", address.port())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_every_kind_of_proxy() {
    let mut scene = Scene::open("server").await;
    let trusted = trusted();
    let trusted: Vec<&str> = trusted.iter().map(String::as_str).collect();
    for user in [None, Some(("captain", "geheim:@/"))] {
        let proxy =
            ForwardProxy::start(&[(NAME, scene.front.address()), ("plain.test:80", scene.place.address())], user).await;
        let who = user.map_or("", |_| "captain:geheim%3A%40%2F@");
        for scheme in ["http", "socks5h"] {
            let url = format!("{scheme}://{who}{}", loopback(proxy.address()));
            for (variable, other) in [("HTTPS_PROXY", "https_proxy"), ("all_proxy", "ALL_PROXY")] {
                scene.program = Program::default();
                scene.program.set(variable, &url);
                // What is empty counts as not set.
                scene.program.set(other, "");
                let before = proxy.asked().len();
                let outcome = scene.copy(NAME, &trusted).expect_code(0);
                assert!(!outcome.stderr.contains("geheim"), "{outcome}");
                scene.arrived().await;
                assert!(proxy.asked().len() > before && proxy.asked()[before..].iter().all(|asked| asked == NAME));
            }
            scene.program = Program::default();
            scene.program.set("HTTP_PROXY", &url);
            scene.copy("plain.test", &["--plain-http"]).expect_code(0);
            scene.arrived().await;
            assert!(proxy.asked().iter().any(|asked| asked == "plain.test:80"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_wants_to_know_who_asks() {
    let mut scene = Scene::open("server").await;
    let proxy = ForwardProxy::start(&[(NAME, scene.front.address())], Some(("captain", "geheim"))).await;
    for who in ["", "captain:wrong-geheim@"] {
        for (scheme, host, variable) in
            [("http", NAME, "HTTPS_PROXY"), ("socks5h", NAME, "HTTPS_PROXY"), ("http", "plain.test", "HTTP_PROXY")]
        {
            scene.program = Program::default();
            scene.program.set(variable, format!("{scheme}://{who}{}", loopback(proxy.address())));
            let plain: &[&str] = if host == NAME { &[] } else { &["--plain-http"] };
            let outcome = scene.copy(host, plain);
            scene.assert_nothing_arrived(&outcome);
            let code = if scheme == "http" { 5 } else { 4 };
            let outcome = outcome.expect_code(code);
            outcome.assert_explained();
            outcome.assert_says(&["proxy"]);
            assert!(!outcome.stderr.contains("geheim"), "{outcome}");
        }
    }
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_directly() {
    let mut scene = Scene::open("server").await;
    let proxy = ForwardProxy::start(&[], None).await;
    let trusted = trusted();
    let trusted: Vec<&str> = trusted.iter().map(String::as_str).collect();
    // This machine always is.
    scene.program.set("ALL_PROXY", format!("http://{}", loopback(proxy.address())));
    scene.copy(&loopback(scene.front.address()), &trusted).expect_code(0);
    scene.arrived().await;
    assert!(proxy.asked().is_empty());
    // A name that nobody knows: not the proxy, which is not asked, and not this machine.
    scene.program.set("NO_PROXY", ".test");
    let outcome = scene.copy("registry.test", &["--timeout", "5s"]).expect_code(4);
    scene.assert_nothing_arrived(&outcome);
    assert!(proxy.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variable_that_names_no_proxy() {
    let mut scene = Scene::open("server").await;
    for value in ["ftp://u:geheim@proxy.test", "http://u:geheim@:port"] {
        scene.program.set("HTTPS_PROXY", value);
        let outcome = scene.copy(NAME, &[]).expect_code(2);
        outcome.assert_explained();
        outcome.assert_says(&["HTTPS_PROXY"]);
        assert!(!outcome.stderr.contains("geheim"), "{outcome}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_are_not_what_they_should_be() {
    let trusted = trusted();
    let trusted: Vec<&str> = trusted.iter().map(String::as_str).collect();
    let cases: [(&str, &[&str], &str); 3] =
        [("server", &[], "UnknownIssuer"), ("elsewhere", &trusted, "elsewhere.test"), ("expired", &trusted, "expired")];
    for (certificate, options, says) in cases {
        let scene = Scene::open(certificate).await;
        let host = loopback(scene.front.address());
        let outcome = scene.copy(&host, options);
        scene.assert_nothing_arrived(&outcome);
        let outcome = outcome.expect_code(4);
        outcome.assert_explained();
        outcome.assert_says(&[says]);
        scene.copy(&host, &["--insecure-skip-tls-verify"]).expect_code(0);
        scene.arrived().await;
    }
}
