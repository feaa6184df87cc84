//! The text in which a log is kept (docs/formats/observations.md).

use std::fmt;

use oci::{Digest, RegistryReference, Tag, Timestamp};

use super::{LINE_MAX_BYTES, LOG_MAX_BYTES, Observations, SOURCE_MAX_BYTES, Seen, Sighting, Source};

/// The first field of the first line.
const SCHEMA: &str = "supercargo.observations.v1";
/// What the first line of any form of such logs begins with.
const SCHEMAS: &str = "supercargo.observations.";
/// Stands for a tag that was not there.
const GONE: &str = "gone";
/// Stands for a tag that was in the list of all.
const LISTED: &str = "listed";
/// Stands in the place of a tag for all of them.
const ALL: &str = "*";
/// Most lines that are told of one by one.
const SKIPPED_MAX: usize = 8;

/// What the first line of a log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The repository that it is about, without tag and digest.
    pub repository: RegistryReference,
}

/// A line that says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedLine {
    /// Its number, from 1.
    pub line: usize,
    /// The column of what is wrong, in bytes from 1.
    pub column: usize,
    /// What should stand there.
    pub wanted: &'static str,
}

impl fmt::Display for SkippedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {} must stand here", self.line, self.column, self.wanted)
    }
}

/// Returns the first line of the log of a repository, with its end.
pub fn header(repository: &RegistryReference) -> String {
    format!("{SCHEMA}\t{}/{}\n", repository.host, repository.repository)
}

impl Header {
    /// Reads the first line of a log.
    ///
    /// # Errors
    /// [`SkippedLine`] when it is none.
    pub fn parse(text: &[u8]) -> Result<Self, SkippedLine> {
        let wrong = |column, wanted| SkippedLine { line: 1, column, wanted };
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_prefix(SCHEMA.as_bytes()).and_then(|rest| rest.strip_prefix(b"\t"));
        let name = line.ok_or_else(|| wrong(1, "supercargo.observations.v1"))?;
        let repository = Some(name).filter(|name| name.len() <= LINE_MAX_BYTES);
        let repository = repository.and_then(|name| std::str::from_utf8(name).ok()?.parse::<RegistryReference>().ok());
        let repository = repository.filter(|found| found.selector == oci::Selector::default());
        repository.map(|repository| Self { repository }).ok_or_else(|| wrong(SCHEMA.len() + 2, "a repository"))
    }
}

/// Returns the line of a sighting, with its end.
pub fn sighting_line(sighting: &Sighting) -> String {
    let line = |moment: &Timestamp, tag: &dyn fmt::Display, seen: &dyn fmt::Display, source: &Source| match source {
        Some(source) => format!("{moment}\t{tag}\t{seen}\t{source}\n"),
        None => format!("{moment}\t{tag}\t{seen}\n"),
    };
    match sighting {
        Sighting::Tag { moment, tag, seen: Seen::Names(digest), source } => line(moment, tag, digest, source),
        Sighting::Tag { moment, tag, seen: Seen::Listed, source } => line(moment, tag, &LISTED, source),
        Sighting::Tag { moment, tag, seen: Seen::Gone, source } => line(moment, tag, &GONE, source),
        Sighting::Listing { moment, source } => line(moment, &ALL, &LISTED, source),
    }
}

impl Observations {
    /// Returns the lines of all sightings, in the order of time. The first line of a log is not among them.
    pub fn lines(&self) -> String {
        self.sightings().map(|sighting| sighting_line(&sighting)).collect()
    }

    /// Reads a log but for its first line. Lines that say nothing are skipped and returned, the first few of them; so is what lies
    /// beyond [`LOG_MAX_BYTES`].
    pub fn parse(text: &[u8]) -> (Self, Vec<SkippedLine>) {
        let LogText { log, skipped, .. } = LogText::parse(text);
        (log, skipped)
    }
}

/// The text of a log with what this program does not understand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogText {
    /// What it says.
    pub log: Observations,
    /// Its first line, without its end: that of another form of such logs, where it is one.
    pub other_header: Option<String>,
    /// Lines that are whole and not understood, in their order and with their ends: what a newer program has seen.
    pub not_understood: String,
    /// Which lines are not understood, the first few of them.
    pub skipped: Vec<SkippedLine>,
    /// The last line, where it was cut off.
    pub torn: Option<SkippedLine>,
}

