//! Tags that go by themselves: which, when, and what that leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oci::Digest;
use registry::{
    BlobFiles, BlobMemory, Clock, Immutability, ImmutableTags, Keeping, Registry, RegistryOptions, Reindex, Retention,
    RetentionReason, RetentionRule, Storage, Untagged,
};
use resolve::retention::{Age, Pattern, Rules};
use serde_json::json;
use tempfile::TempDir;

use crate::backends::{Backend, closed, new_bucket, new_schema, node, on_every_deployment};
use crate::server::{INDEX, MANIFEST, Server, descriptor, digest, image, index};

/// Seconds.
const DAY: u64 = 24 * 60 * 60;

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

/// Returns a rule for tags of all repositories that keeps none of them.
fn rule() -> RetentionRule {
    let tags = Rules { delete: patterns(&["*"]), ..Rules::default() };
    RetentionRule { repositories: patterns(&["*"]), tags, pulled_within: None, untagged: None }
}

fn newest(keep: usize) -> RetentionRule {
    let tags = Rules { keep: Some(keep), ..rule().tags };
    RetentionRule { tags, ..rule() }
}

fn pushed_within(seconds: u64) -> RetentionRule {
    let tags = Rules { older_than: Some(Age { seconds }), ..rule().tags };
    RetentionRule { tags, ..rule() }
}

fn pulled_within(seconds: u64) -> RetentionRule {
    RetentionRule { pulled_within: Some(Age { seconds }), ..rule() }
}

fn options(rules: Vec<RetentionRule>) -> RegistryOptions {
    RegistryOptions { retention: Retention::new(rules), ..RegistryOptions::default() }
}

