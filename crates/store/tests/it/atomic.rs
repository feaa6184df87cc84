//! Files of the user's that are replaced whole.

use std::fs;
use std::os::unix::fs::PermissionsExt;

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
