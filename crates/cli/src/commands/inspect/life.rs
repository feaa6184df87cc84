//! What is printed of the life cycle.

use oci::Digest;
use ops::inspect::{LifeCycle, ReadMark, life};
use serde::Serialize;

use super::identity;
use crate::printer::Table;

/// What was said of an image after it was published. The names of the fields are a public interface.
#[derive(Serialize)]
pub(super) struct LifeCycleShape {
    yanked: bool,
    deprecated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_of_life: Option<String>,
    ended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by: Option<String>,
    /// Whether marks differ about one of these.
    disputed: bool,
    marks: Vec<MarkShape>,
}

#[derive(Serialize)]
struct MarkShape {
    artifact: Digest,
    artifact_type: String,
    subject: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(flatten)]
    content: MarkContent,
}

#[derive(Serialize)]
#[serde(untagged)]
enum MarkContent {
    Read {
        yanked: bool,
        deprecated: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        end_of_life: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        superseded_by: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Unreadable {
        error: String,
    },
}

impl LifeCycleShape {
    pub(super) fn new(life_cycle: &LifeCycle) -> Self {
        let fact = |name: &str| life_cycle.facts.iter().find(|fact| fact.name == name);
        let value = |name: &str| fact(name).map(|fact| fact.value().to_owned());
        Self {
            yanked: fact(life::YANKED).is_some(),
            deprecated: fact(life::DEPRECATED).is_some(),
            end_of_life: value(life::END_OF_LIFE),
            ended: fact(life::END_OF_LIFE).is_some_and(|fact| fact.note == Some(life::ENDED)),
            superseded_by: value(life::SUPERSEDED_BY),
            disputed: life_cycle.facts.iter().any(ops::inspect::Fact::is_disputed),
            marks: life_cycle.marks.iter().map(MarkShape::new).collect(),
        }
    }
}

impl MarkShape {
    fn new(report: &ReadMark) -> Self {
        let content = match &report.mark {
            Ok(mark) => MarkContent::Read {
                yanked: mark.yanked,
                deprecated: mark.deprecated,
                end_of_life: mark.end_of_life.map(|date| date.to_string()),
                superseded_by: mark.superseded_by.as_ref().map(ToString::to_string),
                reason: mark.reason.clone(),
            },
            Err(error) => MarkContent::Unreadable { error: error.clone() },
        };
        Self {
            artifact: report.artifact,
            artifact_type: report.artifact_type.clone(),
            subject: report.subject,
            platform: report.platform.as_ref().map(ToString::to_string),
            created: report.created.clone(),
            content,
        }
    }
}

/// Adds the rows of what marks say. `images` is how many images there are.
pub(super) fn rows(table: &mut Table, life_cycle: &LifeCycle, images: usize) {
    for fact in &life_cycle.facts {
        identity::rows(table, fact, images);
    }
    for report in &life_cycle.marks {
        if let Err(error) = &report.mark {
            table.row(["mark", &format!("artifact {}", report.artifact.short()), &format!("cannot be read: {error}")]);
        }
    }
}
