//! A database that nodes share, and that is changed under them: by a newer program, or while it is made.

use std::sync::Arc;

use registry::{
    BlobFiles, BlobStorage as _, Keeping, PostgresUrl, RegistryOptions, Reindex, Scrub, Storage, StorageError,
};
use tempfile::TempDir;
use testkit::peers::RunningPostgres;
use tokio::task::{JoinHandle, spawn_blocking, yield_now};

use crate::backends::{new_schema, node};
use crate::server::{MANIFEST, Server, image};

/// A database, and a directory for blobs.
struct Site {
    postgres: &'static RunningPostgres,
    schema: String,
    directory: TempDir,
}

impl Site {
    fn new() -> Option<Self> {
        let (postgres, schema) = new_schema()?;
        Some(Self { postgres, schema, directory: tempfile::tempdir().unwrap() })
    }

    fn blobs(&self) -> BlobFiles {
        BlobFiles::open(self.directory.path()).unwrap()
    }

    async fn node(&self) -> Storage {
        node(self.postgres, &self.schema, self.blobs()).await
    }

    fn url(&self) -> PostgresUrl {
        self.postgres.url(&self.schema).parse().unwrap()
    }

    fn run(&self, statements: &str) -> String {
        self.postgres.run(&format!("SET search_path = {}; {statements}", self.schema))
    }

    /// Moves to a database with nothing in it.
    fn lose(&mut self) {
        self.schema = new_schema().unwrap().1;
    }

    /// Makes the tables, with nothing in them, so that they can be told to refuse something.
    async fn make_tables(&self) {
        let nothing = Arc::new(registry::BlobMemory::default());
        Storage::postgres(&self.url(), nothing, Keeping::default()).await.unwrap().close().await;
    }

    async fn reindex(&self) -> Result<registry::Reindexed, StorageError> {
        let keeping = Keeping::default();
        Storage::reindex_postgres(&self.url(), Arc::new(self.blobs()), keeping, &Reindex::default()).await
    }

    /// Begins a transaction beside the registry, and returns when it has run the first statements. It runs the others and ends when it is told.
    async fn transaction(&self, first: &str, then: &str) -> JoinHandle<String> {
        // What sequences say every transaction sees at once.
        self.run("CREATE SEQUENCE IF NOT EXISTS begun; CREATE SEQUENCE IF NOT EXISTS ended");
        let statements = format!(
            "SET search_path = {}; BEGIN ISOLATION LEVEL SERIALIZABLE; {first}; SELECT setval('begun', 5); \
             DO $$ BEGIN WHILE (SELECT last_value FROM ended) < 5 LOOP PERFORM pg_sleep(0.01); END LOOP; END $$; \
             {then}; COMMIT",
            self.schema
        );
        let postgres = self.postgres;
        let transaction = spawn_blocking(move || postgres.run(&statements));
        self.until(|| transaction.is_finished() || self.run("SELECT last_value FROM begun") == "5").await;
        transaction
    }

    async fn commit(&self, transaction: JoinHandle<String>) {
        self.run("SELECT setval('ended', 5)");
        transaction.await.unwrap();
    }

    /// Tells whether a statement that begins like this waits for a lock.
    fn waits(&self, like: &str) -> bool {
        let sql =
            format!("SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '{like}'");
        self.run(&sql) != "0"
    }

    async fn until(&self, is_so: impl Fn() -> bool) {
        while !is_so() {
            yield_now().await;
        }
    }

    /// Has the database refuse a change of a table unless statements may take as long as they need.
    fn demand_time_for(&self, table: &str, event: &str) {
        self.run(&format!(
            "CREATE FUNCTION demand_time() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF current_setting('statement_timeout') <> '0' THEN RAISE 'a limit of time'; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER demand_time BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION demand_time()"
        ));
    }
}

#[tokio::test]
async fn the_steps_of_the_schema_take_as_long_as_they_need() {
    let Some(site) = Site::new() else { return };
    site.run("CREATE TABLE metadata_step (number BIGINT PRIMARY KEY)");
    site.demand_time_for("metadata_step", "INSERT");
    let (one, two) = tokio::join!(site.node(), site.node());
    let server = Server::over(one, RegistryOptions::default());
    server.put_image("app", "v1", "text").await;
    let other = Server::over(two, RegistryOptions::default());
    other.get("/v2/app/manifests/v1").await.expect(200);
}

#[tokio::test]
async fn the_recount_of_a_database_that_is_made_anew_takes_as_long_as_it_needs() {
    let Some(mut site) = Site::new() else { return };
    let storage = site.node().await;
    Server::over(storage.clone(), RegistryOptions::default()).put_image("app", "v1", "text").await;
    storage.keep_journal().await.unwrap();
    site.lose();
    site.make_tables().await;
    site.demand_time_for("journal_state", "UPDATE");
    assert_eq!(site.reindex().await.unwrap().tags, 1);
}

