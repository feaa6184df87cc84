//! The plan as a document: what `gc plan` writes, and what `gc apply --plan` reads.
//!
//! The names of the fields are a public interface.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use graph::RemovalPlan;
use graph::collect::removal::{Reason, Removal, Section};
use oci::{Digest, Tag};
use resolve::retention::{Pattern, Rules, Verdict};
use serde::{Deserialize, Serialize};
use store::layout::Holdings;

use super::Dates;
use crate::error::OpsError;

/// Largest plan that is read, in bytes.
pub const PLAN_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The schema of a plan.
const SCHEMA: &str = "supercargo.gc.v1";

/// What goes, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDocument {
    /// Where it was made for.
    pub place: String,
    /// The rules it was made by.
    pub rules: RulesShape,
    /// Number of bytes that become free in all sections.
    pub bytes: u64,
    /// What tags and referrers lead to: the same wherever the graph lies.
    pub reachable: SectionShape,
    /// Fallback tags and what only they lead to, where a store keeps lists of referrers in such tags.
    pub lists: SectionShape,
    /// What nothing leads to, where a store can list that.
    pub unreachable: SectionShape,
    /// The names that stay.
    pub kept: Vec<KeptTag>,
}

/// The rules of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesShape {
    /// How many of the newest stay.
    pub keep: Option<usize>,
    /// Patterns of tags that stay.
    pub keep_tags: Vec<String>,
    /// Patterns of tags that go.
    pub delete_tags: Vec<String>,
    /// How old they have to be.
    pub older_than: Option<String>,
}

/// One part of what goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionShape {
    /// Number of bytes that become free.
    pub bytes: u64,
    /// Number of bytes that what goes shares with what stays.
    pub shared_bytes: u64,
    /// Tags.
    pub tags: Vec<TagShape>,
    /// Manifests, in the order in which they are removed.
    pub manifests: Vec<RemovalShape>,
    /// Blobs.
    pub blobs: Vec<RemovalShape>,
}

/// A tag that goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagShape {
    /// The tag.
    pub tag: Tag,
    /// What it names.
    pub digest: Digest,
    /// When its image was made, where that counted.
    pub created: Option<String>,
    /// Why it goes.
    pub reason: String,
    /// Whether what it names stays.
    pub manifest_stays: bool,
}

/// A manifest or a blob that goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalShape {
    /// Its content.
    pub digest: Digest,
    /// The type of a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Size in bytes.
    pub size: u64,
    /// Why it goes.
    pub reason: String,
}

/// A name that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTag {
    /// The tag.
    pub tag: Tag,
    /// What it names.
    pub digest: Digest,
    /// When its image was made, where that counted.
    pub created: Option<String>,
    /// Why it stays.
    pub reason: String,
}

impl PlanDocument {
    pub(super) fn new(
        place: &str,
        rules: &Rules,
        held: &Holdings,
        plan: &RemovalPlan,
        verdicts: &BTreeMap<Tag, Verdict>,
        dates: &Dates,
    ) -> Self {
        let created = |tag: &Tag| dates.get(tag).copied().flatten().map(|date| date.to_string());
        let by_rule = rule(rules);
        let section = |section: &Section, shared_bytes| SectionShape {
            bytes: section.bytes(),
            shared_bytes,
            tags: section
                .tags
                .iter()
                .map(|removal| TagShape {
                    tag: removal.tag.clone(),
                    digest: removal.digest,
                    created: created(&removal.tag),
                    reason: told(&removal.reason, &by_rule),
                    manifest_stays: removal.manifest_stays,
                })
                .collect(),
            manifests: section.manifests.iter().map(|removal| RemovalShape::new(removal, &by_rule)).collect(),
            blobs: section.blobs.iter().map(|removal| RemovalShape::new(removal, &by_rule)).collect(),
        };
        let stays = verdicts.iter().filter(|(_, verdict)| **verdict != Verdict::Goes);
        let kept = stays.filter_map(|(tag, verdict)| {
            let digest = *held.inventory.tags.get(tag)?;
            Some(KeptTag { tag: tag.clone(), digest, created: created(tag), reason: verdict_told(*verdict).to_owned() })
        });
        let [reachable, lists, unreachable] = plan.sections();
        Self {
            place: place.to_owned(),
            rules: RulesShape {
                keep: rules.keep,
                keep_tags: texts(&rules.keep_tags),
                delete_tags: texts(&rules.delete),
                older_than: rules.older_than.map(|age| age.to_string()),
            },
            bytes: plan.sections().iter().fold(0, |sum, section| sum.saturating_add(section.bytes())),
            reachable: section(reachable, plan.shared_bytes),
            lists: section(lists, 0),
            unreachable: section(unreachable, 0),
            kept: kept.collect(),
        }
    }

