//! The parsers of the journal, for fuzz targets.

use oci::Digest;

use super::entry::Entry;
use super::segment::{self, Name, Numbered};

/// Reads a segment. Returns the bytes that say the same.
pub fn segment(bytes: &[u8]) -> Option<Vec<u8>> {
    let (epoch, entries) = segment::parse(bytes).ok()?;
    segment::encode(epoch, &entries).ok().map(Into::into)
}

/// Reads one entry with its number. Returns the line that says the same, and what tells its thing apart.
pub fn entry(line: &[u8]) -> Option<(Vec<u8>, String)> {
    let numbered: Numbered = serde_json::from_slice(line).ok()?;
    Some((serde_json::to_vec(&numbered).ok()?, Entry::key(&numbered.entry)))
}

/// Returns lines with the checksum that makes a segment of them, whatever they say.
pub fn sealed(lines: &[u8]) -> Vec<u8> {
    let sum = Digest::sha256(lines).encoded();
    [lines, format!("{{\"sha256\":\"{sum}\"}}\n").as_bytes()].concat()
}

/// Reads the place of a part of the journal. Returns the place that says the same.
pub fn place(text: &str) -> Option<String> {
    Name::parse(text).map(|name| name.place())
}
