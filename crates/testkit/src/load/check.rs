//! Looking whether what was promised is there.

use std::collections::BTreeSet;
use std::time::Instant;

use oci::Digest;
use serde_json::Value;

use super::client::Client;
use super::http::{Reply, Request};
use super::pool::{below, percent};
use super::world::World;

impl Client {
    /// Looks at one tag, or at a manifest that may have gone.
    pub(super) fn check_some(&mut self, repository: &str) {
        if percent(&mut self.seed, 70) {
            let (tag, reads_all) = (self.tag(), percent(&mut self.seed, 50));
            self.check_tag(repository, &tag, reads_all);
            return;
        }
        let digests: Vec<Digest> = self.at(repository).manifests.keys().copied().collect();
        let Some(digest) = digests.get(below(&mut self.seed, digests.len())).copied() else { return };
        let since = Instant::now();
        let head = self.send(&Request::new("HEAD", format!("/v2/{repository}/manifests/{digest}")));
        if head.is_some_and(|reply| reply.status == 200) {
            self.check_manifest(repository, &digest, true, Some(since));
        }
    }

    /// Looks at all tags, and at what lives with them.
    pub(super) fn check_promises(&mut self, reads_all: bool) {
        let names: Vec<String> = self.world.repositories.keys().cloned().collect();
        for repository in &names {
            let tags: Vec<String> = self.at(repository).tags.keys().cloned().collect();
            for tag in &tags {
                self.check_tag(repository, tag, reads_all);
            }
            self.check_referrers(repository, reads_all);
        }
    }

    /// Reads everything that was promised, and the lists of tags.
    pub(super) fn check_all(mut self) -> World {
        self.check_promises(true);
        let names: Vec<String> = self.world.repositories.keys().cloned().collect();
        for repository in names.iter().filter(|name| *name != super::SHARED) {
            let Some(list) = self.json(&format!("/v2/{repository}/tags/list")) else { continue };
            let listed: BTreeSet<&str> =
                list["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let tagged = self.at(repository).tagged();
            let expected: BTreeSet<&str> = tagged.iter().map(|(tag, _)| tag.as_str()).collect();
            if listed != expected {
                self.violation(&format!("{repository} lists {listed:?} and not {expected:?}"));
            }
        }
        self.world
    }

    fn check_tag(&mut self, repository: &str, tag: &str, reads_all: bool) {
        let Some(states) = self.at(repository).tags.get(tag).cloned() else { return };
        let Some(reply) = self.send(&Request::new("GET", format!("/v2/{repository}/manifests/{tag}"))) else { return };
        self.expect(&reply, &[200, 404], "GET of a tag");
        let found = (reply.status == 200).then(|| Digest::sha256(&reply.body));
        if !states.contains(&found) {
            self.violation(&format!("{repository}:{tag} is {found:?} and not one of {states:?}"));
        }
        self.at(repository).is_now(tag, found);
        if let Some(digest) = found {
            self.check_manifest(repository, &digest, reads_all, None);
        }
    }

    /// Looks whether a manifest and all it is made of is there; one that was promised at a time, only within the lease.
    fn check_manifest(&mut self, repository: &str, digest: &Digest, reads_all: bool, since: Option<Instant>) {
        let Some(pushed) = self.at(repository).manifests.get(digest).cloned() else { return };
        let path = format!("/v2/{repository}/manifests/{digest}");
        let Some(reply) = self.send(&Request::new("GET", path)) else { return };
        if reply.status == 200 && reply.body != pushed.bytes {
            self.violation(&format!("{repository}@{digest} has other bytes"));
        }
        self.must_be_there(repository, digest, &reply, since);
        if reply.status != 200 {
            return;
        }
        for blob in &pushed.blobs {
            let reads = reads_all || percent(&mut self.seed, 20);
            let method = if reads { "GET" } else { "HEAD" };
            let Some(reply) = self.send(&Request::new(method, format!("/v2/{repository}/blobs/{blob}"))) else {
                return;
            };
            if reads && reply.status == 200 && Digest::sha256(&reply.body) != *blob {
                self.violation(&format!("{repository}@{blob} has other bytes"));
            }
            self.must_be_there(repository, blob, &reply, since);
        }
        for child in &pushed.children {
            self.check_manifest(repository, child, reads_all, since);
        }
    }

    fn must_be_there(&mut self, repository: &str, digest: &Digest, reply: &Reply, since: Option<Instant>) {
        let may_be_gone = self.at(repository).deleted.contains(digest)
            || since.is_some_and(|since| since.elapsed() > self.shared.settings.lease);
        if reply.status != 200 && !(reply.status == 404 && may_be_gone) {
            self.violation(&format!("{repository}@{digest} was lost: {}", reply.status));
        }
    }

    fn check_referrers(&mut self, repository: &str, reads_all: bool) {
        for (tag, subject, referrer) in self.at(repository).attached.clone() {
            if self.at(repository).certain(&tag) != Some(subject) {
                continue;
            }
            let Some(list) = self.json(&format!("/v2/{repository}/referrers/{subject}")) else { continue };
            let mut listed = list["manifests"].as_array().into_iter().flatten();
            if !listed.any(|entry| entry["digest"] == referrer.to_string().as_str()) {
                self.violation(&format!("{repository}@{referrer} is not listed for {subject}, to which {tag} points"));
            }
            self.check_manifest(repository, &referrer, reads_all, None);
        }
    }

    /// Returns the blobs that the tags of a repository lead to.
    pub(super) fn needed(&mut self, repository: &str) -> BTreeSet<Digest> {
        let mut needed = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let list = self.json(&format!("/v2/{repository}/tags/list")).unwrap_or_default();
        let mut waiting: Vec<String> =
            list["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        while let Some(name) = waiting.pop() {
            let Some(reply) = self.send(&Request::new("GET", format!("/v2/{repository}/manifests/{name}"))) else {
                continue;
            };
            let digest = Digest::sha256(&reply.body);
            let Ok(document) = serde_json::from_slice::<Value>(&reply.body) else { continue };
            if reply.status != 200 || !seen.insert(digest) {
                continue;
            }
            let layers = document["layers"].as_array().into_iter().flatten();
            for blob in layers.chain([&document["config"]]).filter_map(|part| part["digest"].as_str()) {
                needed.extend(blob.parse::<Digest>().ok());
            }
            let referrers = self.json(&format!("/v2/{repository}/referrers/{digest}")).unwrap_or_default();
            for list in [&document["manifests"], &referrers["manifests"]] {
                let parts = list.as_array().into_iter().flatten().filter_map(|part| part["digest"].as_str());
                waiting.extend(parts.map(str::to_owned));
            }
        }
        needed
    }

    fn json(&mut self, path: &str) -> Option<Value> {
        let reply = self.send(&Request::new("GET", path))?;
        serde_json::from_slice(&reply.body).ok().filter(|_| reply.status == 200)
    }
}
