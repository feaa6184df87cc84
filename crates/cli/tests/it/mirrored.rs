//! `mirrors` of a project's registries: what copies are asked for, and what is made of their answers.

use std::fmt::Write as _;

use ops::registry::RegistryOptions;
use testkit::proxy::{Answer, Fault, HttpProxy, Matcher, Rule};
use tokio::runtime::Runtime;

use crate::desk::Desk;
use crate::project::read;
use crate::releases::{publish, publish_larger, release};
use crate::server::Server;

const SIGNATURE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIGNED: &str = "[[policy.verify]]\nrequire = [\"signature\"]\n";
/// Larger than what is read into memory at once.
const LAYER_BYTES: usize = 9 << 20;

/// A registry that somebody listens in on, and spoils.
struct Watched {
    server: Server,
    proxy: HttpProxy,
    runtime: Runtime,
}

impl Watched {
    fn new(server: Server) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let proxy = runtime.block_on(HttpProxy::start(server.host().parse().unwrap()));
        Self { server, proxy, runtime }
    }

    fn host(&self) -> String {
        self.proxy.address().to_string()
    }

    /// Returns what was asked for: the last two parts of the path, with `DIGEST` for a digest.
    fn asked(&self) -> Vec<String> {
        self.runtime.block_on(self.proxy.log().settled());
        let exchanges = self.proxy.log().exchanges();
        let mut asked: Vec<String> = exchanges
            .iter()
            .filter(|exchange| exchange.path != "/v2/")
            .map(|exchange| {
                let mut parts = exchange.path.rsplit('/');
                let (last, kind) = (parts.next().unwrap(), parts.next().unwrap());
                format!("{kind}/{}", if last.starts_with("sha256:") { "DIGEST" } else { last })
            })
            .collect();
        asked.sort();
        asked.dedup();
        asked
    }
}

/// Returns a project of one image, which its registry has under `host`.
fn project(host: &str, mirrors: &str, policy: &str) -> String {
    format!(
        "[registries.up]\nhost = \"{host}\"\nmirrors = [{mirrors}]\n\n[images]\n\
         web = {{ repo = \"up/shop/web\", version = \"^1\" }}\n\n{policy}"
    )
}

fn publish_two(desk: &Desk, server: &Server) {
    publish(desk, server, "shop/web", &[release("2026-01-05", &["1.0.0"]), release("2026-02-05", &["1.1.0"])]);
}

/// Locks a project where nothing is known from before. Returns the desk and the lock.
fn lock(project: &str) -> (Desk, String) {
    let desk = Desk::new();
    desk.write("Supercargo.toml", project);
    desk.ok(&["lock"]);
    let lock = read(&desk, "Supercargo.lock");
    (desk, lock)
}

#[test]
fn a_mirror_that_is_asked_by_digest_decides_no_tag() {
    let (desk, origin, mirror) = (Desk::new(), Server::new(), Watched::new(Server::new()));
    publish_two(&desk, &origin);
    desk.ok(&["copy", "--all-tags", &origin.at("shop/web"), &mirror.server.at("shop/web"), "-q"]);
    // A version that nobody has published, and one that is something else.
    desk.ok(&["tag", &mirror.server.at("shop/web:1.0.0"), "1.1.0", "1.9.0"]);
    let by = |by: &str| format!("{{ host = \"{}\", by = \"{by}\" }}", mirror.host());
    let (_, wanted) = lock(&project(&origin.host(), "", ""));
    let (locked, text) = lock(&project(&origin.host(), &by("digest-only"), ""));
    assert_eq!(text, wanted);
    locked.ok(&["copy", "oci:out"]);
    locked.ok(&["verify", "--deep"]);
    assert_eq!(mirror.asked(), ["blobs/DIGEST", "manifests/DIGEST"]);

    mirror.proxy.log().clear();
    let (_, misled) = lock(&project(&origin.host(), &by("tag-only"), ""));
    assert!(misled.contains("version = \"1.9.0\""), "{misled}");
    let asked = mirror.asked();
    assert!(asked.contains(&"tags/list".to_owned()) && asked.contains(&"manifests/1.9.0".to_owned()), "{asked:?}");
    assert!(!asked.iter().any(|asked| asked.ends_with("/DIGEST")), "{asked:?}");
}

#[test]
fn what_a_mirror_has_spoiled_comes_from_the_registry() {
    let (desk, origin, mirror) = (Desk::new(), Server::new(), Watched::new(Server::new()));
    publish_larger(&desk, &origin, "shop/web", &[release("2026-01-05", &["1.0.0"])], Some(LAYER_BYTES));
    desk.ok(&["copy", "--all-tags", &origin.at("shop/web"), &mirror.server.at("shop/web"), "-q"]);
    let (_, wanted) = lock(&project(&origin.host(), "", ""));
    let more = Fault::Append(b"more".as_slice().into());
    for (by, fault) in [("all", Fault::FlipBit(50)), ("digest-only", Fault::CutBody(50)), ("digest-only", more)] {
        let mirrors = format!("{{ host = \"{}\", by = \"{by}\" }}", mirror.host());
        let by_digest = Matcher::any().method("GET").path_contains("/sha256:");
        let spoiled = Rule::new(by_digest, fault.clone());
        mirror.proxy.set_rules([spoiled.clone()]);
        let (desk, text) = lock(&project(&origin.host(), &mirrors, ""));
        assert_eq!(text, wanted, "{by} {fault:?}");
        let asked_to_lock = spoiled.seen();
        assert!(asked_to_lock > 0, "{by} {fault:?}");
        let far = Server::new();
        for place in ["oci:out", &far.at("copies/")] {
            desk.ok(&["copy", place]);
            desk.ok(&["verify", "--deep", "--at", place]);
        }
        assert!(spoiled.seen() > asked_to_lock, "{by} {fault:?}");
    }
}

