//! A slow network as a program, for benchmarks: `testkit-delay-proxy UPSTREAM DELAY-MS [LISTEN [BYTES-PER-SECOND]]`.
//!
//! Its first line on stdout is `listening ADDRESS:PORT`. It runs until it is killed.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to who started it")]

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use testkit::proxy::DelayProxy;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("testkit-delay-proxy: {error}");
            eprintln!("usage: testkit-delay-proxy UPSTREAM DELAY-MS [LISTEN [BYTES-PER-SECOND]]");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (upstream, delay, listen, rate) = match arguments.as_slice() {
        [upstream, delay] => (upstream, delay, "127.0.0.1:0", None),
        [upstream, delay, listen] => (upstream, delay, listen.as_str(), None),
        [upstream, delay, listen, rate] => (upstream, delay, listen.as_str(), Some(rate.parse()?)),
        _ => return Err("two to four arguments are needed".into()),
    };
    let upstream: SocketAddr = upstream.parse()?;
    let delay = Duration::from_millis(delay.parse()?);
    let proxy = DelayProxy::listen_capped(listen.parse()?, upstream, delay, rate).await?;
    println!("listening {}", proxy.address());
    std::future::pending::<()>().await;
    Ok(())
}
