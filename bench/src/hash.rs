//! The cost of hashing alone.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use oci::Algorithm;

/// Bytes read at once, as many as supercargo does.
const BUFFER_BYTES: usize = 256 * 1024;

/// Prints the sha256 of each file.
pub fn hash(files: &[PathBuf]) -> Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    for path in files {
        let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut hasher = Algorithm::Sha256.hasher();
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
        }
        println!("{}  {}", hasher.finish(), path.display());
    }
    Ok(())
}
