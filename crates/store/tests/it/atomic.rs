//! Files of the user's that are replaced whole.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use store::StoreError;

#[test]
fn a_file_that_is_overwritten_keeps_its_mode_and_leaves_nothing_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    assert!(store::atomic::overwrite(&path, b"new").is_err(), "there is nothing to overwrite");
    for mode in [0o600, 0o644, 0o755, 0o400] {
        let _ = fs::remove_file(&path);
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        store::atomic::overwrite(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode);
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn what_a_killed_process_left_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let staging = directory.path().join(".supercargo");
    fs::create_dir(&staging).unwrap();
    fs::write(staging.join("0123456789abcdef"), "half a fi").unwrap();
    store::atomic::remove_abandoned(directory.path());
    assert!(!staging.exists());
    store::atomic::remove_abandoned(directory.path());
}

#[test]
fn a_staging_directory_that_is_a_link_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let (project, victim) = (directory.path().join("project"), directory.path().join("victim"));
    fs::create_dir(&project).unwrap();
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("0123456789abcdef"), "mine").unwrap();
    fs::write(project.join("file"), "old").unwrap();
    symlink("../victim", project.join(".supercargo")).unwrap();
    store::atomic::remove_abandoned(&project);
    for written in [store::atomic::write, store::atomic::overwrite, store::atomic::save] {
        let error = written(&project.join("file"), b"new").unwrap_err();
        assert!(error.to_string().contains("project/.supercargo"), "{error}");
    }
    assert!(store::atomic::create(&project.join("other"), b"new").is_err());
    assert_eq!(fs::read(project.join("file")).unwrap(), b"old");
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 1);
    assert!(project.join(".supercargo").is_symlink());
}

#[test]
fn what_a_user_keeps_among_the_files_in_the_making_stays() {
    let directory = tempfile::tempdir().unwrap();
    let staging = directory.path().join(".supercargo");
    fs::create_dir(&staging).unwrap();
    let kept = ["notes.txt", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdef0"];
    for name in kept {
        fs::write(staging.join(name), "mine").unwrap();
    }
    // Of the right name, but no file.
    fs::create_dir(staging.join("00000000000000aa")).unwrap();
    symlink("notes.txt", staging.join("00000000000000bb")).unwrap();
    fs::write(staging.join("00000000000000cc"), "half a fi").unwrap();
    store::atomic::write(&directory.path().join("file"), b"new").unwrap();
    assert!(!staging.join("00000000000000cc").exists());
    assert_eq!(fs::read_dir(&staging).unwrap().count(), kept.len() + 2);
}

#[test]
fn a_link_to_a_file_that_is_overwritten_stays_a_link() {
    let directory = tempfile::tempdir().unwrap();
    let (link, file) = (directory.path().join("link"), directory.path().join("there/file"));
    fs::create_dir(directory.path().join("there")).unwrap();
    for written in [store::atomic::overwrite, store::atomic::save] {
        let _ = fs::remove_file(&link);
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        symlink("there/file", &link).unwrap();
        written(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    store::atomic::save(&directory.path().join("fresh"), b"new").unwrap();
    assert_eq!(fs::read(directory.path().join("fresh")).unwrap(), b"new");
}

#[test]
fn what_is_created_never_takes_the_place_of_another_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    store::atomic::create(&path, b"first").unwrap();
    let error = store::atomic::create(&path, b"second").unwrap_err();
    let StoreError::File { source, .. } = error else { panic!("{error}") };
    assert_eq!(source.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}
