//! Lists of what refers to a manifest: missing, elsewhere, and wrong.

use testkit::proxy::{Answer, Exchange, Fault, Matcher, Rule};

use super::{Fixture, READ, run};

/// Puts of manifests say nothing of subjects.
fn unsaid() -> Rule {
    let change = |_: &Exchange, answer: &mut Answer| {
        answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("oci-subject"));
    };
    Rule::new(Matcher::manifests().method("PUT"), Fault::change(change))
}

fn lists(fault: Fault) -> Rule {
    Rule::new(Matcher::referrers().method("GET"), fault)
}

/// What a collection removes has the lists of the fallback with it.
const LISTS_TOO: &[&str] = &["gc-apply"];

/// Commands that tell of artifacts that others have attached.
const OF_OTHERS: &[&str] = &[
    "artifacts",
    "artifacts-type",
    "copy-all",
    "copy-from",
    "copy-project",
    "copy-to",
    "copy-within",
    "gc-apply",
    "inspect",
    "load",
    "mirror",
    "pull",
    "save",
    "tree",
    "verify",
];

/// Commands that need to know what refers to an image, and those that need what they bring.
const STRANGER: &[(&str, i32, &str)] = &[
    ("inspect", 6, "is listed as referring to"),
    ("artifacts", 6, "is listed as referring to"),
    ("artifacts-type", 6, "is listed as referring to"),
    ("pull", 6, "is listed as referring to"),
    ("copy-from", 6, "is listed as referring to"),
    ("copy-all", 6, "is listed as referring to"),
    ("copy-to", 9, "cannot open out"),
    ("lock", 6, "is listed as referring to"),
    ("verify", 6, "is listed as referring to"),
    ("tree", 6, "is listed as referring to"),
    ("gc-plan", 6, "is listed as referring to"),
    ("publish", 1, "there is no Supercargo.lock"),
    ("install", 9, "has no tag 1"),
    ("save", 6, "is listed as referring to"),
    ("load", 9, "one.tar"),
    ("add", 6, "is listed as referring to"),
    ("update", 6, "is listed as referring to"),
    ("copy-project", 6, "is listed as referring to"),
    ("save-project", 6, "is listed as referring to"),
    ("vendor", 6, "is listed as referring to"),
    ("remove", 9, "older"),
    ("mirror", 6, "is listed as referring to"),
];

const FIXTURES: &[Fixture] = &[
    Fixture {
        registry: "CNCF distribution 3.1",
        source: "distribution/distribution#3716",
        rules: |_| {
            let page = Answer::new(404).header("Content-Type", "text/plain").body("404 page not found\n");
            vec![lists(Fault::Answer(page)), unsaid()]
        },
        quirks: &["referrers-missing", "subject-unsaid"],
        fails: &[],
        differs: LISTS_TOO,
    },
    Fixture {
        registry: "GHCR (2026-04)",
        source: "artifacthub/hub#4785",
        rules: |_| {
            let elsewhere =
                Answer::new(303).header("Location", "/-/v2/packages/container/package/app%2Freferrers%2Fsha256");
            let busy = Answer::new(429).header("Content-Type", "text/html").body("<html>");
            vec![
                lists(Fault::Answer(elsewhere)),
                Rule::new(Matcher::any().path_contains("/-/v2/packages"), Fault::Answer(busy)),
                unsaid(),
            ]
        },
        quirks: &["referrers-missing", "subject-unsaid"],
        fails: &[],
        differs: LISTS_TOO,
    },
    Fixture {
        registry: "GHCR (2026-07)",
        source: "NVIDIA/aicr#1957",
        rules: |_| vec![lists(Fault::Answer(Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"))), unsaid()],
        quirks: &["referrers-missing", "subject-unsaid"],
        fails: &[],
        differs: LISTS_TOO,
    },
    Fixture {
        registry: "GitLab (2026-09)",
        source: "oras-project/oras-go#1396",
        rules: |world| {
            // The tag of the fallback is taken for the digest that it is made of.
            let subject = world.application.named("index").digest;
            let tag = format!("/manifests/sha256-{}", subject.encoded());
            let path = format!("/v2/{READ}/manifests/{subject}");
            let taken = Fault::Answer(Answer::redirect(&path));
            let named = |method: &str| Rule::new(Matcher::any().path_ends(&tag).method(method), taken.clone());
            vec![
                lists(Fault::Answer(Answer::new(404).body("404 page not found\n"))),
                named("GET"),
                named("HEAD"),
                unsaid(),
            ]
        },
        quirks: &["referrers-missing", "subject-unsaid"],
        fails: &[],
        differs: OF_OTHERS,
    },
    Fixture {
        registry: "JFrog Artifactory",
        source: "oras-project/oras#1907",
        rules: |world| {
            let of_index = Matcher::referrers_of(&world.application.named("index").digest).path_contains(READ);
            vec![Rule::new(of_index, Fault::list_stranger(world.application.named("docker")))]
        },
        quirks: &["filter-claimed", "referrers-strangers"],
        fails: STRANGER,
        differs: &["gc-apply", "outdated"],
    },
    Fixture {
        registry: "Quay 3.12",
        source: "quay/quay#3071",
        rules: |_| {
            let empty = |_: &Exchange, answer: &mut Answer| {
                if answer.body.windows(14).any(|window| window == b"\"manifests\":[]") {
                    *answer = Answer::error(400, "MANIFEST_INVALID", "manifest invalid");
                }
            };
            vec![lists(Fault::change(empty))]
        },
        quirks: &["referrers-not-found"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Docker Hub (2024-03)",
        source: "docker/hub-feedback#2372",
        rules: |_| vec![lists(Fault::Answer(Answer::new(404).body("404 page not found\n")))],
        quirks: &["referrers-missing", "subject-unlisted"],
        fails: &[],
        // What others attached, who believed it, is nowhere to be seen. What we attach is.
        differs: OF_OTHERS,
    },
    Fixture {
        registry: "Harbor before 2.8",
        source: "goharbor/harbor#18413, goharbor/harbor#18865",
        rules: |_| {
            let silent = |_: &Exchange, answer: &mut Answer| {
                answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("oci-filters-applied"));
            };
            vec![lists(Fault::change(silent))]
        },
        quirks: &["filter-unsaid"],
        fails: &[],
        differs: &[],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_referrers() {
    run(FIXTURES).await;
}