#[tokio::test]
async fn a_node_of_an_older_program_changes_nothing_any_more() {
    let Some(site) = Site::new() else { return };
    let storage = site.node().await;
    let server = Server::over(storage.clone(), RegistryOptions::default());
    server.put_image("app", "v1", "text").await;
    // What the next program does when it takes one more step.
    let known: i64 = site.run("SELECT MAX(number) FROM metadata_step").parse().unwrap();
    site.run(&format!(
        "BEGIN; DROP TABLE metadata_step_at_{known}; CREATE TABLE metadata_step_at_{next} (number BIGINT); \
         INSERT INTO metadata_step VALUES ({next}); COMMIT",
        next = known + 1
    ));
    let before = site.run("SELECT COUNT(*) FROM journal");
    for _ in 0..3 {
        let document = image(&[], None, "more").to_string();
        let put = server.call("PUT", "/v2/app/manifests/v2").header("content-type", MANIFEST);
        put.body(document).send().await.expect(500);
        let refused = storage.collect().await.unwrap_err();
        assert!(matches!(refused, StorageError::Newer { .. }), "{refused}");
        assert!(refused.to_string().contains("a newer supercargo"), "{refused}");
    }
    assert_eq!(site.run("SELECT COUNT(*) FROM journal"), before);
    server.get("/v2/app/manifests/v1").await.expect(200);
    let refused = Storage::postgres(&site.url(), Arc::new(site.blobs()), Keeping::default()).await.unwrap_err();
    assert!(matches!(refused, StorageError::Newer { .. }), "{refused}");
    assert_eq!(site.run(&format!("SELECT to_regclass('metadata_step_at_{}') IS NOT NULL", known + 1)), "t");
}

#[tokio::test]
async fn a_change_waits_for_a_step_that_is_being_taken_and_is_refused() {
    let Some(site) = Site::new() else { return };
    let storage = site.node().await;
    let known: i64 = site.run("SELECT MAX(number) FROM metadata_step").parse().unwrap();
    let step = site
        .transaction(
            &format!("DROP TABLE metadata_step_at_{known}"),
            &format!("INSERT INTO metadata_step VALUES ({})", known + 1),
        )
        .await;
    let change = tokio::spawn(async move { storage.collect().await });
    site.until(|| change.is_finished() || site.waits("BEGIN ISOLATION LEVEL SERIALIZABLE%")).await;
    assert!(!change.is_finished());
    site.commit(step).await;
    let refused = change.await.unwrap().unwrap_err();
    assert!(matches!(refused, StorageError::Newer { .. }), "{refused}");
}

#[tokio::test]
async fn a_database_that_was_not_made_to_its_end_is_not_served() {
    let Some(mut site) = Site::new() else { return };
    let storage = site.node().await;
    Server::over(storage.clone(), RegistryOptions::default()).put_image("app", "v1", "text").await;
    storage.keep_journal().await.unwrap();
    site.lose();
    site.make_tables().await;
    site.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'it breaks off'; END $$; \
         CREATE TRIGGER refuse BEFORE UPDATE ON journal_state FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    site.reindex().await.unwrap_err();
    site.run("DROP TRIGGER refuse ON journal_state");
    let refused = Storage::postgres(&site.url(), Arc::new(site.blobs()), Keeping::default()).await.unwrap_err();
    assert!(matches!(refused, StorageError::Unfinished), "{refused}");
    assert!(refused.to_string().contains("serve reindex"), "{refused}");
    assert!(matches!(site.reindex().await.unwrap_err(), StorageError::NotEmpty));
    site.lose();
    assert_eq!(site.reindex().await.unwrap().tags, 1);
    site.node().await;
}

#[tokio::test]
async fn what_is_deleted_while_its_copy_is_given_up_stays_deleted() {
    let Some(mut site) = Site::new() else { return };
    let storage = site.node().await;
    let server = Server::over(storage.clone(), RegistryOptions::default());
    let digest = server.put_image("app", "v1", "text").await;
    // Another repository has it too, so that its bytes stay.
    server.put_image("other", "v1", "text").await;
    storage.keep_journal().await.unwrap();
    for listed in site.blobs().list("manifests", "", 10).await.unwrap() {
        std::fs::write(site.directory.path().join(&listed.place), "{}").unwrap();
    }
    // Somebody deletes it, and has got as far as to take a number of the journal.
    let deletion = site.transaction(
        "DELETE FROM manifest WHERE repository = (SELECT id FROM repository WHERE name = 'app'); \
         INSERT INTO journal (kind, repository, digest) SELECT 3, repository.id, content.digest \
         FROM repository, content WHERE repository.name = 'app'",
        "DELETE FROM tag WHERE repository = (SELECT id FROM repository WHERE name = 'app')",
    );
    let deletion = deletion.await;
    let scrub = tokio::spawn({
        let storage = storage.clone();
        async move { storage.scrub(&Scrub::default(), |_| {}).await }
    });
    site.until(|| scrub.is_finished() || site.waits("UPDATE manifest SET put_at%")).await;
    site.commit(deletion).await;
    assert_eq!(scrub.await.unwrap().unwrap().unwrap().bad.count, 1);
    storage.keep_journal().await.unwrap();
    site.lose();
    site.reindex().await.unwrap();
    let server = Server::over(site.node().await, RegistryOptions::default());
    server.get(&format!("/v2/other/manifests/{digest}")).await.expect(200);
    server.get(&format!("/v2/app/manifests/{digest}")).await.expect(404);
}
