//! `[[policy.verify]]`: what has to be attached to an image for it to be chosen.

use ops::registry::RegistryOptions;

use crate::desk::Desk;
use crate::releases::{publish, release};
use crate::server::Server;

const SIGNATURE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Returns a project of one image, of which every release has an SBOM.
fn shop(server: Server, policy: &str) -> (Desk, Server) {
    let desk = Desk::new();
    let releases =
        [release("2026-01-01", &["1.0.0"]), release("2026-02-01", &["1.1.0"]), release("2026-03-01", &["1.2.0"])];
    publish(&desk, &server, "shop/web", &releases);
    let host = server.host();
    desk.write(
        "Supercargo.toml",
        &format!("[images]\nweb = {{ repo = \"{host}/shop/web\", version = \"^1\" }}\n\n{policy}"),
    );
    desk.write("bundle.json", "{}");
    (desk, server)
}

fn locked(desk: &Desk) -> String {
    desk.ok(&["lock"]);
    let lock = std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap();
    let version = lock.lines().find_map(|line| line.strip_prefix("version = ")).unwrap().trim_matches('"').to_owned();
    std::fs::remove_file(desk.path("Supercargo.lock")).unwrap();
    version
}

#[test]
fn the_newest_with_what_is_required_is_chosen() {
    for referrers in [true, false] {
        let server = Server::with(RegistryOptions { referrers, ..RegistryOptions::default() });
        let (desk, server) = shop(server, "[[policy.verify]]\nrequire = [\"sbom\", \"signature\"]\n");
        desk.ok(&["attach", &server.at("shop/web:1.1.0"), "--type", SIGNATURE, "bundle.json"]);
        assert_eq!(locked(&desk), "1.1.0");
        insta::allow_duplicates! {
        insta::assert_snapshot!(desk.ok(&["candidates", "web"]), @r#"
       VERSION  TAG    REASON
       1.2.0    1.2.0  no signature is attached to it, and policy.verify[0] requires one
    *  1.1.0    1.1.0  highest
       1.0.0    1.0.0  no signature is attached to it, and policy.verify[0] requires one
    "#);
        }
        let rows = desk.json(&["candidates", "web"]);
        assert_eq!(rows["candidates"][0]["code"], "policy");
        // A signature of the other convention counts too.
        let digest = desk.json(&["inspect", &server.at("shop/web:1.2.0")])["manifest"]["digest"].clone();
        let tag = digest.as_str().unwrap().replace(':', "-");
        desk.ok(&["push", "bundle.json", &server.at(&format!("shop/web:{tag}.sig")), "--type", SIGNATURE]);
        assert_eq!(locked(&desk), "1.2.0");
    }
}

#[test]
fn a_policy_counts_for_the_repositories_that_it_names() {
    let (desk, server) = shop(Server::new(), "");
    let host = server.host();
    let text = std::fs::read_to_string(desk.path("Supercargo.toml")).unwrap();
    let with = |pattern: &str| {
        let policy = format!("[[policy.verify]]\nmatch = \"{pattern}\"\nrequire = [\"signature\"]\n");
        desk.write("Supercargo.toml", &format!("{text}{policy}"));
    };
    with("registry.example/*");
    assert_eq!(locked(&desk), "1.2.0");
    with(&format!("{host}/shop/*"));
    let said = desk.fails(&["lock"], 3);
    insta::assert_snapshot!(said.replace(&host, "registry.example"), @r#"
    error: no solution for `web`
     --> Supercargo.toml:2:54
      |
    2 | web = { repo = "registry.example/shop/web", version = "^1" }
      |                                                      ^^^^ web is required
       = all 3 versions of web cannot be used: no signature is attached to it, and policy.verify[0] requires one
    help: supercargo candidates web
    "#);
}

#[test]
fn what_every_image_of_an_index_has_the_index_has() {
    let (desk, server) = shop(Server::new(), "[[policy.verify]]\nrequire = [\"signature\"]\n");
    let web = server.at("shop/web:1.2.0");
    let sign = |platform: &str| {
        desk.ok(&["attach", &web, "--platform", platform, "--type", SIGNATURE, "bundle.json"]);
    };
    sign("linux/amd64");
    desk.fails(&["lock"], 3);
    sign("linux/arm64");
    assert_eq!(locked(&desk), "1.2.0");
}

#[test]
fn a_policy_that_cannot_be_read_is_shown_with_its_place() {
    let (desk, _server) = shop(Server::new(), "[[policy.verify]]\nrequire = [\"provenance\"]\n");
    let said = desk.fails(&["lock"], 2);
    assert!(said.contains("`provenance` is nothing that can be required"), "{said}");
    assert!(said.contains("--> Supercargo.toml:5:12"), "{said}");
    assert!(said.contains("help: require = [\"signature\", \"sbom\", \"attestation\"]"), "{said}");
}
