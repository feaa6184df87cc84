//! Which crate may depend on which.
//!
//! The table below is the paragraph "Allowed dependencies" of the architecture, in the same order. A crate that is not in
//! it fails the check: whoever adds one decides first where it stands.

mod metadata;
mod testkit_use;

use anyhow::{Result, bail};

use crate::cargo::workspace_root;
use metadata::{Dependency, Kind, Package};

/// The name of the package in `crates/cli`.
const CLI: &str = "supercargo";
const TESTKIT: &str = "testkit";

/// What each crate may use of ours, as a normal or as a dev-dependency.
const ALLOWED: &[(&str, &[&str])] = &[
    ("oci", &[]),
    ("graph", &["oci"]),
    ("resolve", &["oci"]),
    ("targets", &["oci"]),
    ("image", &["oci"]),
    ("trust", &["oci"]),
    ("sbom", &["oci", "image"]),
    ("store", &["oci", "graph"]),
    ("client", &["oci", "graph", "store"]),
    ("transfer", &["oci", "graph", "store", "client"]),
    ("mount", &["oci", "image", "store"]),
    ("build", &["oci", "graph", "resolve", "image", "trust", "sbom", "store", "client", "transfer", "mount"]),
    // What a registry mounts, it mounts through build.
    ("registry", &["oci", "graph", "resolve", "image", "trust", "sbom", "store", "client", "transfer", "build"]),
    (
        "ops",
        &[
            "oci", "graph", "resolve", "targets", "image", "trust", "sbom", "store", "client", "transfer", "mount",
            "build", "registry",
        ],
    ),
    // Besides ops only the crates of plain values.
    (CLI, &["ops", "oci", "graph"]),
    (
        TESTKIT,
        &[
            "oci", "graph", "resolve", "targets", "image", "trust", "sbom", "store", "client", "transfer", "mount",
            "build", "registry", "ops",
        ],
    ),
];

/// These may use every crate of ours, and no crate may use them.
const OUTERMOST: &[&str] = &["xtask", "bench", "e2e", "fuzz"];

/// Crates that see no network, no runtime and no system calls …
const PURE: &[&str] = &["oci", "graph", "resolve", "targets", "image", "sbom", "trust"];

/// … and therefore none of these.
const IMPURE: &[&str] = &["tokio", "reqwest", "hyper", "axum", "rustix"];

/// `cargo xtask check-layers`.
pub fn run() -> Result<()> {
    check()?;
    println!("every crate stays in its layer");
    Ok(())
}

/// Checks every package of the workspace.
pub fn check() -> Result<()> {
    let packages = metadata::workspace_packages()?;
    let mut violations = violations(&packages);
    violations.extend(testkit_use::outside_integration_tests(&workspace_root().join("crates"))?);
    if !violations.is_empty() {
        bail!("{}", violations.join("\n"));
    }
    Ok(())
}

fn violations(packages: &[Package]) -> Vec<String> {
    let mut violations = Vec::new();
    for package in packages.iter().filter(|package| !OUTERMOST.contains(&package.name.as_str())) {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
            violations.push(format!("{}: not in the table of layers (xtask/src/layers.rs)", package.name));
            continue;
        };
        violations.extend(package.dependencies.iter().filter_map(|dependency| violation(package, allowed, dependency)));
    }
    violations
}

fn violation(package: &Package, allowed: &[&str], dependency: &Dependency) -> Option<String> {
    let (name, used) = (package.name.as_str(), dependency.name.as_str());
    if !dependency.ours {
        let impure = PURE.contains(&name) && IMPURE.contains(&used);
        return impure
            .then(|| format!("{name} must not use {used}: it sees no network, no runtime and no system calls"));
    }
    if used == TESTKIT {
        let misused = dependency.kind != Kind::Dev;
        return misused.then(|| format!("{name} may use testkit only as a dev-dependency"));
    }
    (!allowed.contains(&used)).then(|| format!("{name} must not use {used}; it may use: {}", allowed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(package: &str, used: &str, kind: Kind, ours: bool) -> Vec<String> {
        let dependencies = vec![Dependency { name: used.into(), kind, ours }];
        violations(&[Package { name: package.into(), dependencies }])
    }

    #[test]
    fn an_edge_of_the_table_is_allowed() {
        assert!(found("store", "graph", Kind::Normal, true).is_empty());
    }

    #[test]
    fn an_edge_upwards_is_refused() {
        let expected = "graph must not use store; it may use: oci";
        assert_eq!(found("graph", "store", Kind::Normal, true), [expected]);
        assert_eq!(found("graph", "store", Kind::Dev, true), [expected]);
    }

    #[test]
    fn a_crate_without_a_layer_is_refused() {
        assert_eq!(found("helper", "oci", Kind::Normal, true).len(), 1);
    }

    #[test]
    fn testkit_is_for_tests() {
        assert!(found("client", "testkit", Kind::Dev, true).is_empty());
        assert_eq!(found("client", "testkit", Kind::Normal, true).len(), 1);
    }

    #[test]
    fn nothing_uses_the_outermost_but_they_use_anything() {
        assert_eq!(found("ops", "xtask", Kind::Normal, true).len(), 1);
        assert!(found("bench", "testkit", Kind::Normal, true).is_empty());
    }

    #[test]
    fn a_pure_crate_gets_no_runtime() {
        assert_eq!(found("oci", "tokio", Kind::Dev, false).len(), 1);
        assert!(found("client", "tokio", Kind::Normal, false).is_empty());
    }

    #[test]
    fn the_table_has_no_cycle_and_names_only_what_stands_above() {
        for (position, (name, allowed)) in ALLOWED.iter().enumerate() {
            let above: Vec<&str> = ALLOWED[..position].iter().map(|(name, _)| *name).collect();
            for used in *allowed {
                assert!(above.contains(used), "{name} uses {used}, which stands below it");
            }
        }
    }
}
