//! The image references in other people's files: where they stand, and edits that change nothing else. No I/O.
//!
//! ```text
//!  bytes ─▶ tree, lines or tokens, each with its span ─▶ places ─▶ changes ─▶ edits ─▶ bytes
//!                                                          ▲                            │
//!                                                          └────────── check ───────────┘
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`kind`] | the kinds of files, and how they are told apart |
//! | [`options`] | what only the user knows: paths and build arguments that hold references |
//! | [`place`] | where a reference stands, what it says, or why it cannot be read |
//! | [`plan`] | what to write at a place |
//! | [`edit`] | replaced bytes: put together, applied, undone |
//! | [`mod@rewrite`] | all of it for one file, proven by reading the result again |
//! | [`import`] | lists of images in the files of other tools |
//! | [`error`] | why a file cannot be read or changed |
//!
//! A file is never printed from what was parsed: the parsers exist to find spans, and only the bytes of spans are
//! replaced (docs/decisions/0005-references-in-files.md).

mod bake;
mod compose;
mod devcontainer;
mod dockerfile;
pub mod edit;
pub mod error;
mod find;
mod helm;
pub mod import;
pub mod kind;
mod kubernetes;
mod kustomize;
pub mod limits;
pub mod options;
pub mod place;
pub mod plan;
mod position;
pub mod rewrite;
mod slot;
mod template;
mod text;
mod tree;
mod walk;

pub use edit::{Edit, apply, combine, undo};
pub use error::{PlanError, RewriteError, TargetError};
pub use find::find;
pub use kind::Kind;
pub use options::{Options, Pattern, PatternError};
pub use place::{Content, Form, Image, Place, SkipReason};
pub use plan::{Change, Write};
pub use rewrite::{Rewritten, check, rewrite};
