//! Tags that go by themselves: which repositories are due to be looked at, by whom, and what comes of it.
//!
//! ```text
//!   a tag moves, a hold ends, a manifest goes ─▶ due ─▶ claim ─▶ walk ─▶ look ─▶ remove ─▶ settle
//!                                                 ▲    (one repository)    (in the transaction again)  │
//!                                                 └──────────── when the next tag may go ◀─────────────┘
//! ```
//!
//! Every node may do it at any time. A claim is no lock: it only keeps nodes from doing the same at once.

mod due;
mod remove;
mod walk;

use std::sync::atomic::{AtomicBool, Ordering};

use oci::{Digest, RepositoryName, Tag};
use resolve::retention::Age;

use super::Storage;
use super::database::StorageError;
use super::pulls::Pulls;
use crate::immutability::Immutability;
use crate::retention::Retention;
use due::{Claim, Claimed, PageOfRepositories, Register, Settle, State};
pub(super) use due::{due, forget_pushes, removed};
use remove::{Look, Looked, Remove};
use walk::Walk;

/// Most tags that are removed in one transaction: others wait for its end.
const TOGETHER: usize = 64;
/// How soon a repository is looked at again because of the time alone, in milliseconds.
const PAUSE: i64 = 60 * 1000;

/// What is said of tags that go, while the registry runs.
#[derive(Debug)]
pub(super) struct Retaining {
    pub(super) rules: Retention,
    /// What was pulled, where that counts.
    pulls: Option<Pulls>,
    /// Whether the database has been told of the rules.
    is_registered: AtomicBool,
}

/// A tag that rules take away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagVerdict {
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
    /// What it names.
    pub digest: Digest,
    /// When it was pushed last, in milliseconds since 1970.
    pub pushed_at: i64,
    /// When somebody last asked for what it names, in milliseconds since 1970, as far as that is known and counts.
    pub pulled_at: Option<i64>,
    /// Why it goes, or stays all the same.
    pub reason: RetentionReason,
}

/// Why a tag goes, or stays although rules take it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionReason {
    /// It goes: no rule keeps it.
    Rule,
    /// It goes: what it was attached to has gone.
    SubjectGone,
    /// It stays: somebody has asked for it not long ago, or nobody has counted for long enough.
    Pulled,
    /// It stays: it may have been pushed again not long ago, of which nothing was noted.
    Pushed,
    /// It stays: a pin or a legal hold is on what it names.
    Held,
    /// It stays: it is immutable.
    Immutable,
}

impl RetentionReason {
    /// Tells whether the tag goes.
    pub const fn goes(self) -> bool {
        matches!(self, Self::Rule | Self::SubjectGone)
    }
}

/// A tag that goes unless something is found that keeps it.
#[derive(Clone, Debug)]
struct Condemned {
    tag: Tag,
    digest: Digest,
    pushed_at: i64,
    why: Why,
}

#[derive(Clone, Copy, Debug)]
enum Why {
    /// Unless somebody has asked for it, or pushed it without a note of that, within a time.
    Rule { pulled_within: Option<Age>, pushed_within: Option<Age> },
    /// Once this has gone to which it is attached.
    Attached(Digest),
}

impl Storage {
    /// Says once which tags go by themselves and how long untagged manifests stay. What was said first counts.
    pub fn retain_by(&self, rules: &Retention) {
        self.0.retaining.get_or_init(|| Retaining {
            rules: rules.clone(),
            pulls: rules.need_pulls().then(Pulls::new),
            is_registered: AtomicBool::new(false),
        });
    }

    pub(super) fn pulls(&self) -> Option<&Pulls> {
        self.0.retaining.get()?.pulls.as_ref()
    }

    /// Removes the tags that are due to go, by the rules that the database was told of last; a node with other rules leaves it to others. May
    /// run anywhere and as often as one likes, also at the same time elsewhere; dropping the future, or a crash, leaves nothing half done.
    ///
    /// # Errors
    /// What the database brings; the rest is done by a later call.
    pub(crate) async fn retain(&self, immutable: &Immutability) -> Result<(), StorageError> {
        self.register_rules(immutable).await?;
        let Some(retaining) = self.0.retaining.get() else { return Ok(()) };
        if !retaining.rules.take_away() {
            return Ok(());
        }
        let rules = text(&retaining.rules, immutable);
        let mut until = None;
        loop {
            if !self.metadata().read(due::Is { until }).await? {
                return Ok(());
            }
            // What was pulled here counts before anything goes.
            self.write_pulls().await?;
            let claim = Claim { rules: rules.clone(), until };
            let Some(claimed) = self.metadata().write(claim).await? else { return Ok(()) };
            until = until.or(Some(claimed.now));
            let (removed, due_at) = self.retain_in(&retaining.rules, immutable, &rules, &claimed).await?;
            self.counts().tags_removed.add(removed);
            let due_at = due_at.max(claimed.now.saturating_add(PAUSE));
            self.metadata().write(Settle { claimed, due_at }).await?;
        }
    }

