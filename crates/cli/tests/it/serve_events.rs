//! Events of a registry that is killed, to a receiver that fails, hangs and answers late.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use crate::desk::Desk;
use crate::served::Served;

/// Takes one request, and returns the connection with the document that was sent and the signature.
fn take(listener: &TcpListener) -> (TcpStream, Value, String) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "the connection ended: {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length: usize = header(head, "content-length").parse().unwrap();
        if bytes.len() >= head.len() + 4 + length {
            break (head.to_owned(), length);
        }
    };
    assert_eq!(header(&head, "content-type"), "application/cloudevents+json; charset=utf-8");
    let signature = header(&head, "x-signature").to_owned();
    let body = &bytes[head.len() + 4..head.len() + 4 + length];
    (stream, serde_json::from_slice(body).unwrap(), signature)
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next().unwrap()
}

fn answer(mut stream: TcpStream, status: &str) {
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
}

#[test]
fn events_outlive_the_server_and_a_receiver_that_fails() {
    let desk = Desk::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    desk.write("secret", "a secret\n");
    let file = format!(
        "[[events]]\nname = \"hook\"\nurl = \"{url}\"\nevents = [\"blob.pushed\"]\nsecret-file = \"secret\"\ntimeout = \"2s\"\n"
    );
    desk.write("serve.toml", &file);
    let start = || Served::with(&desk, &["--config", "serve.toml"], &[]);

    let mut served = start();
    assert!(served.put("one").starts_with("HTTP/1.1 201 "));
    // It hangs: no answer comes in time.
    let (hanging, event, signature) = take(&listener);
    let said = served.hear("endpoint hook");
    assert!(said.contains("has not answered in time") || said.contains("timed out"), "{said}");
    assert!(!said.contains(&url) && !said.contains("a secret"), "{said}");
    drop(hanging);
    let (stream, again, _) = take(&listener);
    assert_eq!(again, event);
    served.send("-KILL");
    let _ = served.end();
    // What is answered now reaches nobody.
    let _ = (&stream).write_all(b"HTTP/1.1 204 No Content\r\n\r\n");

    let served = start();
    assert!(served.put("two").starts_with("HTTP/1.1 201 "));
    let (stream, third, signed) = take(&listener);
    assert_eq!((&third, &signed), (&event, &signature), "the same event after the restart");
    answer(stream, "204 No Content");
    let (stream, second, _) = take(&listener);
    assert_ne!(second["id"], event["id"]);
    answer(stream, "503 Service Unavailable");
    let (stream, late, _) = take(&listener);
    assert_eq!(late, second);
    answer(stream, "200 OK");
    served.terminate();
}
