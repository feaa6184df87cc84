//! Rules from a file: what does not change from one collection to the next is written down once.

use super::{Age, PATTERNS_MAX, Pattern, Rules};
use crate::document::{Document, DocumentError, Key, Shape, Table, key};

/// Most bytes of a file of rules.
pub const FILE_MAX_BYTES: usize = 1 << 20;

/// What may stand in a file of rules.
pub const KEYS: &[Key] = &[
    key("keep", Shape::Count, "Of the tags that may go, so many whose images are the newest stay."),
    key("keep-tags", Shape::Texts, "Tags like these stay, whatever the other rules say."),
    key("delete-tags", Shape::Texts, "Only tags like these go."),
    key("older-than", Shape::Duration, "Only tags go whose images are at least this old."),
];

impl Rules {
    /// Reads a file of rules (TOML). One that says nothing takes no tag away.
    ///
    /// # Errors
    /// [`DocumentError`] with the place of what cannot be read.
    pub fn read(text: &str) -> Result<Self, DocumentError> {
        if text.len() > FILE_MAX_BYTES {
            return Err(DocumentError::new(format!("the file has more than {FILE_MAX_BYTES} bytes"), 0..0));
        }
        let document = Document::parse(text)?;
        let root = document.root(KEYS)?;
        Ok(Self {
            keep: root.count("keep"),
            keep_tags: patterns(&root, "keep-tags")?,
            delete: patterns(&root, "delete-tags")?,
            older_than: root.duration("older-than")?.map(|seconds| Age { seconds }),
        })
    }
}

/// Reads a list of patterns. One without any would say nothing where it seems to say much: `delete-tags = []` would let every tag go.
fn patterns(table: &Table<'_>, name: &str) -> Result<Vec<Pattern>, DocumentError> {
    let Some(texts) = table.texts(name) else { return Ok(Vec::new()) };
    let place = || table.key(name).unwrap_or_else(|| table.place.clone());
    if texts.is_empty() {
        return Err(DocumentError::new(format!("`{name}` has no pattern in it"), place()));
    }
    if texts.len() > PATTERNS_MAX {
        return Err(DocumentError::new(format!("`{name}` can have {PATTERNS_MAX} patterns at most"), place()));
    }
    let read = |text: crate::document::Text<'_>| {
        Pattern::parse(text.text).map_err(|message| DocumentError::new(message, text.place))
    };
    texts.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::{FILE_MAX_BYTES, PATTERNS_MAX};
    use crate::retention::{Age, Pattern, Rules};

    #[test]
    fn reads_every_rule() {
        let text = "keep = 10\nkeep-tags = [\"v*\"]\ndelete-tags = [\"ci-*\", \"pr-*\"]\nolder-than = \"90d\"\n";
        let pattern = |text| Pattern::parse(text).unwrap();
        let expected = Rules {
            keep: Some(10),
            keep_tags: vec![pattern("v*")],
            delete: vec![pattern("ci-*"), pattern("pr-*")],
            older_than: Some(Age::parse("90d").unwrap()),
        };
        assert_eq!(Rules::read(text).unwrap(), expected);
        assert!(!Rules::read("# nothing\n").unwrap().take_away());
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let many = format!("delete-tags = [{}]", "\"a\",".repeat(PATTERNS_MAX + 1));
        let long = "#".repeat(FILE_MAX_BYTES + 1);
        for (text, place, message) in [
            ("delete-tags = []", 0..11, "`delete-tags` has no pattern in it"),
            ("keep-tags = [\"\"]", 13..15, "a pattern of tags has at least one character, as in 'ci-*'"),
            ("older-than = \"soon\"", 13..19, "`soon` is no time"),
            (&many, 0..11, "`delete-tags` can have 1000 patterns at most"),
            (&long, 0..0, "the file has more than 1048576 bytes"),
        ] {
            let error = Rules::read(text).unwrap_err();
            assert_eq!((error.place, error.message.as_str()), (place, message));
        }
        for text in ["kep = 1", "keep = \"1\"", "keep = -1", "older-than = 90", "delete-tags = \"ci-*\"", "keep ="] {
            assert!(Rules::read(text).is_err(), "{text}");
        }
    }
}
