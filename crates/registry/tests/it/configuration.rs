//! What a server is told.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use registry::access::SigningKey;
use registry::configuration::{AwsVariables, FILE_MAX_BYTES, Setting, json_schema, variables};
use registry::{Access, Configuration, ConfigurationError, Counted, EventKind, Untagged};
use resolve::retention::Age;
use serde_json::Value;

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Configuration, ConfigurationError> {
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| (variable(name), (*value).to_owned())).collect();
    Configuration::read(Some((text, Path::new("/etc/registry"))), &variables)
}

/// Returns the name of a variable: that of a key without the beginning, or one of OpenTelemetry.
fn variable(name: &str) -> String {
    if name.starts_with("OTEL_") { name.to_owned() } else { format!("SUPERCARGO_SERVE_{name}") }
}

/// Returns what is said of a file that is wrong, with its place.
fn wrong(text: &str) -> String {
    match read(text, &[]).unwrap_err() {
        ConfigurationError::File(problem) => {
            let help = problem.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
            format!("{problem}\n{}{help}", problem.excerpt("serve.toml", text))
        }
        other @ ConfigurationError::Variable { .. } => panic!("{other}"),
    }
}

#[test]
fn the_variables_of_opentelemetry_count_where_the_file_says_nothing() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example:4318/"),
        ("OTEL_SERVICE_NAME", "shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=a%2Cb, service.name=other"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
        ("OTEL_SDK_DISABLED", "false"),
    ];
    let settings = |text: &str, variables: &[(&str, &str)]| {
        read(text, variables).unwrap().trace_settings(&|_, _| Ok(b"api-key: s3cret\n\nx-a:b\n".to_vec())).unwrap()
    };
    let by_variables = settings("", &variables).unwrap();
    assert_eq!(by_variables.url, "http://collector.example:4318/v1/traces");
    let resource = [("team", "a,b"), ("service.name", "shop")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(by_variables.resource, resource);
    assert!(by_variables.follows_caller && (by_variables.ratio.part() - 0.5).abs() < f64::EPSILON);
    let file =
        "[traces]\nendpoint = \"https://other.example\"\nsample = \"1\"\nfollow = false\nheaders-file = \"headers\"\n";
    let by_file = settings(file, &variables).unwrap();
    assert_eq!(by_file.url, "https://other.example/v1/traces");
    assert!(!by_file.follows_caller && (by_file.ratio.part() - 1.0).abs() < f64::EPSILON);
    let headers: Vec<_> = by_file.headers.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
    assert_eq!(headers, [("api-key", "s3cret"), ("x-a", "b")]);
    assert!(settings("", &[variables[0], ("OTEL_SDK_DISABLED", "TRUE")]).is_none());
    assert!(settings("", &[]).is_none());
    for (name, value) in [
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=%zz"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("TRACES_SAMPLE", "2"),
        ("HTTP2_STREAMS", "1001"),
    ] {
        assert!(wrong_variable(name, value).starts_with(&variable(name)), "{name} {value}");
    }
    let wrong = read(file, &[]).unwrap().trace_settings(&|_, _| Ok(b"no header s3cret\n".to_vec())).unwrap_err();
    assert!(!wrong.to_string().contains("s3cret"), "{wrong}");
}

/// Returns what is said of a variable that is wrong.
fn wrong_variable(name: &str, value: &str) -> String {
    match read("", &[(name, value)]).unwrap_err() {
        error @ ConfigurationError::Variable { .. } => error.to_string(),
        other @ ConfigurationError::File(_) => panic!("{other}"),
    }
}

/// Returns a file that says these settings.
fn file(settings: &[Setting]) -> String {
    settings.iter().fold(String::new(), |text, setting| text + setting.key + " = " + &setting.value + "\n")
}

const EVERY_KEY: &str = r#"
listen = "0.0.0.0:80"
root = "data"
deletes = false
immutable = [{ repositories = ["team/*"], tags = ["v*", "latest"], except = ["*-rc*"] }]
quotas = [{ repositories = ["team/*"], bytes = 9, tags = 8 }, { namespace = "lab", blobs = 7, manifests = 6 }]
retention = [{ repositories = ["ci/*"], tags = ["*"], except = ["v*"], keep = 5, pushed-within = "30d", pulled-within = "2w", untagged = "1d" }, { repositories = ["*"], untagged = "keep" }]
events = [{ name = "chat", url = "https://hooks.example/x?y=1", events = ["tag.moved"], repositories = ["team/*"], secret-file = "secret", timeout = "5s", keep = "1d", queue = 4 }]

