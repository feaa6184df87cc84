//! Files that are made to break what reads them.

use proptest::prelude::*;
use targets::limits::{DEPTH_MAX, FILE_MAX_BYTES, PATH_MAX_CHARACTERS, PLACES_MAX};
use targets::{Edit, Kind, Options, RewriteError, TargetError, Write, apply, combine, find, rewrite, undo};

use crate::generator::{self, Random};

/// Asserts what holds of every input: places lie in it, and what is planned for them can be written and read again.
fn assert_sound(kind: Kind, bytes: &[u8]) {
    let options = Options::default();
    let places = match find(kind, &options, bytes) {
        Ok(places) => places,
        Err(error) => {
            let text = error.to_string();
            assert_eq!(oci::text::printable(&text), text, "a message that cannot be shown");
            return;
        }
    };
    let locked = format!("registry.example/new:v1@sha256:{}", "a".repeat(64)).parse().unwrap();
    for (index, place) in places.iter().enumerate() {
        assert_eq!(place.index, index);
        assert!(place.path.chars().count() <= PATH_MAX_CHARACTERS + 100, "{}", place.path.len());
        for span in place.spans().iter().chain([&place.span]) {
            assert!(std::str::from_utf8(&bytes[span.clone()]).is_ok());
        }
        let Ok(change) = place.plan(&locked, Write::TagAndDigest) else { continue };
        match rewrite(kind, &options, bytes, &[change]) {
            Ok(rewritten) => {
                let back = undo(bytes, &rewritten.edits).unwrap();
                assert_eq!(apply(&rewritten.bytes, &back).unwrap(), bytes);
            }
            // What is shared with another place changes that one too.
            Err(RewriteError::Differs { .. } | RewriteError::OtherPlaces { .. }) => {}
            Err(error) => panic!("{kind}: {error}"),
        }
    }
}

/// Pieces of which files of all kinds are made.
const PIECES: [&str; 64] = [
    "image:",
    "\"image\"",
    "containers:\n",
    "- ",
    "services:\n",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "nginx:1",
    "{",
    "}",
    "[",
    "]",
    ",",
    ": ",
    "&a ",
    "*a",
    "<<: ",
    "|",
    ">-\n",
    "'",
    "\"",
    "#",
    "---\n",
    "...\n",
    "!!str ",
    "? ",
    "{{ x }}",
    "${A:-b}",
    "FROM ",
    "ARG A=b\n",
    "COPY --from=",
    "RUN <<EOF\n",
    "EOF\n",
    "\\\n",
    "`\n",
    "# syntax=",
    "# escape=`\n",
    "ONBUILD ",
    "AS x\n",
    "--mount=from=",
    "target ",
    "contexts = {",
    "docker-image://",
    "variable \"A\" {",
    "default = ",
    "<<-EOT\n",
    "//",
    "/*",
    "*/",
    "\\u0041",
    "\\",
    "features",
    "images:\n",
    "newTag: ",
    "repository: ",
    "tag:",
    "digest: ",
    "\u{feff}",
    "ü",
    "🚀",
    "\0",
    "\u{85}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for kind in Kind::ALL {
            assert_sound(kind, &bytes);
        }
    }

    #[test]
    fn any_pieces_of_files_are_read_or_refused(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        for kind in Kind::ALL {
            assert_sound(kind, text.as_bytes());
        }
    }

    #[test]
    fn a_file_with_a_byte_changed_is_read_or_refused(seed in 0..10_000_u64, kind in 0..7_usize, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let kind = Kind::ALL[kind];
        let mut bytes = generator::file(kind, &mut Random::new(seed)).text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        assert_sound(kind, &bytes);
        bytes.truncate(at);
        assert_sound(kind, &bytes);
    }

    #[test]
    fn edits_are_applied_and_undone(text in "[a-zü\n]{0,60}", cuts in proptest::collection::vec((0..30_usize, 0..4_usize, "[x-zé]{0,3}"), 0..8)) {
        let floor = |at: usize| text.floor_char_boundary(at);
        let mut at = 0;
        let mut edits = Vec::new();
        for (skip, length, replacement) in cuts {
            let (start, end) = (floor(at + skip + 1), floor(at + skip + 1 + length));
            if end < text.len() && start > at {
                edits.push(Edit { span: start..end, replacement });
                at = end;
            }
        }
        let after = apply(text.as_bytes(), &combine(edits.clone()).unwrap()).unwrap();
        let back = undo(text.as_bytes(), &edits).unwrap();
        prop_assert_eq!(apply(&after, &back).unwrap(), text.as_bytes());
    }
}

#[test]
fn edits_that_do_not_fit_are_refused() {
    let edit = |start, end| Edit { span: start..end, replacement: "x".to_owned() };
    assert_eq!(apply(b"abc", &[edit(2, 4)]), Err(RewriteError::OutOfBounds { end: 4, size: 3 }));
    assert_eq!(apply(b"abc", &[edit(0, 2), edit(1, 3)]), Err(RewriteError::Conflict { at: 1 }));
    assert_eq!(combine([edit(1, 3), edit(0, 2)]), Err(RewriteError::Conflict { at: 1 }));
    assert_eq!(combine([edit(1, 3), edit(1, 3)]).unwrap(), [edit(1, 3)]);
    assert_eq!(undo("ü".as_bytes(), &[edit(1, 2)]), Err(RewriteError::OutOfBounds { end: 2, size: 2 }));
}

