//! Finds the places of a file.

use std::collections::HashSet;
use std::ops::Range;

use oci::text::printable;

use crate::error::TargetError;
use crate::kind::Kind;
use crate::limits::{FILE_MAX_BYTES, PLACES_MAX};
use crate::options::Options;
use crate::place::{Content, Place, SkipReason};
use crate::position::Positions;
use crate::slot::{Slot, Slots, Style, Whole};
use crate::text;
use crate::{bake, compose, devcontainer, dockerfile, helm, kubernetes, kustomize};

/// A byte order mark: it belongs to the file, not to what is parsed.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Returns the places of a file where an image is named, front to back, those that are left alone included.
///
/// Each run of bytes is returned once: what is written at an anchor and used by aliases is a place at the anchor.
///
/// # Errors
///
/// [`TargetError`]: too large, no text, broken syntax or a limit, too many places.
pub fn find(kind: Kind, options: &Options, bytes: &[u8]) -> Result<Vec<Place>, TargetError> {
    let text = text_of(bytes)?;
    let source = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut drafts = Drafts::default();
    match kind {
        Kind::Kubernetes => kubernetes::find(source, options, &mut drafts),
        Kind::Compose => compose::find(source, options, &mut drafts),
        Kind::HelmValues => helm::find(source, options, &mut drafts),
        Kind::Kustomize => kustomize::find(source, &mut drafts),
        Kind::Dockerfile => dockerfile::find(source, options, &mut drafts),
        Kind::Bake => bake::find(source, options, &mut drafts),
        Kind::Devcontainer => devcontainer::find(source, &mut drafts),
    }?;
    let mut places = drafts.finish(source);
    let shift = text.len() - source.len();
    for place in &mut places {
        place.span = place.span.start + shift..place.span.end + shift;
        place.slots.shift(shift);
    }
    Ok(places)
}

/// Returns the text of a file, once its size is known to be within the limit.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, TargetError> {
    if bytes.len() > FILE_MAX_BYTES {
        return Err(TargetError::TooLarge { found: bytes.len() });
    }
    std::str::from_utf8(bytes).map_err(|error| {
        // What comes before the first wrong byte is text.
        let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        let (line, column) = Positions::of(valid).next(valid.len());
        TargetError::NotText { line, column }
    })
}

/// The places that a finder has come upon, in any order.
#[derive(Default)]
pub(crate) struct Drafts {
    drafts: Vec<Draft>,
    /// By their bytes, so that what several aliases lead to is there once.
    seen: HashSet<Vec<Range<usize>>>,
}

struct Draft {
    path: String,
    span: Range<usize>,
    content: Content,
    slots: Slots,
}

impl Drafts {
    /// Adds a reference in one piece.
    pub(crate) fn whole(&mut self, path: &str, slot: Slot, both: bool) -> Result<(), TargetError> {
        let content = text::whole(&slot.text);
        let span = slot.span.clone();
        self.add(path, span, content, Ok(Slots::Whole(Whole { slot, both })))
    }

    /// Adds a reference in one piece, in text that stands there as it is.
    pub(crate) fn verbatim(&mut self, path: &str, source: &str, span: Range<usize>) -> Result<(), TargetError> {
        let text = source.get(span.clone()).unwrap_or_default().to_owned();
        self.whole(path, Slot { span, style: Style::Verbatim, text }, true)
    }

    /// Adds a place that is left alone.
    pub(crate) fn skip(
        &mut self,
        path: &str,
        span: Range<usize>,
        text: &str,
        reason: SkipReason,
    ) -> Result<(), TargetError> {
        self.add(path, span, text::skipped(text, reason.clone()), Err(reason))
    }

    /// Adds a place; one whose bytes are known is ignored. Without slots, a reference is left alone for the reason given.
    pub(crate) fn add(
        &mut self,
        path: &str,
        span: Range<usize>,
        content: Content,
        slots: Result<Slots, SkipReason>,
    ) -> Result<(), TargetError> {
        let (content, slots) = match (content, slots) {
            (Content::Image(image), Err(reason)) => (text::skipped(&image.to_string(), reason), Slots::None),
            (content @ Content::Image(_), Ok(slots)) => (content, slots),
            (content @ Content::Skipped { .. }, _) => (content, Slots::None),
        };
        let mut key = slots.spans();
        key.push(span.clone());
        if !self.seen.insert(key) {
            return Ok(());
        }
        if self.drafts.len() == PLACES_MAX {
            return Err(TargetError::TooManyPlaces);
        }
        // Names in it come from the file.
        let path = printable(path).into_owned();
        self.drafts.push(Draft { path, span, content, slots });
        Ok(())
    }

    fn finish(mut self, source: &str) -> Vec<Place> {
        self.drafts.sort_by(|one, other| (one.span.start, &one.path).cmp(&(other.span.start, &other.path)));
        let mut positions = Positions::of(source);
        let place = |(index, Draft { path, span, content, slots }): (usize, Draft)| {
            let (line, column) = positions.next(span.start);
            Place { index, path, span, line, column, content, slots }
        };
        self.drafts.into_iter().enumerate().map(place).collect()
    }
}