[database]
url = "postgres://ada@db.example/registry"
password-file = "database.secret"

[blobs]
url = "s3://images/team"
endpoint = "https://s3.example"
region = "eu-central-1"
path-style = false
access-key-file = "access"
secret-key-file = "secret"

[tls]
certificate = "server.pem"
key = "server.key"
minimum = "1.3"
client-ca = "clients.pem"
client-auth = "optional"
client-crl = "revoked.crl"
client-name = "dns"
proxy = true

[auth]
anonymous = "everything"
htpasswd = "users"
groups = { owners = ["ada", "bob"], "build.bots" = [] }
groups-file = "groups"
remember = "2m"

[[auth.keys]]
id = "deploy"
user = "ci"
hash = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
repositories = ["app/*"]
actions = ["read", "create"]
expires = "2027-01-31"

[[auth.oidc]]
name = "forge"
issuer = "https://issuer.example"
audience = "registry.example"
algorithms = ["ES256", "EdDSA"]
identity = "email"
claims = { owner = "acme" }
skew = "2m"
keys-url = "https://keys.example/keys"
keep = "2d"
ca = "clients.pem"

[auth.tokens]
keys = ["token.key", "token.old"]
service = "registry.example"
realm = "https://registry.example/token"
lifetime = "3m"
refresh-lifetime = "1d"
required = true

[[rules]]
repositories = ["team/*", "app/*"]
actions = ["read", "update"]
users = ["ada", "*"]
groups = ["owners"]
keys = ["deploy"]
everyone = true

[collect]
enabled = false
lease = "2h"
untagged = "keep"
period = "90s"

[proxies]
trusted = ["10.0.0.0/8", "2001:db8::7"]
header = "Forwarded"

[[rate-limits]]
of = "pushes"
per = "identity"
repositories = ["team/*"]
requests = 9
period = "1h"
burst = 3

[audit]
file = "audit"
on-failure = "continue"

[limits]
blob-bytes = 5
uploads = 6
uploads-each = 5
upload-lifetime = "3m"
idle-timeout = "4s"
shutdown-delay = "6s"
shutdown-grace = "5s"
tags-page = 7
referrers-page = 8

[manifests]
sparse = true

[log]
format = "json"
level = "debug"
decisions = "all"

[metrics]
listen = "127.0.0.1:9000"

[http2]
tls = false
cleartext = true
streams = 9

[traces]
endpoint = "http://collector.example:4318"
enabled = false
service = "shop"
sample = "0.25"
follow = false
resource = ["deployment.environment.name=production"]
headers-file = "collector.headers"
timeout = "2s"
queue = 10
"#;

/// Returns what the files say that [`EVERY_KEY`] names.
fn files(path: &Path, _most: usize) -> std::io::Result<Vec<u8>> {
    let below = |name: &str| Path::new("/etc/registry").join(name);
    for (name, content) in [
        (
            "users",
            "ada:$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n\
             ci:$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n",
        ),
        ("groups", "readers:\n"),
        ("token.key", "0123456789abcdef0123456789abcdef"),
        ("token.old", "abcdef0123456789abcdef0123456789"),
        ("database.secret", "s3cret\n"),
        ("access", "name"),
        ("secret", "s3cret\r\n"),
    ] {
        if path == below(name) {
            return Ok(content.as_bytes().to_vec());
        }
    }
    if path == below("clients.pem") {
        return Ok(include_bytes!("certificates/clients.pem").to_vec());
    }
    Err(std::io::ErrorKind::NotFound.into())
}

