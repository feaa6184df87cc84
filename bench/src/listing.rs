//! How long it takes to list fifty thousand tags of a registry that takes its time for every answer.
//!
//! | who | how |
//! |---|---|
//! | by links | our client, page after page |
//! | by cursors | our client, with what the list before has told |
//! | `--tool` | `supercargo` (in a first run, in later ones, and for those tags that begin with a text), `crane`, `skopeo`, `regctl` |

mod server;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use client::{Client, ClientOptions};
use oci::Tag;
use store::Store as _;
use store::tag_list::TagList;
use tempfile::TempDir;

use self::server::{REPOSITORY, Server};
use crate::statistics::Spread;
use crate::table;
use crate::tools::Tool;

/// Tags of the repository, and most of them in one page.
const TAGS: usize = 50_000;
const PAGE: usize = 1000;
/// How long the registry takes to answer.
const DELAY: Duration = Duration::from_millis(80);
/// As many requests as commands have under way that list tags.
const AT_ONCE: usize = 64;

/// What tags are listed with.
#[derive(Args)]
pub struct ListingArguments {
    /// A program, as NAME=VERSION=PATH.
    #[arg(long = "tool", value_name = "NAME=VERSION=PATH")]
    tools: Vec<Tool>,
    /// How often everybody lists them.
    #[arg(long, default_value_t = 7)]
    runs: usize,
}

/// What it took to list the tags once.
struct Listed {
    time: Duration,
    requests: usize,
}

/// The command `bench tags`.
#[tokio::main]
pub async fn run(arguments: &ListingArguments) -> Result<()> {
    let server = Server::start(TAGS, PAGE, DELAY).await?;
    let head = ["who", "runs", "ms min/median/max", "requests"].map(str::to_owned).to_vec();
    let mut rows = vec![head];
    let known = by_client(&server, &[]).await?.1.cursors;
    let (mut links, mut cursors) = (Vec::new(), Vec::new());
    for _ in 0..arguments.runs {
        links.push(by_client(&server, &[]).await?.0);
        cursors.push(by_client(&server, &known).await?.0);
    }
    rows.push(row("our client, by links", &links)?);
    rows.push(row("our client, by cursors", &cursors)?);
    for tool in &arguments.tools {
        let directory = TempDir::with_prefix("supercargo-bench-")?;
        let name = format!("{} {}", tool.name, tool.version);
        let mut listed = Vec::new();
        if tool.name == "supercargo" {
            rows.push(row(&format!("{name}, first run"), &[by_tool(&server, tool, directory.path()).await?])?);
        }
        for _ in 0..arguments.runs {
            listed.push(by_tool(&server, tool, directory.path()).await?);
        }
        rows.push(row(&name, &listed)?);
        if tool.name == "supercargo" {
            let mut begins = Vec::new();
            for _ in 0..arguments.runs {
                begins.push(by_beginning(&server, tool, directory.path()).await?);
            }
            rows.push(row(&format!("{name}, --prefix"), &begins)?);
        }
    }
    println!("{TAGS} tags in pages of {PAGE}, {} ms for every answer\n{}", DELAY.as_millis(), table::render(&rows));
    Ok(())
}

/// Lists the tags with a client that has not yet asked anything.
async fn by_client(server: &Server, cursors: &[Tag]) -> Result<(Listed, TagList)> {
    let options = ClientOptions { plain_http: true, concurrency_per_host: AT_ONCE, ..ClientOptions::default() };
    let client = Client::new(options);
    let repository = client.repository(&server.address().to_string().parse()?, &REPOSITORY.parse()?);
    let (before, start) = (server.requests(), Instant::now());
    let list = repository.tags_from(cursors).await?;
    let listed = Listed { time: start.elapsed(), requests: server.requests() - before };
    ensure!(list.tags.len() == TAGS, "{} tags are not {TAGS}", list.tags.len());
    Ok((listed, list))
}

/// Lists the tags with a program whose home is a directory.
async fn by_tool(server: &Server, tool: &Tool, home: &Path) -> Result<Listed> {
    let (address, mut command) = (server.address(), Command::new(&tool.path));
    let repository = format!("{address}/{REPOSITORY}");
    match tool.name.as_str() {
        "crane" => command.args(["ls", "--insecure", &repository]),
        "skopeo" => command.args(["list-tags", "--tls-verify=false", &format!("docker://{repository}")]),
        "regctl" => command.args(["--host", &format!("reg={address},tls=disabled"), "tag", "ls", &repository]),
        _ => command.args(["tags", "--plain-http", &repository]),
    };
    command.env_clear().env("HOME", home);
    let before = server.requests();
    let start = Instant::now();
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let listed = Listed { time: start.elapsed(), requests: server.requests() - before };
    let text = String::from_utf8_lossy(&output.stdout);
    let count = text.matches(server::PREFIX).count();
    ensure!(count == TAGS, "{}: {count} tags: {}", tool.name, String::from_utf8_lossy(&output.stderr));
    Ok(listed)
}

/// Lists the few tags that begin with a text, with our program, which has listed all of them before.
async fn by_beginning(server: &Server, tool: &Tool, home: &Path) -> Result<Listed> {
    let repository = format!("{}/{REPOSITORY}", server.address());
    let mut command = Command::new(&tool.path);
    let beginning = format!("{}4242", server::PREFIX);
    command.args(["tags", "--plain-http", &repository, "--prefix", &beginning]).env_clear().env("HOME", home);
    let (before, start) = (server.requests(), Instant::now());
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let listed = Listed { time: start.elapsed(), requests: server.requests() - before };
    let count = String::from_utf8_lossy(&output.stdout).matches(&beginning).count();
    // Itself, and one more digit.
    ensure!(count == 11, "{count} tags begin with {beginning}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(listed)
}

fn row(who: &str, listed: &[Listed]) -> Result<Vec<String>> {
    let millis = listed.iter().map(|listed| u64::try_from(listed.time.as_millis()).unwrap_or(u64::MAX));
    let Spread { min, median, max } = Spread::of(millis).context("no runs")?;
    let requests = listed.iter().map(|listed| listed.requests).max().unwrap_or(0);
    let runs = listed.len().to_string();
    Ok(vec![who.to_owned(), runs, format!("{min} / {median} / {max}"), requests.to_string()])
}
