//! A registry in memory, with switches for what registries may do differently, and faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use oci::Digest;

use crate::server::{Before, Head, Reply, Server, Service};

/// What registries do differently.
#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    pub(crate) single_post: bool,
    pub(crate) verifies: bool,
    pub(crate) mounts: bool,
    pub(crate) absolute_locations: bool,
    pub(crate) chunk_min: Option<u64>,
    pub(crate) upload_status: bool,
    pub(crate) deletes: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            single_post: false,
            verifies: true,
            mounts: true,
            absolute_locations: false,
            chunk_min: None,
            upload_status: true,
            deletes: true,
        }
    }
}

/// Something that happens once, to the first request of a method with a text in its path.
pub(crate) struct Fault {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) effect: Effect,
}

pub(crate) enum Effect {
    /// This is the answer, after the body has been read.
    Reply(Reply),
    /// This is the answer, before it has.
    Early(Reply),
    /// This much of the body is taken, then the connection breaks.
    CutRequest(usize),
    /// This much of the answer's body is sent, then the connection breaks.
    CutAnswer(usize),
}

#[derive(Default)]
struct State {
    blobs: BTreeMap<String, Bytes>,
    uploads: BTreeMap<String, Vec<u8>>,
    faults: Vec<Fault>,
    opened: usize,
    ended: Vec<String>,
}

/// The registry.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    pub(crate) behaviour: Behaviour,
    state: Arc<Mutex<State>>,
}

impl Registry {
    pub(crate) fn new(change: impl FnOnce(&mut Behaviour)) -> Self {
        let mut behaviour = Behaviour::default();
        change(&mut behaviour);
        Self { behaviour, state: Arc::default() }
    }

    pub(crate) async fn start(&self) -> Server {
        Server::start(self.clone()).await
    }

    pub(crate) fn add(&self, content: &Bytes) -> Digest {
        let digest = Digest::sha256(content);
        self.state.lock().unwrap().blobs.insert(digest.to_string(), content.clone());
        digest
    }

    pub(crate) fn blob(&self, digest: &Digest) -> Option<Bytes> {
        self.state.lock().unwrap().blobs.get(&digest.to_string()).cloned()
    }

    pub(crate) fn blobs(&self) -> usize {
        self.state.lock().unwrap().blobs.len()
    }

    /// Returns the number of sessions that were neither finished nor given up.
    pub(crate) fn open_uploads(&self) -> usize {
        self.state.lock().unwrap().uploads.len()
    }

    /// Returns the sessions that were given up.
    pub(crate) fn given_up(&self) -> usize {
        self.state.lock().unwrap().ended.len()
    }

    /// Returns how many uploads have been opened so far.
    pub(crate) fn opened(&self) -> usize {
        self.state.lock().unwrap().opened
    }

    pub(crate) fn fault(&self, method: &'static str, path: &str, effect: Effect) {
        self.state.lock().unwrap().faults.push(Fault { method, path: path.to_owned(), effect });
    }

    fn take_fault(&self, head: &Head, early: bool) -> Option<Effect> {
        let mut state = self.state.lock().unwrap();
        let at = state.faults.iter().position(|fault| {
            let is_early = matches!(fault.effect, Effect::Early(_) | Effect::CutRequest(_));
            fault.method == head.method && head.path.contains(&fault.path) && is_early == early
        })?;
        Some(state.faults.remove(at).effect)
    }

    fn location(&self, head: &Head, upload: &str) -> String {
        let path = format!("/v2/app/blobs/uploads/{upload}?_state=a%2Fb%3D");
        if self.behaviour.absolute_locations { format!("http://{}{path}", head.header("host").unwrap()) } else { path }
    }

    fn open(&self, head: &Head, status: u16) -> Reply {
        let mut state = self.state.lock().unwrap();
        state.opened += 1;
        let upload = format!("session-{}", state.opened);
        state.uploads.insert(upload.clone(), Vec::new());
        drop(state);
        let mut reply = Reply::new(status).with("location", self.location(head, &upload)).with("range", "0-0");
        if let Some(chunk_min) = self.behaviour.chunk_min {
            reply = reply.with("oci-chunk-min-length", chunk_min);
        }
        reply
    }

    fn store(&self, digest: &str, content: Bytes) -> Reply {
        let found = Digest::sha256(&content).to_string();
        if self.behaviour.verifies && found != digest {
            return Reply::error(400, "DIGEST_INVALID");
        }
        self.state.lock().unwrap().blobs.insert(digest.to_owned(), content);
        Reply::new(201).with("docker-content-digest", digest).with("location", format!("/v2/app/blobs/{digest}"))
    }

