//! What is not there, and how manifests and blobs are given.

use http::Method;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RANGE};
use oci::{Descriptor, Manifest, MediaType, Tag};

use super::reply::Reply;
use super::{Exam, Question, absence, absent_digest, absent_tag};
use crate::auth::Access;
use crate::manifests::{ACCEPTED, CONTENT_DIGEST};
use crate::profile::{Ability, Found, Quirk};
use crate::syntax::location::same_origin;

/// Most manifests that are read on the way to a blob.
const DEPTH_MAX: usize = 3;

/// Headers by which registries say how much may be asked.
const LIMITS: [&str; 4] = ["ratelimit-limit", "ratelimit-remaining", "x-ratelimit-limit", "x-ratelimit-remaining"];

impl Exam {
    /// Looks for a repository that is not there.
    pub(super) async fn absent_repository(&mut self) {
        let reply = self.manifest_as(Method::HEAD, &absent_tag()).await;
        let reply =
            if reply.status() == Some(405) { self.manifest_as(Method::GET, &absent_tag()).await } else { reply };
        let found = absence(&reply, Quirk::AbsentRepositoryDenied, Quirk::AbsentRepositoryOther);
        self.note(Ability::AbsentRepository, found, format!("{reply} in {}", self.repository.name()));
    }

    /// Looks at a repository without changing it.
    pub(super) async fn read(&mut self, tag: Option<Tag>) {
        let tags = self.tag_list().await;
        let name = tag.map(|tag| tag.to_string()).or_else(|| tags.into_iter().find(|tag| tag.parse::<Tag>().is_ok()));
        let manifest = match &name {
            Some(name) => self.manifest(name).await,
            None => None,
        };
        // Where everything is denied nobody can tell what that means of one thing.
        let is_readable = manifest.is_some() || matches!(self.get("tags/list?n=1").await.status(), Some(200 | 404));
        self.absent_tag(is_readable).await;
        self.absent_blob(is_readable).await;
        self.referrers(manifest.as_ref()).await;
        if let Some(manifest) = manifest {
            self.part_of_blob(&manifest).await;
        } else {
            for ability in [Ability::HeadManifest, Ability::ManifestDigest, Ability::ManifestType, Ability::Ranges] {
                if !self.profile.checks.contains_key(&ability) {
                    self.unknown(ability, "there is no image to look at");
                }
            }
        }
        self.history().await;
    }

    async fn absent_tag(&mut self, is_readable: bool) {
        let mut reply = self.manifest_as(Method::HEAD, &absent_tag()).await;
        // Some refuse HEAD whatever it asks for.
        if reply.status() == Some(405) || reply.is_denial() {
            reply = self.manifest_as(Method::GET, &absent_tag()).await;
        }
        let found = absence(&reply, Quirk::AbsentTagDenied, Quirk::AbsentTagOther);
        self.note_absence(Ability::AbsentTag, found, &reply, is_readable);
    }

    async fn absent_blob(&mut self, is_readable: bool) {
        let place = format!("blobs/{}", absent_digest());
        let mut reply = self.ask_for(Method::HEAD, &place, Access::Pull, |question| question).await;
        if reply.is_denial() {
            reply = self.get(&place).await;
        }
        let found = absence(&reply, Quirk::AbsentBlobDenied, Quirk::AbsentBlobOther);
        self.note_absence(Ability::AbsentBlob, found, &reply, is_readable);
    }

    /// Notes what was answered for something that is not there. A denial says nothing of it where everything may be denied.
    fn note_absence(&mut self, ability: Ability, found: Found, reply: &Reply, is_readable: bool) {
        let is_seen = is_readable || !reply.is_denial();
        self.note(ability, if is_seen { found } else { Found::Unknown }, reply.to_string());
    }

    /// Asks for a manifest by tag or digest.
    pub(super) async fn manifest_as(&self, method: Method, name: &str) -> Reply {
        self.ask_for(method, &format!("manifests/{name}"), Access::Pull, accepting).await
    }

