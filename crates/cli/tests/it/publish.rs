//! `publish` and `install`

use std::path::Path;

use ops::registry::RegistryOptions;
use serde_json::Value;
use testkit::proxy::{Answer, Exchange, Fault, HttpProxy, Matcher, Rule};

use crate::desk::Desk;
use crate::releases::{publish, release};
use crate::server::Server;

/// Returns a desk with a locked project of two images of two repositories on it, and the registry of its images.
fn project() -> (Desk, Server) {
    let (desk, server) = (Desk::new(), Server::new());
    let collector = [release("2025-02-10", &["1.57.0"]), release("2025-03-10", &["1.58.0", "1.58", "1", "latest"])];
    publish(&desk, &server, "jaeger/collector", &collector);
    publish(&desk, &server, "jaeger/query", &[release("2025-02-11", &["1.57.0"]), release("2025-03-11", &["1.58.0"])]);
    desk.write("Supercargo.toml", &text(&server));
    desk.ok(&["lock"]);
    (desk, server)
}

fn text(server: &Server) -> String {
    format!(
        "# ours\n[project]\nname = \"jaeger\"\nversion = \"7.1\"\nlicense = \"Apache-2.0\"\nsupplier = \"Example\"\n\
         source = \"https://registry.example/source\"\n\n[registries.up]\nhost = \"{}\"\n\n[images]\n\
         collector = {{ repo = \"up/jaeger/collector\", version = \"^1.56\" }} # first\n\
         query = {{ repo = \"up/jaeger/query\", version = \"^1.57\", follows = \"collector\" }}\n",
        server.host()
    )
}

fn read(desk: &Desk, name: impl AsRef<Path>) -> String {
    std::fs::read_to_string(desk.path("").join(name)).unwrap()
}

fn index(desk: &Desk, reference: &str) -> Value {
    serde_json::from_str(&desk.ok(&["inspect", "--raw", reference])).unwrap()
}

#[test]
fn an_application_is_one_index_and_the_second_time_nothing_moves() {
    let (desk, server) = project();
    let shop = server.at("apps/jaeger");
    let dry = desk.json(&["publish", &shop, "--dry-run"]);
    desk.fails(&["tags", &shop], 9);
    let first = desk.json(&["publish", &shop]);
    assert_eq!(first["schema"], "supercargo.publish.v1");
    assert_eq!(first["tag"], "7.1", "the version of the application");
    assert_eq!((&dry["index"], &dry["artifact"]), (&first["index"], &first["artifact"]));
    // Within one registry everything but the two files is mounted.
    let files = [read(&desk, "Supercargo.toml"), read(&desk, "Supercargo.lock")].map(|file| file.len());
    assert_eq!(first["blobs"]["moved"], 2);
    assert_eq!(first["blobs"]["bytes_moved"], files.iter().sum::<usize>());
    assert!(first["blobs"]["adopted"].as_u64().unwrap() > 8, "{first}");
    assert_eq!(dry["manifests_put"], first["manifests_put"]);

    let published = index(&desk, &format!("{shop}:7.1"));
    let annotations = &published["annotations"];
    assert_eq!(annotations["org.opencontainers.image.title"], "jaeger");
    assert_eq!(annotations["org.opencontainers.image.version"], "7.1");
    assert_eq!(annotations["org.opencontainers.image.licenses"], "Apache-2.0");
    assert_eq!(annotations["org.opencontainers.image.vendor"], "Example");
    assert_eq!(annotations["org.opencontainers.image.source"], "https://registry.example/source");
    let members = published["manifests"].as_array().unwrap();
    assert_eq!(members.len(), 2);
    assert_eq!(members[0]["annotations"]["vnd.supercargo.image.name"], "collector");
    assert_eq!(members[0]["annotations"]["org.opencontainers.image.version"], "1.58.0");
    assert!(members[0].get("platform").is_none());
    assert_eq!(desk.ok(&["tags", &shop]), "7.1\ncollector-1.58.0\nquery-1.58.0\n");

    let again = desk.json(&["publish", &shop]);
    assert_eq!((&again["index"], &again["artifact"]), (&first["index"], &first["artifact"]));
    let idle = (&again["blobs"]["moved"], &again["blobs"]["adopted"], &again["manifests_put"]);
    assert_eq!(idle, (&0.into(), &0.into(), &0.into()));
    // Elsewhere it is the same, and there everything moves.
    let other = Server::new();
    let elsewhere = desk.json(&["publish", &other.at("jaeger:one")]);
    assert_eq!(elsewhere["index"], first["index"]);
    assert_eq!(elsewhere["tag"], "one");
}

