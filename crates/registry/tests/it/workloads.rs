//! Workloads that come with an assertion of their issuer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use registry::access::{
    AccessOptions, Action, DocumentFailure, DocumentFetch, DocumentRequest, JwsAlgorithm, OidcIssuer, OidcKeys, Subject,
};
use registry::{FailureHook, RegistryOptions};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::assertions::{Documents, ISSUER, Signer, claims, conditions, issuer, issuer_of};
use crate::people::{Lines, TestClock, access, basic, options, rule, token_options};
use crate::server::Server;

pub(crate) fn workload(wanted: &[(&str, &str)]) -> Subject {
    Subject::Workload { issuer: "ci".to_owned(), claims: conditions(wanted) }
}

/// Whom `acme` runs on its main branch may push to `team/*`; whom it runs elsewhere may read there.
pub(crate) fn knowing(issuers: Vec<OidcIssuer>) -> AccessOptions {
    let mut options = AccessOptions { issuers, tokens: Some(token_options()), ..options() };
    let on_main = workload(&[("repository", "acme/*"), ("ref", "refs/heads/main")]);
    options.rules.push(rule(on_main, "team/*", &[Action::Read, Action::Create]));
    options.rules.push(rule(workload(&[("repository", "acme/*")]), "team/*", &[Action::Read]));
    options
}

pub(crate) fn server(clock: &TestClock, options: AccessOptions) -> Server {
    Server::over(clock.storage(), RegistryOptions { access: access(options), ..RegistryOptions::default() })
}

pub(crate) async fn status(server: &Server, authorization: &str, method: &str, path: &str) -> u16 {
    server.call(method, path).header("authorization", authorization).send().await.status.as_u16()
}

const LIST: &str = "/v2/team/app/tags/list";
const PUSH: &str = "/v2/team/app/blobs/uploads/";

#[tokio::test]
async fn an_assertion_lets_in_directly_and_as_a_password() {
    for algorithm in JwsAlgorithm::ALL {
        let signer = Signer::new(algorithm);
        let server = server(&TestClock::default(), knowing(vec![issuer_of(&signer)]));
        let assertion = signer.assertion(&claims("acme/app"));
        for authorization in [format!("Bearer {assertion}"), basic("any", &assertion), basic("owner", &assertion)] {
            assert_eq!(status(&server, &authorization, "GET", LIST).await, 404, "{algorithm}");
            assert_eq!(status(&server, &authorization, "POST", PUSH).await, 202);
            assert_eq!(status(&server, &authorization, "DELETE", "/v2/team/app/manifests/v1").await, 403);
            assert_eq!(status(&server, &authorization, "GET", "/v2/").await, 200);
        }
    }
}

#[tokio::test]
async fn a_workload_is_no_user_and_no_member_of_a_group() {
    let signer = Signer::new(JwsAlgorithm::EdDsa);
    let mut options = knowing(vec![issuer_of(&signer)]);
    options.rules.push(rule(Subject::Authenticated, "secret/*", &[Action::Read]));
    let server = server(&TestClock::default(), options);
    for subject in ["owner", "reader"] {
        let mut claims = claims("evil/app");
        claims["sub"] = json!(subject);
        claims["groups"] = json!(["owners"]);
        let bearer = format!("Bearer {}", signer.assertion(&claims));
        assert_eq!(status(&server, &bearer, "GET", LIST).await, 403, "{subject}");
        assert_eq!(status(&server, &bearer, "GET", "/v2/secret/app/tags/list").await, 403, "{subject}");
        assert_eq!(status(&server, &bearer, "GET", "/v2/public/app/tags/list").await, 404, "{subject}");
    }
}

