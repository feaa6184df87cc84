//! `serve import`: what other registries keep in directories becomes a registry.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use oci::Digest;
use serde_json::{Value, json};
use testkit::peers::{PeerRegistry, tool};

use crate::desk::{Desk, document};
use crate::served::Served;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The directory of a distribution registry, made by hand.
struct Tree(PathBuf);

impl Tree {
    fn new(path: PathBuf) -> Self {
        fs::create_dir_all(path.join("docker/registry/v2/blobs")).unwrap();
        fs::create_dir_all(path.join("docker/registry/v2/repositories")).unwrap();
        Self(path)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.join("docker/registry/v2").join(below)
    }

    fn write(&self, below: &str, content: &[u8]) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn data(&self, digest: &Digest) -> PathBuf {
        let encoded = digest.encoded();
        self.path(&format!("blobs/{}/{}/{encoded}/data", digest.algorithm(), &encoded[..2]))
    }

    fn content(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::sha256(bytes);
        let path = self.data(&digest);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        digest
    }

    fn link(&self, repository: &str, kind: &str, digest: &Digest) {
        let path = format!("repositories/{repository}/{kind}/sha256/{}/link", digest.encoded());
        self.write(&path, digest.to_string().as_bytes());
    }

    fn blob(&self, repository: &str, bytes: &[u8]) -> Value {
        let digest = self.content(bytes);
        self.link(repository, "_layers", &digest);
        json!({ "mediaType": "application/octet-stream", "digest": digest, "size": bytes.len() })
    }

    fn manifest(&self, repository: &str, document: &Value) -> Digest {
        let digest = self.content(document.to_string().as_bytes());
        self.link(repository, "_manifests/revisions", &digest);
        digest
    }

    fn image(&self, repository: &str, layers: &[&[u8]], subject: Option<&Digest>) -> Digest {
        let config = self.blob(repository, b"{}");
        let layers: Vec<Value> = layers.iter().map(|layer| self.blob(repository, layer)).collect();
        let mut document = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        if let Some(subject) = subject {
            document["subject"] = json!({ "mediaType": MANIFEST, "digest": subject, "size": 1 });
        }
        self.manifest(repository, &document)
    }

    fn tag(&self, repository: &str, tag: &str, digest: &Digest) {
        let path = format!("repositories/{repository}/_manifests/tags/{tag}");
        self.write(&format!("{path}/current/link"), digest.to_string().as_bytes());
        self.write(&format!("{path}/index/sha256/{}/link", digest.encoded()), digest.to_string().as_bytes());
    }

