//! What one repository has, no other has: whatever was done before (CVE-2024-39897, CVE-2026-35172).

use std::collections::BTreeSet;

use oci::Digest;
use proptest::prelude::*;

use crate::backends::Backend;

const REPOSITORIES: [&str; 3] = ["one", "two", "two/three"];
const CONTENTS: [&[u8]; 2] = [b"a", b"b"];

#[derive(Clone, Copy, Debug)]
enum Operation {
    Put(usize, usize),
    Delete(usize, usize),
    Mount(usize, usize, usize),
    MountFromAnywhere(usize, usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    let repository = 0..REPOSITORIES.len();
    let content = 0..CONTENTS.len();
    prop_oneof![
        (repository.clone(), content.clone()).prop_map(|(r, c)| Operation::Put(r, c)),
        (repository.clone(), content.clone()).prop_map(|(r, c)| Operation::Delete(r, c)),
        (repository.clone(), repository.clone(), content.clone()).prop_map(|(r, from, c)| Operation::Mount(r, from, c)),
        (repository, content).prop_map(|(r, c)| Operation::MountFromAnywhere(r, c)),
    ]
}

async fn check(backend: Backend, operations: Vec<Operation>) {
    let server = backend.server().await;
    let mut expected: BTreeSet<(usize, usize)> = BTreeSet::new();
    for operation in operations {
        match operation {
            Operation::Put(r, c) => {
                server.put_blob(REPOSITORIES[r], CONTENTS[c]).await;
                expected.insert((r, c));
            }
            Operation::Delete(r, c) => {
                let path = format!("/v2/{}/blobs/{}", REPOSITORIES[r], Digest::sha256(CONTENTS[c]));
                let there = expected.remove(&(r, c));
                server.delete(&path).await.expect(if there { 202 } else { 404 });
            }
            Operation::Mount(r, from, c) => {
                let digest = Digest::sha256(CONTENTS[c]);
                let path = format!("/v2/{}/blobs/uploads/?mount={digest}&from={}", REPOSITORIES[r], REPOSITORIES[from]);
                let there = expected.contains(&(from, c));
                server.post(&path).await.expect(if there { 201 } else { 202 });
                if there {
                    expected.insert((r, c));
                }
            }
            Operation::MountFromAnywhere(r, c) => {
                let path = format!("/v2/{}/blobs/uploads/?mount={}", REPOSITORIES[r], Digest::sha256(CONTENTS[c]));
                let there = expected.iter().any(|(_, content)| *content == c);
                server.post(&path).await.expect(if there { 201 } else { 202 });
                if there {
                    expected.insert((r, c));
                }
            }
        }
        for (r, repository) in REPOSITORIES.iter().enumerate() {
            for (c, content) in CONTENTS.iter().enumerate() {
                let path = format!("/v2/{repository}/blobs/{}", Digest::sha256(content));
                let status = if expected.contains(&(r, c)) { 200 } else { 404 };
                server.head(&path).await.expect(status);
                server.get(&path).await.expect(status);
            }
        }
    }
}

fn run(backend: Backend, operations: Vec<Operation>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(check(backend, operations));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_blob_is_where_it_was_put_and_nowhere_else(operations in prop::collection::vec(operation(), 0..12)) {
        run(Backend::Memory, operations);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn also_in_files(operations in prop::collection::vec(operation(), 0..12)) {
        run(Backend::Files, operations);
    }

    #[test]
    fn also_in_a_cluster(operations in prop::collection::vec(operation(), 0..12)) {
        if Backend::Postgres.is_there() {
            run(Backend::Postgres, operations);
        }
    }
}
