//! A server in a process of its own under attack: it goes on, and its memory is bounded.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use oci::Digest;

use crate::desk::Desk;
use crate::served::Served;

/// Most memory that the server may ever have had, in KiB. What is large here, all at once, is some gigabytes.
const PEAK_MAX: u64 = 512 * 1024;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const EMPTY: &str = r#"{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}"#;

/// Returns a manifest of nearly as many bytes as one may have.
fn large(subject: &Digest, number: usize) -> String {
    let text = format!("{number}{}", "x".repeat(4_190_000));
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{EMPTY},"layers":[],"subject":{{"mediaType":"{MANIFEST}","digest":"{subject}","size":2}},"annotations":{{"a":"{text}"}}}}"#
    )
}

/// Opens a connection and sends something, as far as the server takes it.
fn open(server: &Served, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // The server may refuse before it has read everything.
    let _ = stream.write_all(bytes);
    stream
}

fn put(reference: &str, document: &str) -> String {
    format!(
        "PUT /v2/app/manifests/{reference}\r\ncontent-type: {MANIFEST}\r\ncontent-length: {}\r\n\r\n{document}",
        document.len()
    )
}

#[test]
fn a_server_under_attack_goes_on_in_bounded_memory() {
    let desk = Desk::new();
    let server = Served::start(&desk);
    server.put("{}");
    let subject = Digest::sha256(b"subject");
    let mut manifests = Vec::new();
    for number in 0..60 {
        let document = large(&subject, number);
        let digest = Digest::sha256(document.as_bytes());
        let answer = server.ask(&put(&digest.to_string(), &document));
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        manifests.push(digest);
    }
    // Lists whose entries would take as much as all these manifests.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let list = server.ask(&format!("GET /v2/app/referrers/{subject}\r\n\r\n"));
                assert!(list.starts_with("HTTP/1.1 200 ") && list.len() < 5 << 20, "{list:.300}");
            });
        }
    });
    let mut held = Vec::new();
    // Readers that never read: of manifests, each another one, and of a file.
    for digest in &manifests {
        held.push(open(&server, format!("GET /v2/app/manifests/{digest} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()));
    }
    let content = "x".repeat(16 << 20);
    assert!(server.put(&content).starts_with("HTTP/1.1 201 "));
    let get = format!("GET /v2/app/blobs/{} HTTP/1.1\r\nhost: x\r\n\r\n", Digest::sha256(content.as_bytes()));
    for _ in 0..50 {
        held.push(open(&server, get.repeat(100).as_bytes()));
    }
    // Manifests that never end, headers that never end.
    let request = "PUT /v2/app/manifests/v1 HTTP/1.1\r\nhost: x\r\ncontent-length: 4194304\r\n\r\n{";
    let body = Arc::new([request, &" ".repeat(4_000_000)].concat());
    let opened: Vec<_> = (0..100)
        .map(|_| {
            let (body, address) = (Arc::clone(&body), server.address);
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
                let _ = stream.write_all(body.as_bytes());
                stream
            })
        })
        .collect();
    held.extend(opened.into_iter().map(|opened| opened.join().unwrap()));
    for _ in 0..200 {
        held.push(open(&server, format!("GET /v2/ HTTP/1.1\r\nhost: x\r\nx: {}", "y".repeat(60_000)).as_bytes()));
    }
    // Bombs, one after another.
    for bomb in [
        "[".repeat(4 << 20),
        "{\"annotations\":{\"a\":".repeat(200_000),
        format!("{{\"layers\":[{}", "{},".repeat(1_390_000)),
    ] {
        let answer = server.ask(&put("v1", &bomb));
        assert!(answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 503"), "{answer}");
    }
    let answer = server.ask("GET /v2/\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let peak = server.peak();
    assert!(peak < PEAK_MAX, "{peak} KiB");
    drop(held);
    assert!(!server.terminate().contains("panicked"));
}
