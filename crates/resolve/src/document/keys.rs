//! What may stand where in a file.

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// Whether it has to be there.
    pub presence: Presence,
    /// What it means, in one sentence.
    pub meaning: &'static str,
}

/// Whether a key has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It may be left out.
    Optional,
    /// A table without it is wrong.
    Required,
    /// It may be left out; a table that has it needs no other.
    InPlaceOfAll,
}

/// What a key's value looks like.
#[derive(Debug)]
pub enum Shape {
    /// A text.
    Text,
    /// Texts in a list.
    Texts,
    /// Texts, and tables that say more than a text can.
    TextsOrTables(&'static [Key]),
    /// Yes or no.
    Flag,
    /// A whole number above zero.
    Count,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// `90m`, `12h`, `3d`, `2w`.
    Duration,
    /// The same, or this word.
    DurationOr(&'static str),
    /// A table.
    Table(&'static [Key]),
    /// Tables by names that the user chooses.
    Map(&'static [Key]),
    /// Texts by names that the user chooses.
    TextMap,
    /// Lists of texts by names that the user chooses.
    TextsMap,
    /// Tables one after the other.
    List(&'static [Key]),
}

impl Shape {
    /// Returns what such a value is called.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Text | Self::Choice(_) | Self::Duration | Self::DurationOr(_) => "a text in quotes",
            Self::Texts => "texts in quotes between `[` and `]`",
            Self::TextsOrTables(_) => "texts in quotes or tables between `[` and `]`",
            Self::Flag => "`true` or `false`",
            Self::Count => "a whole number above zero",
            Self::Table(_) | Self::Map(_) | Self::TextMap | Self::TextsMap => "a table",
            Self::List(_) => "a list of tables, each beginning with its name between `[[` and `]]`",
        }
    }
}

/// Returns a key that may be left out.
pub const fn key(name: &'static str, shape: Shape, meaning: &'static str) -> Key {
    Key { name, shape, presence: Presence::Optional, meaning }
}

/// Returns a key that has to be there.
pub const fn required(name: &'static str, shape: Shape, meaning: &'static str) -> Key {
    Key { name, shape, presence: Presence::Required, meaning }
}

/// Returns a key that may stand in the place of all others.
pub const fn in_place_of_all(name: &'static str, shape: Shape, meaning: &'static str) -> Key {
    Key { name, shape, presence: Presence::InPlaceOfAll, meaning }
}
