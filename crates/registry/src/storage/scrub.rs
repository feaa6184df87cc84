//! Every byte is read from time to time, and held against its digest.
//!
//! A pass goes through blobs, then through manifests, in the order of their digests. How far it has come is in the database, so it goes on
//! after a restart, and at another node. What is bad is marked in a transaction that looks again: bytes that have gone since, or
//! lie elsewhere now, are not bad. What is marked is not served: clients are told that it is not there, and a
//! push puts it into a new place and takes the mark away, as does a later pass that finds it well.

mod cursor;
mod mark;
mod page;

use std::fmt;
use std::time::Duration;

use oci::{Digest, RepositoryName};
use tokio::time::sleep;

use super::Storage;
use super::database::StorageError;
use super::reading::{self, Flaw, Pace};
use super::reindex::Findings;
use cursor::{Begin, Cursor, End, Reached};
use page::{BlobPage, ContentPage};

/// How a pass is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrub {
    /// Only when the pass before began so long ago, and nobody else is at it; a pass that was broken off goes on. Without it a pass begins at
    /// once.
    pub period: Option<Duration>,
    /// Most bytes that are read in a second.
    pub bytes_per_second: Option<u64>,
}

/// What a pass found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Blobs that were read.
    pub blobs: u64,
    /// Manifests that were read.
    pub manifests: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// What is bad.
    pub bad: Findings<Bad>,
    /// What could not be read this time, and why. Nothing is known about it.
    pub unreadable: Findings<String>,
}

/// Bytes that are not what they are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// What they are called.
    pub digest: Digest,
    /// Where they are.
    pub place: String,
    /// What is wrong.
    pub flaw: Flaw,
    /// Whether other bytes took their place already. Otherwise nothing is served under this digest until it is pushed again.
    pub is_healed: bool,
    /// Manifests that need them: some of them, when there are many.
    pub needed_by: Vec<(RepositoryName, Digest)>,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { digest, place, flaw, is_healed, needed_by } = self;
        write!(f, "{digest}: {place} {flaw}")?;
        if *is_healed {
            return write!(f, "; it was replaced");
        }
        write!(f, "; it is not served until it is pushed again")?;
        for (number, (repository, manifest)) in needed_by.iter().enumerate() {
            write!(f, "{} {repository}@{manifest}", if number == 0 { "; needed by" } else { "," })?;
        }
        Ok(())
    }
}

impl std::error::Error for Bad {}

/// Reads so many bytes in a second.
struct Paced(Option<u64>);

impl Pace for Paced {
    async fn read(&mut self, bytes: u64) {
        if let Some(rate) = self.0 {
            sleep(Duration::from_millis(bytes.saturating_mul(1000) / rate.max(1))).await;
        }
    }
}

impl Storage {
    /// Makes a pass, or its rest, if one is due, and tells `on_bad` of everything bad as soon as it is marked. Returns `None` when none is
    /// due. Dropping the future breaks the pass off; it goes on behind the last page.
    ///
    /// # Errors
    /// What the database brings. What the place of the blobs brings is in the report.
    pub async fn scrub(
        &self,
        scrub: &Scrub,
        on_bad: impl Fn(&Bad) + Send + Sync,
    ) -> Result<Option<Scrubbed>, StorageError> {
        let Some(mut cursor) = self.metadata().write(Begin { period: scrub.period }).await? else { return Ok(None) };
        let on_bad = |bad: &Bad| {
            self.counts().found_bad.one();
            on_bad(bad);
        };
        let mut scrubbed = Scrubbed::default();
        let mut limiter = Paced(scrub.bytes_per_second);
        while let Cursor::Blobs(behind) = &cursor {
            let page = self.metadata().read(BlobPage { behind: behind.clone() }).await?;
            let last = page.last().map(|blob| blob.digest.to_bytes());
            for blob in page {
                let flaw =
                    reading::flaw(self.blobs().as_ref(), &blob.place, &blob.digest, blob.size, &mut limiter).await;
                scrubbed.blobs += 1;
                scrubbed.bytes += blob.size;
                self.counts().blobs_read.one();
                self.counts().bytes_read.add(blob.size);
                match flaw {
                    Err(error) => scrubbed.unreadable.add(format!("{}: {error}", blob.place)),
                    Ok(None) if !blob.is_bad => {}
                    Ok(flaw) => self.mark_blob(blob, flaw, &mut scrubbed, &on_bad).await?,
                }
            }
            cursor = last.map_or(Cursor::Manifests(Vec::new()), Cursor::Blobs);
            self.metadata().write(Reached(cursor.clone())).await?;
        }
        while let Cursor::Manifests(behind) = &cursor {
            let Some(content) = self.metadata().read(ContentPage { behind: behind.clone() }).await? else { break };
            cursor = Cursor::Manifests(content.digest.to_bytes());
            scrubbed.manifests += 1;
            scrubbed.bytes += content.bytes.len() as u64;
            self.counts().manifests_read.one();
            self.counts().bytes_read.add(content.bytes.len() as u64);
            limiter.read(content.bytes.len() as u64).await;
            self.check_content(content, &mut scrubbed, &mut limiter, &on_bad).await?;
            self.metadata().write(Reached(cursor.clone())).await?;
        }
        self.metadata().write(End).await?;
        Ok(Some(scrubbed))
    }
}
