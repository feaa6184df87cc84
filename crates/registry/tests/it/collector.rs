//! The collector: what nothing needs goes, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oci::Digest;
use proptest::option;
use proptest::prelude::*;
use registry::{BlobFiles, Clock, Collected, Keeping, RegistryOptions, Storage};
use serde_json::{Value, json};

use crate::server::{INDEX, MANIFEST, Server, descriptor, digest, image, index};

/// Seconds.
const LEASE: u64 = 60;
/// Seconds.
const UNTAGGED: u64 = 1000;

/// A registry, its clock, and the files of its blobs.
struct House {
    server: Server,
    storage: Storage,
    seconds: Arc<AtomicU64>,
    root: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        Self::keeping(Some(Duration::from_secs(UNTAGGED)))
    }

    fn keeping(untagged: Option<Duration>) -> Self {
        let root = tempfile::tempdir().unwrap();
        let seconds = Arc::new(AtomicU64::new(1_000_000));
        let clock = Clock::new({
            let seconds = Arc::clone(&seconds);
            move || Duration::from_secs(seconds.load(Ordering::SeqCst))
        });
        let blobs = Arc::new(BlobFiles::open(root.path()).unwrap());
        let storage = Storage::in_memory_with(blobs, clock, Keeping { lease: Duration::from_secs(LEASE), untagged });
        let server = Server::over(storage.clone(), RegistryOptions::default());
        Self { server, storage, seconds, root }
    }

    fn wait(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn collect(&self) -> Collected {
        let collected = self.storage.collect().await.unwrap();
        assert_eq!(self.storage.miscounted().await.unwrap(), [], "what is counted is what is there");
        collected
    }

    /// Waits until everything that nothing needs can go, and has it go.
    async fn settle(&self) {
        // What a manifest was made of goes a lease after it, and so on down.
        for _ in 0..8 {
            self.wait(UNTAGGED + LEASE);
            self.collect().await;
        }
    }

    /// Returns how many blobs there are on the disk.
    fn files(&self) -> usize {
        count(&self.root.path().join("blobs"))
    }

    async fn has_blob(&self, repository: &str, digest: &Digest) -> bool {
        self.server.head(&format!("/v2/{repository}/blobs/{digest}")).await.status == 200
    }

    async fn has_manifest(&self, repository: &str, digest: &Digest) -> bool {
        self.server.head(&format!("/v2/{repository}/manifests/{digest}")).await.status == 200
    }

    async fn put(&self, repository: &str, name: &str, kind: &str, document: &Value) -> Digest {
        self.server.put_manifest(repository, name, kind, document).await.expect(201);
        digest(document)
    }

    /// Puts an image of one layer.
    async fn put_image(&self, repository: &str, tag: Option<&str>, layer: &[u8]) -> Digest {
        for blob in [layer, b"{}"] {
            self.server.put_blob(repository, blob).await;
        }
        let document = image(&[layer], None, "");
        let name = tag.map_or_else(|| digest(&document).to_string(), str::to_owned);
        self.put(repository, &name, MANIFEST, &document).await
    }
}

fn count(directory: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let of = |entry: std::fs::DirEntry| if entry.path().is_dir() { count(&entry.path()) } else { 1 };
    entries.map(|entry| of(entry.unwrap())).sum()
}

#[tokio::test]
async fn a_blob_that_nothing_needs_goes_after_its_lease() {
    let house = House::new();
    let blob = house.server.put_blob("app", b"content").await;
    house.wait(2 * LEASE - 1);
    assert_eq!(house.collect().await.blobs, 0);
    house.wait(1);
    let collected = house.collect().await;
    assert_eq!((collected.blobs, collected.places, collected.manifests), (1, 1, 0));
    assert!(!house.has_blob("app", &blob).await);
    assert_eq!(house.files(), 0);
    assert_eq!(house.collect().await, Collected::default(), "and there is nothing left to look at");

    house.server.put_blob("app", b"content").await;
    assert!(house.has_blob("app", &blob).await, "it can come again");
    assert_eq!(house.files(), 1);
}

#[tokio::test]
async fn whoever_is_told_that_a_blob_is_there_can_build_on_it() {
    let house = House::new();
    let layer = house.server.put_blob("app", b"layer").await;
    house.server.put_blob("other", b"{}").await;
    house.wait(LEASE * 19 / 10);
    assert!(house.has_blob("app", &layer).await);
    let mount = format!("/v2/app/blobs/uploads/?mount={}&from=other", Digest::sha256(b"{}"));
    house.server.post(&mount).await.expect(201);
    house.wait(LEASE * 19 / 10);
    house.collect().await;
    house.put("app", "v1", MANIFEST, &image(&[b"layer"], None, "")).await;
    house.settle().await;
    assert!(house.has_blob("app", &layer).await);
    assert!(!house.has_blob("other", &Digest::sha256(b"{}")).await, "its own repository no longer needs it");
    assert_eq!(house.files(), 2);
}

