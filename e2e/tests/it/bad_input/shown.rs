//! What comes from outside is shown without driving the terminal.

use e2e::{Kind, Place, Program, Scene};
use oci::MediaType;
use serde_json::json;
use testkit::application::{ApplicationBuilder, WholeGraph};
use testkit::proxy::{Answer, Fault, Matcher, Rule};

/// Clears the screen, sets the title of the window, turns the direction of writing around, goes back in the line.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;title\u{7}\u{202e}gnp.exe\r\u{8}\u{9b}31m\u{0}\u{2028}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn annotations_and_labels() {
    let mut builder = ApplicationBuilder::new(1);
    let layer = builder.layer("base", 10);
    let config = json!({
        "architecture": format!("amd64{HOSTILE}"), "os": "linux", "author": HOSTILE, "created": HOSTILE,
        "config": {"Labels": {"org.opencontainers.image.vendor": HOSTILE}},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
    });
    let config = builder.blob(MediaType::OCI_CONFIG.as_str(), config.to_string());
    let annotations = json!({
        "org.opencontainers.image.title": HOSTILE, "org.opencontainers.image.version": HOSTILE, HOSTILE: HOSTILE,
    });
    let image = json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config, "layers": [layer.descriptor],
        "annotations": annotations,
    });
    let image = builder.put_manifest(&image, &MediaType::OCI_MANIFEST);
    builder.tag("1.0", &image);
    let artifact = json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": oci::Descriptor::empty_json(), "layers": [],
        "artifactType": "application/vnd.example", "subject": image, "annotations": {HOSTILE: HOSTILE},
    });
    builder.empty_object();
    builder.put_manifest(&artifact, &MediaType::OCI_MANIFEST);
    let place = Place::open(Kind::Layout).await.unwrap();
    place.fill("app", &builder.build()).await;
    let program = Program::default();
    let reference = format!("{}:1.0", place.reference("app"));
    for command in
        [&["inspect"][..], &["artifacts"], &["inspect", "--format", "json"], &["artifacts", "--format", "json"]]
    {
        let mut arguments = command.to_vec();
        arguments.push(&reference);
        program.succeed(&arguments).assert_printable();
    }
    let sheet = program.succeed(&["inspect", &reference]);
    assert!(sheet.stdout.contains("\\u{1b}[2J") && sheet.stdout.contains("\\u{202e}"), "{sheet}");
    assert!(!sheet.stdout.contains('\u{202e}'), "{sheet}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_registry_says_about_a_refusal() {
    let scene = Scene::open(Kind::Ours, Kind::Layout, WholeGraph::default().build()).await.unwrap();
    let hostile = Answer::error(403, HOSTILE, HOSTILE);
    scene.source.proxy().set_rules([Rule::new(Matcher::any().path_contains("/team/app/"), Fault::Answer(hostile))]);
    let outcome = scene.fails(5, "bundle", &[], &["\\u{1b}[2J"]).await;
    assert!(!outcome.stderr.contains('\u{202e}'), "{outcome}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_digests() {
    let scene = Scene::open(Kind::Ours, Kind::Layout, WholeGraph::default().build()).await.unwrap();
    let tags = Answer::new(200)
        .header("Content-Type", "application/json")
        .body(json!({"name": HOSTILE, "tags": ["bundle", HOSTILE, "sha256-\u{1b}"]}).to_string());
    scene.source.proxy().set_rules([Rule::new(Matcher::tags(), Fault::Answer(tags))]);
    let outcome = scene.program.run(&["tags", &scene.source.reference()]);
    outcome.assert_printable();
    let copied = scene.copy("bundle", &[]);
    copied.assert_printable();

    let digest = Fault::SetHeader("Docker-Content-Digest".to_owned(), "sha256:\u{9b}31m".to_owned());
    scene.source.proxy().set_rules([Rule::new(Matcher::manifests(), digest)]);
    scene.copy("bundle", &[]).assert_printable();
}

#[test]
fn what_the_user_typed() {
    let program = Program::default();
    for reference in [&format!("127.0.0.1:1/{HOSTILE}")[..], "oci:\u{1b}[31mred", "oci-archive:\u{1b}[31mred"] {
        let reference = reference.replace('\0', "");
        for arguments in
            [&["inspect", &reference][..], &["copy", &reference, "oci:here"], &["copy", "oci:here", &reference]]
        {
            let outcome = program.run(arguments);
            assert_ne!(outcome.code, Some(0), "{outcome}");
            outcome.assert_printable();
        }
    }
}