async fn tags(server: &Server, repository: &str) -> Vec<String> {
    let document = server.get(&format!("/v2/{repository}/tags/list")).await.expect(200).json();
    document["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()).collect()
}

async fn the_newest_stay_and_what_goes_is_a_deletion(backend: Backend) {
    let server = backend.server_with(options(vec![newest(2)])).await;
    let first = server.put_image("app", "1", "1").await;
    for tag in ["2", "3", "4"] {
        server.put_image("app", tag, tag).await;
    }
    server.0.collect().await;
    assert_eq!(tags(&server, "app").await, ["3", "4"]);
    // What it named is untagged now, and the history says that it went.
    server.get(&format!("/v2/app/manifests/{first}")).await.expect(200);
    let history = server.get("/v2/app/_oci/tag-history/1").await.expect(200).json();
    assert_eq!(history.as_array().unwrap().len(), 2, "{history}");
    server.put_image("app", "5", "5").await;
    server.0.collect().await;
    assert_eq!(tags(&server, "app").await, ["4", "5"]);
    server.0.collect().await;
    assert_eq!(tags(&server, "app").await, ["4", "5"]);
}

async fn only_what_a_rule_is_for_goes(backend: Backend) {
    let mut ci = newest(1);
    ci.repositories = patterns(&["team/*"]);
    ci.tags.delete = patterns(&["ci-*"]);
    ci.tags.keep_tags = patterns(&["ci-release-*"]);
    let mut both = newest(3);
    both.repositories = patterns(&["team/b"]);
    both.tags.delete = patterns(&["ci-*"]);
    let server = backend.server_with(options(vec![ci, both])).await;
    let all = ["ci-1", "ci-2", "ci-3", "ci-release-1", "v1"];
    for repository in ["team/a", "team/b", "other"] {
        for tag in all {
            server.put_image(repository, tag, tag).await;
        }
    }
    server.0.collect().await;
    assert_eq!(tags(&server, "team/a").await, ["ci-3", "ci-release-1", "v1"]);
    // Every rule that is for a tag has to let it go.
    assert_eq!(tags(&server, "team/b").await, ["ci-2", "ci-3", "ci-release-1", "v1"]);
    assert_eq!(tags(&server, "other").await, all);
}

async fn what_is_held_pinned_or_immutable_stays(backend: Backend) {
    let immutable = ImmutableTags { repositories: patterns(&["*"]), tags: patterns(&["v*"]), except: Vec::new() };
    let immutable = Immutability::new(vec![immutable]);
    let server = backend.server_with(RegistryOptions { immutable, ..options(vec![newest(1)]) }).await;
    for tag in ["held", "pinned", "v1", "goes", "z"] {
        let image = server.put_image("app", tag, tag).await;
        let kind = match tag {
            "held" => "legal",
            "pinned" => "pin",
            _ => continue,
        };
        let call = server.call("PUT", &format!("/v2/app/_supercargo/holds/{image}"));
        call.body(json!({ "kind": kind, "reason": "r" }).to_string()).send().await.expect(201);
    }
    server.0.collect().await;
    assert_eq!(tags(&server, "app").await, ["held", "pinned", "v1", "z"]);
    let held = digest(&image(&[], None, "held"));
    server.delete(&format!("/v2/app/_supercargo/holds/{held}?kind=legal")).await.expect(202);
    server.0.collect().await;
    assert_eq!(tags(&server, "app").await, ["pinned", "v1", "z"]);
}

async fn nothing_goes_by_pulls_before_they_were_counted(backend: Backend) {
    let server = backend.server_with(options(vec![pulled_within(1)])).await;
    server.put_image("app", "v1", "1").await;
    server.0.collect().await;
    server.get("/v2/app/manifests/v1").await.expect(200);
    server.0.write_pulls().await;
    server.0.collect().await;
    assert_eq!(tags(&server, "app").await, ["v1"]);
}

/// Returns an empty storage, and the directory that it needs.
async fn storage(backend: Backend) -> (Storage, Option<TempDir>) {
    let keeping = Keeping::default();
    match backend {
        Backend::Memory => (Storage::in_memory(), None),
        Backend::Bucket | Backend::Nodes => {
            let (_, blobs) = new_bucket().unwrap();
            (Storage::in_memory_with(Arc::new(blobs), Clock::system(), keeping), None)
        }
        Backend::Files => {
            let directory = tempfile::tempdir().unwrap();
            (Storage::open(directory.path(), Clock::system(), keeping).await.unwrap(), Some(directory))
        }
        Backend::Postgres => {
            let directory = tempfile::tempdir().unwrap();
            let (server, schema) = new_schema().unwrap();
            (node(server, &schema, BlobFiles::open(directory.path()).unwrap()).await, Some(directory))
        }
    }
}

/// Returns the tags that rules take away, and why they go or stay.
async fn judged(storage: &Storage, rules: &Retention) -> Vec<(String, bool, RetentionReason)> {
    let mut verdicts = Vec::new();
    let on_tag = |verdict: registry::TagVerdict| {
        verdicts.push((verdict.tag.to_string(), verdict.pulled_at.is_some(), verdict.reason));
    };
    storage.judge_tags(rules, &Immutability::default(), on_tag).await.unwrap();
    verdicts
}

async fn a_look_says_what_would_go_and_why(backend: Backend) {
    let (storage, _directory) = storage(backend).await;
    let options = options(vec![pulled_within(DAY)]);
    let server = Server::over(storage.clone(), options.clone());
    for tag in ["asked", "part", "unasked"] {
        let child = image(&[], None, tag);
        server.put_image("app", &format!("{tag}-1"), tag).await;
        let whole = index(&[descriptor(MANIFEST, child.to_string().as_bytes())]);
        server.put_manifest("app", tag, INDEX, &whole).await.expect(201);
    }
    server.head("/v2/app/manifests/asked").await.expect(200);
    server.get(&format!("/v2/app/manifests/{}", digest(&image(&[], None, "part")))).await.expect(200);
    server.get("/v2/app/manifests/absent").await.expect(404);
    server.0.write_pulls().await;
    let mut pulled = judged(&storage, &options.retention).await;
    pulled.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [("asked", true), ("asked-1", false), ("part", true), ("part-1", true)];
    let expected = expected.into_iter().chain([("unasked", false), ("unasked-1", false)]);
    let expected = expected.map(|(tag, is_pulled)| (tag.to_owned(), is_pulled, RetentionReason::Pulled));
    assert_eq!(pulled, expected.collect::<Vec<_>>(), "an index is asked for when a part of it is");
    let mut verdicts = judged(&storage, &Retention::new(vec![newest(4)])).await;
    verdicts.sort_by(|one, other| one.0.cmp(&other.0));
    let goes = |tag: &str| (tag.to_owned(), false, RetentionReason::Rule);
    assert_eq!(verdicts, [goes("asked"), goes("asked-1")]);
    assert_eq!(tags(&server, "app").await.len(), 6, "nothing was changed");
}

on_every_deployment! {
    the_newest_stay_and_what_goes_is_a_deletion,
    only_what_a_rule_is_for_goes,
    what_is_held_pinned_or_immutable_stays,
    nothing_goes_by_pulls_before_they_were_counted,
    a_look_says_what_would_go_and_why,
}

#[tokio::test]
async fn a_node_with_other_rules_leaves_it_to_those_of_which_the_database_was_told_last() {
    let Some((server, schema)) = new_schema() else { return };
    let directory = tempfile::tempdir().unwrap();
    let open = async || node(server, &schema, BlobFiles::open(directory.path()).unwrap()).await;
    let (old, new) = (open().await, open().await);
    let (old, new) = (Server::over(old, options(vec![newest(1)])), Server::over(new, options(vec![newest(2)])));
    old.put_image("app", "1", "1").await;
    old.0.collect().await;
    new.0.collect().await;
    for tag in ["2", "3"] {
        old.put_image("app", tag, tag).await;
    }
    old.0.collect().await;
    assert_eq!(tags(&old, "app").await, ["1", "2", "3"]);
    new.0.collect().await;
    assert_eq!(tags(&old, "app").await, ["2", "3"]);
}

/// A registry with a clock of its own.
struct House {
    server: Server,
    storage: Storage,
    seconds: Arc<AtomicU64>,
}

impl House {
    fn new(rules: Vec<RetentionRule>) -> Self {
        let seconds = Arc::new(AtomicU64::new(1000 * DAY));
        let clock = Clock::new({
            let seconds = Arc::clone(&seconds);
            move || Duration::from_secs(seconds.load(Ordering::SeqCst))
        });
        let storage = Storage::in_memory_with(Arc::new(BlobMemory::default()), clock, Keeping::default());
        let server = Server::over(storage.clone(), options(rules));
        Self { server, storage, seconds }
    }

    async fn collect_after(&self, seconds: u64) -> Vec<String> {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
        self.server.0.collect().await;
        assert_eq!(self.storage.miscounted().await.unwrap(), []);
        tags(&self.server, "app").await
    }
}

#[tokio::test]
async fn a_tag_goes_when_its_time_has_come_and_nobody_touches_the_repository() {
    let house = House::new(vec![pushed_within(30 * DAY)]);
    house.server.put_image("app", "old", "1").await;
    assert_eq!(house.collect_after(10 * DAY).await, ["old"]);
    house.server.put_image("app", "young", "2").await;
    assert_eq!(house.collect_after(19 * DAY).await, ["old", "young"]);
    assert_eq!(house.collect_after(DAY + 1).await, ["young"]);
    assert_eq!(house.collect_after(10 * DAY + 1).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_somebody_asks_for_stays_and_a_pull_costs_a_row_an_hour() {
    let house = House::new(vec![pulled_within(10 * DAY)]);
    house.server.put_image("app", "asked", "1").await;
    house.server.put_image("app", "unasked", "2").await;
    house.collect_after(0).await;
    for _ in 0..4 {
        house.server.head("/v2/app/manifests/asked").await.expect(200);
        // Answers that are remembered count as well.
        house.server.get("/v2/app/manifests/asked").await.expect(200);
        house.server.0.write_pulls().await;
        house.collect_after(3 * DAY).await;
    }
    assert_eq!(tags(&house.server, "app").await, ["asked"]);
    assert_eq!(house.collect_after(7 * DAY).await, ["asked"], "to the hour");
    assert_eq!(house.collect_after(3600).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_pushed_again_is_new_whatever_it_names() {
    let house = House::new(vec![newest(2)]);
    for tag in ["1", "2", "1", "3"] {
        house.server.put_image("app", tag, tag).await;
        house.seconds.fetch_add(1, Ordering::SeqCst);
    }
    assert_eq!(house.collect_after(0).await, ["1", "3"]);
}

#[tokio::test]
async fn a_pull_that_is_not_written_yet_counts_on_this_node() {
    let house = House::new(vec![pulled_within(10 * DAY)]);
    house.server.put_image("app", "v1", "1").await;
    house.collect_after(0).await;
    house.seconds.fetch_add(11 * DAY, Ordering::SeqCst);
    house.server.get("/v2/app/manifests/v1").await.expect(200);
    assert_eq!(house.collect_after(0).await, ["v1"]);
}

#[tokio::test]
async fn signatures_go_with_what_they_are_about_and_count_for_nothing() {
    let house = House::new(vec![newest(1)]);
    let old = house.server.put_image("app", "old", "1").await;
    let signature = |digest: &Digest| format!("{}.sig", digest.to_string().replace(':', "-"));
    house.server.put_image("app", &signature(&old), "signature of 1").await;
    house.collect_after(1).await;
    let new = house.server.put_image("app", "new", "2").await;
    house.server.put_image("app", &signature(&new), "signature of 2").await;
    let mut both = vec!["new".to_owned(), signature(&old), signature(&new)];
    both.sort();
    assert_eq!(house.collect_after(1).await, both);
    // The manifest goes a week after its tag.
    house.collect_after(7 * DAY).await;
    assert_eq!(house.collect_after(61).await, ["new".to_owned(), signature(&new)]);
}

#[tokio::test]
async fn clocks_that_go_wrong_do_not_make_new_pushes_old() {
    let house = House::new(vec![newest(2)]);
    house.server.0.collect().await;
    let push = async |tag: &str| {
        house.server.put_image("app", tag, tag).await;
        house.seconds.fetch_add(1, Ordering::SeqCst);
    };
    push("1").await;
    push("2").await;
    house.seconds.fetch_sub(3600, Ordering::SeqCst);
    push("3").await;
    push("4").await;
    assert_eq!(house.collect_after(0).await, ["1", "2", "3", "4"], "all were pushed in the future");
    assert_eq!(house.collect_after(3600).await, ["3", "4"]);
    house.seconds.fetch_add(1000 * DAY, Ordering::SeqCst);
    push("wrong").await;
    house.seconds.fetch_sub(1000 * DAY, Ordering::SeqCst);
    for tag in ["5", "6", "7"] {
        push(tag).await;
    }
    assert_eq!(house.collect_after(2 * DAY).await, ["6", "7", "wrong"]);
    push("8").await;
    push("9").await;
    assert_eq!(house.collect_after(2 * DAY).await, ["8", "9", "wrong"]);
    assert_eq!(house.collect_after(1000 * DAY).await, ["9", "wrong"]);
}

#[tokio::test]
async fn after_a_loss_of_the_database_tags_stay_that_may_have_been_pushed_again() {
    let directory = tempfile::tempdir().unwrap();
    let seconds = Arc::new(AtomicU64::new(1000 * DAY));
    let clock = || {
        let seconds = Arc::clone(&seconds);
        Clock::new(move || Duration::from_secs(seconds.load(Ordering::SeqCst)))
    };
    let storage = Storage::open(directory.path(), clock(), Keeping::default()).await.unwrap();
    let server = Server::over(storage.clone(), options(Vec::new()));
    for tag in ["1", "2"] {
        server.put_image("app", tag, tag).await;
        seconds.fetch_add(100 * DAY, Ordering::SeqCst);
    }
    assert!(server.0.keep_journal().await);
    drop((server, storage));
    closed(directory.path()).await;
    std::fs::remove_file(directory.path().join("metadata.db")).unwrap();
    Storage::reindex_directory(directory.path(), clock(), Keeping::default(), &Reindex::default()).await.unwrap();
    let storage = Storage::open(directory.path(), clock(), Keeping::default()).await.unwrap();
    let rules = vec![newest(1), pushed_within(40 * DAY)];
    let server = Server::over(storage.clone(), options(rules.clone()));
    let collected = async || {
        server.0.collect().await;
        tags(&server, "app").await
    };
    assert_eq!(collected().await, ["1", "2"]);
    let pushed = ("1".to_owned(), false, RetentionReason::Pushed);
    assert_eq!(judged(&storage, &Retention::new(rules)).await, [pushed]);
    server.put_image("app", "3", "3").await;
    seconds.fetch_add(40 * DAY - 1, Ordering::SeqCst);
    assert_eq!(collected().await, ["1", "2", "3"]);
    // A repository is not looked at twice in a minute because of the time alone.
    seconds.fetch_add(61, Ordering::SeqCst);
    assert_eq!(collected().await, ["3"]);
}

#[tokio::test]
async fn signatures_stay_with_a_manifest_that_is_only_marked_as_bad() {
    let Some((postgres, schema)) = new_schema() else { return };
    let directory = tempfile::tempdir().unwrap();
    let storage = node(postgres, &schema, BlobFiles::open(directory.path()).unwrap()).await;
    let server = Server::over(storage, options(vec![newest(2)]));
    let run = |statement: &str| postgres.run(&format!("SET search_path = {schema}; {statement}"));
    let image = server.put_image("app", "1", "1").await;
    let signature = format!("{}.sig", image.to_string().replace(':', "-"));
    server.put_image("app", &signature, "signature").await;
    run("UPDATE tag SET pushed_at = 1 WHERE name LIKE 'sha256-%'");
    run("UPDATE content SET bad_since = 1 WHERE digest IN (SELECT digest FROM manifest)");
    // The repository is looked at again.
    server.put_image("app", "2", "2").await;
    server.0.collect().await;
    server.put_image("app", "1", "1").await;
    assert_eq!(tags(&server, "app").await, ["1".to_owned(), "2".to_owned(), signature]);
}

#[tokio::test]
async fn tags_are_as_old_as_the_clock_of_the_database_says() {
    let Some((postgres, schema)) = new_schema() else { return };
    let directory = tempfile::tempdir().unwrap();
    let storage = node(postgres, &schema, BlobFiles::open(directory.path()).unwrap()).await;
    let server = Server::over(storage, options(vec![pushed_within(30 * DAY)]));
    let age = |tag: &str, days: u64| {
        let milliseconds = days * DAY * 1000;
        let older = format!("UPDATE tag SET pushed_at = pushed_at - {milliseconds} WHERE name = '{tag}'");
        postgres.run(&format!("SET search_path = {schema}; {older}"));
    };
    for tag in ["old", "young"] {
        server.put_image("app", tag, tag).await;
    }
    age("old", 31);
    age("young", 29);
    // The repository is looked at again.
    server.put_image("app", "new", "new").await;
    server.0.collect().await;
    assert_eq!(tags(&server, "app").await, ["new", "young"]);
}

#[tokio::test]
async fn untagged_manifests_stay_as_long_as_is_said_for_their_repository() {
    let policy = |repository: &str, untagged| RetentionRule {
        repositories: patterns(&[repository]),
        tags: Rules::default(),
        pulled_within: None,
        untagged: Some(untagged),
    };
    let house = House::new(vec![
        policy("collect", Untagged::Collect),
        policy("keep", Untagged::Keep),
        policy("keep*", Untagged::Collect),
        policy("days", Untagged::For(Duration::from_secs(20 * DAY))),
    ]);
    let mut images = Vec::new();
    for repository in ["collect", "keep", "keep2", "days", "app"] {
        images.push((repository, house.server.put_image(repository, "v1", "1").await));
        house.server.delete(&format!("/v2/{repository}/manifests/v1")).await.expect(202);
    }
    for (seconds, stay) in [
        (3600, vec!["collect", "keep", "keep2", "days", "app"]),
        (2 * 3600, vec!["keep", "days", "app"]),
        (8 * DAY, vec!["keep", "days"]),
        (13 * DAY, vec!["keep"]),
    ] {
        house.collect_after(seconds).await;
        let mut there = Vec::new();
        for (repository, image) in &images {
            if has(&house, repository, image).await {
                there.push(*repository);
            }
        }
        assert_eq!(there, stay, "after {seconds} more seconds");
    }
}

/// Tells whether a repository has a manifest, without a promise to keep it: who sets a hold is told.
async fn has(house: &House, repository: &str, image: &Digest) -> bool {
    let past = json!({ "kind": "pin", "reason": "r", "expires": "1971-01-01T00:00:00Z" });
    let call = house.server.call("PUT", &format!("/v2/{repository}/_supercargo/holds/{image}"));
    call.body(past.to_string()).send().await.status == 201
}

#[tokio::test]
async fn after_a_change_of_the_rules_everything_is_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    for (rules, left) in [(vec![], 3), (vec![newest(2)], 2), (vec![], 2), (vec![newest(1)], 1)] {
        closed(directory.path()).await;
        let storage = Storage::open(directory.path(), Clock::system(), Keeping::default()).await.unwrap();
        let server = Server::of(vec![Registry::new(storage.clone(), options(rules))], None);
        if left == 3 {
            for tag in ["1", "2", "3"] {
                server.put_image("app", tag, tag).await;
            }
        }
        server.0.collect().await;
        assert_eq!(tags(&server, "app").await.len(), left);
    }
}
