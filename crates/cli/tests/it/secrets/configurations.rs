//! What is said of a server's configuration that cannot be, or that leads nowhere.

use std::fs;

use super::planted::secret;
use super::serving::{needles, search, write_secrets};
use crate::desk::{Desk, Outcome};

/// Lines of a configuration that cannot be, or that leads nowhere, and variables that say the same.
fn broken() -> Vec<(String, Vec<(&'static str, String)>)> {
    let file = |text: String| (text, Vec::new());
    let s = |name: &str| secret(name);
    vec![
        file(format!("database.url = \"postgres://ada:{}@127.0.0.1:1/db\"", s("pg"))),
        file(format!("database.url = \"postgres://127.0.0.1:1/db?user=ada&password={}\"", s("pg"))),
        file(format!("database.url = \"postgres://ada:{}@127.0.0.1:port/db\"", s("pg"))),
        file(format!("database.url = \"mysql://ada:{}@127.0.0.1/db\"", s("pg"))),
        file(format!("database.url = \"postgres://ada:{}@127.0.0.1:1/db\nlisten = 1", s("pg"))),
        file(format!("database.url = [\"postgres://ada:{}@127.0.0.1:1/db\"]", s("pg"))),
        file(format!("[database]\nurl = \"postgres://ada@127.0.0.1:1/db\"\npassword = \"{}\"", s("pg"))),
        file("[database]\nurl = \"postgres://ada@127.0.0.1:1/db\"\npassword-file = \"secrets/one\"".to_owned()),
        file("[database]\nurl = \"postgres://ada@127.0.0.1:1/db\"\npassword-file = \"secrets/two\"".to_owned()),
        file(format!("[blobs]\nurl = \"s3://key:{}@bucket\"", s("s3"))),
        file(format!("[blobs]\nurl = \"s3://bucket?secret={}\"", s("s3"))),
        file(format!("[blobs]\nurl = \"s3://bucket\"\nendpoint = \"http://key:{}@127.0.0.1:1\"", s("s3"))),
        file(format!("[blobs]\nurl = \"s3://bucket\"\nsecret-key = \"{}\"", s("s3"))),
        file("[blobs]\nurl = \"s3://bucket\"\nendpoint = \"http://127.0.0.1:1\"".to_owned()),
        file(
            "[blobs]\nurl = \"s3://bucket\"\naccess-key-file = \"secrets/two\"\nsecret-key-file = \"secrets/two\""
                .to_owned(),
        ),
        file("[auth]\nhtpasswd = \"secrets/plain-users\"".to_owned()),
        file("[auth]\nhtpasswd = \"secrets/broken-users\"".to_owned()),
        file("[auth]\nhtpasswd = \"secrets/broken-hash\"".to_owned()),
        file("[auth]\ngroups-file = \"secrets/broken-users\"".to_owned()),
        file(format!("[auth]\nusers = {{ captain = \"{}\" }}", s("users"))),
        file(format!("[[auth.keys]]\nid = \"a\"\nuser = \"a\"\nhash = \"{}\"", s("hash"))),
        file(format!("[[auth.keys]]\nid = \"a\"\nuser = \"a\"\nkey = \"{}\"", s("hash"))),
        file("[auth.tokens]\nkeys = [\"secrets/one\"]".to_owned()),
        file(format!("[auth.tokens]\nrealm = \"https://u:{}@h/token\"", s("realm"))),
        file(format!("[[auth.oidc]]\nname = \"ci\"\nissuer = \"https://u:{}@h\"\naudience = \"x\"", s("oidc"))),
        file(format!("[[auth.oidc]]\nname = \"ci\"\nissuer = \"https://h\"\nclient-secret = \"{}\"", s("oidc"))),
        file("[tls]\ncertificate = \"secrets/broken.pem\"\nkey = \"secrets/broken.pem\"".to_owned()),
        file(format!("[tls]\ncertificate = \"a\"\nkey = \"b\"\npassphrase = \"{}\"", s("tls"))),
        file(format!("[[events]]\nname = \"hook\"\nurl = \"https://u:{}@127.0.0.1:1/hook\"", s("hook"))),
        file(format!("[[events]]\nname = \"hook\"\nurl = \"https://127.0.0.1:1/hook?token={}\"", s("hook"))),
        file(format!("[[events]]\nname = \"hook\"\nurl = \"https://127.0.0.1:1/hook\"\nsecret = \"{}\"", s("hook"))),
        file(
            "[[events]]\nname = \"hook\"\nurl = \"https://127.0.0.1:1/hook\"\nsecret-file = \"secrets/two\"".to_owned(),
        ),
        file(format!("[traces]\nendpoint = \"http://u:{}@127.0.0.1:1\"", s("traces"))),
        file(format!("[traces]\nendpoint = \"http://127.0.0.1:1/v1?token={}\"", s("traces"))),
        file("[traces]\nendpoint = \"http://127.0.0.1:1\"\nheaders-file = \"secrets/broken-headers\"".to_owned()),
        file(format!("[traces]\nheaders = [\"authorization={}\"]", s("traces"))),
        (String::new(), vec![("SUPERCARGO_SERVE_DATABASE_URL", format!("postgres://ada:{}@127.0.0.1:1/db", s("env")))]),
        (
            String::new(),
            vec![("SUPERCARGO_SERVE_DATABASE_URL", format!("postgres://ada:{}@127.0.0.1:port/db", s("env")))],
        ),
        (String::new(), vec![("SUPERCARGO_SERVE_DATABASE_URL", s("env"))]),
        (String::new(), vec![("SUPERCARGO_SERVE_DATABASE_PASSWORD", s("env"))]),
        (String::new(), vec![("SUPERCARGO_SERVE_BLOBS_URL", format!("s3://k:{}@bucket", s("env")))]),
        (String::new(), vec![("SUPERCARGO_SERVE_BLOBS_SECRET_KEY", s("env"))]),
        (String::new(), vec![("SUPERCARGO_SERVE_BLOBS_ENDPOINT", format!("http://k:{}@127.0.0.1:1", s("env")))]),
        (
            "blobs.url = \"s3://bucket\"".to_owned(),
            vec![
                ("AWS_ENDPOINT_URL", format!("http://k:{}@127.0.0.1:1", s("env"))),
                ("AWS_ACCESS_KEY_ID", s("id")),
                ("AWS_SECRET_ACCESS_KEY", s("key")),
            ],
        ),
        (
            "[blobs]\nurl = \"s3://bucket\"\nendpoint = \"http://127.0.0.1:1\"".to_owned(),
            vec![
                ("AWS_ACCESS_KEY_ID", s("id")),
                ("AWS_SECRET_ACCESS_KEY", s("key")),
                ("AWS_SESSION_TOKEN", s("session")),
            ],
        ),
        (String::new(), vec![("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://u:{}@127.0.0.1:1", s("env")))]),
        (String::new(), vec![("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization={}", s("env")))]),
    ]
}

