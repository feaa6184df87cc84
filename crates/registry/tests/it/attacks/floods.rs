//! Clients that send much, or slowly, or never read: each is given up, and others are served meanwhile.

use std::time::Duration;

use oci::Digest;
use registry::{RegistryOptions, RunningRegistry};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::wire::{assert_serves, connect, send, serve, status};

fn impatient() -> RegistryOptions {
    RegistryOptions { idle_timeout: Duration::from_millis(200), ..RegistryOptions::default() }
}

/// Opens a connection and sends the beginning of something.
async fn begin(server: &RunningRegistry, bytes: &[u8]) -> TcpStream {
    let mut connection = connect(server).await;
    connection.write_all(bytes).await.unwrap();
    connection
}

/// Returns what comes before the server closes a connection, on which nothing more is sent.
async fn rest(mut connection: TcpStream) -> String {
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(30), connection.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the server waits for ever");
    String::from_utf8_lossy(&rest).into_owned()
}

#[tokio::test]
async fn a_flood_of_header_fields_is_refused() {
    let server = serve(impatient()).await;
    let many = (0..5000).map(|number| format!("x-{number}: y\r\n")).collect::<Vec<_>>().concat();
    let long_name = format!("{}: y\r\n", "x".repeat(200_000));
    let long_value = format!("x: {}\r\n", "y".repeat(200_000));
    let same = "cookie: a=b\r\n".repeat(20_000);
    for fields in [many, long_name, long_value, same] {
        let answer = send(&server, format!("GET /v2/ HTTP/1.1\r\nhost: x\r\n{fields}\r\n").as_bytes()).await;
        assert!(matches!(status(&answer), 0 | 400 | 431), "{fields:.20}: {answer}");
    }
    for target in [format!("/v2/{}", "a".repeat(100_000)), format!("/v2/?{}", "tag=a&".repeat(1_000_000))] {
        let answer = send(&server, format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
        assert!(matches!(status(&answer), 0 | 400 | 414 | 431), "{answer}");
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn who_never_ends_a_header_is_given_up() {
    let server = serve(impatient()).await;
    for beginning in ["", "G", "GET /v2/ HTTP/1.1\r\n", "GET /v2/ HTTP/1.1\r\nhost: x\r\nx: "] {
        let waiting = begin(&server, beginning.as_bytes()).await;
        assert_serves(&server).await;
        assert!(!rest(waiting).await.contains(" 200 "), "{beginning:?}");
    }
    let idle = begin(&server, b"GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(rest(idle).await.starts_with("HTTP/1.1 200 "), "and one that lies idle behind a request is closed");
}

#[tokio::test]
async fn who_never_ends_a_body_is_given_up() {
    let server = serve(impatient()).await;
    let digest = Digest::sha256(b"x");
    for request in ["PUT /v2/app/manifests/v1", &format!("POST /v2/app/blobs/uploads/?digest={digest}")] {
        for framing in ["content-length: 1000\r\n\r\n{", "transfer-encoding: chunked\r\n\r\n5\r\n{"] {
            let waiting = begin(&server, format!("{request} HTTP/1.1\r\nhost: x\r\n{framing}").as_bytes()).await;
            assert_serves(&server).await;
            assert_eq!(status(&rest(waiting).await), 408, "{request} {framing:?}");
        }
    }
}

#[tokio::test]
async fn who_sends_a_manifest_byte_by_byte_is_given_up() {
    let server = serve(impatient()).await;
    let head = "PUT /v2/app/manifests/v1 HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n";
    let (mut from, mut to) = begin(&server, head.as_bytes()).await.into_split();
    let trickle = async {
        // Never idle for long enough, and never done.
        while to.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let answer = async {
        let mut first = [0; 12];
        from.read_exact(&mut first).await.unwrap();
        first
    };
    let first = tokio::time::timeout(Duration::from_secs(30), async {
        tokio::select! { () = trickle => panic!("closed without an answer"), first = answer => first }
    });
    assert_eq!(&first.await.unwrap(), b"HTTP/1.1 408");
}

#[tokio::test]
async fn who_never_reads_is_given_up() {
    // The kernel sees it in a second; a writer alone would wait longer than anything here may take.
    let idle_timeout = Duration::from_secs(1);
    let server = serve(RegistryOptions { connections_max: 3, idle_timeout, ..RegistryOptions::default() }).await;
    let content = vec![b'x'; 32 << 20];
    let digest = Digest::sha256(&content);
    let head = format!("host: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", content.len());
    let put = [format!("POST /v2/app/blobs/uploads/?digest={digest} HTTP/1.1\r\n{head}").as_bytes(), &content].concat();
    assert_eq!(status(&send(&server, &put).await), 201);
    let get = format!("GET /v2/app/blobs/{digest} HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(begin(&server, get.repeat(10).as_bytes()).await);
    }
    // All connections there are were taken; those that read nothing make room.
    assert_serves(&server).await;
    for connection in waiting {
        assert!(rest(connection).await.len() < content.len(), "the answer was broken off");
    }
}

#[tokio::test]
async fn who_reads_slowly_is_served_to_the_end() {
    let timeout = Duration::from_secs(2);
    let server = serve(RegistryOptions { idle_timeout: timeout, ..RegistryOptions::default() }).await;
    let content = vec![b'x'; 32 << 20];
    let digest = Digest::sha256(&content);
    let head = format!("host: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", content.len());
    let put = [format!("POST /v2/app/blobs/uploads/?digest={digest} HTTP/1.1\r\n{head}").as_bytes(), &content].concat();
    assert_eq!(status(&send(&server, &put).await), 201);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let mut connection = socket.connect(server.addr()).await.unwrap();
    let get = format!("GET /v2/app/blobs/{digest} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    connection.write_all(get.as_bytes()).await.unwrap();
    // Far less than a part of the server's buffer becomes free in the time in which nothing may be acknowledged.
    let mut piece = vec![0; 8 << 10];
    let mut read = 0;
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < timeout * 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        read += connection.read_exact(&mut piece).await.unwrap();
    }
    assert!(read < content.len() / 8, "{read} bytes are not slow");
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).await.unwrap();
    assert!(read + rest.len() > content.len(), "the answer was broken off");
}

#[tokio::test]
async fn more_connections_than_there_may_be_wait_for_those_that_are_given_up() {
    let server = serve(RegistryOptions { connections_max: 8, ..impatient() }).await;
    let mut waiting = Vec::new();
    for _ in 0..64 {
        waiting.push(begin(&server, b"GET /v2/ HTTP/1.1\r\n").await);
    }
    assert_serves(&server).await;
    drop(waiting);
}

#[tokio::test]
async fn a_length_that_is_too_large_is_refused_before_the_body() {
    let server = serve(RegistryOptions { blob_max_bytes: 1 << 20, ..impatient() }).await;
    let digest = Digest::sha256(b"x");
    for length in ["10737418240", "4194305", "9223372036854775807"] {
        for request in [
            "PUT /v2/app/manifests/v1".to_owned(),
            format!("POST /v2/app/blobs/uploads/?digest={digest}"),
            format!("PUT /v2/app/_supercargo/holds/{digest}"),
        ] {
            let request =
                format!("{request} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n");
            assert_eq!(status(&send(&server, request.as_bytes()).await), 413, "{request}");
        }
    }
    // The same without saying how much comes.
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    for request in ["PUT /v2/app/manifests/v1".to_owned(), format!("POST /v2/app/blobs/uploads/?digest={digest}")] {
        let head = format!("{request} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
        let answer = send(&server, [head, chunk.repeat(16)].concat().as_bytes()).await;
        assert!(matches!(status(&answer), 0 | 413), "{answer}");
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn large_manifests_on_their_way_leave_room_for_others() {
    let patient = RegistryOptions { idle_timeout: Duration::from_secs(20), ..RegistryOptions::default() };
    let server = serve(patient).await;
    let length = 4 << 20;
    let head = format!("PUT /v2/app/manifests/v1 HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    let most = [head.as_bytes(), &vec![b' '; length - 1]].concat();
    let mut waiting = Vec::new();
    let mut refused = 0;
    // Those who come first are kept waiting for their last byte; those who find no room are told to come again.
    for _ in 0..12 {
        let mut connection = begin(&server, &most).await;
        let mut first = [0; 12];
        match tokio::time::timeout(Duration::from_millis(500), connection.read_exact(&mut first)).await {
            Ok(read) => {
                read.unwrap();
                assert_eq!(&first, b"HTTP/1.1 503");
                refused += 1;
            }
            Err(_) => waiting.push(connection),
        }
    }
    assert!((1..12).contains(&refused), "{refused} of 12 found no room");
    let small = "PUT /v2/app/manifests/v1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(status(&send(&server, small.as_bytes()).await), 400, "what is small is looked at");
    for mut connection in waiting {
        connection.write_all(b" ").await.unwrap();
        let mut first = [0; 12];
        connection.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 400");
    }
}
