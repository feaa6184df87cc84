//! The JSON Schema of `Supercargo.toml`, for editors.

use anyhow::{Context as _, Result};

use crate::cargo::workspace_root;

/// Where the schema is. A test of `resolve` holds it against the code.
const FILE: &str = "docs/formats/project.schema.json";

/// `cargo xtask schema`.
pub fn run() -> Result<()> {
    let file = workspace_root().join(FILE);
    let text = serde_json::to_string_pretty(&resolve::project::json_schema())? + "\n";
    #[expect(clippy::disallowed_methods, reason = "a file that git keeps")]
    std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{}", file.display());
    Ok(())
}
