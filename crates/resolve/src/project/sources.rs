//! The texts of a project's files, of which places count the bytes of all.

use std::ops::Range;

use super::{FILE_MAX_BYTES, FILE_NAME, WORKSPACE_MAX_BYTES};
use crate::document::DocumentError;

/// One file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its directory, from the root's, with `/` between the names; empty for the root's own.
    pub directory: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// Returns the path of the file, from the root's directory.
    pub fn path(&self) -> String {
        match self.directory.as_str() {
            "" => FILE_NAME.to_owned(),
            directory => format!("{directory}/{FILE_NAME}"),
        }
    }
}

/// The files of a project: that of the root, and those of the members of its workspace.
///
/// A place in them counts the bytes of all files, one after the other, so that of a project of one file it counts that file's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Returns the files of a project that has this one alone.
    pub fn new(root: String) -> Self {
        Self { files: vec![Source { directory: String::new(), text: root }] }
    }

    /// Adds the file of a member, after the others.
    pub fn push(&mut self, directory: String, text: String) {
        self.files.push(Source { directory, text });
    }

    /// Returns the files, that of the root first.
    pub fn files(&self) -> &[Source] {
        &self.files
    }

    /// Returns the text of the root's file.
    pub fn root(&self) -> &str {
        self.files.first().map_or("", |root| root.text.as_str())
    }

    /// Returns the files with another text of one of them.
    #[must_use]
    pub fn with(mut self, file: usize, text: String) -> Self {
        if let Some(source) = self.files.get_mut(file) {
            source.text = text;
        }
        self
    }

    /// Returns the file in which a place lies, as its position, and the place in its text.
    pub fn locate(&self, place: &Range<usize>) -> (usize, Range<usize>) {
        let starts = self.starts().enumerate().take_while(|(_, start)| *start <= place.start);
        let (file, start) = starts.last().unwrap_or_default();
        (file, place.start - start..place.end.saturating_sub(start))
    }

    /// Returns the place at which each file begins.
    pub(super) fn starts(&self) -> impl Iterator<Item = usize> {
        // The end of a file is a place in it.
        self.files.iter().scan(0, |next, file| {
            let start = *next;
            *next = start + file.text.len() + 1;
            Some(start)
        })
    }

    /// Checks that the files are not too large, each and all together.
    pub(super) fn check_size(&self) -> Result<(), DocumentError> {
        let mut total = 0;
        for (file, start) in self.files.iter().zip(self.starts()) {
            total += file.text.len();
            if file.text.len() > FILE_MAX_BYTES {
                return Err(DocumentError::new(format!("the file has more than {FILE_MAX_BYTES} bytes"), start..start));
            }
            if total > WORKSPACE_MAX_BYTES {
                let message = format!("the files of the workspace have more than {WORKSPACE_MAX_BYTES} bytes");
                return Err(DocumentError::new(message, start..start));
            }
        }
        Ok(())
    }
}
