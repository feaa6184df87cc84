//! The book says what the program does: its links lead somewhere, its tables are those of the code, its transcripts are what the
//! binary prints.

mod json;
mod page;
mod reference;
mod requirements;
mod structure;
mod transcripts;
