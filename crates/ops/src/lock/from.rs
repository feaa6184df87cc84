//! Locking from a copy: a mirror of the repositories, a layout or an archive.

use std::collections::BTreeMap;
use std::sync::Arc;

use oci::{Reference, RegistryReference};
use resolve::project::Project;
use store::Store;

use super::{Bases, LockReport, LockRequest, finish, require_change, require_names};
use crate::carried::{self, CarriedLock};
use crate::context::Context;
use crate::destination::Destination;
use crate::error::{OpsError, Told};
use crate::project::OpenProject;
use crate::resolving::{resolve_among, stores, tags};
use crate::sources;
use crate::verify::{self, Depth};

/// The repositories of a project, by the names of the images.
type Stores = BTreeMap<String, Arc<dyn Store>>;

/// Brings the lock up to date from a copy of the repositories; the lock says nothing of the copy, and is byte for byte what the
/// repositories would have given. A prefix of a registry (`HOST/mirror/`) holds each repository under the last part of its name; a
/// layout or an archive holds what was locked when it was made, and that lock with it, whose entries are taken where their content
/// is there.
///
/// # Errors
/// As [`lock`](super::lock); [`OpsError::NotFound`] when the place has no lock or lacks an image.
pub async fn lock_from(
    context: &Context,
    open: &OpenProject,
    request: &LockRequest,
    from: &Destination,
) -> Result<LockReport, OpsError> {
    require_change(context)?;
    require_names(open, &request.options)?;
    let place = match from {
        Destination::Below(prefix) => {
            let stores = below(context, open, prefix).await?;
            return lock_among(context, open, request, stores).await;
        }
        Destination::Exactly(Reference::Registry(prefix)) => {
            let stores = below(context, open, &format!("{prefix}/")).await?;
            return lock_among(context, open, request, stores).await;
        }
        Destination::Exactly(place) => context.open_source(place).await?,
    };
    let carried = carried::read(&*place).await?.ok_or_else(|| OpsError::NotFound {
        location: place.location().to_owned(),
        name: format!("{} that tells which image is which", resolve::lock::FILE_NAME),
    })?;
    let missing = |repository: &RegistryReference| OpsError::NotFound {
        location: place.location().to_owned(),
        name: format!("image of {repository}"),
    };
    let stores = views(&open.project, &carried, &place, missing)?;
    lock_carried(context, open, request, &carried, &place, stores).await
}

/// Brings the lock up to date from what was vendored, or from where the application was installed from, if that is no registry.
///
/// # Errors
/// As [`lock`](super::lock); [`OpsError::Offline`] for a repository of which nothing is here.
pub(super) async fn lock_offline(
    context: &Context,
    open: &OpenProject,
    request: &LockRequest,
) -> Result<LockReport, OpsError> {
    let offline = |repository: &RegistryReference| OpsError::Offline {
        host: repository.host.to_string(),
        wanted: repository.to_string(),
        help: Some("supercargo vendor".to_owned()),
    };
    let Some(vendored) = sources::vendored(open).await? else {
        let stores = stores(context, open).await?;
        return lock_among(context, open, request, stores).await;
    };
    let stores = views(&open.project, &vendored.carried, &vendored.store, offline)?;
    lock_carried(context, open, request, &vendored.carried, &vendored.store, stores).await
}

async fn below(context: &Context, open: &OpenProject, prefix: &str) -> Result<Stores, OpsError> {
    let mut stores = BTreeMap::new();
    let mut taken: BTreeMap<String, &RegistryReference> = BTreeMap::new();
    for (name, image) in &open.project.images {
        let place = format!("{prefix}{}", image.repository.repository.last_component());
        if let Some(other) = taken.insert(place.clone(), &image.repository)
            && *other != image.repository
        {
            return Err(OpsError::usage(
                format!("{other} and {} would both be read from {place}", image.repository),
                "mirrors = [\"HOST/PREFIX\"]    (in [registries], for each)".to_owned(),
            ));
        }
        let place: Reference = place.parse()?;
        stores.insert(name.clone(), context.open_source(&place).await?);
    }
    Ok(stores)
}

fn views(
    project: &Project,
    carried: &CarriedLock,
    place: &Arc<dyn Store>,
    missing: impl Fn(&RegistryReference) -> OpsError,
) -> Result<Stores, OpsError> {
    let view = |(name, image): (&String, &resolve::project::Image)| {
        let view = carried::repository(&carried.lock, place, &image.repository);
        let view = view.ok_or_else(|| missing(&image.repository))?;
        let view: Arc<dyn Store> = Arc::new(view);
        Ok((name.clone(), view))
    };
    project.images.iter().map(view).collect()
}

async fn lock_among(
    context: &Context,
    open: &OpenProject,
    request: &LockRequest,
    stores: Stores,
) -> Result<LockReport, OpsError> {
    let tags = tags(open, &stores).await?;
    let resolved = resolve_among(context, open, request.options.clone(), stores, &tags).await?;
    finish(context, open, &resolved, Bases::Unasked, request.dry_run).await
}

/// Locks with the lock of a copy as what was locked before, where the project has none of its own: the copy has no tags but those of
/// what was locked, so nothing but that lock knows why it was chosen.
async fn lock_carried(
    context: &Context,
    open: &OpenProject,
    request: &LockRequest,
    carried: &CarriedLock,
    place: &Arc<dyn Store>,
    stores: Stores,
) -> Result<LockReport, OpsError> {
    if open.lock_text.is_some() {
        return lock_among(context, open, request, stores).await;
    }
    let mut known = carried.lock.clone();
    known.images.retain(|name, _| open.project.images.contains_key(name));
    // A lock is a claim; what is taken from it has to be there.
    for (name, image) in &known.images {
        let verified = verify::image(name, image, place, None, Depth::Manifests).await?;
        if !verified.holds() {
            let lines = verified.findings.iter().map(|finding| format!("   = {finding}")).collect();
            let message = format!("{} does not hold what its lock says of `{name}`", place.location());
            return Err(OpsError::Unsound(Told { message, lines, help: Some("supercargo lock".to_owned()) }));
        }
    }
    let prior = OpenProject { lock: Arc::new(known), ..open.clone() };
    let report = lock_among(context, &prior, request, stores).await?;
    let changes = open.lock.difference(&report.lock).images;
    Ok(LockReport { changes, ..report })
}
