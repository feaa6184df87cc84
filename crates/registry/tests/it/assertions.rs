//! An issuer for tests: keys, assertions that it signs, and its documents.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry::access::{
    DocumentFailure, DocumentFetch, DocumentRequest, IssuerUrl, JwsAlgorithm, KeySet, OidcIssuer, OidcKeys,
};
use resolve::glob::Glob;
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "registry.example";
/// The time of the tests' clock, in seconds.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key that signs.
pub(crate) enum Signer {
    Rs256(Box<RsaKeyPair>),
    Es256(Box<EcdsaKeyPair>),
    EdDsa(Box<Ed25519KeyPair>),
}

impl Signer {
    pub(crate) fn new(algorithm: JwsAlgorithm) -> Self {
        match algorithm {
            JwsAlgorithm::Rs256 => Self::Rs256(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())),
            JwsAlgorithm::Es256 => {
                Self::Es256(Box::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
            }
            JwsAlgorithm::EdDsa => Self::EdDsa(Box::new(Ed25519KeyPair::generate().unwrap())),
        }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// The public key, as an issuer publishes it.
    pub(crate) fn public(&self, id: &str) -> Value {
        match self {
            Self::Rs256(key) => {
                // RFC 8017 appendix A.1.1, of 2048 bits: what comes before the modulus and between the two is always as long.
                let der = key.public_key().as_ref();
                let (n, e) = (&der[9..265], &der[267..]);
                json!({ "kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "n": encoded(n), "e": encoded(e) })
            }
            Self::Es256(key) => {
                let point = key.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": encoded(&point[1..33]), "y": encoded(&point[33..]) })
            }
            Self::EdDsa(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": encoded(key.public_key().as_ref()) })
            }
        }
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature).unwrap();
                signature
            }
            Self::Es256(key) => key.sign(&SystemRandom::new(), bytes).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(bytes).as_ref().to_vec(),
        }
    }

    /// Signs a header and claims, as they are.
    pub(crate) fn seal(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let signature = encoded(self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// Signs claims with the key that the issuer calls `one`.
    pub(crate) fn assertion(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "kid": "one", "typ": "JWT" });
        self.seal(header.to_string(), claims.to_string())
    }
}

/// Claims of a job on the main branch of a repository, good for ten minutes.
pub(crate) fn claims(repository: &str) -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": format!("repo:{repository}:ref:refs/heads/main"),
        "repository": repository,
        "ref": "refs/heads/main",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 600,
    })
}

pub(crate) fn key_set(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

pub(crate) fn conditions(conditions: &[(&str, &str)]) -> Vec<(String, Glob)> {
    conditions.iter().map(|(name, pattern)| ((*name).to_owned(), Glob::parse(pattern).unwrap())).collect()
}

/// The issuer, whose keys are these.
pub(crate) fn issuer(keys: OidcKeys) -> OidcIssuer {
    OidcIssuer {
        name: "ci".to_owned(),
        url: IssuerUrl::parse(ISSUER).unwrap(),
        audience: AUDIENCE.to_owned(),
        algorithms: JwsAlgorithm::ALL.to_vec(),
        identity: "sub".to_owned(),
        conditions: Vec::new(),
        skew: Duration::from_mins(1),
        keys,
        keep: Duration::from_hours(24),
        authorities: None,
    }
}

/// The issuer with one key that is known without asking it.
pub(crate) fn issuer_of(signer: &Signer) -> OidcIssuer {
    issuer(OidcKeys::Here(Arc::new(KeySet::parse(&key_set(&[signer.public("one")])).unwrap())))
}

/// Documents of issuers, and what was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Documents(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    documents: BTreeMap<String, Vec<u8>>,
    asked: Vec<String>,
}

impl Documents {
    pub(crate) fn put(&self, url: &str, document: impl Into<Vec<u8>>) {
        self.0.lock().unwrap().documents.insert(url.to_owned(), document.into());
    }

    /// Publishes keys as an issuer does, at its own host.
    pub(crate) fn publish(&self, keys: &[Value]) {
        let discovery = json!({ "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/keys") });
        self.put(&format!("{ISSUER}/.well-known/openid-configuration"), discovery.to_string());
        self.put(&format!("{ISSUER}/keys"), key_set(keys));
    }

    /// The issuer is away.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().documents.clear();
    }

    /// Returns what was asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }
}

#[async_trait]
impl DocumentFetch for Documents {
    async fn fetch(&self, request: DocumentRequest) -> Result<Vec<u8>, DocumentFailure> {
        let mut known = self.0.lock().unwrap();
        let document = known.documents.get(&request.url).cloned();
        known.asked.push(request.url);
        document.ok_or_else(|| DocumentFailure("it is away".to_owned()))
    }
}
