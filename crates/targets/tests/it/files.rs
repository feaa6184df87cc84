//! The files in `tests/fixtures`.

use std::path::{Path, PathBuf};

use targets::{Kind, Options};

use crate::marked::Marked;
use crate::rewriting::assert_rewrites;

/// Returns every file of a kind, and its name.
fn fixtures(kind: Kind) -> Vec<(String, Marked)> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(kind.name());
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let marked = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, Marked::parse(&std::fs::read_to_string(path).unwrap()))
    };
    paths.iter().map(marked).collect()
}

fn assert_all(kind: Kind) {
    let files = fixtures(kind);
    assert!(files.len() >= 3, "too few files");
    for (name, file) in files {
        for (variant, file) in file.variants() {
            let name = format!("{kind}/{name} {variant}");
            file.assert_found(kind, &Options::default(), &name);
            assert_rewrites(kind, &file, &name);
        }
    }
}

#[test]
fn kubernetes_manifests() {
    assert_all(Kind::Kubernetes);
}

#[test]
fn compose_files() {
    assert_all(Kind::Compose);
}

#[test]
fn helm_values() {
    assert_all(Kind::HelmValues);
}

#[test]
fn kustomizations() {
    assert_all(Kind::Kustomize);
}

#[test]
fn dockerfiles() {
    assert_all(Kind::Dockerfile);
}

#[test]
fn bake_files() {
    assert_all(Kind::Bake);
}

#[test]
fn devcontainers() {
    assert_all(Kind::Devcontainer);
}
