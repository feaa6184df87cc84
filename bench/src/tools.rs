//! The programs that are compared: which, and where they are.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow};
use serde::Serialize;

/// A program.
#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    pub name: String,
    pub version: String,
    pub path: PathBuf,
}

impl FromStr for Tool {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.splitn(3, '=');
        let mut part = || parts.next().map(str::to_owned).ok_or_else(|| anyhow!("{text}: expected NAME=VERSION=PATH"));
        Ok(Self { name: part()?, version: part()?, path: part()?.into() })
    }
}

/// Every program of a run.
#[derive(Clone, Debug)]
pub struct Tools(pub Vec<Tool>);

impl Tools {
    /// Returns where a program is.
    pub fn path(&self, name: &str) -> Result<String> {
        let tool = self.find(name).with_context(|| format!("no --tool {name}=VERSION=PATH was given"))?;
        Ok(tool.path.display().to_string())
    }

    /// Returns a program if it was given.
    pub fn find(&self, name: &str) -> Option<&Tool> {
        self.0.iter().find(|tool| tool.name == name)
    }
}
