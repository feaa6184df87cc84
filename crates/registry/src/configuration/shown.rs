//! A configuration as it is: every key with the value it has.

use std::path::PathBuf;
use std::time::Duration;

use resolve::document::quoted;
use resolve::duration;

use super::keys::KEEP;
use super::oidc::OidcEntry;
use super::origin::Said;
use super::rules::{KeyEntry, RuleEntry, list};
use super::{Configuration, EventEntry, immutable, quotas, rates, retention};

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
        let file = |file: &Option<Said<PathBuf>>| file.as_ref().map(|file| quoted(&file.value.to_string_lossy()));
        let text = |text: &Option<Said<String>>| text.as_ref().map(|text| quoted(&text.value));
        let (blobs, tls, auth, log) = (&self.blobs, &self.tls, &self.auth, &self.log);
        let in_bucket = |value: String| blobs.url.is_some().then_some(value);
        let under_tls = |value: String| self.tls.certificate.is_some().then_some(value);
        let traces = &self.traces;
        let if_sent = |value: String| traces.endpoint.is_some().then_some(value);
        let tokens = auth.tokens.as_ref();
        let settings = [
            ("listen", Some(quoted(&self.listen.to_string()))),
            ("root", self.root.as_ref().map(|root| quoted(&root.to_string_lossy()))),
            ("deletes", Some(options.deletes.to_string())),
            ("database.url", self.database.shown().map(|url| quoted(&url))),
            ("database.password-file", file(&self.database.password_file)),
            ("blobs.url", text(&blobs.url)),
            ("blobs.endpoint", text(&blobs.endpoint)),
            ("blobs.region", text(&blobs.region)),
            ("blobs.path-style", in_bucket(blobs.path_style.to_string())),
            ("blobs.access-key-file", file(&blobs.access_key_file)),
            ("blobs.secret-key-file", file(&blobs.secret_key_file)),
            ("tls.certificate", file(&tls.certificate)),
            ("tls.key", file(&tls.key)),
            ("tls.minimum", under_tls(quoted(tls.minimum()))),
            ("tls.client-ca", file(&tls.client_ca)),
            ("tls.client-auth", tls.client_ca.as_ref().map(|_| quoted(tls.client_auth()))),
            ("tls.client-crl", file(&tls.client_crl)),
            ("tls.client-name", tls.client_ca.as_ref().map(|_| quoted(tls.client_name()))),
            ("tls.proxy", Some(tls.proxy.to_string())),
            ("http2.tls", Some(options.http2.tls.to_string())),
            ("http2.cleartext", Some(options.http2.cleartext.to_string())),
            ("http2.streams", Some(options.http2.streams_max.to_string())),
            ("auth.anonymous", auth.anonymous.map(|anonymous| quoted(anonymous.word()))),
            ("auth.htpasswd", file(&auth.htpasswd)),
            ("auth.groups", auth.groups.as_deref().map(groups)),
            ("auth.groups-file", file(&auth.groups_file)),
            ("auth.remember", time(auth.remember)),
            ("auth.keys", tables(auth.keys.iter().map(KeyEntry::shown))),
            ("auth.oidc", tables(auth.oidc.iter().map(OidcEntry::shown))),
            ("auth.tokens.keys", tokens.filter(|tokens| !tokens.keys.is_empty()).map(|tokens| paths(&tokens.keys))),
            ("auth.tokens.service", tokens.map(|tokens| quoted(tokens.service()))),
            ("auth.tokens.realm", tokens.and_then(|tokens| text(&tokens.realm))),
            ("auth.tokens.lifetime", tokens.and_then(|tokens| time(tokens.lifetime))),
            ("auth.tokens.refresh-lifetime", tokens.and_then(|tokens| tokens.refresh_lifetime).and_then(time)),
            ("auth.tokens.required", tokens.map(|tokens| tokens.required.to_string())),
            ("rules", tables(auth.rules.iter().map(RuleEntry::shown))),
            ("collect.enabled", Some(self.collect.enabled.to_string())),
            ("collect.lease", time(keeping.lease)),
            ("collect.untagged", keeping.untagged.map_or_else(|| Some(quoted(KEEP)), time)),
            ("collect.period", time(self.collect.period)),
            ("immutable", immutable::shown(&options.immutable)),
            ("retention", retention::shown(&options.retention)),
            ("quotas", quotas::shown(&options.quotas)),
            ("events", tables(self.events.iter().map(EventEntry::shown))),
            ("proxies.trusted", self.proxies.shown_trusted()),
            ("proxies.header", self.proxies.shown_header()),
            ("rate-limits", rates::shown(&options.rate_limits)),
            ("audit.file", self.audit.shown_file()),
            ("audit.on-failure", self.audit.shown_on_failure()),
            ("limits.blob-bytes", Some(options.blob_max_bytes.to_string())),
            ("limits.uploads", Some(options.uploads_max.to_string())),
            ("limits.uploads-each", Some(options.uploads_max_each.to_string())),
            ("limits.upload-lifetime", time(options.upload_lifetime)),
            ("limits.idle-timeout", time(options.idle_timeout)),
            ("limits.shutdown-delay", Some(options.shutdown_delay).filter(|delay| !delay.is_zero()).and_then(time)),
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
            ("log.format", Some(quoted(log.format.word()))),
            ("log.level", Some(quoted(log.level.word()))),
            ("log.decisions", Some(quoted(log.decisions.word()))),
            ("log.requests", Some(quoted(log.requests.word()))),
            ("log.slow", time(log.slow)),
            ("metrics.listen", self.metrics.listen.map(|address| quoted(&address.to_string()))),
            ("metrics.public", Some(self.metrics.public.to_string())),
            ("traces.endpoint", text(&traces.endpoint)),
            ("traces.enabled", if_sent(traces.enabled.to_string())),
            ("traces.service", text(&traces.service)),
            ("traces.sample", if_sent(quoted(&traces.ratio.part().to_string()))),
            ("traces.follow", if_sent(traces.follow.to_string())),
            ("traces.resource", Some(list(&traces.attributes())).filter(|_| !traces.resource.is_empty())),
            ("traces.headers-file", file(&traces.headers_file)),
            ("traces.timeout", time(traces.timeout).and_then(if_sent)),
            ("traces.queue", if_sent(traces.queue.to_string())),
        ];
        settings.into_iter().filter_map(|(key, value)| Some(Setting { key, value: value? })).collect()
    }

    /// Returns the keys whose values are others in `new` and count only from the next start on: all but those of access, the certificate and
    /// the log.
    pub fn fixed_changes(&self, new: &Self) -> Vec<&'static str> {
        let (mut old, mut new_settings) = (self.settings(), new.settings());
        for settings in [&mut old, &mut new_settings] {
            settings.retain(|setting| !is_reloaded(setting.key));
        }
        let differs = |setting: &&Setting, others: &[Setting]| !others.contains(setting);
        let mut changed: Vec<_> =
            old.iter().filter(|setting| differs(setting, &new_settings)).map(|setting| setting.key).collect();
        changed.extend(new_settings.iter().filter(|setting| differs(setting, &old)).map(|setting| setting.key));
        if !self.has_same_database(new) {
            changed.push("database.url");
        }
        // What shows of their URLs may be the same.
        if !self.events.iter().map(EventEntry::url).eq(new.events.iter().map(EventEntry::url)) {
            changed.push("events");
        }
        // TLS itself neither begins nor ends while connections are accepted.
        if self.tls.certificate.is_some() != new.tls.certificate.is_some() {
            changed.push("tls.certificate");
        }
        changed.sort_unstable();
        changed.dedup();
        changed
    }
}

impl Configuration {
    /// Returns this configuration with what counts of `new` while the server runs.
    #[must_use]
    pub fn reloaded(&self, new: &Self) -> Self {
        Self { auth: new.auth.clone(), tls: new.tls.clone(), log: new.log, ..self.clone() }
    }
}

/// Tells whether a key is read again while the server runs.
fn is_reloaded(key: &str) -> bool {
    // What a client is offered is said together with the certificate.
    key == "rules" || key == "http2.tls" || ["auth.", "tls.", "log."].iter().any(|table| key.starts_with(table))
}

fn groups(groups: &[(String, Vec<String>)]) -> String {
    let groups: Vec<_> = groups.iter().map(|(name, members)| format!("{} = {}", quoted(name), list(members))).collect();
    format!("{{ {} }}", groups.join(", "))
}

fn paths(files: &[Said<PathBuf>]) -> String {
    list(&files.iter().map(|file| file.value.to_string_lossy().into_owned()).collect::<Vec<_>>())
}

fn tables(tables: impl Iterator<Item = String>) -> Option<String> {
    let tables: Vec<_> = tables.collect();
    (!tables.is_empty()).then(|| format!("[{}]", tables.join(", ")))
}
