//! A registry under TLS.

use testkit::certificates;

use crate::desk::Desk;
use crate::serve_access::{PASSWORD, RULES, login, write};
use crate::served::Served;

fn take(desk: &Desk, name: &str) {
    std::fs::copy(certificates::path(name), desk.path(name)).unwrap();
}

const TLS: &str = "[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\nminimum = \"1.3\"\n";

#[test]
fn clients_log_in_over_tls() {
    let (desk, _application) = Desk::with_application();
    for file in ["server.pem", "server.key", "authority.pem"] {
        take(&desk, file);
    }
    write(&desk, &format!("{TLS}{RULES}[auth.tokens]\nrequired = true\n"));
    let mut served = Served::with(&desk, &["--config", "serve.toml"], &[]);
    assert!(served.hear("note: ").contains(" at https://127.0.0.1:"));
    let host = served.address.to_string();
    let captain = login(&desk, &host, "captain", PASSWORD);
    let image = served.at("public/app:1.0");
    let trusting = ["--authfile", &captain, "--ca-file", "authority.pem"];
    desk.ok(&[&trusting[..], &["copy", "oci:app:1.0", &image]].concat());
    desk.ok(&[&trusting[..], &["copy", &image, "oci:back:1.0"]].concat());
    assert_ne!(desk.run(&["--authfile", &captain, "copy", &image, "oci:untrusted:1.0"]).code, 0);
    if let Some(skopeo) = testkit::peers::tool("skopeo") {
        std::fs::create_dir(desk.path("certs")).unwrap();
        std::fs::copy(certificates::path("authority.pem"), desk.path("certs/ca.crt")).unwrap();
        let certs = desk.path("certs").display().to_string();
        let creds = format!("captain:{PASSWORD}");
        let reference = format!("docker://{image}");
        let seen = skopeo.run(["inspect", "--raw", "--cert-dir", &certs, "--creds", &creds, &reference]);
        assert!(seen.contains("application/vnd.oci.image.index.v1+json"), "{seen}");
    }
    // Another key than that of the certificate leaves the old ones in force.
    std::fs::copy(desk.path("server.pem"), desk.path("server.key")).unwrap();
    let said = served.reload();
    assert!(said.contains("serve.toml:4:7: ") && said.contains("there is no private key"), "{said}");
    desk.ok(&[&trusting[..], &["copy", &image, "oci:again:1.0"]].concat());
    take(&desk, "server.key");
    assert!(served.reload().contains("as the configuration says now"));
    desk.ok(&[&trusting[..], &["copy", &image, "oci:more:1.0"]].concat());
    served.terminate();
}

#[test]
fn a_certificate_and_its_key_belong_together() {
    let desk = Desk::new();
    take(&desk, "server.pem");
    take(&desk, "authority.pem");
    write(&desk, "[tls]\ncertificate = \"server.pem\"\n");
    insta::assert_snapshot!(desk.fails(&["serve", "--config", "serve.toml", "--check"], 2), @r#"
    error: a certificate without its key
     --> serve.toml:3:15
      |
    3 | certificate = "server.pem"
      |               ^^^^^^^^^^^^
    help: key = "server.key"
    "#);
    write(&desk, "[tls]\ncertificate = \"absent.pem\"\nkey = \"server.key\"\n");
    insta::assert_snapshot!(desk.fails(&["serve", "--config", "serve.toml", "--check"], 2), @r#"
    error: cannot read absent.pem: No such file or directory (os error 2)
     --> serve.toml:3:15
      |
    3 | certificate = "absent.pem"
      |               ^^^^^^^^^^^^
    "#);
}
