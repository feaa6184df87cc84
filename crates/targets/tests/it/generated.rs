//! Files that are made with their references, so where these are is known without looking for them.

use targets::{Kind, Options};

use crate::generator::{self, Random};
use crate::rewriting::assert_rewrites;

/// How many files of each kind.
const FILES: u64 = 250;

fn assert_generated(kind: Kind) {
    let (mut references, mut written) = (0, 0);
    for seed in 0..FILES {
        let file = generator::file(kind, &mut Random::new(seed));
        references += file.marks.len();
        // Every kind of line ends, in turn.
        let variants = file.variants();
        let (variant, file) = &variants[usize::try_from(seed).unwrap() % variants.len()];
        let name = format!("{kind} {seed} {variant}");
        file.assert_found(kind, &Options::default(), &name);
        written += assert_rewrites(kind, file, &name);
    }
    // Otherwise nothing was tested.
    assert!(references > 500, "{references} references");
    assert!(written > 400, "{written} files were rewritten");
}

#[test]
fn kubernetes_manifests() {
    assert_generated(Kind::Kubernetes);
}

#[test]
fn compose_files() {
    assert_generated(Kind::Compose);
}

#[test]
fn helm_values() {
    assert_generated(Kind::HelmValues);
}

#[test]
fn kustomizations() {
    assert_generated(Kind::Kustomize);
}

#[test]
fn dockerfiles() {
    assert_generated(Kind::Dockerfile);
}

#[test]
fn bake_files() {
    assert_generated(Kind::Bake);
}

#[test]
fn devcontainers() {
    assert_generated(Kind::Devcontainer);
}
