//! The real server where its disk, its node or its bytes fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use oci::Digest;
use serde_json::{Value, json};
use testkit::peers::{RunningBuckets, RunningPostgres};

use crate::desk::{Desk, Outcome, document};
use crate::served::Served;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn get(served: &Served, content: &str) -> String {
    served.ask(&format!("GET /v2/app/blobs/{}\r\n\r\n", Digest::sha256(content.as_bytes())))
}

fn tag(served: &Served, tag: &str) -> String {
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [], "annotations": { "tag": tag } });
    let (index, path) = (index.to_string(), format!("/v2/app/manifests/{tag}"));
    served.ask(&format!("PUT {path}\r\ncontent-type: {INDEX}\r\ncontent-length: {}\r\n\r\n{index}", index.len()))
}

/// Fails unless this is an error of the server, with a code as clients expect it.
#[track_caller]
fn assert_failed(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 5"), "{answer}");
    assert!(answer.contains(r#"{"errors":[{"code":""#), "{answer}");
}

#[track_caller]
fn assert_starts(answer: &str, start: &str) {
    assert!(answer.starts_with(start), "{}", &answer[..answer.len().min(1000)]);
}

/// Returns the faults that an audit finds, as the command is told where to look.
fn faults(mut audit: Command) -> Value {
    let said = Outcome::of(audit.output().unwrap());
    assert!(said.code == 0 || said.code == 6, "{}", said.stderr);
    document(&said.stdout)["faults"].clone()
}

#[test]
fn a_flipped_bit_is_found_never_served_and_healed_by_a_push() {
    let desk = Desk::new();
    desk.write("serve.toml", "root = \"registry\"\nscrub.period = \"1s\"\n");
    let arguments = ["--config", "serve.toml"];
    let mut served = Served::with(&desk, &arguments, &[]);
    assert_starts(&served.put("content"), "HTTP/1.1 201 ");
    assert!(get(&served, "content").ends_with("content"));
    let file = files(&desk.path("registry/blobs")).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[3] ^= 4;
    fs::write(&file, bytes).unwrap();
    let digest = Digest::sha256(b"content");
    let said = served.hear(&digest.to_string());
    assert!(said.contains("it is not served until it is pushed again"), "{said}");
    assert_starts(&get(&served, "content"), "HTTP/1.1 404 ");
    let audit = || desk.command(&["--format", "json", "serve", "audit", "--config", "serve.toml"]);
    assert_eq!(faults(audit()), json!([{ "fault": "bad-bytes", "count": 1, "first": [digest] }]));
    assert_starts(&served.put("content"), "HTTP/1.1 201 ");
    assert!(get(&served, "content").ends_with("content"));
    assert_eq!(faults(audit()), json!([]));
    served.terminate();
    let again = Served::with(&desk, &arguments, &[]);
    assert!(get(&again, "content").ends_with("content"));
    // The bad bytes go.
    while files(&desk.path("registry/blobs")).len() > 1 {
        std::thread::sleep(Duration::from_millis(20));
    }
    again.terminate();
}

/// Returns the path that an answer leads to.
fn location(answer: &str) -> String {
    let line = answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_else(|| panic!("{answer}"));
    line[line.find("/v2/").unwrap()..].to_owned()
}

#[test]
fn an_upload_whose_node_is_killed_is_finished_on_another() {
    let (Some(postgres), Some(buckets)) = (RunningPostgres::start(), RunningBuckets::start()) else { return };
    postgres.run("CREATE SCHEMA node");
    buckets.make("images");
    let desk = Desk::new();
    desk.write("secret", RunningBuckets::SECRET_KEY);
    desk.write("access", RunningBuckets::ACCESS_KEY);
    let places = format!(
        "[database]\nurl = \"{}\"\n[blobs]\nurl = \"s3://images\"\nendpoint = \"{}\"\n\
         access-key-file = \"access\"\nsecret-key-file = \"secret\"\n",
        postgres.url("node"),
        buckets.endpoint()
    );
    desk.write("serve.toml", &places);
    let node = || Served::with(&desk, &["--config", "serve.toml"], &[]);
    let (one, other) = (node(), node());
    // More than a part of a bucket's uploads, and some more.
    let content = "0123456789abcdef".repeat(400_000);
    let (first, rest) = content.split_at(content.len() - 300_000);
    let begin = || one.ask("POST /v2/app/blobs/uploads/\r\ncontent-length: 0\r\n\r\n");
    let patch = |served: &Served, path: &str, from: usize, piece: &str| {
        let range = format!("{from}-{}", from + piece.len() - 1);
        let head = format!("content-range: {range}\r\ncontent-length: {}", piece.len());
        served.ask(&format!("PATCH {path}\r\n{head}\r\n\r\n{piece}"))
    };
    let whole = location(&begin());
    assert_starts(&patch(&one, &whole, 0, first), "HTTP/1.1 202 ");
    // Another is in the midst of a request when the node ends.
    let half = location(&begin());
    assert_starts(&patch(&one, &half, 0, "half"), "HTTP/1.1 202 ");
    let mut stream = std::net::TcpStream::connect(one.address).unwrap();
    let head = "content-range: 4-1000003\r\ncontent-length: 1000000\r\nhost: x";
    std::io::Write::write_all(&mut stream, format!("PATCH {half} HTTP/1.1\r\n{head}\r\n\r\nmore").as_bytes()).unwrap();
    while postgres.run("SELECT count(taken_at) FROM node.upload") != "1" {
        std::thread::sleep(Duration::from_millis(5));
    }
    one.kill();

    let status = other.ask(&format!("GET {whole}\r\n\r\n"));
    assert!(status.contains(&format!("range: 0-{}", first.len() - 1)), "{status}");
    assert_starts(&patch(&other, &whole, first.len(), rest), "HTTP/1.1 202 ");
    let digest = Digest::sha256(content.as_bytes());
    let put = other.ask(&format!("PUT {whole}?digest={digest}\r\ncontent-length: 0\r\n\r\n"));
    assert_starts(&put, "HTTP/1.1 201 ");
    assert!(get(&other, &content).ends_with(&content));

    // What the killed node was writing to is known as far as it was acknowledged, and nobody mixes bytes into it.
    let status = other.ask(&format!("GET {half}\r\n\r\n"));
    assert!(status.contains("range: 0-3"), "{status}");
    assert_starts(&patch(&other, &half, 4, "more"), "HTTP/1.1 416 ");
    assert_starts(&other.ask(&format!("DELETE {half}\r\n\r\n")), "HTTP/1.1 204 ");
    assert_starts(&other.put("halfmore"), "HTTP/1.1 201 ");
    other.terminate();
    assert_eq!(faults(desk.command(&["--format", "json", "serve", "audit", "--config", "serve.toml"])), json!([]));
    let objects = buckets.objects("images");
    assert!(!objects.iter().any(|name| name.starts_with("uploads/")), "{objects:?}");
}

/// A server on a file system of its own in memory, which nobody else sees.
struct Disk {
    served: Served,
    /// Where others see the directory of the server.
    root: PathBuf,
}

/// Returns how a command is run that may mount; `None` when this machine lets nobody, which has been said.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn unshare() -> Option<Vec<&'static str>> {
    for flags in ["-m", "-Urm"] {
        if Command::new("unshare").args([flags, "true"]).output().is_ok_and(|output| output.status.success()) {
            return Some(vec!["unshare", flags]);
        }
    }
    println!("skipped: this machine lets nobody make name spaces for mounts");
    None
}

impl Disk {
    fn command(desk: &Desk, options: &str) -> Option<Command> {
        let prefix = unshare()?;
        let root = desk.path("registry");
        fs::create_dir_all(&root).unwrap();
        let plain = desk.command(&[]);
        let mut command = Command::new(prefix[0]);
        let script = r#"mount -t tmpfs -o "$1" none "$2" && exec "$3" serve --config serve.toml"#;
        command.args([prefix[1], "sh", "-c", script, "sh", options]).arg(root).arg(plain.get_program());
        command.current_dir(desk.path("")).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", desk.path("home"));
        Some(command)
    }

    fn start(desk: &Desk, options: &str) -> Option<Self> {
        let served = Served::run(Self::command(desk, options)?);
        let inside = PathBuf::from(format!("/proc/{}/root", served.process()));
        let root = inside.join(desk.path("registry").strip_prefix("/").unwrap());
        Some(Self { served, root })
    }

    /// Returns a command that begins where the file system is seen: the words of one are to follow.
    fn inside(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.served.process().to_string(), "-m"]);
        if unshare() != Some(vec!["unshare", "-m"]) {
            command.args(["-U", "--preserve-credentials"]);
        }
        command
    }

    /// Mounts the file system anew, as these words say.
    fn remount(&self, desk: &Desk, options: &str) {
        let mounted = self.inside().args(["mount", "-o", options]).arg(desk.path("registry")).output().unwrap();
        assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
    }

    fn faults(&self, desk: &Desk) -> Value {
        let mut audit = self.inside();
        audit.arg(desk.command(&[]).get_program()).args(["--format", "json", "serve", "audit", "--config"]);
        audit.arg(desk.path("serve.toml")).env("HOME", desk.path("home"));
        faults(audit)
    }
}

