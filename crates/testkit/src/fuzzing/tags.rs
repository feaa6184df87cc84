//! Tags of a repository: what they are read as, and which of them an image of a project may be.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use oci::{Digest, Tag};
use resolve::lock::{LockedImage, LockedKind};
use resolve::project::Image;
use resolve::{Candidates, Kind, Project, Repository};

/// Most tags of one input.
const TAGS_MAX: usize = 512;

/// Images that ask for tags in every way there is.
static PROJECT: LazyLock<Project> = LazyLock::new(|| {
    let text = r#"
        [images]
        plain = { repo = "registry.example/app" }
        variant = { repo = "registry.example/app", variant = "alpine" }
        template = { repo = "registry.example/app", tag = "{v?}{version}-{os}", axes = { os = ">=bookworm" } }
        words = { repo = "registry.example/app", tag = "{version}-{flavor}", scheme = "pep440" }
        one = { repo = "registry.example/app", tag = "stable" }
        semver = { repo = "registry.example/app", scheme = "semver" }
        debian = { repo = "registry.example/app", scheme = "debian", variant = "slim" }
        date = { repo = "registry.example/app", scheme = "calver:YYYYMMDD" }
        count = { repo = "registry.example/app", scheme = "int" }
        release = { repo = "registry.example/app", scheme = "codename:ubuntu" }
    "#;
    Project::parse(text).unwrap()
});

/// Reads the tags of a repository, one a line. The order in which they come means nothing, an update is newer and of the same
/// track, and a lock of a candidate is read as that candidate.
pub fn tags(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let tags: BTreeSet<Tag> = text.lines().take(TAGS_MAX).filter_map(|line| line.parse().ok()).collect();
    let forwards: Vec<Tag> = tags.iter().cloned().collect();
    let backwards: Vec<Tag> = tags.iter().rev().cloned().collect();
    check_readings(&forwards, &backwards);
    for image in PROJECT.images.values() {
        check_candidates(image, &forwards, &backwards);
    }
}

fn check_readings(forwards: &[Tag], backwards: &[Tag]) {
    let repository = Repository::read(forwards.iter().cloned());
    let other = Repository::read(backwards.iter().cloned());
    assert_eq!(repository.readings().count(), forwards.len());
    for (tag, reading) in repository.readings() {
        // Equal versions may be written in different ways.
        assert_eq!(format!("{reading:?}"), format!("{:?}", other.reading(tag).unwrap()), "{tag}");
        assert_eq!(reading.version.is_none(), reading.track.is_empty(), "{tag}: {reading:?}");
        assert_eq!(tag.is_attachment(), reading.kind == Kind::Attachment, "{tag}: {reading:?}");
        let update = repository.update(tag);
        assert_eq!(update, other.update(tag), "{tag}");
        let Some((newer, version)) = update else { continue };
        let update = repository.reading(newer).unwrap();
        assert_eq!((update.kind, update.version.as_ref()), (Kind::Release, Some(version)), "{tag} to {newer}");
        assert_eq!(update.track, reading.track, "{tag} to {newer}");
        assert!(reading.version.as_ref().is_some_and(|old| old < version), "{tag} to {newer}");
        assert_eq!(repository.update(newer), None, "{tag} to {newer} and on");
    }
}

fn check_candidates(image: &Image, forwards: &[Tag], backwards: &[Tag]) {
    let candidates = Candidates::of(image, forwards);
    assert_eq!(candidates, Candidates::of(image, backwards));
    for pair in candidates.versions.windows(2) {
        assert!((&pair[0].version, &pair[0].axes) != (&pair[1].version, &pair[1].axes), "{pair:?} are one");
        assert!(pair[0].version <= pair[1].version, "{pair:?} are not in order");
    }
    let mut named = BTreeSet::new();
    for candidate in &candidates.versions {
        for tag in std::iter::once(&candidate.tag).chain(&candidate.also) {
            assert!(named.insert(tag), "{tag} names two candidates");
            assert!(forwards.binary_search(tag).is_ok() && !tag.is_attachment(), "{tag}");
        }
        let (version, tag) = (candidate.version.to_string(), candidate.tag.clone());
        let digest = Digest::sha256(b"");
        let mut locked = LockedImage::new(image.repository.clone(), version, tag, digest, LockedKind::Index);
        locked.track = candidate.locked_track(image);
        locked.floating = candidate.is_floating;
        let read = locked.version_for(image);
        assert_eq!(read.as_ref(), Some(&candidate.version), "{} of {image:?}", candidate.tag);
    }
    let known: BTreeSet<&str> = candidates.tracks.iter().map(|track| track.template.as_str()).collect();
    assert_eq!(known.len(), candidates.tracks.len(), "a track twice");
}
