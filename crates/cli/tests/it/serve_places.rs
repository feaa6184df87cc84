//! A registry over PostgreSQL and a bucket, by its file and variables alone.

use testkit::peers::{RunningBuckets, RunningPostgres};

use crate::desk::{Desk, Outcome};
use crate::served::Served;

#[test]
fn nodes_share_a_database_and_a_bucket() {
    let (Some(postgres), Some(buckets)) = (RunningPostgres::start(), RunningBuckets::start()) else { return };
    postgres.run("CREATE SCHEMA node");
    buckets.make("images");
    let (desk, _application) = Desk::with_application();
    desk.write("secret", &format!("{}\n", RunningBuckets::SECRET_KEY));
    desk.write("access", RunningBuckets::ACCESS_KEY);
    let places = format!(
        "root = \"local\"\n[database]\nurl = \"{}\"\n[blobs]\nurl = \"s3://images/team/registry\"\nendpoint = \"{}\"\n",
        postgres.url("node"),
        buckets.endpoint()
    );
    let keys = "access-key-file = \"access\"\nsecret-key-file = \"secret\"\n";
    desk.write("serve.toml", &format!("{places}{keys}"));
    let one = Served::with(&desk, &["--config", "serve.toml"], &[]);
    desk.ok(&["copy", "oci:app:1.0", &one.at("app:1.0")]);

    // The other has the key from variables.
    desk.write("other.toml", &places);
    let variables =
        [("AWS_ACCESS_KEY_ID", RunningBuckets::ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", RunningBuckets::SECRET_KEY)];
    let other = Served::with(&desk, &["--config", "other.toml"], &variables);
    desk.ok(&["copy", &other.at("app:1.0"), "oci:back:1.0"]);
    let objects = buckets.objects("images");
    assert!(!objects.is_empty() && objects.iter().all(|name| name.starts_with("team/registry/")), "{objects:?}");
    assert!(objects.iter().any(|name| name.starts_with("team/registry/blobs/")), "{objects:?}");
    let audit = desk.json(&["serve", "audit", "--config", "serve.toml"]);
    assert_eq!(audit["faults"], serde_json::json!([]), "{audit}");
    assert!(!desk.path("local").exists(), "nothing is local");
    one.terminate();
    other.terminate();

    // What is refused for good is found at the start.
    for (bucket, secret) in [("images", "wrong"), ("absent", RunningBuckets::SECRET_KEY)] {
        let mut refused = desk.command(&["serve", "--config", "other.toml"]);
        refused.envs(variables).env("AWS_SECRET_ACCESS_KEY", secret).env("SUPERCARGO_SERVE_LISTEN", "127.0.0.1:0");
        refused.env("SUPERCARGO_SERVE_BLOBS_URL", format!("s3://{bucket}"));
        let said = Outcome::of(refused.output().unwrap());
        assert_eq!(said.code, 5, "{}", said.stderr);
        assert!(said.stderr.starts_with(&format!("error: cannot use s3://{bucket}\n")), "{}", said.stderr);
        assert!(!said.stderr.contains(RunningBuckets::SECRET_KEY), "{}", said.stderr);
    }
}

#[test]
fn passwords_never_show() {
    let desk = Desk::new();
    let check = ["serve", "--config", "serve.toml", "--check"];
    desk.write("serve.toml", "database.url = \"postgres://ada:s3cret@db.example/registry\"\n");
    let shown = desk.ok(&check);
    assert!(shown.contains("database.url = \"postgres://ada:***@db.example/registry\"\n"), "{shown}");
    for wrong in [
        "database.url = \"postgres://ada:s3cret@db.example/registry\n",
        "database = { url = \"postgres://ada:s3cret@db.example/registry\", ulr = 1 }\n",
        "database.url = \"postgre://ada:s3cret@db.example/registry\"\n",
        "blobs.url = \"postgres://ada:s3cret@db.example/registry\"\n",
    ] {
        desk.write("serve.toml", wrong);
        let said = desk.fails(&check, 2);
        assert!(said.contains(" --> serve.toml:1:") && !said.contains("s3cret"), "{said}");
    }
    desk.write("serve.toml", "");
    let mut variable = desk.command(&["serve", "--check"]);
    variable.env("SUPERCARGO_SERVE_DATABASE_URL", "mysql://ada:s3cret@db.example/registry");
    let said = Outcome::of(variable.output().unwrap());
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.starts_with("error: SUPERCARGO_SERVE_DATABASE_URL: ") && !said.stderr.contains("s3cret"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_bucket_without_a_key_is_told() {
    let desk = Desk::new();
    desk.write("serve.toml", "[blobs]\nurl = \"s3://images\"\n");
    insta::assert_snapshot!(desk.fails(&["serve", "--config", "serve.toml", "--check"], 2), @r#"
    error: nothing says the key to the bucket: neither AWS_ACCESS_KEY_ID nor `access-key-file`
     --> serve.toml:2:7
      |
    2 | url = "s3://images"
      |       ^^^^^^^^^^^^^
    help: export AWS_ACCESS_KEY_ID=…
    "#);
}
