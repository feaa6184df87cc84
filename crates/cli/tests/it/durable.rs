//! In which order a server asks the kernel to make a push durable. A loss of power takes what was not synced; so what is acknowledged
//! has to be synced before, file and name.

use std::collections::HashMap;
use std::process::Command;

use crate::desk::Desk;
use crate::served::Served;

/// A system call: what it was, and the lines of the record between which it ran.
struct Call {
    text: String,
    first: usize,
    ended: usize,
}

/// Returns the calls of a record of `strace -f`. One that another thread comes between stands in two lines.
fn calls(record: &str) -> Vec<Call> {
    let mut open: HashMap<&str, (usize, String)> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in record.lines().enumerate() {
        let Some((process, text)) = line.split_once(' ') else { continue };
        let text = text.trim_start();
        if let Some(begin) = text.strip_suffix(" <unfinished ...>") {
            open.insert(process, (number, begin.to_owned()));
        } else if let Some((_, end)) = text.strip_prefix("<... ").and_then(|text| text.split_once("resumed>")) {
            let (first, begin) = open.remove(process).unwrap_or((number, String::new()));
            calls.push(Call { text: begin + end, first, ended: number });
        } else {
            calls.push(Call { text: text.to_owned(), first: number, ended: number });
        }
    }
    calls
}

/// Fails unless calls with these words, that succeeded, came one after the other, the last of all as stated.
fn assert_order(calls: &[Call], steps: &[&[&str]], before: &str) -> usize {
    let answered = calls.iter().find(|call| call.text.contains(before)).unwrap_or_else(|| panic!("no {before}"));
    let mut after = 0;
    for words in steps {
        let is_it = |call: &&Call| {
            call.first >= after && words.iter().all(|word| call.text.contains(word)) && !call.text.contains("= -1")
        };
        let step = calls.iter().find(is_it).unwrap_or_else(|| panic!("{words:?} does not come after line {after}"));
        assert!(step.ended < answered.first, "{words:?} ended after the answer first: {}", step.text);
        after = step.ended + 1;
    }
    answered.ended
}

#[test]
fn a_push_is_durable_before_it_is_acknowledged() {
    if !Command::new("strace").arg("-V").output().is_ok_and(|output| output.status.success()) {
        println!("skipped: this machine has no strace");
        return;
    }
    let desk = Desk::new();
    let plain = desk.command(&["serve"]);
    let mut command = Command::new("strace");
    // `-D`: the server is the process that is started, and strace its grandchild.
    command.args(["-D", "-f", "-y", "-s", "64", "-o", "record"]);
    command.args(["-e", "trace=fsync,fdatasync,rename,renameat,renameat2,write,writev,sendto,sendmsg"]);
    command.arg(plain.get_program()).arg("serve").current_dir(desk.path("")).env_clear();
    command.env("PATH", "/usr/bin:/bin").env("SUPERCARGO_SERVE_ROOT", desk.path("registry"));
    // What the background writes would only be in the way.
    command.env("HOME", desk.path("home"));
    let served = Served::run(command);
    let put = served.put("content");
    assert!(put.starts_with("HTTP/1.1 201 "), "{put}");
    let manifest = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let kind = "content-type: application/vnd.oci.image.index.v1+json";
    let length = manifest.len();
    let put = served.ask(&format!("PUT /v2/app/manifests/v1\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{manifest}"));
    assert!(put.starts_with("HTTP/1.1 201 "), "{put}");
    served.terminate();
    // strace writes until it has seen the end.
    let mut record = String::new();
    while !record.contains("+++ exited with 0 +++") {
        std::thread::sleep(std::time::Duration::from_millis(20));
        record = String::from_utf8_lossy(&std::fs::read(desk.path("record")).unwrap()).into_owned();
    }
    let calls = calls(&record);
    let blob: [&[&str]; 4] = [
        &["sync(", "/uploads/"],
        &["rename", "/uploads/", "/blobs/sha256/"],
        &["fsync(", "/blobs/sha256/"],
        &["sync(", "/metadata.db"],
    ];
    let answered = assert_order(&calls, &blob, "HTTP/1.1 201");
    let later: Vec<Call> = calls.into_iter().filter(|call| call.first > answered).collect();
    assert_order(&later, &[&["sync(", "/metadata.db"]], "HTTP/1.1 201");
}
