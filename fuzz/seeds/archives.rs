//! Tars, as good and bad as they come.

use tar::{Builder, EntryType, Header};

use super::{Seeds, graphs, numbered};

pub fn archive() -> Seeds {
    let layout = graphs::layout_in_pieces();
    let saved = "a layer\0{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"@0\"]}}\0[{\"Config\":\"1\",\"RepoTags\":[\"app:1.0\",\"docker.io/library/x:2\",\"none\"],\"Layers\":[\"0\"]}]";
    let gzip = saved.replacen("a layer", "\u{1f}\u{8b}", 1);
    let twice = saved.replacen(
        "\"Layers\":[\"0\"]}",
        "\"Layers\":[\"0\"]},{\"Config\":\"1\",\"RepoTags\":[\"b:1.0\"],\"Layers\":[\"0\"]}",
        1,
    );
    let in_pieces = |kind: char, pieces: &str| format!("{kind}{pieces}").into_bytes();
    let whole = tar(&good());
    let mut seeds = vec![
        in_pieces('l', &layout),
        in_pieces('m', &layout),
        in_pieces('d', saved),
        in_pieces('d', &gzip),
        in_pieces('d', &twice),
        in_pieces('d', "[{\"Config\":\"../x\",\"Layers\":null}]"),
        prefixed(b't', &whole),
        prefixed(b'z', &whole),
        prefixed(b't', &whole[..whole.len() - 1500]),
        prefixed(b'r', &[0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x00, 0xff]),
        prefixed(b'r', &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
        // A window of 128 TiB.
        prefixed(b'r', &[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0x01, 0x00, 0x00]),
    ];
    seeds.extend(hostile().into_iter().map(|entries| prefixed(b't', &tar(&entries))));
    numbered(seeds)
}

/// An entry: kind, name, link target, content.
type Entry = (EntryType, &'static str, &'static str, Vec<u8>);

fn hostile() -> Vec<Vec<Entry>> {
    let file = |name: &'static str| (EntryType::Regular, name, "", b"x".to_vec());
    let link = |kind: EntryType, name: &'static str, target: &'static str| (kind, name, target, Vec::new());
    let pax = |records: &str| (EntryType::XHeader, "pax", "", records.as_bytes().to_vec());
    let cases = vec![
        vec![file("../escape")],
        vec![file("/absolute")],
        vec![file("a/../../b")],
        vec![file("index.json"), file("./index.json")],
        vec![link(EntryType::Symlink, "index.json", "../../etc/passwd")],
        vec![link(EntryType::Symlink, "a/b/index.json", "../../x"), link(EntryType::Link, "x", "a/b/index.json")],
        vec![link(EntryType::Symlink, "a", "b"), link(EntryType::Symlink, "b", "a")],
        vec![link(EntryType::Block, "device", "")],
        vec![link(EntryType::Fifo, "pipe", "")],
        vec![pax("20 path=../x/y/zzzz\n"), file("a")],
        vec![pax("15 path=a\u{1b}[31\n"), file("a")],
        vec![pax("29 size=18446744073709551615\n"), file("a")],
        vec![pax("22 GNU.sparse.major=1\n"), file("a")],
        vec![pax("99999999999999999999 a=b\n"), file("a")],
        vec![(EntryType::XGlobalHeader, "g", "", b"11 path=ab\n".to_vec()), file("a")],
        vec![(EntryType::GNULongName, "././@LongLink", "", vec![b'n'; 300]), file("short")],
        vec![
            (EntryType::GNULongLink, "././@LongLink", "", b"../../up\0\0".to_vec()),
            link(EntryType::Symlink, "a/b", "x"),
        ],
        vec![(EntryType::GNUSparse, "sparse", "", b"x".to_vec())],
        vec![(EntryType::Directory, "blobs/", "", Vec::new()), (EntryType::Regular, "blobs", "", Vec::new())],
    ];
    cases.into_iter().map(|entries| good().into_iter().chain(entries).collect()).collect()
}

/// The smallest layout that names something.
fn good() -> Vec<Entry> {
    let file = |name: &'static str, content: &str| (EntryType::Regular, name, "", content.as_bytes().to_vec());
    let manifest = "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}";
    let digest = oci::Digest::sha256(manifest.as_bytes());
    let name: &'static str = Box::leak(format!("blobs/sha256/{}", digest.encoded()).into_boxed_str());
    let index = format!(
        "{{\"schemaVersion\":2,\"manifests\":[{{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":\"{digest}\",\"size\":{},\"annotations\":{{\"org.opencontainers.image.ref.name\":\"1.0\"}}}}]}}",
        manifest.len()
    );
    vec![file(name, manifest), file("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}"), file("index.json", &index)]
}

fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (kind, name, target, content) in entries {
        let mut header = Header::new_ustar();
        // The library refuses the names that are wanted here.
        let fields = header.as_ustar_mut().unwrap();
        fields.name[..name.len()].copy_from_slice(name.as_bytes());
        fields.linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn prefixed(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut all = vec![kind];
    all.extend_from_slice(bytes);
    all
}
