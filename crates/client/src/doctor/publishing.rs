//! How manifests and tags come to a registry, and how they go.

use bytes::Bytes;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderName, Method};
use oci::{Digest, MediaType};
use serde_json::{Value, json};

use super::referrers::listed;
use super::reply::Reply;
use super::{Exam, Question, absent_digest, absent_tag};
use crate::auth::Access;
use crate::manifests::{SUBJECT, TAG};
use crate::profile::{Ability, Found, Quirk};

/// Bytes that a manifest may have everywhere (distribution-spec, "Pushing Manifests").
const LARGE_BYTES: usize = 4 * 1024 * 1024;

/// The type of artifacts of an examination.
const ARTIFACT_TYPE: &str = "application/vnd.supercargo.doctor.v1";

/// Name and bytes of a blob.
type Blob = (Digest, usize);

/// Bytes of a manifest, and what names it.
struct Made {
    bytes: Vec<u8>,
    digest: Digest,
}

/// What was made and is to be removed in the end.
#[derive(Default)]
struct Published {
    tags: Vec<String>,
    manifests: Vec<Digest>,
}

impl Exam {
    /// Looks at what needs the right to write, and removes what it has made.
    pub(super) async fn write(&mut self) {
        let Some(uploaded) = self.uploads().await else { return };
        let mut published = Published::default();
        let config = self.put_whole(Bytes::from_static(b"{}")).await;
        match (uploaded.blobs.first(), config) {
            (Some(&blob), Some(_)) => self.publish(blob, &mut published).await,
            _ => self.unknown(Ability::Artifact, "no blob could be uploaded"),
        }
        for tag in std::mem::take(&mut published.tags) {
            if !self.delete(&format!("manifests/{tag}")).await.is_success() {
                // What it names is deleted below, and the tag with it.
                published.tags.push(tag);
            }
        }
        let mut stays = false;
        for digest in published.manifests {
            stays |= self.delete_manifest(&digest).await;
        }
        self.left.extend(published.tags.iter().filter(|_| stays).map(|tag| format!("tag {tag}")));
        for (blob, _) in uploaded.blobs {
            self.remove_blob(&blob).await;
        }
    }

    async fn publish(&mut self, blob: Blob, published: &mut Published) {
        let Some(first) = self.artifact(blob, published).await else { return };
        let subject = image(blob, json!({"subject": descriptor(&first)}));
        self.subject(&first, &subject, published).await;
        let other = image(blob, json!({"annotations": {"org.opencontainers.image.title": absent_tag()}}));
        let tag = absent_tag();
        self.tag_parameter(&other, published).await;
        if self.put(&first, &tag).await.is_success() {
            published.tags.push(tag.clone());
            // One that does not heed conditions takes it.
            if !published.manifests.contains(&other.digest) {
                published.manifests.push(other.digest);
            }
            self.tag_condition(&tag, &other).await;
            self.overwritten(blob, &tag, published).await;
            self.tag_deletion(&first, published).await;
        } else {
            self.unknown(Ability::TagCondition, "no tag could be set");
        }
        self.large_manifest(blob, published).await;
    }

    /// Puts an artifact.
    async fn artifact(&mut self, blob: Blob, published: &mut Published) -> Option<Made> {
        let made = image(blob, json!({}));
        let reply = self.put(&made, &made.digest.to_string()).await;
        let found = taken(&reply, Quirk::ArtifactRefused);
        self.note(Ability::Artifact, found, reply.to_string());
        if reply.is_success() {
            published.manifests.push(made.digest);
            return Some(made);
        }
        None
    }

