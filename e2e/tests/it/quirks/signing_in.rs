//! How registries want to be shown who asks.

use testkit::proxy::{Answer, Exchange, Fault, Matcher, Rule};

use super::{Fixture, World, run};

/// The token that lets in.
const TOKEN: &str = "Bearer let-me-in";

fn is_service(request: &Exchange) -> bool {
    request.path == "/token"
}

/// Asks for a token of the service beside the registry, in answer to every request without one that this is about.
fn challenge(world: &World, about: fn(&Exchange) -> bool) -> Rule {
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"registry\"", world.host);
    let wanted = move |request: &Exchange| {
        let is_let_in = request.header("authorization") == Some(TOKEN) || is_service(request);
        let refused = Answer::error(401, "UNAUTHORIZED", "authentication required");
        (!is_let_in && about(request)).then(|| refused.header("WWW-Authenticate", &realm))
    };
    Rule::new(Matcher::any(), Fault::unless(wanted))
}

/// What the service answers.
fn service(answer: impl Fn(&Exchange) -> Answer + Send + Sync + 'static) -> Rule {
    Rule::new(Matcher::any().path_ends("/token"), Fault::answer_to(answer))
}

fn token(field: &str) -> Answer {
    let body = format!("{{\"{field}\": \"let-me-in\"}}");
    Answer::new(200).header("Content-Type", "application/json").body(body)
}

const FIXTURES: &[Fixture] = &[
    Fixture {
        registry: "Azure Container Registry",
        source: "google/go-containerregistry#54",
        rules: |world| vec![service(|_| token("access_token")), challenge(world, |_| true)],
        quirks: &[],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Quay, tokens",
        source: "quay/quay endpoints/v2/v2auth.py",
        rules: |world| {
            let known = |request: &Exchange| {
                let is_known = !request.query.contains("delete");
                if is_known {
                    token("token")
                } else {
                    Answer::error(400, "INVALID_REQUEST", "Unable to decode repository and actions")
                }
            };
            vec![service(known), challenge(world, |_| true)]
        },
        quirks: &[],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Docker Hub, a repository that is not there",
        source: "docker-archive/docker-registry#1071",
        rules: |world| {
            let realm = format!(
                "Bearer realm=\"http://{}/token\",service=\"registry\",error=\"insufficient_scope\"",
                world.host
            );
            let never = move |request: &Exchange| {
                let refused = Answer::error(401, "UNAUTHORIZED", "authentication required");
                request.path.contains("/absent").then(|| refused.header("WWW-Authenticate", &realm))
            };
            vec![
                service(|_| token("token")),
                Rule::new(Matcher::any().path_contains("/absent"), Fault::unless(never)),
                challenge(world, |_| true),
            ]
        },
        quirks: &["absent-repository-denied"],
        fails: &[("absent-repository", 5, "team/absent denied")],
        differs: &[],
    },
    Fixture {
        registry: "a registry of many tenants",
        source: "containers/image#2754",
        rules: |world| vec![service(|_| token("token")), challenge(world, |request| request.path != "/v2/")],
        quirks: &[],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Google Container Registry (old)",
        source: "containers/image docker/docker_client.go",
        rules: |world| {
            let silent = |request: &Exchange| {
                let is_let_in = request.header("authorization") == Some(TOKEN) || is_service(request);
                let refused = || Answer::error(401, "UNAUTHORIZED", "authentication required");
                (!is_let_in && request.path != "/v2/").then(refused)
            };
            let ping = |request: &Exchange| request.path == "/v2/";
            vec![
                service(|_| token("token")),
                Rule::new(Matcher::any().path_contains("/v2/team"), Fault::unless(silent)),
                challenge(world, ping),
            ]
        },
        quirks: &[],
        fails: &[],
        differs: &[],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn signing_in() {
    run(FIXTURES).await;
}
