//! A large database, written straight into the tables.
//!
//! Every repository has as many images, each with a tag of its own, and each image two referrers: a signature and a list of
//! parts. All is computed from numbers, so that it is the same in every run. Blobs are only named: nobody pulls them.

use std::path::Path;

use anyhow::{Context, Result};
use oci::Digest;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, QueryBuilder, Row as _, Sqlite, SqliteConnection};

use super::image::{self, Blob, MEDIA_TYPE, Material};

/// Repositories of a fixture.
pub const REPOSITORIES: u64 = 1000;

/// What refers to each image.
const ARTIFACT_TYPES: [&str; 2] = ["application/vnd.dev.cosign.artifact.sig.v1+json", "application/spdx+json"];

/// Rows of one statement.
const TOGETHER: usize = 500;

/// When all of it was put, in milliseconds since 1970: the beginning of 2026.
const PUT_AT: i64 = 1_767_225_600_000;

/// The kinds of things that a manifest names, as the tables have them.
const BLOB: i64 = 0;

/// So many images in all, a tag each.
#[derive(Clone, Copy, Debug)]
pub struct Fixture {
    pub manifests: u64,
}

impl Fixture {
    /// Returns the images of each repository, at least one.
    pub fn in_each(self) -> u64 {
        (self.manifests / REPOSITORIES).max(1)
    }

    /// Returns the name of a repository.
    pub fn repository(number: u64) -> String {
        format!("growth/repository-{number}")
    }

    /// Returns the tag of an image.
    pub fn tag(number: u64) -> String {
        format!("v{}.{}", number / 100, number % 100)
    }

    /// Returns the digest of an image.
    pub fn image(self, repository: u64, number: u64) -> Digest {
        let (config, layer) = shared();
        self.manifest(repository, number, &config, &layer).digest
    }

    fn manifest(self, repository: u64, number: u64, config: &Blob, layer: &Blob) -> Blob {
        image::manifest(repository * self.in_each() + number, config, layer)
    }

    /// Writes it all into a database that has its tables and nothing in them.
    pub async fn write(self, database: &Path) -> Result<()> {
        // Nothing is lost when it is cut short: an unfinished fixture is never used.
        let options = SqliteConnectOptions::new().filename(database).synchronous(SqliteSynchronous::Off);
        let options = options.journal_mode(SqliteJournalMode::Off).pragma("cache_size", "-1000000");
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let indexes = take_indexes(&mut connection).await?;
        let (config, layer) = shared();
        sqlx::query("BEGIN").execute(&mut connection).await?;
        insert_blobs(&mut connection, &[&config, &layer]).await?;
        let mut rows = Rows::default();
        for repository in 0..REPOSITORIES {
            insert_repository(&mut connection, repository, &[&config, &layer]).await?;
            for number in 0..self.in_each() {
                let image = self.manifest(repository, number, &config, &layer);
                rows.add_tag(repository, number, image.digest);
                for artifact_type in ARTIFACT_TYPES {
                    rows.add_referrer(repository, &config, &layer, &image, artifact_type);
                }
                rows.add_image(repository, &image, &config, &layer);
                if rows.manifests.len() >= TOGETHER {
                    rows.write(&mut connection).await?;
                }
            }
            if repository % 100 == 99 {
                eprintln!("bench: {} of {REPOSITORIES} repositories written", repository + 1);
            }
        }
        rows.write(&mut connection).await?;
        sqlx::query("COMMIT").execute(&mut connection).await?;
        for index in indexes {
            sqlx::query(sqlx::AssertSqlSafe(index)).execute(&mut connection).await?;
        }
        // No ANALYZE: the registry never asks for it, so SQLite would know more here than it does anywhere else.
        sqlx::query("PRAGMA journal_mode = WAL").execute(&mut connection).await?;
        Ok(connection.close().await?)
    }
}

fn shared() -> (Blob, Blob) {
    (image::config(0), Material::new(1000).layer(0))
}

