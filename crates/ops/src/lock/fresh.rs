//! The lock that a command uses, brought up to date first.

use std::sync::Arc;

use super::{LockReport, LockRequest, lock, stale_error};
use crate::context::{Context, LockUse};
use crate::error::OpsError;
use crate::project::{OpenProject, ProjectPlace};

/// A project with its lock.
#[derive(Clone, Debug)]
pub struct Current {
    /// The project, with the lock as it is now.
    pub open: OpenProject,
    /// What has become of the lock.
    pub report: LockReport,
}

/// Reads a project for a command that uses its lock. The lock is brought up to date first; under [`LockUse::Locked`] it has to be,
/// under [`LockUse::Frozen`] it is not even looked at whether it is.
///
/// # Errors
/// As [`OpenProject::read`] and [`lock`]; [`OpsError::Stale`] when the lock is not up to date and may not change, or when it is not
/// there and may not be made.
pub async fn current(context: &Context, place: &ProjectPlace, request: &LockRequest) -> Result<Current, OpsError> {
    let open = OpenProject::read(place)?;
    if context.lock_use() == LockUse::Frozen {
        if open.lock_text.is_none() {
            return Err(stale_error(&open, &[]));
        }
        let report = LockReport { lock: (*open.lock).clone(), ..LockReport::default() };
        return Ok(Current { open, report });
    }
    let report = lock(context, &open, request).await?;
    let lock = Arc::new(report.lock.clone());
    Ok(Current { open: OpenProject { lock_text: Some(lock.text()), lock, ..open }, report })
}
