//! `registries.conf`, as podman and skopeo read it.

use std::process::Command;

use e2e::scene::REPOSITORY;
use testkit::peers;
use testkit::proxy::{Answer, Fault, Matcher, Rule};

use super::{Harbour, NAME, by_digest, by_tag, was_read};

const FILE: &str = "containers/registries.conf";

/// The registry itself is elsewhere.
const MOVED: &str = "[[registry]]\nprefix = \"registry.test/team\"\nlocation = \"ORIGIN/team\"\ninsecure = true\n";

fn mirror(at: &str, rest: &str) -> String {
    format!("[[registry.mirror]]\nlocation = \"{at}/team\"\ninsecure = true\n{rest}\n")
}

/// Runs skopeo with the same home, for one image. Returns what it complains about, or nothing.
fn skopeo(harbour: &Harbour) -> Option<String> {
    let mut command = Command::new(peers::tool("skopeo")?.path());
    let home = harbour.program.home();
    command
        .args(["--insecure-policy", "copy", "--quiet", "--all", &format!("docker://{NAME}/{REPOSITORY}:1.0")])
        .arg(format!("dir:{}", home.join("skopeo").display()))
        .env_clear()
        .env("HOME", home);
    let output = command.output().unwrap();
    let _ = std::fs::remove_dir_all(home.join("skopeo"));
    Some(if output.status.success() { String::new() } else { String::from_utf8(output.stderr).unwrap() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_where_as_skopeo_has_it() {
    // Who is asked for content: the mirror, the registry itself.
    let cases = [
        ("moved", MOVED.to_owned(), (false, true)),
        ("a mirror that has everything", format!("{MOVED}{}", mirror("MIRROR", "")), (true, false)),
        ("a dead mirror", format!("{MOVED}{}", mirror("DEAD", "")), (false, true)),
        ("a dead mirror and another", format!("{MOVED}{}{}", mirror("DEAD", ""), mirror("MIRROR", "")), (true, false)),
        (
            "a mirror for digests",
            format!("{MOVED}{}", mirror("MIRROR", "pull-from-mirror = \"digest-only\"")),
            (true, true),
        ),
        ("mirrors for digests", format!("{MOVED}mirror-by-digest-only = true\n{}", mirror("MIRROR", "")), (true, true)),
        ("only a mirror may be asked", format!("{MOVED}blocked = true\n{}", mirror("MIRROR", "")), (true, false)),
    ];
    let harbour = Harbour::open().await;
    for (what, conf, asked) in cases {
        harbour.write(FILE, &conf);
        harbour.forget();
        let outcome = harbour.copies().await;
        // What is attached, and all tags there are, the registry itself is asked first.
        let from_mirror = by_tag(&harbour, &harbour.mirror) + by_digest(&harbour.mirror) > 0;
        let from_origin = by_tag(&harbour, &harbour.origin) + by_digest(&harbour.origin) > 0;
        assert_eq!((from_mirror, from_origin), asked, "{what}\n{outcome}");
        harbour.forget();
        let Some(complaint) = skopeo(&harbour) else { continue };
        assert_eq!(complaint, "", "skopeo: {what}");
        if !what.ends_with("for digests") {
            assert_eq!((was_read(&harbour.mirror), was_read(&harbour.origin)), asked, "skopeo: {what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_registry_is_not_asked() {
    let harbour = Harbour::open().await;
    let file = harbour.write(FILE, &format!("{MOVED}blocked = true\n"));
    harbour.fails(8, &[&file.display().to_string(), "registry.test"]);
    // Nor is it with mirrors that do not have what is wanted.
    harbour.write(FILE, &format!("{MOVED}blocked = true\n{}", mirror("DEAD", "")));
    harbour.fails(8, &["registry.test"]);
    // Nor is it written to.
    let to = format!("{NAME}/{REPOSITORY}:new");
    let from = format!("{}/{REPOSITORY}:bundle", harbour.mirror.host());
    let outcome = harbour.program.fail(8, &["copy", &from, &to]);
    outcome.assert_explained();
    assert!(!was_read(&harbour.origin));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_denies_its_lists_is_not_one_without_artifacts() {
    let harbour = Harbour::open().await;
    harbour.write(FILE, &format!("{MOVED}{}", mirror("MIRROR", "")));
    let denied = Fault::Answer(Answer::error(403, "DENIED", "not for you"));
    harbour.origin.set_rules([Rule::new(Matcher::referrers(), denied)]);
    harbour.fails(5, &["not for you"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_that_lacks_some() {
    let harbour = Harbour::open().await;
    harbour.write(FILE, &format!("{MOVED}{}", mirror("MIRROR", "")));
    let image = harbour.application.manifest(&harbour.application.named("arm64").digest).unwrap();
    let gone = || Fault::Answer(Answer::error(404, "BLOB_UNKNOWN", "unknown"));
    let cases = [
        Matcher::blob(&image.layers()[0].digest),
        Matcher::manifest(image.digest()),
        Matcher::manifest("bundle"),
        Matcher::any().path_contains("/blobs/"),
        Matcher::any(),
    ];
    for lacks in cases {
        harbour.mirror.set_rules([Rule::new(lacks, gone())]);
        harbour.copies().await;
    }
    for failure in [
        Fault::Answer(Answer::error(500, "UNKNOWN", "broken")),
        Fault::Answer(Answer::error(403, "DENIED", "not yours")),
        Fault::unauthorized("Basic realm=\"mirror\""),
        Fault::Disconnect,
        Fault::Answer(Answer::html()),
    ] {
        harbour.mirror.set_rules([Rule::new(super::content(), failure)]);
        harbour.copies().await;
    }
    // Which tags there are the registry itself knows, unless it does not answer.
    let few = Answer::new(200).header("Content-Type", "application/json").body(r#"{"name":"team/app","tags":["1.0"]}"#);
    harbour.mirror.set_rules([Rule::new(Matcher::tags(), Fault::Answer(few))]);
    harbour.copies().await;
    harbour.origin.set_rules([Rule::new(Matcher::any(), Fault::Disconnect)]);
    let outcome = harbour.copy().expect_code(0);
    assert!(outcome.stdout.contains("layout:1.0@") && !outcome.stdout.contains("layout:bundle@"), "{outcome}");
    assert!(outcome.stderr.contains("warning: ") && outcome.stderr.contains("from its mirrors alone"), "{outcome}");
    std::fs::remove_dir_all(harbour.layout()).unwrap();
    harbour.origin.set_rules([]);
    // It breaks off in the middle, once and for ever.
    for times in [1, usize::MAX] {
        let broken = Rule::new(Matcher::any().path_contains("/blobs/").method("GET"), Fault::CutBody(100_000));
        harbour.mirror.set_rules([broken.times(times)]);
        harbour.copies().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_that_gives_other_bytes() {
    let harbour = Harbour::open().await;
    harbour.write(FILE, &format!("{MOVED}{}", mirror("MIRROR", "")));
    for poisoned in ["/blobs/", "/manifests/sha256:"] {
        let rule = Rule::new(Matcher::any().path_contains(poisoned).method("GET"), Fault::FlipBit(70));
        harbour.mirror.set_rules([rule]);
        let outcome = harbour.copies().await;
        let mirror = format!("{}/{REPOSITORY}", harbour.mirror.host());
        let warned = outcome
            .stderr
            .lines()
            .any(|line| line.starts_with("warning: ") && line.contains(&mirror) && line.contains("gave other bytes"));
        assert!(warned, "{outcome}");
    }
    // The registry itself has no excuse.
    harbour.mirror.set_rules([Rule::new(Matcher::any(), Fault::Disconnect)]);
    harbour.origin.set_rules([Rule::new(Matcher::any().path_contains("/blobs/").method("GET"), Fault::FlipBit(70))]);
    harbour.fails(6, &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_are_read_elsewhere_and_written_where_the_name_says() {
    let harbour = Harbour::open().await;
    let conf = "[[registry]]\nprefix = \"MIRROR\"\nlocation = \"ORIGIN\"\ninsecure = true\n";
    harbour.write(FILE, conf);
    let named = format!("{}/{REPOSITORY}", harbour.mirror.host());
    harbour.program.succeed(&["copy", &format!("{named}:bundle"), &format!("{named}:again")]);
    let tagged = Matcher::manifest("again").method("PUT");
    assert_eq!((harbour.mirror.log().count(&tagged), harbour.origin.log().count(&tagged)), (1, 0));
    assert!(by_tag(&harbour, &harbour.origin) > 0 && by_tag(&harbour, &harbour.mirror) == 0);
    // What is changed is looked at where it is changed.
    harbour.forget();
    harbour.program.succeed(&["tag", &format!("{named}:again"), "more"]);
    harbour.program.succeed(&["delete", &format!("{named}:again")]);
    assert!(!was_read(&harbour.origin));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_name_is_what_an_alias_says_and_is_never_guessed() {
    let harbour = Harbour::open().await;
    harbour.write(
        FILE,
        &format!("unqualified-search-registries = [\"ORIGIN\"]\n{MOVED}[aliases]\nweb = \"registry.test/team/app\"\n"),
    );
    let program = &harbour.program;
    let outcome = program.succeed(&["inspect", "web:1.0"]);
    assert!(outcome.stderr.contains("note: web:1.0 is registry.test/team/app:1.0"), "{outcome}");
    let outcome = program.succeed(&["copy", "web:1.0", &format!("oci:{}", harbour.layout().display())]);
    assert!(outcome.stderr.contains("note: web:1.0 is"), "{outcome}");
    let origin = harbour.origin.host();
    for unknown in ["team/app:1.0", "webb:1.0"] {
        let full = format!("{origin}/{unknown}");
        program.fail(2, &["inspect", unknown]).assert_says(&[unknown, &format!("help: supercargo inspect {full}\n")]);
    }
    // As for podman, what is written is named in full.
    for typed in [["copy", "web:1.0", "web:2.0"], ["push", "oci:layout:1.0", "web:2.0"]] {
        program.fail(2, &typed).assert_says(&["`web:2.0`", " registry.test/team/app:2.0\n"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_used_is_named_and_nobody_is_asked() {
    let mut harbour = Harbour::open().await;
    for text in ["[[registry]", "[[registry]]\nprefix = \"registry.test\"\nlocation = \"\"\n[[registry.mirror]]\n"] {
        let file = harbour.write(FILE, text);
        let outcome = harbour.copy();
        assert!(outcome.code.is_some_and(|code| code != 0), "{outcome}");
        outcome.assert_explained();
        outcome.assert_says(&[&file.display().to_string()]);
    }
    harbour.program.set("CONTAINERS_REGISTRIES_CONF", "/nonexistent/registries.conf");
    harbour.copy().assert_says(&["/nonexistent/registries.conf"]);
    assert!(!was_read(&harbour.origin) && !was_read(&harbour.mirror));
    // What is typed wins over the variable.
    let file = harbour.write("own.conf", MOVED);
    let from = format!("{NAME}/{REPOSITORY}:1.0");
    harbour.program.succeed(&["inspect", &from, "--registries-conf", &file.display().to_string()]);
    let missing = ["inspect", &from, "--registries-conf", "/nonexistent/other.conf"];
    harbour.program.fail(9, &missing).assert_says(&["/nonexistent/other.conf"]);
}