#[test]
fn a_mirror_without_signatures_makes_no_image_unsigned() {
    for referrers in [true, false] {
        let server = || Server::with(RegistryOptions { referrers, ..RegistryOptions::default() });
        let (desk, origin, mirror) = (Desk::new(), Watched::new(server()), Server::new());
        publish_two(&desk, &origin.server);
        desk.write("bundle.json", "{}");
        desk.ok(&["attach", &origin.server.at("shop/web:1.1.0"), "--type", SIGNATURE, "bundle.json"]);
        let (from, to) = (origin.server.at("shop/web"), mirror.at("shop/web"));
        desk.ok(&["copy", "--all-tags", "--no-artifacts", &from, &to, "-q"]);
        let mirrors = format!("\"{}\"", mirror.host());
        let (_, wanted) = lock(&project(&origin.host(), "", SIGNED));
        assert!(wanted.contains("version = \"1.1.0\""), "{wanted}");
        let (_, mirrored) = lock(&project(&origin.host(), &mirrors, SIGNED));
        assert_eq!(mirrored, wanted);
        // One of the artifacts is no better than none.
        let (desk, web) = (Desk::new(), mirror.at("shop/web:1.1.0"));
        desk.write("sbom.json", "{}");
        desk.ok(&["attach", &web, "--type", "application/spdx+json", "sbom.json"]);
        let (_, mirrored) = lock(&project(&origin.host(), &mirrors, SIGNED));
        assert_eq!(mirrored, wanted);
    }
}

#[test]
fn what_a_silent_registry_would_know_is_unknown() {
    let (desk, origin, mirror) = (Desk::new(), Watched::new(Server::new()), Server::new());
    publish_two(&desk, &origin.server);
    let (from, to) = (origin.server.at("shop/web"), mirror.at("shop/web"));
    desk.ok(&["copy", "--all-tags", "--no-artifacts", &from, &to, "-q"]);
    let mirrors = format!("\"{}\"", mirror.host());
    let throttled = Fault::Answer(Answer::error(429, "TOOMANYREQUESTS", "later").header("Retry-After", "0"));
    origin.proxy.set_rules([Rule::new(Matcher::any(), throttled)]);

    let desk = Desk::new();
    desk.write("Supercargo.toml", &project(&origin.host(), &mirrors, SIGNED));
    let said = desk.fails(&["lock"], 4);
    assert!(said.contains(&format!("error: {}/shop/web", origin.host())), "{said}");
    assert!(!desk.path("Supercargo.lock").exists());

    // Where nothing is required the mirror does, and it is said what that means.
    desk.write("Supercargo.toml", &project(&origin.host(), &mirrors, ""));
    let outcome = desk.run(&["lock"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let warning =
        format!("what is attached to the images of {}/shop/web is known from its mirrors alone", origin.host());
    assert_eq!(outcome.stderr.matches(&warning).count(), 1, "{}", outcome.stderr);

    // A signature that a mirror has is one.
    desk.write("bundle.json", "{}");
    desk.ok(&["attach", &mirror.at("shop/web:1.0.0"), "--type", SIGNATURE, "bundle.json"]);
    std::fs::remove_file(desk.path("Supercargo.lock")).unwrap();
    let (web, any) = ("version = \"^1\"", "version = \"=1.0.0\"");
    desk.write("Supercargo.toml", &project(&origin.host(), &mirrors, SIGNED).replace(web, any));
    assert_eq!(desk.run(&["lock"]).code, 0);
}

#[test]
fn what_no_mirror_may_say_is_not_taken_for_nothing() {
    let (desk, origin, mirror) = (Desk::new(), Watched::new(Server::new()), Server::new());
    publish_two(&desk, &origin.server);
    desk.ok(&["copy", "--all-tags", &origin.server.at("shop/web"), &mirror.at("shop/web"), "-q"]);
    let by = format!("{{ host = \"{}\", by = \"digest-only\" }}", mirror.host());
    let (desk, _) = lock(&project(&origin.host(), &by, ""));
    let throttled = Fault::Answer(Answer::error(429, "TOOMANYREQUESTS", "later").header("Retry-After", "0"));
    origin.proxy.set_rules([Rule::new(Matcher::any().path_contains("/referrers/"), throttled)]);
    let said = desk.fails(&["copy", "oci:out"], 4);
    assert!(said.contains("could not be reached: it answered 429") && !said.contains("warning: "), "{said}");
}

#[test]
fn a_silent_registry_is_not_asked_for_each_repository() {
    let (desk, origin, mirror) = (Desk::new(), Watched::new(Server::new()), Server::new());
    let mut images = String::new();
    for name in ["a", "b", "c", "d"] {
        publish(&desk, &mirror, name, &[release("2026-01-05", &["1.0.0"])]);
        writeln!(images, "{name} = {{ repo = \"up/{name}\", version = \"^1\" }}").unwrap();
    }
    let gone = Rule::new(Matcher::any(), Fault::Disconnect);
    origin.proxy.set_rules([gone]);
    let (host, far) = (origin.host(), mirror.host());
    desk.write(
        "Supercargo.toml",
        &format!("[registries.up]\nhost = \"{host}\"\nmirrors = [\"{far}\"]\n[images]\n{images}"),
    );
    // One question takes so many attempts.
    desk.fails(&["tags", &format!("{host}/a")], 4);
    let once = origin.proxy.log().exchanges().len();
    origin.proxy.log().clear();
    let outcome = desk.run(&["lock"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    // At the beginning all are asked together, and then no more.
    let asked = origin.proxy.log().exchanges().len();
    assert!((once..=4 * once).contains(&asked), "{asked} of {once}");
}
