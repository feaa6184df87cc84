//! Archives that were made to do harm, or were damaged on their way.

use std::fs;
use std::path::{Path, PathBuf};

use store::{ArchiveLimits, ArchiveStore, DockerArchive, StoreError};
use tar::{EntryType, Header};

use crate::fixture::{assert_format, files, signed_image};

/// A tar that is made by hand.
#[derive(Clone, Default)]
struct Tar(Vec<u8>);

impl Tar {
    /// One with a layout that lists nothing.
    fn of_layout() -> Self {
        Self::default()
            .file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)
            .file("index.json", br#"{"schemaVersion":2,"manifests":[]}"#)
    }

    fn file(self, name: &str, content: &[u8]) -> Self {
        self.entry(EntryType::Regular, name.as_bytes(), "", content.len() as u64, content)
    }

    fn link(self, kind: EntryType, name: &str, target: &str) -> Self {
        self.entry(kind, name.as_bytes(), target, 0, b"")
    }

    fn entry(mut self, kind: EntryType, name: &[u8], target: &str, size: u64, content: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        // Past the checks of a well-meaning writer.
        header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name);
        header.as_ustar_mut().unwrap().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn write(directory: &Path, bytes: &[u8]) -> PathBuf {
    let path = directory.join("archive");
    fs::write(&path, bytes).unwrap();
    path
}

/// Fails unless every way to read an archive refuses this one.
fn assert_refused(tar: &[u8], part: &str) {
    let directory = tempfile::tempdir().unwrap();
    assert_format(ArchiveStore::open(write(directory.path(), tar)), part);
    assert_format(DockerArchive::open(write(directory.path(), tar)), part);
    assert_format(ArchiveStore::open(write(directory.path(), &compressed(tar))), part);
    assert_eq!(files(directory.path()), ["archive"]);
}

#[test]
fn names_stay_within_the_archive() {
    for name in ["../evil", "blobs/../../evil", "/etc/evil", "..", "blobs/sha256/../../../evil"] {
        let tar = Tar::of_layout().file(name, b"evil").end();
        assert_refused(&tar, &format!("has an entry `{name}`, whose name is not within the archive"));
    }
    let tar = Tar::of_layout().entry(EntryType::Regular, b"\xff\xfe", "", 0, b"").end();
    assert_refused(&tar, "whose name is not within the archive");
}

#[test]
fn long_names_are_held_to_the_same() {
    let evil = "a/".repeat(60) + "../".repeat(61).as_str() + "evil";
    let gnu = Tar::of_layout()
        .entry(EntryType::GNULongName, b"././@LongLink", "", evil.len() as u64, evil.as_bytes())
        .file("harmless", b"")
        .end();
    assert_refused(&gnu, "whose name is not within the archive");
    let record = |text: &str| format!("{} {text}\n", text.len() + 4);
    let pax = |text: &str| {
        Tar::of_layout()
            .entry(EntryType::XHeader, b"pax", "", record(text).len() as u64, record(text).as_bytes())
            .file("harmless", b"")
            .end()
    };
    assert_refused(&pax("path=../evil"), "`../evil`, whose name is not within the archive");
    assert_refused(&pax("GNU.sparse.major=1"), "sparse");
    assert_refused(&pax("size=18446744073709551615"), "has an entry `harmless` of impossible size");
    assert_refused(&pax("size=9223372036854775807"), "is cut off");
    let large = Tar::of_layout().entry(EntryType::XHeader, b"pax", "", 1 << 40, b"").end();
    assert_refused(&large, "extended header of 1099511627776 bytes");
    for damaged in ["x", "8 path=a\n", "99999 path=a\n", "7 path=\n7 patha\n"] {
        let tar = Tar::of_layout()
            .entry(EntryType::XHeader, b"pax", "", damaged.len() as u64, damaged.as_bytes())
            .file("harmless", b"")
            .end();
        assert_refused(&tar, "damaged extended header");
    }
}

#[test]
fn what_is_no_file_is_refused() {
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::GNUSparse, EntryType::new(b'V')] {
        let tar = Tar::of_layout().entry(kind, b"blobs/odd", "", 0, b"").end();
        assert_refused(&tar, "has an entry `blobs/odd`, which is neither file nor directory nor link");
    }
    for (target, kind) in
        [("/etc/passwd", EntryType::Symlink), ("../../x", EntryType::Symlink), ("../x", EntryType::Link)]
    {
        let tar = Tar::of_layout().link(kind, "blobs/link", target).end();
        assert_refused(&tar, "has an entry `blobs/link`, which is a link to something outside the archive");
    }
}