#[test]
fn a_published_application_is_installed_and_locked_to_the_same_bytes() {
    let (desk, server) = project();
    let elsewhere = Server::new();
    for place in [elsewhere.at("jaeger:1"), "oci:layout:1".to_owned(), "oci-archive:app.tar.zst:1".to_owned()] {
        desk.ok(&["publish", &place]);
        let report = desk.json(&["install", &place, "--to", "copy"]);
        assert_eq!(report["schema"], "supercargo.install.v1");
        assert_eq!(report["name"], "jaeger");
        for name in ["Supercargo.toml", "Supercargo.lock"] {
            assert_eq!(read(&desk, Path::new("copy").join(name)), read(&desk, name), "{place}");
        }
        desk.ok(&["-C", "copy", "lock", "--check"]);
        desk.ok(&["-C", "copy", "lock"]);
        assert_eq!(read(&desk, "copy/Supercargo.lock"), read(&desk, "Supercargo.lock"));
        std::fs::remove_dir_all(desk.path("copy")).unwrap();
    }
    // Only the published places are left.
    let origin = server.host();
    drop(server);
    for (number, place) in
        [elsewhere.at("jaeger:1"), "oci:layout:1".to_owned(), "oci-archive:app.tar.zst:1".to_owned()].iter().enumerate()
    {
        let directory = format!("copy-{number}");
        let report = desk.json(&["install", place, "--to", &directory]);
        desk.ok(&["-C", &directory, "lock"]);
        let lock = read(&desk, Path::new(&directory).join("Supercargo.lock"));
        assert_eq!(lock, read(&desk, "Supercargo.lock"));
        // Even one that is made anew.
        std::fs::remove_file(desk.path(&directory).join("Supercargo.lock")).unwrap();
        desk.ok(&["-C", &directory, "lock"]);
        assert_eq!(read(&desk, Path::new(&directory).join("Supercargo.lock")), lock, "{place}, without {origin}");
        // And it can be published from there.
        let onwards = desk.json(&["-C", &directory, "publish", &elsewhere.at(&format!("onwards-{number}:1"))]);
        assert_eq!(onwards["index"]["digest"], report["index"]["digest"]);
    }
}

#[test]
fn a_registry_without_lists_of_referrers_will_do() {
    let (desk, _server) = project();
    let old = Server::with(RegistryOptions { referrers: false, mounts: false, ..RegistryOptions::default() });
    desk.ok(&["publish", &old.at("jaeger:1")]);
    let again = desk.json(&["publish", &old.at("jaeger:1")]);
    assert_eq!((&again["blobs"]["moved"], &again["manifests_put"]), (&0.into(), &0.into()));
    desk.ok(&["install", &old.at("jaeger:1"), "--to", "copy"]);
    assert_eq!(read(&desk, "copy/Supercargo.lock"), read(&desk, "Supercargo.lock"));
}

#[test]
fn a_false_entry_in_a_list_of_artifacts_hinders_nobody() {
    let (desk, server) = project();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let proxy = runtime.block_on(HttpProxy::start(server.host().parse().unwrap()));
    desk.ok(&["publish", &server.at("jaeger:1")]);
    let member = index(&desk, &server.at("jaeger:1"))["manifests"][0]["digest"].clone();
    // Whoever may push can have something listed.
    let list_false = move |_: &Exchange, answer: &mut Answer| {
        let mut list: Value = serde_json::from_slice(&answer.body).unwrap();
        let listed = list["manifests"].as_array_mut().unwrap();
        let mut bogus = listed[0].clone();
        bogus["digest"] = member.clone();
        bogus["size"] = 1.into();
        listed.insert(0, bogus);
        answer.body = list.to_string().into();
    };
    proxy.set_rules([Rule::new(Matcher::referrers(), Fault::change(list_false))]);
    desk.ok(&["install", &format!("{}/jaeger:1", proxy.host()), "--to", "copy"]);
    assert!(proxy.log().count(&Matcher::referrers()) > 0);
    assert_eq!(read(&desk, "copy/Supercargo.lock"), read(&desk, "Supercargo.lock"));
}

