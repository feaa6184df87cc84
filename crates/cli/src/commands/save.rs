//! `save`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::copying::{self, CopySwitches};
use super::reference;
use crate::session::Session;

/// Save images with everything attached to them into one archive
///
/// The archive is an OCI image layout in a tar: FILE.tar as it is, FILE.tar.zst compressed. Each image keeps its tag.
#[derive(Args, Debug)]
pub(crate) struct SaveArguments {
    /// The archive to make, as in shop.tar or shop.tar.zst
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The images to save
    #[arg(value_name = "REF", required = true)]
    images: Vec<String>,

    #[command(flatten)]
    switches: CopySwitches,
}

impl SaveArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let sources = self.images.iter().map(|image| reference(image)).collect::<Result<Vec<_>>>()?;
        let request = ops::archive::save(self.file, sources)?;
        copying::run("save", session, &self.switches, request).await
    }
}
