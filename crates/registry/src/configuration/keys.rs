//! What may stand where in the configuration of a server, and in which variable.

use resolve::document::{Key, Shape, key, required};

/// What everybody may do, as far as one word can say it.
const ANONYMOUS: &[&str] = &["everything", "pull", "nothing"];
/// What a rule says of actions.
const ACTIONS_OF_RULE: &str =
    "What is allowed: `read`, `create`, `update`, `delete`. Nobody can change what he may not read.";
/// Everybody of whom it is known who they are, where users are named.
pub(super) const EVERY_USER: &str = "*";
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
    key("database", Shape::Table(DATABASE), "Where the metadata is kept, in place of SQLite in `root`."),
    key("blobs", Shape::Table(BLOBS), "Where blobs are kept, in place of files in `root`."),
    key("tls", Shape::Table(TLS), "TLS, which is spoken where there is a certificate."),
    key("http2", Shape::Table(super::http2::KEYS), "HTTP/2, beside HTTP/1.1."),
    key("auth", Shape::Table(AUTH), "Who is known, and what everybody may do."),
    key("rules", Shape::List(RULES), "Who may do what in which repositories. What no rule allows is denied."),
    key("collect", Shape::Table(COLLECT), "When content goes that nothing needs any more."),
    key("immutable", Shape::List(super::immutable::KEYS), "Which tags are made once and neither moved nor removed."),
    key(
        "retention",
        Shape::List(super::retention::KEYS),
        "Which tags go by themselves, and how long untagged manifests stay.",
    ),
    key("quotas", Shape::List(super::quotas::KEYS), "How much repositories may have."),
    key("events", Shape::List(super::events::KEYS), "Where events go: what changed, as CloudEvents over HTTP."),
    key("proxies", Shape::Table(super::proxies::KEYS), "Which proxies are believed where they say for whom they ask."),
    key("rate-limits", Shape::List(super::rates::KEYS), "How often somebody may ask."),
    key("audit", Shape::Table(super::audit::KEYS), "Where it is told who did what."),
    key("limits", Shape::Table(LIMITS), "How much, how many and how long."),
    key("manifests", Shape::Table(MANIFESTS), "Which manifests are taken."),
    key("scrub", Shape::Table(SCRUB), "How bad bytes are looked for."),
    key("log", Shape::Table(LOG), "What is told on the standard error."),
    key("metrics", Shape::Table(super::metrics::KEYS), "Where probes and metrics are answered."),
    key("traces", Shape::Table(super::traces::KEYS), "Where traces go: what time was spent on, by OpenTelemetry."),
];

pub(super) const DATABASE: &[Key] = &[
    key("url", Shape::Text, "A PostgreSQL database, which any number of nodes share. A password in it never shows."),
    key("password-file", Shape::Text, "The file that holds the password, and nothing else but a line end."),
];

pub(super) const BLOBS: &[Key] = &[
    key("url", Shape::Text, "A bucket of an S3 service, and what the names of all objects in it begin with."),
    key("endpoint", Shape::Text, "The URL of the service; `AWS_ENDPOINT_URL`, or that of AWS in the region."),
    key("region", Shape::Text, "The region; `AWS_REGION`, `AWS_DEFAULT_REGION` or `us-east-1`."),
    key("path-style", Shape::Flag, "Whether the bucket is named in the path; `true`. Otherwise it is in the host."),
    key("access-key-file", Shape::Text, "The file with the name of the key; `AWS_ACCESS_KEY_ID`."),
    key("secret-key-file", Shape::Text, "The file with the secret of the key; `AWS_SECRET_ACCESS_KEY`."),
];

pub(super) const TLS: &[Key] = &[
    key("certificate", Shape::Text, "The file with the chain of certificates (PEM), that of the server first."),
    key("key", Shape::Text, "The file with the key of the certificate (PEM)."),
    key("minimum", Shape::Choice(&["1.2", "1.3"]), "The least version that is spoken; `1.2`."),
    key(
        "client-ca",
        Shape::Text,
        "The file with the certificates (PEM) of authorities whose clients are known; clients are asked for certificates with it.",
    ),
    key(
        "client-auth",
        Shape::Choice(&["required", "optional"]),
        "Whether a client must show a certificate; `required`.",
    ),
    key(
        "client-crl",
        Shape::Text,
        "The file with lists (PEM) of revoked certificates: one of each authority of a chain.",
    ),
    key(
        "client-name",
        Shape::Choice(&["uri", "dns", "common-name"]),
        "Which name of a certificate says who shows it: the URI or the DNS name among its alternative names, or the common name; `uri`.",
    ),
    key("proxy", Shape::Flag, "Whether something in front of the registry speaks TLS with clients; `false`."),
];

