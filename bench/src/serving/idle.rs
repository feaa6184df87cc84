//! A server that has nothing and does nothing.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::Bench;
use super::figures::{Metric, microseconds};
use super::outcome::{Limit, Outcome, Target};

const IDLE_BYTES: u64 = 25 << 20;

/// What happens once after the start has happened by then.
const SETTLED: Duration = Duration::from_secs(1);

pub fn measure(bench: &mut Bench) -> Result<Outcome> {
    let mut servers = bench.start("")?;
    let rows = bench.rounds(&mut servers, |server| {
        let start = server.start()?;
        thread::sleep(SETTLED);
        Ok(vec![(Metric::Wall, microseconds(start)), (Metric::Idle, server.used()?.resident)])
    })?;
    let limit = Limit::Absolute(IDLE_BYTES);
    let targets = vec![Target { row: "supercargo".into(), metric: Metric::Idle, limit }];
    Ok(Outcome::new("from start to the first answer; memory a second later", rows, targets))
}
