//! Archives: a tar from a stranger, as bytes or made of pieces.

use std::path::Path;

use store::{ArchiveLimits, ArchiveStore, DockerArchive};
use tar::Header;

use super::look::{checked, look};
use super::pieces::pieces;
use super::place::{Place, blob_name, run};

/// Bytes of a block of a tar.
const BLOCK_BYTES: usize = 512;

/// What a compressed archive may unpack to here.
const LIMITS: ArchiveLimits = ArchiveLimits { unpacked_max_bytes: 1 << 20, ratio_max: 100 };

/// Opens an archive of a layout and as the output of `docker save`. The first byte of the input says how the archive is made
/// of the others:
///
/// | byte | archive |
/// |---|---|
/// | `t` | a tar; the sums of its headers are put right, because no fuzzer guesses them |
/// | `z` | the same, compressed |
/// | `l`, `m` | a tar of a layout in pieces, as in the target `layout`; `m` compressed |
/// | `d` | a tar in pieces with the names `0`, `1` and so on, the last one is `manifest.json` |
/// | others | the bytes as they are |
pub fn archive(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let bytes = match kind {
        b't' => repaired(rest),
        b'z' => compressed(&repaired(rest)),
        b'l' => layout(rest),
        b'm' => compressed(&layout(rest)),
        b'd' => saved(rest),
        _ => rest.to_vec(),
    };
    let place = Place::new();
    let path = place.write("archive.tar", &bytes);
    run(async {
        if let Some(archive) = checked(ArchiveStore::open_within(&path, &LIMITS)) {
            look(&archive).await;
        }
        look_at_saved(&path).await;
    });
}

async fn look_at_saved(path: &Path) {
    let Some(archive) = checked(DockerArchive::open(path)) else { return };
    look(&archive).await;
    for image in archive.images() {
        assert!(image.descriptor.manifest_kind().is_some());
        for name in &image.names {
            assert!(archive.image(name).is_some(), "no image is called {name:?}");
        }
    }
}

/// Returns a tar whose headers have the sum that they should have.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    let mut tar = bytes.to_vec();
    let mut at = 0;
    while let Some(block) = tar.get_mut(at..at + BLOCK_BYTES) {
        let mut header = Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        header.set_cksum();
        if block.iter().any(|byte| *byte != 0) {
            block.copy_from_slice(header.as_bytes());
        }
        let size = header.entry_size().ok().and_then(|size| usize::try_from(size).ok());
        let next = size.and_then(|size| size.checked_next_multiple_of(BLOCK_BYTES)?.checked_add(at + BLOCK_BYTES));
        let Some(next) = next.filter(|next| *next < tar.len()) else { break };
        at = next;
    }
    tar
}

/// Returns a frame of zstd that holds these bytes (RFC 8878, section 3.1.1.2), not made smaller.
fn compressed(bytes: &[u8]) -> Vec<u8> {
    // No size, no sum, a window of 128 KiB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    let count = bytes.len().div_ceil(BLOCK_BYTES);
    for (number, block) in bytes.chunks(BLOCK_BYTES).enumerate() {
        let header = u32::try_from(block.len()).unwrap() << 3 | u32::from(number + 1 == count);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.extend_from_slice(block);
    }
    frame
}

fn layout(data: &[u8]) -> Vec<u8> {
    let pieces = pieces(data);
    let mut tar = tar::Builder::new(Vec::new());
    if let Some((index, contents)) = pieces.split_last() {
        for content in contents {
            append(&mut tar, &blob_name(content), content);
        }
        append(&mut tar, "oci-layout", super::layouts::MARKER);
        append(&mut tar, "index.json", index);
    }
    tar.into_inner().unwrap()
}

fn saved(data: &[u8]) -> Vec<u8> {
    let pieces = pieces(data);
    let mut tar = tar::Builder::new(Vec::new());
    if let Some((manifest, contents)) = pieces.split_last() {
        for (number, content) in contents.iter().enumerate() {
            append(&mut tar, &number.to_string(), content);
        }
        append(&mut tar, "manifest.json", manifest);
    }
    tar.into_inner().unwrap()
}

fn append(tar: &mut tar::Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let mut header = Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, content).unwrap();
}