pub(super) const AUTH: &[Key] = &[
    key(
        "anonymous",
        Shape::Choice(ANONYMOUS),
        "What everybody may do. Has to be said where others than this machine can reach the address, unless users or rules are there: \
         then it is `nothing`.",
    ),
    key("htpasswd", Shape::Text, "The file with users, as `htpasswd -B` writes it: bcrypt or Argon2."),
    key("groups", Shape::TextsMap, "Groups of users."),
    key("groups-file", Shape::Text, "A file with more groups: `group: user user` on each line."),
    key("remember", Shape::Duration, "How long a password that was right is taken without being verified again; `5m`."),
    key("keys", Shape::List(KEYS), "Keys for programs, as `supercargo serve key` makes them."),
    key(
        "oidc",
        Shape::List(super::oidc::KEYS),
        "Other issuers (OpenID Connect) that vouch for the jobs of a CI service and the like.",
    ),
    key("tokens", Shape::Table(TOKENS), "Tokens, which are issued at `/token` where this table is there."),
];

pub(super) const KEYS: &[Key] = &[
    required("id", Shape::Text, "What the key is called, in rules and in the log."),
    required(
        "user",
        Shape::Text,
        "The user for whom it stands. It may do what that user may, and ends with his line in `htpasswd`, where there is such a file.",
    ),
    required("hash", Shape::Text, "What the key hashes to: `sha256:…`."),
    key("repositories", Shape::Texts, "The repositories that it is for; all."),
    key("actions", Shape::Texts, "What may be done by it: `read`, and `create`, `update`, `delete`; all of them."),
    key("expires", Shape::Text, "When it ends: a day, or a time in UTC; never."),
];

pub(super) const TOKENS: &[Key] = &[
    key(
        "keys",
        Shape::Texts,
        "Files of at least 32 random bytes each. The first seals, all are taken. Without one tokens end with the process.",
    ),
    key(
        "service",
        Shape::Text,
        "What the registry calls itself; `supercargo`. Nodes that take each other's tokens say the same.",
    ),
    key("realm", Shape::Text, "The URL of `/token` as clients reach it; on the host by which they call."),
    key("lifetime", Shape::Duration, "How long a token is good for; `5m`."),
    key(
        "refresh-lifetime",
        Shape::Duration,
        "How long a token is good for that fetches tokens; none is issued without it.",
    ),
    key("required", Shape::Flag, "Whether a request must come with a token and not with a password; `false`."),
];

pub(super) const RULES: &[Key] = &[
    required("repositories", Shape::Texts, "Patterns of names; `*` stands for any characters, `/` among them."),
    required("actions", Shape::Texts, ACTIONS_OF_RULE),
    key("users", Shape::Texts, "The users it is for; `*` is every user, by a password or a key."),
    key("groups", Shape::Texts, "The groups it is for."),
    key("keys", Shape::Texts, "The keys it is for, by `id`."),
    key(
        "issuer",
        Shape::Text,
        "The issuer, by `name`, for whose workloads it is: for all of them, or for those with these `claims`.",
    ),
    key(
        "claims",
        Shape::TextMap,
        "What the issuer has to claim: patterns by the claims' names, all of which must hold.",
    ),
    key("certificates", Shape::Texts, "Patterns of the names in clients' certificates that it is for."),
    key("everyone", Shape::Flag, "Whether it is for everybody, also those of whom nothing is known; `false`."),
];

const LOG: &[Key] = &[
    key("format", Shape::Choice(&["text", "json"]), "A line for people, or a JSON object a line; `text`."),
    key("level", Shape::Choice(&["error", "warning", "info", "debug"]), "The least that is told; `info`."),
    key("decisions", Shape::Choice(&["denied", "all", "none"]), "Which decisions about access are told; `denied`."),
    key(
        "requests",
        Shape::Choice(&["none", "failures", "slow", "all"]),
        "Which requests are told, a line each: those answered with status 500 or above or not to their end, those and the ones that \
         took long, or all; `none`.",
    ),
    key("slow", Shape::Duration, "From when on a request took long; `1s`."),
];

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
    key(
        "uploads-each",
        Shape::Count,
        "Most of them that one user has, or one address where nobody is known; `250`. Never more than `uploads`.",
    ),
    key("upload-lifetime", Shape::Duration, "How long an upload may lie untouched before it is thrown away; `1h`."),
    key(
        "idle-timeout",
        Shape::Duration,
        "How long a client may send nothing of a request, take nothing of an answer, or leave a connection idle; `1m`.",
    ),
    key(
        "shutdown-delay",
        Shape::Duration,
        "How long a server that was told to end goes on as before, while `/readyz` says that it ends; not at all.",
    ),
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