    /// Looks at how an image's manifest is given.
    async fn manifest(&mut self, name: &str) -> Option<Manifest> {
        let reply = self.manifest_as(Method::GET, name).await;
        if !reply.is_success() {
            self.unknown(Ability::ManifestDigest, reply.to_string());
            return None;
        }
        let limits = reply.headers().map(|headers| {
            let named = LIMITS.iter().filter_map(|name| Some(format!("{name} {}", headers.get(*name)?.to_str().ok()?)));
            named.collect::<Vec<_>>().join(", ")
        });
        if let Some(limits) = limits.filter(|limits| !limits.is_empty()) {
            self.note(Ability::RateLimit, Found::Standard, oci::text::printable(&limits).to_string());
        }
        let stated = reply.header(CONTENT_TYPE).and_then(|text| MediaType::from_content_type(text).ok());
        let manifest = reply.manifest(stated.as_ref(), None).or_else(|| reply.manifest(None, None));
        let Some(manifest) = manifest else {
            self.unknown(Ability::ManifestType, format!("{reply}, with something that is no manifest"));
            return None;
        };
        let quirk = match &stated {
            None => Some(Quirk::TypeUnsaid),
            Some(stated) if stated != manifest.media_type() => Some(Quirk::TypeOther),
            Some(_) => None,
        };
        let said = stated.map_or_else(|| "no type".to_owned(), |stated| stated.as_str().to_owned());
        self.judge(quirk, Ability::ManifestType, format!("{reply}, {}", oci::text::printable(&said)));
        let quirk = match reply.header(&CONTENT_DIGEST) {
            None => Some(Quirk::DigestUnsaid),
            Some(said) if said.trim() == manifest.digest().to_string() => None,
            // Another algorithm may be as right.
            Some(said) if !said.starts_with("sha256:") => None,
            Some(_) => Some(Quirk::DigestWrong),
        };
        self.judge(quirk, Ability::ManifestDigest, reply.to_string());
        self.head(name).await;
        self.not_modified(&manifest, reply.header(ETAG)).await;
        Some(manifest)
    }

    async fn head(&mut self, name: &str) {
        let reply = self.manifest_as(Method::HEAD, name).await;
        let is_whole = reply.header(&CONTENT_DIGEST).is_some()
            && reply.header(CONTENT_LENGTH).is_some_and(|length| length != "0")
            && reply.header(CONTENT_TYPE).is_some();
        let found = match reply.status() {
            Some(200) if is_whole => Found::Standard,
            Some(200) => Found::Quirk(Quirk::HeadIncomplete),
            _ if reply.is_refusal() || reply.is_denial() => Found::Quirk(Quirk::HeadRefused),
            _ => Found::Unknown,
        };
        self.note(Ability::HeadManifest, found, reply.to_string());
    }

    async fn not_modified(&mut self, manifest: &Manifest, tag: Option<&str>) {
        let digest = manifest.digest().to_string();
        let condition = tag.map_or_else(|| format!("\"{digest}\""), str::to_owned);
        let asks = |question| accepting(question).with(IF_NONE_MATCH, &condition);
        let reply = self.ask_for(Method::GET, &format!("manifests/{digest}"), Access::Pull, asks).await;
        let found = match reply.status() {
            Some(304) => Found::Standard,
            Some(200) => Found::Quirk(Quirk::NotModifiedUnsaid),
            _ => Found::Unknown,
        };
        self.note(Ability::NotModified, found, format!("{reply} with If-None-Match"));
    }

    /// Asks for a part of the first blob that an image leads to.
    async fn part_of_blob(&mut self, manifest: &Manifest) {
        let Some(blob) = self.blob_of(manifest).await else {
            return self.unknown(Ability::Ranges, "there is no blob to look at");
        };
        let place = format!("blobs/{}", blob.digest);
        let asks = |question: Question| question.with(RANGE, "bytes=1-1");
        let reply = self.ask_for(Method::GET, &place, Access::Pull, asks).await;
        let found = match reply.status() {
            Some(206) => Found::Standard,
            Some(200) => Found::Quirk(Quirk::RangesIgnored),
            _ if reply.is_refusal() => Found::Quirk(Quirk::RangesRefused),
            _ => Found::Unknown,
        };
        let base = self.repository.registry().base().await.ok();
        let elsewhere = reply.url().zip(base).is_some_and(|(url, base)| !same_origin(url, base));
        let from = if elsewhere { ", from another host" } else { "" };
        self.note(Ability::Ranges, found, format!("{reply}{from}"));
    }

    /// Returns a small blob of an image.
    async fn blob_of(&self, manifest: &Manifest) -> Option<Descriptor> {
        let mut manifest = manifest.clone();
        for _ in 0..DEPTH_MAX {
            let Some(child) = manifest.children().first() else { break };
            let reply = self.manifest_as(Method::GET, &child.digest.to_string()).await;
            manifest = reply.manifest(Some(&child.media_type), Some(&child.digest))?;
        }
        let blobs = manifest.config().into_iter().chain(manifest.layers()).filter(|blob| blob.size > 1);
        blobs.min_by_key(|blob| blob.size).cloned()
    }

    async fn history(&mut self) {
        match crate::history::extensions(&self.repository).await {
            Ok(extensions) => {
                let quirk = (!extensions.tag_history).then_some(Quirk::TagHistoryMissing);
                self.judge(quirk, Ability::TagHistory, "GET _oci/ext/discover");
            }
            Err(error) => self.unknown(Ability::TagHistory, error.to_string()),
        }
    }
}

/// Returns a question for a manifest with the types that it may have.
fn accepting(mut question: Question) -> Question {
    question.headers.insert(ACCEPT, ACCEPTED);
    question
}
