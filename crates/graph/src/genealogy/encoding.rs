//! The text in which an index is kept (docs/formats/chain-index.md).

use std::fmt::Display;
use std::str::FromStr;

use oci::Platform;
use oci::limits::REFERENCE_MAX_BYTES;

use super::index::{BaseIndex, INDEX_MAX_BYTES};
use super::{KnownImage, Top, Trail};

pub(super) const FIRST_LINE: &str = "supercargo.chain-index.v1\n";

/// How many fields a line has.
const FIELDS: usize = 13;

/// What stands for something that is not known.
const NOTHING: &str = "-";

impl BaseIndex {
    /// Returns the index as text, the image that has been in it for longest first. It has at most [`INDEX_MAX_BYTES`].
    pub fn encode(&self) -> String {
        let mut text = FIRST_LINE.to_owned();
        for image in self.images() {
            text.push_str(&line(image));
        }
        text
    }

    /// Reads what [`BaseIndex::encode`] has written.
    ///
    /// # Errors
    /// [`IndexError`] says where and what is wrong. Nothing of a text with a mistake is taken.
    pub fn decode(text: &[u8]) -> Result<Self, IndexError> {
        if text.len() > INDEX_MAX_BYTES {
            return Err(IndexError::TooLarge { found: text.len() });
        }
        let text = std::str::from_utf8(text).map_err(|_| IndexError::NotText)?;
        let Some(lines) = text.strip_prefix(FIRST_LINE) else {
            return Err(IndexError::Schema);
        };
        let mut index = Self::default();
        for (number, line) in lines.split_terminator('\n').enumerate() {
            let mut fields = Fields { line, number: number + 2, position: 0 };
            let image = fields.image()?;
            if !is_place(&image.repository) {
                return Err(fields.wrong("the name of a place"));
            }
            index.insert(image);
        }
        Ok(index)
    }
}

/// Tells whether text can be kept as the name of a place.
pub(super) fn is_place(text: &str) -> bool {
    (1..=REFERENCE_MAX_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Returns the line of an image.
pub(super) fn line(image: &KnownImage) -> String {
    let Top { height, blobs, diff_ids } = image.layers;
    let index = or_nothing(image.index.as_ref());
    // A configuration may state a platform that nobody could ask for.
    let platform = image.platform.as_ref().filter(|platform| platform.to_string().parse::<Platform>().is_ok());
    let platform = or_nothing(platform);
    let (created, tag) = (or_nothing(image.created.as_ref()), or_nothing(image.tag.as_ref()));
    let KnownImage { repository, manifest, config, .. } = image;
    let history = image.history.map_or_else(
        || format!("{NOTHING}\t{NOTHING}\t{NOTHING}"),
        |Trail { steps, all, to_top }| format!("{steps}\t{all}\t{to_top}"),
    );
    format!(
        "{diff_ids}\t{blobs}\t{height}\t{manifest}\t{index}\t{config}\t{history}\t{platform}\t{created}\t{tag}\t{repository}\n"
    )
}

fn or_nothing(value: Option<&impl Display>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), ToString::to_string)
}

/// The fields of a line that have not been read yet.
struct Fields<'a> {
    line: &'a str,
    number: usize,
    /// Where the field that was read last begins, in bytes.
    position: usize,
}

impl<'a> Fields<'a> {
    fn image(&mut self) -> Result<KnownImage, IndexError> {
        let mut rest = self.line.splitn(FIELDS, '\t');
        let diff_ids = self.read(rest.next(), "a ChainID")?;
        let blobs = self.read(rest.next(), "a ChainID")?;
        let height = self.read(rest.next(), "a number of layers")?;
        if height == 0 {
            return Err(self.wrong("a number of layers"));
        }
        Ok(KnownImage {
            layers: Top { height, blobs, diff_ids },
            manifest: self.read(rest.next(), "a digest")?,
            index: self.read_or_nothing(rest.next(), "a digest")?,
            config: self.read(rest.next(), "a digest")?,
            history: self.history([rest.next(), rest.next(), rest.next()])?,
            platform: self.read_or_nothing(rest.next(), "a platform")?,
            created: self.read_or_nothing(rest.next(), "a time")?,
            tag: self.read_or_nothing(rest.next(), "a tag")?,
            repository: self.read(rest.next(), "the name of a place")?,
        })
    }

    fn history(&mut self, fields: [Option<&'a str>; 3]) -> Result<Option<Trail>, IndexError> {
        if fields == [Some(NOTHING); 3] {
            return Ok(None);
        }
        let [steps, all, to_top] = fields;
        Ok(Some(Trail {
            steps: self.read(steps, "a number of steps")?,
            all: self.read(all, "the name of a history")?,
            to_top: self.read(to_top, "the name of a history")?,
        }))
    }

    fn read<T: FromStr>(&mut self, field: Option<&'a str>, wanted: &'static str) -> Result<T, IndexError> {
        let Some(field) = field else {
            self.position = self.line.len();
            return Err(self.wrong(wanted));
        };
        // Both lie in the line, the field not before its beginning.
        self.position = field.as_ptr() as usize - self.line.as_ptr() as usize;
        field.parse().map_err(|_| self.wrong(wanted))
    }

    fn read_or_nothing<T: FromStr>(
        &mut self,
        field: Option<&'a str>,
        wanted: &'static str,
    ) -> Result<Option<T>, IndexError> {
        if field == Some(NOTHING) { Ok(None) } else { self.read(field, wanted).map(Some) }
    }

    const fn wrong(&self, wanted: &'static str) -> IndexError {
        IndexError::Line { line: self.number, column: self.position + 1, wanted }
    }
}

/// Why text is not an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// More bytes than are read.
    #[error("it has {found} bytes, the limit is {INDEX_MAX_BYTES}")]
    TooLarge {
        /// Its size in bytes.
        found: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("it is not UTF-8 text")]
    NotText,
    /// Another first line: another version, or something else.
    #[error("its first line is not `{}`", FIRST_LINE.trim_end())]
    Schema,
    /// A line that does not describe an image.
    #[error("line {line}, column {column}: {wanted} must stand here")]
    Line {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
        /// What the field should be.
        wanted: &'static str,
    },
}
