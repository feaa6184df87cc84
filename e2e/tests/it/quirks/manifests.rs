//! What is not there, and how manifests come and go.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use testkit::proxy::{Answer, Exchange, Fault, Matcher, Rule};

use super::{Fixture, run};

/// Answers to questions for manifests that are not there become another.
fn absent_as(answer: &Answer) -> Vec<Rule> {
    let answer = answer.clone();
    let change = move |request: &Exchange, found: &mut Answer| {
        if found.status == 404 && request.path.contains("/team/") && !request.path.contains("/team/absent") {
            *found = answer.clone();
            if request.method == "HEAD" {
                found.body.clear();
            }
        }
    };
    ["GET", "HEAD"].map(|method| Rule::new(Matcher::manifests().method(method), Fault::change(change.clone()))).into()
}

fn change(matcher: Matcher, change: impl Fn(&Exchange, &mut Answer) + Send + Sync + 'static) -> Vec<Rule> {
    vec![Rule::new(matcher, Fault::change(change))]
}

fn without(answer: &mut Answer, name: &str) {
    answer.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
}

/// Forgets a manifest when its last tag is moved to another.
fn forgets_what_was_moved() -> Vec<Rule> {
    #[derive(Default)]
    struct State {
        tags: HashMap<String, String>,
        gone: HashSet<String>,
    }
    let state: Arc<Mutex<State>> = Arc::default();
    let seen = Arc::clone(&state);
    let moved = move |request: &Exchange, answer: &mut Answer| {
        let Some(digest) = answer.get_header("docker-content-digest").map(str::to_owned) else { return };
        let mut state = seen.lock().unwrap();
        state.gone.remove(&digest);
        if request.path.contains("sha256:") || answer.status != 201 {
            return;
        }
        if let Some(before) = state.tags.insert(request.path.clone(), digest.clone())
            && before != digest
            && !state.tags.values().any(|named| *named == before)
        {
            state.gone.insert(before);
        }
    };
    let is_gone = move |request: &Exchange| {
        let digest = request.path.rsplit('/').next()?;
        let gone = matches!(&*request.method, "GET" | "HEAD") && state.lock().unwrap().gone.contains(digest);
        gone.then(|| Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"))
    };
    vec![
        Rule::new(Matcher::manifests().method("PUT"), Fault::change(moved)),
        Rule::new(Matcher::manifests(), Fault::unless(is_gone)),
    ]
}

const FIXTURES: &[Fixture] = &[
    Fixture {
        registry: "JFrog Artifactory, a remote repository",
        source: "sigstore/cosign#2973",
        rules: |_| absent_as(&Answer::error(403, "UNAUTHORIZED", "The client does not have permission for manifest")),
        quirks: &["absent-tag-denied"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Harbor",
        source: "goharbor/harbor src/lib/errors/const.go",
        rules: |_| absent_as(&Answer::error(404, "NOT_FOUND", "artifact not found")),
        quirks: &[],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Quay, a tag that has expired",
        source: "quay/quay endpoints/v2/errors.py",
        rules: |_| absent_as(&Answer::error(404, "TAG_EXPIRED", "Tag was deleted or has expired")),
        quirks: &[],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Sonatype Nexus 3.2",
        source: "andrey-pohilko/registry-cli#14",
        rules: |_| {
            let page = Answer::new(404).header("Content-Type", "text/html").body("<html>");
            vec![Rule::new(Matcher::manifests().method("HEAD"), Fault::Answer(page))]
        },
        quirks: &["head-refused"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "JFrog Artifactory 7.41",
        source: "deitch/docker_registry2#83",
        rules: |_| {
            change(Matcher::manifests().method("HEAD"), |_, answer| {
                without(answer, "docker-content-digest");
                *answer = answer.clone().header("Content-Type", "application/octet-stream");
            })
        },
        quirks: &["head-incomplete"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Amazon ECR (2022)",
        source: "distribution/distribution#3792",
        rules: |_| change(Matcher::manifests(), |_, answer| without(answer, "docker-content-digest")),
        quirks: &["digest-unsaid", "head-incomplete"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "registry.access.redhat.com (2019)",
        source: "containerd core/remotes/docker/resolver.go",
        rules: |_| {
            let get = Matcher::manifests().method("GET");
            change(get, |_, answer| *answer = answer.clone().header("Content-Type", "text/plain"))
        },
        quirks: &["type-other"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "zot",
        source: "project-zot/zot#4444",
        rules: |_| forgets_what_was_moved(),
        quirks: &["overwritten-gone"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "GHCR and Docker Hub (2023-12)",
        source: "containers/skopeo#1880, docker/hub-feedback#2360",
        rules: |_| {
            let refused = Answer::error(405, "UNSUPPORTED", "The operation is unsupported.");
            vec![Rule::new(Matcher::manifests().method("DELETE"), Fault::Answer(refused))]
        },
        quirks: &["manifest-deletion-refused", "tag-deletion-refused"],
        fails: &[
            ("delete-tag", 4, "does not allow that to be deleted"),
            ("delete", 4, "does not allow that to be deleted"),
            ("deleted", 0, ""),
            ("gc-apply", 4, "does not allow that to be deleted"),
        ],
        differs: &["deleted"],
    },
    Fixture {
        registry: "Harbor 2",
        source: "goharbor/harbor src/server/registry/manifest.go",
        rules: |_| {
            let refused = |request: &Exchange| {
                let is_tag = !request.path.contains("sha256:");
                is_tag.then(|| Answer::error(400, "UNSUPPORTED", "unsupported digest"))
            };
            vec![Rule::new(Matcher::manifests().method("DELETE"), Fault::unless(refused))]
        },
        quirks: &["tag-deletion-refused"],
        fails: &[
            ("delete-tag", 4, "does not allow that to be deleted"),
            ("delete", 4, "does not allow that to be deleted"),
            ("deleted", 0, ""),
        ],
        differs: &["deleted"],
    },
    Fixture {
        registry: "Quay",
        source: "quay/quay endpoints/v2/blob.py",
        rules: |_| {
            let refused = Answer::error(405, "UNSUPPORTED", "The operation is unsupported.");
            vec![Rule::new(Matcher::any().path_contains("/blobs/sha").method("DELETE"), Fault::Answer(refused))]
        },
        quirks: &["blob-deletion-refused"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "CNCF distribution, conditions",
        source: "measured with distribution 3.1.2",
        rules: |_| {
            // What did not hold is told as if it had.
            change(Matcher::manifests().method("PUT"), |_, answer| {
                if answer.status == 412 {
                    answer.status = 201;
                }
            })
        },
        quirks: &["tag-condition-ignored"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Huawei SWR (2026)",
        source: "regclient/regclient#720",
        rules: |_| {
            let refused = |request: &Exchange| {
                let is_oci = request.header("content-type").is_some_and(|kind| kind.contains("vnd.oci."));
                is_oci.then(|| Answer::error(400, "MANIFEST_INVALID", "Invalid image, fail to parse 'manifest.json'"))
            };
            vec![Rule::new(Matcher::manifests().method("PUT"), Fault::unless(refused))]
        },
        quirks: &["artifact-refused"],
        fails: &[
            ("copy-to", 4, "MANIFEST_INVALID"),
            ("copy-within", 4, "MANIFEST_INVALID"),
            ("load", 4, "MANIFEST_INVALID"),
            ("copy-project", 4, "MANIFEST_INVALID"),
            ("mirror", 4, "MANIFEST_INVALID"),
            ("push", 4, "MANIFEST_INVALID"),
            ("attach", 9, "has no tag 1"),
            ("attached", 9, "has no tag 1"),
            ("tag", 9, "has no tag 1"),
            ("mark", 9, "has no tag 1"),
            ("publish", 4, "MANIFEST_INVALID"),
            ("install", 9, "has no tag 1"),
            ("delete-tag", 9, "has no tag 2"),
            ("delete", 9, "has no tag 1"),
        ],
        differs: &["gc-apply"],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn manifests() {
    run(FIXTURES).await;
}
