//! A configuration as it is: every key with the value it has.

use std::time::Duration;

use resolve::document::quoted;
use resolve::duration;

use super::keys::{EVERYTHING, KEEP};
use super::{Configuration, immutable};

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key with the tables it is in: `limits.uploads`.
    pub key: &'static str,
    /// The value, as TOML writes it.
    pub value: String,
}

impl Configuration {
    /// Returns every key that has a value, whether it was said or not. A file of these lines says the same as the configuration.
    pub fn settings(&self) -> Vec<Setting> {
        let (options, keeping) = (&self.options, &self.collect.keeping);
        let time = |time: Duration| Some(quoted(&duration::text(time.as_secs())));
        let settings = [
            ("listen", Some(quoted(&self.listen.to_string()))),
            ("root", self.root.as_ref().map(|root| quoted(&root.to_string_lossy()))),
            ("deletes", Some(options.deletes.to_string())),
            ("auth.anonymous", self.is_open.then(|| quoted(EVERYTHING))),
            ("collect.enabled", Some(self.collect.enabled.to_string())),
            ("collect.lease", time(keeping.lease)),
            ("collect.untagged", keeping.untagged.map_or_else(|| Some(quoted(KEEP)), time)),
            ("collect.period", time(self.collect.period)),
            ("immutable", immutable::shown(&options.immutable)),
            ("limits.blob-bytes", Some(options.blob_max_bytes.to_string())),
            ("limits.uploads", Some(options.uploads_max.to_string())),
            ("limits.upload-lifetime", time(options.upload_lifetime)),
            ("limits.idle-timeout", time(options.idle_timeout)),
            ("limits.shutdown-grace", time(options.shutdown_grace)),
            ("limits.tags-page", Some(options.tags_page.to_string())),
            ("limits.referrers-page", Some(options.referrers_page.to_string())),
            ("manifests.sparse", Some(options.sparse.to_string())),
            ("scrub.enabled", Some(options.scrub.is_some().to_string())),
            ("scrub.period", options.scrub.and_then(|scrub| scrub.period).and_then(time)),
            (
                "scrub.bytes-per-second",
                options.scrub.and_then(|scrub| scrub.bytes_per_second).map(|rate| rate.to_string()),
            ),
        ];
        settings.into_iter().filter_map(|(key, value)| Some(Setting { key, value: value? })).collect()
    }
}
