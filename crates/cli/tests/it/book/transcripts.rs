//! The transcripts of the book are played again, page by page: each page has a registry and a directory of its own.
//!
//! What a page needs stands in comments that readers do not see:
//!
//! | comment | does |
//! |---|---|
//! | `<!-- registry: REPO TAG[,TAG] DAY [BYTES] -->` | publishes a release for two platforms, with an SBOM; BYTES: of one more layer |
//! | `<!-- write: FILE -->` | writes the block of code below into a file |
//! | `<!-- digests: vary -->` | lets the digests of the block below be others: they are made of what names the registry |

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::page::{comment, page, pages, text_of};
use crate::desk::Desk;
use crate::project::without_digests;
use crate::releases::{publish_larger, release};
use crate::server::Server;

/// How the registry is called in the book.
const SHOWN: &str = "127.0.0.1:50000";

struct Replay {
    desk: Desk,
    server: Server,
}

impl Replay {
    /// Returns a page with the output that its commands have.
    fn page(&self, text: &str) -> String {
        let mut lines = text.lines();
        let mut replayed: Vec<String> = Vec::new();
        let (mut file, mut digests_vary) = (None, false);
        while let Some(line) = lines.next() {
            replayed.push(format!("{line}\n"));
            if let Some(language) = line.strip_prefix("```") {
                let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
                let text = text_of(block.iter().copied());
                if let Some(file) = file.take() {
                    if let Some(directory) = self.desk.path(file).parent() {
                        std::fs::create_dir_all(directory).unwrap();
                    }
                    self.desk.write(file, &self.typed(&text));
                }
                let is_session = language == "console";
                replayed.push(if is_session { self.session(&block, digests_vary) } else { text });
                digests_vary = false;
                replayed.push("```\n".to_owned());
            }
            match comment(line).and_then(|comment| comment.split_once(": ")) {
                Some(("registry", release)) => self.publish(release),
                Some(("write", name)) => file = Some(name),
                Some(("digests", "vary")) => digests_vary = true,
                _ => {}
            }
        }
        replayed.concat()
    }

    fn publish(&self, told: &str) {
        let words: Vec<&str> = told.split(' ').collect();
        let [repository, tags, day, ref more @ ..] = words[..] else { panic!("{told}") };
        let tags: Vec<&str> = tags.split(',').collect();
        let more_bytes = more.first().map(|bytes| bytes.parse().unwrap());
        // On a desk of its own: what is asked here is not what the page has seen.
        publish_larger(&Desk::new(), &self.server, repository, &[release(day, &tags)], more_bytes);
    }

    /// Returns a block with the output of its commands. What differs from the old one only in the ages of images, or in digests that
    /// vary, stays.
    fn session(&self, block: &[&str], digests_vary: bool) -> String {
        let is_command = |line: &&str| line.starts_with("$ ");
        let commands = block.iter().enumerate().filter(|(_, line)| is_command(line));
        let shown = commands.flat_map(|(place, line)| {
            let old = text_of(block[place + 1..].iter().take_while(|line| !is_command(line)).copied());
            let new = self.run(&line[2..]);
            let is_same = without_ages(&new) == without_ages(&old)
                || digests_vary && without_digests(&new) == without_digests(&old);
            [text_of([*line]), if is_same { old } else { new }]
        });
        shown.collect()
    }

    fn run(&self, line: &str) -> String {
        let words = words(&self.typed(line));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let read = |name: &str| std::fs::read_to_string(self.desk.path(name)).unwrap();
        let output = match words[..] {
            ["supercargo", ref arguments @ ..] => self.supercargo(arguments, None),
            [set, "supercargo", ref arguments @ ..] if set.contains('=') => {
                self.supercargo(arguments, set.split_once('='))
            }
            ["cat", name] => read(name),
            ["head", "-n", count, name] => text_of(read(name).lines().take(count.parse().unwrap())),
            ["cp", from, to] => {
                std::fs::copy(self.desk.path(from), self.desk.path(to)).unwrap();
                String::new()
            }
            _ => panic!("a transcript cannot run: {line}"),
        };
        output.replace(&self.server.host(), SHOWN)
    }

    /// Runs the binary. Result and notes come as they would on a terminal: in the order in which they are written.
    fn supercargo(&self, arguments: &[&str], variable: Option<(&str, &str)>) -> String {
        let output = tempfile::NamedTempFile::new().unwrap();
        let file: &File = output.as_file();
        let mut command = self.desk.command(arguments);
        command.envs(variable);
        command.env("SUPERCARGO_PROGRESS", "none").stdout(file.try_clone().unwrap()).stderr(file.try_clone().unwrap());
        let code = command.status().unwrap().code().unwrap();
        let mut text = String::new();
        output.reopen().unwrap().read_to_string(&mut text).unwrap();
        if code != 0 {
            text.push_str(&text_of([format!("[exit code {code}]").as_str()]));
        }
        text
    }

    /// Returns what stands in the book with the registry's real address.
    fn typed(&self, text: &str) -> String {
        text.replace(SHOWN, &self.server.host())
    }
}

/// Splits a command line at spaces that are not between single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words
}

fn without_ages(text: &str) -> String {
    let is_age = |word: &str| word.strip_suffix('d').is_some_and(|days| days.parse::<u32>().is_ok());
    let line = |line: &str| {
        if !line.split_whitespace().any(is_age) {
            return line.to_owned();
        }
        line.split_whitespace().map(|word| if is_age(word) { "#d" } else { word }).collect::<Vec<_>>().join(" ")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_transcript_is_what_the_program_prints() {
    let mut different = Vec::new();
    let mut count = 0;
    for page in pages() {
        if !page.text.contains("```console\n") {
            continue;
        }
        count += 1;
        let replay = Replay { desk: Desk::new(), server: Server::new() };
        let replayed = replay.page(&page.text);
        if replayed != page.text {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&page.name);
            std::fs::write(&path, replayed).unwrap();
            different.push(format!("{}: as it should be, it is in {}", page.name, path.display()));
        }
    }
    assert!(count >= 2, "{count} pages with transcripts");
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn what_begins_the_book_is_there() {
    let text = page("getting-started.md").text;
    for command in ["init", "add", "lock", "outdated", "update", "why", "copy"] {
        assert!(text.contains(&format!("\n$ supercargo {command}")), "{command}");
    }
}