#[test]
fn a_layout_has_no_links() {
    let directory = tempfile::tempdir().unwrap();
    let tar = Tar::of_layout().link(EntryType::Symlink, "blobs/link", "../index.json").end();
    for bytes in [tar.clone(), compressed(&tar)] {
        assert_format(
            ArchiveStore::open(write(directory.path(), &bytes)),
            "has an entry `blobs/link`, which is a link",
        );
    }
}

#[test]
fn a_name_stands_for_one_entry() {
    let name = format!("blobs/sha256/{}", oci::Digest::sha256(b"a").encoded());
    let directory = tempfile::tempdir().unwrap();
    for second in [name.clone(), format!("./{name}"), name.replacen('/', "//", 1)] {
        let tar = Tar::of_layout().file(&name, b"a").file(&second, b"b").end();
        assert_format(ArchiveStore::open(write(directory.path(), &tar)), "has two entries `blobs/sha256/");
        let refused = ArchiveStore::open(write(directory.path(), &compressed(&tar)));
        assert_format(refused, "and another of that name");
    }
    let tar = Tar::of_layout().file("index.json", br#"{"schemaVersion":2,"manifests":[]}"#).end();
    assert_format(ArchiveStore::open(write(directory.path(), &tar)), "has two entries `index.json`");
}

#[tokio::test]
async fn an_archive_that_is_cut_off_is_refused_wherever_it_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("whole.tar");
    signed_image(1).write_to_store(&ArchiveStore::create(&path).unwrap()).await.unwrap();
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len() - 1024).step_by(256) {
        let cut = ArchiveStore::open(write(directory.path(), &whole[..length]));
        assert_format(cut, "is cut off");
    }
    let packed = compressed(&whole);
    for length in [4, packed.len() / 2, packed.len() - 1] {
        let cut = ArchiveStore::open(write(directory.path(), &packed[..length]));
        assert!(matches!(cut, Err(StoreError::Format { .. })), "{length}: {cut:?}");
    }
}

#[test]
fn damage_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let mut header = Tar::of_layout().end();
    header[1024 + 3] ^= 1;
    assert_refused(&header, "has a damaged header at byte 1024");
    let mut packed = compressed(&Tar::of_layout().file("filler", &testkit::seed::Seed::new(1).bytes(5000)).end());
    let middle = packed.len() / 2;
    packed[4] ^= 0xff;
    packed[middle] ^= 0xff;
    let refused = ArchiveStore::open(write(directory.path(), &packed));
    assert!(matches!(refused, Err(StoreError::Format { .. } | StoreError::File { .. })), "{refused:?}");
    for content in [&b""[..], b"not a tar", &[0x1f, 0x8b, 8, 0], &[0; 1024]] {
        let refused = ArchiveStore::open(write(directory.path(), content));
        assert!(matches!(refused, Err(StoreError::Format { .. })), "{content:?}: {refused:?}");
    }
    assert_format(ArchiveStore::open(write(directory.path(), &[0x1f, 0x8b, 8, 0])), "compressed with gzip");
    assert_format(
        ArchiveStore::open(write(directory.path(), &Tar::default().end())),
        "is not an archive of an OCI layout",
    );
}

#[test]
fn a_bomb_does_not_go_off() {
    let directory = tempfile::tempdir().unwrap();
    // 200 MiB of zeros in a few kilobytes.
    let bomb = {
        let name = format!("blobs/sha256/{}", oci::Digest::sha256(b"bomb").encoded());
        let tar = Tar::of_layout().entry(EntryType::Regular, name.as_bytes(), "", 200 << 20, b"").0;
        let zeros = std::io::Read::take(std::io::repeat(0), 200 << 20);
        compressed(&{
            let mut all = tar;
            std::io::Read::read_to_end(&mut { zeros }, &mut all).unwrap();
            all
        })
    };
    assert!(bomb.len() < 100_000);
    assert_format(ArchiveStore::open(write(directory.path(), &bomb)), "cannot be unpacked");
    let limits = ArchiveLimits { unpacked_max_bytes: 1 << 20, ratio_max: u64::MAX };
    assert_format(ArchiveStore::open_within(write(directory.path(), &bomb), &limits), "more than 1048576 bytes");
}

#[test]
fn documents_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let tar = Tar::default().file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    let tar = tar.entry(EntryType::Regular, b"index.json", "", 1 << 30, b"").0;
    // The size is a lie, so it is cut off as well; but nobody reserves a gigabyte to find that out.
    for bytes in [tar.clone(), compressed(&tar)] {
        let refused = ArchiveStore::open(write(directory.path(), &bytes));
        assert!(matches!(refused, Err(StoreError::Format { .. })), "{refused:?}");
    }
}