#[test]
fn a_full_disk_fails_pushes_and_nothing_else() {
    let desk = Desk::new();
    desk.write("serve.toml", "root = \"registry\"\n[collect]\nlease = \"1s\"\nuntagged = \"1s\"\nperiod = \"1s\"\n");
    let Some(small) = Disk::start(&desk, "size=12m") else { return };
    let served = &small.served;
    assert_starts(&served.put("before"), "HTTP/1.1 201 ");
    assert_starts(&tag(served, "v1"), "HTTP/1.1 201 ");
    // One blob is more than there is room for.
    let large = "x".repeat(16 << 20);
    assert_failed(&served.put(&large));
    assert_starts(&tag(served, "v2"), "HTTP/1.1 201 ");
    // Now there is no room for anything.
    let filler = fs::File::create(small.root.join("filler")).unwrap();
    let page = vec![0; 4096];
    let mut written = 0;
    while std::os::unix::fs::FileExt::write_at(&filler, &page, written).is_ok() {
        written += 4096;
    }
    let mut failed = Vec::new();
    for number in 0..20 {
        let content = format!("number {number} {}", "y".repeat(5000));
        let put = served.put(&content);
        // What had room in what was there before is as durable as ever.
        if put.starts_with("HTTP/1.1 201 ") {
            assert!(get(served, &content).ends_with(&content));
        } else {
            assert_failed(&put);
            assert_starts(&get(served, &content), "HTTP/1.1 404 ");
            failed.push(content);
        }
    }
    assert!(!failed.is_empty());
    assert_starts(&served.ask("GET /v2/app/manifests/v1\r\n\r\n"), "HTTP/1.1 200 ");
    assert_starts(&served.ask("GET /v2/app/tags/list\r\n\r\n"), "HTTP/1.1 200 ");
    // An open file keeps its room.
    drop(filler);
    fs::remove_file(small.root.join("filler")).unwrap();
    for content in &failed {
        assert_starts(&served.put(content), "HTTP/1.1 201 ");
        assert!(get(served, content).ends_with(content));
    }
    assert_starts(&tag(served, "v3"), "HTTP/1.1 201 ");
    // Bytes that nobody names count when they are older than a lease.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(small.faults(&desk), json!([]));
    assert!(files(&small.root.join("uploads")).is_empty());
    let said = small.served.terminate();
    assert!(said.contains("No space left on device") || said.contains("full"), "{said}");
}

