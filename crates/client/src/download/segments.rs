//! A large blob from a place that is slow for each connection: several parts at once, given on in their order.
//!
//! Where one connection is fast enough it is left alone: its bytes then move in the kernel, and more connections would only cost more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use http::header::CONTENT_RANGE;
use oci::Descriptor;
use store::StoreError;
use store::body::{ByteStream, CHUNK_BYTES};
use store::pace::PROGRESS_BYTES;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::task::JoinHandle;

use super::pieces::PIECE_BYTES;
use super::{gone, ranged, resuming};
use crate::auth::Access;
use crate::exchange::{Answer, Failure};
use crate::host::Context;
use crate::repository::Repository;
use crate::retry::Backoff;
use crate::syntax::range::ContentRange;

/// Pieces of one part, each of which is given on at once. Memory holds at most as many parts as there are connections: shorter ones cost more round trips.
const PIECES: usize = 7;

/// Bytes of one part.
const PART_BYTES: u64 = (PIECES * PIECE_BYTES) as u64;

/// Bytes by which is judged how fast one connection is, and those before them, while it gets up to speed.
const JUDGED_BYTES: usize = 512 * 1024;
const UNJUDGED_BYTES: usize = 512 * 1024;

/// What is known after the beginning of a body has been read.
pub(super) enum Begun {
    /// One connection will do; nothing is missing in the answer.
    Whole(Box<Answer>),
    /// The blob comes in parts.
    Parts(ByteStream),
}

/// Reads the beginning of a large blob and decides how the rest is asked for.
pub(super) async fn begin(repository: &Repository, descriptor: &Descriptor, offset: u64, mut answer: Answer) -> Begun {
    let policy = repository.registry().options.parallel;
    let left = descriptor.size - offset;
    if left < policy.min_bytes.max(4 * PART_BYTES) || policy.connections < 2 || answer.stated_length() != Some(left) {
        return Begun::Whole(Box::new(answer));
    }
    let mut head = BytesMut::new();
    let mut since = None;
    while head.len() < UNJUDGED_BYTES + JUDGED_BYTES {
        match answer.chunk().await {
            Ok(Some(chunk)) => head.extend_from_slice(&chunk),
            // It broke already. Who goes on finds out how that is.
            Ok(None) | Err(_) => return Begun::Parts(after(repository, descriptor, offset, head.freeze())),
        }
        if since.is_none() && head.len() >= UNJUDGED_BYTES {
            since = Some((Instant::now(), head.len()));
        }
    }
    let is_slow = since.is_some_and(|(since, before)| {
        let came = (head.len() - before) as u128;
        came * 1_000_000 < u128::from(policy.slower_than) * since.elapsed().as_micros()
    });
    let next = offset + head.len() as u64;
    if is_slow && let Some(first) = first_part(repository, descriptor, next).await {
        // Closes its connection.
        drop(answer);
        let parts = Parts {
            repository: repository.clone(),
            descriptor: descriptor.clone(),
            next: end_of_part(descriptor, next),
            under_way: VecDeque::from([first]),
            head: head.freeze(),
        };
        return Begun::Parts(parts.into_stream());
    }
    answer.put_back(head.freeze());
    Begun::Whole(Box::new(answer))
}

fn end_of_part(descriptor: &Descriptor, first: u64) -> u64 {
    first.saturating_add(PART_BYTES).min(descriptor.size)
}

/// Returns the beginning, and what comes of asking for the rest.
fn after(repository: &Repository, descriptor: &Descriptor, offset: u64, head: Bytes) -> ByteStream {
    let rest = resuming(repository, descriptor, offset + head.len() as u64, None);
    stream::iter(Some(head).filter(|head| !head.is_empty()).map(Ok)).chain(rest).boxed()
}

/// Asks for the first part, unless the registry gives no parts.
async fn first_part(repository: &Repository, descriptor: &Descriptor, first: u64) -> Option<Part> {
    let answer = part(repository, descriptor, first, end_of_part(descriptor, first)).await.ok()??;
    Some(Part::begin(repository, descriptor, first, Some(answer), None))
}

/// Asks for the bytes from `first` to before `end`. `None` when the registry gives others, or the whole.
async fn part(
    repository: &Repository,
    descriptor: &Descriptor,
    first: u64,
    end: u64,
) -> Result<Option<Answer>, StoreError> {
    let action = format!("the request for a part of blob {}", descriptor.digest);
    // Who waits for a part may be an upload to the same registry, which holds a permit. Parts have slots of their own.
    let context = Context { without_permit: true, ..repository.context(&action, Access::Pull) };
    let mut call = ranged(repository, descriptor, &context, first, end).await?;
    call.apart = true;
    let answer = repository.registry().call(call).await?;
    match answer.status {
        StatusCode::PARTIAL_CONTENT => {
            let range = answer.header(CONTENT_RANGE).and_then(ContentRange::parse);
            let is_it = range.is_some_and(|range| range.first == first && range.last.checked_add(1) == Some(end));
            Ok(Some(answer).filter(|_| is_it))
        }
        StatusCode::OK => Ok(None),
        StatusCode::NOT_FOUND => Err(gone(repository, descriptor)),
        _ => Err(context.refused(answer).await),
    }
}

