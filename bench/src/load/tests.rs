//! The generator against a server of three answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::*;

/// Answers requests until their connection ends: the size of the body that came to PUT, 3 MB to GET, 404 to anything else.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            thread::spawn(|| answer(socket.unwrap()));
        }
    });
    address
}

fn answer(mut socket: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    loop {
        let (mut first, mut length) = (String::new(), 0);
        reader.read_line(&mut first).ok().filter(|&count| count > 0)?;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let head = match &first[..3] {
            "GET" => "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n".to_owned(),
            "PUT" => format!("HTTP/1.1 201 Created\r\nLocation: /{length}\r\ncontent-length: 0\r\n\r\n"),
            _ => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
        };
        socket.write_all(head.as_bytes()).ok()?;
        if first.starts_with("GET") {
            socket.write_all(&vec![7; 3_000_000]).ok()?;
        }
    }
}

/// A PUT of a body in two parts, then a GET, as one operation.
struct Both(SocketAddr, usize);

impl Script for Both {
    fn next(&mut self, answer: Option<&Answer>) -> Result<Step> {
        self.1 += 1;
        if self.1.is_multiple_of(2) {
            let came = answer.and_then(|answer| answer.header("location")).unwrap();
            assert_eq!(came, b"/2000003");
            return Ok(Step::Continue(Request::new("GET", self.0, "/", &[], 200)));
        }
        let body = [vec![1; 2_000_000], vec![2; 3]].map(Part::new);
        Ok(Step::Begin(Request::with_body("PUT", self.0, "/", &[], 201, &body)))
    }
}

#[test]
fn operations_of_many_requests_are_counted_once_and_bodies_wholly() {
    let address = serve();
    let measured = run(address, (0..3).map(|_| Both(address, 0)), Until::Operations(7)).unwrap();
    assert_eq!((measured.operations, measured.received), (7, 21_000_000));
    assert!(measured.p50 <= measured.p99 && measured.p99 <= measured.max);
}

#[test]
fn a_status_that_was_not_expected_ends_the_run_and_is_named() {
    let address = serve();
    let request = Request::new("DELETE", address, "/gone", &[], 202);
    let error = run(address, [Repeat(request)], Until::Operations(10)).unwrap_err();
    assert_eq!(format!("{error:#}"), "DELETE /gone HTTP/1.1: status 404 where 202 was expected");
}
