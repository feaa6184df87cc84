//! What is remembered of images that were seen whole, so that the base of another is recognised.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use graph::genealogy::{BaseIndex, History, INDEX_MAX_BYTES};
use graph::{KnownImage, LayerStack};
use oci::{Descriptor, Digest, ImageConfig, Manifest, ManifestKind, Platform, Reference, Selector, Tag};
use store::Store;
use transfer::RootRequest;

use crate::context::Context;
use crate::error::OpsError;
use crate::found::{fetch, read_config};

/// The file in the local content store (docs/formats/chain-index.md).
const FILE: &str = "chain-index.txt";

/// Most images of one index that are read to be remembered.
pub const IMAGES_READ_MAX: usize = 64;

/// What is remembered, and where. Where there is no local content store nothing is.
#[derive(Debug, Default)]
pub struct Memory {
    index: BaseIndex,
    path: Option<PathBuf>,
    is_changed: bool,
}

impl Memory {
    /// Reads what is remembered.
    ///
    /// # Errors
    /// [`OpsError::File`] when the file cannot be read, [`OpsError::Integrity`] when something else stands in it.
    pub async fn load(context: &Context) -> Result<Self, OpsError> {
        let Ok(store) = context.content_store() else { return Ok(Self::default()) };
        let path = store.root().join(FILE);
        let index = {
            let path = path.clone();
            unless_it_panics(tokio::task::spawn_blocking(move || read(&path)).await)?
        };
        Ok(Self { index, path: Some(path), is_changed: false })
    }

    /// Returns the images.
    pub const fn index(&self) -> &BaseIndex {
        &self.index
    }

    /// Learns images; [`Memory::keep`] keeps them for later runs. Returns how many are new.
    pub fn learn(&mut self, images: impl IntoIterator<Item = KnownImage>) -> usize {
        let new = images.into_iter().filter(|image| self.index.insert(image.clone())).count();
        self.is_changed |= new > 0;
        new
    }

    /// Keeps what was learnt, if anything was. Of two processes that do this at once the later one wins; what the other has learnt is
    /// learnt again.
    ///
    /// # Errors
    /// [`OpsError::Store`] when the file cannot be written; it is what it was then.
    pub async fn keep(&mut self) -> Result<(), OpsError> {
        if let (Some(path), true) = (&self.path, self.is_changed) {
            let (path, text) = (path.clone(), self.index.encode());
            let written = tokio::task::spawn_blocking(move || store::atomic::write(&path, text.as_bytes()));
            unless_it_panics(written.await)?;
            self.is_changed = false;
        }
        Ok(())
    }
}

/// Remembers images for later runs: what an operation does that sees images whole.
///
/// # Errors
/// As [`Memory::load`] and [`Memory::keep`].
pub async fn remember(context: &Context, images: impl IntoIterator<Item = KnownImage>) -> Result<(), OpsError> {
    let mut memory = Memory::load(context).await?;
    memory.learn(images);
    memory.keep().await
}

fn unless_it_panics<T>(outcome: Result<T, tokio::task::JoinError>) -> T {
    match outcome {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn read(path: &Path) -> Result<BaseIndex, OpsError> {
    let failed = |source| OpsError::File { action: "cannot read", path: path.to_owned(), source };
    let mut text = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(INDEX_MAX_BYTES as u64 + 1).read_to_end(&mut text).map_err(failed)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BaseIndex::default()),
        Err(error) => return Err(failed(error)),
    };
    BaseIndex::decode(&text).map_err(|error| OpsError::Integrity {
        location: oci::text::printable(&path.to_string_lossy()).into_owned(),
        message: error.to_string(),
    })
}

/// An image that was seen whole.
#[derive(Clone, Copy, Debug)]
pub struct SeenImage<'a> {
    /// Where, with or without a selector.
    pub place: &'a Reference,
    /// The tag by which it was found, itself or the index that it is in.
    pub tag: Option<&'a Tag>,
    /// The index that it is in.
    pub index: Option<Digest>,
    /// For what it is.
    pub platform: Option<&'a Platform>,
    /// Its manifest.
    pub manifest: &'a Manifest,
    /// Its configuration.
    pub config: &'a ImageConfig,
}

