//! Repositories with a history: releases that were made one after the other.

use testkit::application::{ApplicationBuilder, Image};

use crate::desk::Desk;
use crate::server::Server;

/// A release of an image.
pub(crate) struct Release<'a> {
    /// Its tags.
    pub(crate) tags: &'a [&'a str],
    /// The day on which it was made.
    pub(crate) day: &'a str,
    /// The platforms that it is there for; one alone makes an image without an index.
    pub(crate) platforms: &'a [&'a str],
}

/// Returns a release for two platforms.
pub(crate) const fn release<'a>(day: &'a str, tags: &'a [&'a str]) -> Release<'a> {
    Release { tags, day, platforms: &["linux/amd64", "linux/arm64"] }
}

/// Publishes releases to a repository of a server.
pub(crate) fn publish(desk: &Desk, server: &Server, repository: &str, releases: &[Release<'_>]) {
    publish_larger(desk, server, repository, releases, None);
}

/// Publishes releases, with one more layer of so many bytes.
pub(crate) fn publish_larger(
    desk: &Desk,
    server: &Server,
    repository: &str,
    releases: &[Release<'_>],
    more_bytes: Option<usize>,
) {
    for (number, release) in releases.iter().enumerate() {
        let seed = repository
            .bytes()
            .chain(release.day.bytes())
            .fold(number as u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mut builder = ApplicationBuilder::new(seed);
        let base = builder.layer("base", 300);
        let more = more_bytes.map(|bytes| builder.layer("more", bytes));
        let images: Vec<_> = release
            .platforms
            .iter()
            .map(|platform| {
                let own = builder.layer("app", 200);
                let layers: Vec<_> = [base.clone(), own].into_iter().chain(more.clone()).collect();
                let image = Image::new(platform, &layers).created(&format!("{}T10:00:00Z", release.day));
                builder.image(&image)
            })
            .collect();
        let root = if images.len() == 1 { images[0].clone() } else { builder.index(&images) };
        builder.sbom(&root);
        for tag in release.tags {
            builder.tag(tag, &root);
        }
        let layout = format!("{}-{number}-{}", repository.replace('/', "-"), release.day);
        builder.build().write_layout(&desk.path(&layout));
        desk.ok(&["copy", &format!("oci:{layout}"), &server.at(repository), "--all-tags", "-q"]);
    }
}
