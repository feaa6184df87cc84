//! Files as an artifact: an image manifest with an empty config and one layer for each file
//! (image-spec, "Guidelines for Artifact Usage").

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{Algorithm, Annotations, Descriptor, Manifest, ManifestError, MediaType, annotation};
use serde_json::json;
use store::{BlobBody, BlobSource, Meter, Put, Store, StoreError};
use transfer::{BlobOutcome, Progress, TransferError};

use crate::error::OpsError;

/// Bytes read at once while a file is hashed.
const CHUNK_BYTES: usize = 256 * 1024;

/// A file that becomes a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRequest {
    /// Where it is.
    pub path: PathBuf,
    /// What the artifact calls it: a relative path with `/` between its parts.
    pub title: String,
    /// What it is; none means bytes of no known type.
    pub media_type: Option<MediaType>,
}

impl FileRequest {
    /// Reads `FILE[:MEDIATYPE]`. The artifact will call the file by the last part of its path.
    ///
    /// # Errors
    /// [`OpsError::Usage`] when the path does not end with a name.
    pub fn parse(text: &str) -> Result<Self, OpsError> {
        let split = text.rsplit_once(':').and_then(|(path, kind)| Some((path, kind.parse::<MediaType>().ok()?)));
        let (path, media_type) = match split {
            Some((path, media_type)) if !path.is_empty() => (path, Some(media_type)),
            _ => (text, None),
        };
        let path = PathBuf::from(path);
        match path.file_name() {
            Some(name) => Ok(Self { title: name.to_string_lossy().into_owned(), path, media_type }),
            None => Err(OpsError::usage(format!("`{}` does not name a file", oci::text::printable(text)), None)),
        }
    }

    /// Lists the files of a directory and of those in it, each called by its path below the directory, in that order.
    ///
    /// # Errors
    /// [`OpsError::File`] when something cannot be read, [`OpsError::Usage`] when there is something that is neither a file nor a
    /// directory: a link cannot be an artifact's file.
    pub fn of_directory(directory: &Path, media_type: Option<&MediaType>) -> Result<Vec<Self>, OpsError> {
        let mut files = Vec::new();
        let mut pending = vec![(directory.to_owned(), String::new())];
        while let Some((directory, prefix)) = pending.pop() {
            let failed = |source| OpsError::File { action: "cannot read", path: directory.clone(), source };
            for entry in std::fs::read_dir(&directory).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let title = format!("{prefix}{}", entry.file_name().to_string_lossy());
                let kind = entry.file_type().map_err(failed)?;
                if kind.is_dir() {
                    pending.push((entry.path(), format!("{title}/")));
                } else if kind.is_file() {
                    files.push(Self { path: entry.path(), title, media_type: media_type.cloned() });
                } else {
                    return Err(OpsError::usage(
                        format!("{} is neither a file nor a directory", entry.path().display()),
                        None,
                    ));
                }
            }
        }
        files.sort_by(|a, b| a.title.cmp(&b.title));
        Ok(files)
    }

    /// Returns the descriptor of the file, after reading it once.
    async fn describe(&self) -> Result<Descriptor, OpsError> {
        let path = self.path.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let failed = |source| OpsError::File { action: "cannot read", path: path.clone(), source };
            hash(&path, Algorithm::Sha256).map_err(failed)
        });
        let (digest, size) = match hashed.await {
            Ok(hashed) => hashed?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        let mut descriptor = Descriptor::new(self.media_type.clone().unwrap_or(MediaType::OCTET_STREAM), digest, size);
        descriptor.annotations.insert(annotation::TITLE.to_owned(), self.title.clone());
        Ok(descriptor)
    }
}

/// Tells whether a file holds the content that a digest names. One that cannot be read does not.
pub(crate) fn is_content(path: &Path, digest: &oci::Digest) -> bool {
    hash(path, digest.algorithm()).is_ok_and(|(found, _)| found == *digest)
}

fn hash(path: &Path, algorithm: Algorithm) -> std::io::Result<(oci::Digest, u64)> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut hasher = algorithm.hasher();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut size = 0;
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok((hasher.finish(), size));
        }
        hasher.update(&chunk[..count]);
        size += count as u64;
    }
}

/// An artifact to be made.
#[derive(Clone, Debug, Default)]
pub struct ArtifactRequest {
    /// Its type.
    pub artifact_type: String,
    /// Its annotations.
    pub annotations: Annotations,
    /// Its files.
    pub files: Vec<FileRequest>,
}

/// An artifact of which every byte is known.
#[derive(Clone, Debug)]
pub(crate) struct PreparedArtifact {
    /// Its manifest.
    pub(crate) manifest: Manifest,
    /// The layers, and where their content is.
    layers: Vec<(Content, Descriptor)>,
}

/// The content of a layer.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A file of the user's. Should it change after it was described, its digest is refused where it arrives.
    File(PathBuf),
    /// What this program has written.
    Memory(Bytes),
}

