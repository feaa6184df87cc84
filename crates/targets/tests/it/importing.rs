//! Lists of images in the files of other tools.

use std::collections::BTreeMap;

use proptest::prelude::*;
use targets::TargetError;
use targets::import::{Entry, ListEntry, Selection, Source, TagRule, compose, docker_lock, imgpkg, regsync, skopeo};

const DIGEST: &str = "sha256:4c8b96d4fffdfae29258d94a22ae4ad1fe36139d47288b8960d9958d1e63a9d0";

fn entry(name: &str, reference: &str, annotations: &[(&str, &str)]) -> Entry {
    let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Entry { name: name.to_owned(), reference: reference.parse().unwrap(), annotations }
}

#[test]
fn an_images_lock_is_read_in_both_of_its_forms() {
    let text = format!(
        "---\napiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n- image: index.docker.io/org/app@{DIGEST}\n  annotations:\n    kbld.carvel.dev/id: org/app:1.0\n    kbld.carvel.dev/origins: |\n      - resolved:\n          tag: \"1.0\"\n- image: registry.example/team/db@{DIGEST} # by hand\n"
    );
    let expected = [
        entry(
            "org/app:1.0",
            &format!("index.docker.io/org/app@{DIGEST}"),
            &[("kbld.carvel.dev/id", "org/app:1.0"), ("kbld.carvel.dev/origins", "- resolved:\n    tag: \"1.0\"\n")],
        ),
        entry("db", &format!("registry.example/team/db@{DIGEST}"), &[]),
    ];
    assert_eq!(imgpkg::read(text.as_bytes()).unwrap(), expected);

    let first_form = format!(
        "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nspec: {{images: [{{image: nginx@{DIGEST}}}]}}\n"
    );
    let expected = [entry("nginx", &format!("docker.io/library/nginx@{DIGEST}"), &[])];
    assert_eq!(imgpkg::read(first_form.as_bytes()).unwrap(), expected);
}

#[test]
fn a_lock_without_a_digest_is_refused_at_its_line() {
    let text = "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n- image: nginx:1\n";
    let message = "`docker.io/library/nginx:1` has no digest".to_owned();
    assert_eq!(
        imgpkg::read(text.as_bytes()),
        Err(TargetError::Syntax { line: 4, column: 10, message: message.clone() })
    );
    let text = "services:\n  a:\n    image: nginx:1\n";
    assert_eq!(compose::read(text.as_bytes()), Err(TargetError::Syntax { line: 3, column: 12, message }));
    assert!(imgpkg::read(b"kind: ImagesLock\napiVersion: v0\nimages: []\n").is_err());
    assert!(imgpkg::read(b"").is_err());
}

#[test]
fn a_docker_lock_is_read() {
    let hex = &DIGEST[7..];
    let text = format!(
        "{{\"dockerfiles\": {{\"Dockerfile\": [\n  {{\"name\": \"golang\", \"tag\": \"1.23\", \"digest\": \"{hex}\"}},\n  {{\"name\": \"scratch\", \"tag\": \"\", \"digest\": \"\"}}]}},\n \"composefiles\": {{\"docker-compose.yml\": [{{\"name\": \"registry.example/db\", \"tag\": \"\", \"digest\": \"{hex}\", \"service\": \"svc\"}}]}}}}"
    );
    let expected = [
        entry(
            "golang",
            &format!("docker.io/library/golang:1.23@{DIGEST}"),
            &[("list", "dockerfiles"), ("path", "Dockerfile")],
        ),
        entry(
            "registry.example/db",
            &format!("registry.example/db@{DIGEST}"),
            &[("list", "composefiles"), ("path", "docker-compose.yml"), ("service", "svc")],
        ),
    ];
    assert_eq!(docker_lock::read(text.as_bytes()).unwrap(), expected);
    let wrong = "{\"dockerfiles\": {\"a\": [\n{\"name\": \"x\", \"tag\": \"1\", \"digest\": \"12\"}]}}";
    assert!(matches!(docker_lock::read(wrong.as_bytes()), Err(TargetError::Syntax { line: 2, column: 1, .. })));
}

#[test]
fn a_compose_override_is_read_with_its_mounts() {
    let text = format!(
        "services:\n  web:\n    image: nginx@{DIGEST}\n    volumes:\n      - type: image\n        source: registry.example/data:1@{DIGEST}\n        target: /data\n      - ./a:/a\n  other: {{command: x}}\n"
    );
    let expected = [
        entry("web", &format!("docker.io/library/nginx@{DIGEST}"), &[]),
        entry("web", &format!("registry.example/data:1@{DIGEST}"), &[("target", "/data")]),
    ];
    assert_eq!(compose::read(text.as_bytes()).unwrap(), expected);
}

