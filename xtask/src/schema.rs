//! The JSON Schemas of `Supercargo.toml` and of a server's configuration, for editors.

use anyhow::{Context as _, Result};

use crate::cargo::{cargo, workspace_root};
use crate::process::output;

/// Where the schema of a project is. A test of `resolve` holds it against the code.
const PROJECT: &str = "docs/formats/project.schema.json";
/// Where the schema of a server's configuration is. A test of `registry` holds it against the code.
const SERVER: &str = "docs/formats/server.schema.json";

/// `cargo xtask schema`.
pub fn run() -> Result<()> {
    write(PROJECT, &(serde_json::to_string_pretty(&resolve::project::json_schema())? + "\n"))?;
    write(SERVER, &output(&mut cargo("run --quiet --package registry --example server-schema"))?)
}

fn write(file: &str, text: &str) -> Result<()> {
    let file = workspace_root().join(file);
    #[expect(clippy::disallowed_methods, reason = "a file that git keeps")]
    std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{}", file.display());
    Ok(())
}