impl LogText {
    /// Reads the text of a log. What lies beyond [`LOG_MAX_BYTES`] is not read.
    pub fn parse(text: &[u8]) -> Self {
        let mut read = Self::default();
        let whole = text.len() <= LOG_MAX_BYTES;
        let text = &text[..text.len().min(LOG_MAX_BYTES)];
        let mut last = 1;
        let mut lines = text.split(|byte| *byte == b'\n').enumerate().peekable();
        while let Some((number, line)) = lines.next() {
            if number == 0 {
                let header = std::str::from_utf8(line).ok().filter(|line| line.len() <= LINE_MAX_BYTES);
                let is_other = |line: &&str| line.starts_with(SCHEMAS) && Header::parse(line.as_bytes()).is_err();
                read.other_header = header.filter(is_other).map(str::to_owned);
                continue;
            }
            last = number + 1;
            if line.is_empty() {
                continue;
            }
            let (column, wanted) = match sighting(line) {
                Ok(sighting) => {
                    read.log.insert(sighting);
                    continue;
                }
                Err(wrong) => wrong,
            };
            let has_end = lines.peek().is_some();
            if whole && !has_end {
                read.torn = Some(SkippedLine { line: last, column, wanted });
            }
            match std::str::from_utf8(line) {
                Ok(line) if has_end && line.len() <= LINE_MAX_BYTES => read.not_understood.extend([line, "\n"]),
                // Of no form of such logs.
                _ => {}
            }
            read.skip(last, column, wanted);
        }
        if !whole {
            read.skip(last, 1, "the end of the log, which is larger than is read,");
        }
        read
    }

    fn skip(&mut self, line: usize, column: usize, wanted: &'static str) {
        if self.skipped.len() < SKIPPED_MAX {
            self.skipped.push(SkippedLine { line, column, wanted });
        }
    }

    /// Returns the text of the log of a repository without what was cut off or is of no form of such logs. What is not understood stays,
    /// as much of it as half of `limit` bytes, the last lines; so does all that is, unless the text would have more than `limit` bytes.
    pub fn mended(mut self, repository: &RegistryReference, limit: usize) -> String {
        let surplus = self.not_understood.len().saturating_sub(limit / 2);
        if surplus > 0 {
            // The line in which what is too much ends goes as well.
            let rest = self.not_understood.as_bytes().get(surplus - 1..).unwrap_or_default();
            let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
            self.not_understood.drain(..surplus - 1 + end);
        }
        let mut text = self.other_header.map_or_else(|| header(repository), |header| header + "\n");
        text.push_str(&self.not_understood);
        self.log.shrink(limit.saturating_sub(text.len()));
        text + &self.log.lines()
    }
}

/// Reads a line. The error is the column and what should stand there.
fn sighting(line: &[u8]) -> Result<Sighting, (usize, &'static str)> {
    if line.len() > LINE_MAX_BYTES {
        return Err((LINE_MAX_BYTES + 1, "the end of the line"));
    }
    let line = std::str::from_utf8(line).map_err(|error| (error.valid_up_to() + 1, "UTF-8"))?;
    let mut column = 1;
    let mut fields = line.splitn(4, '\t').map(|field| {
        let begins = column;
        column += field.len() + 1;
        (begins, field)
    });
    let mut next = |wanted| fields.next().ok_or((line.len() + 1, wanted));
    let (at, moment) = next("a time")?;
    let read = moment.parse::<Timestamp>().ok().filter(|read| read.to_string() == moment);
    let moment = read.ok_or((at, "a time in UTC, in seconds"))?;
    let (tag_at, tag) = next("a tag")?;
    let (at, seen) = next("a digest")?;
    let source = match fields.next() {
        Some((at, source)) => {
            let is_name = (1..=SOURCE_MAX_BYTES).contains(&source.len()) && !source.chars().any(char::is_control);
            Some(if is_name { source.to_owned() } else { return Err((at, "the name of a source")) })
        }
        None => None,
    };
    if tag == ALL {
        return if seen == LISTED { Ok(Sighting::Listing { moment, source }) } else { Err((at, LISTED)) };
    }
    let tag = tag.parse::<Tag>().map_err(|_| (tag_at, "a tag"))?;
    let seen = match seen {
        GONE => Seen::Gone,
        LISTED => Seen::Listed,
        digest => Seen::Names(digest.parse::<Digest>().map_err(|_| (at, "a digest"))?),
    };
    Ok(Sighting::Tag { moment, tag, seen, source })
}