    /// Returns the sections in the order in which they are told.
    pub const fn sections(&self) -> [&SectionShape; 3] {
        [&self.reachable, &self.lists, &self.unreachable]
    }
}

impl RemovalShape {
    fn new(removal: &Removal, by_rule: &str) -> Self {
        Self {
            digest: removal.digest,
            media_type: removal.media_type.as_ref().map(ToString::to_string),
            size: removal.size,
            reason: told(&removal.reason, by_rule),
        }
    }
}

fn texts(patterns: &[Pattern]) -> Vec<String> {
    patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect()
}

/// Says in words what made a tag go: all rules that are given agree on it.
fn rule(rules: &Rules) -> String {
    let matches = (!rules.delete.is_empty()).then(|| "it matches --delete-tag".to_owned());
    let newest = rules.keep.map(|keep| format!("it is not among the {keep} newest"));
    let old = rules.older_than.map(|age| format!("it is older than {age}"));
    let reasons: Vec<String> = [matches, newest, old].into_iter().flatten().collect();
    reasons.join(", and ")
}

fn told(reason: &Reason, by_rule: &str) -> String {
    match reason {
        Reason::Rule => by_rule.to_owned(),
        Reason::Untagged(tag) => format!("named by {tag}, which goes"),
        Reason::PartOf(digest) => format!("part of {digest}, which goes"),
        Reason::About(digest) => format!("about {digest}, which goes"),
        Reason::SubjectGone(digest) => format!("about {digest}, which is not there"),
        Reason::List(tag) => format!("the list of referrers that {tag} names"),
        Reason::Unneeded => "nothing needs it".to_owned(),
    }
}

const fn verdict_told(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Goes => "it goes",
        Verdict::NoRule => "no rule takes tags away",
        Verdict::Kept => "it matches --keep-tag",
        Verdict::Unmatched => "it does not match --delete-tag",
        Verdict::Newest => "it is among the newest",
        Verdict::Young => "it is not old enough",
        Verdict::Undated => "nothing says when it was made",
    }
}

/// Reads a plan that was written before.
///
/// # Errors
/// [`OpsError::File`] when it cannot be read, [`OpsError::Usage`] when it is no plan.
pub fn read_plan(path: &Path) -> Result<PlanDocument, OpsError> {
    #[derive(Deserialize)]
    struct Envelope {
        schema: String,
        #[serde(flatten)]
        plan: PlanDocument,
    }
    let failed = |source| OpsError::File { action: "cannot read", path: path.to_owned(), source };
    let no_plan = |reason: String| {
        let reason = oci::text::printable(&reason).into_owned();
        let help = "supercargo gc plan WHERE --format json > plan.json".to_owned();
        OpsError::usage(format!("{} is no plan: {reason}", path.display()), help)
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(PLAN_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > PLAN_MAX_BYTES {
        return Err(no_plan(format!("it has more than {PLAN_MAX_BYTES} bytes")));
    }
    let Envelope { schema, plan } = serde_json::from_slice(&bytes).map_err(|error| no_plan(error.to_string()))?;
    if schema != SCHEMA {
        return Err(no_plan(format!("its schema is `{schema}` and not `{SCHEMA}`")));
    }
    Ok(plan)
}
