//! How blobs come to a registry, and what it verifies.

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_RANGE, RANGE};
use oci::{Algorithm, Digest};
use reqwest::Url;

use super::reply::Reply;
use super::{Exam, Question, absent_digest};
use crate::auth::Access;
use crate::profile::{Ability, Found, Quirk};
use crate::syntax::location::{add_parameter, is_downgrade};
use crate::syntax::range::uploaded;
use crate::upload::CHUNK_MIN_LENGTH;

const OCTET_STREAM: &str = "application/octet-stream";

/// Bytes of a chunk, where the registry does not want more.
const CHUNK_BYTES: usize = 64;

/// Largest chunk that is sent because the registry wants it, in bytes.
const CHUNK_MAX_BYTES: usize = 16 * 1024 * 1024;

/// What was uploaded and is to be removed in the end.
#[derive(Default)]
pub(super) struct Uploaded {
    /// Name and bytes.
    pub(super) blobs: Vec<(Digest, usize)>,
}

impl Exam {
    /// Looks at uploads. Returns what was put, or `None` where nothing may be.
    pub(super) async fn uploads(&mut self) -> Option<Uploaded> {
        let opened = self.open("").await;
        let Some(session) = session(&opened) else {
            let found = if opened.is_denial() || opened.is_refusal() {
                Found::Quirk(Quirk::UploadsRefused)
            } else {
                Found::Unknown
            };
            self.note(Ability::Upload, found, opened.to_string());
            return None;
        };
        self.judge(None, Ability::Upload, opened.to_string());
        let chunk = opened.header(&CHUNK_MIN_LENGTH).and_then(|text| text.trim().parse::<usize>().ok());
        if let Some(chunk) = chunk {
            self.note(Ability::ChunkLength, Found::Standard, format!("at least {chunk} bytes"));
        }
        let mut put = Uploaded::default();
        put.blobs.extend(self.chunks(session, chunk.unwrap_or(0).clamp(CHUNK_BYTES, CHUNK_MAX_BYTES)).await);
        put.blobs.extend(self.single_post().await);
        self.order_of_chunks().await;
        self.verification().await;
        put.blobs.extend(self.sha512().await);
        if let Some(&(blob, _)) = put.blobs.first() {
            self.mounts(blob).await;
        }
        Some(put)
    }

    async fn open(&self, query: &str) -> Reply {
        self.ask_for(Method::POST, &format!("blobs/uploads/{query}"), Access::Push, |question| question).await
    }

    /// Asks for something of a session, whose URL is for nobody's eyes.
    async fn at(&self, method: Method, url: Url, body: Option<Bytes>, range: Option<String>) -> Reply {
        let mut question = Question::new(method, url, "the upload", Access::Push);
        if let Some(body) = body {
            question = question.body(OCTET_STREAM, body);
        }
        if let Some(range) = range {
            question = question.with(CONTENT_RANGE, &range);
        }
        self.ask(question).await
    }

    async fn finish(&self, mut session: Url, digest: &Digest, body: Bytes) -> Reply {
        add_parameter(&mut session, "digest", &digest.to_string());
        self.at(Method::PUT, session, Some(body), None).await
    }