    fn source(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

fn kept(desk: &Desk) -> PathBuf {
    desk.path("home/.local/share/supercargo/registry")
}

/// Returns what is below a directory: paths, what they are, sizes and times.
fn listing(directory: &Path) -> Vec<(PathBuf, u64, i64, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        found.push((path.clone(), metadata.len(), metadata.mtime(), u64::from(metadata.mode())));
        if metadata.is_dir() {
            found.extend(listing(&path));
        }
    }
    found.sort();
    found
}

/// Fails unless the registry has every byte that its database names, and nothing else.
fn audit(desk: &Desk) {
    let made = desk.json(&["serve", "reindex", "--replace", "--verify"]);
    assert_eq!((&made["lost"]["count"], &made["orphans"]["count"]), (&json!(0), &json!(0)), "{made}");
}

fn head(served: &Served, path: &str) -> String {
    served.ask(&format!("HEAD {path}\r\naccept: {MANIFEST}, {INDEX}\r\n\r\n")).to_lowercase()
}

#[test]
fn a_registry_of_distribution_becomes_one_of_ours() {
    let Some(peer) = PeerRegistry::Distribution.start() else { return };
    let (desk, application) = Desk::with_application();
    let at = |name: &str| format!("{}/{name}", peer.host());
    let tags: Vec<String> = application.tags().iter().map(|(tag, _)| tag.to_string()).collect();
    for tag in &tags {
        desk.ok(&["copy", &format!("oci:app:{tag}"), &at(&format!("team/app:{tag}"))]);
    }
    if let Some(skopeo) = tool("skopeo") {
        let from = format!("docker://{}", at("team/app:1.0"));
        let to = format!("docker://{}", at("other:copied"));
        skopeo.run(["copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", &from, &to]);
    }
    let content = peer.directory().join("content");
    let before = listing(&content);
    let source = content.to_str().unwrap();
    let told = document(&desk.run(&["serve", "import", source, "--dry-run", "--format", "json"]).stdout);
    assert!(!kept(&desk).exists(), "a dry run makes nothing");
    let imported = desk.json(&["serve", "import", source, "--link"]);
    assert_eq!(imported["left_out"]["count"], 0, "{imported}");
    for count in ["tags", "manifests", "blobs", "bytes", "folded"] {
        assert_eq!(told[count], imported[count], "{count}: {told}");
    }
    assert_eq!(imported["linked"], imported["blobs"], "{imported}");
    assert_eq!(listing(&content).len(), before.len());

    let served = Served::start(&desk);
    for manifest in application.manifests() {
        let digest = manifest.digest();
        if !fs::exists(content.join(format!(
            "docker/registry/v2/repositories/team/app/_manifests/revisions/{}/{}",
            digest.algorithm(),
            digest.encoded()
        )))
        .unwrap()
        {
            continue;
        }
        let answer = head(&served, &format!("/v2/team/app/manifests/{digest}"));
        assert!(answer.starts_with("http/1.1 200 "), "{digest}: {answer}");
        assert!(answer.contains(&format!("content-length: {}\r\n", manifest.bytes().len())), "{answer}");
        if let Some(subject) = manifest.subject() {
            let listed = served.ask(&format!("GET /v2/team/app/referrers/{}\r\n\r\n", subject.digest));
            assert!(listed.contains(&digest.to_string()), "{listed}");
        }
    }
    // Whatever a client finds there it finds here: a copy of the copy is proven, graph by graph.
    for tag in &tags {
        let copied = desk.ok(&["copy", &at(&format!("team/app:{tag}")), &served.at(&format!("team/app:{tag}"))]);
        assert!(copied.contains("proven: "), "{copied}");
    }
    served.terminate();
    let again = desk.json(&["serve", "import", source, "--link"]);
    assert_eq!((&again["manifests"], &again["blobs"], &again["tags"]), (&json!(0), &json!(0), &json!(0)), "{again}");
    audit(&desk);
}

#[test]
fn what_is_broken_is_left_out_and_named_and_nothing_outside_is_read() {
    let desk = Desk::new();
    let tree = Tree::new(desk.path("old"));
    let good = tree.image("app", &[b"good"], None);
    tree.tag("app", "good", &good);
    let referrer = tree.image("app", &[b"signature"], Some(&good));
    let entry =
        json!({ "mediaType": MANIFEST, "digest": referrer, "size": fs::metadata(tree.data(&referrer)).unwrap().len() });
    let list = tree.manifest("app", &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] }));
    tree.tag("app", &good.to_string().replace(':', "-"), &list);

    desk.write("secret", "secret of the machine");
    let secret = Digest::sha256(b"secret of the machine");
    let outside = tree.image("app", &[b"secret of the machine"], None);
    fs::remove_file(tree.data(&secret)).unwrap();
    std::os::unix::fs::symlink(desk.path("secret"), tree.data(&secret)).unwrap();
    let fifo = tree.image("app", &[b"never comes"], None);
    let path = tree.data(&Digest::sha256(b"never comes"));
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let flipped = tree.image("app", &[b"flipped"], None);
    fs::write(tree.data(&Digest::sha256(b"flipped")), b"Flipped").unwrap();
    let short = tree.image("app", &[b"short one"], None);
    fs::write(tree.data(&Digest::sha256(b"short one")), b"short").unwrap();
    let gone = tree.image("app", &[b"gone"], None);
    fs::remove_file(tree.data(&Digest::sha256(b"gone"))).unwrap();
    // Bytes of another repository, to which this one has no link.
    tree.image("private", &[b"theirs"], None);
    let stolen = tree.image("app", &[b"theirs"], None);
    let theirs = format!("repositories/app/_layers/sha256/{}", Digest::sha256(b"theirs").encoded());
    fs::remove_dir_all(tree.path(&theirs)).unwrap();
    let old = tree.manifest("app", &json!({ "schemaVersion": 1, "name": "app", "fsLayers": [] }));
    let broken = [
        ("outside", outside),
        ("fifo", fifo),
        ("flipped", flipped),
        ("short", short),
        ("gone", gone),
        ("stolen", stolen),
        ("old", old),
    ];
    for (tag, digest) in &broken {
        tree.tag("app", tag, digest);
    }
    tree.write("repositories/app/_manifests/tags/escape/current/link", b"sha256:../../../../../../secret");
    tree.write("repositories/app/_manifests/tags/-bad name/current/link", good.to_string().as_bytes());
    fs::create_dir_all(tree.path("repositories/UPPER/_manifests")).unwrap();
    std::os::unix::fs::symlink("/", tree.path("repositories/root")).unwrap();

    let before = listing(&desk.path("old"));
    let outcome = desk.run(&["serve", "import", tree.source(), "--move", "--format", "json"]);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert_eq!(listing(&desk.path("old")), before, "the source stays as it is when something is left out");
    let told = document(&outcome.stdout);
    let lines: Vec<&str> =
        told["left_out"]["first"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let said = |start: &str, part: &str| {
        assert!(lines.iter().any(|line| line.starts_with(start) && line.contains(part)), "{start} {part}: {lines:#?}");
    };
    for ((tag, digest), reason) in broken.iter().zip([
        "symbolic link",
        "not a regular file",
        "other bytes",
        "has 5 bytes where 9 should be",
        "is missing",
        "is missing",
        "",
    ]) {
        said(&format!("manifest app@{digest}: "), reason);
        said(&format!("tag app:{tag}: "), "is not taken");
    }
    said("tag app:escape: ", "digest");
    said("tag app:-bad name: ", "");
    said("repository UPPER: ", "");
    assert_eq!((&told["folded"], &told["tags"]), (&json!(1), &json!(1)), "{told}");

    let served = Served::start(&desk);
    let tags = served.ask("GET /v2/app/tags/list\r\n\r\n");
    assert!(tags.ends_with("\"tags\":[\"good\"]}"), "{tags}");
    assert!(served.ask(&format!("GET /v2/app/referrers/{good}\r\n\r\n")).contains(&referrer.to_string()));
    for hidden in [secret, Digest::sha256(b"theirs"), Digest::sha256(b"Flipped")] {
        assert!(head(&served, &format!("/v2/app/blobs/{hidden}")).starts_with("http/1.1 404 "), "{hidden}");
    }
    served.terminate();
    audit(&desk);
    // With a part missing, and only then, when that is asked for.
    let sparse = document(&desk.run(&["serve", "import", tree.source(), "--sparse", "--format", "json"]).stdout);
    assert_eq!((&sparse["tags"], &sparse["manifests"]), (&json!(6), &json!(6)), "{sparse}");
}

