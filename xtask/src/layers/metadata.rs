//! What `cargo metadata` says about the packages of the workspace.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo::cargo;
use crate::process;

/// A package of the workspace.
pub struct Package {
    pub name: String,
    pub dependencies: Vec<Dependency>,
}

/// A package that another one names in its manifest.
pub struct Dependency {
    pub name: String,
    pub kind: Kind,
    /// It lies in this repository.
    pub ours: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of the code itself or of its build script.
    Normal,
    /// Of tests, examples and benchmarks.
    Dev,
}

/// Asks cargo.
pub fn workspace_packages() -> Result<Vec<Package>> {
    let text = process::output(&mut cargo("metadata --format-version 1 --no-deps --locked"))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
    list(&metadata, "packages")?.iter().map(package).collect()
}

fn package(value: &Value) -> Result<Package> {
    let dependencies = list(value, "dependencies")?.iter().map(dependency).collect::<Result<_>>()?;
    Ok(Package { name: name(value)?, dependencies })
}

fn dependency(value: &Value) -> Result<Dependency> {
    let kind = if value["kind"] == "dev" { Kind::Dev } else { Kind::Normal };
    Ok(Dependency { name: name(value)?, kind, ours: value["path"].is_string() })
}

fn name(value: &Value) -> Result<String> {
    value["name"].as_str().map(str::to_owned).context("cargo metadata: a package without a name")
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value[key].as_array().with_context(|| format!("cargo metadata: no list \"{key}\""))
}
