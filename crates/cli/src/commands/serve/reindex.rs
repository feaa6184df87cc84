//! `serve reindex`

use anyhow::Result;
use clap::Args;
use oci::RepositoryName;
use ops::registry::{Findings, Listed, Reindex, Reindexed};
use ops::serve::Prepared;
use serde::Serialize;

use crate::printer::{Document, Text};
use crate::session::Session;

#[derive(Args, Debug)]
pub(super) struct ReindexArguments {
    /// Read every blob, rather than look at its size alone
    #[arg(long)]
    verify: bool,

    /// Set the database aside that is there; it is never deleted
    #[arg(long)]
    replace: bool,

    /// Give everything to this repository when nothing says what belongs where
    #[arg(long, value_name = "REPOSITORY")]
    into: Option<RepositoryName>,
}

impl ReindexArguments {
    pub(super) async fn run(self, prepared: &Prepared, session: &Session) -> Result<()> {
        let Self { verify, replace, into } = self;
        let retention = prepared.configuration.options.retention.clone();
        let reindexed = ops::serve::reindex(prepared, &Reindex { verify, replace, into, retention }).await?;
        if !reindexed.has_journal {
            session.printer.note("there is no journal: nothing says which repositories and tags there were");
        }
        session.print(&ReindexDocument::new(reindexed))
    }
}

/// What a new database has, and what it has not. The names of the fields are a public interface.
#[derive(Serialize)]
struct ReindexDocument {
    has_journal: bool,
    repositories: u64,
    tags: u64,
    moves: u64,
    manifests: u64,
    blobs: u64,
    bytes: u64,
    lost: Shown,
    unreadable: Shown,
    orphans: Shown,
    #[serde(skip_serializing_if = "Option::is_none")]
    set_aside: Option<String>,
}

/// How many there are, and the first of them.
#[derive(Serialize)]
pub(super) struct Shown {
    pub(super) count: u64,
    pub(super) first: Vec<String>,
}

impl Shown {
    pub(super) fn new<T>(findings: &Findings<T>, text: impl Fn(&T) -> String) -> Self {
        Self { count: findings.count, first: findings.first.iter().map(text).collect() }
    }

    /// Adds a line for each, and one for those that are not named.
    pub(super) fn lines(&self, what: &str, text: &mut Text) {
        for line in &self.first {
            text.line(format_args!("{what}: {line}"));
        }
        let more = self.count.saturating_sub(self.first.len() as u64);
        if more > 0 {
            text.line(format_args!("{what}: {more} more"));
        }
    }
}

impl ReindexDocument {
    fn new(reindexed: Reindexed) -> Self {
        let orphan = |listed: &Listed| format!("{} ({} bytes)", listed.place, listed.size);
        Self {
            has_journal: reindexed.has_journal,
            repositories: reindexed.repositories,
            tags: reindexed.tags,
            moves: reindexed.moves,
            manifests: reindexed.manifests,
            blobs: reindexed.blobs,
            bytes: reindexed.bytes,
            lost: Shown::new(&reindexed.lost, ToString::to_string),
            unreadable: Shown::new(&reindexed.unreadable, Clone::clone),
            orphans: Shown::new(&reindexed.orphans, orphan),
            set_aside: reindexed.set_aside,
        }
    }
}

impl Document for ReindexDocument {
    fn command(&self) -> &'static str {
        "serve-reindex"
    }

    fn text(&self, text: &mut Text) {
        let Self { repositories, tags, manifests, blobs, bytes, .. } = self;
        text.line(format_args!(
            "{repositories} repositories, {tags} tags, {manifests} manifests, {blobs} blobs of {bytes} bytes"
        ));
        self.lost.lines("lost", text);
        self.unreadable.lines("unreadable", text);
        self.orphans.lines("orphan", text);
        if let Some(name) = &self.set_aside {
            text.line(format_args!("set aside: {name}"));
        }
    }
}
