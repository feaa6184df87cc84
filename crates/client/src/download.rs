//! Reading a blob, from any offset, through redirects and broken connections.

pub(crate) mod pieces;
mod segments;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use http::{HeaderValue, Method, StatusCode};
use oci::Descriptor;
use store::body::ByteStream;
use store::pace::PROGRESS_BYTES;
use store::{BlobBody, Content, Store as _, StoreError};

use self::segments::Begun;
use crate::absence::{self, Sought};
use crate::auth::Access;
use crate::exchange::answer::AnswerBody;
use crate::exchange::{Answer, Failure};
use crate::host::{Call, Context};
use crate::repository::Repository;
use crate::retry::Backoff;
use crate::syntax::range::ContentRange;

/// Blobs up to this size are read at once, so that the connection is free again. Moving them in the kernel costs more.
const SMALL_MAX_BYTES: u64 = 64 * 1024;

/// Returns the bytes of a blob from `offset` to its end.
pub(crate) async fn open(
    repository: &Repository,
    descriptor: &Descriptor,
    offset: u64,
) -> Result<Option<BlobBody>, StoreError> {
    let Some(left) = descriptor.size.checked_sub(offset) else {
        let action = format!("the request for blob {}", descriptor.digest);
        let context = repository.context(&action, Access::Pull);
        return Err(context.protocol(format!("offset {offset} is beyond its end")));
    };
    if left == 0 && offset > 0 {
        // There is no range that asks for nothing.
        return Ok(Some(BlobBody::from_bytes(Bytes::new())));
    }
    let Some(answer) = request(repository, descriptor, offset).await? else { return Ok(None) };
    if left <= SMALL_MAX_BYTES {
        return small(repository, descriptor, offset, answer).await.map(Some);
    }
    let answer = match segments::begin(repository, descriptor, offset, answer).await {
        Begun::Whole(answer) => *answer,
        Begun::Parts(parts) => return Ok(Some(BlobBody::from_stream(left, parts))),
    };
    let answer = match answer.into_socket(repository, descriptor, offset) {
        Ok(socket) => return Ok(Some(BlobBody { length: left, content: Content::Socket(socket) })),
        Err(answer) => *answer,
    };
    Ok(Some(BlobBody::from_stream(left, resuming(repository, descriptor, offset, Some(answer)))))
}

/// Returns the request for the bytes of a blob from `first` to before `end`.
async fn ranged<'a>(
    repository: &Repository,
    descriptor: &Descriptor,
    context: &Context<'a>,
    first: u64,
    end: u64,
) -> Result<Call<'a>, StoreError> {
    let url = repository.url(&format!("blobs/{}", descriptor.digest)).await?;
    let call = Call::new(Method::GET, url, *context).with(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    // Some registries do not understand a range without its end.
    let range = HeaderValue::try_from(format!("bytes={first}-{}", end.saturating_sub(1)));
    Ok(call.with(RANGE, range.map_err(|_| context.protocol("its range cannot be sent"))?))
}

/// Asks for a blob from `offset` on. The answer's body begins there, and its length is right if it is known.
async fn request(repository: &Repository, descriptor: &Descriptor, offset: u64) -> Result<Option<Answer>, StoreError> {
    let action = format!("the request for blob {}", descriptor.digest);
    // Who waits for the rest may be an upload to the same registry, which holds a permit.
    let context = Context { without_permit: offset > 0, ..repository.context(&action, Access::Pull) };
    let mut backoff = Backoff::new(repository.registry().options.retry);
    loop {
        let Some(mut answer) = ask(repository, descriptor, offset, &context).await? else { return Ok(None) };
        if offset == 0 || answer.status == StatusCode::PARTIAL_CONTENT {
            return Ok(Some(answer));
        }
        // Ranges are optional: what came before the offset is read again and left out.
        match skip(&mut answer, offset).await {
            Ok(()) => {
                answer.headers.remove(CONTENT_LENGTH);
                return Ok(Some(answer));
            }
            Err(failure) if failure.is_passing() && backoff.again(None).await => {}
            Err(failure) => return Err(context.failed(failure)),
        }
    }
}

/// Asks for a blob from `offset` on once. The answer's body begins there if its status says that it is a part.
async fn ask(
    repository: &Repository,
    descriptor: &Descriptor,
    offset: u64,
    context: &Context<'_>,
) -> Result<Option<Answer>, StoreError> {
    let mut call = ranged(repository, descriptor, context, offset, descriptor.size).await?;
    if offset == 0 {
        call.headers.remove(RANGE);
    }
    let mut outcome = repository.registry().call(call.clone()).await;
    if offset > 0 && outcome.as_ref().is_ok_and(|answer| matches!(answer.status.as_u16(), 400 | 405 | 416 | 501)) {
        // It gives no parts, so what came before the offset is read again.
        call.headers.remove(RANGE);
        outcome = repository.registry().call(call).await;
    }
    let answer = absence::unless_absent(repository, Sought::Blob, outcome, context).await?;
    let Some(answer) = answer else { return Ok(None) };
    let wrong_size = |found| StoreError::Size {
        location: repository.location().to_owned(),
        digest: descriptor.digest,
        expected: descriptor.size,
        found,
    };
    match answer.status {
        StatusCode::PARTIAL_CONTENT if offset > 0 => {
            let range = answer.header(CONTENT_RANGE).and_then(ContentRange::parse);
            match range {
                Some(range) if range.total.is_some_and(|total| total != descriptor.size) => {
                    return Err(wrong_size(range.total.unwrap_or_default()));
                }
                Some(range) if range.first == offset && range.last.checked_add(1) == Some(descriptor.size) => {}
                _ => return Err(context.protocol("it gave another range than it was asked for")),
            }
            let left = descriptor.size - offset;
            if answer.stated_length().is_some_and(|length| length != left) {
                return Err(context.protocol("its range and its length contradict each other"));
            }
            Ok(Some(answer))
        }
        StatusCode::OK => match answer.stated_length() {
            Some(length) if length != descriptor.size => Err(wrong_size(length)),
            _ => Ok(Some(answer)),
        },
        _ => Err(context.refused(answer).await),
    }
}