    fn upload(&self, head: &Head, body: &Bytes, name: &str) -> Reply {
        if name.is_empty() {
            return self.begin(head, body);
        }
        let mut state = self.state.lock().unwrap();
        let Some(content) = state.uploads.get_mut(name) else { return Reply::error(404, "BLOB_UPLOAD_UNKNOWN") };
        assert_eq!(head.query.get("_state").map(String::as_str), Some("a/b%3D"), "the query of the location is kept");
        let range = |length: usize| format!("0-{}", length.saturating_sub(1));
        match head.method.as_str() {
            "PATCH" => {
                if let Some(range) = head.header("content-range") {
                    let (first, last) = range.split_once('-').unwrap();
                    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                    assert_eq!(last + 1 - first, body.len());
                    if first != content.len() {
                        return Reply::new(416).with("range", format!("0-{}", content.len().saturating_sub(1)));
                    }
                }
                content.extend_from_slice(body);
                let length = content.len();
                drop(state);
                Reply::new(202).with("location", self.location(head, name)).with("range", range(length))
            }
            "PUT" => {
                let mut content = state.uploads.remove(name).unwrap();
                drop(state);
                content.extend_from_slice(body);
                self.store(&head.query["digest"], content.into())
            }
            "GET" if self.behaviour.upload_status => {
                let length = content.len();
                drop(state);
                Reply::new(204).with("location", self.location(head, name)).with("range", range(length))
            }
            "DELETE" => {
                state.uploads.remove(name);
                state.ended.push(name.to_owned());
                Reply::new(204)
            }
            _ => Reply::error(404, "BLOB_UPLOAD_UNKNOWN"),
        }
    }

    fn begin(&self, head: &Head, body: &Bytes) -> Reply {
        assert_eq!(head.method, "POST");
        if let Some(digest) = head.query.get("mount") {
            if self.behaviour.mounts && self.state.lock().unwrap().blobs.contains_key(digest) {
                return Reply::new(201).with("location", format!("/v2/app/blobs/{digest}"));
            }
            return self.open(head, 202);
        }
        match head.query.get("digest") {
            Some(digest) if self.behaviour.single_post => self.store(digest, body.clone()),
            _ => self.open(head, 202),
        }
    }

    fn get_blob(&self, head: &Head, digest: &str) -> Reply {
        let content = self.state.lock().unwrap().blobs.get(digest).cloned();
        let Some(content) = content else { return Reply::error(404, "BLOB_UNKNOWN") };
        let Some(range) = head.header("range") else { return blob_reply(200, content) };
        let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let stated = format!("bytes {first}-{last}/{}", content.len());
        blob_reply(206, content.slice(first..=last)).with("content-range", stated)
    }

    fn answer(&self, head: &Head, body: &Bytes) -> Reply {
        let Some(rest) = head.path.strip_prefix("/v2/app/") else { return Reply::new(200) };
        if let Some(upload) = rest.strip_prefix("blobs/uploads/") {
            return self.upload(head, body, upload);
        }
        let Some(digest) = rest.strip_prefix("blobs/") else { return Reply::error(404, "NAME_UNKNOWN") };
        match head.method.as_str() {
            "DELETE" if !self.behaviour.deletes => Reply::error(405, "UNSUPPORTED"),
            "DELETE" => {
                let removed = self.state.lock().unwrap().blobs.remove(digest);
                Reply::new(if removed.is_some() { 202 } else { 404 })
            }
            _ => self.get_blob(head, digest),
        }
    }
}

impl Service for Registry {
    fn before(&self, head: &Head) -> Before {
        match self.take_fault(head, true) {
            Some(Effect::Early(reply)) => Before::Early(reply),
            Some(Effect::CutRequest(after)) => Before::Cut(after),
            _ => Before::Read,
        }
    }

    fn reply(&self, head: &Head, body: &Bytes) -> Reply {
        match self.take_fault(head, false) {
            Some(Effect::Reply(reply)) => reply,
            Some(Effect::CutAnswer(after)) => self.answer(head, body).cut(after),
            _ => self.answer(head, body),
        }
    }

    fn was_cut(&self, head: &Head, body: &Bytes) {
        // What came of a part is kept, as registries keep it.
        if let Some(name) = head.path.strip_prefix("/v2/app/blobs/uploads/")
            && let Some(content) = self.state.lock().unwrap().uploads.get_mut(name)
        {
            content.extend_from_slice(body);
        }
    }
}

fn blob_reply(status: u16, content: Bytes) -> Reply {
    Reply::new(status).with("content-type", "application/octet-stream").body(content)
}