#[test]
fn an_installation_that_was_killed_is_finished_by_the_next() {
    let (desk, server) = project();
    let shop = server.at("apps/jaeger:1");
    desk.ok(&["publish", &shop]);
    desk.ok(&["install", &shop, "--to", "copy"]);
    let written = read(&desk, "copy/Supercargo.installed");
    // The project's file is the last one.
    std::fs::remove_file(desk.path("copy/Supercargo.toml")).unwrap();
    desk.ok(&["install", &shop, "--to", "copy"]);
    assert_eq!(read(&desk, "copy/Supercargo.toml"), text(&server));
    std::fs::remove_file(desk.path("copy/Supercargo.installed")).unwrap();
    std::fs::remove_file(desk.path("copy/Supercargo.toml")).unwrap();
    desk.ok(&["install", &shop, "--to", "copy"]);
    assert_eq!(read(&desk, "copy/Supercargo.installed"), written);
    // What is different is somebody's.
    std::fs::remove_file(desk.path("copy/Supercargo.toml")).unwrap();
    desk.write("copy/Supercargo.lock", "mine\n");
    let said = desk.fails(&["install", &shop, "--to", "copy"], 2);
    assert!(said.contains("there is a copy/Supercargo.lock already"), "{said}");
    assert_eq!(read(&desk, "copy/Supercargo.lock"), "mine\n");
    assert!(!desk.path("copy/Supercargo.toml").exists());
}

