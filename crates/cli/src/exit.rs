//! Exit codes. They are decided here and nowhere else.

use std::process::ExitCode;

use ops::{ErrorKind, OpsError};

/// How the program ends. The numbers are a public interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, or yes.
    Done = 0,
    /// The answer is no.
    No = 1,
    /// The arguments, or a file that describes the work, make no sense.
    Usage = 2,
    /// What a project wants has no solution.
    NoSolution = 3,
    /// A registry could not be reached, or failed after retries.
    Unreachable = 4,
    /// Authentication or authorisation.
    Denied = 5,
    /// Content is not what it should be, or is gone.
    Integrity = 6,
    /// Some of it was done, under `--keep-going`.
    Partial = 7,
    /// The user, or whoever keeps the machine, does not want it.
    Refused = 8,
    /// What was asked for is not there.
    NotFound = 9,
    /// The local file system: full, read-only, no permission.
    FileSystem = 10,
    /// A bug.
    Internal = 70,
    /// Interrupted, by whichever signal.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The user, or the system on its behalf, ended the program.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// Nobody reads the output any more. That is how pipes end, not a failure.
#[derive(Debug, thiserror::Error)]
#[error("the reader of the output has gone")]
pub(crate) struct OutputClosed;

/// The answer to what was asked is no. It is on the standard output already.
#[derive(Debug, thiserror::Error)]
#[error("the answer is no")]
pub(crate) struct AnswerIsNo;

/// The result could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the result to the standard output")]
pub(crate) struct OutputFailed(#[source] pub(crate) std::io::Error);

/// Some of several things failed and the others went on.
#[derive(Debug, thiserror::Error)]
#[error("{} of {total} failed", failures.len())]
pub(crate) struct Partial {
    /// How each failure alone would have ended the program; never empty.
    pub(crate) failures: Vec<Exit>,
    /// How many things there were.
    pub(crate) total: usize,
}

/// So many things that a plan names were left, because something is not as it was. Each was told of with its reason.
#[derive(Debug, thiserror::Error)]
#[error("{0} of what the plan names was left")]
pub(crate) struct LeftOver(pub(crate) usize);

/// So many entries of lists of other tools could not be read. Each was told of with its place.
#[derive(Debug, thiserror::Error)]
#[error("{0} of the entries could not be read, and the result is without them")]
pub(crate) struct Unread(pub(crate) usize);

impl Unread {
    /// Returns how an operation on what could be read ends: with this as its error, unless all could be read.
    ///
    /// # Errors
    /// Itself.
    pub(crate) fn outcome(self) -> anyhow::Result<()> {
        if self.0 == 0 { Ok(()) } else { Err(self.into()) }
    }
}

/// Decides how the program ends after an error.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if cause.is::<Interrupted>() {
            return Exit::Interrupted;
        }
        if cause.is::<OutputClosed>() {
            return Exit::Done;
        }
        if cause.is::<AnswerIsNo>() {
            return Exit::No;
        }
        if cause.is::<OutputFailed>() {
            return Exit::FileSystem;
        }
        if let Some(partial) = cause.downcast_ref::<Partial>() {
            return of_partial(partial);
        }
        if cause.is::<Unread>() || cause.is::<LeftOver>() {
            return Exit::Partial;
        }
        if let Some(error) = cause.downcast_ref::<OpsError>() {
            return of_kind(error.kind());
        }
        if cause.is::<oci::ReferenceError>() {
            return Exit::Usage;
        }
    }
    Exit::Internal
}

/// Decides how an operation's error ends the program.
pub(crate) const fn of_kind(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::Usage => Exit::Usage,
        ErrorKind::No => Exit::No,
        ErrorKind::Unsolved => Exit::NoSolution,
        ErrorKind::Unreachable => Exit::Unreachable,
        ErrorKind::Denied => Exit::Denied,
        ErrorKind::Forbidden => Exit::Refused,
        ErrorKind::Integrity => Exit::Integrity,
        ErrorKind::NotFound => Exit::NotFound,
        ErrorKind::FileSystem => Exit::FileSystem,
        ErrorKind::Internal => Exit::Internal,
    }
}

/// Damaged content outweighs everything, then what is forbidden; a result of which nothing was done is not a partial one.
fn of_partial(partial: &Partial) -> Exit {
    if partial.failures.contains(&Exit::Integrity) {
        return Exit::Integrity;
    }
    if partial.failures.contains(&Exit::Refused) {
        return Exit::Refused;
    }
    match partial.failures.first() {
        Some(first) if partial.failures.len() == partial.total => *first,
        _ => Exit::Partial,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_contract() {
        let all = [
            (Exit::Done, 0),
            (Exit::No, 1),
            (Exit::Usage, 2),
            (Exit::NoSolution, 3),
            (Exit::Unreachable, 4),
            (Exit::Denied, 5),
            (Exit::Integrity, 6),
            (Exit::Partial, 7),
            (Exit::Refused, 8),
            (Exit::NotFound, 9),
            (Exit::FileSystem, 10),
            (Exit::Internal, 70),
            (Exit::Interrupted, 130),
        ];
        for (exit, number) in all {
            assert_eq!(exit as u8, number, "{exit:?}");
        }
    }

    #[test]
    fn an_error_keeps_its_code_below_any_context() {
        let error = anyhow::Error::new(OpsError::NotFound { location: "here".into(), name: "it".into() });
        assert_eq!(of(&error.context("while looking").context("while working")), Exit::NotFound);
        assert_eq!(of(&anyhow::anyhow!("who knows")), Exit::Internal);
        assert_eq!(of(&anyhow::Error::new(OutputClosed)), Exit::Done);
    }

    #[test]
    fn damage_outweighs_a_partial_result() {
        let partial = |failures: &[Exit], total| of(&Partial { failures: failures.to_vec(), total }.into());
        assert_eq!(partial(&[Exit::Unreachable], 2), Exit::Partial);
        assert_eq!(partial(&[Exit::Unreachable, Exit::Integrity], 3), Exit::Integrity);
        assert_eq!(partial(&[Exit::Unreachable, Exit::Refused], 3), Exit::Refused);
        assert_eq!(partial(&[Exit::Denied, Exit::Denied], 2), Exit::Denied);
    }
}
