//! What lies in the place of the blobs, and the rows that name it: two lists in the same order, side by side.

use std::cmp::Ordering;
use std::collections::VecDeque;

use async_trait::async_trait;

use super::{Audit, Fault, Now, PAGE, Storage};
use crate::route::UploadId;
use crate::storage::blobs::Listed;
use crate::storage::clock::milliseconds;
use crate::storage::database::{Connection, Operation, Row, StorageError};
use crate::storage::journal::{DIRECTORY, MANIFESTS, Name};

/// Characters in the name of an upload.
const UPLOAD_CHARACTERS: usize = 36;

/// What a row says that lies in a place: a blob, or the copy of a manifest.
struct Named {
    place: String,
    size: u64,
    /// Whether the bytes have to be there, and as they should be: not those that a scrub has found bad, nor a copy that is under way.
    is_kept: bool,
}

impl Audit {
    fn count_object(&mut self, found: &Listed) {
        match found.place.split('/').next() {
            Some(DIRECTORY) => self.journal += 1,
            Some(MANIFESTS) => self.copies += 1,
            _ => {
                self.objects += 1;
                self.bytes += found.size;
            }
        }
    }
}

impl Storage {
    pub(super) async fn audit_places(&self, audit: &mut Audit) -> Result<(), StorageError> {
        let mut there = Listing { page: VecDeque::new(), last: String::new(), ended: false };
        let mut named = Rows { page: VecDeque::new(), last: String::new(), ended: false };
        loop {
            there.fill(self).await?;
            named.fill(self).await?;
            let order = match (there.page.front(), named.page.front()) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(found), Some(row)) => found.place.cmp(&row.place),
            };
            let found = (order != Ordering::Greater).then(|| there.page.pop_front()).flatten();
            let row = (order != Ordering::Less).then(|| named.page.pop_front()).flatten();
            if let Some(found) = &found {
                audit.count_object(found);
            }
            match (found, row) {
                (_, Some(row)) if !row.is_kept => {}
                (Some(found), Some(row)) if found.size != row.size => audit.note(Fault::WrongSize, row.place),
                (Some(found), None) if self.is_unnamed(&found).await? => audit.note(Fault::UnnamedBytes, found.place),
                (None, Some(row)) if self.is_missing(&row).await? => audit.note(Fault::MissingBytes, row.place),
                _ => {}
            }
        }
    }

    /// Tells whether nobody names some bytes: no blob, no manifest, no upload that is under way, and not what is about to be removed. The
    /// journal names itself, and whatever it no longer needs goes with the next checkpoint.
    async fn is_unnamed(&self, found: &Listed) -> Result<bool, StorageError> {
        if Name::parse(&found.place).is_some() {
            return Ok(false);
        }
        let now = self.metadata().read(Now).await?;
        if milliseconds(found.changed) > now - self.keeping().lease() {
            return Ok(false);
        }
        if let Some(id) = upload_of(&found.place)
            && self.has_session(id).await?
        {
            return Ok(false);
        }
        if self.metadata().read(IsNamed { place: found.place.clone(), given_up: true }).await? {
            return Ok(false);
        }
        // It may have been removed since, with the row that named it.
        Ok(self.blobs().size(&found.place).await?.is_some())
    }

    /// Tells whether bytes are gone and what names them is not.
    async fn is_missing(&self, row: &Named) -> Result<bool, StorageError> {
        let is_there = self.blobs().size(&row.place).await?.is_some();
        Ok(!is_there && self.metadata().read(IsNamed { place: row.place.clone(), given_up: false }).await?)
    }
}

/// Returns the upload that brought what is in a place: the place begins or ends with its name.
pub(in crate::storage) fn upload_of(place: &str) -> Option<UploadId> {
    let name = place.rsplit('/').next()?;
    let last = name.len().checked_sub(UPLOAD_CHARACTERS)?;
    let parse = |text: Option<&str>| text?.parse().ok();
    parse(name.get(last..)).or_else(|| parse(name.get(..UPLOAD_CHARACTERS)))
}

struct Listing {
    page: VecDeque<Listed>,
    last: String,
    ended: bool,
}

impl Listing {
    async fn fill(&mut self, storage: &Storage) -> Result<(), StorageError> {
        if self.page.is_empty() && !self.ended {
            self.page = storage.blobs().list("", &self.last, PAGE).await?.into();
            self.ended = self.page.len() < PAGE;
            self.last = self.page.back().map(|found| found.place.clone()).unwrap_or_default();
        }
        Ok(())
    }
}

struct Rows {
    page: VecDeque<Named>,
    last: String,
    ended: bool,
}

impl Rows {
    async fn fill(&mut self, storage: &Storage) -> Result<(), StorageError> {
        if self.page.is_empty() && !self.ended {
            self.page = storage.metadata().read(Page { after: self.last.clone() }).await?.into();
            self.ended = self.page.len() < PAGE;
            self.last = self.page.back().map(|row| row.place.clone()).unwrap_or_default();
        }
        Ok(())
    }
}

struct Page {
    after: String,
}

#[async_trait]
impl Operation for Page {
    type Outcome = Vec<Named>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let sql = "SELECT place, size, CASE WHEN bad_since IS NULL THEN 1 ELSE 0 END FROM blob WHERE place > $1 \
                   UNION ALL SELECT place, CAST(LENGTH(bytes) AS BIGINT), \
                   CASE WHEN bad_since IS NULL THEN is_stored ELSE 0 END FROM content WHERE place > $1 \
                   ORDER BY 1 LIMIT $2";
        let rows = connection.rows(sql, &[self.after.as_str().into(), limit.into()]).await?;
        let named = |row: &Row| Ok(Named { place: row.text(0)?, size: row.size(1)?, is_kept: row.integer(2)? != 0 });
        rows.iter().map(named).collect()
    }
}

/// Asks whether a row names a place.
struct IsNamed {
    place: String,
    /// Whether one counts that says that the place is given up.
    given_up: bool,
}

#[async_trait]
impl Operation for IsNamed {
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT 1 FROM blob WHERE place = $1 UNION ALL SELECT 1 FROM content WHERE place = $1 \
                   UNION ALL SELECT 1 FROM given_up WHERE place = $1 AND $2 = 1";
        let given_up = i64::from(self.given_up);
        Ok(connection.row(sql, &[self.place.as_str().into(), given_up.into()]).await?.is_some())
    }
}
