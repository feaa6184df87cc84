//! What a registry speaks that need not speak TLS: that, or plain HTTP.
//!
//! One connection says hello in TLS and looks at the first byte of the answer; at the same time another one asks `GET /v2/`
//! in plain HTTP, whose answer then is the ping. Nothing secret is sent on either.

use std::time::Duration;

use http::StatusCode;
use reqwest::Url;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::exchange::{Answer, Failure, Request, Transport};

/// How long a loopback server may take to answer a TLS hello before it counts as one that speaks plain HTTP.
const HELLO_TIMEOUT: Duration = Duration::from_secs(3);

/// The port of HTTPS.
const TLS_PORT: u16 = 443;

/// Record types a TLS server answers a hello with: a handshake message, or an alert because it does not like ours.
const TLS_ALERT: u8 = 0x15;
const TLS_HANDSHAKE: u8 = 0x16;

/// What was found.
pub(crate) enum Spoken {
    /// TLS is answered.
    Tls,
    /// It is not; this is what plain HTTP brought.
    Plain(Box<Result<Answer, Failure>>),
}

/// Finds out what the server behind the URL of `ping` speaks. `ping` is sent to it in plain HTTP. Beyond this machine (`is_remote`) TLS is
/// spoken wherever it is answered, whatever else is.
pub(crate) async fn probe(transport: &Transport, ping: Request, is_remote: bool) -> Spoken {
    let url = ping.url.clone();
    let mut tls = std::pin::pin!(answers_tls(&url));
    let mut plain = std::pin::pin!(transport.send(ping));
    tokio::select! {
        is_tls = &mut tls => if is_tls { Spoken::Tls } else { Spoken::Plain(Box::new(plain.await)) },
        answer = &mut plain => {
            // TLS servers answer plain HTTP with 400, or not at all.
            let is_doubtful = answer.as_ref().map_or(true, |answer| answer.status == StatusCode::BAD_REQUEST);
            if (is_remote || is_doubtful) && tls.await { Spoken::Tls } else { Spoken::Plain(Box::new(answer)) }
        }
    }
}

async fn answers_tls(url: &Url) -> bool {
    let port = url.port().unwrap_or(TLS_PORT);
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let ask = async move {
        let mut stream = TcpStream::connect((host, port)).await?;
        stream.write_all(&client_hello()).await?;
        stream.read_u8().await
    };
    let first = tokio::time::timeout(HELLO_TIMEOUT, ask).await;
    matches!(first, Ok(Ok(TLS_ALERT | TLS_HANDSHAKE)))
}

/// Returns the shortest TLS 1.2 hello that servers understand. Where the random bytes belong it has empty lines, so that a
/// server of plain HTTP sees the end of a (bad) request at once instead of waiting for one.
fn client_hello() -> Vec<u8> {
    const RANDOM: [u8; 32] = *b"\r\n\r\nsupercargo asks: TLS? \r\n\r\n\r\n";
    const CIPHER_SUITES: [u8; 10] = [0xc0, 0x2f, 0xc0, 0x2b, 0xc0, 0x30, 0xc0, 0x2c, 0x00, 0xff];
    // supported_groups (x25519, P-256), ec_point_formats (uncompressed), signature_algorithms (the common four).
    const EXTENSIONS: [u8; 28] = [
        0x00, 0x0a, 0x00, 0x06, 0x00, 0x04, 0x00, 0x1d, 0x00, 0x17, //
        0x00, 0x0b, 0x00, 0x02, 0x01, 0x00, //
        0x00, 0x0d, 0x00, 0x08, 0x00, 0x06, 0x04, 0x03, 0x08, 0x04, 0x04, 0x01,
    ];
    let mut body = vec![0x03, 0x03];
    body.extend_from_slice(&RANDOM);
    body.push(0);
    push_with_length(&mut body, &CIPHER_SUITES);
    body.extend_from_slice(&[1, 0]);
    push_with_length(&mut body, &EXTENSIONS);

    let mut handshake = vec![0x01, 0x00];
    push_with_length(&mut handshake, &body);
    let mut record = vec![TLS_HANDSHAKE, 0x03, 0x01];
    push_with_length(&mut record, &handshake);
    record
}

/// Appends bytes with their number in front, as 16 bits.
fn push_with_length(to: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(bytes);
}