#[test]
fn a_disk_that_became_read_only_fails_pushes_and_nothing_else() {
    let Some(postgres) = RunningPostgres::start() else { return };
    postgres.run("CREATE SCHEMA node");
    let desk = Desk::new();
    desk.write("serve.toml", &format!("root = \"registry\"\ndatabase.url = \"{}\"\n", postgres.url("node")));
    let Some(small) = Disk::start(&desk, "size=12m") else { return };
    let served = &small.served;
    assert_starts(&served.put("before"), "HTTP/1.1 201 ");
    // The journal is written at its leisure, and while a file is open to be written to nothing becomes read-only.
    while files(&small.root.join("journal")).is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    small.remount(&desk, "remount,ro");
    assert_failed(&served.put("after"));
    assert!(get(served, "before").ends_with("before"));
    assert_starts(&get(served, "after"), "HTTP/1.1 404 ");
    small.remount(&desk, "remount,rw");
    assert_starts(&served.put("after"), "HTTP/1.1 201 ");
    assert!(get(served, "after").ends_with("after"));
    assert_eq!(small.faults(&desk), json!([]));
    let said = small.served.terminate();
    assert!(said.contains("Read-only file system"), "{said}");
}

#[test]
fn a_disk_that_is_read_only_at_the_start_is_told() {
    let desk = Desk::new();
    desk.write("serve.toml", "root = \"registry\"\n");
    let Some(mut command) = Disk::command(&desk, "ro") else { return };
    command.env("SUPERCARGO_SERVE_LISTEN", "127.0.0.1:0");
    let said = Outcome::of(command.output().unwrap());
    assert_eq!(said.code, 10, "{}", said.stderr);
    assert!(said.stderr.contains("Read-only file system"), "{}", said.stderr);
}
