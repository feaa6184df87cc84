//! Credentials stay with the registry they are for, and refusals come to an end.

use e2e::scene::REPOSITORY;
use e2e::{Kind, Outcome, Place, Scene, users};
use registry::RegistryOptions;
use testkit::application::{Application, WholeGraph};
use testkit::proxy::{Answer, Fault, HttpProxy, Matcher, Rule};

fn application() -> Application {
    WholeGraph::default().layer_bytes(100_000).build()
}

/// A registry that asks for the password with every request.
async fn guarded() -> Place {
    Place::ours(RegistryOptions { access: users::basic(), single_post: false, ..RegistryOptions::default() }).await
}

/// Another server that has everything, before which every request is recorded.
async fn elsewhere() -> (Place, HttpProxy) {
    let place = Place::open(Kind::Ours).await.unwrap();
    place.fill(REPOSITORY, &application()).await;
    let proxy = HttpProxy::start(place.address()).await;
    (place, proxy)
}

fn assert_saw_no_secret(proxy: &HttpProxy) {
    let exchanges = proxy.log().exchanges();
    assert!(!exchanges.is_empty(), "nobody came");
    for exchange in exchanges {
        assert_eq!(exchange.header("Authorization"), None, "{}", exchange.line());
        assert_eq!(exchange.header("Cookie"), None, "{}", exchange.line());
    }
}

fn assert_tells_no_secret(outcome: &Outcome) {
    for secret in [users::PASSWORD, &users::encoded()] {
        assert!(!outcome.stdout.contains(secret) && !outcome.stderr.contains(secret), "{outcome}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_to_another_host_is_followed_without_them() {
    let (_place, elsewhere) = elsewhere().await;
    let away = Fault::redirect_to_server(&format!("http://{}", elsewhere.host()));
    for to in [Kind::Ours, Kind::Layout] {
        let destination = if to == Kind::Ours { guarded().await } else { Place::open(to).await.unwrap() };
        let scene = Scene::between(guarded().await, destination, application()).await;
        let content = |part: &str| Rule::new(Matcher::any().method("GET").path_contains(part), away.clone());
        scene.source.proxy().set_rules([content("/blobs/"), content("/manifests/")]);
        let outcome = scene.succeeds("bundle", &["--authfile", &users::auth_file(&scene)]).await;
        assert_saw_no_secret(&elsewhere);
        assert_tells_no_secret(&outcome);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_host_that_asks_for_them_is_refused() {
    let greedy = HttpProxy::server(vec![Rule::new(Matcher::any(), Fault::unauthorized("Basic realm=\"yours\""))]).await;
    let away = Fault::redirect_to_server(&format!("http://{}", greedy.host()));
    let scene = Scene::between(guarded().await, guarded().await, application()).await;
    let option = ["--authfile", &users::auth_file(&scene)];
    scene.source.proxy().set_rules([Rule::new(Matcher::any().method("GET").path_contains("/blobs/"), away)]);
    assert_tells_no_secret(&scene.fails(5, "bundle", &option, &["401"]).await);
    assert_saw_no_secret(&greedy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_location_on_another_host_gets_the_blob_without_them() {
    let takes = Fault::Answer(Answer::new(201).header("Location", "/v2/team/app/blobs/there"));
    let elsewhere = HttpProxy::server(vec![Rule::new(Matcher::any(), takes)]).await;
    let scene = Scene::between(guarded().await, guarded().await, application()).await;
    let location = format!("http://{}/upload?state=1", elsewhere.host());
    let begun = Fault::change(move |_, answer| {
        answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("location"));
        answer.headers.push(("Location".to_owned(), location.clone()));
    });
    scene.destination.proxy().set_rules([Rule::new(Matcher::uploads().method("POST"), begun)]);
    // The blobs went elsewhere, so the destination does not have them.
    let outcome = scene.copy("bundle", &["--authfile", &users::auth_file(&scene)]);
    outcome.assert_explained();
    assert!(matches!(outcome.code, Some(4 | 6)), "{outcome}");
    assert_tells_no_secret(&outcome);
    assert_saw_no_secret(&elsewhere);
    assert!(scene.destination.versions().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_location_that_nobody_should_go_to() {
    for location in ["file:///etc/passwd", "http://user:pass@127.0.0.1:1/", "gopher://127.0.0.1/", "", "http://[::"] {
        let scene = Scene::between(Place::open(Kind::Layout).await.unwrap(), guarded().await, application()).await;
        let begun = Fault::Answer(Answer::new(202).header("Location", location));
        scene.destination.proxy().set_rules([Rule::new(Matcher::uploads().method("POST"), begun)]);
        scene.fails(4, "bundle", &["--authfile", &users::auth_file(&scene)], &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_credentials_and_wrong_ones() {
    let scene = Scene::between(guarded().await, Place::open(Kind::Layout).await.unwrap(), application()).await;
    scene.fails(5, "bundle", &[], &["none are known"]).await;
    let wrong = users::auth_file(&scene);
    let text = std::fs::read_to_string(&wrong).unwrap().replace(&users::encoded(), "Y2FwdGFpbjp3cm9uZw==");
    std::fs::write(&wrong, text).unwrap();
    let outcome = scene.fails(5, "bundle", &["--authfile", &wrong], &["not accepted"]).await;
    assert!(!outcome.stderr.contains("Y2FwdGFpbjp3cm9uZw=="), "{outcome}");
}

/// Copies from a registry that never lets anybody in, and expects that it is not asked for ever.
async fn never_lets_in(rules: impl Fn(&Scene) -> Vec<Rule>, says: &str) {
    let scene = Scene::between(guarded().await, Place::open(Kind::Layout).await.unwrap(), application()).await;
    scene.source.proxy().set_rules(rules(&scene));
    let outcome = scene.fails(5, "bundle", &["--authfile", &users::auth_file(&scene)], &[says]).await;
    assert_tells_no_secret(&outcome);
    let requests = scene.source.proxy().log().exchanges().len();
    assert!(requests <= 20, "{requests} requests to a registry that lets nobody in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_asks_again_and_again() {
    let challenge = |text: &str| vec![Rule::new(Matcher::any().path_contains("/v2/"), Fault::unauthorized(text))];
    never_lets_in(|_| challenge("Basic realm=\"x\""), "not accepted").await;
    never_lets_in(|_| challenge("Negotiate"), "not supported").await;
    never_lets_in(|_| challenge("Bearer realm="), "").await;
    never_lets_in(|_| challenge(""), "").await;
    let tokens = |scene: &Scene, token: Fault| {
        let realm = format!("Bearer realm=\"http://{}/token\",service=\"x\"", scene.source.proxy().host());
        let mut rules = challenge(&realm);
        rules.push(Rule::new(Matcher::any().path_ends("/token"), token));
        rules
    };
    let given = || Fault::Answer(Answer::new(200).body(r#"{"token":"abc","expires_in":300}"#));
    never_lets_in(|scene| tokens(scene, given()), "not accepted").await;
    never_lets_in(|scene| tokens(scene, Fault::unauthorized("Basic realm=\"x\"")), "").await;
    never_lets_in(|scene| tokens(scene, Fault::Answer(Answer::error(403, "DENIED", "not you"))), "not you").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_service_elsewhere_without_tls_gets_nothing() {
    // A name that leads nowhere: were it asked, the error would be another one.
    let realm = "Bearer realm=\"http://token.invalid/token\"";
    let everywhere = Matcher::any().path_contains("/v2/");
    never_lets_in(|_| vec![Rule::new(everywhere.clone(), Fault::unauthorized(realm))], "not reached over TLS").await;
}
