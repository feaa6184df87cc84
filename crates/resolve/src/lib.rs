//! What the names of images mean: tags as versions; and which of many images broke something. No I/O.
//! What the names of images mean: tags as versions, and which of them are chosen. No I/O.
//!
//! ```text
//!  tag ─▶ tokens ─▶ outline ─────────────┐
//!  tag ─▶ tokens ─▶ outline ─▶ habits ───┴─▶ reading: kind, version, track
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`version`] | a version and how it compares |
//! | [`value`], [`scheme`] | what stands at one place of a tag, and how such values are written and ordered |
//! | [`document`](mod@crate::document) | TOML with the places where everything stands, checked against tables of keys |
//! | [`duration`] | times as they are written: `90m`, `3d` |
//! | [`project`] | `Supercargo.toml`: the images that are wanted; reading, lossless changes, JSON Schema |
//! | [`lock`](mod@crate::lock) | `Supercargo.lock`: which they are exactly; reading, writing, differences, merging |
//! | [`mirror`] | which tags of which repositories are kept in step elsewhere |
//! | [`glob`] | patterns of tags, repositories and names of files |
//! | [`candidates`] | which tags of a repository are versions of an image that is wanted |
//! | [`solve`](mod@crate::solve) | the best candidate of every package, or why there is none |
//! | [`resolution`] | from a project, its old lock and tags to a version of every image |
//! | [`requirement`] | which values are wanted |
//! | [`retention`] | which tags have served their time |
//! | [`template`] | how tags are made of values |
//! | [`tag`] | the tags of a repository, read together |
//! | [`observation`] | what tags were seen to name, and when |
//! | [`bisect`] | the search for the image, or the set of images, that broke something |
//! | [`solve`] | one candidate of every package that is needed, or why there is none |
//!
//! A tag alone does not say what it is: `1.57` is a release where all have two numbers and moves where others have three,
//! `-24` counts builds in one repository and names a platform in the next. So all tags of a repository are read together.

pub mod bisect;
pub mod candidates;
pub mod document;
pub mod duration;
pub mod glob;
pub mod lock;
pub mod mirror;
pub mod observation;
pub mod project;
pub mod requirement;
pub mod resolution;
pub mod retention;
pub mod scheme;
pub mod solve;
pub mod tag;
pub mod template;
pub mod value;
pub mod version;

pub use candidates::{Candidate, Candidates};
pub use lock::Lock;
pub use project::Project;
pub use requirement::{Requirement, RequirementError};
pub use scheme::Scheme;
pub use tag::{Kind, Reading, Repository};
pub use template::Template;
pub use value::Value;
pub use version::{Stage, Version};
