//! Moving a blob to a registry (distribution-spec, "Pushing blobs").

mod chunks;
mod content;
mod session;
mod trust;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::RANGE;
use oci::Descriptor;
use reqwest::Url;
use store::pace::PROGRESS_BYTES;
use store::{BlobSource, Meter, Put, Store as _, StoreError};

use crate::auth::Access;
use crate::exchange::{Answer, Body, Failure, Gate, Tally};
use crate::host::Context;
use crate::learned::SinglePost;
use crate::manifests::CONTENT_DIGEST;
use crate::options::UploadMode;
use crate::profile::{Ability, Found, Quirk};
use crate::refusal;
use crate::repository::Repository;
use crate::retry::{self, Backoff};
use crate::syntax::range::uploaded;

pub(crate) use session::{CHUNK_MIN_LENGTH, cancel};

/// Blobs up to this size go in one `POST` where that is not known to fail: little is lost when it does.
const TRIAL_MAX_BYTES: u64 = 64 * 1024;

/// Blobs up to this size go in one `POST` where that is known to work. Larger ones are worth a session that can be resumed.
const SINGLE_POST_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Blobs from this size on are worth asking how much of them has arrived when a connection breaks.
const RESUME_MIN_BYTES: u64 = 256 * 1024;

/// Bytes of a chunk where a registry does not let a large body through: some let no more through.
const PIECE_BYTES: u64 = 4 * 1024 * 1024;

/// One blob on its way to a registry.
struct Upload<'a> {
    repository: &'a Repository,
    context: Context<'a>,
    descriptor: &'a Descriptor,
    source: &'a dyn BlobSource,
    tally: Tally,
    /// Whether the registry has been seen to refuse content of a wrong digest, so that it need not be hashed here.
    trusted: bool,
    /// What the end of the content waits at while that is being found out.
    gate: Option<Gate>,
    /// Where the content last ended too early, at first beyond every end.
    ended: AtomicU64,
    /// Whether a connection broke on the way: then it goes in a session, which can be resumed.
    broke: AtomicBool,
    /// Whether the last try sent it in pieces.
    in_pieces: AtomicBool,
    /// How often the registry had the session elsewhere than it said.
    misplaced: AtomicU32,
    /// Whether the content has been read again because the registry said that it is wrong, and was right.
    checked: AtomicBool,
}

/// An upload session and how much of the blob it holds.
#[derive(Clone)]
struct Session {
    location: Url,
    offset: u64,
    /// Fewest bytes of a chunk but the last, where the registry wants that.
    chunk_min: u64,
}

impl std::fmt::Debug for Session {
    /// Does not show the location: who knows it may be let in without more.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("offset", &self.offset).finish_non_exhaustive()
    }
}

/// Why a try did not end with the blob in its place.
enum Trouble {
    /// Another try will not go better.
    Final(StoreError),
    /// Another try may; the session, if there is one, may hold some of the blob.
    Passing { error: StoreError, wish: Option<Duration>, session: Option<Box<Session>> },
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Final(error)
    }
}

/// Moves a blob. When that fails, the meter is where it was before and the registry shows nothing of the blob.
pub(crate) async fn put(
    repository: &Repository,
    descriptor: &Descriptor,
    source: &dyn BlobSource,
    meter: &Meter,
) -> Result<Put, StoreError> {
    let action = format!("the upload of blob {}", descriptor.digest);
    let context = repository.context(&action, Access::Push);
    let mut upload = Upload {
        repository,
        context,
        descriptor,
        source,
        tally: Tally::new(meter),
        trusted: false,
        gate: None,
        ended: AtomicU64::new(u64::MAX),
        broke: AtomicBool::new(false),
        in_pieces: AtomicBool::new(false),
        misplaced: AtomicU32::new(0),
        checked: AtomicBool::new(false),
    };
    let outcome = upload.place().await;
    // A registry may say that it has the blob before it has read all of it.
    upload.tally.settle(if outcome.is_ok() { descriptor.size } else { 0 });
    outcome.map(|()| Put::Stored)
}

