//! What is written at a place, in which words, and what is refused.

use oci::RegistryReference;
use targets::{Kind, Options, Pattern, PlanError, RewriteError, SkipReason, Write, find, rewrite};

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// Returns a file in which every reference is replaced by the one given.
fn written(kind: Kind, text: &str, locked: &str, write: Write) -> Result<String, PlanError> {
    let locked: RegistryReference = locked.parse().unwrap();
    let options = Options::default();
    let places = find(kind, &options, text.as_bytes()).unwrap();
    assert!(!places.is_empty(), "nothing to write to");
    let changes: Result<Vec<_>, _> = places.iter().map(|place| place.plan(&locked, write)).collect();
    let rewritten = rewrite(kind, &options, text.as_bytes(), &changes?).unwrap();
    Ok(String::from_utf8(rewritten.bytes).unwrap())
}

fn helm(text: &str, tag: &str, write: Write) -> Result<String, PlanError> {
    written(Kind::HelmValues, text, &format!("docker.io/library/app:{tag}@{DIGEST}"), write)
}

#[test]
fn a_name_that_means_the_same_stays_as_it_is_written() {
    let same = |text: &str, locked: &str| written(Kind::Dockerfile, text, locked, Write::Tag).unwrap();
    assert_eq!(same("FROM nginx:1", "docker.io/library/nginx:2"), "FROM nginx:2");
    assert_eq!(same("FROM org/app", "docker.io/org/app:2"), "FROM org/app:2");
    assert_eq!(same("FROM docker.io/nginx:1", "docker.io/library/nginx:2"), "FROM docker.io/nginx:2");
    assert_eq!(same("FROM REGISTRY.example/app:1", "registry.example/app:2"), "FROM REGISTRY.example/app:2");
    assert_eq!(same("FROM nginx:1", "mirror.example/nginx:2"), "FROM mirror.example/nginx:2");
    assert_eq!(same("FROM mirror.example/nginx:1", "docker.io/library/nginx:2"), "FROM docker.io/library/nginx:2");
}

#[test]
fn each_way_of_writing_says_what_it_is_asked_for() {
    let locked = format!("docker.io/library/nginx:2@{DIGEST}");
    let from = |text: &str, write| written(Kind::Dockerfile, text, &locked, write).unwrap();
    for text in ["FROM nginx", "FROM nginx:1", &format!("FROM nginx@{DIGEST}"), &format!("FROM nginx:3@{DIGEST}")] {
        assert_eq!(from(text, Write::Tag), "FROM nginx:2");
        assert_eq!(from(text, Write::Digest), format!("FROM nginx@{DIGEST}"));
        assert_eq!(from(text, Write::TagAndDigest), format!("FROM nginx:2@{DIGEST}"));
    }
}

#[test]
fn what_is_written_already_needs_no_edit() {
    let options = Options::default();
    for (kind, text) in [
        (Kind::Dockerfile, format!("FROM nginx:2@{DIGEST}")),
        (Kind::Compose, format!("services: {{a: {{image: \"nginx:2@{DIGEST}\"}}}}")),
        (Kind::HelmValues, format!("image: {{repository: nginx, tag: \"2\", digest: {DIGEST}}}")),
        (Kind::HelmValues, format!("image: {{repository: nginx, tag: 2@{DIGEST}}}")),
        (Kind::Kustomize, format!("images: [{{name: x, newName: nginx, newTag: '2', digest: {DIGEST}}}]")),
    ] {
        let places = find(kind, &options, text.as_bytes()).unwrap();
        let locked = format!("docker.io/library/nginx:2@{DIGEST}").parse().unwrap();
        assert_eq!(places[0].plan(&locked, Write::TagAndDigest).unwrap().edits, [], "{text}");
    }
}

#[test]
fn quotes_stay_and_are_added_where_yaml_would_read_no_string() {
    let tag = |before: &str, tag: &str| {
        helm(&format!("image: {{repository: app, tag: {before}}}"), tag, Write::Tag)
            .unwrap()
            .trim_start_matches("image: {repository: app, tag: ")
            .trim_end_matches('}')
            .to_owned()
    };
    for (before, new, after) in [
        ("1.2.3", "1.2.4", "1.2.4"),
        ("'1.2.3'", "1.20", "'1.20'"),
        ("\"1.2.3\"", "1.20", "\"1.20\""),
        ("1.2.3", "1.20", "\"1.20\""),
        // Read as a number so far: the tag is right, the value is not.
        ("1.20", "1.20", "\"1.20\""),
        ("v1", "20241107", "\"20241107\""),
        ("v1", "1e3", "\"1e3\""),
        ("v1", "0x1f", "\"0x1f\""),
        ("v1", "2024-11-07", "\"2024-11-07\""),
        ("v1", "1_000", "\"1_000\""),
        ("v1", "on", "\"on\""),
        ("v1", "NO", "\"NO\""),
        ("v1", "null", "\"null\""),
        ("v1", "latest", "latest"),
        ("v1", "1.25-alpine", "1.25-alpine"),
        ("v1", "7e10abc", "7e10abc"),
        ("null", "v2", "v2"),
        ("~", "2", "\"2\""),
    ] {
        assert_eq!(tag(before, new), after, "{before} to {new}");
    }
}

