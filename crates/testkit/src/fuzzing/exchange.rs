//! The whole client against a server that answers whatever the input says.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use client::{Client, ClientOptions, RetryPolicy};
use oci::{Descriptor, Digest, Host, Manifest, MediaType};
use store::{Referrers, Store};

use super::look::checked;
use super::pieces::pieces;
use super::place::run;
use crate::source::{Kind, TestSource};

/// Longest a connection may be silent before its other end gives up.
const SILENCE: Duration = Duration::from_secs(2);

/// Most bytes of a request that the server reads before it answers.
const REQUEST_MAX_BYTES: usize = 64 * 1024;

/// Most bytes read of a blob.
const BLOB_MAX_BYTES: usize = 1 << 20;

/// Answers, the next one last. `~` in an answer stands for the server's address.
static ANSWERS: Mutex<Vec<Bytes>> = Mutex::new(Vec::new());

/// Asks a registry that answers with the pieces of the input, one after the other, and then not at all. What is accepted
/// is what was asked for.
///
/// The first byte says what is asked: `t` the tags, `u` the tags from cursors, `r` referrers, `m` a manifest, `n` a tag's manifest, `g` a blob, `p` to take a
/// blob, `w` to take a manifest.
pub fn exchange(data: &[u8]) {
    static SERVER: OnceLock<SocketAddr> = OnceLock::new();
    let Some((question, rest)) = data.split_first() else { return };
    let address = SERVER.get_or_init(serve);
    let mut answers = pieces(rest);
    let first = answers.first().cloned().unwrap_or_default();
    answers.reverse();
    *ANSWERS.lock().unwrap_or_else(PoisonError::into_inner) = answers;
    let host: Host = address.to_string().parse().unwrap();
    let retry = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    // One after the other, so that an answer goes to the same question every time.
    let concurrency_per_host = 1;
    let options =
        ClientOptions { plain_http: true, timeout: SILENCE, retry, concurrency_per_host, ..ClientOptions::default() };
    let repository = Client::new(options).repository(&host, &"app".parse().unwrap());
    run(ask(*question, &repository, content_of(&first)));
}

/// Returns the body of an answer.
fn content_of(answer: &[u8]) -> &[u8] {
    answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(&[], |end| &answer[end + 4..])
}

async fn ask(question: u8, store: &dyn Store, content: &[u8]) {
    let digest = Digest::sha256(content);
    match question {
        b't' => drop(checked(store.tags().await)),
        b'u' => {
            let cursors = ["1.0", "1.9", "2.0", "latest"].map(|tag| tag.parse().unwrap());
            if let Some(list) = checked(store.tags_from(&cursors).await) {
                assert!(list.tags.is_sorted_by(|one, next| one < next));
                assert!(list.cursors.iter().all(|cursor| list.tags.contains(cursor)));
            }
        }
        b'r' => {
            if let Some(Referrers::Listed(listed)) = checked(store.referrers(&digest, Some("a/b")).await) {
                assert!(listed.iter().all(|referrer| referrer.artifact_type.as_deref() == Some("a/b")));
            }
        }
        b'm' => {
            checked(store.stat_manifest(&digest).await);
            if let Some(Some(manifest)) = checked(store.manifest(&digest).await) {
                assert_eq!((manifest.digest(), &manifest.bytes()[..]), (&digest, content));
            }
        }
        b'n' => drop(checked(store.resolve(&"1.0".parse().unwrap()).await)),
        b'g' => {
            let descriptor = Descriptor::of(MediaType::OCTET_STREAM, content);
            checked(store.stat_blob(&digest).await);
            if let Some(Some(body)) = checked(store.open_blob(&descriptor, 0).await)
                && let Some(bytes) = checked(body.into_bytes(&descriptor, store.location(), BLOB_MAX_BYTES).await)
            {
                assert_eq!(bytes, content);
            }
        }
        b'p' => {
            let descriptor = Descriptor::of(MediaType::OCTET_STREAM, b"content");
            let source = TestSource::new(Kind::Memory, "content");
            checked(store.put_blob(&descriptor, &source, &store::Meter::default()).await);
        }
        _ => {
            let Ok(manifest) = Manifest::parse(Bytes::copy_from_slice(content), None, None) else { return };
            checked(store.put_manifest(&manifest).await);
        }
    }
}

/// Starts the server, which lives as long as the process.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A client that went away has nothing to be told.
            let _ = answer(connection, address);
        }
    });
    address
}

fn answer(mut connection: TcpStream, address: SocketAddr) -> std::io::Result<()> {
    connection.set_read_timeout(Some(SILENCE))?;
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") && request.len() < REQUEST_MAX_BYTES {
        let count = connection.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..count]);
    }
    if request.starts_with(b"GET /v2/ ") {
        return connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
    }
    let next = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    let address = address.to_string();
    let parts: Vec<&[u8]> = next.split(|byte| *byte == b'~').collect();
    connection.write_all(&parts.join(address.as_bytes()))
}
