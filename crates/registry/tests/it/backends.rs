//! What keeps the registries of the tests, and the macro that runs a test on every one of them.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use registry::{BlobFiles, BlobObjects, Bucket, Clock, Keeping, RegistryOptions, Storage};
use testkit::peers::{RunningBuckets, RunningPostgres};

use crate::server::Server;

/// The server of all tests. It ends with the process.
static POSTGRES: LazyLock<Option<RunningPostgres>> = LazyLock::new(RunningPostgres::start);

/// The S3 service of all tests.
static BUCKETS: LazyLock<Option<RunningBuckets>> = LazyLock::new(RunningBuckets::start);

/// What keeps a registry's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// SQLite and blobs in memory.
    Memory,
    /// SQLite and blobs in the files of a directory.
    Files,
    /// PostgreSQL, and blobs in the files of a directory.
    Postgres,
    /// SQLite in memory, and blobs in a bucket.
    Bucket,
    /// PostgreSQL and a bucket, with three nodes that take turns.
    Nodes,
}

impl Backend {
    /// Tells whether it can be had here; what is missing has been said.
    pub(crate) fn is_there(self) -> bool {
        match self {
            Self::Memory | Self::Files => true,
            Self::Postgres => POSTGRES.is_some(),
            Self::Bucket => BUCKETS.is_some(),
            Self::Nodes => POSTGRES.is_some() && BUCKETS.is_some(),
        }
    }

    pub(crate) async fn server(self) -> Server {
        self.server_with(RegistryOptions::default()).await
    }

    /// Returns a registry that has nothing yet.
    pub(crate) async fn server_with(self, options: RegistryOptions) -> Server {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let storage = match self {
            Self::Memory => return Server::with(options),
            Self::Files => Storage::open(directory.path(), Clock::system(), Keeping::default()).await.unwrap(),
            Self::Bucket => {
                let (_, blobs) = new_bucket().unwrap();
                Storage::in_memory_with(Arc::new(blobs), Clock::system(), Keeping::default())
            }
            Self::Nodes => {
                let (server, schema) = new_schema().unwrap();
                let bucket = new_bucket_of().unwrap();
                let mut nodes = Vec::new();
                for _ in 0..3 {
                    let (url, blobs) = (server.url(&schema).parse().unwrap(), BlobObjects::new(&bucket).unwrap());
                    let storage = Storage::postgres(&url, Arc::new(blobs), Keeping::default()).await.unwrap();
                    nodes.push(registry::Registry::new(storage, options.clone()));
                }
                return Server::of(nodes, None);
            }
            Self::Postgres => {
                let (server, schema) = new_schema().unwrap();
                node(server, &schema, BlobFiles::open(directory.path()).unwrap()).await
            }
        };
        Server::of(vec![registry::Registry::new(storage, options)], Some(directory))
    }
}

/// Returns a server and the name of a schema in it that has nothing yet; `None` when there is no server here.
pub(crate) fn new_schema() -> Option<(&'static RunningPostgres, String)> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = POSTGRES.as_ref()?;
    let schema = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    server.run(&format!("CREATE SCHEMA {schema}"));
    Some((server, schema))
}

/// Returns an empty bucket and its name; `None` when there is no service here.
pub(crate) fn new_bucket() -> Option<(String, BlobObjects)> {
    let bucket = new_bucket_of()?;
    Some((bucket.name.clone(), BlobObjects::new(&bucket).unwrap()))
}

/// Returns what an empty bucket is reached by; `None` when there is no service here.
pub(crate) fn new_bucket_of() -> Option<Bucket> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let service = BUCKETS.as_ref()?;
    let name = format!("test-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    service.make(&name);
    Some(Bucket {
        endpoint: Some(service.endpoint()),
        region: RunningBuckets::REGION.to_owned(),
        name,
        access_key: RunningBuckets::ACCESS_KEY.to_owned(),
        secret_key: RunningBuckets::SECRET_KEY.to_owned(),
        prefix: String::new(),
        path_style: true,
        session_token: None,
    })
}

/// Returns the names of the objects in a bucket.
pub(crate) fn objects(bucket: &str) -> Vec<String> {
    BUCKETS.as_ref().unwrap().objects(bucket)
}

/// Waits until nobody has a directory open any more: the last connection is closed after the last handle has gone, and what a
/// request left to be done ends a moment after it.
pub(crate) async fn closed(root: &Path) {
    let lock = File::options().write(true).create(true).truncate(false).open(root.join("lock")).unwrap();
    for _ in 0..5000 {
        if lock.try_lock().is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{} stays in use", root.display());
}

/// Returns the storage of one node.
pub(crate) async fn node(server: &RunningPostgres, schema: &str, blobs: BlobFiles) -> Storage {
    let url = server.url(schema).parse().unwrap();
    Storage::postgres(&url, Arc::new(blobs), Keeping::default()).await.unwrap()
}

/// Makes a test of each function that takes a [`Backend`], for every one there is.
macro_rules! on_every_backend {
    ($($test:ident),+ $(,)?) => {
        mod on_memory {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::Backend::Memory).await;
                }
            )+
        }

        mod on_files {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::Backend::Files).await;
                }
            )+
        }

        mod on_postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    if super::Backend::Postgres.is_there() {
                        super::$test(super::Backend::Postgres).await;
                    }
                }
            )+
        }

        mod on_bucket {
            $(
                #[tokio::test]
                async fn $test() {
                    if super::Backend::Bucket.is_there() {
                        super::$test(super::Backend::Bucket).await;
                    }
                }
            )+
        }
    };
}

/// As [`on_every_backend`], and also over three nodes that take turns.
macro_rules! on_every_deployment {
    ($($test:ident),+ $(,)?) => {
        crate::backends::on_every_backend! { $($test),+ }

        mod on_nodes {
            $(
                #[tokio::test]
                async fn $test() {
                    if super::Backend::Nodes.is_there() {
                        super::$test(super::Backend::Nodes).await;
                    }
                }
            )+
        }
    };
}

pub(crate) use {on_every_backend, on_every_deployment};
