//! Storage that fails: the caller is told so, and the operator is told why.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use oci::Digest;
use registry::{
    BlobMemory, BlobStorage, BlobWriter, Clock, FailureHook, Keeping, Listed, RegistryOptions, Storage, StorageError,
};
use serde_json::json;
use store::BlobBody;

use crate::server::Server;

/// What does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    /// Nothing can be written.
    Writing,
    /// Nothing can be read.
    Reading,
    /// What was written is gone.
    Gone,
}

#[derive(Debug)]
struct BrokenBlobs(Broken, BlobMemory);

fn failure() -> StorageError {
    let source = Arc::new(io::Error::other("the disk is full"));
    StorageError::File { action: "cannot write", path: PathBuf::from("/srv/secret"), source }
}

#[async_trait]
impl BlobStorage for BrokenBlobs {
    async fn begin(&self, name: &str) -> Result<Box<dyn BlobWriter>, StorageError> {
        if self.0 == Broken::Writing { Err(failure()) } else { self.1.begin(name).await }
    }

    async fn resume(
        &self,
        name: &str,
        written: u64,
        state: &[u8],
    ) -> Result<Option<Box<dyn BlobWriter>>, StorageError> {
        self.1.resume(name, written, state).await
    }

    async fn discard(&self, name: &str, state: &[u8]) -> Result<(), StorageError> {
        self.1.discard(name, state).await
    }

    async fn open(&self, place: &str, offset: u64, length: u64) -> Result<Option<BlobBody>, StorageError> {
        match self.0 {
            Broken::Writing => self.1.open(place, offset, length).await,
            Broken::Reading => Err(failure()),
            Broken::Gone => Ok(None),
        }
    }

    async fn remove(&self, place: &str) -> Result<(), StorageError> {
        self.1.remove(place).await
    }

    async fn put(&self, place: &str, bytes: Bytes) -> Result<(), StorageError> {
        if self.0 == Broken::Writing { Err(failure()) } else { self.1.put(place, bytes).await }
    }

    async fn size(&self, place: &str) -> Result<Option<u64>, StorageError> {
        self.1.size(place).await
    }

    async fn list(&self, directory: &str, after: &str, limit: usize) -> Result<Vec<Listed>, StorageError> {
        self.1.list(directory, after, limit).await
    }
}

/// Returns a server whose blobs are broken, and what its operator hears.
fn server(broken: Broken) -> (Server, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hook = FailureHook::new({
        let heard = Arc::clone(&heard);
        move |failure| heard.lock().unwrap().push(failure.to_string())
    });
    let options = RegistryOptions { on_failure: Some(hook), ..RegistryOptions::default() };
    let storage = Storage::in_memory_with(
        Arc::new(BrokenBlobs(broken, BlobMemory::default())),
        Clock::system(),
        Keeping::default(),
    );
    (Server::over(storage, options), heard)
}

#[tokio::test]
async fn a_failure_is_500_and_says_nothing_of_the_inside() {
    let (server, heard) = server(Broken::Reading);
    let digest = server.put_blob("app", b"content").await;
    let reply = server.get(&format!("/v2/app/blobs/{digest}")).await.expect_error(500, "UNKNOWN");
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard, ["cannot write /srv/secret"]);
    assert_eq!(reply.json(), json!({ "errors": [{ "code": "UNKNOWN", "message": "the server failed" }] }));
}

#[tokio::test]
async fn what_could_not_be_written_is_not_there() {
    let (server, heard) = server(Broken::Writing);
    let digest = Digest::sha256(b"content");
    let path = format!("/v2/app/blobs/uploads/?digest={digest}");
    server.call("POST", &path).body("content").send().await.expect_error(500, "UNKNOWN");
    assert_eq!(heard.lock().unwrap().len(), 1);
    server.head(&format!("/v2/app/blobs/{digest}")).await.expect(404);
    server.get("/v2/app/tags/list").await.expect_error(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn what_is_gone_is_not_found() {
    let (server, _) = server(Broken::Gone);
    let digest = server.put_blob("app", b"lost").await;
    server.get(&format!("/v2/app/blobs/{digest}")).await.expect_error(404, "BLOB_UNKNOWN");
}
