//! Lists of tags: their order, their pages, and what is in them.

use std::collections::BTreeSet;

use e2e::Program;
use serde_json::{Value, json};
use testkit::proxy::{Answer, Exchange, Fault, HttpProxy, Matcher, Rule};

use super::{Fixture, READ, World, run};

/// How a registry gives its list of tags.
struct List {
    /// In its own order.
    names: Vec<Value>,
    /// Tags of a page at most.
    page: usize,
    /// Returns `Link` for the next page, after what was asked and where the page ends.
    link: fn(&Exchange, usize, &Value) -> Option<String>,
    /// Returns where a page begins that is to come after something; `None` says that it takes no such thing.
    after: fn(&[Value], &str) -> Option<usize>,
}

impl List {
    fn of(tags: Vec<String>) -> Self {
        let link = |request: &Exchange, end: usize, last: &Value| {
            let _ = end;
            Some(format!("<{}?last={}>; rel=\"next\"", request.path, last.as_str().unwrap_or_default()))
        };
        let after = |names: &[Value], last: &str| {
            let is_sorted = names.is_sorted_by_key(|name| name.as_str().map(str::to_owned));
            let found = names.iter().position(|name| name.as_str() == Some(last)).map(|at| at + 1);
            let next = || names.iter().position(|name| is_sorted && name.as_str() > Some(last));
            found.or_else(next).or(Some(names.len()))
        };
        Self { names: tags.into_iter().map(Value::from).collect(), page: 100, link, after }
    }

    /// Returns what answers in the place of the registry's own list.
    fn rules(self) -> Vec<Rule> {
        let answer = move |request: &Exchange| self.answer(request);
        vec![Rule::new(Matcher::tags().path_contains(READ), Fault::answer_to(answer))]
    }

    fn answer(&self, request: &Exchange) -> Answer {
        let begin = match parameter(request, "last") {
            None => Some(0),
            Some(last) => (self.after)(&self.names, &last),
        };
        let Some(begin) = begin else { return Answer::error(405, "UNSUPPORTED", "invalid parameter at 'nextToken'") };
        let wanted = parameter(request, "n").and_then(|n| n.parse().ok()).unwrap_or(self.page).min(self.page);
        let end = self.names.len().min(begin + wanted);
        let page = &self.names[begin..end];
        let body = json!({"name": READ, "tags": page}).to_string();
        let answer = Answer::new(200).header("Content-Type", "application/json").body(body);
        match page.last().filter(|_| end < self.names.len()).and_then(|last| (self.link)(request, end, last)) {
            Some(link) => answer.header("Link", &link),
            None => answer,
        }
    }
}

