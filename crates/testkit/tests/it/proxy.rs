//! The proxies do what their rules say and nothing else.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use oci::{Descriptor, Digest, MediaType};
use testkit::peers::{PeerRegistry, tool};
use testkit::proxy::{Answer, DelayProxy, Fault, HttpProxy, Matcher, Rule};
use testkit::seed::Seed;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What came on a connection after one request, up to its end.
struct Received {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split_once(": ").is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        self.head.lines().find(named).map(|line| line.split_once(": ").unwrap().1)
    }
}

/// Sends a request on a connection of its own and reads what comes until the other side closes it.
async fn request(address: SocketAddr, line: &str, headers: &str, body: &[u8]) -> Option<Received> {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}{length}\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(body).await.unwrap();
    let mut received = Vec::new();
    socket.read_to_end(&mut received).await.unwrap();
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(received[..end].to_vec()).unwrap();
    let status = head[9..12].parse().unwrap();
    Some(Received { status, head, body: received[end + 4..].to_vec() })
}

async fn get(address: SocketAddr, path: &str) -> Received {
    request(address, &format!("GET {path}"), "", b"").await.expect("an answer")
}

/// A server that answers every request with these bytes and closes the connection, and a proxy before it.
async fn behind(body: &'static [u8], rules: Vec<Rule>) -> (HttpProxy, HttpProxy) {
    let answer = Answer::new(200).header("Connection", "close").body(body);
    let server = HttpProxy::server(vec![Rule::new(Matcher::any(), Fault::Answer(answer))]).await;
    let proxy = HttpProxy::start(server.address()).await;
    proxy.set_rules(rules);
    (server, proxy)
}

fn all(fault: Fault) -> Vec<Rule> {
    vec![Rule::new(Matcher::any(), fault)]
}

#[tokio::test]
async fn a_request_is_passed_on_and_recorded() {
    let (server, proxy) = behind(b"content", vec![]).await;
    let received = request(proxy.address(), "PUT /v2/a/blobs/uploads/1?digest=x", "X-Test: yes\r\n", b"12345").await;
    assert_eq!(received.unwrap().body, b"content");
    proxy.log().settled().await;
    let [seen] = proxy.log().exchanges().try_into().unwrap();
    assert_eq!(seen.line(), "PUT /v2/a/blobs/uploads/1?digest=x");
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("PUT", "/v2/a/blobs/uploads/1"));
    assert_eq!((seen.status, seen.request_bytes, seen.response_bytes), (Some(200), 5, 7));
    assert_eq!(seen.header("x-test"), Some("yes"));
    assert_eq!(server.log().exchanges()[0].request_bytes, 5);
    assert_eq!(server.log().exchanges()[0].header("X-Test"), Some("yes"));
    assert_eq!(proxy.log().connections(), 1);
    proxy.log().clear();
    assert_eq!(proxy.log().exchanges().len(), 0);
}

#[tokio::test]
async fn whoever_tries_tls_is_turned_away_at_once() {
    let (_server, proxy) = behind(b"content", vec![]).await;
    let mut socket = TcpStream::connect(proxy.address()).await.unwrap();
    socket.write_all(b"\x16\x03\x01\x02\x00\x01\x00").await.unwrap();
    // The end, or a reset.
    assert_eq!(socket.read(&mut [0; 10]).await.unwrap_or(0), 0);
    assert_eq!(proxy.log().exchanges().len(), 0);
}

#[tokio::test]
async fn one_connection_carries_several_requests() {
    let server = HttpProxy::server(all(Fault::answer_to(|request| Answer::new(200).body(request.path.clone())))).await;
    let proxy = HttpProxy::start(server.address()).await;
    let mut socket = BufReader::new(TcpStream::connect(proxy.address()).await.unwrap());
    for path in ["/first", "/second", "/third"] {
        socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            socket.read_line(&mut line).await.unwrap();
        }
        let mut body = vec![0; path.len()];
        socket.read_exact(&mut body).await.unwrap();
        assert_eq!(body, path.as_bytes());
    }
    assert_eq!((proxy.log().connections(), server.log().connections()), (1, 1));
    assert_eq!(proxy.log().sorted_lines(), ["GET /first", "GET /second", "GET /third"]);
}