#[test]
fn a_file_beyond_a_limit_is_refused() {
    let options = Options::default();
    let huge = vec![b' '; FILE_MAX_BYTES + 1];
    for kind in Kind::ALL {
        let refused = find(kind, &options, &huge);
        assert_eq!(refused, Err(TargetError::TooLarge { found: FILE_MAX_BYTES + 1 }));
    }
    let many = "FROM a:1\n".repeat(PLACES_MAX + 1);
    assert_eq!(find(Kind::Dockerfile, &options, many.as_bytes()), Err(TargetError::TooManyPlaces));
    let refused = find(Kind::Compose, &options, b"services:\n  a: \xff\n");
    assert_eq!(refused, Err(TargetError::NotText { line: 2, column: 6 }));
}

#[test]
fn an_error_points_at_its_line_and_column() {
    for (kind, text, place) in [
        (Kind::Compose, "services:\n  a: 'x\n", (3, 1)),
        (Kind::Kustomize, "images:\n\t- a\n", (2, 2)),
        (Kind::Devcontainer, "{\n  \"ü\": x\n  \"b\": 1 }", (3, 3)),
        (Kind::Bake, "target \"a\" {\n  x = [\n", (2, 7)),
        (Kind::Bake, "a = \"ü\n", (1, 5)),
        (Kind::Dockerfile, "FROM a\nRUN <<EOF\nx\n", (2, 1)),
    ] {
        match find(kind, &Options::default(), text.as_bytes()) {
            Err(TargetError::Syntax { line, column, message }) => {
                assert_eq!((line, column), place, "{text}: {message}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

/// None of these may take long or much: each is a quarter of a MiB.
#[test]
fn traps_are_stepped_over() {
    let size = 1 << 18;
    let aliases = |key: &str| {
        let entries = "  a: {image: b:1}\n".repeat(1500);
        let users: String = (0..5_000).map(|at| ["  s", &at.to_string(), ": {<<: *x, image: *x}\n"].concat()).collect();
        format!("x: &x\n{entries}{key}:\n{users}")
    };
    let traps: Vec<String> = vec![
        "[".repeat(size),
        "{".repeat(size),
        "{\"a\":".repeat(size / 5),
        "- ".repeat(size / 2),
        "\"".repeat(size),
        "\\\n".repeat(size / 2),
        "#\n".repeat(size / 2),
        "FROM \\\n".repeat(size / 7),
        "ARG A=$A\n".repeat(size / 9),
        "RUN <<A <<A\nA\nA\n".repeat(size / 16),
        format!("RUN {}", "<<A ".repeat(size / 4)),
        format!("FROM {}", "a".repeat(size)),
        format!("COPY --from={} a b", "a,".repeat(size / 2)),
        format!("a = \"{}", "${".repeat(size / 2)),
        "a = <<A\n".repeat(size / 8),
        "a = {".repeat(size / 5),
        "a {\n".repeat(size / 4),
        "/*".repeat(size / 2),
        "image: {{\n".repeat(size / 10),
        "{{ x }}\n- image: a:1\n".repeat(5000),
        format!("services: {{a: {{image: '{}'}}}}", "a/".repeat(size / 2)),
        format!("\"{}\": {{image: a:1}}\n", "k".repeat(1000)).repeat(1000),
        format!("FROM a AS {}\n{}", "s".repeat(size), "COPY --from=x:1 a b\n".repeat(5000)),
        format!("ARG {}=a:1\nFROM $A\n", "A".repeat(size)),
        format!(
            "target \"{}\" {{\n contexts = {{\n{} }}\n}}\n",
            "t".repeat(size),
            "a = \"docker-image://x:1\"\n".repeat(5000)
        ),
        format!("{{\"features\": {{{}}}}}", "\"ghcr.io/a/b:1\": 1,".repeat(5000)),
        format!(
            "{{\"target\": {{\"{}\": {{\"contexts\": {{{}}}}}}}}}",
            "t".repeat(size),
            "\"a\": \"docker-image://a:1\",".repeat(5000)
        ),
        aliases("services"),
        aliases("containers"),
        format!("a: &a [{}]\nservices: *a\nimages: *a\n", "*b,".repeat(size / 3)),
    ];
    let mut read = 0;
    for trap in traps {
        for kind in Kind::ALL {
            read += usize::from(find(kind, &Options::default(), trap.as_bytes()).is_ok());
        }
    }
    assert!(read > 20, "only {read} were read at all");
}

#[test]
fn nesting_is_limited_and_what_is_below_the_limit_is_read() {
    let nested = |depth: usize| format!("{}{{\"image\": \"a:1\"}}{}", "[".repeat(depth), "]".repeat(depth));
    for (kind, depth) in
        [(Kind::HelmValues, DEPTH_MAX - 1), (Kind::Kubernetes, DEPTH_MAX - 1), (Kind::Devcontainer, DEPTH_MAX - 1)]
    {
        assert!(find(kind, &Options::default(), nested(depth).as_bytes()).is_ok(), "{kind}");
        let refused = find(kind, &Options::default(), nested(depth + 1).as_bytes());
        assert!(matches!(refused, Err(TargetError::Syntax { .. })), "{kind}: {refused:?}");
    }
}

#[test]
fn a_path_can_be_shown() {
    let text = "services:\n  \"a\\e[31m\": {image: nginx:1}\n";
    let places = find(Kind::Compose, &Options::default(), text.as_bytes()).unwrap();
    assert_eq!(places[0].path, "services.\"a\\u{1b}[31m\".image");
}