fn parameter(request: &Exchange, name: &str) -> Option<String> {
    request.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

/// An order that is none: as if by age.
fn by_age(world: &World) -> Vec<String> {
    let mut tags = world.tags.clone();
    tags.sort_by_key(|tag| (tag.bytes().map(u64::from).sum::<u64>() % 7, tag.clone()));
    tags
}

/// Commands that need all tags, and those that need what these bring. The others ask for what tags may attach by its name.
const UNLISTED: &[(&str, i32, &str)] = &[
    ("tags", 5, "denied the list of tags"),
    ("copy-all", 5, "denied the list of tags"),
    ("copy-to", 5, "denied the list of tags"),
    ("copy-within", 5, "denied the list of tags"),
    ("lock", 5, "denied the list of tags"),
    ("outdated", 5, "denied the list of tags"),
    ("verify", 5, "denied the list of tags"),
    ("tree", 5, "denied the list of tags"),
    ("gc-plan", 5, "denied the list of tags"),
    ("publish", 1, "there is no Supercargo.lock"),
    ("install", 9, "has no tag 1"),
    ("delete-tag", 5, "denied the list of tags"),
    ("delete", 5, "denied the list of tags"),
    ("deleted", 0, ""),
    ("tags-explained", 5, "denied the list of tags"),
    ("tags-prefix", 5, "denied the list of tags"),
    ("load", 5, "denied the list of tags"),
    ("candidates", 5, "denied the list of tags"),
    ("add", 5, "denied the list of tags"),
    ("update", 5, "denied the list of tags"),
    ("copy-project", 5, "denied the list of tags"),
    ("save-project", 5, "denied the list of tags"),
    ("vendor", 5, "denied the list of tags"),
    ("remove", 9, "older"),
    ("mirror", 5, "denied the list of tags"),
    ("gc-apply", 5, "denied the list of tags"),
];

const FIXTURES: &[Fixture] = &[
    Fixture {
        registry: "Amazon ECR",
        source: "deitch/docker_registry2#34, docker-archive/migrator#96",
        rules: |world| {
            // Only what a page has named is known to continue it: what is answered to a tag is not told anywhere.
            let link = |request: &Exchange, end: usize, _: &Value| {
                Some(format!("<http://{}{}?last=opaque-{end}>; rel=\"next\"", request.header("host")?, request.path))
            };
            let after = |_: &[Value], last: &str| last.strip_prefix("opaque-")?.parse().ok();
            List { page: 3, link, after, ..List::of(by_age(world)) }.rules()
        },
        quirks: &["tag-last-refused", "tags-unordered"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Google Container Registry",
        source: "google/go-containerregistry#897",
        rules: |world| {
            let link = |_: &Exchange, _: usize, _: &Value| None;
            List { page: usize::MAX / 2, link, after: |_, _| Some(0), ..List::of(world.tags.clone()) }.all_at_once()
        },
        quirks: &["tag-last-ignored", "tag-number-ignored"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "GHCR",
        source: "renovatebot/renovate#36103",
        rules: |world| List { page: 4, ..List::of(by_age(world)) }.rules(),
        quirks: &["tags-unordered"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "CNCF distribution 3.1.0 with tags.maxtags below 1000",
        source: "distribution/distribution#4844",
        rules: |_| {
            let refused = |request: &Exchange| {
                let number: usize = parameter(request, "n")?.parse().ok()?;
                let refused = || Answer::error(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested");
                (number > 100).then(refused)
            };
            vec![Rule::new(Matcher::tags(), Fault::unless(refused))]
        },
        quirks: &["tag-number-refused"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "CNCF distribution 2.8",
        source: "distribution/distribution#3143",
        rules: |world| List { after: |_, _| Some(0), ..List::of(by_age(world)) }.all_at_once(),
        quirks: &["tag-last-ignored", "tag-number-ignored", "tags-unordered"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Sonatype Nexus 3.58",
        source: "containers/skopeo#2409",
        rules: |world| {
            let mut list = List::of(world.tags.clone());
            list.names.insert(0, Value::Null);
            list.rules()
        },
        quirks: &["tags-foreign"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "JFrog Artifactory",
        source: "containers/skopeo#2346",
        rules: |world| {
            let mut list = List::of(world.tags.clone());
            list.names.push(world.application.named("index").digest.to_string().into());
            list.rules()
        },
        quirks: &["tags-foreign"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "JFrog Artifactory, a virtual repository",
        source: "RTFACT-18971 in renovatebot/renovate",
        rules: |world| {
            let link = |request: &Exchange, _: usize, last: &Value| {
                let inside = request.path.replace("/v2/team/", "/v2/");
                Some(format!("<{inside}?last={}>; rel=\"next\"", last.as_str()?))
            };
            List { page: 3, link, ..List::of(world.tags.clone()) }.rules()
        },
        quirks: &["tag-link-lost"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Gitea",
        source: "microsoft/vscode-docker#4309",
        rules: |world| {
            let last = world.tags.last().cloned().unwrap();
            let more = move |request: &Exchange, answer: &mut Answer| {
                let is_empty = answer.body.windows(9).any(|window| window == b"\"tags\":[]");
                if answer.get_header("Link").is_none() && !is_empty {
                    let link = format!("<{}?last={last}>; rel=\"next\"", request.path);
                    answer.headers.push(("Link".to_owned(), link));
                }
            };
            vec![Rule::new(Matcher::tags().path_contains(READ), Fault::change(more))]
        },
        quirks: &["tag-link-endless"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Cloudflare serverless-registry",
        source: "cloudflare/serverless-registry src/router.ts",
        rules: |world| {
            let link = |request: &Exchange, _: usize, last: &Value| {
                let host = request.header("host")?;
                Some(format!("http://{host}{}?n=50&last={}; rel=next", request.path, last.as_str()?))
            };
            List { page: 5, link, ..List::of(world.tags.clone()) }.rules()
        },
        quirks: &["tag-link-bare"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "go-containerregistry's registry",
        source: "google/go-containerregistry#918",
        rules: |world| List { page: 1000, link: |_, _, _| None, ..List::of(world.tags.clone()) }.rules(),
        quirks: &["tag-list-cut"],
        fails: &[],
        differs: &[],
    },
    Fixture {
        registry: "Amazon ECR without the right to list images",
        source: "containers/skopeo#738",
        rules: |_| vec![Rule::new(Matcher::tags(), Fault::Answer(Answer::error(403, "DENIED", "not authorized")))],
        quirks: &["tag-list-refused"],
        fails: UNLISTED,
        differs: &["deleted"],
    },
];

impl List {
    /// Returns what answers with the whole list, whatever is asked.
    fn all_at_once(self) -> Vec<Rule> {
        let body = json!({"name": READ, "tags": self.names, "child": [], "manifest": {}}).to_string();
        let answer = Answer::new(200).header("Content-Type", "application/json").body(body);
        vec![Rule::new(Matcher::tags().path_contains(READ), Fault::Answer(answer))]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_tags() {
    run(FIXTURES).await;
}

/// Puts tags into an order.
type Order = fn(Vec<String>) -> Vec<String>;

/// Tags of a repository with many versions, and some that are none.
fn versions() -> Vec<String> {
    let versions = (0..1500).map(|number| format!("1.{}.{}", number / 15, number % 15));
    let others = ["latest", "v1.27", "1.27", "1.2", "1.270", "edge", "Nightly"].map(str::to_owned);
    versions.chain(others).collect()
}

/// Where a registry has shown that it lists tags in the order of their bytes, those that begin with a text are three requests at most.
/// In any other order they are the same, and take the whole list.
#[tokio::test(flavor = "multi_thread")]
async fn tags_that_begin_with_a_text() {
    let by_bytes: Order = |mut tags| {
        tags.sort();
        tags
    };
    let backwards: Order = |mut tags| {
        tags.reverse();
        tags
    };
    let folded: Order = |mut tags| {
        tags.sort_by_key(|tag| tag.to_ascii_lowercase());
        tags
    };
    let as_made: Order = |tags| tags;
    for (order, is_by_bytes) in [(by_bytes, true), (backwards, false), (folded, false), (as_made, false)] {
        let list = List { page: 100, ..List::of(order(versions())) };
        let mut rules = vec![Rule::new(Matcher::any().path_ends("/v2/"), Fault::Answer(Answer::new(200)))];
        rules.extend(list.rules());
        let server = HttpProxy::server(rules).await;
        let program = Program::default();
        let repository = format!("{}/{READ}", server.host());
        program.succeed(&["tags", &repository]);
        for prefix in ["1.27", "1.99.1", "1.", "v", "N", "z", "0"] {
            server.log().clear();
            let outcome = program.run(&["tags", &repository, "--prefix", prefix]);
            let listed: BTreeSet<String> = outcome.stdout.lines().map(str::to_owned).collect();
            let expected: BTreeSet<String> = versions().into_iter().filter(|tag| tag.starts_with(prefix)).collect();
            assert_eq!(listed, expected, "{prefix}: {outcome}");
            assert_eq!(outcome.code, Some(if expected.is_empty() { 9 } else { 0 }), "{outcome}");
            if is_by_bytes && ["1.27", "1.99.1", "v", "N"].contains(&prefix) {
                assert!(server.log().exchanges().len() <= 3, "{prefix}: {:?}", server.log().sorted_lines());
            }
        }
    }
}