#[tokio::test]
async fn bodies_are_broken_as_their_rule_says() {
    let broken = async |fault| {
        let (_server, proxy) = behind(b"content", all(fault)).await;
        get(proxy.address(), "/x").await
    };
    let cut = broken(Fault::CutBody(3)).await;
    assert_eq!((cut.body.as_slice(), cut.header("content-length")), (&b"con"[..], Some("7")));
    let flipped = broken(Fault::FlipBit(0)).await;
    assert_eq!((flipped.body.as_slice(), flipped.header("content-length")), (&b"bontent"[..], Some("7")));
    let long = broken(Fault::Append("+".into())).await;
    assert_eq!((long.body.as_slice(), long.header("content-length")), (&b"content+"[..], Some("8")));
    let stated = broken(Fault::StateLength(100)).await;
    assert_eq!((stated.body.as_slice(), stated.header("content-length")), (&b"content"[..], Some("100")));
    let header = broken(Fault::SetHeader("Docker-Content-Digest".into(), "sha256:00".into())).await;
    assert_eq!(header.header("docker-content-digest"), Some("sha256:00"));
}

#[tokio::test]
async fn answers_can_be_made_up() {
    let (server, proxy) = behind(b"content", vec![]).await;
    let answered = async |fault| {
        proxy.set_rules(all(fault));
        get(proxy.address(), "/v2/a?b=c").await
    };
    let html = answered(Fault::Answer(Answer::html())).await;
    assert_eq!((html.status, html.header("content-type")), (200, Some("text/html")));
    let busy = answered(Fault::Answer(Answer::new(429).header("Retry-After", "0"))).await;
    assert_eq!((busy.status, busy.header("retry-after")), (429, Some("0")));
    assert_eq!(answered(Fault::redirect_loop()).await.header("location"), Some("/v2/a?b=c"));
    let away = answered(Fault::redirect_to_server("http://127.0.0.2:1/")).await;
    assert_eq!((away.status, away.header("location")), (307, Some("http://127.0.0.2:1/v2/a?b=c")));
    let refused = answered(Fault::unauthorized("Bearer realm=\"x\"")).await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer realm=\"x\"")));
    assert_eq!(server.log().exchanges().len(), 0, "the server has seen none of these");
    proxy.set_rules(all(Fault::Disconnect));
    assert!(request(proxy.address(), "GET /", "", b"").await.is_none());
}

#[tokio::test]
async fn a_manifest_is_swallowed_with_a_plausible_answer() {
    let (server, proxy) = behind(b"", all(Fault::SwallowManifest)).await;
    let subject = Digest::sha256(b"subject").to_string();
    let body = format!("{{\"subject\":{{\"digest\":\"{subject}\"}}}}");
    let digest = Digest::sha256(body.as_bytes()).to_string();
    let path = format!("/v2/a/manifests/{digest}");
    let answer = request(proxy.address(), &format!("PUT {path}"), "", body.as_bytes()).await.unwrap();
    assert_eq!((answer.status, answer.header("location")), (201, Some(path.as_str())));
    assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
    assert_eq!(answer.header("oci-subject"), Some(subject.as_str()));
    assert_eq!(server.log().exchanges().len(), 0);
}

