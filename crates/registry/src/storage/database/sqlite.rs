//! SQLite: one connection writes, others read beside it.
//!
//! What waits to be written while a commit is on its way to the disk is written together by the next one, each change under a
//! savepoint of its own; so a thousand clients do not wait for a thousand commits. One that has nobody beside it needs no savepoint, and one that is a
//! single statement no transaction.
//!
//! The connection that writes lives on a thread of its own, and an operation runs there from its first statement to its last: nobody is woken
//! between two of them. So an operation waits for nothing but the database.

mod open;
mod readers;
pub(super) mod statement;
mod writer;

use std::path::Path;
use std::sync::Arc;

use rusqlite::OpenFlags;

use super::connection::Connection;
use super::counts::Counts;
use super::migrate::{Schema, check, migrate};
use super::versions::Versions;
use super::{Durability, Operation, OwnFile, StorageError};
use crate::storage::Clock;
use crate::storage::blocking::blocking;
use open::{immediately, open, run, with_settings};
use readers::Readers;
use writer::Writer;

const BEGIN: &str = "BEGIN IMMEDIATE";

#[derive(Debug)]
pub(super) struct Sqlite {
    writer: Writer,
    /// None for a database in memory, which one connection alone can see.
    readers: Option<Readers>,
}

impl Sqlite {
    pub(super) async fn open(
        file: Option<&OwnFile>,
        schema: Schema,
        durability: Durability,
        clock: &Clock,
        versions: &Arc<Versions>,
        counts: &Counts,
    ) -> Result<Self, StorageError> {
        let (place, now) = (file.cloned(), clock.clone());
        let opened = blocking(move || {
            let mut connection = match &place {
                Some(file) => open(file.path(), OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?,
                None => with_settings(rusqlite::Connection::open_in_memory()?)?,
            };
            if place.is_some() {
                connection.pragma_update(None, "journal_mode", "WAL")?;
            }
            let synchronous = match durability {
                Durability::Power => "FULL",
                Durability::Process => "OFF",
            };
            connection.pragma_update(None, "synchronous", synchronous)?;
            run(&connection, BEGIN)?;
            immediately(migrate(&mut Connection::sqlite(&mut connection, &now), schema))?;
            run(&connection, "COMMIT")?;
            // The connection before the file: nobody may wait for it any more.
            Ok((connection, place))
        });
        let (connection, place) = opened.await?;
        let readers = file.map(|file| Readers::new(file.path().to_owned(), Some(file.lock()), clock.clone()));
        let writer = Writer::start(connection, place, clock.clone(), Arc::clone(versions), counts.clone())?;
        Ok(Self { writer, readers })
    }

    /// Opens a database that another process may be writing to. It has to be as this program would make it.
    pub(super) async fn open_to_read(file: &Path, schema: Schema, clock: &Clock) -> Result<Self, StorageError> {
        let (place, now) = (file.to_owned(), clock.clone());
        let checked = blocking(move || {
            let mut connection = open(&place, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            immediately(check(&mut Connection::sqlite(&mut connection, &now), schema))
        });
        checked.await?;
        // Every change is an error.
        Ok(Self { writer: Writer::ended(), readers: Some(Readers::new(file.to_owned(), None, clock.clone())) })
    }

    /// Ends every connection. The last one takes what is in the write-ahead log over into the file.
    pub(super) async fn close(self) {
        if let Some(readers) = self.readers {
            readers.close().await;
        }
        self.writer.close().await;
    }

    /// Fails when changes are impossible because what makes them has ended.
    pub(super) fn check_writer(&self) -> Result<(), StorageError> {
        if self.writer.has_ended() { Err(StorageError::Ended) } else { Ok(()) }
    }

    pub(super) async fn read<O: Operation>(&self, operation: O) -> Result<O::Outcome, StorageError> {
        match &self.readers {
            Some(readers) => readers.read(operation).await,
            None => self.writer.run(operation, true).await,
        }
    }

    pub(super) async fn write<O: Operation>(&self, operation: O) -> Result<O::Outcome, StorageError> {
        self.writer.run(operation, false).await
    }
}
