//! How progress is shown when there is no terminal.

use testkit::application::{Application, ApplicationBuilder, Image};

use crate::desk::{Desk, Outcome};
use crate::server::Server;

/// An image of one layer: everything about it happens in one order.
fn small() -> Application {
    let mut builder = ApplicationBuilder::new(11);
    let layer = builder.layer("layer", 1000);
    let image = builder.image(&Image::new("linux/amd64", &[layer]));
    builder.tag("1", &image);
    builder.build()
}

/// Copies the image with these switches and returns what was said, with the registry's name taken out.
fn said(switches: &[&str], variables: &[(&str, &str)]) -> String {
    let desk = Desk::new();
    small().write_layout(&desk.path("app"));
    let server = Server::new();
    let target = server.at("app:1");
    let mut command = desk.command(&[&["copy", "oci:app:1", &target, "--jobs", "1"][..], switches].concat());
    let outcome = Outcome::of(command.envs(variables.iter().copied()).output().unwrap());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    in_order(&outcome.stderr.replace(&server.host(), "HOST"))
}

/// Which of two blobs goes first is nobody's promise: their lines are put in the order of their digests.
fn in_order(said: &str) -> String {
    let mut lines: Vec<&str> = said.lines().collect();
    let about_blob = |line: &&str| line.starts_with("moved") || line.contains("\"blob_");
    let first = lines.iter().position(about_blob).unwrap_or(0);
    let count = lines.iter().filter(|line| about_blob(line)).count();
    let digest = |line: &&str| line.split("sha256:").nth(1).map(|rest| rest.chars().take(64).collect::<String>());
    lines[first..first + count].sort_by_key(digest);
    lines.join("\n")
}

#[test]
fn plain_lines_tell_of_what_is_finished() {
    insta::assert_snapshot!(said(&[], &[]), @r"
    plan     2 blobs (8.55 kB), 1 manifest
    moved    sha256:5801ee161cb240457064a8c7dd3522790067c8b8435a275803be6a5b4b792ab3 (343 B)
    moved    sha256:f9a084f5993ec7fa6b6f7382095da950e86a1f14fb9c549a1824894cb52be356 (8.21 kB)
    proven   HOST/app@sha256:e452c91f1ba9d69aeef1fd012eabe27456175eab5c83ac9848788d9aa2169c05
    ");
    assert_eq!(said(&[], &[]), said(&["--progress", "plain"], &[]));
}

#[test]
fn verbose_lines_tell_of_manifests_too() {
    insta::assert_snapshot!(said(&["-v"], &[]), @r"
    plan     2 blobs (8.55 kB), 1 manifest
    moved    sha256:5801ee161cb240457064a8c7dd3522790067c8b8435a275803be6a5b4b792ab3 (343 B)
    moved    sha256:f9a084f5993ec7fa6b6f7382095da950e86a1f14fb9c549a1824894cb52be356 (8.21 kB)
    manifest sha256:e452c91f1ba9d69aeef1fd012eabe27456175eab5c83ac9848788d9aa2169c05
    proven   HOST/app@sha256:e452c91f1ba9d69aeef1fd012eabe27456175eab5c83ac9848788d9aa2169c05
    ");
}

#[test]
fn json_lines_tell_of_every_event() {
    let lines = said(&["--progress", "json"], &[]);
    // A machine that stands still for a second adds reports of blobs under way.
    let events: Vec<&str> = lines.lines().filter(|line| !line.contains("\"blob_progress\"")).collect();
    insta::assert_snapshot!(events.join("\n"), @r#"
    {"schema":"supercargo.progress.v1","event":"planned","blobs":2,"bytes":8558,"manifests":1}
    {"schema":"supercargo.progress.v1","event":"blob_started","digest":"sha256:5801ee161cb240457064a8c7dd3522790067c8b8435a275803be6a5b4b792ab3","bytes":343}
    {"schema":"supercargo.progress.v1","event":"blob_finished","digest":"sha256:5801ee161cb240457064a8c7dd3522790067c8b8435a275803be6a5b4b792ab3","bytes":343,"outcome":"moved"}
    {"schema":"supercargo.progress.v1","event":"blob_started","digest":"sha256:f9a084f5993ec7fa6b6f7382095da950e86a1f14fb9c549a1824894cb52be356","bytes":8215}
    {"schema":"supercargo.progress.v1","event":"blob_finished","digest":"sha256:f9a084f5993ec7fa6b6f7382095da950e86a1f14fb9c549a1824894cb52be356","bytes":8215,"outcome":"moved"}
    {"schema":"supercargo.progress.v1","event":"manifest_put","digest":"sha256:e452c91f1ba9d69aeef1fd012eabe27456175eab5c83ac9848788d9aa2169c05"}
    {"schema":"supercargo.progress.v1","event":"root_finished","destination":"HOST/app","digest":"sha256:e452c91f1ba9d69aeef1fd012eabe27456175eab5c83ac9848788d9aa2169c05"}
    "#);
}

#[test]
fn silence_can_be_asked_for() {
    assert_eq!(said(&["--progress", "none"], &[]), "");
    assert_eq!(said(&["-q"], &[]), "");
    assert_eq!(said(&[], &[("SUPERCARGO_PROGRESS", "none")]), "");
    assert_ne!(said(&["-q", "--progress", "plain"], &[("SUPERCARGO_PROGRESS", "none")]), "");
    let desk = Desk::new();
    let outcome = desk.command(&["store", "size"]).env("SUPERCARGO_PROGRESS", "loud").output().unwrap();
    assert_eq!(outcome.status.code(), Some(2));
}
