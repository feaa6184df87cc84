//! Frames of clients that mean ill (RFC 9113, and the attacks that go by the names of CVEs).

use registry::{Http2, RegistryOptions, RunningRegistry};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{options, start};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// How long the server waits for a client in these tests.
const IDLE: Duration = Duration::from_millis(300);

fn impatient() -> RegistryOptions {
    RegistryOptions { idle_timeout: IDLE, ..options() }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The header list of a GET, by the static table of HPACK and literals without it.
fn get(path: &str) -> Vec<u8> {
    let mut list = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    list.extend(path.bytes());
    list.extend(b"\x01\x01x");
    list
}

/// The header list of an upload in one request, which waits for its body.
fn upload() -> Vec<u8> {
    let path = format!("/v2/app/blobs/uploads/?digest=sha256:{:064x}", 1);
    let mut list = vec![0x83, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    list.extend(path.bytes());
    list.extend(b"\x01\x01x");
    list
}

/// What the server sent: kind, flags, stream and payload of every frame.
type Received = Vec<(u8, u8, u32, Vec<u8>)>;

struct Wire(TcpStream);

impl Wire {
    async fn open(server: &RunningRegistry, settings: &[u8]) -> Self {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, settings)).await.unwrap();
        Self(stream)
    }

    async fn frame(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
    }

    /// Reads until the server ends the connection.
    async fn rest(&mut self) -> Received {
        let mut all = Vec::new();
        while let Some(frame) = self.frame().await {
            all.push(frame);
        }
        all
    }

    /// Writes the same until the server takes no more, which has to happen.
    async fn flood(&mut self, bytes: &[u8]) {
        while self.0.write_all(bytes).await.is_ok() {}
    }
}

/// Returns why the server ended the connection, if it said so.
fn reason(received: &Received) -> Option<u32> {
    let goaway = received.iter().rfind(|(kind, ..)| *kind == GOAWAY)?;
    Some(u32::from_be_bytes(goaway.3[4..8].try_into().unwrap()))
}

const ENHANCE_YOUR_CALM: u32 = 11;

#[tokio::test]
async fn the_limits_are_announced_and_streams_beyond_them_refused() {
    let http2 = Http2 { streams_max: 3, cleartext: true, ..Http2::default() };
    let server = start(RegistryOptions { http2, ..options() }).await;
    let mut wire = Wire::open(&server, &[]).await;
    let (kind, _, _, settings) = wire.frame().await.unwrap();
    assert_eq!(kind, SETTINGS);
    let mut announced: Vec<_> =
        settings.chunks(6).map(|entry| (entry[1], u32::from_be_bytes(entry[2..6].try_into().unwrap()))).collect();
    announced.sort_unstable();
    for expected in [(3, 3), (4, 512 * 1024), (6, 64 * 1024)] {
        assert!(announced.contains(&expected), "{announced:?}");
    }
    for number in 0..4 {
        wire.0.write_all(&frame(HEADERS, END_HEADERS, 2 * number + 1, &upload())).await.unwrap();
    }
    let refused = loop {
        let (kind, _, stream, payload) = wire.frame().await.unwrap();
        if kind == RESET && stream == 7 {
            break payload;
        }
    };
    assert_eq!(refused, 7_u32.to_be_bytes(), "REFUSED_STREAM");
}

#[tokio::test]
async fn cve_2023_44487_requests_that_are_given_up_at_once_end_the_connection() {
    let server = start(options()).await;
    let mut wire = Wire::open(&server, &[]).await;
    let list = get("/v2/");
    let mut attack = Vec::new();
    for number in 0..2000 {
        attack.extend(frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &list));
        attack.extend(frame(RESET, 0, 2 * number + 1, &8_u32.to_be_bytes()));
    }
    // The server may have gone before all is written.
    let _ = wire.0.write_all(&attack).await;
    let received = wire.rest().await;
    assert!(reason(&received).is_none_or(|reason| reason == ENHANCE_YOUR_CALM), "{received:?}");
    assert!(received.iter().filter(|(kind, ..)| *kind == HEADERS).count() < 1000, "not all are answered");
}