    /// Uploads a blob in two chunks, and asks in between how much has come.
    async fn chunks(&mut self, session: Url, length: usize) -> Option<(Digest, usize)> {
        let content = Bytes::from(random_bytes(length + CHUNK_BYTES));
        let (first, second) = (content.slice(..length), content.slice(length..));
        let reply = self.at(Method::PATCH, session.clone(), Some(first), Some(format!("0-{}", length - 1))).await;
        if !is_taken(&reply) {
            let found = if reply.is_refusal() { Found::Quirk(Quirk::ChunksRefused) } else { Found::Unknown };
            self.note(Ability::Chunks, found, reply.to_string());
            self.unknown(Ability::UploadStatus, "it takes no chunks");
            return self.put_whole(content).await;
        }
        let session = reply.location().unwrap_or(session);
        let session = self.status_of_upload(session, length as u64).await;
        let range = format!("{length}-{}", content.len() - 1);
        let patched = self.at(Method::PATCH, session.clone(), Some(second), Some(range)).await;
        let session = patched.location().unwrap_or(session);
        let digest = Digest::sha256(&content);
        let put = self.finish(session, &digest, Bytes::new()).await;
        let worked = is_taken(&patched) && put.is_success();
        let held = patched.header(RANGE).and_then(uploaded);
        if worked && let Some(held) = held.filter(|&held| held != content.len() as u64) {
            let evidence = format!("{patched}, {held} bytes of {}", content.len());
            self.judge(Some(Quirk::UploadStatusWrong), Ability::UploadStatus, evidence);
        }
        let refused = patched.is_refusal() || put.is_refusal();
        let found = match (worked, refused) {
            (true, _) => Found::Standard,
            (false, true) => Found::Quirk(Quirk::ChunksRefused),
            (false, false) => Found::Unknown,
        };
        self.note(Ability::Chunks, found, format!("{patched}, {put}"));
        if worked { Some((digest, content.len())) } else { self.put_whole(content).await }
    }

    /// Asks how much of an upload has come. Returns where it goes on.
    async fn status_of_upload(&mut self, session: Url, length: u64) -> Url {
        let reply = self.at(Method::GET, session.clone(), None, None).await;
        let held = reply.header(RANGE).and_then(uploaded);
        let found = match held {
            Some(held) if held == length => Found::Standard,
            Some(_) => Found::Quirk(Quirk::UploadStatusWrong),
            None if reply.is_refusal() || reply.is_success() => Found::Quirk(Quirk::UploadStatusMissing),
            None => Found::Unknown,
        };
        let held = held.map_or_else(|| "no number of bytes".to_owned(), |held| format!("{held} bytes of {length}"));
        self.note(Ability::UploadStatus, found, format!("{reply}, {held}"));
        reply.location().unwrap_or(session)
    }

    /// Puts a blob in the way that every registry takes.
    pub(super) async fn put_whole(&self, content: Bytes) -> Option<(Digest, usize)> {
        let session = session(&self.open("").await)?;
        let (digest, length) = (Digest::sha256(&content), content.len());
        self.finish(session, &digest, content).await.is_success().then_some((digest, length))
    }

    async fn single_post(&mut self) -> Option<(Digest, usize)> {
        let content = Bytes::from(random_bytes(CHUNK_BYTES));
        let digest = Digest::sha256(&content);
        let question = self.question(Method::POST, &format!("blobs/uploads/?digest={digest}"), Access::Push).await;
        let reply = self.ask(question.ok()?.body(OCTET_STREAM, content)).await;
        let found = match reply.status() {
            Some(201) => Found::Standard,
            Some(202) => Found::Quirk(Quirk::SinglePostSession),
            _ if reply.is_refusal() => Found::Quirk(Quirk::SinglePostRefused),
            _ => Found::Unknown,
        };
        self.note(Ability::SinglePost, found, reply.to_string());
        if let Some(session) = session(&reply) {
            self.at(Method::DELETE, session, None, None).await;
        }
        (reply.status() == Some(201)).then_some((digest, CHUNK_BYTES))
    }

    /// Sends a chunk that does not follow the last, and gives that upload up.
    async fn order_of_chunks(&mut self) {
        let Some(session) = session(&self.open("").await) else {
            return self.unknown(Ability::UploadCancel, "no upload could be begun");
        };
        if self.has(Quirk::ChunksRefused) == Some(false) {
            let (body, range) = (random_bytes(CHUNK_BYTES), format!("1000000-{}", 1_000_000 + CHUNK_BYTES - 1));
            let reply = self.at(Method::PATCH, session.clone(), Some(body.into()), Some(range)).await;
            let found = match reply.status() {
                Some(202) => Found::Quirk(Quirk::ChunkOrderUnchecked),
                _ if reply.is_refusal() => Found::Standard,
                _ => Found::Unknown,
            };
            self.note(Ability::ChunkOrder, found, reply.to_string());
        }
        let reply = self.at(Method::DELETE, session, None, None).await;
        let found = match reply.status() {
            // The chunk may have ended it.
            Some(404 | 200..=299) => Found::Standard,
            _ if reply.is_refusal() => Found::Quirk(Quirk::UploadCancelRefused),
            _ => Found::Unknown,
        };
        self.note(Ability::UploadCancel, found, reply.to_string());
    }