#[test]
fn a_blob_of_another_repository_is_not_had_for_its_digest() {
    let desk = Desk::new();
    let served = Served::start(&desk);
    assert!(served.put("what one tenant has").starts_with("HTTP/1.1 201 "));
    served.terminate();
    // The other knows the digest and the size, and not the bytes.
    let tree = Tree::new(desk.path("theirs"));
    let image = tree.image("theirs", &[b"what one tenant has"], None);
    tree.tag("theirs", "1.0", &image);
    fs::write(tree.data(&Digest::sha256(b"what one tenant has")), b"what another one ha").unwrap();
    let imported = desk.run(&["serve", "import", "theirs"]);
    assert!(
        imported.code == 1 && imported.stdout.contains("it has other bytes"),
        "{}{}",
        imported.stdout,
        imported.stderr
    );
    let served = Served::start(&desk);
    let digest = Digest::sha256(b"what one tenant has");
    assert!(head(&served, &format!("/v2/theirs/blobs/{digest}")).starts_with("http/1.1 404 "));
    served.terminate();
}

#[test]
fn a_tag_keeps_its_past_and_follows_the_source_until_it_is_moved_here() {
    let desk = Desk::new();
    let tree = Tree::new(desk.path("old"));
    let [first, second, third] = [b"one".as_slice(), b"two", b"three"].map(|layer| tree.image("app", &[layer], None));
    let link = |digest: &Digest| {
        tree.path(&format!("repositories/app/_manifests/tags/v/index/sha256/{}/link", digest.encoded()))
    };
    let date = |path: &Path, day: &str| {
        assert!(Command::new("touch").args(["-d", day]).arg(path).status().unwrap().success());
    };
    let point = |digest: &Digest, day: &str| {
        tree.tag("app", "v", digest);
        date(&link(digest), day);
        date(&tree.path("repositories/app/_manifests/tags/v/current/link"), day);
    };
    point(&first, "2020-01-01T00:00:00Z");
    point(&second, "2021-01-01T00:00:00Z");
    let source = tree.source();
    let imported = desk.json(&["serve", "import", source]);
    assert_eq!((&imported["tags"], &imported["moves"]), (&json!(1), &json!(2)), "{imported}");
    point(&third, "2022-01-01T00:00:00Z");
    assert_eq!(desk.json(&["serve", "import", source])["moves"], 1);
    let served = Served::start(&desk);
    let told = desk.json(&["history", &served.at("app:v")]);
    let moves = told["registry"].as_array().unwrap();
    let named = |digest: &Digest| {
        moves.iter().find(|entry| entry.to_string().contains(&digest.to_string())).unwrap().to_string()
    };
    for (digest, year) in [(&first, "2020-01-01"), (&second, "2021-01-01"), (&third, "2022-01-01")] {
        assert!(named(digest).contains(year) && named(digest).contains("import (time of a file)"), "{told}");
    }
    desk.ok(&["tag", &format!("{}@{first}", served.at("app")), "v"]);
    served.terminate();
    point(&second, "2023-01-01T00:00:00Z");
    let outcome = desk.run(&["serve", "import", source]);
    assert!(outcome.code == 1 && outcome.stdout.contains("tag app:v: it was moved or removed here"), "{outcome:?}");
}

