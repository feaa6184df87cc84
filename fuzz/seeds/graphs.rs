//! Graphs, as pieces that name each other.

use std::collections::BTreeMap;

use oci::{Digest, Manifest, MediaType};
use serde_json::{Value, json};
use testkit::application::{Application, ApplicationBuilder, WholeGraph};

use super::{Seeds, numbered};

/// What stands in JSON for the fields `digest` and `size` of a piece until the text is made.
const MARK: char = '\u{1}';

pub fn graphs() -> Seeds {
    let whole = WholeGraph::default().foreign_layer("https://layers.example/1").build();
    let chain = |depth: usize| {
        let mut pieces = vec![index(&[], "")];
        pieces.extend((0..depth).map(|below| index(&[below], "")));
        pieces.join("\0")
    };
    let index_type = MediaType::OCI_INDEX;
    numbered([
        text(&Pieces::new(&whole, false)),
        text(&Pieces::new(&small(), true)),
        chain(34),
        // A referrer of a referrer of a child, which is a child of the root as well.
        [
            index(&[], ""),
            index(&[], &format!(",\"subject\":{{\"mediaType\":\"{index_type}\",$0}}")),
            index(&[], &format!(",\"artifactType\":\"a/b\",\"subject\":{{\"mediaType\":\"{index_type}\",$1}}")),
            index(&[0, 2, 2], ""),
        ]
        .join("\0"),
        // Subjects that lie about their type, and one that is not there.
        [
            index(&[], ""),
            index(&[], ",\"subject\":{\"mediaType\":\"a/b\",$0}"),
            index(&[0], ",\"subject\":{\"mediaType\":\"a/b\",\"digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"size\":0}"),
            index(&[2], ""),
        ]
        .join("\0"),
        // The same bytes foreign and not, and of sizes that no sum holds.
        [
            "layer".to_owned(),
            "{\"schemaVersion\":2,\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.nondistributable.v1.tar\",\"digest\":\"@0\",\"size\":18446744073709551615,\"urls\":[\"https://layers.example/1\"]}]}".to_owned(),
            "{\"schemaVersion\":2,\"layers\":[{\"mediaType\":\"a/b\",\"digest\":\"@0\",\"size\":18446744073709551615}],\"config\":{\"mediaType\":\"a/b\",\"digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"size\":1}}".to_owned(),
            format!("{{\"schemaVersion\":2,\"manifests\":[{{\"mediaType\":\"{0}\",$1,\"platform\":{{\"os\":\"linux\",\"architecture\":\"amd64\"}}}},{{\"mediaType\":\"{0}\",$2,\"platform\":{{\"os\":\"linux\",\"architecture\":\"s390x\"}}}}]}}", MediaType::OCI_MANIFEST),
        ]
        .join("\0"),
    ])
}

/// Graphs whose every node is there, and an artifact with files.
pub fn image() -> Seeds {
    let application = small();
    let small = Pieces::new(&application, true);
    let root = small.texts[small.numbers[&application.named("image").digest]].clone();
    let kind = MediaType::OCI_MANIFEST;
    let files = |titles: &[&str]| {
        let layers: Vec<String> = titles
            .iter()
            .map(|title| format!("{{\"mediaType\":\"text/plain\",$0,\"annotations\":{{\"org.opencontainers.image.title\":\"{title}\"}}}}"))
            .collect();
        let config = format!("{{\"mediaType\":\"{}\",$1}}", MediaType::EMPTY_JSON);
        format!(
            "a file\0{{}}\0{{\"schemaVersion\":2,\"mediaType\":\"{kind}\",\"config\":{config},\"layers\":[{}]}}",
            layers.join(",")
        )
    };
    let config = "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Labels\":{\"org.opencontainers.image.version\":\"1\\u001b[31m\"}}}";
    let signature = format!("{{\"schemaVersion\":2,\"mediaType\":\"{kind}\",\"layers\":[]}}");
    let image = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{kind}\",\"config\":{{\"mediaType\":\"{}\",$1}},\"layers\":[]}}",
        MediaType::OCI_CONFIG
    );
    let about = |what: usize| {
        index(&[], &format!(",\"artifactType\":\"a/b\",\"subject\":{{\"mediaType\":\"{kind}\",${what}}}"))
    };
    numbered([
        format!("{}\0{root}", text(&small)),
        files(&["a.txt", "b/c.txt"]),
        files(&["../a.txt"]),
        files(&["/a", "b\\u0000", "a//b"]),
        files(&["a", "a/b"]),
        [signature, config.to_owned(), image.clone(), about(2), about(3), image].join("\0"),
    ])
}

pub fn layout() -> Seeds {
    let application = small();
    let pieces = Pieces::new(&application, true);
    let listed = pieces.index(&["image", "sbom", "convention"]);
    let index_type = MediaType::OCI_INDEX;
    let entry = |more: &str| format!("{{\"mediaType\":\"{index_type}\",$0{more}}}");
    let named = |name: &str| entry(&format!(",\"annotations\":{{\"org.opencontainers.image.ref.name\":\"{name}\"}}"));
    let one = |entries: &[String]| {
        format!("{}\0{{\"schemaVersion\":2,\"manifests\":[{}]}}", index(&[], ""), entries.join(","))
    };
    numbered([
        format!("{}\0{listed}", text(&pieces)),
        one(&[entry("")]),
        one(&[named("1.0"), named("1.0"), entry("")]),
        one(&[named("fuzzed"), named("docker.io/library/a:1"), "{\"unknown\":[1,2]}".to_owned(), "7".to_owned()]),
        one(&[named("a\\u0000b"), entry(",\"annotations\":null"), entry(",\"platform\":{}")]),
        format!("{}\0{{\"manifests\":[{}],\"manifests\":[]}}", index(&[], ""), entry("")),
        format!("{{\"manifests\":{}{}}}", "[".repeat(200), "]".repeat(200)),
        "{\"manifests\":null,\"x\":1e999}".to_owned(),
        "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"size\":1}]}".to_owned(),
    ])
}

