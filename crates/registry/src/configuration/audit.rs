//! Where it is told who did what.

use std::path::PathBuf;

use resolve::document::{DocumentError, Key, Shape, Table, key, quoted};

use super::origin::{Said, Source};
use crate::audit_log::OnAuditFailure;

/// What stands for the standard error in the place of a file.
const STDERR: &str = "-";

pub(super) const KEYS: &[Key] = &[
    key("file", Shape::Text, "The file that lines are added to; `-` is the standard error; none."),
    key(
        "on-failure",
        Shape::Choice(&["refuse", "continue"]),
        "What becomes of a change or a token that cannot be told: it is refused, or done all the same; `refuse`.",
    ),
];

/// Where it is told who did what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditSettings {
    file: Option<Said<PathBuf>>,
    /// What becomes of a change that cannot be told.
    pub on_failure: OnAuditFailure,
}

/// Where lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditPlace<'s> {
    /// To the standard error.
    Stderr,
    /// To the end of a file.
    File(&'s PathBuf),
}

impl AuditSettings {
    pub(super) fn apply(&mut self, table: &Table<'_>, source: &Source<'_>) -> Result<(), DocumentError> {
        match table.text("file") {
            Some(text) if text.text == STDERR => self.file = Some(source.said(PathBuf::from(STDERR), text.place)),
            _ => source.path(table, "file", &mut self.file)?,
        }
        if let Some(text) = table.text("on-failure") {
            let is_refused = text.text == "refuse";
            self.on_failure = if is_refused { OnAuditFailure::Refuse } else { OnAuditFailure::Continue };
        }
        Ok(())
    }

    /// Returns where lines go; `None` where nothing is told.
    pub fn place(&self) -> Option<AuditPlace<'_>> {
        let path = &self.file.as_ref()?.value;
        Some(if path.as_os_str() == STDERR { AuditPlace::Stderr } else { AuditPlace::File(path) })
    }

    /// Returns the file as TOML writes it.
    pub(super) fn shown_file(&self) -> Option<String> {
        self.file.as_ref().map(|file| quoted(&file.value.to_string_lossy()))
    }

    /// Returns what becomes of a change that cannot be told, as TOML writes it; `None` where nothing is told.
    pub(super) fn shown_on_failure(&self) -> Option<String> {
        let word = match self.on_failure {
            OnAuditFailure::Refuse => "refuse",
            OnAuditFailure::Continue => "continue",
        };
        self.file.as_ref().map(|_| quoted(word))
    }
}