#[tokio::test]
async fn an_exchanged_token_ends_with_the_assertion_and_allows_no_more() {
    let clock = TestClock::default();
    let signer = Signer::new(JwsAlgorithm::Es256);
    let server = server(&clock, knowing(vec![issuer_of(&signer)]));
    let mut short = claims("acme/app");
    short["exp"] = json!(crate::assertions::NOW + 90);
    let assertion = signer.assertion(&short);
    let path = "/token?offline_token=true&scope=repository:team/app:pull,push,delete+repository:secret/app:pull";
    let mut tokens = Vec::new();
    for authorization in [format!("Bearer {assertion}"), basic("ci", &assertion)] {
        let reply = server.call("GET", path).header("authorization", &authorization).send().await.expect(200).json();
        assert_eq!(reply["scope"], "repository:team/app:pull,push");
        assert_eq!(reply["expires_in"], 90, "not five minutes");
        assert!(reply["refresh_token"].is_null(), "{reply}");
        tokens.push(format!("Bearer {}", reply["token"].as_str().unwrap()));
    }
    let form = format!(
        "grant_type=password&access_type=offline&username=ci&password={assertion}&scope=repository:team/app:pull"
    );
    let post = server.call("POST", "/token").header("content-type", "application/x-www-form-urlencoded").body(form);
    let reply = post.send().await.expect(200).json();
    assert!(reply["refresh_token"].is_null());
    let pull = format!("Bearer {}", reply["token"].as_str().unwrap());
    assert_eq!(status(&server, &pull, "GET", LIST).await, 404);
    assert_eq!(status(&server, &pull, "POST", PUSH).await, 401);
    for token in &tokens {
        assert_eq!(status(&server, token, "POST", PUSH).await, 202);
        assert_eq!(status(&server, token, "DELETE", "/v2/team/app/manifests/v1").await, 403);
    }
    clock.advance(Duration::from_millis(89_999));
    assert_eq!(status(&server, &tokens[0], "GET", LIST).await, 404);
    clock.advance(Duration::from_millis(1));
    assert_eq!(status(&server, &tokens[0], "GET", LIST).await, 401);
    // Within what clocks may be apart it lets in, and brings nothing that goes on.
    assert_eq!(status(&server, &basic("ci", &assertion), "GET", LIST).await, 404);
    server.call("GET", path).header("authorization", &basic("ci", &assertion)).send().await.expect(401);
}

#[tokio::test]
async fn required_tokens_are_also_those_of_an_issuer() {
    let signer = Signer::new(JwsAlgorithm::EdDsa);
    let mut options = knowing(vec![issuer_of(&signer)]);
    options.tokens.as_mut().unwrap().required = true;
    let server = server(&TestClock::default(), options);
    let assertion = signer.assertion(&claims("acme/app"));
    assert_eq!(status(&server, &format!("Bearer {assertion}"), "GET", LIST).await, 404);
    assert_eq!(status(&server, &basic("ci", &assertion), "GET", LIST).await, 404);
    server.get("/v2/").await.expect(401);
}

#[tokio::test]
async fn decisions_name_the_workload_and_why_it_does_not_come_in() {
    let lines = Lines::default();
    let signer = Signer::new(JwsAlgorithm::EdDsa);
    let clock = TestClock::default();
    let options = RegistryOptions {
        access: access(knowing(vec![issuer_of(&signer)])),
        on_decision: Some(lines.hook()),
        ..RegistryOptions::default()
    };
    let server = Server::over(clock.storage(), options);
    let bearer = format!("Bearer {}", signer.assertion(&claims("acme/app")));
    status(&server, &bearer, "GET", LIST).await;
    let who = "workload ci:repo:acme/app:ref:refs/heads/main";
    assert_eq!(lines.take(), [format!("{who}: read tags in team/app: allowed: rule 9 allows it")]);
    let mut other = claims("acme/app");
    other["aud"] = json!("other.example");
    status(&server, &format!("Bearer {}", signer.assertion(&other)), "GET", LIST).await;
    assert_eq!(lines.take(), ["unverified: come in: denied: the assertion is for another service"]);
}

/// A registry that fetches keys from these documents, and what its operator hears.
fn fetching(
    clock: &TestClock,
    documents: Arc<dyn DocumentFetch>,
    issuer: OidcIssuer,
) -> (Server, Arc<std::sync::Mutex<Vec<String>>>) {
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    let options = RegistryOptions {
        access: access(knowing(vec![issuer])),
        documents: Some(documents),
        on_failure: Some(FailureHook::new(move |failure| told.lock().unwrap().push(failure.to_string()))),
        ..RegistryOptions::default()
    };
    (Server::over(clock.storage(), options), heard)
}