#[tokio::test]
async fn what_was_needed_when_somebody_was_told_stays_for_a_lease() {
    let house = House::new();
    let first = house.put_image("app", Some("v1"), b"layer").await;
    house.settle().await;
    // A client sees the layer, and then the only image that has it goes.
    assert!(house.has_blob("app", &Digest::sha256(b"layer")).await);
    house.server.delete(&format!("/v2/app/manifests/{first}")).await.expect(202);
    house.collect().await;
    house.wait(LEASE - 1);
    house.collect().await;
    let second = house.put("app", "v2", MANIFEST, &image(&[b"layer"], None, "second")).await;
    house.settle().await;
    assert!(house.has_manifest("app", &second).await && house.files() == 2);
}

#[tokio::test]
async fn a_review_that_was_due_before_cuts_no_lease_short() {
    let house = House::new();
    let first = house.put_image("app", Some("v1"), b"layer").await;
    // Just before the blobs are looked at for having been uploaded, the image goes.
    house.wait(2 * LEASE - 1);
    assert!(house.has_blob("app", &Digest::sha256(b"layer")).await);
    house.server.delete(&format!("/v2/app/manifests/{first}")).await.expect(202);
    house.wait(LEASE - 1);
    house.collect().await;
    house.put("app", "v2", MANIFEST, &image(&[b"layer"], None, "second")).await;
}

#[tokio::test]
async fn a_manifest_without_its_tag_stays_for_a_while() {
    let house = House::new();
    let old = house.put_image("app", Some("latest"), b"old").await;
    house.wait(UNTAGGED * 5);
    house.collect().await;
    let new = house.put_image("app", Some("latest"), b"new").await;
    house.wait(UNTAGGED - 1);
    house.collect().await;
    assert!(house.has_manifest("app", &old).await, "whoever has it by its digest can still start it");
    assert_eq!(house.files(), 3);
    house.settle().await;
    assert!(!house.has_manifest("app", &old).await);
    assert!(house.has_manifest("app", &new).await);
    assert_eq!(house.files(), 2, "the new layer and the config that both had");

    house.server.delete("/v2/app/manifests/latest").await.expect(202);
    assert!(house.has_manifest("app", &new).await, "a tag was deleted, and nothing else");
    house.settle().await;
    assert!(!house.has_manifest("app", &new).await);
    assert_eq!(house.files(), 0);
}

#[tokio::test]
async fn manifests_without_tags_can_be_kept_for_ever() {
    let house = House::keeping(None);
    let untagged = house.put_image("app", None, b"layer").await;
    house.settle().await;
    assert!(house.has_manifest("app", &untagged).await && house.files() == 2);
}

#[tokio::test]
async fn an_index_keeps_its_children_and_no_longer() {
    let house = House::new();
    let (one, two) = (house.put_image("app", None, b"one").await, house.put_image("app", Some("two"), b"two").await);
    let entry = |layer: &[u8]| descriptor(MANIFEST, image(&[layer], None, "").to_string().as_bytes());
    let inner = index(&[entry(b"one"), entry(b"two")]);
    let inner_digest = house.put("app", &digest(&inner).to_string(), INDEX, &inner).await;
    let outer = index(&[descriptor(INDEX, inner.to_string().as_bytes())]);
    house.put("app", "v1", INDEX, &outer).await;
    house.settle().await;
    for manifest in [&one, &two, &inner_digest] {
        assert!(house.has_manifest("app", manifest).await);
    }
    assert_eq!(house.files(), 3);

    house.server.delete("/v2/app/manifests/v1").await.expect(202);
    house.settle().await;
    assert!(!house.has_manifest("app", &one).await && !house.has_manifest("app", &inner_digest).await);
    assert!(house.has_manifest("app", &two).await, "it has a tag of its own");
    assert_eq!(house.files(), 2);
}