    async fn subject(&mut self, subject: &Made, made: &Made, published: &mut Published) {
        let reply = self.put(made, &made.digest.to_string()).await;
        if !reply.is_success() {
            return self.unknown(Ability::Subject, reply.to_string());
        }
        published.manifests.insert(0, made.digest);
        if reply.header(&SUBJECT).is_none() {
            return self.judge(Some(Quirk::SubjectUnsaid), Ability::Subject, format!("{reply} without OCI-Subject"));
        }
        let list = self.referrers_of(&subject.digest).await;
        let is_listed = listed(&list).is_some_and(|list| list.iter().any(|listed| listed.digest == made.digest));
        let quirk = (!is_listed).then_some(Quirk::SubjectUnlisted);
        self.judge(quirk, Ability::Subject, format!("{reply}, {list}"));
    }

    async fn tag_parameter(&mut self, made: &Made, published: &mut Published) {
        let tag = absent_tag();
        let reply = self.put(made, &format!("{}?tag={tag}", made.digest)).await;
        if !reply.is_success() {
            return self.unknown(Ability::TagParameter, reply.to_string());
        }
        published.manifests.push(made.digest);
        let is_set = reply.header(&TAG) == Some(&*tag);
        if is_set {
            published.tags.push(tag);
        }
        self.judge((!is_set).then_some(Quirk::TagParameterIgnored), Ability::TagParameter, reply.to_string());
    }

    /// Moves a tag under conditions that do not hold.
    async fn tag_condition(&mut self, tag: &str, other: &Made) {
        let wrong = format!("\"{}\"", absent_digest());
        let replies = [
            self.put_if(other, tag, Some((IF_MATCH, &wrong))).await,
            self.put_if(other, tag, Some((IF_NONE_MATCH, "*"))).await,
        ];
        let found = if replies.iter().all(|reply| reply.status() == Some(412)) {
            Found::Standard
        } else if replies.iter().any(Reply::is_success) {
            Found::Quirk(Quirk::TagConditionIgnored)
        } else if replies.iter().all(Reply::is_refusal) {
            Found::Quirk(Quirk::TagConditionRefused)
        } else {
            Found::Unknown
        };
        self.note(
            Ability::TagCondition,
            found,
            format!("{} with If-Match, {} with If-None-Match", replies[0], replies[1]),
        );
    }

    /// Moves a tag away from a manifest that has no other.
    async fn overwritten(&mut self, blob: Blob, tag: &str, published: &mut Published) {
        let made = |text: &str| image(blob, json!({"annotations": {"org.opencontainers.image.title": text}}));
        let (old, new) = (made(&absent_tag()), made(&absent_tag()));
        let set = [self.put(&old, tag).await, self.put(&new, tag).await];
        if !set.iter().all(Reply::is_success) {
            return self.unknown(Ability::Overwritten, set[1].to_string());
        }
        published.manifests.extend([old.digest, new.digest]);
        let reply = self.manifest_as(Method::GET, &old.digest.to_string()).await;
        let found = match reply.status() {
            Some(200) => Found::Standard,
            Some(404) => Found::Quirk(Quirk::OverwrittenGone),
            _ => Found::Unknown,
        };
        self.note(Ability::Overwritten, found, format!("{reply} after its tag was moved"));
    }

    /// Removes one of two tags of a manifest.
    async fn tag_deletion(&mut self, made: &Made, published: &mut Published) {
        let (kept, removed) = (absent_tag(), absent_tag());
        for tag in [&kept, &removed] {
            if !self.put(made, tag).await.is_success() {
                return self.unknown(Ability::TagDeletion, "no tag could be set");
            }
            published.tags.push(tag.clone());
        }
        let reply = self.delete(&format!("manifests/{removed}")).await;
        if !reply.is_success() {
            let found = if reply.is_refusal() { Found::Quirk(Quirk::TagDeletionRefused) } else { Found::Unknown };
            return self.note(Ability::TagDeletion, found, reply.to_string());
        }
        published.tags.retain(|tag| *tag != removed);
        let other = self.manifest_as(Method::GET, &kept).await;
        let quirk = (other.status() == Some(404)).then_some(Quirk::TagDeletionTakesManifest);
        self.judge(quirk, Ability::TagDeletion, format!("{reply}, and {other} for another tag of its manifest"));
    }

