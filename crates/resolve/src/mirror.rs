//! Which tags of which repositories are kept in step elsewhere (docs/formats/mirror.md).

use std::collections::BTreeSet;

use oci::limits::TAG_MAX_BYTES;
use oci::{Platform, Reference, RegistryReference, Tag};

use crate::candidates::{Candidate, Candidates};
use crate::document::DocumentError;
use crate::glob;
use crate::project::{Image, Places, Prerelease};
use crate::requirement::{Requirement, RequirementError};
use crate::scheme::Scheme;
use crate::template::Template;

/// Most repositories of a mirror.
pub const RULES_MAX: usize = 4096;

/// What is kept in step with what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorFile {
    /// How often, in seconds; `None` is once.
    pub every: Option<u64>,
    /// The repositories.
    pub rules: Vec<Rule>,
}

/// What of one repository goes where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The repository.
    pub source: RegistryReference,
    /// Where to: without tag and digest.
    pub destination: Reference,
    /// The tags.
    pub wanted: Wanted,
    /// The platforms to which indexes are narrowed; none leaves them whole.
    pub platforms: Vec<Platform>,
    /// Whether what is attached goes with the images.
    pub artifacts: bool,
}

/// Which tags are wanted: versions, and those that are named; all where neither is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The versions.
    pub versions: Option<VersionRule>,
    /// Further tags.
    pub tags: Option<Vec<Glob>>,
    /// Those that are not wanted in any case.
    pub except: Vec<Glob>,
}

/// Which versions are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRule {
    /// What they are, as a project says it.
    pub image: Image,
    /// How many, the newest first.
    pub keep: Option<usize>,
}

impl MirrorFile {
    /// Reads the file.
    ///
    /// # Errors
    /// [`DocumentError`] with the place in the text.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        crate::project::mirror::mirror(text)
    }
}

impl Wanted {
    /// Returns those of a repository's tags that are wanted. All tags should be given; attachments are never among the result.
    pub fn select(&self, tags: &[Tag]) -> BTreeSet<Tag> {
        let named = |globs: &[Glob], tag: &Tag| globs.iter().any(|glob| glob.matches(tag.as_str()));
        let is_allowed = |tag: &Tag| !tag.is_attachment() && !named(&self.except, tag);
        let mut selected = BTreeSet::new();
        match (&self.tags, &self.versions) {
            (None, None) => selected.extend(tags.iter().cloned()),
            (globs, _) => {
                let globs = globs.as_deref().unwrap_or_default();
                selected.extend(tags.iter().filter(|tag| named(globs, tag)).cloned());
            }
        }
        if let Some(rule) = &self.versions {
            selected.extend(rule.select(tags, is_allowed));
        }
        selected.retain(is_allowed);
        selected
    }
}

impl VersionRule {
    /// Returns a rule for the versions `MAJOR.MINOR.PATCH`, perhaps after a `v`, in a range as other tools write it: with spaces
    /// or commas between its parts.
    ///
    /// # Errors
    /// [`RequirementError`], in which places are those of the range after spaces became commas.
    pub fn semver(repository: RegistryReference, range: &str) -> Result<Self, RequirementError> {
        let version = Requirement::parse(&with_commas(range), &Scheme::Semver)?;
        // The template is a constant that can be read; without it the tags of the repository would be asked.
        let template = Template::parse("{v?}{version}").ok();
        let image = Image {
            repository,
            version,
            template,
            scheme: Scheme::Semver,
            axes: std::collections::BTreeMap::new(),
            variant: None,
            follows: None,
            optional: false,
            groups: BTreeSet::new(),
            platforms: None,
            hold: false,
            cooldown: None,
            prerelease: Some(Prerelease::Never),
            places: Places::default(),
        };
        Ok(Self { image, keep: None })
    }

    /// Returns the tags of the versions that are wanted, among those that are allowed.
    pub fn select(&self, tags: &[Tag], is_allowed: impl Fn(&Tag) -> bool) -> Vec<Tag> {
        let candidates = Candidates::of(&self.image, tags);
        let names = |candidate: &Candidate| -> Vec<Tag> {
            candidate.also.iter().chain([&candidate.tag]).filter(|tag| is_allowed(tag)).cloned().collect()
        };
        let wanted: Vec<(&Candidate, Vec<Tag>)> = candidates
            .versions
            .iter()
            .filter(|candidate| self.image.version.matches(&candidate.version))
            .map(|candidate| (candidate, names(candidate)))
            .filter(|(_, names)| !names.is_empty())
            .collect();
        let has_release = wanted.iter().any(|(candidate, _)| !candidate.version.is_prerelease());
        let is_final_enough = |candidate: &Candidate| {
            let is_asked_for = || self.image.version.names_prereleases_of(&candidate.version);
            !candidate.version.is_prerelease()
                || is_asked_for()
                || match self.image.prerelease.unwrap_or_default() {
                    Prerelease::Allow => true,
                    Prerelease::IfNecessary => !has_release,
                    Prerelease::Never => false,
                }
        };
        // The newest are the last.
        let newest = wanted.into_iter().rev().filter(|(candidate, _)| is_final_enough(candidate));
        newest.take(self.keep.unwrap_or(usize::MAX)).flat_map(|(_, names)| names).collect()
    }
}

/// Returns a range of another tool as we write it: `>= 1.2 <2` becomes `>=1.2, <2`, and a version alone, which elsewhere means itself,
/// becomes `=1.2.3`. Whether it is one is not said.
pub fn with_commas(range: &str) -> String {
    let is_operator = |word: &str| word.bytes().all(|byte| matches!(byte, b'<' | b'>' | b'=' | b'^' | b'~' | b'!'));
    let alternative = |text: &str| {
        let mut parts: Vec<String> = Vec::new();
        let mut is_open = false;
        for word in text.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
            match parts.last_mut() {
                Some(part) if is_open => part.push_str(word),
                _ => parts.push(word.to_owned()),
            }
            is_open = is_operator(word);
        }
        for part in
            parts.iter_mut().filter(|part| part.starts_with(|first: char| first.is_ascii_digit() || first == 'v'))
        {
            if part.ends_with(['x', 'X']) {
                part.replace_range(part.len() - 1.., "*");
            } else if !part.ends_with('*') {
                part.insert(0, '=');
            }
        }
        parts.join(", ")
    };
    range.split("||").map(alternative).collect::<Vec<_>>().join(" || ")
}

/// A pattern for tags or repositories, of which `*` and `?` are known alone: `*` stands for any letters, also for the `/` between the parts
/// of a repository's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(glob::Glob);

impl Glob {
    /// Reads a pattern; `None` where no tag can match it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of_parts([text], text)
    }

    /// Reads a pattern for repositories, as in `registry.example/shop/*`; `None` where none can match it.
    pub fn of_repositories(text: &str) -> Option<Self> {
        Self::of_parts(text.split(['/', ':']), text)
    }

    fn of_parts<'a>(parts: impl IntoIterator<Item = &'a str>, text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*' | b'?');
        // As many stars as letters would still be a pattern.
        let is_short = text.len() <= 2 * TAG_MAX_BYTES;
        let is_name = |part: &str| !part.is_empty() && part.bytes().all(is_allowed);
        if !is_short || !parts.into_iter().all(is_name) {
            return None;
        }
        glob::Glob::parse(text).ok().map(Self)
    }

    /// Tells whether all of a tag, or of a repository, matches.
    pub fn matches(&self, text: &str) -> bool {
        self.0.matches(text)
    }
}