/// Returns what is wrong with a file once the files that it names are read, as one line with its place.
fn wrong_with_files(text: &str) -> String {
    let configuration = read(text, &[]).unwrap();
    let key = SigningKey::random();
    let error =
        configuration.access(&key, &files).map(|_| ()).and_then(|()| configuration.tls_identity(&files).map(|_| ()));
    match error.unwrap_err() {
        ConfigurationError::File(problem) => {
            let excerpt = problem.excerpt("serve.toml", text);
            format!("{}: {problem}", excerpt.lines().next().unwrap().trim().trim_start_matches("--> "))
        }
        other @ ConfigurationError::Variable { .. } => panic!("{other}"),
    }
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let none = Configuration::read(None, &BTreeMap::new()).unwrap();
    assert_eq!((none.listen.to_string(), none.root.as_ref()), ("127.0.0.1:5000".to_owned(), None));
    let (access, odd) = none.access(&SigningKey::random(), &files).unwrap();
    assert!(matches!(access, Access::Open) && odd.is_empty());
    assert_eq!(none.options().collect_period, Some(Duration::from_mins(1)));
    assert!(none.options().deletes);
    assert_eq!(read("", &[]).unwrap().settings(), none.settings());
}

#[test]
fn every_key_is_read() {
    let read = read(EVERY_KEY, &[]).unwrap();
    assert_eq!(read.listen.to_string(), "0.0.0.0:80");
    assert_eq!(read.root.as_deref(), Some(Path::new("/etc/registry/data")));
    let options = read.options();
    assert!(options.sparse && !options.deletes);
    assert_eq!(options.collect_period, None);
    assert_eq!(read.collect.period, Duration::from_secs(90));
    assert_eq!((read.collect.keeping.lease, read.collect.keeping.untagged), (Duration::from_hours(2), None));
    assert_eq!((options.blob_max_bytes, options.uploads_max), (5, 6));
    assert_eq!((options.tags_page, options.referrers_page), (7, 8));
    assert_eq!((options.upload_lifetime, options.idle_timeout), (Duration::from_mins(3), Duration::from_secs(4)));
    assert_eq!(options.shutdown_grace, Duration::from_secs(5));
    let (access, odd) = read.access(&SigningKey::random(), &files).unwrap();
    let Access::Rules(access) = access else { panic!("{access:?}") };
    assert_eq!((access.users.len(), access.keys.len(), access.rules.len(), odd.len()), (2, 1, 2, 0));
    assert_eq!(access.keys[0].expires_at, Some(Duration::from_hours(500_376)));
    assert_eq!(access.verified_for, Duration::from_mins(2));
    assert_eq!(access.groups.of("bob").collect::<Vec<_>>(), ["owners"]);
    assert!(access.groups.has("readers") && access.groups.has("build.bots"));
    let tokens = access.tokens.unwrap();
    assert_eq!((tokens.keys.len(), tokens.service.as_str(), tokens.required), (2, "registry.example", true));
    assert_eq!(tokens.refresh_lifetime, Some(Duration::from_hours(24)));
    let [forge] = access.issuers.as_slice() else { panic!("{:?}", access.issuers) };
    assert_eq!((forge.name.as_str(), forge.audience.as_str()), ("forge", "registry.example"));
    assert_eq!((forge.identity.as_str(), forge.conditions.len(), forge.algorithms.len()), ("email", 1, 2));
    assert_eq!(forge.skew, Duration::from_mins(2));
    let bucket = read.bucket(&AwsVariables::default(), &files).unwrap().unwrap();
    assert_eq!((bucket.name.as_str(), bucket.prefix.as_str(), bucket.path_style), ("images", "team", false));
    assert_eq!((bucket.access_key.as_str(), bucket.secret_key.as_str()), ("name", "s3cret"));
    assert!(read.postgres(&files).unwrap().is_some());
    let endpoints = read.event_endpoints(&files).unwrap();
    let [endpoint] = endpoints.as_slice() else { panic!("{endpoints:?}") };
    assert_eq!((endpoint.name.as_str(), endpoint.url.as_str()), ("chat", "https://hooks.example/x?y=1"));
    assert_eq!(endpoint.kinds, [EventKind::TagMoved]);
    assert_eq!(endpoint.secret.as_ref().unwrap().reveal(), "s3cret");
    assert_eq!((endpoint.timeout, endpoint.events_max), (Duration::from_secs(5), 4));
    assert_eq!(endpoint.keep, Duration::from_hours(24));
    let quotas: Vec<_> = options.quotas.all().iter().map(|quota| quota.limits.clone()).collect();
    assert_eq!(quotas[0], [(Counted::Bytes, 9), (Counted::Tags, 8)]);
    assert_eq!(quotas[1], [(Counted::Blobs, 7), (Counted::Manifests, 6)]);
    let [ci, all] = options.retention.rules() else { panic!("{:?}", options.retention) };
    assert_eq!((ci.tags.keep, ci.tags.older_than), (Some(5), Some(Age { seconds: 30 * 86_400 })));
    assert_eq!(
        (ci.pulled_within, ci.untagged),
        (Some(Age { seconds: 14 * 86_400 }), Some(Untagged::For(Duration::from_hours(24))))
    );
    assert!(!all.tags.take_away() && all.untagged == Some(Untagged::Keep), "{all}");
}

