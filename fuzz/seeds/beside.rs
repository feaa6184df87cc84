//! What lies beside a project, and applications.

use oci::{Digest, MediaType};

use super::{Seeds, numbered};

pub fn installed() -> Seeds {
    let digest = Digest::sha256(b"");
    numbered([
        format!("# Written by supercargo install\nregistry.example/team/app:1.0@{digest}\n"),
        format!("\r\n  oci:/srv/app@{digest}  \r\n"),
        format!("registry.example/a@{digest}\nregistry.example/b@{digest}\n"),
        "registry.example/a:1.0".to_owned(),
        "# nothing\n".to_owned(),
        format!("\u{1b}[2J@{digest}"),
    ])
}

/// What files hold, what they held before, the journal.
pub fn journal() -> Seeds {
    let journal = |path: &str, edits: &str| {
        format!(
            r#"{{"schema":"supercargo.rewrite-journal.v1","finished":true,"files":[{{"path":"{path}","before":"@1","after":"@0","edits":[{edits}]}}]}}"#
        )
    };
    let edit = |at: &str| format!(r#"{{"at":{at},"old":"1.0","new":"2.0"}}"#);
    let files = "image: a:2.0\0image: a:1.0";
    let twice = |first: &str, second: &str| {
        let change = |before: &str, after: &str, old: &str, new: &str| {
            format!(
                r#"{{"path":"compose.yaml","before":"@{before}","after":"@{after}","edits":[{{"at":0,"old":"{old}","new":"{new}"}}]}}"#
            )
        };
        format!(
            "c\0a\0b\0{{\"schema\":\"supercargo.rewrite-journal.v1\",\"finished\":false,\"files\":[{},{}]}}",
            change("1", first, "a", "b"),
            change(second, "0", "b", "c")
        )
    };
    numbered([
        format!("{files}\0{}", journal("compose.yaml", &edit("9"))),
        format!("{files}\0{}", journal("../compose.yaml", &edit("9"))),
        format!("{files}\0{}", journal("./a\\u001b", &edit("18446744073709551615"))),
        format!("{files}\0{}", journal("compose.yaml", &format!("{},{}", edit("9"), edit("9")))),
        twice("2", "2"),
        twice("2", "0"),
        format!("a\0{}", journal("compose.yaml", "").replace(".v1", ".v2\\u001b")),
        "a\0{".to_owned(),
    ])
}

/// An image, a project, a lock, the application, an empty configuration, the artifact.
pub fn published() -> Seeds {
    let image = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"config\":{{\"mediaType\":\"a/b\",\"digest\":\"{}\",\"size\":0}},\"layers\":[]}}",
        MediaType::OCI_MANIFEST,
        Digest::sha256(b"")
    );
    let project = "[project]\nname = \"a\"\n[images]\nb = { repo = \"h.example/b\", version = \"^1\" }\n[[targets]]\nkind = \"compose\"\npaths = [\"c.yaml\"]\n";
    let lock = "lock-version = 1\n\n[[image]]\nname = \"b\"\nrepo = \"h.example/b\"\nversion = \"1.0\"\ntag = \"1.0\"\ndigest = \"@0\"\nkind = \"image\"\nchosen = \"highest\"\n";
    let index = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"manifests\":[{{\"mediaType\":\"{}\",$0,\"annotations\":{{\"vnd.supercargo.image.name\":\"b\"}}}}],\"annotations\":{{\"vnd.supercargo.project\":\"@1\",\"vnd.supercargo.lock\":\"@2\"}}}}",
        MediaType::OCI_INDEX,
        MediaType::OCI_MANIFEST
    );
    let layer = |number: usize, title: &str| {
        format!(
            "{{\"mediaType\":\"text/plain\",${number},\"annotations\":{{\"org.opencontainers.image.title\":\"{title}\"}}}}"
        )
    };
    let artifact = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"artifactType\":\"application/vnd.supercargo.application.v1\",\"config\":{{\"mediaType\":\"{}\",$4}},\"layers\":[{},{}],\"subject\":{{\"mediaType\":\"{}\",$3}}}}",
        MediaType::OCI_MANIFEST,
        MediaType::EMPTY_JSON,
        layer(1, "Supercargo.toml"),
        layer(2, "Supercargo.lock"),
        MediaType::OCI_INDEX
    );
    let whole = [&*image, project, lock, &index, "{}", &artifact].join("\0");
    numbered([
        whole.clone(),
        whole.replace("c.yaml", "../c.yaml"),
        whole.replace("\"vnd.supercargo.image.name\":\"b\"", "\"vnd.supercargo.image.name\":\"c\\u001b\""),
        whole.replace("version = \"^1\"", "version = \"^2\""),
        whole.replace("\"Supercargo.lock\"", "\"Supercargo.toml\""),
        whole.replace("\"vnd.supercargo.lock\":\"@2\"", "\"vnd.supercargo.lock\":\"@1\""),
        index,
    ])
}
