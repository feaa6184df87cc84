//! Certificates by host, and registries of which none are checked.

use std::net::SocketAddr;

use e2e::scene::REPOSITORY;
use testkit::certificates;
use testkit::proxy::TlsFront;

use super::{Harbour, NAME};

/// Leads the name to a front.
fn lead(harbour: &Harbour, front: SocketAddr, insecure: bool) {
    let text = format!("[[registry]]\nprefix = \"{NAME}\"\nlocation = \"{front}\"\ninsecure = {insecure}\n");
    harbour.write("containers/registries.conf", &text);
}

/// Puts one of the certificates, or keys, where those of a host are.
fn put(harbour: &Harbour, front: SocketAddr, certificate: &str, file: &str) {
    let directory = harbour.program.home().join(format!(".config/containers/certs.d/{front}"));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::copy(certificates::path(certificate), directory.join(file)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_of_one_host() {
    let harbour = Harbour::open().await;
    let front = TlsFront::start(harbour.origin.address(), "server").await;
    lead(&harbour, front.address(), false);
    harbour.fails(4, &["UnknownIssuer"]);
    put(&harbour, front.address(), "authority.pem", "ca.crt");
    harbour.copies().await;
    // It is believed of this host alone.
    let other = TlsFront::start(harbour.origin.address(), "server").await;
    lead(&harbour, other.address(), false);
    harbour.fails(4, &["UnknownIssuer"]);
    lead(&harbour, other.address(), true);
    harbour.copies().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_a_client() {
    let harbour = Harbour::open().await;
    let front = TlsFront::start_for_known(harbour.origin.address(), "server").await;
    let address = front.address();
    lead(&harbour, address, false);
    put(&harbour, address, "authority.pem", "ca.crt");
    harbour.fails(4, &["CertificateRequired"]);
    put(&harbour, address, "client.pem", "client.cert");
    let outcome = harbour.copy();
    assert!(outcome.code.is_some_and(|code| code != 0), "{outcome}");
    outcome.assert_says(&["client.cert", ".key"]);
    put(&harbour, address, "elsewhere.key", "client.key");
    let outcome = harbour.copy();
    assert!(outcome.code.is_some_and(|code| code != 0), "{outcome}");
    outcome.assert_explained();
    put(&harbour, address, "client.key", "client.key");
    harbour.copies().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_of_which_nothing_is_checked() {
    let harbour = Harbour::open().await;
    for certificate in ["elsewhere", "expired"] {
        let front = TlsFront::start(harbour.origin.address(), certificate).await;
        lead(&harbour, front.address(), false);
        harbour.fails(4, &[]);
        lead(&harbour, front.address(), true);
        harbour.copies().await;
    }
    // Without TLS, where the file has it so.
    lead(&harbour, harbour.origin.address(), true);
    harbour.copies().await;
    let hosts = format!("server = \"https://{}\"\nskip_verify = true\n", harbour.origin.address());
    harbour.write("containers/registries.conf", "");
    harbour.write(&format!("containerd/certs.d/{NAME}/hosts.toml"), &hosts);
    let outcome = harbour.fails(4, &[]);
    assert!(!outcome.stderr.contains(REPOSITORY) || outcome.stderr.contains("TLS"), "{outcome}");
}