#[test]
fn a_value_is_added_after_the_colon_of_its_key() {
    let text = "image:\r\n  repository: app\r\n  tag:   # to come\r\n";
    assert_eq!(helm(text, "1.5.1", Write::Tag).unwrap(), "image:\r\n  repository: app\r\n  tag: 1.5.1   # to come\r\n");
    assert_eq!(helm("image: {repository: app, tag}", "1", Write::Tag), Err(skipped("image", SkipReason::Encoded)));
    assert_eq!(
        helm("image: {repository: app, tag: !!str }", "1", Write::Tag),
        Err(skipped("image", SkipReason::Encoded))
    );
}

fn skipped(path: &str, reason: SkipReason) -> PlanError {
    PlanError::Skipped { path: path.to_owned(), reason }
}

#[test]
fn a_digest_goes_to_its_key_or_behind_the_tag() {
    let pinned = |text: &str| helm(text, "2", Write::TagAndDigest);
    assert_eq!(
        pinned("image: {repository: app, tag: '1', digest: ''}").unwrap(),
        format!("image: {{repository: app, tag: '2', digest: '{DIGEST}'}}")
    );
    assert_eq!(
        pinned("image: {repository: app, tag: '1'}").unwrap(),
        format!("image: {{repository: app, tag: '2@{DIGEST}'}}")
    );
    assert_eq!(
        pinned("image: {repository: app, tag: '1', sha: ''}").unwrap(),
        format!("image: {{repository: app, tag: '2', sha: '{}'}}", &DIGEST[7..])
    );
    // The digest alone says which image it is.
    assert_eq!(
        pinned("image: {repository: app, digest: ''}").unwrap(),
        format!("image: {{repository: app, digest: '{DIGEST}'}}")
    );
    assert_eq!(
        helm("image: {repository: app, tag: '', digest: ''}", "2", Write::Digest).unwrap(),
        format!("image: {{repository: app, tag: '', digest: '{DIGEST}'}}")
    );
}

#[test]
fn a_tag_alone_takes_the_digest_away() {
    let text = format!("image: {{repository: app, tag: v1, digest: {DIGEST}}}");
    assert_eq!(helm(&text, "v2", Write::Tag).unwrap(), "image: {repository: app, tag: v2, digest: \"\"}");
}

#[test]
fn what_has_no_key_is_refused() {
    let no_key = |part| Err(PlanError::NoKey { path: "image".to_owned(), part });
    assert_eq!(helm("image: {repository: app, tag: '1'}", "2", Write::Digest), no_key("digest"));
    assert_eq!(helm(&format!("image: {{repository: app, digest: {DIGEST}}}"), "2", Write::Tag), no_key("tag"));
    let renamed = "registry.example/new:2";
    let kustomization = "images: [{name: app, newTag: '1'}]";
    assert_eq!(
        written(Kind::Kustomize, kustomization, renamed, Write::Tag),
        Err(PlanError::NoKey { path: "images[0]".to_owned(), part: "name" })
    );
}

#[test]
fn what_is_not_known_is_not_made_up() {
    let path = || "stage 0: FROM".to_owned();
    let from = |locked: &str, write| written(Kind::Dockerfile, "FROM nginx:1", locked, write);
    assert_eq!(from("docker.io/library/nginx", Write::Tag), Err(PlanError::NoTag { path: path() }));
    assert_eq!(from("docker.io/library/nginx:2", Write::TagAndDigest), Err(PlanError::NoDigest { path: path() }));
    let by_digest = format!("docker.io/library/nginx@{DIGEST}");
    assert_eq!(from(&by_digest, Write::TagAndDigest).unwrap(), format!("FROM nginx@{DIGEST}"));
    // An old tag would stand beside the new digest.
    let values = "image: {repository: nginx, tag: '1', digest: ''}";
    assert_eq!(
        written(Kind::HelmValues, values, &by_digest, Write::Digest),
        Err(PlanError::NoTag { path: "image".to_owned() })
    );
}

#[test]
fn an_address_in_brackets_is_quoted_or_refused() {
    let locked = "[::1]:5000/app:2";
    let compose =
        |image: &str| written(Kind::Compose, &format!("services: {{a: {{image: {image}}}}}"), locked, Write::Tag);
    assert_eq!(compose("nginx:1").unwrap(), "services: {a: {image: \"[::1]:5000/app:2\"}}");
    assert_eq!(compose("'nginx:1'").unwrap(), "services: {a: {image: '[::1]:5000/app:2'}}");
    let context = "services: {a: {build: {additional_contexts: {b: docker-image://nginx:1}}}}";
    let refused = written(Kind::Compose, context, locked, Write::Tag);
    assert!(matches!(refused, Err(PlanError::Unwritable { .. })), "{refused:?}");
}