/// Reads so many bytes of the body and leaves them out.
pub(crate) async fn skip(answer: &mut Answer, mut bytes: u64) -> Result<(), Failure> {
    while bytes > 0 {
        let mut chunk = answer.chunk().await?.ok_or_else(Failure::ended_early)?;
        let skipped = usize::try_from(bytes).unwrap_or(usize::MAX).min(chunk.len());
        bytes -= skipped as u64;
        let rest = chunk.split_off(skipped);
        if !rest.is_empty() {
            answer.unread(rest);
        }
    }
    Ok(())
}

/// Reads the rest of a small blob into memory. What breaks on the way is asked for again as a whole.
async fn small(
    repository: &Repository,
    descriptor: &Descriptor,
    offset: u64,
    answer: Answer,
) -> Result<BlobBody, StoreError> {
    let action = format!("the request for blob {}", descriptor.digest);
    let context = repository.context(&action, Access::Pull);
    let left = descriptor.size - offset;
    let mut backoff = Backoff::new(repository.registry().options.retry);
    let mut answer = Some(answer);
    loop {
        let asked = match answer.take() {
            Some(answer) => answer,
            None => request(repository, descriptor, offset).await?.ok_or_else(|| gone(repository, descriptor))?,
        };
        let limit = usize::try_from(left).unwrap_or(usize::MAX);
        let found = match asked.read(limit).await {
            Ok(Some(bytes)) if bytes.len() == limit => return Ok(BlobBody::from_bytes(bytes)),
            Ok(Some(bytes)) => bytes.len() as u64,
            Ok(None) => left + 1,
            Err(failure) if failure.is_passing() && backoff.again(None).await => continue,
            Err(failure) => return Err(context.failed(failure)),
        };
        return Err(StoreError::Size {
            location: repository.location().to_owned(),
            digest: descriptor.digest,
            expected: descriptor.size,
            found: offset + found,
        });
    }
}

/// A download that asks for the rest when its connection breaks.
struct Download {
    repository: Repository,
    descriptor: Descriptor,
    offset: u64,
    answer: Option<Answer>,
    backoff: Backoff,
    /// Where it was when the tries were last counted anew.
    furthest: u64,
}

fn resuming(repository: &Repository, descriptor: &Descriptor, offset: u64, answer: Option<Answer>) -> ByteStream {
    let download = Download {
        repository: repository.clone(),
        descriptor: descriptor.clone(),
        offset,
        answer,
        backoff: Backoff::new(repository.registry().options.retry),
        furthest: offset,
    };
    stream::try_unfold(download, async |mut download| Ok(download.next().await?.map(|chunk| (chunk, download)))).boxed()
}

impl Download {
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            let mut answer = match self.answer.take() {
                Some(answer) => answer,
                None if self.offset == self.descriptor.size => return Ok(None),
                None => request(&self.repository, &self.descriptor, self.offset)
                    .await?
                    .ok_or_else(|| gone(&self.repository, &self.descriptor))?,
            };
            let failure = match answer.chunk().await {
                Ok(Some(chunk)) => {
                    self.offset += chunk.len() as u64;
                    if self.offset > self.descriptor.size {
                        return Err(self.wrong_size());
                    }
                    if self.offset - self.furthest >= PROGRESS_BYTES {
                        self.furthest = self.offset;
                        self.backoff.reset();
                    }
                    self.answer = Some(answer);
                    return Ok(Some(chunk));
                }
                Ok(None) if self.offset == self.descriptor.size => return Ok(None),
                Ok(None) => Failure::ended_early(),
                Err(failure) => failure,
            };
            if !failure.is_passing() || !self.backoff.again(None).await {
                let action = format!("the request for blob {}", self.descriptor.digest);
                return Err(failure.into_store_error(self.repository.location(), &action));
            }
        }
    }

    fn wrong_size(&self) -> StoreError {
        StoreError::Size {
            location: self.repository.location().to_owned(),
            digest: self.descriptor.digest,
            expected: self.descriptor.size,
            found: self.offset,
        }
    }
}

fn gone(repository: &Repository, descriptor: &Descriptor) -> StoreError {
    let what = format!("blob {}, which was there a moment ago", descriptor.digest);
    StoreError::Missing { location: repository.location().to_owned(), what }
}

impl Answer {
    /// Returns the plain socket that the body is still on.
    ///
    /// # Errors
    /// Gives the answer back when there is no such socket, or the length of the body is not known.
    fn into_socket(
        self,
        repository: &Repository,
        descriptor: &Descriptor,
        offset: u64,
    ) -> Result<store::SocketBody, Box<Self>> {
        let Self { status, headers, url, shown, body } = self;
        let body = match body {
            AnswerBody::Direct(body) => {
                let (again, wanted) = (repository.clone(), descriptor.clone());
                let (headers, url, shown) = (headers.clone(), url.clone(), shown.clone());
                let resuming = move |body| {
                    let body = AnswerBody::Direct(body);
                    resuming(&again, &wanted, offset, Some(Self { status, headers, url, shown, body }))
                };
                match body.into_socket(repository.location(), &descriptor.digest, resuming) {
                    Ok(socket) => return Ok(socket),
                    Err(body) => AnswerBody::Direct(body),
                }
            }
            other => other,
        };
        Err(Box::new(Self { status, headers, url, shown, body }))
    }
}
