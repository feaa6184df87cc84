//! Traces of a running server, to a receiver that fails first.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use crate::desk::Desk;
use crate::served::Served;

/// Takes one request, and returns its head with the document.
fn take(listener: &TcpListener, status: &str) -> (String, Value) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "the connection ended: {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        if body.len() >= length {
            write!(stream, "HTTP/1.1 {status}\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
            return (head, serde_json::from_str(body).unwrap());
        }
    }
}

fn ask(served: &Served, headers: &str) -> String {
    let mut stream = TcpStream::connect(served.address).unwrap();
    write!(stream, "GET /v2/ HTTP/1.1\r\nhost: x\r\n{headers}connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_collector_that_comes_back_has_the_span_of_a_request() {
    let desk = Desk::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    desk.write("headers", "authorization: Bearer s3cret\n");
    desk.write(
        "serve.toml",
        "root = \"local\"\ncollect.enabled = false\nscrub.enabled = false\n[traces]\nsample = \"0\"\nheaders-file = \"headers\"\n\
         [log]\nformat = \"json\"\nrequests = \"all\"\n",
    );
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTEL_SERVICE_NAME", "shop")];
    let mut served = Served::with(&desk, &["--config", "serve.toml"], &variables);
    let parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    assert!(ask(&served, "").starts_with("HTTP/1.1 200 "), "nobody records this one");
    assert!(ask(&served, parent).starts_with("HTTP/1.1 200 "));
    let (head, first) = take(&listener, "503 Service Unavailable");
    let (_, again) = take(&listener, "200 OK");
    assert_eq!(first, again);
    assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
    for line in ["content-type: application/json", "authorization: bearer s3cret"] {
        assert!(head.contains(line), "{head}");
    }
    let spans = &again["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!(spans.as_array().unwrap().len(), 1, "{again}");
    assert_eq!((&spans[0]["parentSpanId"], &spans[0]["name"]), (&"b7ad6b7169203331".into(), &"GET /v2/".into()));
    assert!(again["resourceSpans"][0]["resource"].to_string().contains("\"shop\""), "{again}");
    let said = served.hear("\"trace_id\"");
    assert!(said.contains("0af7651916cd43dd8448eb211c80319c"), "{said}");
    assert!(said.contains(&format!("\"span_id\":{}", spans[0]["spanId"])), "{said}");
    served.terminate();
}
