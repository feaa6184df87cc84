//! Assertions that must not let anybody in, one test for each way.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use registry::access::{AccessOptions, Action, JwsAlgorithm, KeySet, KeySetError, OidcKeys, Refusal, Unverified};
use serde_json::{Value, json};

use crate::assertions::{Documents, ISSUER, NOW, Signer, claims, conditions, encoded, issuer, issuer_of, key_set};
use crate::people::{TestClock, access, basic, rule};
use crate::server::Server;
use crate::workloads::{knowing, server, status, workload};

const LIST: &str = "/v2/team/app/tags/list";

/// The registry that knows one issuer, and the issuer's key.
struct Case {
    server: Server,
    signer: Signer,
}

impl Case {
    fn of(algorithm: JwsAlgorithm) -> Self {
        let signer = Signer::new(algorithm);
        Self { server: server(&TestClock::default(), knowing(vec![issuer_of(&signer)])), signer }
    }

    fn new() -> Self {
        Self::of(JwsAlgorithm::EdDsa)
    }

    /// Fails unless an assertion is refused in every place where one can come.
    async fn refuses(&self, assertion: &str, why: &str) {
        for authorization in [format!("Bearer {assertion}"), basic("ci", assertion)] {
            assert_eq!(status(&self.server, &authorization, "GET", LIST).await, 401, "{why}");
            assert_eq!(status(&self.server, &authorization, "GET", "/token").await, 401, "{why}");
        }
    }

    async fn takes(&self, assertion: &str, why: &str) {
        assert_eq!(status(&self.server, &format!("Bearer {assertion}"), "GET", LIST).await, 404, "{why}");
    }

    fn with(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = claims("acme/app");
        change(&mut claims);
        self.signer.assertion(&claims)
    }

    fn header(&self, header: &Value) -> String {
        self.signer.seal(header.to_string(), claims("acme/app").to_string())
    }
}

#[tokio::test]
async fn an_assertion_without_a_signature_is_refused() {
    let case = Case::new();
    let body = encoded(claims("acme/app").to_string());
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = encoded(json!({ "alg": alg, "kid": "one" }).to_string());
        for signature in ["", "AAAA"] {
            case.refuses(&format!("{header}.{body}.{signature}"), alg).await;
        }
    }
    let header = encoded(json!({ "alg": "EdDSA", "kid": "one" }).to_string());
    case.refuses(&format!("{header}.{body}."), "nothing where the signature is").await;
    case.refuses(&case.header(&json!({ "kid": "one" })), "no algorithm").await;
}

