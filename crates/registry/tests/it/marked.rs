//! What the scrub has marked as bad: as if it were not there, until it is pushed again.

use std::path::Path;
use std::sync::Arc;

use registry::{
    BlobFiles, Clock, Immutability, Import, ImportTarget, ImportWay, Keeping, RegistryOptions, Reindex, Scrub, Storage,
};
use serde_json::json;
use tempfile::TempDir;
use testkit::peers::RunningPostgres;

use crate::backends::{new_schema, node};
use crate::server::{INDEX, MANIFEST, Server, descriptor, digest, image, index};

/// A registry whose rows can be spoiled.
struct Spoiled {
    server: Server,
    storage: Storage,
    postgres: &'static RunningPostgres,
    schema: String,
    _directory: TempDir,
}

impl Spoiled {
    async fn new() -> Option<Self> {
        let (postgres, schema) = new_schema()?;
        let directory = tempfile::tempdir().unwrap();
        let storage = node(postgres, &schema, BlobFiles::open(directory.path()).unwrap()).await;
        let server = Server::over(storage.clone(), RegistryOptions::default());
        Some(Self { server, storage, postgres, schema, _directory: directory })
    }

    fn run(&self, statements: &str) -> String {
        self.postgres.run(&format!("SET search_path = {}; {statements}", self.schema))
    }

    /// Spoils the bytes of every manifest, and has the scrub mark them.
    async fn mark_manifests(&self) {
        self.run("UPDATE content SET bytes = bytes || ' '::bytea, place = NULL, is_stored = 0");
        let scrubbed = self.storage.scrub(&Scrub::default(), |_| {}).await.unwrap().unwrap();
        assert!(scrubbed.bad.count > 0 && scrubbed.bad.first.iter().all(|bad| !bad.is_healed), "{scrubbed:?}");
    }
}

#[tokio::test]
async fn a_manifest_that_is_marked_is_healed_by_whoever_wants_to_put_what_is_not_there() {
    let Some(house) = Spoiled::new().await else { return };
    let server = &house.server;
    let document = image(&[], None, "text");
    for reference in ["v1".to_owned(), digest(&document).to_string()] {
        server.put_image("app", "v1", "text").await;
        let path = format!("/v2/app/manifests/{reference}");
        let put = || {
            let call = server.call("PUT", &path).header("if-none-match", "*").header("content-type", MANIFEST);
            call.body(document.to_string()).send()
        };
        put().await.expect(412);
        house.mark_manifests().await;
        server.get(&path).await.expect(404);
        put().await.expect(201);
        server.get(&path).await.expect(200);
        put().await.expect(412);
        assert!(house.storage.miscounted().await.unwrap().is_empty());
    }
    // Another manifest does not heal it, and the tag is not free.
    house.mark_manifests().await;
    let other = image(&[], None, "other").to_string();
    let call = server.call("PUT", "/v2/app/manifests/v1").header("if-none-match", "*").header("content-type", MANIFEST);
    call.body(other).send().await.expect(412);
    server.delete(&format!("/v2/app/manifests/{}", digest(&document))).await.expect(202);
}

#[tokio::test]
async fn nothing_is_pointed_to_a_manifest_that_is_marked() {
    let Some(house) = Spoiled::new().await else { return };
    let server = &house.server;
    let one = server.put_image("app", "v1", "one").await;
    house.mark_manifests().await;
    server.put_image("app", "v1", "two").await;
    let back = async || server.call("PUT", "/v2/app/_supercargo/tags/v1?number=1").send().await;
    back().await.expect_error(410, "MANIFEST_UNKNOWN");
    let list = index(&[descriptor(MANIFEST, image(&[], None, "one").to_string().as_bytes())]);
    server.put_manifest("app", "list", INDEX, &list).await.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    server.put_image("app", "v2", "one").await;
    back().await.expect(201);
    server.put_manifest("app", "list", INDEX, &list).await.expect(201);
    assert_eq!(server.head("/v2/app/manifests/v1").await.header("docker-content-digest"), one.to_string());
}

#[tokio::test]
async fn an_import_heals_a_manifest_that_is_marked() {
    let Some(house) = Spoiled::new().await else { return };
    let server = &house.server;
    let document = image(&[], None, "one");
    let layout = tempfile::tempdir().unwrap();
    write_layout(layout.path(), document.to_string().as_bytes());
    let source = Import {
        source: layout.path().to_owned(),
        target: ImportTarget::One("app".parse().unwrap()),
        way: ImportWay::Copy,
        sparse: false,
        immutable: Immutability::default(),
    };
    house.storage.import(&source).await.unwrap();
    server.get("/v2/app/manifests/v1").await.expect(200);
    house.mark_manifests().await;
    server.get("/v2/app/manifests/v1").await.expect(404);
    house.storage.import(&source).await.unwrap();
    server.get("/v2/app/manifests/v1").await.expect(200);
}

fn write_layout(root: &Path, manifest: &[u8]) {
    let blobs = root.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    for bytes in [manifest, b"{}"] {
        std::fs::write(blobs.join(oci::Digest::sha256(bytes).encoded()), bytes).unwrap();
    }
    let mut entry = descriptor(MANIFEST, manifest);
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "v1" });
    std::fs::write(root.join("index.json"), index(&[entry]).to_string()).unwrap();
}

#[tokio::test]
async fn good_bytes_of_a_manifest_with_another_size_are_counted() {
    let Some(house) = Spoiled::new().await else { return };
    for repository in ["app", "other"] {
        house.server.put_image(repository, "v1", "one").await;
    }
    house.run("UPDATE manifest SET size = size + 7; UPDATE repository_usage SET bytes = bytes + 7");
    assert!(house.storage.miscounted().await.unwrap().is_empty());
    house.mark_manifests().await;
    house.server.put_image("app", "v1", "one").await;
    assert!(house.storage.miscounted().await.unwrap().is_empty());
    let wrong = house.run("SELECT COUNT(*) FROM manifest JOIN content ON content.digest = manifest.digest WHERE size <> octet_length(bytes)");
    assert_eq!(wrong, "0");
}

#[tokio::test]
async fn good_bytes_of_a_blob_with_another_size_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let blobs: Arc<BlobFiles> = Arc::new(BlobFiles::open(directory.path()).unwrap());
    let content = b"some content";
    {
        let server = Server::over(
            Storage::in_memory_with(blobs.clone(), Clock::system(), Keeping::default()),
            RegistryOptions::default(),
        );
        server.put_blob("app", content).await;
    }
    // A file that lost its end, and a database that was made from files.
    for listed in registry::BlobStorage::list(&*blobs, "blobs", "", 10).await.unwrap() {
        let file = std::fs::File::options().write(true).open(directory.path().join(listed.place)).unwrap();
        file.set_len(4).unwrap();
    }
    let storage = Storage::in_memory_with(blobs, Clock::system(), Keeping::default());
    let reindex = Reindex { into: Some("app".parse().unwrap()), ..Reindex::default() };
    assert_eq!(storage.reindex(&reindex).await.unwrap().bytes, 4);
    let scrubbed = storage.scrub(&Scrub::default(), |_| {}).await.unwrap().unwrap();
    assert_eq!(scrubbed.bad.count, 1);
    let server = Server::over(storage.clone(), RegistryOptions::default());
    server.put_blob("other", content).await;
    assert!(storage.miscounted().await.unwrap().is_empty());
    let path = format!("/v2/app/blobs/{}", oci::Digest::sha256(content));
    assert_eq!(server.get(&path).await.expect(200).body, &content[..]);
}
