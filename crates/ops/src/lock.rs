//! Brings the lock up to date, or tells whether it is.

mod base;
mod entry;
mod fresh;
mod from;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use resolve::lock::{Change, ImageChange, Lock, LockedImage, Stale};
use resolve::project::MovedTags;
use resolve::resolution::{Chosen, Question, ResolutionOptions, Update};

pub(crate) use base::Bases;
pub(crate) use entry::{artifacts, platforms, role};
pub use fresh::{Current, current};
pub use from::lock_from;

use crate::context::{Context, LockUse};
use crate::error::{OpsError, Told};
use crate::project::OpenProject;
use crate::resolving::{Resolved, resolve};

/// How many entries are made at once.
const ENTRIES_AT_ONCE: usize = 8;

/// How to bring a lock up to date.
#[derive(Clone, Debug, Default)]
pub struct LockRequest {
    /// Which versions are wanted.
    pub options: ResolutionOptions,
    /// Whether to write nothing.
    pub dry_run: bool,
}

/// What has become of a lock.
#[derive(Clone, Debug, Default)]
pub struct LockReport {
    /// The lock.
    pub lock: Lock,
    /// What is different from before.
    pub changes: Vec<ImageChange>,
    /// What should be known.
    pub warnings: Vec<String>,
    /// Whether the file was written.
    pub written: bool,
}

/// Tells every reason why a lock is no answer to what its project asks. Nothing but the two files is looked at.
pub fn stale(open: &OpenProject) -> Vec<Stale> {
    open.lock.stale(&open.project)
}

/// Returns the error of a command that was told not to change the lock.
pub fn stale_error(open: &OpenProject, reasons: &[Stale]) -> OpsError {
    let file = open.lock_file();
    let message = if open.lock_text.is_some() {
        format!("{} is not up to date", file.display())
    } else {
        format!("there is no {}", file.display())
    };
    let lines = reasons.iter().map(|reason| format!("   = {reason}")).collect();
    OpsError::Stale(Told { message, lines, help: Some("supercargo lock".to_owned()) })
}

/// Brings the lock up to date. Where it is, nothing is asked of any registry, unless an update is wanted.
///
/// # Errors
/// [`OpsError::Unsolved`] when there is no solution, [`OpsError::Integrity`] when a tag has moved and the project forbids that;
/// what registries and files bring. Then the lock is what it was.
pub async fn lock(context: &Context, open: &OpenProject, request: &LockRequest) -> Result<LockReport, OpsError> {
    let options = &request.options;
    let is_kept = options.update == Update::Needed && options.precise.is_empty() && options.as_of.is_none();
    if is_kept {
        let reasons = stale(open);
        if open.lock_text.is_some() && reasons.is_empty() {
            return Ok(LockReport { lock: (*open.lock).clone(), ..LockReport::default() });
        }
        if context.lock_use() == LockUse::Locked {
            return Err(stale_error(open, &reasons));
        }
    }
    require_change(context)?;
    require_names(open, options)?;
    if context.is_offline() {
        return from::lock_offline(context, open, request).await;
    }
    let resolved = resolve(context, open, options.clone()).await?;
    finish(context, open, &resolved, Bases::Proven, request.dry_run).await
}

/// Checks that the lock may be another one afterwards.
fn require_change(context: &Context) -> Result<(), OpsError> {
    if context.lock_use() == LockUse::Frozen {
        return Err(OpsError::usage("--frozen uses the lock as it is, and this would make another", None));
    }
    Ok(())
}

/// Makes the lock of what was decided, and writes it.
pub(crate) async fn finish(
    context: &Context,
    open: &OpenProject,
    resolved: &Resolved,
    bases: Bases,
    dry_run: bool,
) -> Result<LockReport, OpsError> {
    let mut warnings = resolved.warnings.clone();
    warnings.extend(resolved.outcome.warnings.iter().map(ToString::to_string));
    let mut lock = (*open.lock).clone();
    lock.images.clear();
    let mut wanted = Vec::new();
    for (name, chosen) in &resolved.outcome.chosen {
        match kept(open, resolved, name, chosen, &mut warnings).await? {
            Some(entry) => {
                lock.images.insert(name.clone(), entry);
            }
            None => wanted.push((name, chosen)),
        }
    }
    let entries = wanted.into_iter().map(|(name, chosen)| async move {
        Ok::<_, OpsError>((name.clone(), entry::entry(context, open, resolved, name, chosen, bases).await?))
    });
    let entries: Vec<_> = stream::iter(entries).buffer_unordered(ENTRIES_AT_ONCE).try_collect().await?;
    lock.images.extend(entries);
    keep_names(open, resolved, &mut lock);
    let changes = open.lock.difference(&lock).images;
    if context.lock_use() == LockUse::Locked && open.lock_text.as_ref() != Some(&lock.text()) {
        return Err(change_error(open, &changes));
    }
    let written = !dry_run && open.write_lock(&lock)?;
    Ok(LockReport { lock, changes, warnings, written })
}