#[tokio::test]
async fn a_public_key_is_no_secret_to_sign_with() {
    let case = Case::of(JwsAlgorithm::Rs256);
    let public = case.signer.public("one");
    for secret in [public["n"].as_str().unwrap().as_bytes().to_vec(), public.to_string().into_bytes()] {
        let header = encoded(json!({ "alg": "HS256", "kid": "one" }).to_string());
        let signed = format!("{header}.{}", encoded(claims("acme/app").to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
        case.refuses(&format!("{signed}.{}", encoded(tag)), "HS256 with the public key").await;
    }
}

#[tokio::test]
async fn the_algorithm_is_that_of_the_key_and_one_that_is_allowed() {
    for algorithm in JwsAlgorithm::ALL {
        let case = Case::of(algorithm);
        for said in ["RS256", "ES256", "EdDSA", "RS512", "PS256", "ES384", "HS256", "rs256"] {
            if said != algorithm.word() {
                case.refuses(&case.header(&json!({ "alg": said, "kid": "one" })), said).await;
            }
        }
    }
    let signer = Signer::new(JwsAlgorithm::EdDsa);
    let mut strict = issuer_of(&signer);
    strict.algorithms = vec![JwsAlgorithm::Es256];
    let case = Case { server: server(&TestClock::default(), knowing(vec![strict])), signer };
    case.refuses(&case.with(|_| {}), "not allowed").await;
}

#[tokio::test]
async fn another_key_under_the_name_of_the_issuers_is_refused() {
    let case = Case::new();
    let other = Signer::new(JwsAlgorithm::EdDsa);
    case.refuses(&other.assertion(&claims("acme/app")), "another key").await;
    for id in ["two", "", "../../dev/null", "one ", "ONE"] {
        case.refuses(&case.header(&json!({ "alg": "EdDSA", "kid": id })), id).await;
    }
    for id in [json!(1), json!(null), json!(["one"]), json!("x".repeat(300))] {
        case.refuses(&case.header(&json!({ "alg": "EdDSA", "kid": id })), "no name").await;
    }
    // The only key of its kind needs no name; of two nobody knows which is meant.
    let nameless = case.header(&json!({ "alg": "EdDSA" }));
    case.takes(&nameless, "one key").await;
    let keys = KeySet::parse(&key_set(&[case.signer.public("one"), other.public("two")])).unwrap();
    let two = server(&TestClock::default(), knowing(vec![issuer(OidcKeys::Here(Arc::new(keys)))]));
    assert_eq!(status(&two, &format!("Bearer {nameless}"), "GET", LIST).await, 401);
}

#[tokio::test]
async fn keys_that_an_assertion_brings_are_not_looked_at() {
    let case = Case::new();
    let other = Signer::new(JwsAlgorithm::EdDsa);
    let brought = [
        ("jwk", other.public("one")),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/chain")),
        ("x5c", json!(["AAAA"])),
        ("x5t", json!("AAAA")),
    ];
    for (name, value) in brought {
        let mut header = json!({ "alg": "EdDSA", "kid": "one" });
        header[name] = value;
        case.refuses(&other.seal(header.to_string(), claims("acme/app").to_string()), name).await;
        case.takes(&case.header(&header), name).await;
    }
}

#[tokio::test]
async fn what_must_be_understood_and_is_not_is_refused() {
    let case = Case::new();
    for (name, value) in [
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("typ", json!("logout+jwt")),
        ("typ", json!(1)),
    ] {
        let mut header = json!({ "alg": "EdDSA", "kid": "one" });
        header[name] = value;
        case.refuses(&case.header(&header), name).await;
    }
    for kind in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        case.takes(&case.header(&json!({ "alg": "EdDSA", "kid": "one", "typ": kind })), kind).await;
    }
}

#[tokio::test]
async fn an_assertion_for_another_audience_is_refused() {
    let case = Case::new();
    for audience in [
        json!("other.example"),
        json!("registry.example."),
        json!("Registry.example"),
        json!(""),
        json!([]),
        json!(["other.example"]),
        json!(["registry.example", 1]),
        json!({ "registry.example": true }),
        json!(null),
        json!(vec!["registry.example"; 101]),
    ] {
        case.refuses(&case.with(|claims| claims["aud"] = audience.clone()), &audience.to_string()).await;
    }
    case.refuses(&case.with(|claims| drop(claims.as_object_mut().unwrap().remove("aud"))), "none").await;
    case.takes(&case.with(|claims| claims["aud"] = json!(["other.example", "registry.example"])), "one of two").await;
}

#[tokio::test]
async fn an_assertion_of_another_issuer_is_refused() {
    let case = Case::new();
    for issuer in ["https://issuer.example/", "https://ISSUER.example", "http://issuer.example", "issuer.example", ""] {
        case.refuses(&case.with(|claims| claims["iss"] = json!(issuer)), issuer).await;
    }
    case.refuses(&case.with(|claims| claims["iss"] = json!([ISSUER])), "a list").await;
    case.refuses(&case.with(|claims| drop(claims.as_object_mut().unwrap().remove("iss"))), "none").await;
    // Nor does one issuer sign for another.
    let (mut second, signer) = (issuer_of(&Signer::new(JwsAlgorithm::EdDsa)), Signer::new(JwsAlgorithm::EdDsa));
    second.name = "other".to_owned();
    second.url = registry::access::IssuerUrl::parse("https://other.example").unwrap();
    let both = server(&TestClock::default(), knowing(vec![issuer_of(&signer), second]));
    let mut foreign = claims("acme/app");
    foreign["iss"] = json!("https://other.example");
    assert_eq!(status(&both, &format!("Bearer {}", signer.assertion(&foreign)), "GET", LIST).await, 401);
}

#[tokio::test]
async fn what_has_ended_or_is_not_good_yet_is_refused() {
    let case = Case::new();
    for (name, value, is_taken) in [
        ("exp", json!(NOW - 59), true),
        ("exp", json!(NOW - 60), false),
        ("exp", json!(0), false),
        ("exp", json!(-1), false),
        ("exp", json!("9999999999"), false),
        ("exp", json!(null), false),
        ("exp", json!(i64::MAX), false),
        ("exp", json!(1e300), false),
        ("exp", json!(9_999_999_999.5), true),
        ("nbf", json!(NOW + 60), true),
        ("nbf", json!(NOW + 61), false),
        ("nbf", json!("now"), false),
        ("iat", json!(NOW + 60), true),
        ("iat", json!(NOW + 61), false),
        ("iat", json!(true), false),
    ] {
        let assertion = case.with(|claims| claims[name] = value.clone());
        let bearer = format!("Bearer {assertion}");
        let expected = if is_taken { 404 } else { 401 };
        assert_eq!(status(&case.server, &bearer, "GET", LIST).await, expected, "{name} {value}");
    }
    case.refuses(&case.with(|claims| drop(claims.as_object_mut().unwrap().remove("exp"))), "no end").await;
}

#[tokio::test]
async fn an_assertion_that_is_too_long_is_refused_before_it_is_read() {
    let case = Case::new();
    case.takes(&case.with(|claims| claims["more"] = json!("x".repeat(8000))), "long").await;
    for length in [13_000, 30_000] {
        case.refuses(&case.with(|claims| claims["more"] = json!("x".repeat(length))), "longer").await;
    }
    let header = json!({ "alg": "EdDSA", "kid": "one", "x5c": ["A".repeat(9000)] });
    case.refuses(&case.header(&header), "header").await;
    assert_eq!(Unverified::parse(&"ey".repeat(10_000)).unwrap_err(), Refusal::Oversize);
    case.refuses(&case.with(|claims| claims["sub"] = json!("x".repeat(2000))), "name").await;
}

#[tokio::test]
async fn a_name_that_stands_twice_is_refused() {
    let case = Case::new();
    let (header, body) = (r#"{"alg":"EdDSA","kid":"one"}"#, claims("acme/app").to_string());
    case.takes(&case.signer.seal(header, &body), "once").await;
    for twice in [
        r#"{"alg":"none","alg":"EdDSA","kid":"one"}"#,
        r#"{"alg":"EdDSA","kid":"two","kid":"one"}"#,
        r#"{"alg":"EdDSA","kid":"one","\u006bid":"one"}"#,
    ] {
        case.refuses(&case.signer.seal(twice, &body), twice).await;
    }
    for claim in [r#""repository":"evil/app""#, r#""aud":"other.example""#, r#""x":{"a":1,"a":2}"#] {
        let body = body.replacen('{', &format!("{{{claim},"), 1);
        case.refuses(&case.signer.seal(header, &body), claim).await;
    }
}

#[tokio::test]
async fn an_assertion_in_an_assertion_and_deep_nesting_are_refused() {
    let case = Case::new();
    let header = r#"{"alg":"EdDSA","kid":"one"}"#;
    let inner = case.with(|_| {});
    case.refuses(&case.signer.seal(header, &inner), "an assertion as the claims").await;
    case.refuses(&case.signer.seal(header, json!(inner).to_string()), "as a text").await;
    let deep = format!("{}1{}", "[".repeat(3000), "]".repeat(3000));
    let body = claims("acme/app").to_string().replacen('{', &format!("{{\"x\":{deep},"), 1);
    case.refuses(&case.signer.seal(header, body), "deep").await;
    case.refuses(&format!("{inner}.{inner}"), "five parts").await;
    for text in ["ey..", "ey.a.b", "eyJ.e30.AA", &inner.replace('.', "..")] {
        case.refuses(text, text).await;
    }
}

#[tokio::test]
async fn what_is_no_text_is_refused() {
    let case = Case::new();
    let header = r#"{"alg":"EdDSA","kid":"one"}"#;
    let mut body = claims("acme/app").to_string().into_bytes();
    let at = body.windows(4).position(|window| window == b"acme").unwrap();
    body[at] = 0xff;
    case.refuses(&case.signer.seal(header, body), "not UTF-8").await;
    for subject in [json!("a\nb"), json!("a\u{0}"), json!(""), json!(7), json!(["a"])] {
        case.refuses(&case.with(|claims| claims["sub"] = subject.clone()), "a name that is none").await;
    }
    let good = case.with(|_| {});
    for text in [format!("{good}="), good.replace('-', "+"), format!("{good}\u{a0}")] {
        if text != good {
            let call = case.server.call("GET", LIST).header("authorization", &basic("ci", &text));
            call.send().await.expect(401);
        }
    }
}

#[tokio::test]
async fn no_byte_of_an_assertion_can_be_another() {
    let case = Case::of(JwsAlgorithm::Es256);
    let good = case.with(|_| {});
    for position in (0..good.len()).step_by(7) {
        let mut bytes = good.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        case.refuses(&String::from_utf8(bytes).unwrap(), &position.to_string()).await;
    }
}

#[tokio::test]
async fn a_job_of_one_repository_has_no_rights_of_another() {
    let signer = Signer::new(JwsAlgorithm::EdDsa);
    let mut options = knowing(vec![issuer_of(&signer)]);
    let push = [Action::Read, Action::Create];
    options.rules = vec![
        rule(workload(&[("repository", "acme/a")]), "team/a", &push),
        rule(workload(&[("repository", "acme/b")]), "team/b", &push),
    ];
    let server = server(&TestClock::default(), options);
    let assertion = signer.assertion(&claims("acme/a"));
    let token = server.call("GET", "/token?scope=repository:team/a:pull,push+repository:team/b:pull,push");
    let token = token.header("authorization", &basic("ci", &assertion)).send().await.expect(200).json();
    assert_eq!(token["scope"], "repository:team/a:pull,push");
    for bearer in [format!("Bearer {assertion}"), format!("Bearer {}", token["token"].as_str().unwrap())] {
        assert_eq!(status(&server, &bearer, "POST", "/v2/team/a/blobs/uploads/").await, 202);
        assert_eq!(status(&server, &bearer, "POST", "/v2/team/b/blobs/uploads/").await, 403);
        assert_eq!(status(&server, &bearer, "GET", "/v2/team/b/tags/list").await, 403);
    }
    for repository in ["acme/a/b", "acme/A", "evil/acme/a", "acme/ab"] {
        let bearer = format!("Bearer {}", signer.assertion(&claims(repository)));
        assert_eq!(status(&server, &bearer, "GET", "/v2/team/a/tags/list").await, 403, "{repository}");
    }
}

#[tokio::test]
async fn a_reload_changes_what_has_to_be_claimed_at_once() {
    let signer = Signer::new(JwsAlgorithm::EdDsa);
    let options = knowing(vec![issuer_of(&signer)]);
    let server = server(&TestClock::default(), options.clone());
    let assertion = signer.assertion(&claims("acme/app"));
    let token = server.call("GET", "/token?scope=repository:team/app:pull");
    let token = token.header("authorization", &basic("ci", &assertion)).send().await.expect(200).json();
    let (direct, exchanged) = (format!("Bearer {assertion}"), format!("Bearer {}", token["token"].as_str().unwrap()));
    let expect = async |of_direct, of_exchanged, why: &str| {
        assert_eq!(status(&server, &direct, "GET", LIST).await, of_direct, "{why}");
        assert_eq!(status(&server, &exchanged, "GET", LIST).await, of_exchanged, "{why}");
    };
    let with = |change: &dyn Fn(&mut AccessOptions)| {
        let mut options = options.clone();
        change(&mut options);
        server.0.reload_access(&access(options));
    };
    expect(404, 404, "as it was").await;
    with(&|options| options.rules.truncate(8));
    expect(403, 403, "the rules that name claims are gone").await;
    with(&|options| options.issuers[0].conditions = conditions(&[("repository", "other/*")]));
    expect(401, 401, "the issuer's table asks for another claim").await;
    with(&|options| options.issuers[0].conditions = conditions(&[("repository", "acme/*")]));
    expect(404, 404, "it asks for one that is there").await;
    with(&|options| options.issuers[0].audience = "other.example".to_owned());
    expect(401, 401, "another audience").await;
    with(&|options| options.issuers[0].name = "renamed".to_owned());
    expect(403, 401, "another name").await;
    with(&|options| options.issuers.clear());
    expect(401, 401, "no issuer").await;
    with(&|_| {});
    expect(404, 404, "as it was again").await;
}

#[tokio::test]
async fn a_discovery_document_leads_nowhere_else() {
    let signer = Signer::new(JwsAlgorithm::EdDsa);
    for keys in [
        "https://evil.example/keys",
        "http://issuer.example/keys",
        "https://issuer.example:8443/keys",
        "https://issuer.example@evil.example/keys",
        "https://issuer.example.evil.example/keys",
        "https://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "//evil.example/keys",
        "",
    ] {
        let documents = Documents::default();
        let discovery = json!({ "issuer": ISSUER, "jwks_uri": keys });
        documents.put(&format!("{ISSUER}/.well-known/openid-configuration"), discovery.to_string());
        documents.put(keys, key_set(&[signer.public("one")]));
        let options = registry::RegistryOptions {
            access: access(knowing(vec![issuer(OidcKeys::Discovered)])),
            documents: Some(Arc::new(documents.clone())),
            ..registry::RegistryOptions::default()
        };
        let server = Server::over(TestClock::default().storage(), options);
        let bearer = format!("Bearer {}", signer.assertion(&claims("acme/app")));
        assert_eq!(status(&server, &bearer, "GET", LIST).await, 401, "{keys}");
        assert_eq!(documents.asked(), [format!("{ISSUER}/.well-known/openid-configuration")], "{keys}");
    }
}

#[tokio::test]
async fn a_discovery_document_is_of_the_issuer_and_not_without_end() {
    let signer = Signer::new(JwsAlgorithm::EdDsa);
    let (url, keys) = (format!("{ISSUER}/.well-known/openid-configuration"), format!("{ISSUER}/keys"));
    for document in [
        json!({ "issuer": "https://evil.example", "jwks_uri": keys }).to_string(),
        json!({ "issuer": format!("{ISSUER}/"), "jwks_uri": keys }).to_string(),
        json!({ "issuer": ISSUER }).to_string(),
        format!("{{\"issuer\":\"{ISSUER}\",\"issuer\":\"{ISSUER}\",\"jwks_uri\":\"{keys}\"}}"),
        json!({ "issuer": ISSUER, "jwks_uri": keys, "x": "x".repeat(70_000) }).to_string(),
        "[]".to_owned(),
    ] {
        let (clock, documents) = (TestClock::default(), Documents::default());
        documents.publish(&[signer.public("one")]);
        documents.put(&url, document.clone());
        let options = registry::RegistryOptions {
            access: access(knowing(vec![issuer(OidcKeys::Discovered)])),
            documents: Some(Arc::new(documents.clone())),
            ..registry::RegistryOptions::default()
        };
        let server = Server::over(clock.storage(), options);
        let bearer = format!("Bearer {}", signer.assertion(&claims("acme/app")));
        assert_eq!(status(&server, &bearer, "GET", LIST).await, 401, "{document:.200}");
        documents.publish(&[signer.public("one")]);
        clock.advance(Duration::from_secs(30));
        assert_eq!(status(&server, &bearer, "GET", LIST).await, 404);
    }
}

#[test]
fn keys_that_are_private_short_or_for_something_else_are_left_out() {
    let signer = Signer::new(JwsAlgorithm::EdDsa);
    let good = signer.public("one");
    let changed = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    let useless = [
        changed("d", json!("AAAA")),
        changed("use", json!("enc")),
        changed("use", json!(1)),
        changed("alg", json!("ES256")),
        changed("alg", json!("HS256")),
        changed("key_ops", json!(["sign"])),
        changed("kty", json!("oct")),
        changed("crv", json!("X25519")),
        changed("x", json!("AAAA")),
        changed("kid", json!(1)),
        json!({ "kty": "oct", "kid": "one", "k": "AAAA" }),
        json!({ "kty": "RSA", "n": encoded([0xff; 128]), "e": "AQAB" }),
        json!({ "kty": "RSA", "n": encoded([0xff; 1024]), "e": "AQAB" }),
        json!("key"),
    ];
    for key in &useless {
        assert_eq!(KeySet::parse(&key_set(std::slice::from_ref(key))).unwrap_err(), KeySetError::Useless, "{key}");
    }
    let all = [&useless[..], &[good.clone(), changed("key_ops", json!(["verify"]))]].concat();
    assert_eq!(KeySet::parse(&key_set(&all)).unwrap().len(), 2);
    assert_eq!(KeySet::parse(&key_set(&vec![good; 65])).unwrap_err(), KeySetError::Oversize);
    assert_eq!(KeySet::parse(&vec![b' '; 300_000]).unwrap_err(), KeySetError::Oversize);
    for text in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[],\"keys\":[]}"] {
        assert_eq!(KeySet::parse(text.as_bytes()).unwrap_err(), KeySetError::Malformed, "{text}");
    }
}
