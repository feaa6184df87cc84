//! How blobs come, and how they are given.

use testkit::application::WholeGraph;
use testkit::proxy::{Answer, Exchange, Fault, Matcher, Rule};

use super::{Fixture, World, run};

fn change(matcher: Matcher, change: impl Fn(&Exchange, &mut Answer) + Send + Sync + 'static) -> Vec<Rule> {
    vec![Rule::new(matcher, Fault::change(change))]
}

fn answer(matcher: Matcher, answer: Answer) -> Vec<Rule> {
    vec![Rule::new(matcher, Fault::Answer(answer))]
}

/// The last byte that a session holds, as it is told.
fn last(answer: &Answer) -> Option<u64> {
    answer.get_header("range")?.rsplit('-').next()?.parse().ok()
}

const FIXTURES: &[Fixture] = &[
    Fixture {
        registry: "CNCF distribution 3.1, one request",
        source: "distribution/distribution registry/handlers/blobupload.go",
        rules: |_| {
            // The body is thrown away, and a session begins.
            let drops = |_: &Exchange| Answer::error(404, "UNSUPPORTED", "one request");
            vec![Rule::new(Matcher::uploads().method("POST").query_contains("digest=sha256"), Fault::answer_to(drops))]
        },
        quirks: &["single-post-refused"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Google Artifact Registry",
        source: "dotnet/sdk-container-builds#287",
        rules: |_| answer(Matcher::uploads().method("PATCH"), Answer::error(405, "UNSUPPORTED", "chunks")),
        quirks: &["chunks-refused"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Amazon ECR, chunks",
        source: "aws/containers-roadmap#2831",
        rules: |_| {
            let stuck = |request: &Exchange, answer: &mut Answer| {
                let first =
                    request.header("content-range").and_then(|range| range.split('-').next()?.parse::<u64>().ok());
                if answer.status == 202 {
                    answer.status = 201;
                    if let Some(first) = first.filter(|&first| first > 0) {
                        *answer = answer.clone().header("Range", &format!("0-{}", first - 1));
                    }
                }
            };
            change(Matcher::uploads().method("PATCH"), stuck)
        },
        quirks: &["upload-status-wrong"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Cloudflare serverless-registry, chunks",
        source: "cloudflare/serverless-registry src/chunk.ts",
        rules: |_| {
            let least = |_: &Exchange, answer: &mut Answer| {
                *answer = answer.clone().header("OCI-Chunk-Min-Length", "5242880");
            };
            change(Matcher::uploads().method("POST"), least)
        },
        quirks: &[],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Quay, sessions",
        source: "quay/quay endpoints/v2/blob.py",
        rules: |_| {
            let opened = |_: &Exchange, answer: &mut Answer| {
                if answer.status == 202 {
                    *answer = answer.clone().header("Range", "bytes=0--1");
                }
            };
            let asked = |_: &Exchange, answer: &mut Answer| {
                if let Some(last) = last(answer) {
                    *answer = answer.clone().header("Range", &format!("bytes=0-{}", last + 1));
                }
            };
            let mut rules = change(Matcher::uploads().method("POST"), opened);
            rules.extend(change(Matcher::uploads().method("GET"), asked));
            rules
        },
        quirks: &["upload-status-wrong"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "zot (2025)",
        source: "regclient/regclient#961",
        rules: |_| {
            let of_chunk = |request: &Exchange, answer: &mut Answer| {
                if answer.status == 202 && request.header("content-range").is_some_and(|range| !range.starts_with("0-"))
                {
                    let bytes = request.request_bytes.max(1);
                    *answer = answer.clone().header("Range", &format!("0-{}", bytes - 1));
                }
            };
            change(Matcher::uploads().method("PATCH"), of_chunk)
        },
        quirks: &["upload-status-wrong"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "GHCR, sessions",
        source: "radius-project/radius#12623",
        rules: |_| answer(Matcher::uploads().method("DELETE"), Answer::error(405, "UNSUPPORTED", "unsupported")),
        quirks: &["upload-cancel-refused"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Pulp",
        source: "pulp/pulp_container pulp_container/app/registry_api.py",
        rules: |_| {
            let taken = |_: &Exchange, answer: &mut Answer| {
                if answer.status == 400 {
                    *answer = Answer::new(201);
                }
            };
            change(Matcher::uploads().method("PUT"), taken)
        },
        quirks: &["digest-unverified"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Harbor 2.5, mounts",
        source: "goharbor/harbor#17097",
        rules: |_| {
            let refused = Answer::error(400, "BAD_REQUEST", "invalid repository name: app");
            answer(Matcher::uploads().method("POST").query_contains("mount="), refused)
        },
        quirks: &["mount-refused"],
        fails: &[],
        // It tells what was mounted and what was moved.
        differs: &["mirror"],
    },
    Fixture {
        registry: "Harbor 2.5, mounts from a project that is not there",
        source: "goharbor/harbor#22078",
        rules: |_| {
            let refused = Answer::error(401, "UNAUTHORIZED", "project team not found");
            answer(Matcher::uploads().method("POST").query_contains("mount="), refused)
        },
        quirks: &["mount-refused"],
        fails: &[],
        // It tells what was mounted and what was moved.
        differs: &["mirror"],
    },
    Fixture {
        registry: "Amazon ECR, storage elsewhere",
        source: "open-policy-agent/opa#6580",
        rules: |world| {
            let port = world.upstream.port();
            let elsewhere = move |request: &Exchange| {
                let is_read = request.method == "GET" && request.path.contains("/blobs/sha256:");
                // Another origin: the storage refuses what was meant for the registry.
                is_read.then(|| Answer::redirect(&format!("http://localhost:{port}{}", request.path)))
            };
            vec![Rule::new(Matcher::any().path_contains("/blobs/"), Fault::unless(elsewhere))]
        },
        quirks: &[],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "CNCF distribution as a pull-through cache",
        source: "distribution/distribution#4667",
        rules: |_| {
            let whole = |request: &Exchange, answer: &mut Answer| {
                if answer.status == 206 && request.header("range").is_some() {
                    *answer = Answer::error(416, "UNSUPPORTED", "ranges");
                }
            };
            change(Matcher::any().path_contains("/blobs/sha").method("GET"), whole)
        },
        quirks: &["ranges-refused"],
        fails: &[],
        differs: &[],
    },
];

/// Returns what makes a registry do as this one does. None of these rules needs to know where it is.
pub(super) fn rules_of(registry: &str) -> Vec<Rule> {
    let fixture = FIXTURES.iter().find(|fixture| fixture.registry == registry).unwrap();
    let nowhere = World {
        application: WholeGraph::default().build(),
        tags: Vec::new(),
        upstream: ([127, 0, 0, 1], 0).into(),
        host: String::new(),
    };
    (fixture.rules)(&nowhere)
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs() {
    run(FIXTURES).await;
}
