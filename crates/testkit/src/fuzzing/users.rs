//! What users give: auth files, lists of copies, arguments.

use client::Credentials;
use futures_util::FutureExt as _;
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
    // What a file names is not run here.
    let names_programs = |document: &serde_json::Map<String, serde_json::Value>| {
        ["credHelpers", "credsStore"].iter().any(|key| document.contains_key(*key))
    };
    if serde_json::from_slice(data).is_ok_and(|document| names_programs(&document)) {
        return;
    }
    let name: RepositoryName = "team/app/image".parse().unwrap();
    let find = |host: &Host, name| {
        // Without programs there is nothing to wait for. An entry that is none counts as one that is there.
        let found = credentials.find(host, name).now_or_never().unwrap();
        found.is_err() || found.is_ok_and(|found| found.is_some())
    };
    for host in ["docker.io", "registry.example", "registry.example:5000", "127.0.0.1:5000"] {
        let host: Host = host.parse().unwrap();
        if find(&host, None) {
            assert!(find(&host, Some(&name)), "{host}");
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
