//! A server on a socket, and bytes to it.

use std::time::Duration;

use registry::{Registry, RegistryOptions, RunningRegistry};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long anything may take that should end by itself.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn serve(options: RegistryOptions) -> RunningRegistry {
    RunningRegistry::start("127.0.0.1:0".parse().unwrap(), Registry::in_memory(options)).await.unwrap()
}

pub(super) async fn connect(server: &RunningRegistry) -> TcpStream {
    TcpStream::connect(server.addr()).await.unwrap()
}

/// Sends bytes on a connection of their own, and returns all that comes until the server closes it. It may do so before it has read
/// everything.
pub(super) async fn send(server: &RunningRegistry, bytes: &[u8]) -> String {
    let (mut from, mut to) = connect(server).await.into_split();
    let writing = async {
        let _ = to.write_all(bytes).await;
        to
    };
    let mut answer = Vec::new();
    let both = async { tokio::join!(writing, from.read_to_end(&mut answer)) };
    let ended = tokio::time::timeout(PATIENCE, both).await;
    assert!(ended.is_ok(), "the server neither answers nor closes");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Returns the status of every answer, in order.
pub(super) fn statuses(answers: &str) -> Vec<u16> {
    let after = answers.split("HTTP/1.1 ").skip(1);
    after.map(|rest| rest.get(..3).and_then(|code| code.parse().ok()).unwrap_or_default()).collect()
}

/// Returns the only status. Nothing at all is 0: the connection was closed without an answer.
#[track_caller]
pub(super) fn status(answers: &str) -> u16 {
    match statuses(answers).as_slice() {
        [] if answers.is_empty() => 0,
        [only] => *only,
        _ => panic!("{answers}"),
    }
}

/// Fails unless the server answers others.
pub(super) async fn assert_serves(server: &RunningRegistry) {
    let answer = send(server, b"GET /v2/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), 200, "{answer}");
}
