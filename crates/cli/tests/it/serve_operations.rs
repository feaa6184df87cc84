//! What a running server tells of itself: probes, metrics and the log of requests.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use testkit::peers::RunningPostgres;

use crate::desk::Desk;
use crate::served::Served;

/// How long something is waited for that has to come.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends a request and returns the answer.
fn ask(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n{headers}connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Returns the address of probes and metrics, of which the server says where they are.
fn operations(served: &mut Served) -> SocketAddr {
    let line = served.hear("probes and metrics are answered at ");
    line.trim().rsplit("http://").next().unwrap().parse().unwrap()
}

/// Asks until the server answers with this status.
fn wait_for(address: SocketAddr, status: &str) -> String {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let answer = ask(address, "/readyz", "");
        if answer.starts_with(&format!("HTTP/1.1 {status}")) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{answer}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn without_its_database_a_server_is_not_ready_and_alive() {
    let Some(postgres) = RunningPostgres::start() else { return };
    postgres.run("CREATE SCHEMA node");
    let desk = Desk::new();
    desk.write(
        "serve.toml",
        &format!(
            "root = \"local\"\n[database]\nurl = \"{}\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n",
            postgres.url("node")
        ),
    );
    let mut served = Served::with(&desk, &["--config", "serve.toml"], &[]);
    let address = operations(&mut served);
    wait_for(address, "200");
    assert!(ask(address, "/metrics", "").contains("\nsupercargo_database_up 1\n"));
    postgres.stop();
    let answer = wait_for(address, "503");
    assert!(answer.ends_with("database: no answer\nblobs: ok\nserving: ok\n"), "{answer}");
    assert!(ask(address, "/livez", "").starts_with("HTTP/1.1 200"));
    let metrics = ask(address, "/metrics", "");
    assert!(metrics.contains("\nsupercargo_database_up 0\n"), "{metrics}");
    assert!(metrics.contains("\nsupercargo_failures_total{during=\"probe\"} 1\n"), "told once: {metrics}");
    postgres.resume();
    wait_for(address, "200");
    served.terminate();
}

#[test]
fn a_server_says_that_it_ends_before_it_turns_anybody_away() {
    let desk = Desk::new();
    desk.write("serve.toml", "root = \"local\"\nmetrics.listen = \"127.0.0.1:0\"\nlimits.shutdown-delay = \"1h\"\n");
    let mut served = Served::with(&desk, &["--config", "serve.toml"], &[]);
    let (registry, address) = (served.address, operations(&mut served));
    assert!(ask(registry, "/readyz", "").starts_with("HTTP/1.1 404"), "it is on the other listener alone");
    wait_for(address, "200");
    served.send("-TERM");
    wait_for(address, "503");
    assert!(ask(registry, "/v2/", "").starts_with("HTTP/1.1 200"), "whoever comes is still served");
    assert!(ask(address, "/metrics", "").contains("\nsupercargo_draining 1\n"));
    // Who does not want to wait says so again.
    served.send("-TERM");
    let (code, _) = served.end();
    assert_eq!(code, Some(130));
}

#[test]
fn requests_are_told_by_their_trace_without_secrets() {
    let (desk, _application) = Desk::with_application();
    desk.write(
        "serve.toml",
        "root = \"local\"\nmetrics.public = true\nlog = { requests = \"all\", format = \"json\" }\n",
    );
    let mut served = Served::with(&desk, &["--config", "serve.toml"], &[]);
    desk.ok(&["copy", "oci:app:1.0", &served.at("shop:1.0")]);
    let headers =
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nauthorization: Bearer s3cret\r\n";
    assert!(ask(served.address, "/v2/shop/manifests/1.0?token=s3cret", headers).starts_with("HTTP/1.1 200"));
    let line = served.hear("0af7651916cd43dd8448eb211c80319c");
    for part in [
        "\"event\":\"request\"",
        "\"method\":\"GET\"",
        "\"route\":\"manifest\"",
        "\"repository\":\"shop\"",
        "\"reference\":\"1.0\"",
        "\"status\":200",
        "\"who\":\"anonymous\"",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!line.contains("s3cret"), "{line}");
    let before = ask(served.address, "/metrics", "");
    for _ in 0..5 {
        ask(served.address, "/v2/shop/tags/list", "");
    }
    let after = ask(served.address, "/metrics", "");
    let counted = "supercargo_http_requests_total{route=\"tags\",method=\"GET\",status=\"2xx\"} 5\n";
    assert!(!before.contains("route=\"tags\",method=\"GET\",status=\"2xx\"") && after.contains(counted), "{after}");
    served.terminate();
}
