//! A package descriptor is read before it is attached: nobody who uses the image can repair it.

use std::fs::File;
use std::io::Read as _;

use oci::limits::PACKAGE_MAX_BYTES;
use oci::package::{ARTIFACT_TYPE, Package, PackageError};
use oci::{MediaType, RegistryReference};
use resolve::{Requirement, Scheme};

use crate::artifact::{ArtifactRequest, FileRequest};
use crate::error::{OpsError, Told};

/// Checks what is to be attached, if it is a package descriptor, and gives its file the type that it has.
///
/// # Errors
/// [`OpsError::Usage`] where there is not one file, [`OpsError::Project`] with the place where that is no descriptor, and
/// [`OpsError::File`] when it cannot be read.
pub(super) fn checked(request: &ArtifactRequest) -> Result<ArtifactRequest, OpsError> {
    let mut request = request.clone();
    if request.artifact_type != ARTIFACT_TYPE {
        return Ok(request);
    }
    let [file] = &mut request.files[..] else {
        let message = format!("a package descriptor is one file, not {}", request.files.len());
        return Err(OpsError::usage(message, format!("supercargo attach REF --type {ARTIFACT_TYPE} package.json")));
    };
    let bytes = read(file)?;
    let package = Package::parse(&bytes).map_err(|error| wrong(file, &bytes, &error))?;
    let edges = package.requires.iter().chain(&package.conflicts).chain(&package.provides);
    for edge in edges {
        require_readable(file, &edge.repository, &edge.requirement)?;
    }
    let json: MediaType = "application/json".parse().map_err(|_| OpsError::usage("application/json", None))?;
    file.media_type.get_or_insert(json);
    Ok(request)
}

fn read(file: &FileRequest) -> Result<Vec<u8>, OpsError> {
    let failed = |source| OpsError::File { action: "cannot read", path: file.path.clone(), source };
    let mut bytes = Vec::new();
    // One byte more than there may be shows that there are more.
    let limit = PACKAGE_MAX_BYTES as u64 + 1;
    File::open(&file.path).map_err(failed)?.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn wrong(file: &FileRequest, bytes: &[u8], error: &PackageError) -> OpsError {
    let path = file.path.display();
    let lines = match error.place() {
        Some((line, column)) => {
            let text = String::from_utf8_lossy(bytes);
            let shown: String = text.lines().nth(line - 1).unwrap_or_default().chars().take(160).collect();
            let margin = " ".repeat(line.to_string().len());
            vec![
                format!("{margin}--> {path}:{line}:{column}"),
                format!("{margin} |"),
                format!("{line} | {}", oci::text::printable(&shown)),
            ]
        }
        None => vec![format!("  --> {path}")],
    };
    OpsError::Project(Told { message: error.to_string(), lines, help: None })
}

/// Checks that a requirement can be read. How the other's versions are written is not known here; what is not even a version with
/// dots is a mistake.
fn require_readable(file: &FileRequest, repository: &RegistryReference, text: &str) -> Result<(), OpsError> {
    match Requirement::parse(text, &Scheme::default()) {
        Ok(_) => Ok(()),
        Err(error) => Err(OpsError::Project(Told {
            message: format!("package descriptor: the requirement `{text}` on {repository}: {error}"),
            lines: vec![format!("  --> {}", file.path.display())],
            help: None,
        })),
    }
}
