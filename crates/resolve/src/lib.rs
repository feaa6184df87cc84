//! What the names of images mean: tags as versions. No I/O.
//!
//! ```text
//!  tag ─▶ tokens ─▶ outline ─────────────┐
//!  tag ─▶ tokens ─▶ outline ─▶ habits ───┴─▶ reading: kind, version, track
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`version`] | a version and how it compares |
//! | [`tag`] | the tags of a repository, read together |
//!
//! A tag alone does not say what it is: `1.57` is a release where all have two numbers and moves where others have three,
//! `-24` counts builds in one repository and names a platform in the next. So all tags of a repository are read together.

pub mod tag;
pub mod version;

pub use tag::{Kind, Reading, Repository};
pub use version::{Stage, Version};
