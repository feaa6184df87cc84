//! The cache of verdicts in a file, to which any number of processes append.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use oci::Digest;
use resolve::bisect::{MAX_LOG_BYTES, Rule, Verdict, VerdictCache};

use super::place::{failed, make};
use crate::error::OpsError;

/// Bytes of lines that later lines have replaced, beyond which the file is written anew.
const STALE_MAX_BYTES: usize = 1 << 20;
/// Most bytes of a file whose content is part of what a command does.
const SCRIPT_MAX_BYTES: u64 = 16 << 20;

/// What is known of a command from earlier sessions.
#[derive(Debug)]
pub(super) struct Verdicts {
    cache: VerdictCache,
    command: Digest,
    /// `None` when nothing is kept.
    file: Option<(File, PathBuf)>,
}

impl Verdicts {
    /// Opens the cache for a command. Without a path nothing is known and nothing is kept.
    pub(super) fn open(path: Option<&Path>, command: Digest) -> Result<Self, OpsError> {
        let Some(path) = path else { return Ok(Self { cache: VerdictCache::default(), command, file: None }) };
        path.parent().map_or(Ok(()), make)?;
        let failed = failed("cannot use", path);
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(&failed)?;
        // Nobody appends while this process looks at the end.
        file.lock().map_err(&failed)?;
        let mut bytes = Vec::new();
        (&mut file).take(MAX_LOG_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(&failed)?;
        let read = VerdictCache::parse(&bytes);
        let cache = match &read {
            Ok(parsed) => parsed.value.clone(),
            // It can be found out again.
            Err(_) => VerdictCache::default(),
        };
        let whole = cache.encode();
        match read {
            Ok(parsed) if bytes.len() < whole.len() + STALE_MAX_BYTES => file.set_len(parsed.intact as u64),
            _ => file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(whole.as_bytes())),
        }
        .and_then(|()| file.unlock())
        .map_err(&failed)?;
        Ok(Self { cache, command, file: Some((file, path.to_owned())) })
    }

    /// Returns the verdict that is known of what a key names.
    pub(super) fn verdict(&self, key: &str, rule: Rule) -> Option<Verdict> {
        self.cache.verdict(key, self.command, rule)
    }

    /// Keeps how a run ended.
    pub(super) fn add(&mut self, key: &str, verdict: Verdict) -> Result<(), OpsError> {
        let Some((file, path)) = &mut self.file else { return Ok(()) };
        let Some(line) = self.cache.add(key, self.command, verdict) else { return Ok(()) };
        let written = file.lock().and_then(|()| file.write_all(line.as_bytes())).and_then(|()| file.unlock());
        written.map_err(failed("cannot write", path))
    }
}

/// Returns what names a command: a digest of its words, and of the content of those that are files.
pub(super) fn command_hash(words: &[String]) -> Digest {
    let mut text = String::new();
    for word in words {
        text.push_str(&Digest::sha256(word.as_bytes()).to_string());
        if let Some(content) = content(Path::new(word)) {
            text.push_str(&Digest::sha256(&content).to_string());
        }
        text.push('\n');
    }
    Digest::sha256(text.as_bytes())
}

/// Tells whether a command, or a script that it names, speaks of the layout of the candidate.
pub(super) fn asks_for_layout(words: &[String]) -> bool {
    let variable = b"SUPERCARGO_LAYOUT";
    let speaks = |text: &[u8]| text.windows(variable.len()).any(|part| part == variable);
    words.iter().any(|word| {
        word.contains("{layout}")
            || speaks(word.as_bytes())
            || content(Path::new(word)).is_some_and(|script| speaks(&script))
    })
}

/// Returns what is in a file that is small enough to be a script.
fn content(path: &Path) -> Option<Vec<u8>> {
    let found = path.metadata().ok()?;
    if !found.is_file() || found.len() > SCRIPT_MAX_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(SCRIPT_MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_changes_is_another_command() {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("test.sh");
        let words = ["sh".to_owned(), script.to_string_lossy().into_owned()];
        let absent = command_hash(&words);
        store::atomic::write(&script, b"true").unwrap();
        let first = command_hash(&words);
        store::atomic::write(&script, b"false").unwrap();
        assert_ne!(absent, first);
        assert_ne!(first, command_hash(&words));
        assert_ne!(command_hash(&["a b".to_owned()]), command_hash(&["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn what_is_known_outlives_the_process_and_half_a_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/verdicts.jsonl");
        let command = command_hash(&["true".to_owned()]);
        let open = || Verdicts::open(Some(&path), command).unwrap();
        open().add("one", Verdict::Bad).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"key\":\"tw").unwrap();
        let mut verdicts = open();
        assert_eq!(verdicts.verdict("one", Rule::ONCE), Some(Verdict::Bad));
        verdicts.add("two", Verdict::Good).unwrap();
        verdicts.add("three", Verdict::Skip).unwrap();
        let verdicts = open();
        assert_eq!(verdicts.verdict("two", Rule::ONCE), Some(Verdict::Good));
        assert_eq!(verdicts.verdict("three", Rule::ONCE), None);
        // Something else in its place is no reason to fail.
        store::atomic::write(&path, b"what?\n").unwrap();
        assert_eq!(open().verdict("one", Rule::ONCE), None);
        open().add("one", Verdict::Good).unwrap();
        assert_eq!(open().verdict("one", Rule::ONCE), Some(Verdict::Good));
    }
}
