//! What a query found.

use graph::Space;
use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row as _, Type};

use super::StorageError;
use super::sqlite::statement::{Column, Columns};

/// What a query found. Columns are counted from zero.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(Columns),
    Postgres(PgRow),
}

impl Row {
    fn get<T>(&self, column: usize) -> Result<T, StorageError>
    where
        T: Column + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        match self {
            Self::Sqlite(columns) => columns.get(column),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// Returns a whole number. The type of a literal is a smaller one in PostgreSQL than that of a column.
    pub(crate) fn integer(&self, column: usize) -> Result<i64, StorageError> {
        match self {
            Self::Sqlite(columns) => columns.get(column),
            Self::Postgres(row) => Ok(row.try_get::<i64, _>(column).or_else(|_| row.try_get(column).map(i32::into))?),
        }
    }

    pub(crate) fn optional_integer(&self, column: usize) -> Result<Option<i64>, StorageError> {
        self.get(column)
    }

    /// Returns a number that is never negative, such as a size.
    pub(crate) fn size(&self, column: usize) -> Result<u64, StorageError> {
        u64::try_from(self.integer(column)?).map_err(|_| StorageError::Damaged("a size"))
    }

    pub(crate) fn text(&self, column: usize) -> Result<String, StorageError> {
        self.get(column)
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>, StorageError> {
        self.get(column)
    }

    pub(crate) fn optional_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, StorageError> {
        self.get(column)
    }

    pub(crate) fn optional_text(&self, column: usize) -> Result<Option<String>, StorageError> {
        self.get(column)
    }

    pub(crate) fn space(&self, column: usize) -> Result<Space, StorageError> {
        match self.integer(column)? {
            0 => Ok(Space::Blob),
            1 => Ok(Space::Manifest),
            _ => Err(StorageError::Damaged("a name space")),
        }
    }

    pub(crate) fn digest(&self, column: usize) -> Result<oci::Digest, StorageError> {
        oci::Digest::from_bytes(&self.bytes(column)?).ok_or(StorageError::Damaged("a digest"))
    }

    pub(crate) fn media_type(&self, column: usize) -> Result<oci::MediaType, StorageError> {
        oci::MediaType::from_content_type(&self.text(column)?).map_err(|_| StorageError::Damaged("a media type"))
    }
}
