//! What a user asks for.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use oci::{Digest, Platform};
use resolve::bisect::{Ends, Rule};
use serde_json::{Value, json};

/// What the candidates of a search are along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// The versions of an image between two tags.
    Tags,
    /// The digests that one tag has had.
    Digests,
    /// The commits that changed a project's lock; between two files, as [`Axis::Changes`].
    Locks,
    /// The images that differ between two locks.
    Changes,
    /// The layers of two images, and their configurations.
    Layers,
}

impl Axis {
    const ALL: [(Self, &str); 5] = [
        (Self::Tags, "tags"),
        (Self::Digests, "digests"),
        (Self::Locks, "locks"),
        (Self::Changes, "changes"),
        (Self::Layers, "layers"),
    ];

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(axis, _)| *axis == self).map_or("", |(_, word)| word)
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(axis, _)| *axis)
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What the candidates are along.
    pub axis: Axis,
    /// The end that works: a reference, a revision or a lock.
    pub good: Option<String>,
    /// The end that is broken.
    pub bad: Option<String>,
    /// The tag of which the digests are searched.
    pub tag: Option<String>,
    /// The digests that it has had, the oldest first.
    pub digests: Vec<Digest>,
    /// A file with more of them, one a line.
    pub from: Option<PathBuf>,
    /// The platform that is meant where there are several.
    pub platform: Option<Platform>,
}

impl Asked {
    /// Returns the same as text, by which two requests can be compared.
    pub(super) fn text(&self) -> String {
        let document = json!({
            "axis": self.axis.as_str(),
            "good": self.good,
            "bad": self.bad,
            "tag": self.tag,
            "digests": self.digests,
            "from": self.from.as_ref().map(|path| path.to_string_lossy()),
            "platform": self.platform.as_ref().map(Platform::to_string),
        });
        format!("{document}\n")
    }

    /// Reads the platform from what [`Asked::text`] wrote.
    pub(super) fn platform_in(text: &str) -> Option<Platform> {
        let document: Value = serde_json::from_str(text).ok()?;
        document["platform"].as_str()?.parse().ok()
    }
}

/// A search, and how to make it.
#[derive(Clone, Debug)]
pub struct BisectRequest {
    /// What is searched; `None` goes on with the session that is there.
    pub asked: Option<Asked>,
    /// How many tests run at once; without it as many as the session was started with, or one.
    pub jobs: Option<NonZeroUsize>,
    /// How runs become verdicts; without it as the session was started with, or one run each.
    pub repeat: Option<Rule>,
    /// Whether the ends are tested.
    pub ends: Ends,
    /// The command that tests, with its arguments.
    pub command: Vec<String>,
    /// Whether every candidate is brought into an OCI layout for its test, even if neither the command nor a script that it names
    /// speaks of it.
    pub layout: bool,
    /// Whether verdicts of earlier sessions are used, and kept for later ones.
    pub cache: bool,
}
