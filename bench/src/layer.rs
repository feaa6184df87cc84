//! How long it takes to pull an image with one large layer, over networks that are slow in different ways.
//!
//! | network | what |
//! |---|---|
//! | far | every byte arrives later by the same time |
//! | capped | no connection carries more than so many bytes a second |
//!
//! Our own server has the image, and everybody pulls it into a layout, in turn.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use oci::{Algorithm, Digest};
use serde_json::json;
use tempfile::TempDir;
use testkit::proxy::DelayProxy;
use tokio::runtime::Runtime;

use crate::content::Content;
use crate::measure::{Invocation, Usage};
use crate::serving::server::{Kind, Server};
use crate::statistics::{Spread, ratio};
use crate::table;
use crate::tools::Tool;
use crate::world::DELAY;

const REPOSITORY: &str = "layer";
const TAG: &str = "1";

/// What a capped connection carries, in bytes a second.
// The compiler sees that it is not zero.
const CAP: NonZeroU32 = NonZeroU32::new(20_000_000).expect("not zero");

/// How long the disk rests before each pull.
const REST: Duration = Duration::from_secs(1);

/// Random bytes read at once.
const CHUNK_BYTES: u64 = 1024 * 1024;

/// What the layer is, and what it is pulled with.
#[derive(Args)]
pub struct LayerArguments {
    /// A program, as NAME=VERSION=PATH: supercargo, which also serves, and crane.
    #[arg(long = "tool", value_name = "NAME=VERSION=PATH")]
    tools: Vec<Tool>,
    /// Bytes of the layer.
    #[arg(long, default_value_t = 2_000_000_000)]
    bytes: u64,
    /// How often everybody pulls it over each network.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

/// The command `bench layer`.
pub fn run(arguments: &LayerArguments) -> Result<()> {
    let runtime = Runtime::new()?;
    let work = TempDir::with_prefix("supercargo-bench-")?;
    let ours = arguments.tools.iter().find(|tool| tool.name == "supercargo").context("no --tool supercargo=…")?;
    let layout = work.path().join("layout");
    write_layout(&layout, arguments.bytes)?;
    let content = Content::of_layout(&layout, None)?;
    let program = ours.path.display().to_string();
    let mut server = Server::new(Kind::Supercargo, program, work.path().join("server"), "")?;
    server.start()?;
    load(ours, &layout, server.address())?;
    // The server has it now.
    fs::remove_dir_all(&layout)?;

    for (title, delay, cap) in [
        (format!("{} ms on connects and both ways", DELAY.as_millis()), DELAY, None),
        (format!("{} MB/s for each connection", CAP.get() / 1_000_000), Duration::ZERO, Some(CAP)),
    ] {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let network = runtime.block_on(DelayProxy::listen_capped(free, server.address(), delay, cap))?;
        let mut used = vec![Vec::new(); arguments.tools.len()];
        for _ in 0..arguments.runs {
            for (tool, used) in arguments.tools.iter().zip(&mut used) {
                used.push(pull(tool, network.address(), work.path(), &content)?);
            }
        }
        let names = arguments.tools.iter().map(|tool| format!("{} {}", tool.name, tool.version));
        let rows: Vec<_> = names.zip(used).collect();
        println!("{} bytes, {title}\n{}\n", arguments.bytes, table::render(&rendered(&rows)?));
    }
    Ok(())
}

/// Writes a layout whose one image has one layer of random bytes.
fn write_layout(layout: &Path, bytes: u64) -> Result<()> {
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let media_type = |text: &str| format!("application/vnd.oci.image.{text}");
    let put = |kind: &str, content: &serde_json::Value| -> Result<serde_json::Value> {
        let text = content.to_string();
        let digest = Digest::sha256(text.as_bytes());
        fs::write(blobs.join(digest.encoded()), &text)?;
        Ok(json!({"mediaType": media_type(kind), "digest": digest.to_string(), "size": text.len()}))
    };
    let digest = write_random(&blobs, bytes)?.to_string();
    let rootfs = json!({"type": "layers", "diff_ids": [digest]});
    let config = put("config.v1+json", &json!({"architecture": "amd64", "os": "linux", "rootfs": rootfs}))?;
    let layer = json!({"mediaType": media_type("layer.v1.tar"), "digest": digest, "size": bytes});
    let manifest =
        json!({"schemaVersion": 2, "mediaType": media_type("manifest.v1+json"), "config": config, "layers": [layer]});
    let mut manifest = put("manifest.v1+json", &manifest)?;
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": TAG});
    fs::write(layout.join("index.json"), json!({"schemaVersion": 2, "manifests": [manifest]}).to_string())?;
    fs::write(layout.join("oci-layout"), json!({"imageLayoutVersion": "1.0.0"}).to_string())?;
    Ok(())
}

/// Writes so many random bytes into a directory of blobs and returns their digest, which is the name of the file.
fn write_random(blobs: &Path, bytes: u64) -> Result<Digest> {
    let unnamed = blobs.join("unnamed");
    let (mut random, mut file) = (File::open("/dev/urandom")?, File::create(&unnamed)?);
    let mut hasher = Algorithm::Sha256.hasher();
    let mut left = bytes;
    let mut chunk = Vec::new();
    while left > 0 {
        chunk.clear();
        (&mut random).take(left.min(CHUNK_BYTES)).read_to_end(&mut chunk)?;
        hasher.update(&chunk);
        file.write_all(&chunk)?;
        left -= chunk.len() as u64;
    }
    let digest = hasher.finish();
    fs::rename(unnamed, blobs.join(digest.encoded()))?;
    Ok(digest)
}

/// Copies the image of the layout to the server.
fn load(ours: &Tool, layout: &Path, server: SocketAddr) -> Result<()> {
    let from = format!("oci:{}:{TAG}", layout.display());
    let output = Command::new(&ours.path)
        .args(["copy", "--progress", "none", &from, &format!("{server}/{REPOSITORY}:{TAG}")])
        .env_clear()
        .env("HOME", layout)
        .output()?;
    ensure!(output.status.success(), "cannot load the image: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// What it took to pull the image once.
#[derive(Clone)]
struct Pulled {
    used: Usage,
    /// Until it was on the disk: not everybody waits for that. In microseconds.
    durable: u64,
}

/// Pulls the image into a layout, sees that it is there, and removes it.
fn pull(tool: &Tool, from: SocketAddr, work: &Path, content: &Content) -> Result<Pulled> {
    let (home, output) = (work.join("home"), work.join("output"));
    fs::create_dir_all(&home)?;
    let (program, to) = (tool.path.display().to_string(), output.display().to_string());
    let image = format!("{from}/{REPOSITORY}:{TAG}");
    let way = match tool.name.as_str() {
        "supercargo" => Invocation::new([&*program, "copy", "--progress", "none", &image, &format!("oci:{to}")]),
        "crane" => Invocation::new([&*program, "pull", "--insecure", "--format=oci", &image, &to]),
        other => bail!("it is not known how {other} pulls an image into a layout"),
    };
    // What was written before is not written back meanwhile, and what was removed is not given back to the disk.
    sync(work)?;
    thread::sleep(REST);
    let used = way.measure(&home).with_context(|| format!("{}: {}", tool.name, way.shown()))?;
    let written = Instant::now();
    sync(work)?;
    let durable = used.wall + u64::try_from(written.elapsed().as_micros())?;
    ensure!(content.in_layout(&output) == content.count(), "{}: the image is not whole", tool.name);
    fs::remove_dir_all(&output)?;
    fs::remove_dir_all(&home)?;
    Ok(Pulled { used, durable })
}

fn sync(work: &Path) -> Result<()> {
    ensure!(Command::new("sync").arg("-f").arg(work).status()?.success(), "sync failed");
    Ok(())
}

/// Returns the rows of a table: what everybody has used, and how often our time goes into theirs.
fn rendered(rows: &[(String, Vec<Pulled>)]) -> Result<Vec<Vec<String>>> {
    let spread = |pulled: &[Pulled], of: fn(&Usage) -> u64| {
        Spread::of(pulled.iter().map(|pulled| of(&pulled.used))).context("no runs")
    };
    let ours = rows.iter().find(|(name, _)| name.starts_with("supercargo")).context("supercargo has not run")?;
    let ours = spread(&ours.1, |usage| usage.wall)?.median;
    let head =
        ["who", "runs", "ms min/median/max", "times our time", "ms until on disk", "CPU ms", "peak MiB min/median/max"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for (name, used) in rows {
        let wall = spread(used, |usage| usage.wall / 1000)?;
        let cpu = spread(used, |usage| usage.cpu / 1000)?;
        let peak = spread(used, |usage| usage.peak / 1024)?;
        let durable = Spread::of(used.iter().map(|pulled| pulled.durable / 1000)).context("no runs")?;
        let mebibytes = |kibibytes| format!("{:.1}", ratio(kibibytes, 1024));
        table.push(vec![
            name.clone(),
            used.len().to_string(),
            format!("{} / {} / {}", wall.min, wall.median, wall.max),
            format!("{:.2}", ratio(spread(used, |usage| usage.wall)?.median, ours)),
            durable.median.to_string(),
            cpu.median.to_string(),
            [peak.min, peak.median, peak.max].map(mebibytes).join(" / "),
        ]);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Carried;

    #[test]
    fn the_layout_holds_what_it_names() {
        let work = TempDir::new().unwrap();
        write_layout(work.path(), 3 * CHUNK_BYTES + 1).unwrap();
        let content = Content::of_layout(work.path(), Some(TAG)).unwrap();
        assert_eq!(content.count(), Carried { manifests: 1, blobs: 2 });
        assert_eq!(content.in_layout(work.path()), content.count());
        for file in content.blob_files(work.path()) {
            let digest = Digest::sha256(&fs::read(&file).unwrap());
            assert_eq!(digest.encoded(), file.file_name().unwrap().to_str().unwrap());
        }
        assert!(content.blob_bytes(work.path()).unwrap() > 3 * CHUNK_BYTES);
    }

    #[test]
    fn times_are_told_as_multiples_of_ours() {
        let used = |wall: u64| {
            let used = Usage { wall: wall * 1000, cpu: 7000, peak: 32 << 20 };
            Pulled { used, durable: wall * 1000 + 1000 }
        };
        let rows =
            [("supercargo 1".to_owned(), vec![used(10), used(30), used(20)]), ("crane 2".to_owned(), vec![used(50)])];
        let table = rendered(&rows).unwrap();
        assert_eq!(table[1], ["supercargo 1", "3", "10 / 20 / 30", "1.00", "21", "7", "32.0 / 32.0 / 32.0"]);
        assert_eq!(table[2], ["crane 2", "1", "50 / 50 / 50", "2.50", "51", "7", "32.0 / 32.0 / 32.0"]);
    }
}
