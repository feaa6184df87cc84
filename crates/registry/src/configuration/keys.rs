//! What may stand where in the configuration of a server, and in which variable.

use resolve::document::{Key, Shape, key};

/// What everybody may do, as far as the file can say it.
pub(super) const ANONYMOUS: &[&str] = &[EVERYTHING];
/// Everybody may read, write and delete.
pub(super) const EVERYTHING: &str = "everything";
/// A manifest that nothing needs stays for ever.
pub(super) const KEEP: &str = "keep";

pub(super) static ROOT: &[Key] = &[
    key(
        "listen",
        Shape::Text,
        "The address and port that are listened on; `127.0.0.1:5000`. Port 0 is any that is free.",
    ),
    key(
        "root",
        Shape::Text,
        "The directory of database and blobs, relative to this file; `supercargo/registry` in the user's data directory.",
    ),
    key("deletes", Shape::Flag, "Whether manifests, tags and blobs can be deleted; `true`."),
    key("auth", Shape::Table(AUTH), "Who may do what."),
    key("collect", Shape::Table(COLLECT), "When content goes that nothing needs any more."),
    key("immutable", Shape::List(super::immutable::KEYS), "Which tags are made once and neither moved nor removed."),
    key("limits", Shape::Table(LIMITS), "How much, how many and how long."),
    key("manifests", Shape::Table(MANIFESTS), "Which manifests are taken."),
    key("scrub", Shape::Table(SCRUB), "How bad bytes are looked for."),
];

const AUTH: &[Key] = &[key(
    "anonymous",
    Shape::Choice(ANONYMOUS),
    "What everybody may do. Has to be said where others than this machine can reach the address.",
)];

const COLLECT: &[Key] = &[
    key(
        "enabled",
        Shape::Flag,
        "Whether the collector runs while the registry serves; `true`. Without it nothing makes room.",
    ),
    key(
        "lease",
        Shape::Duration,
        "How long a client may build on a blob that it has put or was told of, until a manifest names it; `1h`.",
    ),
    key(
        "untagged",
        Shape::DurationOr(KEEP),
        "How long a manifest stays that no tag points to and nothing needs; `1w`. `keep` is for ever.",
    ),
    key("period", Shape::Duration, "How often the collector looks for what is due; `1m`."),
];

const LIMITS: &[Key] = &[
    key("blob-bytes", Shape::Count, "Largest blob that is taken, in bytes; `1099511627776`."),
    key("uploads", Shape::Count, "Most uploads under way at once; `1000`. Beyond them clients are told to wait."),
    key("upload-lifetime", Shape::Duration, "How long an upload may lie untouched before it is thrown away; `1h`."),
    key("idle-timeout", Shape::Duration, "How long the body of a request may bring nothing; `1m`."),
    key("shutdown-grace", Shape::Duration, "How long requests under way are given when the server ends; `10s`."),
    key("tags-page", Shape::Count, "Most tags in one answer; `10000`."),
    key("referrers-page", Shape::Count, "Most referrers in one answer; `1000`."),
];

const MANIFESTS: &[Key] = &[key(
    "sparse",
    Shape::Flag,
    "Whether manifests are taken whose config, layers or children are not here; `false`.",
)];

const SCRUB: &[Key] = &[
    key("enabled", Shape::Flag, "Whether everything is read again and again while the registry serves; `true`."),
    key("period", Shape::Duration, "How often everything is read; `1w`."),
    key("bytes-per-second", Shape::Count, "Most bytes that are read for that in a second; `8388608`."),
];
