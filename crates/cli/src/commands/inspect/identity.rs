//! What is printed of facts: each with who says it.

use oci::Digest;
use ops::inspect::{Evidence, Fact, Source, Statement};
use serde::Serialize;

use crate::printer::Table;

/// Most platforms that are named beside one value.
const PLATFORMS_SHOWN_MAX: usize = 3;

/// Keys that begin so are what everybody expects; others are shown.
const DEFINED_KEYS: &str = "org.opencontainers.image.";

/// A fact. The names of the fields are a public interface.
#[derive(Serialize)]
pub(super) struct FactShape {
    name: &'static str,
    value: String,
    evidence: &'static str,
    disputed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
    statements: Vec<StatementShape>,
}

#[derive(Serialize)]
struct StatementShape {
    value: String,
    agrees: bool,
    sources: Vec<SourceShape>,
}

#[derive(Serialize)]
struct SourceShape {
    evidence: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact: Option<Digest>,
}

impl FactShape {
    pub(super) fn new(fact: &Fact) -> Self {
        let evidence = fact.statements.first().and_then(|first| first.sources.first()).map(|source| source.evidence);
        Self {
            name: fact.name,
            value: fact.value().to_owned(),
            evidence: evidence.map_or("", |evidence| kind(evidence).0),
            disputed: fact.is_disputed(),
            note: fact.note,
            statements: fact.statements.iter().map(StatementShape::new).collect(),
        }
    }
}

impl StatementShape {
    fn new(statement: &Statement) -> Self {
        let source = |source: &Source| SourceShape {
            evidence: kind(source.evidence).0,
            of: kind(source.evidence).1,
            key: source.key.clone(),
            platform: source.platform.as_ref().map(ToString::to_string),
            artifact: source.artifact,
        };
        let Statement { value, agrees, sources } = statement;
        Self { value: value.clone(), agrees: *agrees, sources: sources.iter().map(source).collect() }
    }
}

/// Returns the kind of evidence as it stands in JSON, and whose it is where that can be several things.
pub(super) const fn kind(evidence: Evidence) -> (&'static str, Option<&'static str>) {
    match evidence {
        Evidence::Index => ("annotation", Some("index")),
        Evidence::Manifest => ("annotation", Some("manifest")),
        Evidence::Descriptor => ("annotation", Some("descriptor")),
        Evidence::Label => ("label", None),
        Evidence::Configuration => ("configuration", None),
        Evidence::Tag => ("tag", None),
        Evidence::Registry => ("registry", None),
        Evidence::Artifact => ("artifact", None),
    }
}

/// Returns the evidence in a word, for people: an annotation is known by what it is of.
pub(in crate::commands) const fn word(evidence: Evidence) -> &'static str {
    match kind(evidence) {
        (_, Some(of)) => of,
        (kind, None) => kind,
    }
}

/// Adds the rows of a fact: what counts most and everybody who agrees, then what else is said. `images` is how many images there are.
pub(super) fn rows(table: &mut Table, fact: &Fact, images: usize) {
    let agreeing = fact.statements.iter().filter(|statement| statement.agrees);
    let from = sources(agreeing.flat_map(|statement| &statement.sources), images);
    let note = fact.note.map(|note| format!(" ({note})")).unwrap_or_default();
    table.row([fact.name, &from, &format!("{}{note}", fact.value())]);
    for statement in fact.statements.iter().filter(|statement| !statement.agrees) {
        let from = format!("conflict: {}", sources(&statement.sources, images));
        table.row(["", &from, &statement.value]);
    }
}

/// Names sources, each kind once, and the platforms where not all images say it.
fn sources<'a>(sources: impl IntoIterator<Item = &'a Source>, images: usize) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut platforms: Vec<String> = Vec::new();
    let add = |list: &mut Vec<String>, text: String| {
        if !list.contains(&text) {
            list.push(text);
        }
    };
    for source in sources {
        let word = word(source.evidence);
        let text = match (&source.key, &source.artifact) {
            (Some(key), _) if !key.starts_with(DEFINED_KEYS) => format!("{word} {key}"),
            (_, Some(artifact)) => format!("{word} {}", artifact.short()),
            _ => word.to_owned(),
        };
        add(&mut words, text);
        if let Some(platform) = &source.platform {
            add(&mut platforms, platform.to_string());
        }
    }
    let words = words.join(", ");
    if platforms.is_empty() || platforms.len() >= images { words } else { format!("{words} ({})", some(&platforms)) }
}

/// Names the first platforms, and how many more there are.
pub(super) fn some(platforms: &[String]) -> String {
    let shown = platforms.iter().take(PLATFORMS_SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    match platforms.len().saturating_sub(PLATFORMS_SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
