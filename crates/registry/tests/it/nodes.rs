//! Three nodes in processes of their own over one PostgreSQL and one bucket, killed and started again under clients that push and
//! delete at random.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use registry::{BlobObjects, Bucket, Keeping, PostgresUrl, Registry, RegistryOptions, RunningRegistry, Storage};
use testkit::load::{Load, Settings, runs_all, stated_seed};
use testkit::seed::Seed;

use crate::backends::{new_bucket_of, new_schema};

const LEASE: Duration = Duration::from_secs(3);
const KEEPING: Keeping = Keeping { lease: LEASE, untagged: Some(LEASE) };
const PERIOD: Duration = Duration::from_millis(200);
/// How long a node may take to begin, and the collector to end.
const PATIENCE: Duration = Duration::from_mins(1);
/// What a node is told, in this order.
const VARIABLES: [&str; 4] = ["NODE_LISTEN", "NODE_DATABASE", "NODE_ENDPOINT", "NODE_BUCKET"];

/// What all nodes share, as words for their processes.
struct Cluster {
    database: String,
    bucket: Bucket,
}

impl Cluster {
    fn new() -> Option<Self> {
        let (server, schema) = new_schema()?;
        Some(Self { database: server.url(&schema), bucket: new_bucket_of()? })
    }

    async fn storage(&self) -> Storage {
        let url: PostgresUrl = self.database.parse().unwrap();
        let blobs = Arc::new(BlobObjects::new(&self.bucket).unwrap());
        Storage::postgres(&url, blobs, KEEPING).await.unwrap()
    }
}

/// A node. Its process ends with its standard input, and so with this one.
struct Node {
    address: SocketAddr,
    child: Child,
}

impl Node {
    fn start(cluster: &Cluster, address: SocketAddr) -> Self {
        let endpoint = cluster.bucket.endpoint.clone().unwrap();
        let values = [address.to_string(), cluster.database.clone(), endpoint, cluster.bucket.name.clone()];
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["nodes::a_node", "--exact", "--ignored", "--nocapture"]).envs(VARIABLES.into_iter().zip(values));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let since = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(since.elapsed() < PATIENCE, "the node did not begin");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { address, child }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "a node, which the tests beside it start"]
#[expect(clippy::disallowed_methods, reason = "a process of its own, which is told by variables what it serves")]
fn a_node() {
    let [Ok(listen), Ok(database), Ok(endpoint), Ok(name)] = VARIABLES.map(std::env::var) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let running = runtime.block_on(async {
        let cluster = Cluster { database, bucket: testkit_bucket(endpoint, name) };
        // Uploads that clients of killed nodes leave behind are many, and hinder nobody.
        let options = RegistryOptions {
            collect_period: Some(PERIOD),
            uploads_max: 1_000_000,
            uploads_max_each: 1_000_000,
            ..RegistryOptions::default()
        };
        let registry = Registry::new(cluster.storage().await, options);
        RunningRegistry::start(listen.parse().unwrap(), registry).await.unwrap()
    });
    let _ = std::io::stdin().read(&mut [0]);
    drop(running);
}

/// Returns a bucket of the service that tests start.
fn testkit_bucket(endpoint: String, name: String) -> Bucket {
    use testkit::peers::RunningBuckets;
    Bucket {
        endpoint: Some(endpoint),
        region: RunningBuckets::REGION.to_owned(),
        name,
        access_key: RunningBuckets::ACCESS_KEY.to_owned(),
        secret_key: RunningBuckets::SECRET_KEY.to_owned(),
        prefix: String::new(),
        path_style: true,
        session_token: None,
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn three_nodes_of_which_some_are_killed_lose_nothing_and_leave_nothing() {
    let Some(cluster) = Cluster::new() else { return };
    let seed = stated_seed().unwrap_or_else(rand_seed);
    let kills = if runs_all() { 100 } else { 12 };
    println!("seed {seed}: SUPERCARGO_TEST_SEED={seed} repeats what the clients want");
    let mut nodes: Vec<Node> = (0..3).map(|_| Node::start(&cluster, free_address())).collect();
    let addresses = nodes.iter().map(|node| node.address).collect();
    let load = Load::start(Settings { seed, clients: 4, lease: LEASE, nodes: addresses, may_fail: true });
    let mut random = Seed::new(seed);
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(200 + random.next() % 1000));
        let which = usize::try_from(random.next() % 3).unwrap();
        nodes[which].kill();
        std::thread::sleep(Duration::from_millis(random.next() % 500));
        nodes[which] = Node::start(&cluster, nodes[which].address);
        load.restarted();
    }
    let mut outcome = load.finish();
    outcome.check();
    println!("{kills} kills, {:?} with and without an answer", outcome.requests());
    assert_eq!(outcome.violations(), [""; 0], "seed {seed}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let storage = cluster.storage().await;
        let options = RegistryOptions { upload_lifetime: Duration::ZERO, ..RegistryOptions::default() };
        Registry::new(storage.clone(), options).expire_uploads().await;
        let needed = u64::try_from(tokio::task::block_in_place(|| outcome.needed().len())).unwrap();
        let since = Instant::now();
        let audit = loop {
            let audit = storage.audit().await.unwrap();
            let is_clean = audit.count() + audit.due + audit.given_up + audit.uploads == 0;
            if (is_clean && audit.objects == needed) || since.elapsed() > PATIENCE {
                break audit;
            }
            tokio::time::sleep(PERIOD).await;
        };
        assert_eq!(audit.count(), 0, "seed {seed}: {audit:?}");
        assert_eq!((audit.due, audit.given_up, audit.uploads), (0, 0, 0), "seed {seed}: {audit:?}");
        assert_eq!((audit.objects, audit.blobs), (needed, needed), "seed {seed}: {audit:?}");
    });
}

fn rand_seed() -> u64 {
    rand::random::<u64>() % 1_000_000_007
}