#[test]
fn what_files_say_is_wrong_at_the_place_that_names_them() {
    let rule = "[[rules]]\nrepositories = [\"*\"]\nactions = [\"read\"]\n";
    for (text, said) in [
        ("groups = [\"owners\"]\n", "serve.toml:4:11: there is no group `owners`"),
        ("keys = [\"deploy\"]\n", "serve.toml:4:9: there is no key `deploy`"),
        (
            "users = [\"ada\"]\n[auth]\nhtpasswd = \"groups\"\n",
            "serve.toml:6:12: /etc/registry/groups: line 1, column 9: the hash is neither bcrypt ($2y$) nor Argon2 ($argon2id$)",
        ),
        (
            "users = [\"ada\"]\n[auth.tokens]\nkeys = [\"access\"]\n",
            "serve.toml:6:9: /etc/registry/access: a key that seals tokens has at least 32 bytes",
        ),
        (
            "everyone = true\n[auth]\ngroups-file = \"absent\"\n",
            "serve.toml:6:15: cannot read /etc/registry/absent: entity not found",
        ),
        (
            "everyone = true\n[tls]\ncertificate = \"users\"\nkey = \"users\"\n",
            "serve.toml:6:15: /etc/registry/users: there is no chain of 1 to 16 certificates (PEM) in it",
        ),
    ] {
        assert_eq!(wrong_with_files(&format!("{rule}{text}")), said);
    }
    // Who went is only told of.
    let gone = read(&format!("{rule}users = [\"ada\", \"eve\"]\n[auth]\nhtpasswd = \"users\"\n"), &[]).unwrap();
    let (_, odd) = gone.access(&SigningKey::random(), &files).unwrap();
    assert_eq!(odd.iter().map(ToString::to_string).collect::<Vec<_>>(), ["nobody can come in as `eve`"]);
}