#[test]
fn the_steps_of_regsync_are_read() {
    let text = "version: 1\nx-tags: &tags\n  allow: [\"3\", \"3.\\\\d+\"]\n  deny: ['3.0']\n  semverRange: [\">=3.1, <4\"]\nsync:\n  - {source: busybox:latest, target: localhost:5000/busybox:latest, type: image}\n  - source: alpine\n    target: localhost:5000/alpine\n    type: repository\n    tags: *tags\n  - source: localreg:5000\n    target: localcopy:5000\n    type: registry\n";
    let selections = selections(regsync::read(text.as_bytes()).unwrap());
    let target = |text: &str| Some(text.to_owned());
    let matches = |expression: &str| TagRule::Matches { expression: expression.to_owned(), is_anchored: true };
    let expected = [
        Selection {
            source: Source::Image("docker.io/library/busybox:latest".parse().unwrap()),
            target: target("localhost:5000/busybox:latest"),
            rules: vec![],
        },
        Selection {
            source: Source::Repository("docker.io".parse().unwrap(), "library/alpine".parse().unwrap()),
            target: target("localhost:5000/alpine"),
            rules: vec![
                matches("3"),
                matches("3.\\d+"),
                TagRule::MatchesNot("3.0".to_owned()),
                TagRule::InRange(">=3.1, <4".to_owned()),
            ],
        },
        Selection {
            source: Source::Registry("localreg:5000".parse().unwrap()),
            target: target("localcopy:5000"),
            rules: vec![],
        },
    ];
    assert_eq!(selections, expected);

    // What cannot be read keeps nobody from the others.
    for (step, column) in [("{source: a, type: all}", 5), ("{type: image}", 5), ("{source: '{{x}}', type: image}", 14)]
    {
        let text = format!("sync:\n  - {step}\n  - {{source: busybox:1, type: image}}\n");
        let entries = regsync::read(text.as_bytes()).unwrap();
        let places: Vec<_> = entries.iter().map(|entry| (entry.line, entry.column, entry.selection.is_ok())).collect();
        assert_eq!(places, [(2, column, false), (3, 5, true)], "{step}");
    }
    let template = regsync::read(b"sync: [{source: '{{env \"X\"}}/a:1', type: image}]").unwrap();
    assert_eq!(
        template[0].selection,
        Err("`{{env \"X\"}}/a:1` cannot be read: a template decides what stands here".to_owned())
    );
    assert!(regsync::read(b"sync: [").is_err());
}

#[test]
fn the_place_of_an_entry_is_where_it_stands_whatever_it_is_an_alias_of() {
    let text = "x: &x\n  source: '{{x}}'\n  type: image\ny: &y {source: b:1, type: image}\nsync:\n- *y\n- *x\n- *y\n";
    let entries = regsync::read(text.as_bytes()).unwrap();
    let places: Vec<_> = entries.iter().map(|entry| (entry.line, entry.column, entry.selection.is_ok())).collect();
    assert_eq!(places, [(6, 3, true), (2, 11, false), (8, 3, true)]);
}

#[test]
fn the_registries_of_skopeo_are_read() {
    let text = format!(
        "registry.example:\n    images:\n        busybox: []\n        redis:\n            - \"1.0\"\n            - \"{DIGEST}\"\n    images-by-tag-regex:\n        nginx: ^1\\.13\\.[12]-alpine-perl$\n    images-by-semver:\n        alpine: \">= 3.12.0\"\n    credentials:\n        username: john\n        password: this is a secret\n    tls-verify: true\ndocker.io:\n    images:\n        nginx: [latest]\n"
    );
    let selection = |repository: &str, rules| {
        let host = repository.split_once('/').unwrap();
        let source = Source::Repository(host.0.parse().unwrap(), host.1.parse().unwrap());
        Selection { source, target: None, rules }
    };
    let expression = "^1\\.13\\.[12]-alpine-perl$".to_owned();
    let expected = [
        selection("registry.example/busybox", vec![]),
        selection(
            "registry.example/redis",
            vec![TagRule::Tag("1.0".parse().unwrap()), TagRule::Digest(DIGEST.parse().unwrap())],
        ),
        selection("registry.example/nginx", vec![TagRule::Matches { expression, is_anchored: false }]),
        selection("registry.example/alpine", vec![TagRule::InRange(">= 3.12.0".to_owned())]),
        selection("docker.io/library/nginx", vec![TagRule::Tag("latest".parse().unwrap())]),
    ];
    assert_eq!(selections(skopeo::read(text.as_bytes()).unwrap()), expected);
    for (wrong, column) in [
        ("-x: {images: {a: []}}", 1),
        ("a.b: {images: {A: []}}", 16),
        ("a.b: {images: {a: ['-']}}", 20),
        ("a.b: {images: {'a:1': []}}", 16),
        ("a.b: {images-by-semver: {a: [x]}}", 29),
    ] {
        let entries = skopeo::read(format!("{wrong}\nc.d: {{images: {{a: []}}}}\n").as_bytes()).unwrap();
        let places: Vec<_> = entries.iter().map(|entry| (entry.line, entry.column, entry.selection.is_ok())).collect();
        assert_eq!(places, [(1, column, false), (2, 16, true)], "{wrong}");
    }
}