#[test]
fn a_feature_takes_the_digest_in_place_of_the_tag() {
    let locked = format!("ghcr.io/devcontainers/features/go:2@{DIGEST}");
    let text = "{\"features\": {\"ghcr.io/devcontainers/features/go:1\": {}}}";
    let go = |write| written(Kind::Devcontainer, text, &locked, write).unwrap();
    assert_eq!(go(Write::Tag), "{\"features\": {\"ghcr.io/devcontainers/features/go:2\": {}}}");
    let pinned = format!("{{\"features\": {{\"ghcr.io/devcontainers/features/go@{DIGEST}\": {{}}}}}}");
    assert_eq!(go(Write::TagAndDigest), pinned);
}

#[test]
fn what_is_left_alone_is_not_planned() {
    let text = "services: {a: {image: '${IMAGE:-nginx:1}'}}";
    let refused = written(Kind::Compose, text, "docker.io/library/nginx:2", Write::Tag);
    assert_eq!(refused, Err(skipped("services.a.image", SkipReason::Variable)));
}

#[test]
fn images_that_share_a_tag_cannot_differ() {
    let text = "version: &v v1\na: {image: {repository: a, tag: *v}}\nb: {image: {repository: b, tag: *v}}\n";
    let options = Options::default();
    let places = find(Kind::HelmValues, &options, text.as_bytes()).unwrap();
    let plan = |place: usize, locked: &str| places[place].plan(&locked.parse().unwrap(), Write::Tag).unwrap();
    let rewritten = |changes: &[_]| rewrite(Kind::HelmValues, &options, text.as_bytes(), changes);

    let both = [plan(0, "docker.io/library/a:v2"), plan(1, "docker.io/library/b:v2")];
    let after = rewritten(&both).unwrap();
    assert_eq!(String::from_utf8(after.bytes).unwrap(), text.replace("v1", "v2"));
    assert_eq!(after.edits.len(), 1);

    let different = [plan(0, "docker.io/library/a:v2"), plan(1, "docker.io/library/b:v3")];
    assert_eq!(rewritten(&different), Err(RewriteError::Conflict { at: 12 }));

    // The other one would change without having been planned.
    let refused = rewritten(&both[..1]);
    assert!(matches!(refused, Err(RewriteError::Differs { ref path, .. }) if path == "b.image"), "{refused:?}");
}

#[test]
fn further_paths_are_told() {
    let text = "spec:\n  jaeger: {image: a:1}\n  steps:\n  - image: b:1\n  - image: c:1\n  - {image: {repository: d, tag: '1'}}\n  other.key: {x: e:1}\n  no: {image: f:1}\n";
    let paths = ["spec.jaeger.image", "spec.steps[*].image", "spec.\"other.key\".*", "spec.nothing[3].x"];
    let options =
        Options { paths: paths.iter().map(|path| path.parse::<Pattern>().unwrap()).collect(), ..Options::default() };
    let found = |options: &Options| -> Vec<String> {
        let places = find(Kind::Kubernetes, options, text.as_bytes()).unwrap();
        places.iter().map(|place| format!("{} = {}", place.path, place.content)).collect()
    };
    assert_eq!(found(&Options::default()), [""; 0]);
    assert_eq!(
        found(&options),
        [
            "spec.jaeger.image = a:1",
            "spec.steps[0].image = b:1",
            "spec.steps[1].image = c:1",
            "spec.steps[2].image = d:1",
            "spec.\"other.key\".x = e:1",
        ]
    );
}

#[test]
fn a_pattern_that_cannot_be_read_is_refused() {
    for text in ["", ".", "a..b", "a[", "a[x]", "a]b[0", "a.", "\"a", "a[0]b", &"a.".repeat(100)] {
        assert!(text.parse::<Pattern>().is_err(), "{text}");
    }
}

#[test]
fn build_arguments_are_told() {
    let options = Options { arguments: vec!["RUNTIME".to_owned()], ..Options::default() };
    for (kind, text) in [
        (Kind::Dockerfile, "ARG RUNTIME=app:1\nARG OTHER=app:2\nFROM scratch\n"),
        (Kind::Compose, "services: {a: {build: {args: {RUNTIME: app:1, OTHER: app:2}}}}"),
        (Kind::Compose, "services: {a: {build: {args: [RUNTIME=app:1, OTHER=app:2]}}}"),
        (Kind::Bake, "target \"a\" {\n args = { RUNTIME = \"app:1\", OTHER = \"app:2\" }\n}\n"),
        (Kind::Bake, "variable \"R\" { default = \"app:1\" }\ntarget \"a\" { args = { RUNTIME = R } }\n"),
        (Kind::Bake, "{\"target\": {\"a\": {\"args\": {\"RUNTIME\": \"app:1\", \"OTHER\": \"app:2\"}}}}"),
    ] {
        assert!(find(kind, &Options::default(), text.as_bytes()).unwrap().is_empty(), "{text}");
        let places = find(kind, &options, text.as_bytes()).unwrap();
        let found: Vec<_> = places.iter().map(|place| &text[place.span.clone()]).collect();
        assert_eq!(found, ["app:1"], "{text}");
    }
}