/// Drops the indexes and returns what makes them again: sorting once is faster than keeping sorted.
async fn take_indexes(connection: &mut SqliteConnection) -> Result<Vec<String>> {
    let sql = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
    let mut made = Vec::new();
    for row in sqlx::query(sql).fetch_all(&mut *connection).await? {
        let name: String = row.try_get(0)?;
        sqlx::query(sqlx::AssertSqlSafe(format!("DROP INDEX {name}"))).execute(&mut *connection).await?;
        made.push(row.try_get(1)?);
    }
    Ok(made)
}

async fn insert_blobs(connection: &mut SqliteConnection, blobs: &[&Blob]) -> Result<()> {
    for blob in blobs {
        let query = sqlx::query("INSERT INTO blob (digest, size, place) VALUES ($1, $2, $3)");
        let place = format!("sha256/{}", blob.digest.encoded());
        query.bind(blob.digest.to_bytes()).bind(size(blob)?).bind(place).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn insert_repository(connection: &mut SqliteConnection, repository: u64, blobs: &[&Blob]) -> Result<()> {
    let query = sqlx::query("INSERT INTO repository (id, name) VALUES ($1, $2)");
    query.bind(id(repository)).bind(Fixture::repository(repository)).execute(&mut *connection).await?;
    for blob in blobs {
        let query = sqlx::query("INSERT INTO repository_blob (repository, digest, kept_until) VALUES ($1, $2, 0)");
        query.bind(id(repository)).bind(blob.digest.to_bytes()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The number of a repository in the tables.
fn id(repository: u64) -> i64 {
    i64::try_from(repository + 1).unwrap_or(i64::MAX)
}

fn size(blob: &Blob) -> Result<i64> {
    i64::try_from(blob.size).context("a size")
}

/// Rows that will be written together.
#[derive(Default)]
struct Rows {
    manifests: Vec<ManifestRow>,
    tags: Vec<(i64, String, Vec<u8>)>,
}

struct ManifestRow {
    repository: i64,
    digest: Vec<u8>,
    bytes: Vec<u8>,
    subject: Option<Vec<u8>>,
    referrer: Option<String>,
    artifact_type: Option<Vec<u8>>,
    children: [Vec<u8>; 2],
}

impl Rows {
    fn add_tag(&mut self, repository: u64, number: u64, digest: Digest) {
        self.tags.push((id(repository), Fixture::tag(number), digest.to_bytes()));
    }

    fn add_image(&mut self, repository: u64, image: &Blob, config: &Blob, layer: &Blob) {
        self.manifests.push(ManifestRow {
            repository: id(repository),
            digest: image.digest.to_bytes(),
            bytes: image.parts.concat(),
            subject: None,
            referrer: None,
            artifact_type: None,
            children: [config.digest.to_bytes(), layer.digest.to_bytes()],
        });
    }

    fn add_referrer(&mut self, repository: u64, config: &Blob, layer: &Blob, subject: &Blob, artifact_type: &str) {
        let descriptor =
            |blob: &Blob, media_type: &str| json!({"mediaType": media_type, "digest": blob.digest, "size": blob.size});
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MEDIA_TYPE,
            "artifactType": artifact_type,
            "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [descriptor(layer, artifact_type)],
            "subject": descriptor(subject, MEDIA_TYPE),
        });
        let bytes = manifest.to_string().into_bytes();
        let digest = Digest::sha256(&bytes);
        let referrer =
            json!({"mediaType": MEDIA_TYPE, "digest": digest, "size": bytes.len(), "artifactType": artifact_type});
        self.manifests.push(ManifestRow {
            repository: id(repository),
            digest: digest.to_bytes(),
            bytes,
            subject: Some(subject.digest.to_bytes()),
            referrer: Some(referrer.to_string()),
            artifact_type: Some(artifact_type.as_bytes().to_vec()),
            children: [config.digest.to_bytes(), layer.digest.to_bytes()],
        });
    }

    async fn write(&mut self, connection: &mut SqliteConnection) -> Result<()> {
        if self.manifests.is_empty() {
            return Ok(());
        }
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO content (digest, bytes) ");
        query.push_values(&self.manifests, |mut row, it| {
            row.push_bind(it.digest.clone()).push_bind(it.bytes.clone());
        });
        query.build().execute(&mut *connection).await?;
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO manifest \
             (repository, digest, media_type, size, subject, referrer, artifact_type, put_at, kept_until) ",
        );
        query.push_values(&self.manifests, |mut row, it| {
            row.push_bind(it.repository).push_bind(it.digest.clone()).push_bind(MEDIA_TYPE);
            row.push_bind(i64::try_from(it.bytes.len()).unwrap_or(i64::MAX)).push_bind(it.subject.clone());
            row.push_bind(it.referrer.clone()).push_bind(it.artifact_type.clone()).push_bind(PUT_AT).push_bind(0);
        });
        query.build().execute(&mut *connection).await?;
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO edge (repository, parent, space, child) ");
        let edges = self.manifests.iter().flat_map(|it| it.children.iter().map(move |child| (it, child)));
        query.push_values(edges, |mut row, (it, child)| {
            row.push_bind(it.repository).push_bind(it.digest.clone()).push_bind(BLOB).push_bind(child.clone());
        });
        query.build().execute(&mut *connection).await?;
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO tag (repository, name, digest) ");
        query.push_values(&self.tags, |mut row, (repository, name, digest)| {
            row.push_bind(*repository).push_bind(name.clone()).push_bind(digest.clone());
        });
        query.build().execute(&mut *connection).await?;
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT INTO tag_move (repository, name, number, digest, moved_at) ");
        query.push_values(&self.tags, |mut row, (repository, name, digest)| {
            row.push_bind(*repository).push_bind(name.clone()).push_bind(1).push_bind(digest.clone()).push_bind(PUT_AT);
        });
        query.build().execute(&mut *connection).await?;
        self.manifests.clear();
        self.tags.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use registry::{Clock, Keeping, Registry, RegistryOptions, RunningRegistry, Storage};

    use super::*;
    use crate::load::{Repeat, Request, Until, run};

    /// Asks a path and returns how many bytes the body of a good answer has.
    fn length(address: SocketAddr, path: &str) -> u64 {
        let request = Request::new("GET", address, path, &[], 200);
        run(address, [Repeat(request)], Until::Operations(1)).unwrap().received
    }

    /// Fails when the registry's tables change and the fixture does not.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_registry_serves_what_a_fixture_wrote_into_its_tables() {
        let directory = tempfile::TempDir::new().unwrap();
        let open = async || Storage::open(directory.path(), Clock::system(), Keeping::default()).await;
        open().await.unwrap().close().await;
        let fixture = Fixture { manifests: 2 * REPOSITORIES };
        fixture.write(&directory.path().join("metadata.db")).await.unwrap();

        let registry = Registry::new(open().await.unwrap(), RegistryOptions::default());
        let server = RunningRegistry::start((Ipv4Addr::LOCALHOST, 0).into(), registry).await.unwrap();
        let name = Fixture::repository(REPOSITORIES - 1);
        let image = fixture.image(REPOSITORIES - 1, 1);
        let by_tag = length(server.addr(), &format!("/v2/{name}/manifests/{}", Fixture::tag(1)));
        assert_eq!(by_tag, length(server.addr(), &format!("/v2/{name}/manifests/{image}")));
        let tags = format!(r#"{{"name":"{name}","tags":["{}","{}"]}}"#, Fixture::tag(0), Fixture::tag(1));
        assert_eq!(length(server.addr(), &format!("/v2/{name}/tags/list")), tags.len() as u64);
        let referrers = length(server.addr(), &format!("/v2/{name}/referrers/{image}"));
        let absent = length(server.addr(), &format!("/v2/{name}/referrers/{}", Digest::sha256(b"")));
        assert!(referrers > absent + 2 * 100, "{referrers} bytes where nobody has {absent}");
        server.shutdown().await;
    }
}
