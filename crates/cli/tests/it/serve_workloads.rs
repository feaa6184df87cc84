//! Jobs that come with what another issuer says of them, which has its keys behind TLS.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use testkit::certificates;

use crate::desk::Desk;
use crate::serve_access::login;
use crate::served::Served;

const AUDIENCE: &str = "registry.example";

/// An issuer on a port of its own, until the test ends.
struct Issuer {
    key: Ed25519KeyPair,
    url: String,
}

impl Issuer {
    fn start() -> Self {
        let key = Ed25519KeyPair::generate().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let public = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": public }] });
        let discovery = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        let documents = [("/.well-known/openid-configuration", discovery.to_string()), ("/keys", keys.to_string())];
        let chain = CertificateDer::pem_file_iter(certificates::path("server.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                chain.map(Result::unwrap).collect(),
                PrivateKeyDer::from_pem_file(certificates::path("server.key")).unwrap(),
            );
        let config = Arc::new(config.unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &config, &documents);
            }
        });
        Self { key, url }
    }

    /// Returns what it says of a job of a repository, and for how many seconds from now.
    fn assertion(&self, repository: &str, seconds: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now = i64::try_from(now).unwrap();
        let header = json!({ "alg": "EdDSA", "kid": "one", "typ": "JWT" });
        let claims = json!({
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": format!("repo:{repository}"),
            "repository": repository,
            "iat": now - 3600,
            "exp": now + seconds,
        });
        let encoded = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// Answers one request. Who does not trust the certificate breaks off.
fn answer(stream: TcpStream, config: &Arc<rustls::ServerConfig>, documents: &[(&str, String)]) {
    let session = rustls::ServerConnection::new(Arc::clone(config)).unwrap();
    let mut stream = BufReader::new(rustls::StreamOwned::new(session, stream));
    let mut line = String::new();
    if stream.read_line(&mut line).is_err() {
        return;
    }
    let path = line.split(' ').nth(1).unwrap_or_default();
    let found = documents.iter().find(|(name, _)| *name == path);
    let (status, body) = found.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", body.as_str()));
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let stream = stream.get_mut();
    if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).is_ok() {
        stream.conn.send_close_notify();
        // Who has all that was said may have gone.
        let _ = stream.flush();
    }
}

#[test]
fn a_job_pushes_with_what_its_issuer_says_of_it() {
    let issuer = Issuer::start();
    for tokens in ["", "[auth.tokens]\nrequired = true\n"] {
        let (desk, _application) = Desk::with_application();
        std::fs::copy(certificates::path("authority.pem"), desk.path("authority.pem")).unwrap();
        let url = &issuer.url;
        let text = format!(
            "root = \"registry\"\nauth.anonymous = \"nothing\"\n[[auth.oidc]]\nname = \"forge\"\nissuer = \"{url}\"\n\
             audience = \"{AUDIENCE}\"\nca = \"authority.pem\"\n{tokens}[[rules]]\nrepositories = [\"acme/*\"]\n\
             issuer = \"forge\"\nclaims = {{ repository = \"acme/app\" }}\nactions = [\"read\", \"create\", \"update\"]\n"
        );
        desk.write("serve.toml", &text);
        let served = Served::with(&desk, &["--config", "serve.toml"], &[]);
        let host = served.address.to_string();
        let image = served.at("acme/app:1.0");
        let copy = |who: &str, password: &str| {
            let authfile = login(&desk, &host, who, password);
            desk.run(&["--authfile", &authfile, "copy", "oci:app:1.0", &image])
        };
        let ours = issuer.assertion("acme/app", 600);
        let pushed = copy("job", &ours);
        assert_eq!(pushed.code, 0, "{}", pushed.stderr);
        for (who, wrong) in [
            ("stranger", issuer.assertion("mallory/app", 600)),
            ("late", issuer.assertion("acme/app", -600)),
            ("forger", format!("{}AAAA", &ours[..ours.len() - 4])),
        ] {
            let refused = copy(who, &wrong);
            assert_ne!(refused.code, 0, "{who}");
            assert!(!refused.stderr.contains(&wrong), "{who}");
        }
        if let Some(skopeo) = testkit::peers::tool("skopeo") {
            let creds = format!("job:{ours}");
            let reference = format!("docker://{image}");
            let seen = skopeo.run(["inspect", "--raw", "--tls-verify=false", "--creds", &creds, &reference]);
            assert!(seen.contains("application/vnd.oci.image.index.v1+json"), "{seen}");
        }
        let said = served.terminate();
        assert!(!said.contains(&ours), "{said}");
    }
}
