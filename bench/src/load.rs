//! A generator of load that leaves the processors to the server it measures.
//!
//! One thread drives all connections: requests are bytes that were put together before, of an answer only the head is read,
//! and bodies are thrown away inside the kernel, which also sends large ones from files in memory. Connections are kept and
//! requests are not pipelined. Any answer that was not expected ends the run as an error.
//!
//! ```text
//!   Script ─ Step ─▶ Connection ─ bytes ─▶ server
//!      ▲                  │
//!      └──── Answer ──────┘
//! ```

mod answer;
mod body;
mod command;
mod connection;
mod part;
mod request;

use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use serde::Serialize;

pub use answer::Answer;
pub use command::{LoadArguments, command};
use connection::Connection;
pub use part::Part;
pub use request::Request;

use crate::statistics::{percentile, ratio};

/// How long nothing may come from the server before the run is given up.
const SILENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// Events that are taken from the kernel at once.
const EVENTS: usize = 64;

/// What a connection does next.
pub enum Step {
    /// The first request of an operation, whose time runs from here.
    Begin(Request),
    /// Another request of the same operation.
    Continue(Request),
    /// Nothing is left for this connection.
    End,
}

/// What one connection asks for.
pub trait Script {
    /// Returns the next step; `answer` is what came to the step before, and `None` at first.
    ///
    /// # Errors
    /// Ends the run.
    fn next(&mut self, answer: Option<&Answer>) -> Result<Step>;
}

/// When no more operations begin. Those under way are finished, and count.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    Operations(u64),
    Elapsed(Duration),
    /// The scripts end by themselves.
    Scripts,
}

/// What a load has shown. Times are in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Measured {
    pub operations: u64,
    /// Bytes of bodies that came.
    pub received: u64,
    pub elapsed: u64,
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

impl Measured {
    /// Returns operations in a second.
    pub fn rate(&self) -> f64 {
        ratio(self.operations * 1_000_000, self.elapsed)
    }
}

/// Sends one request over and over.
pub struct Repeat(pub Request);

impl Script for Repeat {
    fn next(&mut self, _: Option<&Answer>) -> Result<Step> {
        Ok(Step::Begin(self.0.clone()))
    }
}

/// Runs a script on each of its connections until no more operations begin.
///
/// # Errors
/// An answer that was not expected, a connection that ends, a server that is silent for a minute.
pub fn run<S: Script>(address: SocketAddr, scripts: impl IntoIterator<Item = S>, until: Until) -> Result<Measured> {
    let mut generator = Generator::connect(address, scripts, until)?;
    generator.run()?;
    Ok(generator.measured())
}

/// A connection with its script and the time at which its operation began.
struct Lane<S> {
    connection: Connection,
    script: S,
    began: Option<Instant>,
}

struct Generator<S> {
    events: OwnedFd,
    lanes: Vec<Lane<S>>,
    until: Until,
    start: Instant,
    /// When the last operation ended.
    end: Instant,
    begun: u64,
    /// Connections that wait for an answer.
    waiting: usize,
    latencies: Vec<u64>,
}

impl<S: Script> Generator<S> {
    fn connect(address: SocketAddr, scripts: impl IntoIterator<Item = S>, until: Until) -> Result<Self> {
        let events = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut lanes = Vec::new();
        for (number, script) in scripts.into_iter().enumerate() {
            let connection = Connection::open(address)?;
            let wanted = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
            epoll::add(&events, connection.socket(), epoll::EventData::new_u64(u64::try_from(number)?), wanted)?;
            lanes.push(Lane { connection, script, began: None });
        }
        let now = Instant::now();
        Ok(Self { events, lanes, until, start: now, end: now, begun: 0, waiting: 0, latencies: Vec::new() })
    }

    fn run(&mut self) -> Result<()> {
        self.start = Instant::now();
        self.end = self.start;
        for number in 0..self.lanes.len() {
            self.advance(number, false)?;
        }
        let mut events = [MaybeUninit::uninit(); EVENTS];
        while self.waiting > 0 {
            let (ready, _) = match epoll::wait(&self.events, &mut events, Some(&SILENCE)) {
                Err(Errno::INTR) => continue,
                ready => ready?,
            };
            ensure!(!ready.is_empty(), "the server says nothing for a minute");
            for event in &*ready {
                let number = usize::try_from(event.data.u64())?;
                while self.lane(number)?.connection.work()? {
                    self.waiting -= 1;
                    self.advance(number, true)?;
                }
            }
        }
        Ok(())
    }

    fn lane(&mut self, number: usize) -> Result<&mut Lane<S>> {
        self.lanes.get_mut(number).context("an event of no connection")
    }

    /// Takes the next step of a connection, `answered` or at its beginning.
    fn advance(&mut self, number: usize, answered: bool) -> Result<()> {
        let full = match self.until {
            Until::Operations(most) => self.begun >= most,
            Until::Elapsed(time) => self.start.elapsed() >= time,
            Until::Scripts => false,
        };
        let lane = self.lanes.get_mut(number).context("an event of no connection")?;
        let step = lane.script.next(answered.then(|| lane.connection.answer()))?;
        if !matches!(step, Step::Continue(_))
            && let Some(began) = lane.began.take()
        {
            self.end = Instant::now();
            self.latencies.push(microseconds(self.end - began));
        }
        let request = match step {
            Step::Continue(request) => request,
            Step::Begin(request) if !full => {
                self.begun += 1;
                lane.began = Some(Instant::now());
                request
            }
            Step::Begin(_) | Step::End => return Ok(()),
        };
        self.waiting += 1;
        lane.connection.send(request)
    }

    fn measured(mut self) -> Measured {
        self.latencies.sort_unstable();
        let at = |hundredths| percentile(&self.latencies, hundredths);
        Measured {
            operations: u64::try_from(self.latencies.len()).unwrap_or(u64::MAX),
            received: self.lanes.iter().map(|lane| lane.connection.received()).sum(),
            elapsed: microseconds(self.end - self.start),
            p50: at(50),
            p99: at(99),
            max: at(100),
        }
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