impl Upload<'_> {
    /// Moves the blob, hashed here unless the registry is known to do that.
    async fn place(&mut self) -> Result<(), StoreError> {
        let registry = self.repository.registry();
        // A mount that failed may have opened a session.
        let session = registry
            .learned
            .take_upload(self.repository.name(), &self.descriptor.digest)
            .map(|location| Session { location, offset: 0, chunk_min: 0 });
        if self.sends_whole() && trust::is_open(self.repository, self.descriptor) {
            return self.place_in_doubt(session).await;
        }
        self.trusted = trust::is_verifying(self.repository, self.descriptor).await?;
        self.run(session).await
    }

    /// Moves the blob as if the registry hashed it, while a trial upload shows whether it does. The end is held back until
    /// that is known; where it does not, the blob is sent again and hashed here.
    async fn place_in_doubt(&mut self, session: Option<Session>) -> Result<(), StoreError> {
        let (keeper, gate) = Gate::new();
        self.gate = Some(gate);
        self.trusted = true;
        {
            let mut moving = Box::pin(self.run(session));
            let verifying = tokio::select! {
                // Its session is what takes longest: it is asked for first.
                biased;
                // The registry has it already, or there is no way to bring it.
                outcome = &mut moving => return outcome,
                known = trust::is_verifying(self.repository, self.descriptor) => known?,
            };
            if verifying {
                keeper.open();
                return moving.await;
            }
        }
        self.gate = None;
        self.trusted = false;
        self.tally.settle(0);
        Box::pin(self.run(None)).await
    }

    /// Returns how the content goes.
    fn mode(&self) -> UploadMode {
        let registry = self.repository.registry();
        match registry.options.upload {
            UploadMode::Auto if registry.learned.is_in_pieces() && self.descriptor.size > PIECE_BYTES => {
                UploadMode::Chunked { size: PIECE_BYTES }
            }
            mode => mode,
        }
    }

    /// Tells whether the content goes in one body where it is large.
    fn sends_whole(&self) -> bool {
        matches!(self.mode(), UploadMode::Auto | UploadMode::PostPut)
    }

    async fn run(&self, mut session: Option<Session>) -> Result<(), StoreError> {
        let mut backoff = Backoff::new(self.repository.registry().options.retry);
        let mut furthest = 0;
        loop {
            let (error, wish, broken) = match self.attempt(session).await {
                Ok(()) => return Ok(()),
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Passing { error, wish, session }) => (error, wish, session),
            };
            self.broke.store(true, Ordering::Relaxed);
            if wish.is_some() {
                backoff.heed(&self.repository.registry().load);
            }
            if !backoff.again(wish).await {
                return Err(error);
            }
            session = match broken {
                Some(broken) if self.descriptor.size >= RESUME_MIN_BYTES => session::resume(self, *broken).await,
                _ => None,
            };
            let kept = session.as_ref().map_or(0, |session| session.offset);
            self.tally.settle(kept);
            if kept.saturating_sub(furthest) >= PROGRESS_BYTES {
                furthest = kept;
                backoff.reset();
            }
        }
    }

    /// Tries once, from what the session holds, or from the beginning.
    async fn attempt(&self, session: Option<Session>) -> Result<(), Trouble> {
        let size = self.descriptor.size;
        let mode = self.mode();
        self.in_pieces.store(matches!(mode, UploadMode::Chunked { .. }), Ordering::Relaxed);
        let session = match session {
            Some(session) => session,
            None => match self.single_post(mode).await? {
                SinglePostOutcome::Done => return Ok(()),
                SinglePostOutcome::Session(session, Some(content)) => {
                    return session::finish(self, session, Body::Bytes(content)).await;
                }
                SinglePostOutcome::Session(session, None) => session,
                SinglePostOutcome::NotTried if self.sends_whole() => {
                    // The source is asked meanwhile.
                    let (session, body) = tokio::try_join!(session::open(self), content::whole(self, 0))?;
                    return session::finish(self, session, body).await;
                }
                SinglePostOutcome::NotTried => session::open(self).await?,
            },
        };
        match mode {
            UploadMode::Chunked { size: chunk } => {
                let chunk = chunk.max(1).max(session.chunk_min);
                chunks::send(self, session, chunk).await
            }
            UploadMode::Streamed => chunks::send_streamed(self, session).await,
            // Only `PATCH` can go on where something was interrupted.
            _ if session.offset > 0 && session.offset < size => {
                let rest = size - session.offset;
                chunks::send(self, session, rest).await
            }
            _ => {
                let body =
                    if session.offset < size { content::whole(self, session.offset).await? } else { Body::Empty };
                session::finish(self, session, body).await
            }
        }
    }

    /// Sends the blob in one `POST`, where the mode says so and the registry is not known to refuse.
    async fn single_post(&self, mode: UploadMode) -> Result<SinglePostOutcome, Trouble> {
        let registry = self.repository.registry();
        let learned = &registry.learned;
        let size = self.descriptor.size;
        if size >= RESUME_MIN_BYTES && self.broke.load(Ordering::Relaxed) {
            return Ok(SinglePostOutcome::NotTried);
        }
        let learning = match mode {
            UploadMode::SinglePost => false,
            UploadMode::Auto if self.avoids_single_post() => return Ok(SinglePostOutcome::NotTried),
            UploadMode::Auto if size <= SINGLE_POST_MAX_BYTES => match learned.single_post() {
                SinglePost::Works => false,
                SinglePost::Try if size <= TRIAL_MAX_BYTES => true,
                SinglePost::Try => {
                    learned.learn_single_post(None);
                    return Ok(SinglePostOutcome::NotTried);
                }
                SinglePost::Avoid => return Ok(SinglePostOutcome::NotTried),
            },
            _ => return Ok(SinglePostOutcome::NotTried),
        };
        // Whatever happens, even if this future is dropped, somebody else may try to learn it.
        let mut lesson = Lesson { learned, works: None, taught: learning };
        let (outcome, works) = session::post_whole(self, learning).await?;
        lesson.works = works;
        if learning && works == Some(false) {
            let quirk = match outcome {
                SinglePostOutcome::Session(..) => Quirk::SinglePostSession,
                _ => Quirk::SinglePostRefused,
            };
            registry.note(Ability::SinglePost, Found::Quirk(quirk), "POST blobs/uploads/ with a blob".to_owned());
        }
        Ok(outcome)
    }

    /// Tells whether an earlier run has seen that the registry takes no blob in one `POST`. That it does is tried in every run.
    fn avoids_single_post(&self) -> bool {
        let has = |quirk| self.repository.registry().has(quirk) == Some(true);
        has(Quirk::SinglePostSession) || has(Quirk::SinglePostRefused)
    }

    fn failed(&self, failure: Failure, session: Option<Session>) -> Trouble {
        let offset = session.as_ref().map_or(0, |session| session.offset);
        let failure = match failure {
            Failure::Short(sent) => Failure::Content(self.wrong_size(offset + sent)),
            other => other,
        };
        let passing = match &failure {
            // The source could not be reached: it may be the next time.
            Failure::Content(StoreError::Unreachable { .. }) => true,
            // Its connection broke, or there is no more of it: that shows when it ends in the same place again.
            Failure::Content(StoreError::Size { found, expected, .. }) if found < expected => {
                self.ended.swap(*found, Ordering::Relaxed) != *found
            }
            other => other.is_passing(),
        };
        let error = self.context.failed(failure);
        if passing {
            Trouble::Passing { error, wish: None, session: session.map(Box::new) }
        } else {
            Trouble::Final(error)
        }
    }

    fn wrong_size(&self, found: u64) -> StoreError {
        let Descriptor { digest, size: expected, .. } = *self.descriptor;
        StoreError::Size { location: self.repository.location().to_owned(), digest, expected, found }
    }

    /// Says what an answer means that is not the one hoped for. Reads the content again where it is said to be wrong.
    async fn refused(&self, answer: Answer, session: Option<Session>) -> Trouble {
        let status = answer.status;
        let session = session.map(Box::new);
        let wish = retry::wish(&answer);
        let complaint = refusal::complaint(answer).await;
        let registry = self.repository.registry();
        let (learned, is_auto) = (&registry.learned, registry.options.upload == UploadMode::Auto);
        let error = refusal::error_of(status, &complaint, self.context.location, self.context.action);
        if complaint.has("DIGEST_INVALID") || complaint.has("SIZE_INVALID") {
            // Either the content is not what it should be, or it was damaged on the way; not twice, though.
            if self.checked.swap(true, Ordering::Relaxed) {
                return Trouble::Final(error);
            }
            return match content::check(self).await {
                Err(wrong) => Trouble::Final(wrong),
                Ok(()) => Trouble::Passing { error, wish, session: None },
            };
        }
        match status.as_u16() {
            // The pass was renewed and the session is untouched.
            401 => Trouble::Passing { error, wish, session },
            // The session is elsewhere than we believe. Where it is so again the registry does not know it either, or means
            // something else, such as the length of a chunk.
            416 => {
                let is_first = self.misplaced.fetch_add(1, Ordering::Relaxed) == 0;
                Trouble::Passing { error, wish, session: session.filter(|_| is_first) }
            }
            // A gateway that lets no large body through may let its pieces through.
            413 if is_auto && !self.in_pieces.load(Ordering::Relaxed) && self.descriptor.size > PIECE_BYTES => {
                learned.learn_in_pieces();
                Trouble::Passing { error, wish, session: None }
            }
            // The session is gone.
            404 => Trouble::Passing { error, wish, session: None },
            _ if retry::is_passing(status) => Trouble::Passing { error, wish, session },
            _ => Trouble::Final(error),
        }
    }

    /// Checks the answer that says the blob is in its place.
    fn accept(&self, answer: &Answer) -> Result<(), StoreError> {
        match answer.digest(&CONTENT_DIGEST) {
            // Some registries call everything by its sha256, whatever it was sent as.
            Some(found) if found.algorithm() == self.descriptor.digest.algorithm() => self
                .descriptor
                .digest
                .expect(found)
                .map_err(|source| StoreError::Digest { location: self.repository.location().to_owned(), source }),
            _ => Ok(()),
        }
    }
}

/// What a single `POST` brought.
enum SinglePostOutcome {
    Done,
    /// The registry has opened a session instead. It still wants the content, which is here if it is in memory.
    Session(Session, Option<Bytes>),
    NotTried,
}

/// Passes on what a trial has shown when it ends.
struct Lesson<'a> {
    learned: &'a crate::learned::Learned,
    works: Option<bool>,
    taught: bool,
}

impl Drop for Lesson<'_> {
    fn drop(&mut self) {
        if self.taught {
            self.learned.learn_single_post(self.works);
        }
    }
}

/// Returns how many bytes an answer says the session holds.
fn held(answer: &Answer) -> Option<u64> {
    answer.header(RANGE).and_then(uploaded)
}

/// Tells whether the blob is in its place.
fn is_done(status: StatusCode) -> bool {
    matches!(status, StatusCode::CREATED | StatusCode::OK | StatusCode::NO_CONTENT)
}
