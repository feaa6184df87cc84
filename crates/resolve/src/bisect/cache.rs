//! Verdicts that later sessions need not ask for again. No I/O.

use std::collections::BTreeMap;

use oci::Digest;
use serde::{Deserialize, Serialize};

use super::Verdict;
use super::json_lines::{self, Lines, LogError, Parsed};
use super::repeat::{Rule, Tally};

const SCHEMA: &str = "supercargo.bisect-verdicts.v1";

/// How runs of a command on a candidate ended, by the identity of the candidate and the hash of the command.
///
/// Runs are kept, not verdicts, so that a session which asks for more repetitions than the one before is not given less. Runs
/// that skipped are not kept: what could not be tested today may be there tomorrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerdictCache {
    tallies: BTreeMap<(String, Digest), Tally>,
}

#[derive(Serialize)]
struct Head {
    schema: &'static str,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    command: Digest,
    good: u32,
    bad: u32,
}

impl VerdictCache {
    /// Returns the verdict of the runs that are known, when they are enough for one.
    pub fn verdict(&self, key: &str, command: Digest, rule: Rule) -> Option<Verdict> {
        self.tallies.get(&(key.to_owned(), command)).and_then(|tally| rule.verdict(*tally))
    }

    /// Adds a run. Returns the line to append to the file, which replaces what earlier lines say about the same; `None` for a
    /// run that is not kept.
    pub fn add(&mut self, key: &str, command: Digest, verdict: Verdict) -> Option<String> {
        if verdict == Verdict::Skip {
            return None;
        }
        let tally = self.tallies.entry((key.to_owned(), command)).or_default();
        tally.add(verdict);
        Some(entry(key, command, *tally))
    }

    /// Returns the whole file: one line for everything that is known.
    pub fn encode(&self) -> String {
        let mut text = json_lines::write(&Head { schema: SCHEMA });
        text.extend(self.tallies.iter().map(|((key, command), tally)| entry(key, *command, *tally)));
        text
    }

    /// Reads a file. A torn last line is left out.
    ///
    /// # Errors
    /// When the file is too large, of another schema, or has a line that is not an entry.
    pub fn parse(bytes: &[u8]) -> Result<Parsed<Self>, LogError> {
        let mut tallies = BTreeMap::new();
        let lines = Lines::of(bytes, SCHEMA)?;
        for (number, line) in lines.rest() {
            let Entry { key, command, good, bad } = json_lines::read(line, number)?;
            tallies.insert((key, command), Tally { good, bad, skip: 0 });
        }
        Ok(Parsed { value: Self { tallies }, intact: lines.intact })
    }
}

fn entry(key: &str, command: Digest, tally: Tally) -> String {
    json_lines::write(&Entry { key: key.to_owned(), command, good: tally.good, bad: tally.bad })
}
