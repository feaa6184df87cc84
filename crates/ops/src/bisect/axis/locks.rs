//! The commits that changed a project's lock.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::Digest;
use resolve::bisect::session::Candidate;

use crate::bisect::place::Workshop;
use crate::error::OpsError;
use crate::git::{Commit, Git};

/// How many locks are read at once.
const LOCKS_AT_ONCE: usize = 4;

/// Returns the commits from the good to the bad one that changed the lock, each with the lock as it was then.
///
/// # Errors
/// [`OpsError::Usage`] when there is no git or no line between the two, [`OpsError::NotFound`] when there is no such revision.
pub(super) async fn history(
    workshop: &Workshop,
    good: &str,
    bad: &str,
) -> Result<Vec<(Commit, Option<String>)>, OpsError> {
    let open = workshop.project.as_ref().ok_or_else(|| {
        OpsError::usage(
            "the history of a lock is searched in its project, and there is no project here",
            format!("supercargo -C DIR bisect run --over locks --good {good} --bad {bad} -- COMMAND"),
        )
    })?;
    let git = &Git::new(open.directory());
    let commits = git.history(good, bad).await?;
    let locks = commits.into_iter().map(|commit| async move {
        let lock = git.lock_at(&commit.hash).await?.ok();
        Ok::<_, OpsError>((commit, lock))
    });
    stream::iter(locks).buffered(LOCKS_AT_ONCE).try_collect().await
}

/// Writes the locks down for the commands, and returns the candidates. A commit without a lock cannot be tested.
pub(super) fn candidates(
    workshop: &Workshop,
    history: Vec<(Commit, Option<String>)>,
) -> Result<Vec<Candidate>, OpsError> {
    let candidates = history.into_iter().map(|(commit, lock)| {
        let Commit { hash, label } = commit;
        let Some(text) = lock else {
            return Ok(Candidate { key: format!("absent {hash}"), label, reference: hash, absent: true });
        };
        let key = Digest::sha256(text.as_bytes()).to_string();
        let path = workshop.lock_of_key(&key);
        if !path.exists() {
            workshop.write_lock(&path, &text)?;
        }
        Ok(Candidate { label, key, reference: hash, absent: false })
    });
    candidates.collect()
}
