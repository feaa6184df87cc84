//! `serve scrub`

use anyhow::Result;
use ops::registry::{Scrub, Scrubbed};
use ops::serve::Prepared;
use serde::Serialize;

use super::reindex::Shown;
use crate::exit::AnswerIsNo;
use crate::printer::{Document, Text};
use crate::session::Session;

pub(super) async fn run(prepared: &Prepared, session: &Session) -> Result<()> {
    let scrubbed = ops::serve::scrub(prepared, &Scrub::default(), |_| {}).await?;
    let is_bad = scrubbed.bad.first.iter().any(|bad| !bad.is_healed) || !scrubbed.unreadable.is_empty();
    session.print(&ScrubDocument::new(&scrubbed))?;
    if is_bad { Err(AnswerIsNo.into()) } else { Ok(()) }
}

/// What was read, and what of it is bad. The names of the fields are a public interface.
#[derive(Serialize)]
struct ScrubDocument {
    blobs: u64,
    manifests: u64,
    bytes: u64,
    bad: Shown,
    unreadable: Shown,
}

impl ScrubDocument {
    fn new(scrubbed: &Scrubbed) -> Self {
        Self {
            blobs: scrubbed.blobs,
            manifests: scrubbed.manifests,
            bytes: scrubbed.bytes,
            bad: Shown::new(&scrubbed.bad, ToString::to_string),
            unreadable: Shown::new(&scrubbed.unreadable, Clone::clone),
        }
    }
}

impl Document for ScrubDocument {
    fn command(&self) -> &'static str {
        "serve-scrub"
    }

    fn text(&self, text: &mut Text) {
        let Self { blobs, manifests, bytes, .. } = self;
        text.line(format_args!("{blobs} blobs and {manifests} manifests of {bytes} bytes were read"));
        self.bad.lines("bad", text);
        self.unreadable.lines("unreadable", text);
    }
}