/// Reads the files once and makes the manifest. Nothing is put anywhere.
///
/// # Errors
/// [`OpsError::Usage`] when the type is not a media type or two files have one title, [`OpsError::File`] when a file cannot be
/// read.
pub(crate) async fn prepare(
    request: &ArtifactRequest,
    subject: Option<&Descriptor>,
) -> Result<PreparedArtifact, OpsError> {
    check(request)?;
    let mut layers = Vec::new();
    for file in &request.files {
        layers.push((Content::File(file.path.clone()), file.describe().await?));
    }
    assemble(&request.artifact_type, &request.annotations, layers, subject)
}

/// Makes the manifest of layers of which everything is known.
pub(crate) fn assemble(
    artifact_type: &str,
    annotations: &Annotations,
    layers: Vec<(Content, Descriptor)>,
    subject: Option<&Descriptor>,
) -> Result<PreparedArtifact, OpsError> {
    let config = Descriptor::empty_json();
    let listed: Vec<&Descriptor> = layers.iter().map(|(_, layer)| layer).collect();
    // At least one layer is asked for; the empty object stands for none.
    let listed = if listed.is_empty() { vec![&config] } else { listed };
    let mut document = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": config,
        "layers": listed,
    });
    if let Some(subject) = subject {
        document["subject"] = json!(Descriptor::new(subject.media_type.clone(), subject.digest, subject.size));
    }
    if !annotations.is_empty() {
        document["annotations"] = json!(annotations);
    }
    let bytes = serde_json::to_vec(&document).map_err(ManifestError::Json).map_err(TransferError::from)?;
    let manifest = Manifest::from_new(bytes.into(), &MediaType::OCI_MANIFEST, Algorithm::Sha256);
    Ok(PreparedArtifact { manifest: manifest.map_err(TransferError::from)?, layers })
}

impl PreparedArtifact {
    /// Puts the blobs; the manifest is left to the caller. Blobs that were put stay when this fails: a repetition finds them.
    ///
    /// # Errors
    /// [`OpsError::Store`] with what the store brings, and when a file has changed since it was read.
    pub(crate) async fn put_blobs(&self, store: &dyn Store, progress: &dyn Progress) -> Result<(), OpsError> {
        progress.planned(self.layers.len(), self.layers.iter().map(|(_, layer)| layer.size).sum(), 1);
        let empty = Content::Memory(Bytes::from_static(b"{}"));
        store.put_blob(&Descriptor::empty_json(), &empty, &Meter::default()).await?;
        let puts = self.layers.iter().map(|(content, layer)| put_layer(store, content, layer, progress));
        stream::iter(puts).buffer_unordered(store.concurrency().max(1)).try_collect::<Vec<()>>().await?;
        Ok(())
    }
}

fn check(request: &ArtifactRequest) -> Result<(), OpsError> {
    if let Err(error) = request.artifact_type.parse::<MediaType>() {
        return Err(OpsError::usage(error.to_string(), "--type application/vnd.example.report.v1+json".to_owned()));
    }
    let mut titles = std::collections::BTreeSet::new();
    match request.files.iter().find(|file| !titles.insert(&file.title)) {
        Some(twice) => {
            Err(OpsError::usage(format!("two files would be called `{}`", oci::text::printable(&twice.title)), None))
        }
        None => Ok(()),
    }
}

async fn put_layer(
    store: &dyn Store,
    content: &Content,
    layer: &Descriptor,
    progress: &dyn Progress,
) -> Result<(), OpsError> {
    let meter = Meter::default();
    progress.blob_started(layer, &meter);
    let put = store.put_blob(layer, content, &meter).await?;
    let outcome = if put == Put::Stored { BlobOutcome::Moved } else { BlobOutcome::Present };
    progress.blob_finished(layer, outcome);
    Ok(())
}

#[async_trait]
impl BlobSource for Content {
    async fn open(&self, offset: u64) -> Result<BlobBody, StoreError> {
        match self {
            Self::File(path) => {
                let failed = |source| StoreError::File { action: "cannot read", path: path.clone(), source };
                let file = File::open(path).map_err(failed)?;
                let length = file.metadata().map_err(failed)?.len();
                Ok(BlobBody::from_file(file, offset, length.saturating_sub(offset)))
            }
            Self::Memory(bytes) => {
                let skipped = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Ok(BlobBody::from_bytes(bytes.slice(skipped..)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_say_what_it_is() {
        let parsed = |text: &str| {
            let file = FileRequest::parse(text).unwrap();
            (file.path, file.title, file.media_type.map(|media_type| media_type.to_string()))
        };
        let json = Some("application/json".to_owned());
        assert_eq!(parsed("a/sbom.json:application/json"), ("a/sbom.json".into(), "sbom.json".into(), json));
        assert_eq!(parsed("a:b"), ("a:b".into(), "a:b".into(), None));
        assert_eq!(parsed("x"), ("x".into(), "x".into(), None));
        assert!(FileRequest::parse("..").is_err());
    }
}
