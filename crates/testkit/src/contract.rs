//! What every [`Store`] promises, as many small checks. One suite judges memory, layouts, archives, the local content
//! store and the registry client.
//!
//! Each check gets a store of its own, so that one that fails says nothing about the next. All checks are run, and those
//! that fail are named at the end.

mod blobs;
mod concurrency;
mod deletes;
mod durable;
mod hostile;
mod manifests;
mod referrers;
mod tags;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use oci::{Descriptor, Manifest, Tag};
use store::{Meter, Put, Store};

use crate::application::ApplicationBuilder;
use crate::source::TestSource;

pub use durable::store_outlives_itself;

/// What a store need not do. Where a switch is off, the checks expect it to say that it cannot
/// ([`store::StoreError::Unsupported`], [`store::StoreError::Refused`], [`store::Referrers::Unsupported`]).
#[derive(Clone, Copy, Debug)]
pub struct ContractProfile {
    /// Keeps lists of referrers.
    pub referrers: bool,
    /// Removes manifests.
    pub deletes_manifests: bool,
    /// Removes tags.
    pub deletes_tags: bool,
    /// Removes blobs.
    pub deletes_blobs: bool,
    /// Takes blobs named by sha512.
    pub sha512_blobs: bool,
    /// Takes manifests named by sha512.
    pub sha512_manifests: bool,
    /// Takes blobs and manifests named by blake3.
    pub blake3: bool,
    /// Takes a docker schema 2 manifest and a manifest list.
    pub docker: bool,
    /// How many tags and referrers are enough to need more than one page.
    pub many: usize,
    /// Names of checks that do not apply, each with the reason in the test that leaves it out.
    pub without: &'static [&'static str],
}

impl ContractProfile {
    /// Returns the profile of a store that can do everything.
    pub const FULL: Self = Self {
        referrers: true,
        deletes_manifests: true,
        deletes_tags: true,
        deletes_blobs: true,
        sha512_blobs: true,
        sha512_manifests: true,
        blake3: true,
        docker: true,
        many: 40,
        without: &[],
    };

    /// Returns the profile of a store that is written once and never removes anything.
    pub const APPEND_ONLY: Self =
        Self { deletes_manifests: false, deletes_tags: false, deletes_blobs: false, ..Self::FULL };
}

/// What a check works with.
struct Case {
    store: Arc<dyn Store>,
    profile: ContractProfile,
}

type Check = (&'static str, fn(Case) -> BoxFuture<'static, ()>);

/// Names checks and boxes their futures.
macro_rules! checks {
    ($($check:ident),* $(,)?) => {
        pub(super) const CHECKS: &[crate::contract::Check] =
            &[$((stringify!($check), |case| Box::pin($check(case)))),*];
    };
}
use checks;

/// How long a check may take before it counts as hanging. Not a measurement: the longest takes a few seconds.
const CHECK_TIMEOUT: Duration = Duration::from_mins(2);

/// Runs every check against a store of its own. `make` returns an empty store each time it is called.
///
/// # Panics
/// When a check fails; the message names every check that did.
pub async fn store_contract(make: impl AsyncFn() -> Arc<dyn Store>, profile: ContractProfile) {
    let groups = [
        blobs::CHECKS,
        hostile::CHECKS,
        manifests::CHECKS,
        tags::CHECKS,
        referrers::CHECKS,
        deletes::CHECKS,
        concurrency::CHECKS,
    ];
    let checks: Vec<&Check> = groups.into_iter().flatten().collect();
    for name in profile.without {
        assert!(checks.iter().any(|(check, _)| check == name), "there is no check {name} to leave out");
    }
    let mut failed = Vec::new();
    for (name, check) in checks.into_iter().filter(|(name, _)| !profile.without.contains(name)) {
        let case = Case { store: make().await, profile };
        let location = case.store.location().to_owned();
        let outcome = AssertUnwindSafe(tokio::time::timeout(CHECK_TIMEOUT, check(case))).catch_unwind().await;
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(_)) => failed.push(format!("{name} ({location}): did not end")),
            Err(panic) => failed.push(format!("{name} ({location}): {}", message(&*panic))),
        }
    }
    assert!(failed.is_empty(), "{} checks of the store contract failed:\n  {}", failed.len(), failed.join("\n  "));
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").replace('\n', "\n    ")
}