/// Returns what entries say, of which all can be read.
fn selections(entries: Vec<ListEntry>) -> Vec<Selection> {
    entries.into_iter().map(|entry| entry.selection.unwrap()).collect()
}

#[test]
fn aliases_do_not_make_a_small_file_a_large_list() {
    // A thousand services that mount a thousand images each.
    let mount = format!("{{type: image, source: a@{DIGEST}, target: /a}}");
    let service = |number: usize| format!("  s{number}: {{volumes: *v}}\n");
    let file = |count: usize| {
        let services: String = (0..count).map(service).collect();
        format!("x: &v [{}]\nservices:\n{services}", vec![&*mount; count].join(", "))
    };
    assert_eq!(compose::read(file(20).as_bytes()).unwrap().len(), 400);
    let message = "aliases make the file too large".to_owned();
    let expected = TargetError::Syntax { line: 1, column: 1, message };
    assert_eq!(compose::read(file(1000).as_bytes()), Err(expected.clone()));
    // What holds itself has no end.
    let endless = "sync: &a\n- source: b\n  type: image\n  tags: {allow: *a}\n";
    assert_eq!(regsync::read(endless.as_bytes()), Err(expected));
}

fn text() -> impl Strategy<Value = String> {
    "[a-z\"\\\\\n\t #:'{}\\[\\]*&!|>%@`ü🚀\u{7f}\u{85}\u{2028}\u{feff}-]{0,12}"
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let annotations = proptest::collection::btree_map(text(), text(), 0..4);
    let one =
        ("[a-z]{1,8}", "[a-z]{1,6}(/[a-z]{1,6})?", proptest::option::of("[a-z0-9]{1,8}"), annotations, any::<u8>());
    let entry = |(name, repository, tag, annotations, seed): (String, String, Option<String>, BTreeMap<_, _>, u8)| {
        let digest = oci::Digest::sha256(&[seed]);
        let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
        let reference = format!("registry.example/{repository}{tag}@{digest}").parse().unwrap();
        Entry { name, reference, annotations }
    };
    proptest::collection::vec(one.prop_map(entry), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_images_lock_that_is_written_is_read_again(mut entries in entries()) {
        let file = imgpkg::write(&entries);
        // What names the image is written down where it is not its last component.
        for entry in &mut entries {
            if entry.name != entry.reference.repository.last_component() {
                entry.annotations.insert("kbld.carvel.dev/id".to_owned(), entry.name.clone());
            }
        }
        prop_assert_eq!(imgpkg::read(file.as_bytes()).unwrap(), entries);
    }

    #[test]
    fn a_docker_lock_that_is_written_is_read_again(mut entries in entries(), path in text()) {
        for entry in &mut entries {
            entry.name = format!("{}/{}", entry.reference.host, entry.reference.repository);
            entry.annotations.retain(|key, _| !matches!(key.as_str(), "name" | "tag" | "digest"));
            entry.annotations.insert("list".to_owned(), "kubernetesfiles".to_owned());
            entry.annotations.insert("path".to_owned(), path.clone());
        }
        prop_assert_eq!(docker_lock::read(docker_lock::write(&entries).as_bytes()).unwrap(), entries);
    }

    #[test]
    fn a_compose_override_that_is_written_is_read_again(mut entries in entries(), names in proptest::collection::btree_set(text(), 6)) {
        for (entry, name) in entries.iter_mut().zip(names) {
            entry.name = name;
            entry.annotations.retain(|key, _| key == "target");
        }
        prop_assert_eq!(compose::read(compose::write(&entries).as_bytes()).unwrap(), entries);
    }

    #[test]
    fn any_bytes_are_imported_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let lock = format!("apiVersion: imgpkg.carvel.dev/v1\nkind: ImagesLock\nimages:\n- image: a@{DIGEST}\n  annotations: {{a: b}}\n");
        let sync = "sync:\n- source: a\n  type: image\n  tags: {allow: [a]}\na.b: {images: {a: [b]}, images-by-semver: {c: d}}\n";
        let json = format!("{{\"dockerfiles\": {{\"a\": [{{\"name\": \"a\", \"tag\": \"b\", \"digest\": \"{}\"}}]}}}}", &DIGEST[7..]);
        for text in [lock.into_bytes(), sync.as_bytes().to_vec(), json.into_bytes(), bytes] {
            let mut text = text;
            if !text.is_empty() {
                let at = at.index(text.len());
                text[at] = byte;
            }
            let _ = (imgpkg::read(&text), docker_lock::read(&text), compose::read(&text), regsync::read(&text), skopeo::read(&text));
        }
    }
}
