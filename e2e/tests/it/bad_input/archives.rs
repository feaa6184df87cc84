//! Archives that are damaged, or made to do harm.

use std::io::Write as _;
use std::path::PathBuf;

use e2e::{Kind, Outcome, Place, Program, sound};
use tar::{EntryType, Header};
use testkit::application::{Application, ApplicationBuilder, Image};

/// An archive in the making, of which every byte is in our hands.
struct Forger {
    program: Program,
    entries: Vec<(String, Vec<u8>)>,
    tar: Vec<u8>,
}

fn application() -> Application {
    let mut builder = ApplicationBuilder::new(1);
    let layer = builder.layer("base", 1000);
    let image = builder.image(&Image::new("linux/amd64", &[layer]));
    builder.tag("1.0", &image);
    builder.build()
}

impl Forger {
    /// Begins with the entries of a sound archive, of which none is written yet.
    fn new() -> Self {
        let program = Program::default();
        let layout = program.home().join("honest");
        application().write_layout(&layout);
        let name = |path: &PathBuf| path.strip_prefix(&layout).unwrap().to_string_lossy().into_owned();
        let entries = sound::files(&layout).iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect();
        Self { program, entries, tar: Vec::new() }
    }

    /// Adds an entry of any name, type and stated size.
    fn entry(mut self, kind: EntryType, name: &str, target: &str, size: u64, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        old.linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(size);
        header.set_cksum();
        self.tar.extend_from_slice(header.as_bytes());
        self.tar.extend_from_slice(content);
        self.tar.resize(self.tar.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, content: &[u8]) -> Self {
        self.entry(EntryType::Regular, name, "", content.len() as u64, content)
    }

    /// Adds what a sound archive has, but for the entries whose names end so.
    fn honest_but(mut self, left_out: &[&str]) -> Self {
        for (name, content) in std::mem::take(&mut self.entries) {
            if !left_out.iter().any(|end| name.ends_with(end)) {
                self = self.file(&name, &content);
            }
        }
        self
    }

    fn honest(self) -> Self {
        self.honest_but(&[])
    }

    /// Returns the content of an entry of the sound archive.
    fn content(&self, end: &str) -> Vec<u8> {
        self.entries.iter().find(|(name, _)| name.ends_with(end)).unwrap().1.clone()
    }

    /// Copies from the archive, plain and compressed, into a layout.
    fn copied(mut self, judge: impl Fn(&Outcome)) {
        self.tar.resize(self.tar.len() + 1024, 0);
        let compressed = zstd::encode_all(&self.tar[..], 1).unwrap();
        let home = self.program.home();
        for (name, bytes) in [("forged.tar", &self.tar), ("forged.tar.zst", &compressed)] {
            std::fs::write(home.join(name), bytes).unwrap();
            let destination = home.join(format!("{name}-copied"));
            let before = outside(&self.program);
            let source = format!("oci-archive:{}:1.0", home.join(name).display());
            let outcome = self.program.run(&["copy", &source, &format!("oci:{}", destination.display())]);
            judge(&outcome);
            outcome.assert_printable();
            sound::assert_sound_layout(&destination);
            assert_eq!(outcome.code != Some(0), sound::lists_nothing(&destination), "{outcome}");
            assert_eq!(outside(&self.program), before, "something was written outside");
        }
    }

    /// Expects that the archive is refused, and that the error says why.
    fn refused(self, says: &str) {
        self.copied(|outcome| {
            assert_eq!(outcome.code, Some(6), "{outcome}");
            outcome.assert_explained();
            outcome.assert_says(&[says]);
        });
    }
}

/// Everything below the home directory but the copies and the content store, and what is beside it with a name of ours.
fn outside(program: &Program) -> Vec<PathBuf> {
    let ours = |path: &PathBuf| {
        let name = path.strip_prefix(program.home()).unwrap().to_string_lossy().into_owned();
        !name.contains("-copied/") && !name.starts_with("data/")
    };
    let mut found: Vec<PathBuf> = sound::files(program.home()).into_iter().filter(ours).collect();
    let beside = [program.home().parent().unwrap().join("e2e-evil"), PathBuf::from("/e2e-evil")];
    found.extend(beside.into_iter().filter(|path| path.exists()));
    found
}

#[test]
fn an_honest_archive_is_taken() {
    Forger::new().honest().copied(|outcome| assert_eq!(outcome.code, Some(0), "{outcome}"));
}

#[test]
fn names_that_lead_outside() {
    for name in ["../e2e-evil", "../../e2e-evil", "/e2e-evil", "blobs/sha256/../../../e2e-evil", "blobs/../../e2e-evil"]
    {
        Forger::new().file(name, b"evil").honest().refused("e2e-evil");
    }
}

#[test]
fn links_and_devices() {
    let forged = |kind, name: &str, target: &str| Forger::new().honest_but(&[name]).entry(kind, name, target, 0, b"");
    forged(EntryType::Symlink, "index.json", "/etc/passwd").refused("link");
    forged(EntryType::Link, "index.json", "/etc/passwd").refused("link");
    forged(EntryType::Symlink, "oci-layout", "index.json").refused("link");
    forged(EntryType::Symlink, "blobs/sha256/x", "../../../../../etc/passwd").refused("link");
    forged(EntryType::Fifo, "pipe", "").refused("pipe");
    forged(EntryType::Char, "device", "").refused("device");
    // A directory that is a link, and a file in it.
    let within = Forger::new().entry(EntryType::Symlink, "blobs", "/tmp", 0, b"").honest();
    within.refused("link");
}

#[test]
fn duplicates() {
    let forger = Forger::new();
    let index = forger.content("index.json");
    forger.honest().file("index.json", &index).refused("index.json");
    let layer = application().blobs().next().unwrap().0.digest;
    let name = format!("blobs/sha256/{}", layer.encoded());
    Forger::new().honest().file(&name, b"another").refused(&layer.encoded());
}

#[test]
fn what_is_missing_cut_off_or_damaged() {
    Forger::new().honest_but(&["index.json"]).refused("index.json");
    Forger::new().honest_but(&["oci-layout"]).refused("oci-layout");
    Forger::new().refused("oci-layout");
    let (tag, digest) = application().tags()[0].clone();
    Forger::new().honest_but(&[&digest.encoded()]).refused(&digest.encoded());
    assert_eq!(tag.as_str(), "1.0");
    // The last entry says that it has more than is left.
    Forger::new().honest().entry(EntryType::Regular, "more", "", 100_000, b"less").refused("cut off");
    let mut forger = Forger::new().honest();
    forger.tar[150] ^= 1;
    forger.refused("damaged");
    Forger::new().honest_but(&["index.json"]).file("index.json", b"{").refused("not the index of an OCI layout");
    let mut forger = Forger::new();
    forger.tar = b"this is no archive at all, and long enough to be taken for one".repeat(20);
    forger.refused("damaged");
}

#[test]
fn content_that_is_not_what_its_name_says() {
    let image = application();
    for (descriptor, bytes) in image.blobs() {
        let encoded = descriptor.digest.encoded();
        let mut wrong = bytes.to_vec();
        wrong[0] ^= 1;
        let name = format!("blobs/sha256/{encoded}");
        Forger::new().honest_but(&[&encoded]).file(&name, &wrong).refused(&encoded);
        Forger::new().honest_but(&[&encoded]).file(&name, &bytes[1..]).refused(&encoded);
    }
}

/// Eight gigabytes of nothing in a few hundred kilobytes.
fn bomb(name: &str) -> Vec<u8> {
    const PIECE: usize = 64 << 20;
    let pieces = 128;
    let forger = Forger::new().honest_but(&[name]);
    let size = (PIECE * pieces) as u64;
    let mut tar = forger.entry(EntryType::Regular, name, "", size, b"").tar;
    let mut file = zstd::encode_all(&tar[..], 1).unwrap();
    tar.clear();
    // Frames that follow each other are one stream.
    let piece = zstd::encode_all(&vec![0; PIECE][..], 1).unwrap();
    for _ in 0..pieces {
        file.write_all(&piece).unwrap();
    }
    file
}

#[test]
fn decompression_bombs() {
    let layer = application().blobs().next().unwrap().0.digest;
    for name in ["index.json", "oci-layout", "letter.txt", &format!("blobs/sha256/{}", layer.encoded())] {
        let program = Program::default();
        let archive = program.home().join("bomb.tar.zst");
        std::fs::write(&archive, bomb(name)).unwrap();
        let destination = program.home().join("copied");
        let source = format!("oci-archive:{}:1.0", archive.display());
        let outcome = program.fail(6, &["copy", &source, &format!("oci:{}", destination.display())]);
        outcome.assert_says(&["bomb.tar.zst"]);
        assert!(!destination.exists(), "{outcome}");
        assert_eq!(sound::files(&program.temporary()).len(), 0, "{outcome}");
    }
}

#[test]
fn an_archive_that_is_something_else() {
    let program = Program::default();
    let file = program.home().join("file");
    let copy = |content: &[u8]| {
        std::fs::write(&file, content).unwrap();
        program.fail(6, &["copy", &format!("oci-archive:{}:1.0", file.display()), "oci:copied"]);
    };
    copy(b"");
    copy(b"short");
    copy(&[0; 10_240]);
    copy(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0]);
    copy(&testkit::layer::gzip(b"anything"));
    program.fail(9, &["copy", "oci-archive:nowhere.tar:1.0", "oci:copied"]);
    program.fail(9, &["copy", "oci:nowhere:1.0", "oci:copied"]);
    assert!(!program.home().join("copied").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_could_not_be_finished_leaves_nothing() {
    let place = Place::open(Kind::Layout).await.unwrap();
    place.fill("app", &application()).await;
    let layer = application().blobs().next().unwrap().0.digest;
    std::fs::remove_file(place.path("app").join("blobs/sha256").join(layer.encoded())).unwrap();
    let program = Program::default();
    for name in ["new.tar", "new.tar.zst"] {
        let archive = program.home().join(name);
        let source = format!("{}:1.0", place.reference("app"));
        program.fail(6, &["copy", &source, &format!("oci-archive:{}", archive.display())]);
        let left: Vec<_> = sound::files(program.home());
        let known = ["data", ".config"].map(|known| program.home().join(known));
        assert!(left.iter().all(|path| known.iter().any(|known| path.starts_with(known))), "{left:?}");
    }
}
