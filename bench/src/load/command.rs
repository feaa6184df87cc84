//! `bench load`: one request over and over, to look at one server by hand.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::{Repeat, Request, Until, run};
use crate::process::{Process, Used};
use crate::report::megabytes;
use crate::statistics::ratio;

/// What is asked for.
#[derive(Args)]
pub struct LoadArguments {
    address: SocketAddr,
    /// The path, with its slash.
    path: String,
    #[arg(long, default_value = "GET")]
    method: String,
    #[arg(long, default_value_t = 200)]
    status: u16,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// The server's process, to say what it used.
    #[arg(long)]
    process: Option<u32>,
}

/// Asks, and prints what it took.
pub fn command(arguments: &LoadArguments) -> Result<()> {
    let LoadArguments { address, path, method, status, connections, seconds, process } = arguments;
    let request = Request::new(method, *address, path, &[], *status);
    let scripts = (0..*connections).map(|_| Repeat(request.clone()));
    let process = process.map(Process::of);
    let before = process.map(Process::used).transpose()?;
    let measured = run(*address, scripts, Until::Elapsed(Duration::from_secs(*seconds)))?;
    println!("{:.0} answers/s, {:.0} MB/s", measured.rate(), ratio(measured.received, measured.elapsed));
    println!("p50 {} us, p99 {} us, max {} us", measured.p50, measured.p99, measured.max);
    if let (Some(process), Some(before)) = (process, before) {
        let Used { cpu, resident, peak } = process.used()?;
        let cpu = cpu - before.cpu;
        println!(
            "server: {:.1} us of cpu an answer, {:.0} ms a GB, {:.1} MB resident, {:.1} MB at most",
            ratio(cpu, measured.operations),
            ratio(cpu, measured.received) * 1e6,
            megabytes(resident),
            megabytes(peak)
        );
    }
    Ok(())
}