#[tokio::test]
async fn a_rule_counts_and_the_first_that_matches_decides() {
    let rules = vec![
        Rule::new(Matcher::any().method("GET").path_contains("/a"), Fault::Answer(Answer::new(500))).after(1).times(1),
        Rule::new(Matcher::any().query_contains("x=1").query_lacks("y=2"), Fault::Answer(Answer::new(418))),
    ];
    let first = rules[0].clone();
    let (_server, proxy) = behind(b"content", rules).await;
    let mut statuses = Vec::new();
    for path in ["/a", "/a", "/a", "/b?x=1", "/b?x=1&y=2"] {
        statuses.push(get(proxy.address(), path).await.status);
    }
    assert_eq!(statuses, [200, 500, 200, 418, 200]);
    assert_eq!(first.seen(), 3);
}

#[tokio::test]
async fn requests_that_must_be_under_way_at_once_wait_for_each_other() {
    let (_server, proxy) = behind(b"content", all(Fault::Together(3))).await;
    let address = proxy.address();
    let (a, b, c) = tokio::join!(get(address, "/a"), get(address, "/b"), get(address, "/c"));
    assert_eq!([a.status, b.status, c.status], [200; 3]);
    assert_eq!(proxy.log().most_under_way(), 3);
}

#[tokio::test]
async fn chunked_bodies_pass_both_ways() {
    // The server wants the whole of a chunked request before it answers in chunks.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let sent = b"5\r\nhello\r\n3;extension\r\n you\r\n0\r\nTrailer: 1\r\n\r\n";
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"Trailer: 1\r\n\r\n") {
            socket.read_buf(&mut seen).await.unwrap();
        }
        let answer =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        socket.write_all(answer).await.unwrap();
        seen
    });
    let proxy = HttpProxy::start(upstream).await;
    let mut socket = TcpStream::connect(proxy.address()).await.unwrap();
    socket.write_all(b"PATCH / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
    socket.write_all(sent).await.unwrap();
    let mut received = Vec::new();
    while !received.ends_with(b"0\r\n\r\n") {
        assert_ne!(socket.read_buf(&mut received).await.unwrap(), 0);
    }
    assert!(received.ends_with(b"2\r\nok\r\n0\r\n\r\n"));
    assert!(server.await.unwrap().ends_with(sent));
    proxy.log().settled().await;
    let seen = &proxy.log().exchanges()[0];
    assert_eq!((seen.request_bytes, seen.response_bytes, seen.status), (8, 2, Some(200)));
}

#[tokio::test]
async fn lists_of_referrers_are_edited_and_come_in_pages() {
    let descriptors = [b"a", b"b", b"c"].map(|bytes| Descriptor::of(MediaType::OCI_MANIFEST, bytes));
    let list = serde_json::json!({"schemaVersion": 2, "manifests": descriptors}).to_string();
    let server = HttpProxy::server(all(Fault::Answer(Answer::new(200).body(list)))).await;
    let proxy = HttpProxy::start(server.address()).await;
    let path = format!("/v2/a/referrers/{}", Digest::sha256(b"subject"));
    let listed = |received: &Received| {
        let index: serde_json::Value = serde_json::from_slice(&received.body).unwrap();
        let digests = index["manifests"].as_array().unwrap().iter().map(|entry| entry["digest"].as_str().unwrap());
        digests.map(|digest| digest.parse().unwrap()).collect::<Vec<Digest>>()
    };
    let all_of_them = descriptors.each_ref().map(|descriptor| descriptor.digest);
    proxy.set_rules(all(Fault::omit_referrer(&descriptors[1].digest)));
    assert_eq!(listed(&get(proxy.address(), &path).await), [all_of_them[0], all_of_them[2]]);
    let stranger = Descriptor::of(MediaType::OCI_MANIFEST, b"stranger");
    proxy.set_rules(all(Fault::list_stranger(&stranger)));
    assert_eq!(listed(&get(proxy.address(), &path).await).last(), Some(&stranger.digest));

    proxy.set_rules(Rule::paged_referrers(2));
    let first = get(proxy.address(), &format!("{path}?artifactType=x")).await;
    assert_eq!(listed(&first), all_of_them[..2]);
    let link = first.header("link").unwrap();
    let next = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    assert!(next.contains("artifactType=x"), "{next}");
    let second = get(proxy.address(), next).await;
    assert_eq!((listed(&second), second.header("link")), (all_of_them[2..].to_vec(), None));

    proxy.set_rules(Rule::failing_second_page(2, Answer::new(500)));
    assert_eq!(get(proxy.address(), &path).await.status, 200);
    assert_eq!(get(proxy.address(), next).await.status, 500);
}