#[test]
fn a_key_ends_with_its_user_and_the_operator_is_told() {
    let hash = registry::access::ApiKey::hash_of("x");
    let key = |user: &str| format!("[[auth.keys]]\nid = \"of-{user}\"\nuser = \"{user}\"\nhash = \"{hash}\"\n");
    let rule = "[[rules]]\nrepositories = [\"*\"]\nusers = [\"*\"]\nactions = [\"read\"]\n";
    for (htpasswd, user, expected) in [
        ("htpasswd = \"users\"", "ada", None),
        ("htpasswd = \"users\"", "eve", Some("nobody comes in by the key `of-eve`: `eve` is not in the file of users")),
        // Where there is no such file, a key is all that a user has.
        ("", "eve", None),
    ] {
        let text = format!("[auth]\n{htpasswd}\n{}{rule}", key(user));
        let (access, odd) = read(&text, &[]).unwrap().access(&SigningKey::random(), &files).unwrap();
        assert_eq!(odd.iter().map(ToString::to_string).collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
        let Access::Rules(options) = access else { panic!("{access:?}") };
        assert_eq!(options.keys.len(), usize::from(expected.is_none()), "{text}");
    }
}

#[test]
fn what_changes_only_with_a_start_is_named() {
    let old = read(EVERY_KEY, &[]).unwrap();
    assert_eq!(old.fixed_changes(&old), [""; 0]);
    for (from, to, named) in [
        ("uploads = 6", "uploads = 7", vec!["limits.uploads"]),
        ("root = \"data\"", "", vec!["root"]),
        ("ada@db", "ada:s3cret@db", vec!["database.url"]),
        ("users = [\"ada\", \"*\"]", "users = [\"bob\"]", vec![]),
        ("lifetime = \"3m\"", "lifetime = \"4m\"", vec![]),
        ("server.pem", "other.pem", vec![]),
    ] {
        assert!(EVERY_KEY.contains(from));
        assert_eq!(old.fixed_changes(&read(&EVERY_KEY.replacen(from, to, 1), &[]).unwrap()), named, "{from}");
    }
}

#[test]
fn every_key_has_a_variable_and_is_shown_as_it_is() {
    let whole = read(EVERY_KEY, &[]).unwrap().settings();
    let keys: Vec<&str> = whole.iter().map(|setting| setting.key).collect();
    let known = variables();
    assert_eq!(keys, known.iter().map(|variable| variable.key.as_str()).collect::<Vec<_>>());
    // What was said in the file and what is said by variables alone come to the same.
    let bare = |value: &str| value.trim_matches('"').to_owned();
    let said = whole.iter().zip(&known).map(|(setting, variable)| (variable.name.clone(), bare(&setting.value)));
    let by_variables = Configuration::read(None, &said.collect()).unwrap();
    assert_eq!(by_variables.settings(), whole);
    // And a file of what is shown.
    let lines = file(&whole);
    assert_eq!(read(&lines, &[]).unwrap().settings(), whole);
}

#[test]
fn the_defaults_of_the_reference_are_those_of_the_code() {
    let settings = Configuration::default().settings();
    for variable in variables() {
        let Some(setting) = settings.iter().find(|setting| setting.key == variable.key) else { continue };
        let shown = format!("`{}`", setting.value.trim_matches('"'));
        assert!(variable.meaning.contains(&shown), "{}: {} has no {shown}", variable.key, variable.meaning);
    }
}

#[test]
fn immutable_tags_are_said_in_tables() {
    let rules = |text: &str| read(text, &[]).unwrap().options.immutable;
    let two =
        rules("[[immutable]]\ntags = [\"v*\"]\n[[immutable]]\nrepositories = [\"team/*\"]\ntags = [\"latest\"]\n");
    let covers = |repository: &str, tag: &str| two.covers(&repository.parse().unwrap(), tag);
    assert!(covers("app", "v1") && covers("team/app", "latest"));
    assert!(!covers("app", "latest") && !covers("app", "1"));
    assert!(rules("").is_empty());
    let missing = wrong("[[immutable]]\nexcept = [\"v*\"]\n");
    assert!(missing.contains("`tags`"), "{missing}");
    let pattern = wrong("[[immutable]]\ntags = [\"v{1,2}\"]\n");
    assert!(pattern.contains("serve.toml:2:9"), "{pattern}");
}

#[test]
fn what_is_wrong_with_endpoints_quotas_and_retention_is_said() {
    for (text, said) in [
        ("[[events]]\nname = \"a\"\nurl = \"ftp://x/\"\n", "serve.toml:3:7"),
        ("[[events]]\nname = \"a\"\nurl = \"http://ada:s3cret@x/\"\n", "has a user in it"),
        ("[[events]]\nname = \"a\"\nurl = \"http://x/\"\nevents = [\"pull\"]\n", "`pull` is no event"),
        (
            "[[events]]\nname = \"a\"\nurl = \"http://x/\"\n[[events]]\nname = \"a\"\nurl = \"http://y/\"\n",
            "two endpoints are called `a`",
        ),
        ("[[quotas]]\nbytes = 1\n", "a quota is for `repositories` or for a `namespace`"),
        ("[[quotas]]\nnamespace = \"A\"\nbytes = 1\n", "serve.toml:2:13"),
        ("[[quotas]]\nnamespace = \"a\"\n", "the quota limits nothing"),
        ("[[retention]]\nkeep = 1\n", "`repositories`"),
        ("[[retention]]\nrepositories = [\"*\"]\n", "the rule says nothing"),
        ("[[retention]]\nrepositories = [\"*\"]\ntags = [\"ci-*\"]\n", "does not say which tags stay"),
        ("[[retention]]\nrepositories = [\"*\"]\nkeep = 0\n", "serve.toml:3"),
        ("[[retention]]\nrepositories = [\"*\"]\nkeep = 1000001\n", "1000000 at most"),
        ("[[retention]]\nrepositories = [\"*\"]\npushed-within = \"30\"\n", "serve.toml:3"),
        ("[[retention]]\nrepositories = [\"*\"]\nuntagged = \"never\"\n", "serve.toml:3"),
    ] {
        let found = wrong(text);
        assert!(found.contains(said), "{text}: {found}");
    }
}

#[test]
fn what_is_wrong_with_an_issuer_is_said() {
    let issuer = "[[auth.oidc]]\nname = \"ci\"\nissuer = \"https://issuer.example\"\naudience = \"registry\"\n";
    for (text, said) in [
        (issuer.replace("\"ci\"", "\"certificate\""), "no issuer is called `certificate`"),
        (issuer.replace("https:", "http:"), "`issuer` is no URL of `https`"),
        (issuer.replace("https://", "https://ada:s3cret@"), "has a user, a query or a fragment in it"),
        (issuer.replace("\"registry\"", "\"\""), "`audience` has 1 to 1024 bytes"),
        (issuer.replace("audience = \"registry\"\n", ""), "`audience`"),
        (format!("{issuer}algorithms = [\"HS256\"]\n"), "`HS256` is no algorithm that is taken"),
        (format!("{issuer}algorithms = []\n"), "`algorithms` has nothing in it"),
        (format!("{issuer}skew = \"11m\"\n"), "`skew` is at most 10m"),
        (format!("{issuer}claims = {{}}\n"), "`claims` has nothing in it"),
        (format!("{issuer}claims = {{ \"\" = \"a\" }}\n"), "this cannot be the name of a claim"),
        (format!("{issuer}keys-file = \"keys\"\nkeys-url = \"https://issuer.example/keys\"\n"), "say nothing"),
        (format!("{issuer}{issuer}"), "two issuers are called `ci`"),
        (format!("{issuer}{}", issuer.replace("\"ci\"", "\"cd\"")), "another table is of the same issuer"),
    ] {
        let found = wrong(&text);
        assert!(found.contains(said) && found.contains("serve.toml:"), "{text}: {found}");
        // What is said points into the text, which the operator has; a secret in it is not said once more.
        assert!(!found.lines().next().unwrap().contains("s3cret"), "{found}");
    }
    let rule = "[[rules]]\nrepositories = [\"*\"]\nactions = [\"read\"]\nissuer = \"ci\"\n";
    let with_keys = format!("{issuer}keys-file = \"groups\"\n{rule}");
    assert!(wrong_with_files(&with_keys).starts_with("serve.toml:5:13: /etc/registry/groups: "));
}

#[test]
fn a_variable_wins_over_the_file() {
    let file = "listen = \"127.0.0.1:1\"\nroot = \"data\"\n[limits]\nuploads = 6\ntags-page = 5\n";
    let variables = [("LISTEN", "[::1]:2"), ("ROOT", "here"), ("LIMITS_UPLOADS", "7"), ("COLLECT_UNTAGGED", "3d")];
    let both = read(file, &variables).unwrap();
    assert_eq!(both.listen.to_string(), "[::1]:2");
    assert_eq!(both.root.as_deref(), Some(Path::new("here")), "relative to where the server starts");
    assert_eq!((both.options.uploads_max, both.options.tags_page), (7, 5));
    assert_eq!(both.collect.keeping.untagged, Some(Duration::from_hours(72)));
}

#[test]
fn an_address_that_others_reach_needs_a_word() {
    for private in ["127.0.0.1:0", "127.8.9.1:80", "[::1]:5000", "[::ffff:127.0.0.1]:5000"] {
        read(&format!("listen = \"{private}\""), &[]).unwrap();
    }
    for public in ["0.0.0.0:5000", "[::]:5000", "192.0.2.1:80", "[::ffff:192.0.2.1]:80"] {
        let text = format!("listen = \"{public}\"");
        let said = wrong(&text);
        assert!(said.contains("serve.toml:1:10") && said.contains("help: auth.anonymous = "), "{said}");
        assert!(wrong_variable("LISTEN", public).starts_with("SUPERCARGO_SERVE_LISTEN: others can reach "));
        read(&text, &[("AUTH_ANONYMOUS", "everything")]).unwrap();
        read(&format!("auth.anonymous = \"everything\"\n{text}"), &[]).unwrap();
        read(&text, &[("LISTEN", "127.0.0.1:5000")]).unwrap();
    }
}

#[test]
fn errors_point_at_the_place() {
    let cases = [
        (
            "[collect]\nleese = \"1h\"\n",
            "`leese` is not a key that is known here\n --> serve.toml:2:1\n  |\n2 | leese = \"1h\"\n  | ^^^^^ did you mean `lease`?\n\
             help: write `lease` in its place",
        ),
        (
            "[limits]\nuploads = 0\n",
            "`uploads` is 0, not a whole number above zero\n --> serve.toml:2:11\n  |\n2 | uploads = 0\n  |           ^",
        ),
        (
            "listen = \"localhost:5000\"",
            "`localhost:5000` is no address with a port\n --> serve.toml:1:10\n  |\n1 | listen = \"localhost:5000\"\n  \
             |          ^^^^^^^^^^^^^^^^\nhelp: listen = \"127.0.0.1:5000\"   # or \"[::1]:5000\"",
        ),
        (
            "\n[collect]\nuntagged = \"never\"",
            "`never` is no time\n --> serve.toml:3:12\n  |\n3 | untagged = \"never\"\n  |            ^^^^^^^\n\
             help: untagged = \"3d\"   # or 90m, 12h, 2w",
        ),
    ];
    for (text, said) in cases {
        assert_eq!(wrong(text), said);
    }
    for text in [
        "[auth]\nanonymous = \"something\"",
        "[collect]\nperiod = \"0s\"",
        "[collect]\nlease = \"521w\"",
        "[limits]\ntags-page = 100001",
        "[limits]\nblob-bytes = 9223372036854775807",
        "[limits]\nuploads = \"6\"",
        "deletes = \"no\"",
        "root = \"\"",
        "collect = true",
        "[database]\nurl = \"mysql://db.example\"",
        "[blobs]\nurl = \"https://images\"",
        "[blobs]\nendpoint = \"https://key:secret@s3.example\"",
        "[tls]\nminimum = \"1.1\"",
        "[tls]\nkey = \"server.key\"",
        "[auth]\nhtpasswd = \"users\"",
        "[auth]\ngroups = { owners = \"ada\" }",
        "[auth]\ngroups = { owners = [\"a b\"] }",
        "[[auth.keys]]\nid = \"a\"\nuser = \"b\"\nhash = \"sha256:00\"",
        "[auth.tokens]\nservice = \"a\\\"b\"",
        "[[rules]]\nrepositories = [\"*\"]\nactions = [\"read\"]",
        "[[rules]]\nrepositories = []\nactions = [\"read\"]\neveryone = true",
        "[[rules]]\nrepositories = [\"*\"]\nactions = [\"fly\"]\neveryone = true",
        "[[rules]]\nrepositories = [\"a[\"]\nactions = [\"read\"]\neveryone = true",
        "[[rules]]\nrepositories = [\"*\"]\neveryone = true",
        "[log]\nlevel = \"loud\"",
        "listen = \"127.0.0.1:5000\"\nlisten = \"127.0.0.1:5001\"",
        "listen = ",
    ] {
        assert!(wrong(text).contains(" --> serve.toml:"), "{text}");
    }
    assert!(read(&"#".repeat(FILE_MAX_BYTES + 1), &[]).is_err());
}

#[test]
fn errors_name_the_variable() {
    let cases = [
        (
            "LIMITS_UPLOADS",
            "many",
            "SUPERCARGO_SERVE_LIMITS_UPLOADS: `uploads` is string, not a whole number above zero",
        ),
        (
            "LIMITS_UPLOADS",
            "1\nroot = \"x\"",
            "SUPERCARGO_SERVE_LIMITS_UPLOADS: `uploads` is string, not a whole number above zero",
        ),
        ("DELETES", "yes", "SUPERCARGO_SERVE_DELETES: `deletes` is string, not `true` or `false`"),
        ("COLLECT_LEASE", "1h\"", "SUPERCARGO_SERVE_COLLECT_LEASE: `1h\\\"` is no time"),
        ("COLLECT_LEESE", "1h", "SUPERCARGO_SERVE_COLLECT_LEESE: no key of the configuration has this variable"),
        ("COLLECT", "{}", "SUPERCARGO_SERVE_COLLECT: no key of the configuration has this variable"),
    ];
    for (name, value, said) in cases {
        assert_eq!(wrong_variable(name, value), said);
    }
    match read("", &[("COLLECT_LEESE", "1h")]).unwrap_err() {
        ConfigurationError::Variable { problem, .. } => {
            assert_eq!(problem.help.as_deref(), Some("did you mean SUPERCARGO_SERVE_COLLECT_LEASE?"));
        }
        other @ ConfigurationError::File(_) => panic!("{other}"),
    }
}

#[test]
fn the_schema_in_the_documentation_is_that_of_the_code() {
    let documented: Value = serde_json::from_str(include_str!("../../../../docs/formats/server.schema.json")).unwrap();
    assert!(
        documented == json_schema(),
        "docs/formats/server.schema.json is not what the code makes: cargo xtask schema"
    );
}

proptest! {
    #[test]
    fn whatever_is_read_can_be_shown_and_read_again(text in "(listen|root|\\[collect\\]\n(lease|period|untagged)) = \"[0-9a-z:.\\[\\]é]{0,12}\"") {
        if let Ok(read) = read(&text, &[]) {
            let lines = file(&read.settings());
            let again = Configuration::read(Some((&lines, Path::new(""))), &BTreeMap::new()).unwrap();
            prop_assert_eq!(again.settings(), read.settings());
        }
    }

    #[test]
    fn no_text_breaks_it(text in "\\PC{0,80}", value in "\\PC{0,20}") {
        let _ = read(&text, &[]);
        for variable in variables() {
            let _ = Configuration::read(None, &BTreeMap::from([(variable.name, value.clone())]));
        }
    }
}

#[test]
fn what_stands_behind_the_host_of_an_events_url_does_not_show_and_a_change_of_it_does() {
    let events = |path: &str| {
        let text = format!("events = [{{ name = \"chat\", url = \"https://hooks.example{path}\" }}]");
        read(&text, &[]).unwrap()
    };
    let (old, new) = (events("/hook/s3cret?token=t0ken"), events("/hook/other"));
    let shown = file(&old.settings());
    assert!(shown.contains("\"https://hooks.example/***\""), "{shown}");
    assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
    assert_eq!(old.fixed_changes(&new), ["events"]);
    assert!(file(&events("").settings()).contains("\"https://hooks.example\""));
}

#[test]
fn who_is_let_in_behind_a_proxy_has_to_be_said_also_on_loopback() {
    for proxy in ["tls.proxy = true", "[proxies]\ntrusted = [\"10.0.0.1\"]"] {
        let Err(ConfigurationError::File(problem)) = read(proxy, &[]) else { panic!("{proxy}") };
        assert!(problem.message.ends_with("nothing says what they may do"), "{problem}");
        assert!(read(&format!("auth.anonymous = \"everything\"\n{proxy}"), &[]).is_ok(), "{proxy}");
    }
    assert!(read("tls.proxy = false", &[]).is_ok() && read("proxies.trusted = []", &[]).is_ok());
    let variables = [("SUPERCARGO_SERVE_TLS_PROXY", "true")];
    assert!(matches!(read("", &variables), Err(ConfigurationError::Variable { .. })));
}

#[test]
fn limits_and_networks_that_say_nothing_are_errors() {
    for (text, message) in [
        ("proxies.trusted = [\"10.0.0.1/8\"]", "`10.0.0.1/8`: the address of the network has bits behind its prefix"),
        ("proxies.trusted = [\"proxy\"]", "`proxy`: this is neither an address nor a network as 10.0.0.0/8"),
        ("rate-limits = [{ of = \"pulls\", requests = 0 }]", "`requests` is 0, not a whole number above zero"),
        ("rate-limits = [{ of = \"pulls\", requests = 1, burst = 0 }]", "`burst` is 0, not a whole number above zero"),
        (
            "rate-limits = [{ of = \"failed-logins\", requests = 1, repositories = [\"a\"] }]",
            "nobody comes in to some repositories alone: failed logins are of all",
        ),
    ] {
        let Err(ConfigurationError::File(problem)) = read(text, &[]) else { panic!("{text}") };
        assert_eq!(problem.message, message);
    }
}

#[test]
fn a_configuration_prints_no_secret() {
    let text = "[database]\nurl = \"postgres://ada:geheim@host/db\"\n[[events]]\nname = \"hook\"\n\
                url = \"https://h.example/hook?token=geheim\"\n";
    let configuration = Configuration::read(Some((text, Path::new(""))), &BTreeMap::new()).unwrap();
    let printed = format!("{configuration:?}");
    assert!(printed.contains("hook") && !printed.contains("geheim"), "{printed}");
}
