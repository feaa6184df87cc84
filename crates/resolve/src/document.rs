//! TOML that people write: every key is known, every value has the right shape, every error points at its place.
//!
//! A file is described by tables of keys. Reading, the JSON Schema and the reference in the book all go by them.
//!
//! ```text
//!  text ─▶ Document ─ keys ─▶ Table ─▶ whatever the file means
//!                       └─▶ JSON Schema
//! ```

mod error;
mod keys;
mod schema;
mod secret;
mod table;
mod text;

use toml_edit::TableLike;

pub use error::DocumentError;
pub(crate) use error::{excerpt, shifted};
pub use keys::{Key, Presence, Shape, in_place_of_all, key, required};
pub use schema::json_schema;
pub use secret::{is_secret, without_value};
pub use table::{Table, Text, TextOrTable, nearest};
pub use text::quoted;

/// A text that is TOML.
#[derive(Debug)]
pub struct Document<'t>(toml_edit::Document<&'t str>);

impl<'t> Document<'t> {
    /// Reads a text.
    ///
    /// # Errors
    /// [`DocumentError`] when it is not TOML.
    pub fn parse(text: &'t str) -> Result<Self, DocumentError> {
        toml_edit::Document::parse(text).map(Self).map_err(|error| {
            let place = error.span().unwrap_or(0..0);
            DocumentError::new(error.message().lines().next().unwrap_or("is not TOML"), place)
        })
    }

    /// Returns the table that the document is.
    ///
    /// # Errors
    /// [`DocumentError`] when a key is not one of `keys`, or its value not of the right shape.
    pub fn root(&self, keys: &'static [Key]) -> Result<Table<'_>, DocumentError> {
        Table::check(self.table(), 0..0, keys)
    }

    /// Returns the same table, without a look at its keys.
    pub(crate) fn unchecked(&self) -> Table<'_> {
        Table::of_all(self.table(), 0..0)
    }

    fn table(&self) -> &dyn TableLike {
        self.0.as_table()
    }
}
