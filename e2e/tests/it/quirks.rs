//! Registries as they are: each fixture is a quirk of one that has it, told of in the source it names. Every command works there as it
//! does elsewhere, or fails with the right word, and `doctor` names the quirk.

mod broken;
mod commands;
mod lists;
mod manifests;
mod referrers;
mod signing_in;
mod uploads;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use e2e::{Kind, Place, Program};
use serde_json::Value;
use testkit::application::{Application, WholeGraph};
use testkit::proxy::{HttpProxy, Rule};

/// The repository that is read.
const READ: &str = "team/app";

/// Tags beside those of the application, all of the image `1.0`.
const MORE_TAGS: [&str; 6] = ["0.9", "1.1", "2.0-RC1", "Beta", "alpha", "latest"];

/// What a registry does that has a quirk.
struct Fixture {
    /// Who has it, and in which version or when.
    registry: &'static str,
    /// Where that is told.
    source: &'static str,
    /// What makes a registry do the same.
    rules: fn(&World) -> Vec<Rule>,
    /// What `doctor` finds.
    quirks: &'static [&'static str],
    /// Commands that cannot work there, by their labels: exit code, and what the error says.
    fails: &'static [(&'static str, i32, &'static str)],
    /// Commands that work and find something else.
    differs: &'static [&'static str],
}

/// What rules may need to know.
struct World {
    application: Application,
    /// Every tag of the repository that is read, sorted.
    tags: Vec<String>,
    /// The registry around the observer.
    upstream: std::net::SocketAddr,
    /// Where the registry is reached.
    host: String,
}

/// What commands brought, by their labels, without what differs from run to run.
type Results = BTreeMap<&'static str, Value>;

/// Runs every command at registries that do as the fixtures say, and `doctor`.
async fn run(fixtures: &[Fixture]) {
    let expected = plain().await;
    let mut all = Vec::new();
    for fixture in fixtures {
        let (found, mut wrong, doctor) = visit(Some(fixture)).await;
        if doctor != fixture.quirks {
            wrong.push(format!("doctor finds {doctor:?} and not {:?}", fixture.quirks));
        }
        for (label, result) in found {
            if !fixture.differs.contains(&label) && result != expected[label] {
                wrong.push(format!("{label} brings {result:#}\nand not {:#}", expected[label]));
            }
        }
        let named = wrong.into_iter().map(|wrong| format!("{} ({}): {wrong}", fixture.registry, fixture.source));
        all.extend(named);
    }
    assert!(all.is_empty(), "{}", all.join("\n\n"));
}

/// Returns what the commands bring where there are no quirks.
async fn plain() -> &'static Results {
    static PLAIN: OnceLock<Results> = OnceLock::new();
    if PLAIN.get().is_none() {
        let (results, wrong, quirks) = visit(None).await;
        assert!(wrong.is_empty() && quirks.is_empty(), "our registry is as specified: {wrong:?} {quirks:?}");
        let _ = PLAIN.set(results);
    }
    PLAIN.get().unwrap()
}

/// Returns what the commands brought, what was wrong with that, and the quirks that `doctor` found.
async fn visit(fixture: Option<&Fixture>) -> (Results, Vec<String>, Vec<String>) {
    let place = Place::open(Kind::Ours).await.unwrap();
    let application = WholeGraph::default().build();
    let proxy = HttpProxy::start(place.address()).await;
    let mut world = World { application, tags: Vec::new(), upstream: place.address(), host: proxy.host().to_string() };
    // A registry without lists of referrers has been written to as such.
    let rules = |world: &World| fixture.map(|fixture| (fixture.rules)(world)).unwrap_or_default();
    let is_listless = fixture.is_some_and(|fixture| fixture.quirks.contains(&"subject-unsaid"));
    let around = place.read(READ);
    let through = e2e::place::repository_at(&proxy.host(), READ);
    if is_listless {
        proxy.set_rules(rules(&world));
    }
    world.application.write_to_store(if is_listless { &*through } else { &*around }).await.unwrap();
    let index = world.application.manifest(&world.application.named("index").digest).unwrap().clone();
    for tag in MORE_TAGS {
        around.tag(&tag.parse().unwrap(), &index).await.unwrap();
    }
    world.tags = around.tags().await.unwrap().iter().map(ToString::to_string).collect();
    proxy.set_rules(rules(&world));
    let mut program = Program::default();
    program.set("SUPERCARGO_NOW", "2026-03-31T12:00:00Z");
    let fails = fixture.map_or(&[][..], |fixture| fixture.fails);
    let (results, wrong) = commands::run_all(&program, &world, fails);
    let image = format!("{}/{READ}:1.0", world.host);
    let document = program.json(&["doctor", &image, "--write"]);
    (results, wrong, names(&document))
}

#[tokio::test(flavor = "multi_thread")]
async fn our_registry_has_none() {
    plain().await;
}

/// What `doctor` finds at registries that others have made. It leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn registries_of_others() {
    let expected: [(Kind, &[&str]); 4] = [
        (
            Kind::Distribution,
            &[
                "referrers-missing",
                "single-post-session",
                "subject-unsaid",
                "tag-condition-ignored",
                "tag-history-missing",
                "tag-parameter-ignored",
            ],
        ),
        (
            Kind::DockerRegistry,
            &[
                "chunk-order-unchecked",
                "referrers-missing",
                "single-post-session",
                "subject-unsaid",
                "tag-condition-ignored",
                "tag-deletion-refused",
                "tag-history-missing",
                "tag-last-ignored",
                "tag-number-ignored",
                "tag-parameter-ignored",
                "tags-unordered",
            ],
        ),
        (
            Kind::OciRegistry,
            &[
                "not-modified-unsaid",
                "sha512-refused",
                "tag-condition-ignored",
                "tag-history-missing",
                "tag-parameter-ignored",
                "upload-cancel-refused",
            ],
        ),
        (
            Kind::Liar,
            &[
                "filter-ignored",
                "mount-refused",
                "not-modified-unsaid",
                "subject-unsaid",
                "tag-condition-ignored",
                "tag-history-missing",
                "tag-list-cut",
                "tag-parameter-ignored",
                "upload-cancel-refused",
                "upload-status-missing",
            ],
        ),
    ];
    for (kind, quirks) in expected {
        let Some(place) = Place::open(kind).await else { continue };
        place.fill(READ, &WholeGraph::default().build()).await;
        let program = Program::default();
        let document = program.json(&["doctor", &format!("{}:1.0", place.reference(READ)), "--write"]);
        assert_eq!(names(&document), quirks, "{kind:?}: {document:#}");
        assert_eq!(document["left"], serde_json::json!([]), "{kind:?}");
    }
}

/// Returns the names of the quirks of a document, sorted.
fn names(document: &Value) -> Vec<String> {
    let quirks = document["quirks"].as_array().unwrap().iter();
    let mut names: Vec<String> = quirks.map(|quirk| quirk["name"].as_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}