#[test]
fn a_layout_and_a_directory_of_zot_are_taken() {
    let (desk, application) = Desk::with_application();
    let said = desk.fails(&["serve", "import", "app"], 2);
    assert!(said.contains("help: supercargo serve import SOURCE --as REPOSITORY"), "{said}");
    let layout = document(&desk.run(&["serve", "import", "app", "--as", "team/app", "--format", "json"]).stdout);
    assert_eq!((&layout["form"], &layout["left_out"]["count"]), (&json!("layout"), &json!(0)), "{layout}");
    let zot = desk.path("zot");
    for name in ["team/app", "team/app/inner", "tool"] {
        fs::create_dir_all(zot.join(name)).unwrap();
        application.write_layout(&zot.join(name));
        fs::create_dir_all(zot.join(name).join(".uploads")).unwrap();
    }
    fs::create_dir_all(zot.join("_trivy/db")).unwrap();
    fs::write(zot.join("cache.db"), "").unwrap();
    let said = desk.fails(&["serve", "import", "zot", "--as", "one"], 2);
    assert!(said.contains("have repositories") || said.contains("has repositories"), "{said}");
    let imported = desk.json(&["serve", "import", "zot", "--prefix", "old", "--move"]);
    assert_eq!((&imported["form"], &imported["repositories"]), (&json!("zot"), &json!(3)), "{imported}");
    assert_eq!(imported["blobs"], 0, "the layout brought all bytes");
    assert!(imported["removed"].as_u64().unwrap() >= 3 * layout["blobs"].as_u64().unwrap(), "{imported}");
    let served = Served::start(&desk);
    for (tag, digest) in application.tags() {
        for name in ["team/app", "old/team/app", "old/team/app/inner", "old/tool"] {
            let answer = head(&served, &format!("/v2/{name}/manifests/{tag}"));
            let is_folded = answer.starts_with("http/1.1 404 ") && tag.as_str().starts_with("sha256-");
            assert!(is_folded || answer.contains(&digest.to_string()), "{name}:{tag}: {answer}");
        }
    }
    for manifest in application.manifests().iter().filter(|manifest| manifest.subject().is_some()) {
        let subject = manifest.subject().unwrap().digest;
        let listed = served.ask(&format!("GET /v2/old/tool/referrers/{subject}\r\n\r\n"));
        assert!(listed.contains(&manifest.digest().to_string()), "{listed}");
    }
    served.terminate();
    audit(&desk);
    let said = desk.fails(&["serve", "import", "home"], 2);
    assert!(said.contains("is no image layout"), "{said}");
}

#[test]
fn an_import_that_was_killed_goes_on_to_the_same_end() {
    let seed = testkit::load::stated_seed().unwrap_or(1);
    println!("seed {seed}");
    let desk = Desk::new();
    let tree = Tree::new(desk.path("old"));
    let base = vec![7; 300_000];
    for number in 0..60_u32 {
        let name = format!("team/app{}", number % 5);
        let image = tree.image(&name, &[&base, format!("layer {number}").as_bytes()], None);
        tree.tag(&name, &format!("v{number}"), &image);
    }
    let source = tree.source();
    let mut random = seed;
    let mut kills = 0;
    for round in 0..12 {
        let way = if round % 2 == 0 { "--copy" } else { "--link" };
        let mut import = desk.command(&["serve", "import", source, way]);
        let mut child = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(20 + (random >> 33) % 200));
        child.kill().unwrap();
        kills += u32::from(!child.wait().unwrap().success());
    }
    println!("{kills} kills");
    let last = desk.json(&["serve", "import", source]);
    assert_eq!(last["left_out"]["count"], 0, "{last}");
    audit(&desk);
    let again = desk.json(&["serve", "import", source]);
    assert_eq!(
        (&again["present"], &again["manifests"], &again["blobs"]),
        (&json!(60), &json!(0), &json!(0)),
        "{again}"
    );
    let served = Served::start(&desk);
    for number in 0..60 {
        let answer = head(&served, &format!("/v2/team/app{}/manifests/v{number}", number % 5));
        assert!(answer.starts_with("http/1.1 200 "), "{number}: {answer}");
    }
    served.terminate();
}
