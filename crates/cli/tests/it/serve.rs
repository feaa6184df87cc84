//! A registry in a process of its own.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use oci::Digest;

use crate::desk::{Desk, Outcome};
use crate::served::Served;

#[test]
fn what_was_pushed_without_a_configuration_is_there_after_a_restart() {
    let (desk, _application) = Desk::with_application();
    let first = Served::start(&desk);
    desk.ok(&["copy", "oci:app:1.0", &first.at("shop:1.0")]);
    desk.write("report.md", "# report\n");
    desk.ok(&["push", "report.md", &first.at("report:1"), "--type", "application/vnd.example.report"]);
    let address = first.address;
    assert_eq!(
        first.terminate(),
        format!(
            "note: connections are accepted at http://{address}\n\
             note: ending once the requests under way have been answered; another signal ends at once\n\
             note: all connections are closed\n"
        )
    );
    for file in ["metadata.db", "blobs", "lock"] {
        assert!(desk.path("home/.local/share/supercargo/registry").join(file).exists(), "{file}");
    }

    let second = Served::start(&desk);
    let copied = desk.ok(&["copy", &second.at("shop:1.0"), "oci:back:1.0"]);
    assert!(copied.contains("proven: "), "{copied}");
    desk.ok(&["pull", &second.at("report:1"), "--output", "reports"]);
    assert_eq!(std::fs::read_to_string(desk.path("reports/report.md")).unwrap(), "# report\n");
    if let Some(skopeo) = testkit::peers::tool("skopeo") {
        let shop = format!("docker://{}", second.at("shop:1.0"));
        let read = skopeo.run(["inspect", "--raw", "--tls-verify=false", &shop]);
        assert!(read.contains("application/vnd.oci.image.index.v1+json"), "{read}");
    }
    second.terminate();
}

#[test]
fn a_check_shows_every_setting() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("etc")).unwrap();
    desk.write("etc/serve.toml", "root = \"data\"\n[collect]\nuntagged = \"keep\"\n");
    let mut command = desk.command(&["serve", "--config", "etc/serve.toml", "--check"]);
    let checked = Outcome::of(command.env("SUPERCARGO_SERVE_LIMITS_UPLOADS", "7").output().unwrap());
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(checked.stdout, @r#"
    listen = "127.0.0.1:5000"
    root = "etc/data"
    deletes = true
    tls.proxy = false
    http2.tls = true
    http2.cleartext = false
    http2.streams = 100
    auth.remember = "5m"
    collect.enabled = true
    collect.lease = "1h"
    collect.untagged = "keep"
    collect.period = "1m"
    limits.blob-bytes = 1099511627776
    limits.uploads = 7
    limits.uploads-each = 250
    limits.upload-lifetime = "1h"
    limits.idle-timeout = "1m"
    limits.shutdown-grace = "10s"
    limits.tags-page = 10000
    limits.referrers-page = 1000
    manifests.sparse = false
    scrub.enabled = true
    scrub.period = "1w"
    scrub.bytes-per-second = 8388608
    log.format = "text"
    log.level = "info"
    log.decisions = "denied"
    log.requests = "none"
    log.slow = "1s"
    metrics.public = false
    "#);
    assert!(!desk.path("etc/data").exists(), "a check makes nothing");
    let document = desk.json(&["serve", "--check"]);
    assert_eq!(document["address"], "127.0.0.1:5000");
    let usual = desk.path("home/.local/share/supercargo/registry");
    assert_eq!(document["root"].as_str(), usual.to_str());
}

