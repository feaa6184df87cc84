//! Layers that tools can unpack: tar, compressed with gzip in its simplest form.

mod gzip;

use bytes::Bytes;
use oci::{Descriptor, Digest, MediaType};
use tar::{Builder, EntryType, Header};

use crate::seed::Seed;

pub use gzip::gzip;

/// A layer: its bytes, and the name of its uncompressed bytes for an image's config.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Type, digest and size of the compressed bytes.
    pub descriptor: Descriptor,
    /// The compressed bytes.
    pub bytes: Bytes,
    /// Digest of the tar.
    pub diff_id: Digest,
}

impl Layer {
    /// Returns a layer of a small file tree under `/opt/NAME`: a directory, an executable, a symbolic and a hard link, an
    /// empty file, a name of more than 100 characters, and a file of `bytes` incompressible bytes.
    pub fn new(name: &str, seed: &mut Seed, bytes: usize) -> Self {
        let top = format!("opt/{name}");
        let mut tree = Tree(Builder::new(Vec::new()));
        tree.directory("opt/");
        tree.directory(&format!("{top}/"));
        tree.file(&format!("{top}/content"), 0o644, &seed.bytes(bytes));
        tree.file(&format!("{top}/run"), 0o755, b"#!/bin/sh\nexit 0\n");
        tree.file(&format!("{top}/empty"), 0o600, b"");
        tree.file(&format!("{top}/{}", "long".repeat(30)), 0o644, name.as_bytes());
        tree.link(EntryType::Symlink, &format!("{top}/symbolic"), "content");
        tree.link(EntryType::Link, &format!("{top}/hard"), &format!("{top}/content"));
        Self::of_tar(&tree.0.into_inner().unwrap())
    }

    /// Returns a layer that removes the tree which [`Layer::new`] makes under the same name.
    pub fn whiteout(name: &str) -> Self {
        let mut tree = Tree(Builder::new(Vec::new()));
        tree.directory("opt/");
        tree.file(&format!("opt/.wh.{name}"), 0o000, b"");
        Self::of_tar(&tree.0.into_inner().unwrap())
    }

    fn of_tar(tar: &[u8]) -> Self {
        let bytes: Bytes = gzip(tar).into();
        Self { descriptor: Descriptor::of(MediaType::OCI_LAYER_GZIP, &bytes), bytes, diff_id: Digest::sha256(tar) }
    }
}

/// A tar in which nothing depends on the machine or the time.
struct Tree(Builder<Vec<u8>>);

impl Tree {
    fn directory(&mut self, path: &str) {
        self.entry(EntryType::Directory, path, 0o755, b"");
    }

    fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entry(EntryType::Regular, path, mode, content);
    }

    fn entry(&mut self, kind: EntryType, path: &str, mode: u32, content: &[u8]) {
        let mut header = header(kind, mode, content.len());
        self.0.append_data(&mut header, path, content).unwrap();
    }

    fn link(&mut self, kind: EntryType, path: &str, target: &str) {
        self.0.append_link(&mut header(kind, 0o777, 0), path, target).unwrap();
    }
}

fn header(kind: EntryType, mode: u32, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size as u64);
    header.set_mtime(1_700_000_000);
    header.set_uid(0);
    header.set_gid(0);
    header
}