/// A part on its way. Dropped, it is not asked for any more.
struct Part {
    pieces: Receiver<Bytes>,
    task: JoinHandle<Result<(), StoreError>>,
    _slot: Option<OwnedSemaphorePermit>,
}

impl Drop for Part {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Part {
    fn begin(
        repository: &Repository,
        descriptor: &Descriptor,
        first: u64,
        answer: Option<Answer>,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let (repository, descriptor) = (repository.clone(), descriptor.clone());
        let (sender, pieces) = tokio::sync::mpsc::channel(PIECES);
        let task = tokio::spawn(async move { read(&repository, &descriptor, first, answer, &sender).await });
        Self { pieces, task, _slot: slot }
    }

    /// Returns the next bytes, `None` after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        if let Some(piece) = self.pieces.recv().await {
            return Ok(Some(piece));
        }
        match (&mut self.task).await {
            Ok(read) => read.map(|()| None),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Only a runtime that shuts down ends it, and with it whatever waits here.
            Err(_) => std::future::pending().await,
        }
    }
}

/// Reads a part to its end, whatever breaks on the way.
async fn read(
    repository: &Repository,
    descriptor: &Descriptor,
    mut first: u64,
    mut answer: Option<Answer>,
    pieces: &Sender<Bytes>,
) -> Result<(), StoreError> {
    let action = format!("the request for a part of blob {}", descriptor.digest);
    let context = repository.context(&action, Access::Pull);
    let end = end_of_part(descriptor, first);
    let free = repository.registry().pieces.share();
    let mut backoff = Backoff::new(repository.registry().options.retry);
    let mut furthest = first;
    while first < end {
        let mut asked = if let Some(answer) = answer.take() {
            answer
        } else {
            part(repository, descriptor, first, end).await?.ok_or_else(|| {
                context.protocol("it gave another part than it was asked for, and gave parts a moment ago")
            })?
        };
        let failure = loop {
            let wanted = usize::try_from(end - first).unwrap_or(usize::MAX).min(PIECE_BYTES);
            let mut piece = free.take();
            let filled = fill(&mut asked, &mut piece, wanted).await;
            first += piece.len() as u64;
            if !piece.is_empty() && pieces.send(free.lend(piece)).await.is_err() || first == end {
                return Ok(());
            }
            if let Err(failure) = filled {
                break failure;
            }
        };
        if first - furthest >= PROGRESS_BYTES {
            furthest = first;
            backoff.reset();
        }
        if !failure.is_passing() || !backoff.again(None).await {
            return Err(context.failed(failure));
        }
    }
    Ok(())
}

/// Reads as many bytes as are wanted. What came before a failure is in the buffer.
async fn fill(answer: &mut Answer, piece: &mut Vec<u8>, wanted: usize) -> Result<(), Failure> {
    while piece.len() < wanted {
        let count = answer.chunk_into(piece, wanted - piece.len()).await?;
        if count.is_none() {
            return Err(Failure::ended_early());
        }
    }
    Ok(())
}

/// The parts of a blob, in their order.
struct Parts {
    repository: Repository,
    descriptor: Descriptor,
    /// Where the next part begins that nobody has asked for.
    next: u64,
    under_way: VecDeque<Part>,
    /// What was read to find out how fast it comes.
    head: Bytes,
}

impl Parts {
    fn into_stream(self) -> ByteStream {
        stream::try_unfold(self, async |mut parts| Ok(parts.next_chunk().await?.map(|chunk| (chunk, parts)))).boxed()
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>, StoreError> {
        self.ask();
        if !self.head.is_empty() {
            let count = self.head.len().min(CHUNK_BYTES);
            return Ok(Some(self.head.split_to(count)));
        }
        while let Some(part) = self.under_way.front_mut() {
            if let Some(piece) = part.next().await? {
                return Ok(Some(piece));
            }
            self.under_way.pop_front();
            self.ask();
        }
        Ok(None)
    }

    /// Asks for as many parts as may be under way. The first of a blob needs no slot, so that every blob goes on.
    fn ask(&mut self) {
        let registry = self.repository.registry();
        while self.next < self.descriptor.size && self.under_way.len() < registry.options.parallel.connections {
            let slot = Arc::clone(&registry.slots).try_acquire_owned().ok();
            if slot.is_none() && !self.under_way.is_empty() {
                return;
            }
            self.under_way.push_back(Part::begin(&self.repository, &self.descriptor, self.next, None, slot));
            self.next = end_of_part(&self.descriptor, self.next);
        }
    }
}