#[test]
fn the_help_names_every_variable() {
    let help = Desk::new().ok(&["serve", "--help"]);
    let (head, rest) = help.split_once("Global options:").unwrap();
    insta::assert_snapshot!(head, @r"
    Run a registry

    Without a configuration it listens on 127.0.0.1:5000 and keeps everything in one directory below the
    user's data directory. It prints its address once it accepts connections. What callers see only as
    status 500 is told on the standard error.

    SIGTERM and SIGINT end it: no new connections, requests under way are given `limits.shutdown-grace`,
    then exit code 0. A second signal ends it at once. SIGHUP reads the file again, and with it users,
    keys, rules and the certificate; what is wrong leaves all as it was.

    Usage: supercargo serve [OPTIONS]
           supercargo serve <COMMAND>

    Commands:
      audit      Compare what lies in blob storage with what the database names
      hold       Keep manifests of a registry, whether or not anything needs them
      key        Make a key for a program
      import     Take over what another registry keeps in a directory
      reindex    Make the database anew from what lies beside it
      retention  Show which tags go by the rules of retention, and why
      scrub      Read every byte that is kept, and find the bad ones

    Options:
          --config <FILE>
              The configuration (TOML)

          --check
              Only check the configuration, and show all of it as the server would see it

      -h, --help
              Print help (see a summary with '-h')
    ");
    let variables = &rest[rest.find("Variables, ").unwrap()..];
    insta::assert_snapshot!(variables, @r"
    Variables, which win over the file:
      SUPERCARGO_SERVE_LISTEN                  listen
      SUPERCARGO_SERVE_ROOT                    root
      SUPERCARGO_SERVE_DELETES                 deletes
      SUPERCARGO_SERVE_DATABASE_URL            database.url
      SUPERCARGO_SERVE_DATABASE_PASSWORD_FILE  database.password-file
      SUPERCARGO_SERVE_BLOBS_URL               blobs.url
      SUPERCARGO_SERVE_BLOBS_ENDPOINT          blobs.endpoint
      SUPERCARGO_SERVE_BLOBS_REGION            blobs.region
      SUPERCARGO_SERVE_BLOBS_PATH_STYLE        blobs.path-style
      SUPERCARGO_SERVE_BLOBS_ACCESS_KEY_FILE   blobs.access-key-file
      SUPERCARGO_SERVE_BLOBS_SECRET_KEY_FILE   blobs.secret-key-file
      SUPERCARGO_SERVE_TLS_CERTIFICATE         tls.certificate
      SUPERCARGO_SERVE_TLS_KEY                 tls.key
      SUPERCARGO_SERVE_TLS_MINIMUM             tls.minimum
      SUPERCARGO_SERVE_TLS_CLIENT_CA           tls.client-ca
      SUPERCARGO_SERVE_TLS_CLIENT_AUTH         tls.client-auth
      SUPERCARGO_SERVE_TLS_CLIENT_CRL          tls.client-crl
      SUPERCARGO_SERVE_TLS_CLIENT_NAME         tls.client-name
      SUPERCARGO_SERVE_TLS_PROXY               tls.proxy
      SUPERCARGO_SERVE_HTTP2_TLS               http2.tls
      SUPERCARGO_SERVE_HTTP2_CLEARTEXT         http2.cleartext
      SUPERCARGO_SERVE_HTTP2_STREAMS           http2.streams
      SUPERCARGO_SERVE_AUTH_ANONYMOUS          auth.anonymous
      SUPERCARGO_SERVE_AUTH_HTPASSWD           auth.htpasswd
      SUPERCARGO_SERVE_AUTH_GROUPS             auth.groups
      SUPERCARGO_SERVE_AUTH_GROUPS_FILE        auth.groups-file
      SUPERCARGO_SERVE_AUTH_REMEMBER           auth.remember
      SUPERCARGO_SERVE_AUTH_KEYS               auth.keys
      SUPERCARGO_SERVE_AUTH_OIDC               auth.oidc
      SUPERCARGO_SERVE_AUTH_TOKENS_KEYS        auth.tokens.keys
      SUPERCARGO_SERVE_AUTH_TOKENS_SERVICE     auth.tokens.service
      SUPERCARGO_SERVE_AUTH_TOKENS_REALM       auth.tokens.realm
      SUPERCARGO_SERVE_AUTH_TOKENS_LIFETIME    auth.tokens.lifetime
      SUPERCARGO_SERVE_AUTH_TOKENS_REFRESH_LIFETIME auth.tokens.refresh-lifetime
      SUPERCARGO_SERVE_AUTH_TOKENS_REQUIRED    auth.tokens.required
      SUPERCARGO_SERVE_RULES                   rules
      SUPERCARGO_SERVE_COLLECT_ENABLED         collect.enabled
      SUPERCARGO_SERVE_COLLECT_LEASE           collect.lease
      SUPERCARGO_SERVE_COLLECT_UNTAGGED        collect.untagged
      SUPERCARGO_SERVE_COLLECT_PERIOD          collect.period
      SUPERCARGO_SERVE_IMMUTABLE               immutable
      SUPERCARGO_SERVE_RETENTION               retention
      SUPERCARGO_SERVE_QUOTAS                  quotas
      SUPERCARGO_SERVE_EVENTS                  events
      SUPERCARGO_SERVE_PROXIES_TRUSTED         proxies.trusted
      SUPERCARGO_SERVE_PROXIES_HEADER          proxies.header
      SUPERCARGO_SERVE_RATE_LIMITS             rate-limits
      SUPERCARGO_SERVE_AUDIT_FILE              audit.file
      SUPERCARGO_SERVE_AUDIT_ON_FAILURE        audit.on-failure
      SUPERCARGO_SERVE_LIMITS_BLOB_BYTES       limits.blob-bytes
      SUPERCARGO_SERVE_LIMITS_UPLOADS          limits.uploads
      SUPERCARGO_SERVE_LIMITS_UPLOADS_EACH     limits.uploads-each
      SUPERCARGO_SERVE_LIMITS_UPLOAD_LIFETIME  limits.upload-lifetime
      SUPERCARGO_SERVE_LIMITS_IDLE_TIMEOUT     limits.idle-timeout
      SUPERCARGO_SERVE_LIMITS_SHUTDOWN_DELAY   limits.shutdown-delay
      SUPERCARGO_SERVE_LIMITS_SHUTDOWN_GRACE   limits.shutdown-grace
      SUPERCARGO_SERVE_LIMITS_TAGS_PAGE        limits.tags-page
      SUPERCARGO_SERVE_LIMITS_REFERRERS_PAGE   limits.referrers-page
      SUPERCARGO_SERVE_MANIFESTS_SPARSE        manifests.sparse
      SUPERCARGO_SERVE_SCRUB_ENABLED           scrub.enabled
      SUPERCARGO_SERVE_SCRUB_PERIOD            scrub.period
      SUPERCARGO_SERVE_SCRUB_BYTES_PER_SECOND  scrub.bytes-per-second
      SUPERCARGO_SERVE_LOG_FORMAT              log.format
      SUPERCARGO_SERVE_LOG_LEVEL               log.level
      SUPERCARGO_SERVE_LOG_DECISIONS           log.decisions
      SUPERCARGO_SERVE_LOG_REQUESTS            log.requests
      SUPERCARGO_SERVE_LOG_SLOW                log.slow
      SUPERCARGO_SERVE_METRICS_LISTEN          metrics.listen
      SUPERCARGO_SERVE_METRICS_PUBLIC          metrics.public
      SUPERCARGO_SERVE_TRACES_ENDPOINT         traces.endpoint
      SUPERCARGO_SERVE_TRACES_ENABLED          traces.enabled
      SUPERCARGO_SERVE_TRACES_SERVICE          traces.service
      SUPERCARGO_SERVE_TRACES_SAMPLE           traces.sample
      SUPERCARGO_SERVE_TRACES_FOLLOW           traces.follow
      SUPERCARGO_SERVE_TRACES_RESOURCE         traces.resource
      SUPERCARGO_SERVE_TRACES_HEADERS_FILE     traces.headers-file
      SUPERCARGO_SERVE_TRACES_TIMEOUT          traces.timeout
      SUPERCARGO_SERVE_TRACES_QUEUE            traces.queue

    Variables of OpenTelemetry, over which the file wins:
      OTEL_EXPORTER_OTLP_ENDPOINT
      OTEL_SERVICE_NAME
      OTEL_RESOURCE_ATTRIBUTES
      OTEL_TRACES_SAMPLER
      OTEL_TRACES_SAMPLER_ARG
      OTEL_SDK_DISABLED

    Examples:
      supercargo serve
      supercargo serve --config serve.toml --check
      SUPERCARGO_SERVE_LISTEN=127.0.0.1:5001 SUPERCARGO_SERVE_ROOT=registry supercargo serve
    ");
}

#[test]
fn a_configuration_that_cannot_be_read_is_told_with_its_place() {
    let desk = Desk::new();
    desk.write("serve.toml", "listen = \"127.0.0.1:5000\"\n\n[collect]\nperiot = \"5m\"\n");
    insta::assert_snapshot!(desk.fails(&["serve", "--config", "serve.toml", "--check"], 2), @r#"
    error: `periot` is not a key that is known here
     --> serve.toml:4:1
      |
    4 | periot = "5m"
      | ^^^^^^ did you mean `period`?
    help: write `period` in its place
    "#);
    desk.write("serve.toml", "listen = \"0.0.0.0:5000\"\n");
    insta::assert_snapshot!(desk.fails(&["serve", "--config", "serve.toml"], 2), @r#"
    error: others can reach 0.0.0.0:5000, and nothing says what they may do
     --> serve.toml:1:10
      |
    1 | listen = "0.0.0.0:5000"
      |          ^^^^^^^^^^^^^^ not a loopback address
    help: auth.anonymous = "everything"   # everybody may read, write and delete; or users and rules, or listen = "127.0.0.1:5000"
    "#);
    let mut command = desk.command(&["serve", "--check"]);
    let said = Outcome::of(command.env("SUPERCARGO_SERVE_LIMIT_UPLOADS", "7").output().unwrap());
    assert_eq!(said.code, 2);
    insta::assert_snapshot!(said.stderr, @r"
    error: SUPERCARGO_SERVE_LIMIT_UPLOADS: no key of the configuration has this variable
    help: did you mean SUPERCARGO_SERVE_LIMITS_UPLOADS?
    ");
    let said = desk.fails(&["serve", "--config", "absent.toml"], 9);
    assert!(said.starts_with("error: cannot read absent.toml"), "{said}");
    let mut homeless = desk.command(&["serve"]);
    let said = Outcome::of(homeless.env_remove("HOME").output().unwrap());
    assert_eq!(
        (said.code, said.stderr.lines().last()),
        (2, Some("help: SUPERCARGO_SERVE_ROOT=/var/lib/supercargo supercargo serve"))
    );
}

#[test]
fn a_request_under_way_is_answered_before_the_end() {
    let desk = Desk::new();
    let served = Served::start(&desk);
    let mut under_way = served.begin(b"content");
    served.send("-INT");
    served.is_closed();
    under_way.write_all(b"content").unwrap();
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(served.end().0, Some(0));

    let again = Served::start(&desk);
    let blob = again.ask(&format!("GET /v2/app/blobs/{}\r\n\r\n", Digest::sha256(b"content")));
    assert!(blob.starts_with("HTTP/1.1 200 ") && blob.ends_with("content"), "{blob}");
    again.terminate();
}

#[test]
fn what_does_not_end_within_the_grace_is_broken_off() {
    let desk = Desk::new();
    let served = Served::with(&desk, &[], &[("SUPERCARGO_SERVE_LIMITS_SHUTDOWN_GRACE", "1s")]);
    let mut under_way = served.begin(b"content");
    served.terminate();
    let mut rest = Vec::new();
    // A connection that is reset has ended as well.
    let _ = under_way.read_to_end(&mut rest);
    assert_eq!(rest, b"");
}

#[test]
fn a_second_signal_ends_at_once() {
    let desk = Desk::new();
    let served = Served::with(&desk, &[], &[("SUPERCARGO_SERVE_LIMITS_SHUTDOWN_GRACE", "1h")]);
    let _under_way = served.begin(b"content");
    served.send("-TERM");
    served.is_closed();
    served.send("-INT");
    assert_eq!(served.end().0, Some(130));
}

#[test]
fn a_directory_is_served_once_and_an_address_too() {
    let desk = Desk::new();
    let served = Served::start(&desk);
    let mut same_directory = desk.command(&["serve"]);
    let said = Outcome::of(same_directory.env("SUPERCARGO_SERVE_LISTEN", "127.0.0.1:0").output().unwrap());
    let root = desk.path("home/.local/share/supercargo/registry").display().to_string();
    assert_eq!(
        (said.code, said.stderr),
        (
            10,
            format!(
                "error: cannot serve {root}\n  caused by: {root} is served by another process\n\
                 help: SUPERCARGO_SERVE_ROOT=DIR supercargo serve\n"
            )
        )
    );
    let mut same_address = desk.command(&["serve"]);
    same_address.env("SUPERCARGO_SERVE_LISTEN", served.address.to_string()).env("SUPERCARGO_SERVE_ROOT", "other");
    let said = Outcome::of(same_address.output().unwrap());
    assert_eq!(said.code, 2);
    let (address, port) = (served.address, served.address.port());
    assert!(said.stderr.starts_with(&format!("error: cannot listen on {address}\n  caused by: ")), "{}", said.stderr);
    assert!(said.stderr.ends_with(&format!("help: ss --listening --tcp --processes 'sport = :{port}'\n")));
    served.terminate();
}

#[test]
fn a_failure_that_callers_are_not_told_is_told_on_the_standard_error() {
    let desk = Desk::new();
    let served = Served::with(&desk, &["--quiet"], &[("SUPERCARGO_SERVE_ROOT", "re\ngistry")]);
    std::fs::remove_dir_all(desk.path("re\ngistry/uploads")).unwrap();
    desk.write("re\ngistry/uploads", "in the way");
    let answer = served.put("content");
    assert!(answer.starts_with("HTTP/1.1 500 ") && !answer.contains("uploads"), "{answer}");
    let said = served.terminate();
    assert!(said.starts_with("error: cannot ") && said.contains("re\\u{a}gistry/uploads/"), "{said}");
    assert!(said.lines().all(|line| line.contains(": Not a directory ")), "{said}");
}

#[test]
fn what_nothing_needs_goes_while_it_is_served() {
    let desk = Desk::new();
    desk.write("serve.toml", "root = \"registry\"\n[collect]\nlease = \"1s\"\nperiod = \"1s\"\n");
    let served = Served::with(&desk, &["--config", "serve.toml"], &[]);
    let answer = served.put("content");
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let count = || files(&desk.path("registry/blobs")).len();
    assert_eq!(count(), 1);
    while count() > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        served.ask(&format!("GET /v2/app/blobs/{}\r\n\r\n", Digest::sha256(b"content"))).starts_with("HTTP/1.1 404 ")
    );
    let told = served.terminate();
    assert_eq!(told.lines().count(), 3, "{told}");
}

#[test]
fn what_a_tag_named_survives_a_restart() {
    let (desk, _application) = Desk::with_application();
    desk.write("serve.toml", "[[immutable]]\ntags = [\"1.*\"]\nexcept = [\"*-rc*\"]\n");
    desk.write("other.md", "# other\n");
    let arguments = ["--config", "serve.toml"];
    let variables = [("SUPERCARGO_SERVE_ROOT", "registry")];
    let first = Served::with(&desk, &arguments, &variables);
    for tag in ["1.0", "1.1-rc1", "latest"] {
        desk.ok(&["copy", "oci:app:1.0", &first.at(&format!("shop:{tag}"))]);
    }
    let push = |server: &Served, tag: &str| {
        let place = server.at(&format!("shop:{tag}"));
        desk.run(&["push", "other.md", &place, "--type", "application/vnd.example.report"])
    };
    let refused = push(&first, "1.0");
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(refused.stderr.contains("the tag 1.0 is immutable"), "{}", refused.stderr);
    assert_eq!(desk.run(&["delete", &first.at("shop:1.0")]).code, 5);
    assert_eq!((push(&first, "latest").code, push(&first, "1.1-rc1").code), (0, 0));
    let image = |server: &Served| {
        let told = desk.json(&["history", &server.at("shop:latest")]);
        told["registry"][0]["digest"].as_str().unwrap().to_owned()
    };
    let held = image(&first);
    let body = r#"{"kind":"legal","reason":"case 1"}"#;
    let put = format!("PUT /v2/shop/_supercargo/holds/{held}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    assert!(first.ask(&put).starts_with("HTTP/1.1 201 "));
    first.terminate();

    let second = Served::with(&desk, &arguments, &variables);
    assert_eq!(image(&second), held);
    let refused = second.ask(&format!("DELETE /v2/shop/manifests/{held}\r\n\r\n"));
    assert!(refused.starts_with("HTTP/1.1 403 ") && refused.contains("immutable"), "{refused}");
    desk.ok(&["history", &second.at("shop:latest"), "--revert", "1"]);
    let refused = second.ask("DELETE /v2/shop/manifests/latest\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 403 ") && refused.contains("case 1"), "{refused}");
    let told = desk.json(&["history", &second.at("shop:latest")]);
    assert_eq!(told["registry"].as_array().unwrap().len(), 3, "{told}");
    second.terminate();
}

#[test]
fn a_lost_database_is_made_anew_and_bad_bytes_are_found() {
    let (desk, _application) = Desk::with_application();
    let served = Served::start(&desk);
    desk.ok(&["copy", "oci:app:1.0", &served.at("shop:1.0")]);
    served.terminate();
    let root = desk.path("home/.local/share/supercargo/registry");
    let said = desk.fails(&["serve", "reindex"], 2);
    assert!(said.contains("help: supercargo serve reindex --replace"), "{said}");
    std::fs::remove_file(root.join("metadata.db")).unwrap();
    let said = desk.fails(&["serve"], 10);
    assert!(said.contains("help: supercargo serve reindex --replace"), "{said}");
    let made = desk.json(&["serve", "reindex", "--replace", "--verify"]);
    // The tag, and the one by which cosign finds a signature.
    assert_eq!((&made["tags"], &made["lost"]["count"]), (&2.into(), &0.into()), "{made}");
    let served = Served::start(&desk);
    let copied = desk.ok(&["copy", &served.at("shop:1.0"), "oci:back:1.0"]);
    assert!(copied.contains("proven: "), "{copied}");
    served.terminate();

    desk.ok(&["serve", "scrub"]);
    let largest = files(&root.join("blobs")).into_iter().max_by_key(|file| file.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&largest, bytes).unwrap();
    let scrubbed = desk.run(&["serve", "scrub"]);
    let name = largest.file_name().unwrap().to_str().unwrap();
    assert!(scrubbed.code == 1 && scrubbed.stdout.contains(name), "{}{}", scrubbed.stdout, scrubbed.stderr);
}

/// Returns the files below a directory.
fn files(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
