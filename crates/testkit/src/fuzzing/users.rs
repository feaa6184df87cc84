//! What users give: auth files, lists of copies, arguments.

use client::Credentials;
use oci::{Host, RepositoryName};
use ops::artifact::FileRequest;

use super::assert_printable;
use super::look::checked;
use super::place::Place;
use super::values::assert_shown_as_written;

/// Reads an auth file. Nothing of what may be secret is in what is said of one that cannot be read.
pub fn credentials(data: &[u8]) {
    let place = Place::new();
    let path = place.write("auth.json", data);
    let Some(credentials) = checked(Credentials::from_files([&path, &path])) else { return };
    let shown = format!("{credentials:?}");
    assert!(shown.starts_with("Credentials(") && shown.len() < 50, "{shown}");
    let name: RepositoryName = "team/app/image".parse().unwrap();
    for host in ["docker.io", "registry.example", "registry.example:5000", "127.0.0.1:5000"] {
        let host: Host = host.parse().unwrap();
        if credentials.find(&host, None).is_some() {
            assert!(credentials.find(&host, Some(&name)).is_some(), "{host}");
        }
    }
}

/// Reads a list of copies, and arguments. Each place that a copy goes to can be written and read again.
pub fn copy_list(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(error) = FileRequest::parse(text) {
        assert_printable(&error);
    }
    let lines = match ops::copy::read_list(text) {
        Ok(lines) => lines,
        Err(error) => return assert_printable(&error),
    };
    for (source, destination) in lines {
        let Some(destination) = destination else { continue };
        match destination.place_for(&source) {
            Ok(place) => assert_shown_as_written(&place),
            Err(error) => assert_printable(&error),
        }
    }
}
