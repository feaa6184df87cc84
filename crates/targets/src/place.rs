//! Where a reference stands, what it says, or why it cannot be read.

use std::fmt;
use std::ops::Range;

use oci::RegistryReference;
use oci::text::printable;

use crate::slot::Slots;

/// A place in a file where an image is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its position among the places of the file, from 0. It is the same after references have been rewritten.
    pub index: usize,
    /// Where it is, for people: `spec.template.spec.containers[0].image`, `stage build: FROM`. A file may have several
    /// places with one path, in several documents.
    pub path: String,
    /// The bytes of the reference without quotes; of its name, where it is split.
    pub span: Range<usize>,
    /// The line where it begins, from 1.
    pub line: usize,
    /// The column where it begins, from 1, in characters.
    pub column: usize,
    /// What stands there.
    pub content: Content,
    pub(crate) slots: Slots,
}

/// How a reference is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In one piece.
    Whole,
    /// Over several keys: `repository` and `tag`, `newName` and `newTag`.
    Split,
}

/// What stands at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A reference.
    Image(Box<Image>),
    /// Something that is left alone.
    Skipped {
        /// The text, cut after 300 characters. It came from a file: show it with [`oci::text::printable`].
        text: String,
        /// Why.
        reason: SkipReason,
    },
}

/// A reference as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The name as it is written, without tag and digest: `nginx`, `registry.example/app`.
    pub name: String,
    /// What it means: a name without a registry is one of Docker Hub.
    pub reference: RegistryReference,
}

/// Why what stands at a place is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// A template decides what it becomes (`{{ … }}`).
    Template,
    /// A variable decides what it becomes (`${TAG:-1.2}`).
    Variable,
    /// It is given by a build argument that has no default.
    NoDefault,
    /// Its bytes are not those of the reference: a block scalar, escapes, several lines.
    Encoded,
    /// Parts of it come from elsewhere, by a merge key.
    Merged,
    /// Something is added to the tag that is written (kustomize's `tagSuffix`).
    Suffix,
    /// A part of it holds what another part should (`repository: app@sha256`).
    TwoInOne,
    /// It breaks the grammar of references.
    Invalid(String),
}

impl Place {
    /// Returns how the reference is written.
    pub const fn form(&self) -> Form {
        match self.slots {
            Slots::Split(_) => Form::Split,
            Slots::None | Slots::Whole(_) => Form::Whole,
        }
    }

    /// Returns all bytes that could be replaced, front to back: of the whole reference, or of each of its parts.
    pub fn spans(&self) -> Vec<Range<usize>> {
        self.slots.spans()
    }

    /// Returns the reference; `None` where there is something that is left alone.
    pub fn image(&self) -> Option<&Image> {
        match &self.content {
            Content::Image(image) => Some(image),
            Content::Skipped { .. } => None,
        }
    }
}

impl fmt::Display for Content {
    /// Writes the reference as it stands in the file, or the text that is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(image) => image.fmt(f),
            Self::Skipped { text, .. } => f.write_str(&printable(text)),
        }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.reference.selector)
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Template => "a template decides what stands here",
            Self::Variable => "a variable decides what stands here",
            Self::NoDefault => "the build argument has no default",
            Self::Encoded => "it is written in a block, with escapes or over several lines",
            Self::Merged => "parts of it come from a merge key",
            Self::Suffix => "a suffix is added to the tag",
            Self::TwoInOne => "one of its keys holds what belongs to another",
            Self::Invalid(why) => why,
        })
    }
}