impl Case {
    /// Puts a blob that is right.
    async fn put_blob(&self, descriptor: &Descriptor, bytes: &Bytes) -> Put {
        let source = TestSource::memory(bytes.clone());
        self.store.put_blob(descriptor, &source, &Meter::default()).await.unwrap()
    }

    /// Reads a blob and checks it.
    async fn read_blob(&self, descriptor: &Descriptor) -> Bytes {
        let body = self.store.open_blob(descriptor, 0).await.unwrap();
        let body = body.unwrap_or_else(|| panic!("{} is not there", descriptor.digest));
        assert_eq!(body.length, descriptor.size, "the body's length is the blob's size");
        body.into_bytes(descriptor, self.store.location(), usize::MAX).await.unwrap()
    }

    /// Fails when any way to look at the blob shows it.
    async fn assert_blob_absent(&self, descriptor: &Descriptor) {
        assert_eq!(self.store.stat_blob(&descriptor.digest).await.unwrap(), None, "stat_blob");
        assert!(self.store.open_blob(descriptor, 0).await.unwrap().is_none(), "open_blob");
    }

    /// Puts an image with its blobs and returns its manifest, which differs from seed to seed.
    async fn put_image(&self, seed: u64) -> Manifest {
        let application = small_image(seed).build();
        application.write_to_store(&*self.store).await.unwrap();
        application.manifests()[0].clone()
    }

    /// Puts an artifact of this type about `subject` and returns its manifest.
    async fn put_artifact(&self, kind: &str, subject: &Descriptor, text: &str) -> Manifest {
        let application = artifact(kind, subject, text);
        for (descriptor, bytes) in application.blobs() {
            self.put_blob(descriptor, bytes).await;
        }
        let manifest = application.manifests()[0].clone();
        self.store.put_manifest(&manifest).await.unwrap();
        manifest
    }

    /// Fails unless the store shows exactly this manifest under its digest.
    async fn assert_manifest(&self, manifest: &Manifest) {
        let found = self.store.manifest(manifest.digest()).await.unwrap();
        let found = found.unwrap_or_else(|| panic!("{} is not there", manifest.digest()));
        assert_eq!(found.bytes(), manifest.bytes(), "the bytes are the ones that were put");
        assert_eq!(found.media_type(), manifest.media_type());
        assert_eq!(found.digest(), manifest.digest());
        let stat = self.store.stat_manifest(manifest.digest()).await.unwrap();
        assert_names(&stat.expect("stat_manifest finds what manifest finds"), manifest);
    }

    async fn resolve(&self, tag: &Tag) -> Option<oci::Digest> {
        self.store.resolve(tag).await.unwrap().map(|descriptor| descriptor.digest)
    }
}

/// Fails unless type, digest and size are those of the manifest.
fn assert_names(descriptor: &Descriptor, manifest: &Manifest) {
    let named = |d: &Descriptor| (d.media_type.clone(), d.digest, d.size);
    assert_eq!(named(descriptor), named(&manifest.descriptor()));
}

fn small_image(seed: u64) -> ApplicationBuilder {
    let mut builder = ApplicationBuilder::new(seed);
    let layer = builder.layer("content", 500);
    builder.image(&crate::application::Image::new("linux/amd64", &[layer]));
    builder
}

fn artifact(kind: &str, subject: &Descriptor, text: &str) -> crate::application::Application {
    let mut builder = ApplicationBuilder::new(0);
    let blob = builder.blob("text/plain", text.to_owned());
    builder.artifact(kind, Some(subject), &[blob]);
    builder.build()
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}