#[tokio::test]
async fn what_refers_to_an_image_lives_and_dies_with_it() {
    let house = House::new();
    let subject = house.put_image("app", Some("v1"), b"layer").await;
    let signature = house.server.put_artifact("app", &subject, "application/vnd.signature", "").await;
    let about_it = house.server.put_artifact("app", &signature, "application/vnd.signature", "of the signature").await;
    let pinned = house.server.put_artifact("app", &subject, "application/vnd.sbom", "kept").await;
    let text = image(&[], Some(&subject), "kept");
    let mut sbom = text.clone();
    sbom["artifactType"] = json!("application/vnd.sbom");
    house.put("app", "sbom", MANIFEST, &sbom).await;
    let early = house.server.put_artifact("app", &Digest::sha256(b"later"), "application/vnd.signature", "early").await;
    house.wait(UNTAGGED - 1);
    house.collect().await;
    assert!(house.has_manifest("app", &early).await, "what it refers to may still come");
    house.settle().await;
    for kept in [&subject, &signature, &about_it, &pinned] {
        assert!(house.has_manifest("app", kept).await);
    }
    assert!(!house.has_manifest("app", &early).await);

    house.server.delete("/v2/app/manifests/v1").await.expect(202);
    house.settle().await;
    for gone in [&subject, &signature, &about_it] {
        assert!(!house.has_manifest("app", gone).await);
    }
    assert!(house.has_manifest("app", &pinned).await, "it has a tag of its own");
}

#[tokio::test]
async fn uploads_that_were_left_leave_nothing() {
    let house = House::new();
    let upload = house.server.begin("app").await;
    house.server.call("PATCH", &upload).body("some bytes").send().await.expect(202);
    house.server.call("PUT", &format!("{upload}?digest={}", Digest::sha256(b"others"))).send().await.expect(400);
    assert_eq!(count(house.root.path()), 0);
    let upload = house.server.begin("app").await;
    house.server.call("PATCH", &upload).body("some bytes").send().await.expect(202);
    assert_eq!(count(house.root.path()), 1);
    house.server.delete(&upload).await.expect(204);
    assert_eq!(count(house.root.path()), 0);
}

#[tokio::test]
async fn what_is_held_stays_with_all_it_needs() {
    for kind in KINDS {
        let house = House::new();
        let image = house.put_image("app", Some("v1"), b"layer").await;
        let signature = house.server.put_artifact("app", &image, "application/vnd.signature", "").await;
        assert!(house.hold("app", &image, kind, None).await);
        house.put_image("app", Some("v1"), b"other").await;
        house.settle().await;
        house.check_image("app", &image).await;
        assert!(house.has_manifest("app", &signature).await, "what refers to it lives with it");

        house.server.delete(&format!("/v2/app/_supercargo/holds/{image}?kind={kind}")).await.expect(202);
        house.wait(UNTAGGED - 1);
        house.collect().await;
        assert!(house.has_manifest("app", &image).await, "as if its tag had been removed");
        house.settle().await;
        assert!(!house.has_manifest("app", &image).await && !house.has_manifest("app", &signature).await);
        assert_eq!(house.files(), 2);
    }
}

#[tokio::test]
async fn a_pin_ends_at_its_time() {
    let house = House::new();
    let image = house.put_image("app", None, b"layer").await;
    let expires = house.moment(UNTAGGED * 3);
    assert!(house.hold("app", &image, "pin", Some(expires)).await);
    house.wait(UNTAGGED * 3 - 1);
    house.collect().await;
    assert!(house.has_manifest("app", &image).await);
    house.settle().await;
    assert!(!house.has_manifest("app", &image).await);
    assert_eq!(house.files(), 0);
}

/// Something that a client or time does.
#[derive(Clone, Debug)]
enum Step {
    /// While it goes on, somebody else may delete an image.
    Push {
        repository: usize,
        image: usize,
        tag: Option<usize>,
        meanwhile: Option<usize>,
    },
    Mount {
        repository: usize,
        image: usize,
        from: usize,
        tag: usize,
    },
    Refer {
        repository: usize,
        image: usize,
        artifact: usize,
    },
    DeleteTag {
        repository: usize,
        tag: usize,
    },
    DeleteManifest {
        repository: usize,
        image: usize,
    },
    DeleteBlob {
        repository: usize,
        image: usize,
    },
    /// Pins an image, for ever or for so many seconds; or puts a legal hold on it.
    Hold {
        repository: usize,
        image: usize,
        kind: usize,
        seconds: Option<u64>,
    },
    Unhold {
        repository: usize,
        image: usize,
        kind: usize,
    },
    Wait {
        seconds: u64,
    },
    Collect,
}

const KINDS: [&str; 2] = ["pin", "legal"];

const REPOSITORIES: [&str; 2] = ["one", "two/three"];
const LAYERS: [&[u8]; 3] = [b"a", b"b", b"c"];
/// The layers of the images: some are shared.
const IMAGES: [&[usize]; 4] = [&[0], &[0, 1], &[1, 2], &[2]];
const TAGS: [&str; 2] = ["x", "y"];

