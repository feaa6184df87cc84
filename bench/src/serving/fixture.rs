//! A large database, written straight into the tables.
//!
//! Every repository has as many images, each with a tag of its own, and each image two referrers: a signature and a list of
//! parts. All is computed from numbers, so that it is the same in every run. Blobs are only named: nobody pulls them.

use std::path::Path;

use anyhow::{Context, Result};
use oci::Digest;
use rusqlite::{Connection, ToSql, params};
use serde_json::json;

use super::image::{self, Blob, MEDIA_TYPE, Material};

/// Repositories of a fixture.
pub const REPOSITORIES: u64 = 1000;

/// What refers to each image.
const ARTIFACT_TYPES: [&str; 2] = ["application/vnd.dev.cosign.artifact.sig.v1+json", "application/spdx+json"];

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
    pub fn write(self, database: &Path) -> Result<()> {
        let mut connection = Connection::open(database)?;
        // Nothing is lost when it is cut short: an unfinished fixture is never used.
        for (name, value) in [("synchronous", "OFF"), ("journal_mode", "OFF"), ("cache_size", "-1000000")] {
            connection.pragma_update(None, name, value)?;
        }
        let indexes = take_indexes(&connection)?;
        let (config, layer) = shared();
        let transaction = connection.transaction()?;
        let rows = Rows { connection: &transaction };
        rows.blobs(&[&config, &layer])?;
        for repository in 0..REPOSITORIES {
            rows.repository(repository, &[&config, &layer])?;
            for number in 0..self.in_each() {
                let image = self.manifest(repository, number, &config, &layer);
                rows.tag(repository, number, &image.digest)?;
                for artifact_type in ARTIFACT_TYPES {
                    rows.referrer(repository, &config, &layer, &image, artifact_type)?;
                }
                rows.image(repository, &image, &config, &layer)?;
            }
            if repository % 100 == 99 {
                eprintln!("bench: {} of {REPOSITORIES} repositories written", repository + 1);
            }
        }
        transaction.commit()?;
        for index in indexes {
            connection.execute_batch(&index)?;
        }
        // No ANALYZE: the registry never asks for it, so SQLite would know more here than it does anywhere else.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.close().map_err(|(_, error)| error.into())
    }
}

fn shared() -> (Blob, Blob) {
    (image::config(0), Material::new(1000).layer(0))
}

/// Drops the indexes and returns what makes them again: sorting once is faster than keeping sorted.
fn take_indexes(connection: &Connection) -> Result<Vec<String>> {
    let sql = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
    let found = connection
        .prepare(sql)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<(String, String)>, _>>()?;
    for (name, _) in &found {
        connection.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    Ok(found.into_iter().map(|(_, made)| made).collect())
}

/// The number of a repository in the tables.
fn id(repository: u64) -> i64 {
    i64::try_from(repository + 1).unwrap_or(i64::MAX)
}

fn size(blob: &Blob) -> Result<i64> {
    i64::try_from(blob.size).context("a size")
}

/// What writes rows.
struct Rows<'c> {
    connection: &'c Connection,
}

/// A manifest, as its rows say it.
struct Manifest<'m> {
    repository: i64,
    digest: &'m Digest,
    bytes: &'m [u8],
    subject: Option<&'m Digest>,
    /// What the list of referrers says of it.
    referrer: Option<&'m str>,
    artifact_type: Option<&'m str>,
    children: [&'m Digest; 2],
}

impl Rows<'_> {
    fn blobs(&self, blobs: &[&Blob]) -> Result<()> {
        let sql = "INSERT INTO blob (digest, size, place) VALUES (?, ?, ?)";
        for blob in blobs {
            let place = format!("sha256/{}", blob.digest.encoded());
            self.insert(sql, params![blob.digest.to_bytes(), size(blob)?, place])?;
        }
        Ok(())
    }

    fn repository(&self, repository: u64, blobs: &[&Blob]) -> Result<()> {
        let sql = "INSERT INTO repository (id, name) VALUES (?, ?)";
        self.insert(sql, params![id(repository), Fixture::repository(repository)])?;
        let sql = "INSERT INTO repository_blob (repository, digest, kept_until) VALUES (?, ?, 0)";
        blobs.iter().try_for_each(|blob| self.insert(sql, params![id(repository), blob.digest.to_bytes()]))
    }

    fn tag(&self, repository: u64, number: u64, digest: &Digest) -> Result<()> {
        let (repository, tag, digest) = (id(repository), Fixture::tag(number), digest.to_bytes());
        self.insert("INSERT INTO tag (repository, name, digest) VALUES (?, ?, ?)", params![repository, tag, digest])?;
        let sql = "INSERT INTO tag_move (repository, name, number, digest, moved_at) VALUES (?, ?, 1, ?, ?)";
        self.insert(sql, params![repository, tag, digest, PUT_AT])
    }

    fn image(&self, repository: u64, image: &Blob, config: &Blob, layer: &Blob) -> Result<()> {
        self.manifest(&Manifest {
            repository: id(repository),
            digest: &image.digest,
            bytes: &image.bytes()?,
            subject: None,
            referrer: None,
            artifact_type: None,
            children: [&config.digest, &layer.digest],
        })
    }

    fn referrer(
        &self,
        repository: u64,
        config: &Blob,
        layer: &Blob,
        subject: &Blob,
        artifact_type: &str,
    ) -> Result<()> {
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
        self.manifest(&Manifest {
            repository: id(repository),
            digest: &digest,
            bytes: &bytes,
            subject: Some(&subject.digest),
            referrer: Some(&referrer.to_string()),
            artifact_type: Some(artifact_type),
            children: [&config.digest, &layer.digest],
        })
    }

    fn manifest(&self, it: &Manifest<'_>) -> Result<()> {
        let digest = it.digest.to_bytes();
        self.insert("INSERT INTO content (digest, bytes) VALUES (?, ?)", params![digest, it.bytes])?;
        let sql = "INSERT INTO manifest \
                   (repository, digest, media_type, size, subject, referrer, artifact_type, put_at, kept_until) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)";
        let size = i64::try_from(it.bytes.len())?;
        let (subject, artifact_type) = (it.subject.map(Digest::to_bytes), it.artifact_type.map(str::as_bytes));
        let values = params![it.repository, digest, MEDIA_TYPE, size, subject, it.referrer, artifact_type, PUT_AT];
        self.insert(sql, values)?;
        let sql = "INSERT INTO edge (repository, parent, space, child) VALUES (?, ?, ?, ?)";
        let mut children = it.children.into_iter();
        children.try_for_each(|child| self.insert(sql, params![it.repository, digest, BLOB, child.to_bytes()]))
    }

    fn insert(&self, sql: &str, values: &[&dyn ToSql]) -> Result<()> {
        self.connection.prepare_cached(sql)?.execute(values)?;
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
        fixture.write(&directory.path().join("metadata.db")).unwrap();

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
