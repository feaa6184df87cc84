//! Downloads over a connection, where files go to the socket inside the kernel.

use std::path::{Path, PathBuf};
use std::time::Duration;

use oci::Digest;
use proptest::prelude::*;
use registry::{Clock, Keeping, Registry, RegistryOptions, RunningRegistry, Storage};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::Server;

/// More than two of the pieces in which files are sent, and no multiple of anything.
const LARGE: usize = 2 * 1024 * 1024 + 12_345;

/// A registry over files on a socket, with one blob.
struct House {
    root: TempDir,
    running: RunningRegistry,
    content: Vec<u8>,
    path: String,
}

impl House {
    async fn with(length: usize) -> Self {
        let root = tempfile::tempdir().unwrap();
        let storage = Storage::open(root.path(), Clock::system(), Keeping::default()).await.unwrap();
        let registry = Registry::new(storage, RegistryOptions::default());
        let content: Vec<u8> = (0..length).map(|position| u8::try_from(position * 7 % 253 + 1).unwrap()).collect();
        let digest = Server::of(vec![registry.clone()], None).put_blob("app", &content).await;
        assert_eq!(digest, Digest::sha256(&content));
        let running = RunningRegistry::start("127.0.0.1:0".parse().unwrap(), registry).await.unwrap();
        Self { root, running, content, path: format!("/v2/app/blobs/{digest}") }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.running.addr()).await.unwrap()
    }

    fn request(&self, headers: &str) -> String {
        format!("GET {} HTTP/1.1\r\nhost: x\r\n{headers}\r\n", self.path)
    }

    fn file(&self) -> PathBuf {
        fn find(directory: &Path) -> Option<PathBuf> {
            std::fs::read_dir(directory).unwrap().find_map(|entry| {
                let path = entry.unwrap().path();
                if path.is_dir() { find(&path) } else { Some(path) }
            })
        }
        find(&self.root.path().join("blobs")).unwrap()
    }
}

/// Reads a response with its body.
async fn response(connection: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.unwrap();
    (head, body)
}

#[tokio::test]
async fn blobs_of_every_size_arrive_as_they_are() {
    const PIECE: usize = 1024 * 1024;
    for length in [0, 1, 4095, 65_536, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, LARGE] {
        let house = House::with(length).await;
        let mut connection = house.connect().await;
        for _ in 0..2 {
            connection.write_all(house.request("").as_bytes()).await.unwrap();
            let (head, body) = response(&mut connection).await;
            assert!(head.starts_with("http/1.1 200 "), "{head}");
            assert!(body == house.content, "{length} bytes");
        }
        house.running.shutdown().await;
    }
}

#[tokio::test]
async fn requests_that_are_sent_together_are_answered_in_order() {
    let house = House::with(LARGE).await;
    let mut connection = house.connect().await;
    let list = "GET /v2/app/tags/list HTTP/1.1\r\nhost: x\r\n\r\n".to_owned();
    let requests = [house.request(""), list.clone(), house.request("range: bytes=5-9\r\n"), house.request(""), list];
    connection.write_all(requests.concat().as_bytes()).await.unwrap();
    assert!(response(&mut connection).await.1 == house.content);
    assert_eq!(response(&mut connection).await.1, br#"{"name":"app","tags":[]}"#);
    assert_eq!(response(&mut connection).await.1, house.content[5..10]);
    assert!(response(&mut connection).await.1 == house.content);
    assert_eq!(response(&mut connection).await.1, br#"{"name":"app","tags":[]}"#);
    house.running.shutdown().await;
}

#[tokio::test]
async fn a_file_that_lost_its_end_breaks_the_connection_and_is_not_filled_up() {
    let house = House::with(LARGE).await;
    let whole = house.content.len() - 1000;
    std::fs::File::options().write(true).open(house.file()).unwrap().set_len(whole as u64).unwrap();
    let mut connection = house.connect().await;
    connection.write_all(house.request("").as_bytes()).await.unwrap();
    let mut arrived = Vec::new();
    let _ = connection.read_to_end(&mut arrived).await;
    let head = arrived.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    assert!(arrived[head..] == house.content[..whole], "{} bytes", arrived.len() - head);
    house.running.shutdown().await;
}

#[tokio::test]
async fn a_file_is_not_held_open_when_its_blob_has_gone() {
    let house = House::with(LARGE).await;
    let mut connection = house.connect().await;
    connection.write_all(house.request("").as_bytes()).await.unwrap();
    assert!(response(&mut connection).await.1 == house.content);
    let is_open = || {
        let files =
            std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| entry.unwrap().path().read_link().ok());
        files.filter(|path| path.starts_with(house.root.path().join("blobs"))).count()
    };
    // One for the next who asks; what was sent from is closed a moment later.
    for _ in 0..1000 {
        if is_open() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(is_open(), 1);
    let delete = format!("DELETE {} HTTP/1.1\r\nhost: x\r\n\r\n", house.path);
    connection.write_all(delete.as_bytes()).await.unwrap();
    assert!(response(&mut connection).await.0.starts_with("http/1.1 202 "));
    connection.write_all(house.request("").as_bytes()).await.unwrap();
    assert!(response(&mut connection).await.0.starts_with("http/1.1 404 "), "it is not answered from what was open");
    house.running.shutdown().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn ranges_arrive_as_they_are(ranges in proptest::collection::vec((0..LARGE, 1..LARGE), 1..12)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let house = House::with(LARGE).await;
            let mut connection = house.connect().await;
            for (first, length) in ranges {
                let last = (first + length - 1).min(LARGE - 1);
                connection.write_all(house.request(&format!("range: bytes={first}-{last}\r\n")).as_bytes()).await.unwrap();
                let (head, body) = response(&mut connection).await;
                assert!(head.starts_with("http/1.1 206 "), "{head}");
                assert!(body == house.content[first..=last], "{first}-{last}");
            }
            house.running.shutdown().await;
        });
    }
}
