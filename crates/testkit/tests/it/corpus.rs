//! Replays the corpus of the fuzz targets: what once found something, and what reaches every part of a parser, is tried
//! with every change.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use testkit::fuzzing::TARGETS;

/// The corpus is read by people and cloned by everybody.
const BYTES_MAX: u64 = 1_000_000;
const FILES_MAX: usize = 200;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names_in(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn no_input_of_the_corpus_breaks_its_target() {
    for (name, target) in TARGETS {
        let directory = fuzz().join("corpus").join(name);
        let inputs = names_in(&directory);
        assert!(!inputs.is_empty(), "{name} has no inputs");
        for input in inputs {
            let content = fs::read(directory.join(&input)).unwrap();
            let outcome = std::panic::catch_unwind(|| target(&content));
            assert!(outcome.is_ok(), "fuzz/corpus/{name}/{input} breaks its target: see the panic above");
        }
    }
}

#[test]
fn every_target_can_be_fuzzed_and_has_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len(), "two targets of one name");
    assert_eq!(names_in(&fuzz().join("corpus")), targets);
    let sources = names_in(&fuzz().join("fuzz_targets"));
    assert_eq!(sources, targets.iter().map(|name| format!("{name}.rs")).collect());
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in targets {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is not in fuzz/Cargo.toml");
    }
}

#[test]
fn the_corpus_is_small() {
    let mut bytes = 0;
    for (name, _) in TARGETS {
        let directory = fuzz().join("corpus").join(name);
        let inputs = names_in(&directory);
        assert!(inputs.len() < FILES_MAX, "{name} has {} inputs", inputs.len());
        bytes += inputs.iter().map(|input| fs::metadata(directory.join(input)).unwrap().len()).sum::<u64>();
    }
    assert!(bytes < BYTES_MAX, "{bytes} bytes");
}
