//! Clients that show certificates, over TLS.

use std::path::{Path, PathBuf};
use std::process::Command;

use registry::access::{AccessOptions, Action, Subject};
use registry::{
    CertificateName, ClientTrust, ClientTrustError, Registry, RegistryOptions, RunningRegistry, Tls, TlsIdentity,
    TlsVersion,
};
use resolve::glob::Glob;

use crate::people::{access, rule, token_options};
use crate::server::Server;

fn file(name: &str) -> PathBuf {
    let directory = if name.starts_with("server") || name.starts_with("authority") {
        "../testkit/certificates"
    } else {
        "tests/it/certificates"
    };
    Path::new(env!("CARGO_MANIFEST_DIR")).join(directory).join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(file(name)).unwrap()
}

fn identity(authorities: &str, revoked: Option<&str>, is_required: bool, name: CertificateName) -> TlsIdentity {
    let revoked = revoked.map(read);
    let trust = ClientTrust::from_pem(&read(authorities), revoked.as_deref(), is_required, name).unwrap();
    TlsIdentity::with_clients(&read("server.pem"), &read("server.key"), TlsVersion::V1_2, Some(trust)).unwrap()
}

fn knowing(name: &str) -> AccessOptions {
    let rules = vec![rule(Subject::Certificate(Glob::parse(name).unwrap()), "team/*", &[Action::Read, Action::Create])];
    AccessOptions { rules, ..AccessOptions::default() }
}

/// Asks for the tags of a repository by curl, as somebody or nobody. Returns the status; 0 where there is no answer.
async fn ask(server: &RunningRegistry, who: Option<&str>) -> u16 {
    let mut curl = Command::new("curl");
    let url = format!("https://localhost:{}/v2/team/app/tags/list", server.addr().port());
    curl.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--max-time", "10"]);
    curl.arg("--cacert").arg(file("authority.pem")).arg("--resolve");
    curl.arg(format!("localhost:{}:127.0.0.1", server.addr().port()));
    if let Some(who) = who {
        curl.arg("--cert").arg(file(&format!("{who}.pem"))).arg("--key").arg(file(&format!("{who}.key")));
    }
    let output = tokio::task::spawn_blocking(move || curl.arg(url).output().unwrap()).await.unwrap();
    String::from_utf8(output.stdout).unwrap().parse().unwrap()
}

async fn start(name: &str, identity: TlsIdentity) -> (RunningRegistry, Tls) {
    let options = RegistryOptions { access: access(knowing(name)), ..RegistryOptions::default() };
    let tls = Tls::new(identity);
    let address = "127.0.0.1:0".parse().unwrap();
    let running = RunningRegistry::start_with(address, Registry::in_memory(options), Some(tls.clone())).await;
    (running.unwrap(), tls)
}

#[tokio::test]
async fn a_certificate_names_who_shows_it() {
    for (kind, name) in [
        (CertificateName::Uri, "spiffe://registry.example/ci/*"),
        (CertificateName::Dns, "builder.example"),
        (CertificateName::CommonName, "client"),
    ] {
        let (server, _) = start(name, identity("clients.pem", None, false, kind)).await;
        assert_eq!(ask(&server, Some("client")).await, 404, "{kind:?}");
        assert_eq!(ask(&server, None).await, 401, "{kind:?}");
        let others = match kind {
            CertificateName::Uri => 404,
            // It has no such name, so that nobody has come.
            CertificateName::Dns => 401,
            CertificateName::CommonName => 403,
        };
        assert_eq!(ask(&server, Some("revoked")).await, others, "{kind:?}");
        server.shutdown().await;
    }
}

#[tokio::test]
async fn a_reload_changes_whom_certificates_are_trusted_from() {
    let name = "spiffe://registry.example/*";
    let with = |authorities, revoked, is_required| identity(authorities, revoked, is_required, CertificateName::Uri);
    let (server, tls) = start(name, with("clients.pem", None, true)).await;
    assert_eq!((ask(&server, Some("revoked")).await, ask(&server, None).await), (404, 0));
    tls.replace(with("clients.pem", Some("revoked.crl"), true));
    assert_eq!((ask(&server, Some("client")).await, ask(&server, Some("revoked")).await), (404, 0));
    tls.replace(with("strangers.pem", None, true));
    assert_eq!(ask(&server, Some("client")).await, 0);
    tls.replace(with("strangers.pem", None, false));
    assert_eq!((ask(&server, Some("client")).await, ask(&server, None).await), (0, 401));
    tls.replace(with("clients.pem", None, false));
    assert_eq!((ask(&server, Some("client")).await, ask(&server, None).await), (404, 401));
    server.shutdown().await;
}

#[tokio::test]
async fn a_token_for_a_certificate_is_good_with_it_alone() {
    let server = crate::people::with(AccessOptions { tokens: Some(token_options()), ..knowing("ada") });
    let path = "/token?scope=repository:team/app:pull&offline_token=true";
    let reply = server.call("GET", path).certificate("ada").send().await.expect(200).json();
    assert!(reply["refresh_token"].is_null());
    let bearer = format!("Bearer {}", reply["token"].as_str().unwrap());
    let list = |server: &Server| server.call("GET", "/v2/team/app/tags/list").header("authorization", &bearer);
    list(&server).certificate("ada").send().await.expect(404);
    list(&server).certificate("eve").send().await.expect_error(401, "UNAUTHORIZED");
    list(&server).send().await.expect_error(401, "UNAUTHORIZED");
    server.call("GET", path).certificate("eve").send().await.expect(200);
    server.call("GET", path).send().await.expect(401);
}

#[test]
fn files_of_authorities_and_lists_are_what_they_should_be() {
    let trust = |authorities: &[u8], revoked: Option<&[u8]>| {
        ClientTrust::from_pem(authorities, revoked, true, CertificateName::Uri).map(drop)
    };
    let (good, list) = (read("clients.pem"), read("revoked.crl"));
    assert_eq!(trust(&good, Some(&list)), Ok(()));
    for wrong in [&b""[..], b"text", &list, &read("client.key")] {
        assert_eq!(trust(wrong, None), Err(ClientTrustError::Authorities));
    }
    for wrong in [&b""[..], b"text", &good] {
        assert_eq!(trust(&good, Some(wrong)), Err(ClientTrustError::Lists));
    }
}