    async fn large_manifest(&mut self, blob: Blob, published: &mut Published) {
        let text = |length| json!({"annotations": {"org.opencontainers.image.description": "x".repeat(length)}});
        let overhead = image(blob, text(0)).bytes.len();
        let made = image(blob, text(LARGE_BYTES - overhead));
        let reply = self.put(&made, &made.digest.to_string()).await;
        let found = taken(&reply, Quirk::LargeManifestRefused);
        self.note(Ability::LargeManifest, found, format!("{reply}, for {} bytes", made.bytes.len()));
        if reply.is_success() {
            published.manifests.push(made.digest);
        }
    }

    /// Removes a manifest. Returns whether it stays.
    async fn delete_manifest(&mut self, digest: &Digest) -> bool {
        let reply = self.delete(&format!("manifests/{digest}")).await;
        let found = match reply.status() {
            Some(404) => return false,
            Some(200..=299) => {
                let after = self.manifest_as(Method::GET, &digest.to_string()).await;
                let is_late = after.is_success();
                let quirk = is_late.then_some(Quirk::ManifestDeletionLate);
                self.judge(quirk, Ability::ManifestDeletion, format!("{reply}, then {after}"));
                return false;
            }
            _ if reply.is_refusal() => Found::Quirk(Quirk::ManifestDeletionRefused),
            _ => Found::Unknown,
        };
        self.note(Ability::ManifestDeletion, found, reply.to_string());
        self.left.push(format!("manifest {digest}"));
        true
    }

    /// Removes a blob.
    pub(super) async fn remove_blob(&mut self, digest: &Digest) {
        let reply = self.delete(&format!("blobs/{digest}")).await;
        let found = match reply.status() {
            Some(200..=299) => Found::Standard,
            Some(404) => return,
            _ if reply.is_refusal() => Found::Quirk(Quirk::BlobDeletionRefused),
            _ => Found::Unknown,
        };
        self.note(Ability::BlobDeletion, found, reply.to_string());
        if found != Found::Standard {
            self.left.push(format!("blob {digest}"));
        }
    }

    async fn delete(&self, place: &str) -> Reply {
        self.ask_for(Method::DELETE, place, Access::Delete, |question| question).await
    }

    async fn put(&self, made: &Made, name: &str) -> Reply {
        self.put_if(made, name, None).await
    }

    async fn put_if(&self, made: &Made, name: &str, condition: Option<(HeaderName, &str)>) -> Reply {
        let asks = |question: Question| {
            let question = question.body(MediaType::OCI_MANIFEST.as_str(), made.bytes.clone());
            match condition {
                Some((header, value)) => question.with(header, value),
                None => question,
            }
        };
        self.ask_for(Method::PUT, &format!("manifests/{name}"), Access::Push, asks).await
    }
}

/// Tells whether something was taken, and else whether that is the quirk.
fn taken(reply: &Reply, refused: Quirk) -> Found {
    match reply.is_success() {
        true => Found::Standard,
        false if reply.is_refusal() => Found::Quirk(refused),
        false => Found::Unknown,
    }
}

/// Makes a manifest with a blob as its layer and these fields.
fn image(blob: Blob, more: Value) -> Made {
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::sha256(b"{}"), "size": 2});
    let layer = json!({"mediaType": "application/octet-stream", "digest": blob.0, "size": blob.1});
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST.as_str(),
        "artifactType": ARTIFACT_TYPE,
        "config": empty,
        "layers": [layer],
    });
    if let (Value::Object(fields), Value::Object(more)) = (&mut manifest, more) {
        fields.extend(more);
    }
    let bytes = manifest.to_string().into_bytes();
    Made { digest: Digest::sha256(&bytes), bytes }
}

fn descriptor(made: &Made) -> Value {
    json!({"mediaType": MediaType::OCI_MANIFEST.as_str(), "digest": made.digest, "size": made.bytes.len()})
}