fn by(signer: &Signer, id: &str, clock: &TestClock) -> String {
    let mut claims = claims("acme/app");
    let now = clock.now().as_secs();
    (claims["iat"], claims["nbf"], claims["exp"]) = (json!(now), json!(now), json!(now + 600));
    let header = json!({ "alg": signer.algorithm(), "kid": id });
    format!("Bearer {}", signer.seal(header.to_string(), claims.to_string()))
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_when_the_issuer_has_others() {
    let (clock, documents) = (TestClock::default(), Documents::default());
    let (old, new) = (Signer::new(JwsAlgorithm::EdDsa), Signer::new(JwsAlgorithm::EdDsa));
    documents.publish(&[old.public("old")]);
    let (server, heard) = fetching(&clock, Arc::new(documents.clone()), issuer(OidcKeys::Discovered));
    for _ in 0..3 {
        assert_eq!(status(&server, &by(&old, "old", &clock), "GET", LIST).await, 404);
    }
    let urls = [format!("{ISSUER}/.well-known/openid-configuration"), format!("{ISSUER}/keys")];
    assert_eq!(documents.asked(), urls);
    documents.publish(&[old.public("old"), new.public("new")]);
    // Not asked again so soon, however many names of keys somebody makes up.
    for id in ["new", "a", "b", "c"] {
        assert_eq!(status(&server, &by(&new, id, &clock), "GET", LIST).await, 401);
    }
    assert_eq!(documents.asked(), Vec::<String>::new());
    clock.advance(Duration::from_secs(30));
    for id in ["a", "b"] {
        assert_eq!(status(&server, &by(&new, id, &clock), "GET", LIST).await, 401);
    }
    assert_eq!(status(&server, &by(&new, "new", &clock), "GET", LIST).await, 404);
    assert_eq!(documents.asked(), urls);
    // A key that is taken back goes within ten minutes.
    documents.publish(&[new.public("new")]);
    clock.advance(Duration::from_millis(600_001));
    assert_eq!(status(&server, &by(&old, "old", &clock), "GET", LIST).await, 401);
    assert_eq!(status(&server, &by(&new, "new", &clock), "GET", LIST).await, 404);
    assert_eq!(documents.asked(), urls);
    // A reload fetches nothing anew.
    server.0.reload_access(&access(knowing(vec![issuer(OidcKeys::Discovered)])));
    assert_eq!(status(&server, &by(&new, "new", &clock), "GET", LIST).await, 404);
    assert_eq!(documents.asked(), Vec::<String>::new());
    assert_eq!(*heard.lock().unwrap(), Vec::<String>::new());
}

/// Documents that are on their way until the gate is open.
#[derive(Debug)]
struct Held {
    documents: Documents,
    gate: Arc<Semaphore>,
}

#[async_trait]
impl DocumentFetch for Held {
    async fn fetch(&self, request: DocumentRequest) -> Result<Vec<u8>, DocumentFailure> {
        let fetched = self.documents.fetch(request).await;
        self.gate.acquire().await.unwrap().forget();
        fetched
    }
}

#[tokio::test]
async fn whoever_comes_while_keys_are_fetched_waits_for_them_also_after_a_reload() {
    let (clock, documents, gate) = (TestClock::default(), Documents::default(), Arc::new(Semaphore::new(0)));
    let signer = Signer::new(JwsAlgorithm::EdDsa);
    documents.publish(&[signer.public("one")]);
    let held = Held { documents: documents.clone(), gate: Arc::clone(&gate) };
    let (server, _) = fetching(&clock, Arc::new(held), issuer(OidcKeys::Discovered));
    let authorization = by(&signer, "one", &clock);
    let ask = || tokio::spawn(server.call("GET", LIST).header("authorization", &authorization).send());
    let first = ask();
    while documents.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    let second = ask();
    server.0.reload_access(&access(knowing(vec![issuer(OidcKeys::Discovered)])));
    let third = ask();
    // Long enough for both to be answered if they did not wait.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(8);
    for reply in [first, second, third] {
        reply.await.unwrap().expect(404);
    }
    assert_eq!(documents.asked(), [format!("{ISSUER}/keys")]);
}

#[tokio::test]
async fn keys_go_on_for_a_time_while_the_issuer_is_away() {
    let (clock, documents) = (TestClock::default(), Documents::default());
    let signer = Signer::new(JwsAlgorithm::EdDsa);
    documents.publish(&[signer.public("one")]);
    let url = OidcKeys::At(registry::access::IssuerUrl::parse("https://keys.example/keys").unwrap());
    let (server, heard) = fetching(&clock, Arc::new(documents.clone()), issuer(url));
    assert_eq!(status(&server, &by(&signer, "one", &clock), "GET", LIST).await, 401);
    assert_eq!(*heard.lock().unwrap(), [format!("the keys of {ISSUER} cannot be had: it is away")]);
    documents.put("https://keys.example/keys", crate::assertions::key_set(&[signer.public("one")]));
    clock.advance(Duration::from_secs(30));
    assert_eq!(status(&server, &by(&signer, "one", &clock), "GET", LIST).await, 404);
    documents.clear();
    documents.asked();
    clock.advance(Duration::from_hours(23));
    for _ in 0..3 {
        assert_eq!(status(&server, &by(&signer, "one", &clock), "GET", LIST).await, 404);
    }
    assert_eq!(documents.asked(), ["https://keys.example/keys"]);
    clock.advance(Duration::from_millis(3_600_001));
    assert_eq!(status(&server, &by(&signer, "one", &clock), "GET", LIST).await, 401);
}