#[tokio::test]
async fn requests_that_are_given_up_one_after_the_other_end_the_connection() {
    let server = start(options()).await;
    let mut wire = Wire::open(&server, &[]).await;
    let mut given_up = 0;
    for number in 0..10_000 {
        let mut request = frame(HEADERS, END_HEADERS, 2 * number + 1, &upload());
        request.extend(frame(PING, 0, 0, &u64::from(number).to_be_bytes()));
        if wire.0.write_all(&request).await.is_err() {
            break;
        }
        // The server has looked at the request before it answers the PING that comes after it.
        let is_there = loop {
            match wire.frame().await {
                None => break false,
                Some((PING, 1, ..)) => break true,
                Some(_) => {}
            }
        };
        if !is_there || wire.0.write_all(&frame(RESET, 0, 2 * number + 1, &8_u32.to_be_bytes())).await.is_err() {
            break;
        }
        given_up += 1;
    }
    assert!((100..200).contains(&given_up), "{given_up}");
}

#[tokio::test]
async fn cve_2024_27316_a_header_without_end_ends_the_connection() {
    let server = start(options()).await;
    let mut wire = Wire::open(&server, &[]).await;
    wire.0.write_all(&frame(HEADERS, 0, 1, &get("/v2/"))).await.unwrap();
    // A literal of a kilobyte, again and again.
    let mut list = b"\x00\x01a\x7f\xe9\x06".to_vec();
    list.extend([b'x'; 1000]);
    wire.flood(&frame(CONTINUATION, 0, 1, &list)).await;
    let mut wire = Wire::open(&server, &[]).await;
    wire.0.write_all(&frame(HEADERS, 0, 1, &get("/v2/"))).await.unwrap();
    wire.flood(&frame(CONTINUATION, 0, 1, &[])).await;
}

#[tokio::test]
async fn floods_of_ping_and_settings_end_with_the_patience_of_the_server() {
    let server = start(impatient()).await;
    for flood in [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, 0, 0, &[]), frame(DATA, 0, 1, &[])] {
        let mut wire = Wire::open(&server, &[]).await;
        wire.flood(&flood.repeat(100)).await;
    }
    // And it answers others.
    let mut wire = Wire::open(&server, &[]).await;
    wire.0.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/v2/"))).await.unwrap();
    let received = wire.rest().await;
    assert!(received.iter().any(|(kind, _, stream, list)| (*kind, *stream, list.first()) == (HEADERS, 1, Some(&0x88))));
}

#[tokio::test]
async fn a_client_that_says_nothing_is_told_to_go_and_is_left() {
    let server = start(impatient()).await;
    let received = Wire::open(&server, &[]).await.rest().await;
    assert_eq!(reason(&received), Some(0), "{received:?}");
    // Neither a header that does not end nor answers to PINGs are a request.
    let mut wire = Wire::open(&server, &[]).await;
    wire.0.write_all(&frame(HEADERS, 0, 1, &get("/v2/"))).await.unwrap();
    wire.rest().await;
}

#[tokio::test]
async fn a_client_that_grants_no_room_for_the_answer_is_left() {
    let server = start(impatient()).await;
    // SETTINGS_INITIAL_WINDOW_SIZE
    let mut wire = Wire::open(&server, &[0, 4, 0, 0, 0, 0]).await;
    wire.0.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/v2/"))).await.unwrap();
    let mut received = Vec::new();
    while let Some((kind, flags, stream, payload)) = wire.frame().await {
        if kind == PING && flags == 0 {
            // It is there, and answers all but what matters.
            let _ = wire.0.write_all(&frame(PING, 1, 0, &payload)).await;
        }
        received.push((kind, flags, stream, payload));
    }
    assert!(received.iter().any(|(kind, _, stream, _)| (*kind, *stream) == (HEADERS, 1)), "{received:?}");
    assert!(received.iter().all(|(kind, ..)| *kind != DATA), "{received:?}");
}
