//! A rewrite that is killed.

use std::fs;
use std::process::Stdio;

use super::many::{assert_all, lay_out, no_litter};
use super::read;
use crate::desk::Desk;

/// How many files of each kind.
const FILES: usize = 4;
/// How often it is killed.
const KILLS: usize = 24;

#[test]
fn a_killed_rewrite_leaves_every_file_old_or_new() {
    let desk = Desk::new();
    let made = lay_out(&desk, FILES);
    let (mut partial, mut unstarted) = (0, 0);
    for kill in 0..KILLS {
        let mut child = desk.command(&["rewrite", "-q"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Files are written in the order of their paths. It is killed when one of them is new, or as soon as it has begun.
        let until = (kill > 2).then(|| &made[(kill - 3) * (made.len() - 1) / (KILLS - 3)]);
        while child.try_wait().unwrap().is_none() {
            match until {
                None => break,
                Some(file) if fs::read(desk.path(&file.path)).unwrap() == file.after.as_bytes() => break,
                Some(_) => std::thread::yield_now(),
            }
        }
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();

        let mut new = 0;
        for file in &made {
            let found = read(&desk, &file.path);
            assert!(found == file.before || found == file.after, "{}: a mix after kill {kill}:\n{found}", file.path);
            new += usize::from(found == file.after);
        }
        partial += usize::from(new > 0 && new < made.len());
        unstarted += usize::from(new == 0);
        if kill % 2 == 0 {
            // The next rewrite goes on, and both are undone together.
            desk.ok(&["rewrite", "-q"]);
            assert_all(&desk, &made, |file| &file.after);
        }
        let undone = desk.run(&["rewrite", "--undo"]);
        // Killed before there was anything to write down.
        assert!(undone.code == 0 || (undone.code == 2 && new == 0), "{}", undone.stderr);
        assert_all(&desk, &made, |file| &file.before);
        assert!(no_litter(desk.path("").as_path()), "kill {kill}");
    }
    // Otherwise nothing was tested.
    assert!(partial >= 5, "{partial} of {KILLS} kills came between the first file and the last, {unstarted} before");
}