/// Keeps the entries of images that have got another name only: a newer tag for the same digest is an alias and no update. Where what
/// images need of each other asks for the newer name they get it.
fn keep_names(open: &OpenProject, resolved: &Resolved, lock: &mut Lock) {
    let mut kept = lock.clone();
    for (name, entry) in &mut kept.images {
        let Some(locked) = open.lock.images.get(name).filter(|locked| locked.digest == entry.digest) else { continue };
        let is_asked_for = resolved.outcome.chosen.get(name).is_none_or(|chosen| chosen.because == "precise");
        let is_at_a_date = resolved.pasts.get(name).is_some_and(|past| past.as_of.is_some());
        let is_renamed = locked.version != entry.version && !locked.floating;
        if is_renamed && !is_asked_for && !is_at_a_date && open.lock.admits(&open.project, name).is_some() {
            *entry = locked.clone();
        }
    }
    if kept.stale(&open.project).is_empty() {
        *lock = kept;
    }
}

/// Returns the error of a command that would have changed the lock and was told not to.
fn change_error(open: &OpenProject, changes: &[ImageChange]) -> OpsError {
    let version = |image: &LockedImage| image.version.clone();
    let line = |change: &ImageChange| match &change.change {
        Change::Added(to) => format!("   = `{}` would be locked at {}", change.name, version(to)),
        Change::Removed(_) => format!("   = `{}` would not be locked any more", change.name),
        Change::Moved { from, to } => {
            format!("   = `{}` would move from {} to {}", change.name, version(from), version(to))
        }
        Change::Described { .. } => format!("   = what belongs to `{}` would change", change.name),
    };
    OpsError::Stale(Told {
        message: format!("{} would change, and --locked forbids it", open.lock_file().display()),
        lines: changes.iter().map(line).collect(),
        help: None,
    })
}

/// Returns the entry that stays as it is: because nothing was to move, or because what was chosen is what is locked.
async fn kept(
    open: &OpenProject,
    resolved: &Resolved,
    name: &str,
    chosen: &Chosen,
    warnings: &mut Vec<String>,
) -> Result<Option<LockedImage>, OpsError> {
    let past = resolved.pasts.get(name).cloned().unwrap_or_default();
    let Some(locked) = open.lock.images.get(name) else { return Ok(None) };
    // What is asked for is the lock that was made then, whatever is locked now.
    if past.as_of.is_some() {
        return Ok(None);
    }
    if chosen.is_kept {
        return Ok(Some(locked.clone()));
    }
    let tag = &chosen.candidate.tag;
    let is_floating = locked.floating || chosen.candidate.is_floating;
    // A tag that moves may be locked as the exact version that it named.
    let is_alias = is_floating && locked.aliases.contains(tag);
    let is_same = (is_alias || (locked.version == chosen.candidate.version.text() && locked.tag == *tag))
        && open.project.images.get(name).is_some_and(|image| image.repository == locked.repository);
    let question = Question { image: name.to_owned(), tag: chosen.candidate.tag.clone() };
    let manifest = resolved.examined.get(&question).and_then(|examined| examined.manifest.as_ref());
    let Some(found) = manifest.filter(|_| is_same).map(|manifest| *manifest.digest()) else { return Ok(None) };
    if found == locked.digest {
        return Ok(Some(locked.clone()));
    }
    let back = past.gone_back(tag, &locked.digest, &found);
    if let (Some(_), Some(store)) = (&back, resolved.stores.get(name)) {
        // A cache on the way may still give an old answer; only what the registry says twice is believed.
        let again = store.resolve(tag).await?.map(|found| found.digest);
        if again != Some(found) {
            warnings.push(format!("`{name}`: {} answers now this and now that for the tag {tag}", store.location()));
            return Ok(Some(locked.clone()));
        }
    }
    let back = back.map(|back| format!(", as it did until {back}")).unwrap_or_default();
    let told = format!("`{name}`: the tag {tag} names {found} now{back}, and is locked as {}", locked.digest);
    // A tag that moves is meant to.
    if is_floating || open.project.policy.moved_tags == MovedTags::Follow {
        warnings.extend((!back.is_empty()).then_some(told));
        return Ok(None);
    }
    match open.project.policy.moved_tags {
        MovedTags::Warn | MovedTags::Follow => {
            warnings.push(told);
            Ok(Some(locked.clone()))
        }
        MovedTags::Error => Err(OpsError::Unsound(Told {
            message: told,
            lines: Vec::new(),
            help: Some(format!("supercargo history {}:{}", locked.repository, locked.tag)),
        })),
    }
}

/// Checks that the images that are named are there.
fn require_names(open: &OpenProject, options: &ResolutionOptions) -> Result<(), OpsError> {
    let mut named: BTreeSet<&String> = options.precise.keys().chain(&options.unbounded).collect();
    if let Update::Names(names) = &options.update {
        named.extend(names);
    }
    for name in named {
        require_image(open, name)?;
    }
    Ok(())
}

/// Checks that the project has an image.
///
/// # Errors
/// [`OpsError::NotFound`], which names those that it has.
pub(crate) fn require_image(open: &OpenProject, name: &str) -> Result<(), OpsError> {
    if open.project.images.contains_key(name) {
        return Ok(());
    }
    Err(OpsError::NotFound {
        location: open.file.display().to_string(),
        name: format!("image `{}`", name.escape_debug()),
    })
}

/// The versions that are to be taken, by the names of the images.
pub type Precise = BTreeMap<String, String>;