#[test]
fn people_are_told_what_was_published_and_written() {
    let (desk, server) = project();
    let shop = server.at("apps/jaeger:1");
    let digest = desk.json(&["publish", &shop])["index"]["digest"].as_str().unwrap().to_owned();
    let said = stable(&desk.ok(&["publish", &shop]), &server).replace(&digest, "DIGEST");
    insta::assert_snapshot!(said, @r"
    HOST/apps/jaeger:1@DIGEST
    IMAGE      VERSION  TAG
    collector  1.58.0   collector-1.58.0
    query      1.58.0   query-1.58.0
    nothing had to move
    ");
    insta::assert_snapshot!(stable(&desk.ok(&["install", &shop, "--to", "copy"]), &server), @r"
    IMAGE      VERSION  FROM
    collector  1.58.0   HOST/jaeger/collector
    query      1.58.0   HOST/jaeger/query
    wrote copy/Supercargo.lock
    wrote copy/Supercargo.installed
    wrote copy/Supercargo.toml
    ");
    let installed = stable(&read(&desk, "copy/Supercargo.installed"), &server).replace(&digest, "DIGEST");
    assert!(installed.ends_with("\nHOST/apps/jaeger:1@DIGEST\n"), "{installed}");
}

#[test]
fn marks_survive_and_are_honoured_where_it_was_published() {
    let (desk, server) = project();
    let other = Server::new();
    desk.ok(&["mark", &server.at("jaeger/query:1.58.0"), "--deprecated", "--reason", "old"]);
    desk.ok(&["publish", &other.at("jaeger:1")]);
    drop(server);
    desk.ok(&["install", &other.at("jaeger:1"), "--to", "copy"]);
    let life = |tag: &str| desk.json(&["inspect", &other.at(&format!("jaeger:{tag}"))])["life_cycle"].clone();
    assert_eq!(life("query-1.58.0")["deprecated"], true);
    // What is said where it was published counts too: what is locked stays, and is not chosen anew.
    desk.ok(&["mark", &other.at("jaeger:query-1.58.0"), "--yanked", "--reason", "broken"]);
    desk.ok(&["-C", "copy", "lock"]);
    std::fs::remove_file(desk.path("copy/Supercargo.lock")).unwrap();
    let said = desk.fails(&["-C", "copy", "lock"], 3);
    assert!(said.contains("broken"), "{said}");
}

#[test]
fn nothing_is_overwritten_and_nothing_published_that_is_not_locked() {
    let (desk, server) = project();
    let shop = server.at("apps/jaeger:1");
    desk.ok(&["publish", &shop]);
    let said = desk.fails(&["install", &shop], 2);
    assert_eq!(
        stable(&said, &server),
        "error: there is a ./Supercargo.toml already\nhelp: supercargo install HOST/apps/jaeger:1 --to DIR\n"
    );
    desk.ok(&["install", &shop, "--to", "copy", "--dry-run"]);
    assert!(!desk.path("copy").exists());
    std::fs::create_dir(desk.path("copy")).unwrap();
    // A link that leads nowhere is there all the same.
    std::os::unix::fs::symlink("elsewhere", desk.path("copy/Supercargo.toml")).unwrap();
    desk.fails(&["install", &shop, "--to", "copy"], 2);
    assert!(!desk.path("copy/Supercargo.lock").exists() && !desk.path("copy/elsewhere").exists());

    desk.write("Supercargo.toml", &text(&server).replace("^1.57", "^1.99"));
    let said = desk.fails(&["publish", &shop], 1);
    assert_eq!(
        said,
        "error: Supercargo.lock is not up to date\n   = `query` is locked at 1.58.0, and ^1.99 is wanted\nhelp: supercargo lock\n"
    );
    desk.write("Supercargo.toml", &text(&server));
    let digest = desk.json(&["publish", &shop])["index"]["digest"].as_str().unwrap().to_owned();
    desk.fails(&["publish", &server.at(&format!("apps/jaeger@{digest}"))], 2);
    desk.fails(&["publish", &server.at("apps/jaeger:query-1.58.0")], 2);
    desk.fails(&["publish", "docker-archive:x.tar"], 2);
    desk.fails(&["publish", &shop, "--platform", "linux/amd64"], 2);
    let said = desk.fails(&["install", &server.at("jaeger/query:1.58.0"), "--to", "none"], 2);
    assert_eq!(
        stable(&said, &server),
        "error: `HOST/jaeger/query:1.58.0` is no application: it does not say what it is made of\n\
         help: supercargo inspect HOST/jaeger/query:1.58.0\n"
    );
    desk.ok(&["copy", "--no-artifacts", &shop, &server.at("bare:1")]);
    let said = desk.fails(&["install", &server.at("bare:1"), "--to", "none"], 6);
    assert!(said.contains("is without its project and lock: it was copied without artifacts"), "{said}");
    assert!(!desk.path("none").exists());
}

#[test]
fn what_was_vendored_is_published_without_asking_a_registry() {
    let (desk, _server) = project();
    desk.ok(&["vendor"]);
    let online = desk.json(&["publish", "oci:online:1"]);
    let offline = desk.json(&["--offline", "publish", "oci:offline:1"]);
    assert_eq!(offline["index"], online["index"]);
    desk.ok(&["install", "oci:offline:1", "--to", "copy"]);
}

#[test]
fn what_was_installed_from_a_directory_needs_no_registry() {
    let (desk, _server) = project();
    desk.ok(&["publish", "oci:layout:1"]);
    desk.ok(&["install", "oci:layout:1", "--to", "copy"]);
    desk.ok(&["-C", "copy", "--offline", "verify"]);
    std::fs::remove_file(desk.path("copy/Supercargo.lock")).unwrap();
    desk.ok(&["-C", "copy", "--offline", "lock"]);
    assert_eq!(read(&desk, "copy/Supercargo.lock"), read(&desk, "Supercargo.lock"));
    desk.ok(&["-C", "copy", "--offline", "vendor"]);
    // From a registry it was installed with the help of one.
    let shop = Server::new();
    desk.ok(&["publish", &shop.at("jaeger:1")]);
    desk.ok(&["install", &shop.at("jaeger:1"), "--to", "far"]);
    assert!(desk.fails(&["-C", "far", "--offline", "verify"], 4).contains("--offline forbids it"));
}

#[test]
fn an_application_is_read_once_for_all_of_its_images() {
    let (desk, server) = project();
    let shop = crate::mirror::Observed::new();
    desk.ok(&["publish", &shop.at("jaeger:1")]);
    desk.ok(&["install", &shop.at("jaeger:1"), "--to", "copy"]);
    drop(server);
    shop.log().clear();
    desk.ok(&["-C", "copy", "verify"]);
    let lock = oci::Digest::sha256(read(&desk, "Supercargo.lock").as_bytes());
    let path = format!("/blobs/{lock}");
    let asked = shop.log().exchanges();
    let times = asked.iter().filter(|one| one.method == "GET" && one.path.ends_with(&path)).count();
    assert_eq!(times, 1, "{:?}", asked.iter().map(Exchange::line).collect::<Vec<_>>());
}

/// Takes the SBOM of the collector away where the images come from.
fn without_sbom(desk: &Desk, server: &Server) -> String {
    let tree = desk.json(&["tree"]);
    let sbom = tree["images"][0]["artifacts"][0]["digest"].as_str().unwrap().to_owned();
    desk.ok(&["delete", &server.at(&format!("jaeger/collector@{sbom}"))]);
    sbom
}

#[test]
fn a_locked_artifact_that_is_gone_is_no_whole_copy() {
    let (desk, server) = project();
    let sbom = without_sbom(&desk, &server);
    for arguments in [&["copy", "oci:out"][..], &["vendor"], &["save", "out.tar"], &["publish", "oci:out:1"]] {
        let said = desk.fails(arguments, 6);
        assert!(said.contains(&format!("jaeger/collector does not show {sbom}")), "{arguments:?}: {said}");
        assert!(!desk.path("out.tar").exists());
    }
    desk.ok(&["copy", "--no-artifacts", "oci:bare"]);
    desk.ok(&["copy", "--platform", "linux/amd64", "oci:small"]);
    // What is locked anew goes.
    std::fs::remove_file(desk.path("Supercargo.lock")).unwrap();
    desk.ok(&["lock"]);
    desk.ok(&["vendor"]);
    desk.ok(&["verify", "--at", "oci:vendor"]);
}

#[test]
fn a_mirror_without_the_locked_artifacts_is_told() {
    let (desk, server) = project();
    let mirror = Server::new();
    for repository in ["jaeger/collector", "jaeger/query"] {
        let to = mirror.at(&format!("up/{repository}"));
        desk.ok(&["copy", "--all-tags", "--no-artifacts", &server.at(repository), &to, "-q"]);
    }
    let host = format!("host = \"{}\"\n", server.host());
    let mirrored = text(&server).replace(&host, &format!("{host}mirrors = [\"{}\"]\n", mirror.at("up")));
    desk.write("Supercargo.toml", &mirrored);
    // What is attached the registry itself knows.
    desk.ok(&["copy", "oci:whole"]);
    desk.ok(&["verify", "--at", "oci:whole"]);
    drop(server);
    assert!(desk.fails(&["vendor"], 6).contains(" does not show sha256:"));
    desk.ok(&["copy", "--no-artifacts", "oci:bare"]);
}

fn stable(text: &str, server: &Server) -> String {
    text.replace(&server.host(), "HOST")
}

/// An application as somebody with bad intentions would make it.
struct Forged {
    project: String,
    lock: String,
    titles: [&'static str; 2],
    members: Value,
}

impl Forged {
    /// Puts it into a layout by hand, and returns what `install` says.
    fn refused(&self, desk: &Desk) -> String {
        let directory = desk.path("forged");
        let blobs = directory.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        let put = |bytes: &[u8]| {
            let digest = oci::Digest::sha256(bytes);
            let path = blobs.join(digest.encoded());
            std::fs::write(&path, bytes).unwrap();
            (digest.to_string(), bytes.len())
        };
        let manifest = "application/vnd.oci.image.manifest.v1+json";
        let layers = [(&self.project, self.titles[0]), (&self.lock, self.titles[1])].map(|(text, title)| {
            let (digest, size) = put(text.as_bytes());
            let annotations = serde_json::json!({ "org.opencontainers.image.title": title });
            serde_json::json!({ "mediaType": "application/toml", "digest": digest, "size": size, "annotations": annotations })
        });
        let index = serde_json::json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": self.members,
            "annotations": { "vnd.supercargo.project": layers[0]["digest"], "vnd.supercargo.lock": layers[1]["digest"] },
        });
        let (index_digest, index_size) = put(index.to_string().as_bytes());
        let subject =
            serde_json::json!({ "mediaType": index["mediaType"], "digest": index_digest, "size": index_size });
        let (empty, empty_size) = put(b"{}");
        let config = serde_json::json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": empty_size });
        let kind = "application/vnd.supercargo.application.v1";
        let artifact = serde_json::json!({
            "schemaVersion": 2, "mediaType": manifest, "artifactType": kind, "config": config, "layers": layers,
            "subject": subject,
        });
        let (digest, size) = put(artifact.to_string().as_bytes());
        let mut root = subject.clone();
        root["annotations"] = serde_json::json!({ "org.opencontainers.image.ref.name": "1" });
        let listed = serde_json::json!({ "mediaType": manifest, "digest": digest, "size": size, "artifactType": kind });
        let roots = serde_json::json!({ "schemaVersion": 2, "manifests": [root, listed] });
        std::fs::write(directory.join("index.json"), roots.to_string()).unwrap();
        std::fs::write(directory.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
        let said = desk.fails(&["install", "oci:forged:1", "--to", "victim"], 6);
        assert!(!desk.path("victim").exists());
        std::fs::remove_dir_all(directory).unwrap();
        said
    }
}

#[test]
fn a_forged_application_is_refused() {
    let (desk, server) = project();
    desk.ok(&["publish", "oci:honest:1"]);
    let published = index(&desk, "oci:honest:1");
    let honest = || Forged {
        project: text(&server),
        lock: read(&desk, "Supercargo.lock"),
        titles: ["Supercargo.toml", "Supercargo.lock"],
        members: published["manifests"].clone(),
    };
    let refused = |change: &dyn Fn(&mut Forged), reason: &str| {
        let mut forged = honest();
        change(&mut forged);
        let said = forged.refused(&desk);
        assert!(said.contains(reason), "{said}");
    };
    refused(&|forged| forged.titles[0] = "../../.bashrc", "calls its Supercargo.toml `../../.bashrc`");
    refused(&|forged| forged.titles.swap(0, 1), "calls its Supercargo.toml `Supercargo.lock`");
    refused(
        &|forged| forged.project.push_str("\n[[targets]]\nkind = \"compose\"\npaths = [\"../../etc/compose.yaml\"]\n"),
        "the project names files outside of its directory: `../../etc/compose.yaml`",
    );
    refused(
        &|forged| forged.project.push_str("\n[[targets]]\nkind = \"compose\"\npaths = [\"/etc/compose.yaml\"]\n"),
        "the project names files outside of its directory",
    );
    refused(
        &|forged| forged.project = forged.project.replace("[project]\n", "[project]\nvendor = \"../../escaped\"\n"),
        "the project names files outside of its directory: `../../escaped`",
    );
    refused(&|forged| forged.project.push_str("[["), "Supercargo.toml cannot be understood");
    refused(&|forged| forged.lock.push_str("[["), "Supercargo.lock cannot be understood");
    refused(&|forged| forged.project.push_str(&"#".repeat(4 << 20)), "the limit is 4194304");
    refused(&|forged| forged.project = text(&server).replace("^1.57", "^1.99"), "is not one of its project");
    refused(
        &|forged| drop(forged.members.as_array_mut().unwrap().pop()),
        "`query` is in the lock and not in the application",
    );
    refused(
        &|forged| {
            let other = forged.members[0]["digest"].clone();
            forged.members[1]["digest"] = other;
        },
        "in its lock",
    );
    refused(&|forged| forged.members[1]["annotations"] = serde_json::json!({}), "the lock has nothing of");
}

/// Returns what is typed to move an application with everything that is about it.
fn strangers(server: &Server, from: &str, to: &str) -> Vec<(&'static str, Vec<String>)> {
    let host = format!("reg={},tls=disabled", server.host());
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    vec![
        ("regctl", words(&["--host", &host, "image", "copy", "--referrers", "--digest-tags", from, to])),
        ("orascopy", words(&["--plain-http", "--recursive", from, to])),
    ]
}

#[test]
fn other_tools_move_an_application_that_can_be_installed_afterwards() {
    let (desk, server) = project();
    let shop = server.at("apps/jaeger:1");
    let published = desk.json(&["publish", &shop]);
    for number in 0..2 {
        let to = server.at(&format!("stranger-{number}:1"));
        let (name, arguments) = strangers(&server, &shop, &to).swap_remove(number);
        let Some(tool) = testkit::peers::tool(name) else { continue };
        tool.run(&arguments);
        let directory = format!("moved-by-{name}");
        let installed = desk.json(&["install", &to, "--to", &directory]);
        assert_eq!(installed["index"], published["index"]);
        desk.ok(&["-C", &directory, "lock"]);
        assert_eq!(read(&desk, Path::new(&directory).join("Supercargo.lock")), read(&desk, "Supercargo.lock"));
    }
}

/// skopeo takes no index in an index; every image has a tag of its own beside the application.
#[test]
fn skopeo_moves_the_images_of_an_application_one_by_one() {
    let Some(skopeo) = testkit::peers::tool("skopeo") else { return };
    let (desk, server) = project();
    let shop = server.at("apps/jaeger:1");
    let published = desk.json(&["publish", &shop]);
    let members = published["images"].as_array().unwrap().iter().map(|image| (&image["tag"], &image["digest"]));
    for (tag, digest) in members {
        let [from, to] =
            ["apps/jaeger", "stranger"].map(|name| server.at(&format!("{name}:{}", tag.as_str().unwrap())));
        let switches =
            ["--insecure-policy", "copy", "--all", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"];
        let places = [format!("docker://{from}"), format!("docker://{to}")];
        skopeo.run(switches.into_iter().map(str::to_owned).chain(places));
        assert_eq!(&desk.json(&["inspect", &to])["manifest"]["digest"], digest, "{to}");
    }
}
