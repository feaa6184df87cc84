//! A program that runs for the time of a test.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take until it says that it is ready. It takes 30 ms; the rest is for a machine under load.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// How many lines of a program that did not get ready are shown.
const LINES_SHOWN: usize = 20;

/// A running program, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Starts a program and waits until `ready` finds what it looks for in a line of its output or its errors. What it
    /// says after that is read and thrown away, so that it never waits for us.
    pub(super) fn start<T: Send + 'static>(mut command: Command, ready: fn(&str) -> Option<T>) -> (Self, T) {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn();
        let mut process = Self(child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}")));
        let (sender, lines) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(process.0.stdout.take().unwrap()), Box::new(process.0.stderr.take().unwrap())];
        for output in outputs {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    // Nobody listens any more once the program is ready.
                    let _ = sender.send(line);
                }
            });
        }
        drop(sender);
        let deadline = Instant::now() + READY_TIMEOUT;
        let mut last = VecDeque::new();
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(found) = ready(&line) {
                        return (process, found);
                    }
                    last.push_back(line);
                    last.drain(..last.len().saturating_sub(LINES_SHOWN));
                }
                Err(RecvTimeoutError::Timeout) => panic!("{command:?} did not get ready:\n{last:#?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("{command:?} ended before it was ready:\n{last:#?}"),
            }
        }
    }
}