#[test]
fn a_configuration_that_cannot_be_is_told_without_its_secrets() {
    let needles = needles(&[]);
    let (mut wrong, mut failed) = (Vec::new(), 0);
    for (number, (text, variables)) in broken().into_iter().enumerate() {
        let desk = Desk::new();
        write_secrets(&desk.path("secrets"));
        desk.write("serve.toml", &format!("root = \"registry\"\n{text}\n"));
        // The first does all but to listen; the second meets places that cannot be reached.
        for command in [&["serve", "--check"][..], &["serve", "scrub"]] {
            let form = if number.is_multiple_of(2) { "json" } else { "table" };
            let mut command =
                desk.command(&[&["-vv", "--format", form], command, &["--config", "serve.toml"]].concat());
            command.env("RUST_BACKTRACE", "1").envs(variables.iter().map(|(name, value)| (name, value)));
            let outcome = Outcome::of(command.output().unwrap());
            failed += usize::from(outcome.code != 0);
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(!said.contains("panicked"), "{text}{variables:?}: {said}");
            wrong
                .extend(needles.find(said.as_bytes()).iter().map(|found| format!("{text}{variables:?}:\n    {found}")));
        }
        let _ = fs::remove_file(desk.path("serve.toml"));
        search(&needles, &desk.path(""), &mut wrong);
    }
    assert!(failed > 60, "only {failed} failed");
    assert!(wrong.is_empty(), "{} times:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn other_files_that_cannot_be_are_told_without_their_secrets() {
    let (needles, desk) = (needles(&[]), Desk::new());
    let password = secret("password");
    let mirror = "[[mirror]]\nfrom = \"127.0.0.1:1/a\"\nto = \"oci:x\"";
    let regsync = "sync:\n- source: 127.0.0.1:1/a\n  target: 127.0.0.1:1/b\n  type: repository";
    for (file, text, arguments) in [
        ("mirror.toml", format!("{mirror}\npassword = \"{password}\"\n"), &["mirror", "mirror.toml"][..]),
        ("mirror.toml", format!("api-token = \"{password}\"\n{mirror}\n"), &["mirror", "mirror.toml"]),
        (
            "regsync.yml",
            format!("version: 1\ncreds:\n- registry: x\n  pass: {password}\n{regsync}: [\n"),
            &["mirror", "regsync.yml"],
        ),
        ("regsync.yml", format!("version: 1\ncreds: [{{pass: {password}\n{regsync}\n"), &["mirror", "regsync.yml"]),
        (
            "skopeo.yml",
            format!("x:\n  images: 1\n  credentials: {{password: {password}}}\n"),
            &["mirror", "skopeo.yml", "--to", "oci:y"],
        ),
        ("Supercargo.toml", format!("[images]\n[registry]\ntoken = \"{password}\"\n"), &["lock"]),
        (
            "Supercargo.toml",
            format!("[images]\nweb = {{ repo = \"h.example/web\", password = \"{password}\" }}\n"),
            &["lock"],
        ),
    ] {
        desk.write(file, &text);
        let said = desk.fails(arguments, 2);
        assert_eq!(needles.find(said.as_bytes()), [""; 0], "{text}");
    }
}