fn step() -> impl Strategy<Value = Step> {
    let (repository, image, tag) = (0..2usize, 0..4usize, 0..2usize);
    prop_oneof![
        4 => (repository.clone(), image.clone(), option::of(tag.clone()), option::of(image.clone()))
            .prop_map(|(repository, image, tag, meanwhile)| Step::Push { repository, image, tag, meanwhile }),
        2 => (repository.clone(), image.clone(), 0..2usize, tag.clone())
            .prop_map(|(repository, image, from, tag)| Step::Mount { repository, image, from, tag }),
        2 => (repository.clone(), image.clone(), 0..2usize)
            .prop_map(|(repository, image, artifact)| Step::Refer { repository, image, artifact }),
        1 => (repository.clone(), tag).prop_map(|(repository, tag)| Step::DeleteTag { repository, tag }),
        1 => (repository.clone(), image.clone())
            .prop_map(|(repository, image)| Step::DeleteManifest { repository, image }),
        1 => (repository.clone(), image.clone())
            .prop_map(|(repository, image)| Step::DeleteBlob { repository, image }),
        1 => (repository.clone(), image.clone(), 0..2usize, option::of(prop_oneof![Just(30), Just(3000)]))
            .prop_map(|(repository, image, kind, seconds)| Step::Hold { repository, image, kind, seconds }),
        1 => (repository, image, 0..2usize)
            .prop_map(|(repository, image, kind)| Step::Unhold { repository, image, kind }),
        3 => prop_oneof![Just(1), Just(29), Just(59), Just(61), Just(1001)].prop_map(|seconds| Step::Wait { seconds }),
        3 => Just(Step::Collect),
    ]
}

fn document(number: usize) -> Value {
    let layers: Vec<&[u8]> = IMAGES[number].iter().map(|layer| LAYERS[*layer]).collect();
    image(&layers, None, &number.to_string())
}

impl House {
    /// Pushes as clients do: what is there is not sent again. Fails unless the image can be had whole afterwards.
    async fn push(&self, repository: &str, number: usize, name: &str, from: Option<&str>, meanwhile: Option<usize>) {
        let layers = IMAGES[number].iter().map(|layer| LAYERS[*layer]).chain([&b"{}"[..]]);
        for layer in layers {
            let blob = Digest::sha256(layer);
            if self.has_blob(repository, &blob).await {
                continue;
            }
            if let Some(from) = from {
                let path = format!("/v2/{repository}/blobs/uploads/?mount={blob}&from={from}");
                let mounted = self.server.post(&path).await;
                if mounted.status == 201 {
                    continue;
                }
            }
            self.server.put_blob(repository, layer).await;
        }
        if let Some(other) = meanwhile {
            self.server.delete(&format!("/v2/{repository}/manifests/{}", digest(&document(other)))).await;
        }
        // The last moment at which all answers above still hold.
        self.wait(LEASE - 1);
        self.collect().await;
        let document = document(number);
        self.server.put_manifest(repository, name, MANIFEST, &document).await.expect(201);
        self.check_image(repository, &digest(&document)).await;
    }

    /// Fails unless an image can be had whole.
    async fn check_image(&self, repository: &str, digest: &Digest) {
        let manifest = self.server.get(&format!("/v2/{repository}/manifests/{digest}")).await.expect(200).json();
        let layers = manifest["layers"].as_array().into_iter().flatten();
        for part in layers.chain([&manifest["config"]]) {
            let path = format!("/v2/{repository}/blobs/{}", part["digest"].as_str().unwrap());
            self.server.get(&path).await.expect(200);
        }
    }

