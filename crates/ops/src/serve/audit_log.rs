//! Where the audit log goes.

use std::io::{self, Write as _};
use std::sync::Arc;

use registry::configuration::AuditPlace;
use registry::{AuditFile, AuditOptions, AuditSink, Configuration};

use crate::error::OpsError;

/// The audit log on the standard error, among what else is told there: by `"event":"audit"` its lines are known.
struct Stderr;

impl AuditSink for Stderr {
    fn write(&self, line: &[u8]) -> io::Result<()> {
        // Nothing is buffered there, so a line is one write.
        io::stderr().lock().write_all(line)
    }

    fn reopen(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens the audit log that a configuration names, if it does.
///
/// # Errors
/// [`OpsError::File`] when the file cannot be opened.
pub(super) fn open(configuration: &Configuration) -> Result<AuditOptions, OpsError> {
    let sink: Arc<dyn AuditSink> = match configuration.audit.place() {
        None => return Ok(AuditOptions::default()),
        Some(AuditPlace::Stderr) => Arc::new(Stderr),
        Some(AuditPlace::File(path)) => {
            let opened = AuditFile::open(path);
            let failed = |source| OpsError::File { action: "cannot open the audit log", path: path.clone(), source };
            Arc::new(opened.map_err(failed)?)
        }
    };
    Ok(AuditOptions::to(sink, configuration.audit.on_failure))
}
