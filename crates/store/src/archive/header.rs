//! The headers of the entries that we write: the same bytes for the same content, whoever writes them and when.

use std::io;

use oci::Digest;
use tar::{EntryType, Header};

use super::reader::BLOCK_BYTES;

/// Permissions of every entry.
const MODE: u32 = 0o644;

/// Longest name that a plain header holds.
const PLAIN_NAME_MAX_BYTES: usize = 100;

/// Largest size that a plain header holds: eleven octal digits.
const PLAIN_SIZE_MAX: u64 = 0o777_7777_7777;

/// Returns the name of content in a layout.
pub(super) fn content_path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.encoded())
}

/// Returns everything that stands before the content of an entry: one block, or three where name or size needs an extended
/// header (POSIX pax).
pub(super) fn entry_header(name: &str, size: u64) -> io::Result<Vec<u8>> {
    let mut records = Vec::new();
    if name.len() > PLAIN_NAME_MAX_BYTES {
        records.extend(record("path", name));
    }
    if size > PLAIN_SIZE_MAX {
        records.extend(record("size", &size.to_string()));
    }
    let mut bytes = Vec::new();
    if !records.is_empty() {
        bytes.extend_from_slice(block(EntryType::XHeader, "pax", records.len() as u64)?.as_bytes());
        bytes.extend_from_slice(&records);
        bytes.resize(2 * usize::try_from(BLOCK_BYTES).unwrap_or(512), 0);
    }
    // A reader that does not know extended headers sees the beginning of the name.
    let plain = &name[..name.len().min(PLAIN_NAME_MAX_BYTES)];
    bytes.extend_from_slice(block(EntryType::Regular, plain, size.min(PLAIN_SIZE_MAX))?.as_bytes());
    Ok(bytes)
}

fn block(kind: EntryType, name: &str, size: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(kind);
    header.set_mode(MODE);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}

/// Returns a record, which begins with its own length.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    loop {
        let whole = rest.len() + length.to_string().len();
        if whole == length {
            return format!("{length}{rest}").into_bytes();
        }
        length = whole;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_header_is_one_block() {
        let name = content_path(&Digest::sha256(b""));
        assert_eq!(entry_header(&name, 1).unwrap().len(), 512);
        assert_eq!(entry_header(&name, PLAIN_SIZE_MAX).unwrap().len(), 512);
    }

    #[test]
    fn what_a_plain_header_cannot_hold_is_in_an_extended_one() {
        let name = content_path(&oci::Algorithm::Sha512.digest(b""));
        let header = entry_header(&name, PLAIN_SIZE_MAX + 1).unwrap();
        assert_eq!(header.len(), 3 * 512);
        let text = String::from_utf8_lossy(&header);
        assert!(text.contains(&format!("151 path={name}\n")), "{text}");
        assert!(text.contains("19 size=8589934592\n"), "{text}");
    }
}