    async fn take(&self, step: &Step) {
        match *step {
            Step::Push { repository, image, tag, meanwhile } => {
                let name = tag.map_or_else(|| digest(&document(image)).to_string(), |tag| TAGS[tag].to_owned());
                self.push(REPOSITORIES[repository], image, &name, None, meanwhile).await;
            }
            Step::Mount { repository, image, from, tag } => {
                self.push(REPOSITORIES[repository], image, TAGS[tag], Some(REPOSITORIES[from]), None).await;
            }
            Step::Refer { repository, image, artifact } => {
                let subject = digest(&document(image));
                let text = artifact.to_string();
                self.server.put_artifact(REPOSITORIES[repository], &subject, "application/vnd.about", &text).await;
            }
            Step::DeleteTag { repository, tag } => {
                self.server.delete(&format!("/v2/{}/manifests/{}", REPOSITORIES[repository], TAGS[tag])).await;
            }
            Step::DeleteManifest { repository, image } => {
                let manifest = digest(&document(image));
                self.server.delete(&format!("/v2/{}/manifests/{manifest}", REPOSITORIES[repository])).await;
            }
            Step::DeleteBlob { repository, image } => {
                // A client that deletes what an image needs has what it wants; here it deletes what none needs.
                let repository = REPOSITORIES[repository];
                if !self.is_layer_needed(repository, IMAGES[image][0]).await {
                    let blob = Digest::sha256(LAYERS[IMAGES[image][0]]);
                    self.server.delete(&format!("/v2/{repository}/blobs/{blob}")).await;
                }
            }
            Step::Hold { repository, image, kind, seconds } => {
                let expires = seconds.map(|seconds| self.moment(seconds));
                let manifest = digest(&document(image));
                self.hold(REPOSITORIES[repository], &manifest, KINDS[kind], expires).await;
            }
            Step::Unhold { repository, image, kind } => {
                let (manifest, kind) = (digest(&document(image)), KINDS[kind]);
                let path = format!("/v2/{}/_supercargo/holds/{manifest}?kind={kind}", REPOSITORIES[repository]);
                self.server.delete(&path).await;
            }
            Step::Wait { seconds } => self.wait(seconds),
            Step::Collect => {
                self.collect().await;
            }
        }
    }

    /// Returns the moment that is so many seconds from now.
    fn moment(&self, seconds: u64) -> String {
        let then = i64::try_from(self.seconds.load(Ordering::SeqCst) + seconds).unwrap();
        oci::Timestamp::from_seconds(then).unwrap().to_string()
    }

    /// Sets a pin or a hold. Returns whether the manifest was there.
    async fn hold(&self, repository: &str, manifest: &Digest, kind: &str, expires: Option<String>) -> bool {
        let path = format!("/v2/{repository}/_supercargo/holds/{manifest}");
        let document = json!({ "kind": kind, "reason": "a test", "expires": expires });
        self.server.call("PUT", &path).body(document.to_string()).send().await.status == 201
    }

    async fn is_layer_needed(&self, repository: &str, layer: usize) -> bool {
        for (number, layers) in IMAGES.iter().enumerate() {
            if layers.contains(&layer) && self.has_manifest(repository, &digest(&document(number))).await {
                return true;
            }
        }
        false
    }

    /// Fails unless every image that is there can be had whole.
    async fn check_all(&self) {
        for repository in REPOSITORIES {
            for number in 0..IMAGES.len() {
                let manifest = digest(&document(number));
                if self.has_manifest(repository, &manifest).await {
                    self.check_image(repository, &manifest).await;
                }
            }
        }
    }

    /// Fails unless exactly what tags lead to and what is held is left.
    async fn check_settled(&self) {
        let mut blobs = BTreeSet::new();
        for repository in REPOSITORIES {
            let mut tagged = BTreeSet::new();
            for tag in TAGS {
                let reply = self.server.head(&format!("/v2/{repository}/manifests/{tag}")).await;
                if reply.status == 200 {
                    tagged.insert(reply.header("docker-content-digest").parse::<Digest>().unwrap());
                }
            }
            let held = self.server.get(&format!("/v2/{repository}/_supercargo/holds")).await.json();
            let held = held["holds"].as_array().into_iter().flatten();
            tagged.extend(held.map(|hold| hold["digest"].as_str().unwrap().parse::<Digest>().unwrap()));
            for (number, layers) in IMAGES.iter().enumerate() {
                let manifest = digest(&document(number));
                let is_there = self.has_manifest(repository, &manifest).await;
                assert_eq!(is_there, tagged.contains(&manifest), "image {number} of {repository}");
                let listed = self.server.get(&format!("/v2/{repository}/referrers/{manifest}")).await.json();
                if is_there {
                    blobs.extend(layers.iter().map(|layer| Digest::sha256(LAYERS[*layer])));
                    blobs.insert(Digest::sha256(b"{}"));
                } else {
                    assert_eq!(listed["manifests"], json!([]), "nothing refers to image {number} of {repository}");
                }
            }
        }
        assert_eq!(self.files(), blobs.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// I1: what is there is whole. I2: a push whose every step was answered well makes an image that can be had. I3: what nothing
    /// needs goes.
    #[test]
    fn nothing_is_lost_and_nothing_is_left(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = House::new();
            for step in &steps {
                house.take(step).await;
                house.check_all().await;
            }
            house.settle().await;
            house.check_settled().await;
        });
    }
}