    /// Tells the database of the rules, once.
    ///
    /// # Errors
    /// What the database brings; then it was not told.
    pub(crate) async fn register_rules(&self, immutable: &Immutability) -> Result<(), StorageError> {
        let Some(retaining) = self.0.retaining.get() else { return Ok(()) };
        if retaining.is_registered.load(Ordering::Relaxed) {
            return Ok(());
        }
        let rules = retaining.rules.take_away().then(|| text(&retaining.rules, immutable));
        let wanted = Register { rules, counts_pulls: retaining.rules.need_pulls() };
        // Who has no rules, and never had, writes nothing.
        if !wanted.is_said(&self.metadata().read(State).await?) {
            self.metadata().write(wanted).await?;
        }
        retaining.is_registered.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Removes the tags of one repository that go. Returns how many, and when it is to be looked at again.
    async fn retain_in(
        &self,
        rules: &Retention,
        immutable: &Immutability,
        text: &str,
        claimed: &Claimed,
    ) -> Result<(u64, i64), StorageError> {
        let Claimed { repository, name, now, since, .. } = claimed;
        let Some(judge) = rules.judge(name, *now) else { return Ok((0, due::NEVER)) };
        let mut walk = Walk::new(*repository, judge);
        let keeping = self.keeping_of(name);
        let mut removals = claimed.removals;
        let mut count = 0;
        while let Some(mut condemned) = walk.next(self.metadata()).await? {
            condemned.retain(|one| !immutable.covers(name, one.tag.as_str()));
            let mut goes = Vec::new();
            let look = Look { repository: *repository, condemned, keeping, since: *since };
            for (one, looked) in self.metadata().read(look).await? {
                match looked {
                    Looked::Goes { .. } => goes.push(one),
                    Looked::Stays { until, .. } => walk.due_at = walk.due_at.min(until),
                    Looked::Gone => {}
                }
            }
            for condemned in goes.chunks(TOGETHER) {
                let look = Look { repository: *repository, condemned: condemned.to_vec(), keeping, since: *since };
                let remove = Remove { look, name: name.clone(), removals, rules: text.to_owned() };
                let Some((went, due_at)) = self.metadata().write(remove).await? else {
                    // Somebody else has removed tags meanwhile, so that others are among the newest now, or has said other rules.
                    return Ok((count, *now));
                };
                count += went;
                walk.due_at = walk.due_at.min(due_at);
                removals = removals.saturating_add(i64::try_from(went).unwrap_or(i64::MAX));
            }
        }
        Ok((count, walk.due_at))
    }

    /// Names every tag that `rules` take away, and those that stay all the same. Nothing is changed. Reads the tags of all repositories of
    /// which the rules speak. Returns since when pulls are counted, in milliseconds since 1970.
    ///
    /// # Errors
    /// What the database brings.
    pub async fn judge_tags(
        &self,
        rules: &Retention,
        immutable: &Immutability,
        mut on_tag: impl FnMut(TagVerdict) + Send,
    ) -> Result<Option<i64>, StorageError> {
        let state = self.metadata().read(State).await?;
        let mut after = 0;
        loop {
            let (now, page) = self.metadata().read(PageOfRepositories { after }).await?;
            let Some((last, _)) = page.last() else { return Ok(state.since.pulls) };
            after = *last;
            for (repository, name) in page {
                let Some(judge) = rules.judge(&name, now) else { continue };
                let keeping = self.keeping().with(rules.untagged(&name));
                let mut walk = Walk::new(repository, judge);
                while let Some(condemned) = walk.next(self.metadata()).await? {
                    let look = Look { repository, condemned, keeping, since: state.since };
                    for (one, looked) in self.metadata().read(look).await? {
                        let (pulled_at, reason) = match looked {
                            Looked::Gone => continue,
                            Looked::Goes { pulled_at, reason } | Looked::Stays { pulled_at, reason, .. } => {
                                (pulled_at, reason)
                            }
                        };
                        let Condemned { tag, digest, pushed_at, why } = one;
                        // What is attached, and stays, is not what rules speak of.
                        if !reason.goes() && matches!(why, Why::Attached(_)) {
                            continue;
                        }
                        let is_immutable = reason.goes() && immutable.covers(&name, tag.as_str());
                        let reason = if is_immutable { RetentionReason::Immutable } else { reason };
                        on_tag(TagVerdict { repository: name.clone(), tag, digest, pushed_at, pulled_at, reason });
                    }
                }
            }
        }
    }
}

/// Returns what tells these rules from others.
fn text(rules: &Retention, immutable: &Immutability) -> String {
    format!("{rules} {immutable}")
}