    /// Uploads what is not what its digest says.
    async fn verification(&mut self) {
        let Some(session) = session(&self.open("").await) else {
            return self.unknown(Ability::Verification, "no upload could be begun");
        };
        let wrong = absent_digest();
        let reply = self.finish(session.clone(), &wrong, random_bytes(CHUNK_BYTES).into()).await;
        let found = match reply.status() {
            Some(200..=299) => Found::Quirk(Quirk::DigestUnverified),
            _ if reply.is_refusal() => Found::Standard,
            _ => Found::Unknown,
        };
        self.note(Ability::Verification, found, format!("{reply}, to other content than its digest says"));
        if found == Found::Standard {
            self.at(Method::DELETE, session, None, None).await;
        } else if reply.is_success() {
            self.remove_blob(&wrong).await;
        }
    }

    async fn sha512(&mut self) -> Option<(Digest, usize)> {
        let content = Bytes::from(random_bytes(CHUNK_BYTES));
        let digest = Algorithm::Sha512.digest(&content);
        let opened = self.open("?digest-algorithm=sha512").await;
        let opened = if opened.is_refusal() { self.open("").await } else { opened };
        let session = session(&opened)?;
        let reply = self.finish(session, &digest, content.clone()).await;
        if !reply.is_success() {
            let found = if reply.is_refusal() { Found::Quirk(Quirk::Sha512Refused) } else { Found::Unknown };
            self.note(Ability::Sha512, found, reply.to_string());
            return None;
        }
        let there = self.get(&format!("blobs/{digest}")).await;
        let found = if there.is_success() { Found::Standard } else { Found::Quirk(Quirk::Sha512Renamed) };
        self.note(Ability::Sha512, found, format!("{reply}, {there}"));
        Some((if there.is_success() { digest } else { Digest::sha256(&content) }, content.len()))
    }

    /// Mounts what is there and what is not.
    async fn mounts(&mut self, blob: Digest) {
        let from = self.repository.name().clone();
        let absent = absent_digest();
        let reply = self.open(&format!("?mount={absent}&from={from}")).await;
        if reply.status() == Some(201) {
            return self.judge(
                Some(Quirk::MountClaimed),
                Ability::Mount,
                format!("{reply}, for a blob that is not there"),
            );
        }
        self.give_up(&reply).await;
        let reply = self.open(&format!("?mount={blob}&from={from}")).await;
        let found = match reply.status() {
            Some(201) => Found::Standard,
            Some(202) => Found::Quirk(Quirk::MountRefused),
            _ if reply.is_refusal() || reply.is_denial() => Found::Quirk(Quirk::MountRefused),
            _ => Found::Unknown,
        };
        self.note(Ability::Mount, found, reply.to_string());
        self.give_up(&reply).await;
    }

    /// Gives an upload up that was opened and is not needed.
    async fn give_up(&self, opened: &Reply) {
        if let Some(session) = session(opened) {
            self.at(Method::DELETE, session, None, None).await;
        }
    }
}

/// Tells whether a chunk was taken.
fn is_taken(reply: &Reply) -> bool {
    matches!(reply.status(), Some(201 | 202 | 204))
}

/// Returns the session that an answer opens.
fn session(opened: &Reply) -> Option<Url> {
    let location = opened.location().filter(|_| opened.status() == Some(202))?;
    (!is_downgrade(opened.url()?, &location)).then_some(location)
}

fn random_bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rand::fill(&mut bytes[..]);
    bytes
}
