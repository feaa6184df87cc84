//! Pushing manifests.

use std::thread;
use std::time::Instant;

use oci::Digest;
use serde_json::{Value, json};

use super::client::Client;
use super::http::Request;
use super::pool::{self, Content, below, percent};
use super::world::Pushed;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

impl Client {
    pub(super) fn push_image(&mut self, repository: &str) {
        let tag = percent(&mut self.seed, 80).then(|| self.tag());
        self.image(repository, tag.as_deref(), None);
    }

    /// Pushes an artifact about what a tag points to.
    pub(super) fn push_referrer(&mut self, repository: &str) {
        let tagged = self.at(repository).tagged();
        let Some((tag, subject)) = tagged.get(below(&mut self.seed, tagged.len())).cloned() else { return };
        let size = self.at(repository).manifests.get(&subject).map_or(0, |pushed| pushed.bytes.len());
        let subject_shape = json!({ "mediaType": MANIFEST, "digest": subject, "size": size });
        if let Some((referrer, _)) = self.image(repository, None, Some(subject_shape)) {
            self.at(repository).attached.insert((tag, subject, referrer));
        }
    }

    /// Pushes an index of two images, some of which are there.
    pub(super) fn push_index(&mut self, repository: &str) {
        let mut since = Instant::now();
        let (mut entries, mut children) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let known: Vec<Digest> = self.at(repository).manifests.keys().copied().collect();
            let old = known.get(below(&mut self.seed, known.len())).copied();
            let old = old.filter(|_| percent(&mut self.seed, 40)).and_then(|old| self.head(repository, &old));
            let Some((child, at)) = old.or_else(|| self.image(repository, None, None)) else { return };
            since = since.min(at);
            let Some(pushed) = self.at(repository).manifests.get(&child) else { return };
            entries.push(json!({ "mediaType": pushed.media_type, "digest": child, "size": pushed.bytes.len() }));
            children.push(child);
        }
        let text = self.seed.next().to_string();
        let document =
            json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": { "text": text } });
        let bytes = document.to_string().into_bytes();
        let tag = self.tag();
        self.put(repository, Some(&tag), Pushed { media_type: INDEX, bytes, blobs: Vec::new(), children }, since);
    }

    /// Points a tag to what another one points to.
    pub(super) fn move_tag(&mut self, repository: &str) {
        let tagged = self.at(repository).tagged();
        let Some((_, digest)) = tagged.get(below(&mut self.seed, tagged.len())).cloned() else { return };
        let Some(pushed) = self.at(repository).manifests.get(&digest).cloned() else { return };
        let tag = self.tag();
        self.put(repository, Some(&tag), pushed, Instant::now());
    }

    /// Asks for a manifest, so that it stays. Returns it if it is there.
    fn head(&mut self, repository: &str, digest: &Digest) -> Option<(Digest, Instant)> {
        let since = Instant::now();
        let reply = self.send(&Request::new("HEAD", format!("/v2/{repository}/manifests/{digest}")))?;
        self.expect(&reply, &[200, 404], "HEAD of a manifest");
        if reply.status != 200 {
            return None;
        }
        self.at(repository).deleted.remove(digest);
        Some((*digest, since))
    }

    /// Pushes an image with its blobs. Returns its digest, and since when it must be there, if it was taken.
    fn image(&mut self, repository: &str, tag: Option<&str>, subject: Option<Value>) -> Option<(Digest, Instant)> {
        let count = 1 + below(&mut self.seed, 3);
        let contents: Vec<&Content> = (0..=count).map(|_| pool::pick(&mut self.seed)).collect();
        let mut since = Instant::now();
        for content in &contents {
            since = since.min(self.acquire(repository, content)?);
        }
        if percent(&mut self.seed, 10) {
            thread::sleep(self.shared.settings.lease / 3);
        }
        let descriptor = |content: &Content, kind: &str| json!({ "mediaType": kind, "digest": content.digest, "size": content.bytes.len() });
        let layers = contents[1..].iter().map(|content| descriptor(content, "application/vnd.oci.image.layer.v1.tar"));
        let mut document = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(contents[0], "application/vnd.oci.image.config.v1+json"),
            "layers": layers.collect::<Vec<_>>(),
            // Few enough for the same to come again.
            "annotations": { "text": (self.seed.next() % 50).to_string() },
        });
        if let Some(subject) = subject {
            document["subject"] = subject;
        }
        let bytes = document.to_string().into_bytes();
        let blobs = contents.iter().map(|content| content.digest).collect();
        let put = Instant::now();
        let digest =
            self.put(repository, tag, Pushed { media_type: MANIFEST, bytes, blobs, children: Vec::new() }, since)?;
        Some((digest, put))
    }

    /// Puts a manifest, all of whose content was there at a time or later. Returns its digest if it was taken.
    fn put(&mut self, repository: &str, tag: Option<&str>, pushed: Pushed, since: Instant) -> Option<Digest> {
        let digest = Digest::sha256(&pushed.bytes);
        let name = tag.map_or_else(|| digest.to_string(), str::to_owned);
        let request = Request::new("PUT", format!("/v2/{repository}/manifests/{name}"));
        let reply = self.send(&request.header("content-type", pushed.media_type).body(&pushed.bytes));
        let lease = self.shared.settings.lease;
        let here = self.at(repository);
        let may_lack = pushed.blobs.iter().chain(&pushed.children).any(|part| here.deleted.contains(part));
        match reply {
            Some(reply) if reply.status == 201 => {
                here.deleted.remove(&digest);
                here.manifests.insert(digest, pushed);
                if let Some(tag) = tag {
                    here.is_now(tag, Some(digest));
                }
                Some(digest)
            }
            Some(reply) => {
                if reply.status != 400 || (!may_lack && since.elapsed() < lease) {
                    self.expect(&reply, &[201], &format!("PUT of {repository}:{name}, {:?} old,", since.elapsed()));
                }
                None
            }
            None => {
                here.manifests.insert(digest, pushed);
                if let Some(tag) = tag {
                    here.may_be(tag, Some(digest));
                }
                None
            }
        }
    }
}