impl SeenImage<'_> {
    /// Returns what is to be remembered of the image; `None` for one that nothing could be built on: without layers, or with a
    /// configuration that does not tell of them.
    pub fn known(&self) -> Option<KnownImage> {
        let config = self.manifest.config()?;
        let layers = layers(self.manifest.layers(), Some(self.config)).top()?;
        Some(KnownImage {
            repository: absolute(self.place).with_selector(Selector::default()).to_string(),
            tag: self.tag.cloned(),
            manifest: *self.manifest.digest(),
            index: self.index,
            config: config.digest,
            platform: self.platform.cloned().or_else(|| self.config.platform()),
            created: self.config.created.as_ref().and_then(|created| created.parse().ok()),
            history: History::new(&self.config.history).trail(self.manifest.layers().len()),
            layers,
        })
    }
}

/// Reads from a store the image that `place` selects, or those of an index that are for one of some platforms; without platforms, the
/// first [`IMAGES_READ_MAX`]. One that is not there, or of which the configuration is not, is left out. They are known under the name of
/// `place`, from where the store may have been filled.
///
/// # Errors
/// [`OpsError::Transfer`] when the root is not there, and what the store brings.
pub async fn whole_images(
    context: &Context,
    store: &dyn Store,
    place: &Reference,
    platforms: &[Platform],
) -> Result<Vec<KnownImage>, OpsError> {
    let request = RootRequest { selector: place.selector(), ..RootRequest::default() };
    let root = transfer::explore::find_root(store, &request).await?;
    let manifest = fetch(context, store, &root).await?;
    let selector = place.selector();
    // The tag beside a digest is what somebody says; nobody has looked where it points to.
    let tag = if selector.digest.is_none() { selector.tag.or_else(|| Some(Tag::latest())) } else { None };
    let whole = Whole { place, tag: tag.as_ref(), index: None };
    if manifest.kind() == ManifestKind::Image {
        return Ok(whole.image(store, &manifest, None).await?.into_iter().collect());
    }
    let whole = Whole { index: Some(root.digest), ..whole };
    let fits = |child: &&Descriptor| {
        let is_wanted = |platform: &Platform| platforms.iter().any(|wanted| platform.satisfies(wanted));
        let fits = platforms.is_empty() || child.platform.as_ref().is_some_and(is_wanted);
        fits && !child.is_buildkit_attestation() && child.manifest_kind() == Some(ManifestKind::Image)
    };
    let mut images = Vec::new();
    for child in manifest.children().iter().filter(fits).take(IMAGES_READ_MAX) {
        let cache = context.manifest_cache();
        let Some(manifest) = transfer::explore::fetch_manifest(store, child, &*cache).await? else { continue };
        images.extend(whole.image(store, &manifest, child.platform.as_ref()).await?);
    }
    Ok(images)
}

/// Where whole images were found.
#[derive(Clone, Copy)]
struct Whole<'a> {
    place: &'a Reference,
    tag: Option<&'a Tag>,
    index: Option<Digest>,
}

impl Whole<'_> {
    async fn image(
        &self,
        store: &dyn Store,
        manifest: &Manifest,
        platform: Option<&Platform>,
    ) -> Result<Option<KnownImage>, OpsError> {
        let Some(config) = manifest.config() else { return Ok(None) };
        let Some(config) = read_config(store, config).await?.config else { return Ok(None) };
        let Self { place, tag, index } = *self;
        Ok(SeenImage { place, tag, index, platform, manifest, config: &config }.known())
    }
}

/// Returns the layers of an image under both their names.
pub(crate) fn layers(layers: &[Descriptor], config: Option<&ImageConfig>) -> LayerStack {
    let diff_ids = config.map_or(&[][..], ImageConfig::diff_ids);
    LayerStack::new(layers.iter().map(|layer| layer.digest), diff_ids)
}

/// Returns a place as it can be remembered: a path from here would mean another place in the next run.
pub(crate) fn absolute(place: &Reference) -> Reference {
    let mut place = place.clone();
    match &mut place {
        Reference::Layout { path, .. } | Reference::Archive { path, .. } | Reference::DockerArchive { path, .. } => {
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute;
            }
        }
        Reference::Registry(_) | Reference::Store { .. } => {}
    }
    place
}