#[tokio::test]
async fn a_location_at_the_upstream_leads_back_to_the_proxy() {
    let server = HttpProxy::server(vec![]).await;
    let own = format!("http://{}/v2/upload/1", server.address());
    server.set_rules(all(Fault::Answer(Answer::new(202).header("Location", &own))));
    let proxy = HttpProxy::start(server.address()).await;
    let answer = request(proxy.address(), "POST /v2/a/blobs/uploads/", "", b"").await.unwrap();
    assert_eq!(answer.header("location"), Some(format!("http://{}/v2/upload/1", proxy.address()).as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn real_tools_work_through_a_proxy_and_notice_what_it_breaks() {
    let (Some(skopeo), Some(crane)) = (tool("skopeo"), tool("crane")) else { return };
    let Some(registry) = PeerRegistry::Distribution.start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut builder = testkit::application::ApplicationBuilder::new(1);
    let layers = [builder.layer("base", 3_000_000), builder.layer("program", 10)];
    let image = builder.image(&testkit::application::Image::new("linux/amd64", &layers));
    builder.tag("1.0", &image);
    builder.build().write_layout(directory.path());
    let proxy = HttpProxy::start(registry.address()).await;
    let name = format!("{}/app:1.0", proxy.host());
    let source = format!("oci:{}:1.0", directory.path().display());
    let destination = format!("docker://{name}");
    skopeo.run(["--insecure-policy", "copy", "--dest-tls-verify=false", "-q", &source, &destination]);
    assert_eq!(proxy.log().count(&Matcher::manifest("1.0").method("PUT")), 1);
    let uploaded: u64 = proxy.log().matching(&Matcher::uploads()).iter().map(|upload| upload.request_bytes).sum();
    assert!(uploaded > 3_000_000, "only {uploaded} bytes were uploaded through the proxy");
    crane.run(["validate", "--insecure", "--remote", &name]);
    proxy.set_rules([Rule::new(Matcher::blob(&layers[0].descriptor.digest), Fault::FlipBit(2_000_000))]);
    let noticed = crane.outcome(["validate", "--insecure", "--remote", &name]);
    assert!(!noticed.success);
}

/// A server that sends back what it gets, on any number of connections.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = socket.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_arrives_through_the_slow_network_and_not_before_its_time() {
    let delay = Duration::from_millis(20);
    let proxy = DelayProxy::start(echo().await, delay).await.unwrap();
    let content = Seed::new(1).bytes(10_000_000);
    let began = Instant::now();
    let (mut read, mut write) = TcpStream::connect(proxy.address()).await.unwrap().into_split();
    let sent = content.clone();
    let sending = tokio::spawn(async move {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut first = [0];
    read.read_exact(&mut first).await.unwrap();
    // A lower bound only: nothing is said about a machine under load.
    assert!(began.elapsed() >= 3 * delay, "connecting, there and back take three delays, not {:?}", began.elapsed());
    let mut received = first.to_vec();
    read.read_to_end(&mut received).await.unwrap();
    sending.await.unwrap();
    assert!(received == content, "other bytes came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slow_network_runs_as_a_program() {
    let upstream = echo().await.to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_testkit-delay-proxy"));
    let mut program = command.args([upstream.as_str(), "1"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(program.stdout.take().unwrap()), &mut line).unwrap();
    let address: SocketAddr = line.trim().strip_prefix("listening ").unwrap().parse().unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");
    program.kill().unwrap();
    program.wait().unwrap();
}
