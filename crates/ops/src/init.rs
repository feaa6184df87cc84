//! Makes a project.

use std::path::PathBuf;

use crate::error::OpsError;
use crate::project::{ProjectPlace, new_file};

/// The project to make.
#[derive(Clone, Debug, Default)]
pub struct InitRequest {
    /// What the application is called; without it what the directory is called.
    pub name: Option<String>,
    /// Whether to write nothing.
    pub dry_run: bool,
}

/// The project that was made.
#[derive(Clone, Debug)]
pub struct InitReport {
    /// Its file.
    pub file: PathBuf,
    /// What the file says.
    pub text: String,
}

/// Makes a project without images.
///
/// # Errors
/// [`OpsError::Usage`] when there is one, and what the file system brings.
pub fn init(place: &ProjectPlace, request: &InitRequest) -> Result<InitReport, OpsError> {
    let file = new_file(place);
    if file.exists() {
        return Err(OpsError::usage(
            format!("there is a {} already", file.display()),
            "supercargo add REPO".to_owned(),
        ));
    }
    let name = match &request.name {
        Some(name) => name.clone(),
        None => directory_name()?,
    };
    let text = format!("[project]\nname = {}\n\n[images]\n", resolve::document::quoted(&name));
    if !request.dry_run {
        store::atomic::write(&file, text.as_bytes())?;
    }
    Ok(InitReport { file, text })
}

fn directory_name() -> Result<String, OpsError> {
    let here = std::env::current_dir().map_err(|source| OpsError::File {
        action: "cannot find",
        path: PathBuf::from("."),
        source,
    })?;
    Ok(here.file_name().map_or_else(|| "application".to_owned(), |name| name.to_string_lossy().into_owned()))
}
