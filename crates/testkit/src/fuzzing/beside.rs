//! What lies beside a project, and what strangers publish as one.

use std::fs;

use bytes::Bytes;
use oci::{Manifest, ManifestKind, Reference};
use ops::project::{OpenProject, ProjectPlace};
use ops::rewrite::undo;
use ops::{Context, ContextOptions, application, installed};

use super::assert_printable;
use super::images::write_layout;
use super::pieces::pieces;
use super::place::{Place, run};

/// Reads `Supercargo.installed`. What is written of it is read as the same.
pub fn installed_from(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match installed::parse(text) {
        Ok(place) => {
            assert!(place.selector().digest.is_some());
            assert_eq!(installed::parse(&installed::text(&place)), Ok(place));
        }
        Err(error) => assert_printable(&error),
    }
}

/// Takes a rewrite back by the journal that is the last piece of the input. The first piece is what the project's file
/// `compose.yaml` holds, and what a file outside of the project does, which never changes.
pub fn journal(data: &[u8]) {
    let pieces = pieces(data);
    let (Some(found), Some(journal)) = (pieces.first(), pieces.last()) else { return };
    let place = Place::new();
    let outside = place.write("compose.yaml", found);
    let file = place.write("project/compose.yaml", found);
    place.write("project/.supercargo/rewrite/journal.json", journal);
    let project = place.write("project/Supercargo.toml", b"[project]\nname = \"a\"\n");
    let open = OpenProject::read(&ProjectPlace { file: Some(project) }).unwrap();
    let planned = undo(&open, true).inspect_err(assert_printable);
    assert_eq!(fs::read(&file).unwrap(), *found, "nothing was to be written");
    let done = undo(&open, false).inspect_err(assert_printable);
    assert_eq!(planned.ok(), done.as_ref().ok().cloned());
    assert_eq!(fs::read(outside).unwrap(), *found, "a file outside of the project changed");
    let is_changed = fs::read(&file).unwrap() != *found;
    assert_eq!(is_changed, done.as_ref().is_ok_and(|files| !files.is_empty()));
    if done.is_ok() {
        assert!(undo(&open, false).is_err(), "it was taken back twice");
    }
}

/// Reads an application from a layout. The first piece that is an index is the application; pieces that have a subject are
/// listed, and every piece is content.
///
/// What is accepted fits together: every image is locked, and the project stays in its directory.
pub fn published(data: &[u8]) {
    let pieces = pieces(data);
    let manifest = |piece: &Bytes| Manifest::parse(piece.clone(), None, None).ok();
    let Some(root) = pieces.iter().filter_map(manifest).find(|found| found.kind() == ManifestKind::Index) else {
        return;
    };
    let place = Place::new();
    write_layout(&place, &root, &pieces);
    let context = Context::new(ContextOptions::default());
    let reference: Reference = format!("oci:{}/from:1.0", place.path().display()).parse().unwrap();
    match run(application::read(&context, &reference)) {
        Ok(read) => {
            assert_eq!(read.index.digest(), root.digest());
            assert_eq!(read.artifact.subject().map(|subject| subject.digest), Some(*root.digest()));
            let digests: Vec<_> = root.children().iter().map(|child| child.digest).collect();
            assert!(read.lock.images.values().all(|image| digests.contains(&image.digest)));
            assert!(digests.iter().all(|digest| read.lock.images.values().any(|image| image.digest == *digest)));
            assert!(read.lock.stale(&read.project).is_empty());
            let mut paths = read.project.targets.iter().flat_map(|target| &target.paths);
            assert!(paths.all(|path| !path.starts_with('/') && path.split('/').all(|part| part != "..")));
        }
        Err(error) => assert_printable(&error),
    }
}
