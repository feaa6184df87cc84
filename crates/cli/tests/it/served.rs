//! A server in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use oci::Digest;

use crate::desk::{Desk, Outcome};

/// A server that was started, on a port that was free.
pub(crate) struct Served {
    child: Child,
    /// The lines of the standard error, which are read all the time: a server that cannot say something waits.
    said: Mutex<Receiver<String>>,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

/// Returns the lines of a standard error, with their ends, as they come.
fn lines(stderr: ChildStderr) -> Receiver<String> {
    let (sender, said) = channel();
    std::thread::spawn(move || {
        let mut stderr = BufReader::new(stderr);
        let mut line = String::new();
        while stderr.read_line(&mut line).unwrap() > 0 && sender.send(std::mem::take(&mut line)).is_ok() {}
    });
    said
}

impl Drop for Served {
    /// A test that fails leaves no server behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    pub(crate) fn start(desk: &Desk) -> Self {
        Self::with(desk, &[], &[])
    }

    pub(crate) fn with(desk: &Desk, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = desk.command(&[&["serve"], arguments].concat());
        command.envs(variables.iter().copied());
        Self::run(command)
    }

    /// Starts a server by a command, which has to be its process.
    pub(crate) fn run(mut command: Command) -> Self {
        command.env("SUPERCARGO_SERVE_LISTEN", "127.0.0.1:0");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Some((address, _)) = line.split_once(" serves ") else {
            panic!("{line}{}", Outcome::of(child.wait_with_output().unwrap()).stderr)
        };
        let address = address.parse().unwrap();
        let said = Mutex::new(lines(child.stderr.take().unwrap()));
        Self { child, said, stdout, address }
    }

    /// Returns the most memory that the server ever had, in KiB.
    pub(crate) fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Returns the number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a loss of its machine would.
    pub(crate) fn kill(self) {
        drop(self);
    }

    pub(crate) fn send(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits for the end, and returns the exit code and what was said. Nothing but its address was printed.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        let said = self.said.get_mut().unwrap().iter().collect();
        (self.child.wait().unwrap().code(), said)
    }

    /// Returns the next line of the standard error that has `part` in it.
    pub(crate) fn hear(&mut self, part: &str) -> String {
        let found = self.said.get_mut().unwrap().iter().find(|line| line.contains(part));
        found.unwrap_or_else(|| panic!("the server ended before it said {part}"))
    }

    /// Has the configuration read again, and returns what is said of that.
    pub(crate) fn reload(&mut self) -> String {
        self.send("-HUP");
        loop {
            let line = self.hear("");
            if line.contains("as the configuration says now") || line.contains("nothing is changed") {
                return line;
            }
        }
    }

    pub(crate) fn terminate(self) -> String {
        self.send("-TERM");
        let (code, said) = self.end();
        assert_eq!(code, Some(0), "{said}");
        said
    }

    /// Returns when no connection is accepted any more.
    pub(crate) fn is_closed(&self) {
        while TcpStream::connect(self.address).is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a request and returns the whole answer.
    pub(crate) fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let (line, rest) = request.split_once("\r\n").unwrap_or((request, "\r\n"));
        write!(stream, "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{rest}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Puts a blob into the repository `app`.
    pub(crate) fn put(&self, content: &str) -> String {
        let digest = Digest::sha256(content.as_bytes());
        let length = content.len();
        self.ask(&format!("POST /v2/app/blobs/uploads/?digest={digest}\r\ncontent-length: {length}\r\n\r\n{content}"))
    }

    /// Begins to put a blob, up to where the server waits for its bytes.
    pub(crate) fn begin(&self, content: &[u8]) -> TcpStream {
        self.begin_as(None, content)
    }

    /// As [`Served::begin`], with a name and a password.
    pub(crate) fn begin_as(&self, login: Option<(&str, &str)>, content: &[u8]) -> TcpStream {
        use base64::Engine as _;
        let encode = |(user, password)| base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let login = login.map(|login| format!("\r\nauthorization: Basic {}", encode(login))).unwrap_or_default();
        let mut stream = TcpStream::connect(self.address).unwrap();
        let (digest, length) = (Digest::sha256(content), content.len());
        let head =
            format!("POST /v2/app/blobs/uploads/?digest={digest} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}");
        write!(stream, "{head}{login}\r\nconnection: close\r\nexpect: 100-continue\r\n\r\n").unwrap();
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream
    }
}