pub fn content_store() -> Seeds {
    let document = |tags: &str, roots: &str| {
        let first = index(&[], "");
        format!("{first}\0{{\"schema\":\"supercargo.store-name.v1\",\"tags\":{{{tags}}},\"roots\":[{roots}]}}")
    };
    let descriptor = format!("{{\"mediaType\":\"{}\",$0}}", MediaType::OCI_INDEX);
    numbered([
        document(&format!("\"1.0\":{descriptor}"), &descriptor),
        document(&format!("\"../x\":{descriptor}"), ""),
        document("", "{\"mediaType\":\"a/b\",$0}"),
        "{\"schema\":\"supercargo.store-name.v2\",\"tags\":{}}".to_owned(),
        "{}".to_owned(),
    ])
}

/// Layouts as the target `archive` takes them.
pub fn layout_in_pieces() -> String {
    let application = small();
    let pieces = Pieces::new(&application, true);
    format!("{}\0{}", text(&pieces), pieces.index(&["image", "sbom", "convention"]))
}

fn index(children: &[usize], more: &str) -> String {
    let digit = |number: &usize| char::from_digit(u32::try_from(*number).unwrap(), 36).unwrap();
    let kind = MediaType::OCI_INDEX;
    let children: Vec<String> =
        children.iter().map(|child| format!("{{\"mediaType\":\"{kind}\",${}}}", digit(child))).collect();
    format!("{{\"schemaVersion\":2,\"manifests\":[{}]{more}}}", children.join(","))
}

/// An image whose layer is text, with what can be about it.
pub fn small() -> Application {
    let mut builder = ApplicationBuilder::new(7);
    let layer = builder.blob("application/vnd.example.text.v1", "a layer");
    let image = builder.artifact("application/vnd.example.image.v1", None, std::slice::from_ref(&layer));
    let image = builder.index(&[image]);
    let sbom = builder.sbom(&image);
    builder.signature(&sbom);
    builder.artifact("application/vnd.example.facts.v1", Some(&layer), &[]);
    let convention = builder.convention_signature(&image);
    for (name, node) in [("image", &image), ("sbom", &sbom), ("convention", &convention)] {
        builder.name(name, node);
    }
    builder.tag("1.0", &image);
    builder.build()
}

/// The parts of an application that are text.
struct Pieces<'a> {
    application: &'a Application,
    texts: Vec<String>,
    numbers: BTreeMap<Digest, usize>,
}

fn text(pieces: &Pieces<'_>) -> String {
    pieces.texts.join("\0")
}

impl<'a> Pieces<'a> {
    fn new(application: &'a Application, with_blobs: bool) -> Self {
        let mut pieces = Self { application, texts: Vec::new(), numbers: BTreeMap::new() };
        for (blob, bytes) in application.blobs().filter(|_| with_blobs) {
            if let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')) {
                pieces.add(blob.digest, text.to_owned());
            }
        }
        for manifest in application.manifests() {
            let text = pieces.with_marks(serde_json::from_slice(manifest.bytes()).unwrap());
            pieces.add(*manifest.digest(), text);
        }
        assert!(pieces.texts.len() <= 35, "{} pieces", pieces.texts.len());
        pieces
    }

    fn add(&mut self, digest: Digest, text: String) {
        self.numbers.insert(digest, self.texts.len());
        self.texts.push(text);
    }

    /// Returns an index that lists these nodes of the application, the first with a tag.
    fn index(&self, names: &[&str]) -> String {
        let find = |name: &&str| self.application.manifest(&self.application.named(name).digest).unwrap();
        let mut entries: Vec<Value> =
            names.iter().map(find).map(Manifest::referrer_descriptor).map(|d| json!(d)).collect();
        entries[0]["annotations"] = json!({"org.opencontainers.image.ref.name": "1.0"});
        self.with_marks(json!({"schemaVersion": 2, "manifests": entries}))
    }

    fn with_marks(&self, mut document: Value) -> String {
        self.mark(&mut document);
        let mut text = document.to_string();
        for number in (0..self.texts.len()).rev() {
            let digit = char::from_digit(u32::try_from(number).unwrap(), 36).unwrap();
            text = text.replace(&format!("{}:null", json!(format!("{MARK}{number}"))), &format!("${digit}"));
        }
        text
    }

    fn mark(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                let digest = fields.get("digest").and_then(Value::as_str).and_then(|digest| digest.parse().ok());
                if let Some(number) = digest.and_then(|digest: Digest| self.numbers.get(&digest)) {
                    fields.remove("digest");
                    fields.remove("size");
                    fields.insert(format!("{MARK}{number}"), Value::Null);
                }
                fields.values_mut().for_each(|value| self.mark(value));
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.mark(value)),
            _ => {}
        }
    }
}
