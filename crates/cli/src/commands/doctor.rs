//! `doctor`

use anyhow::Result;
use clap::Args;
use ops::doctor::{Ability, Check, Examination, Found, Patient};
use serde::Serialize;

use crate::printer::{Document, Table, Text};
use crate::session::Session;

/// Characters of a digest that are shown for people.
const SHOWN_DIGITS: usize = 12;

/// Show what a registry does and does not do
///
/// It is asked, in one of its repositories, for what is there and for what is not. What differs from the specification, or is left
/// open by it, is a quirk with a name; for each it is said what that means here. What was seen is kept for a week and used by every
/// command; with --offline it is shown again.
///
/// Example: supercargo doctor registry.example/team/app --write
#[derive(Args, Debug)]
pub(crate) struct DoctorArguments {
    /// The registry, a repository in it, or an image
    #[arg(value_name = "HOST[/REPO[:TAG]]")]
    place: Patient,

    /// Look at uploads, tags and deletions as well: writes to the repository, and removes that again
    #[arg(long)]
    write: bool,
}

impl DoctorArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let examined = ops::doctor::doctor(&session.context, &self.place, self.write).await?;
        session.print(&DoctorDocument::new(&self.place, examined))
    }
}

/// What a registry does and does not do. The names of the fields are a public interface.
#[derive(Serialize)]
struct DoctorDocument {
    host: String,
    repository: Option<String>,
    checks: Vec<CheckShape>,
    quirks: Vec<QuirkShape>,
    /// What was made and could not be removed again.
    left: Vec<String>,
}

#[derive(Clone, Serialize)]
struct CheckShape {
    ability: Ability,
    /// `standard`, `quirk` or `unknown`.
    state: &'static str,
    quirk: Option<&'static str>,
    evidence: String,
    /// When it was seen.
    at: Option<String>,
    #[serde(skip)]
    title: &'static str,
}

#[derive(Clone, Serialize)]
struct QuirkShape {
    name: &'static str,
    says: &'static str,
    effect: &'static str,
    evidence: String,
}

impl DoctorDocument {
    fn new(place: &Patient, examined: Examination) -> Self {
        let quirks = examined.profile.quirks().map(|(quirk, check)| QuirkShape {
            name: quirk.name(),
            says: quirk.says(),
            effect: quirk.effect(),
            evidence: check.evidence.clone(),
        });
        Self {
            host: place.host.to_string(),
            repository: examined.repository.map(|repository| repository.to_string()),
            quirks: quirks.collect(),
            checks: examined.profile.checks.iter().map(|(&ability, check)| CheckShape::new(ability, check)).collect(),
            left: examined.left,
        }
    }
}

impl CheckShape {
    fn new(ability: Ability, check: &Check) -> Self {
        let (state, quirk) = match check.found {
            Found::Standard => ("standard", None),
            Found::Quirk(quirk) => ("quirk", Some(quirk.name())),
            Found::Unknown => ("unknown", None),
        };
        let at = check.at().map(|at| at.to_string());
        Self { ability, state, quirk, evidence: check.evidence.clone(), at, title: ability.title() }
    }
}

/// Returns a text with the beginnings of the digests in it.
fn short(evidence: &str) -> String {
    let word = |word: &str| match word.rsplit_once(':') {
        Some((_, encoded)) if encoded.len() >= 64 && encoded.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("{}…", &word[..word.len() - encoded.len() + SHOWN_DIGITS])
        }
        _ => word.to_owned(),
    };
    evidence
        .split_inclusive([' ', '?', '&', ','])
        .map(|part| {
            let end = part.trim_end_matches([' ', '?', '&', ',']);
            word(end) + &part[end.len()..]
        })
        .collect()
}

impl Document for DoctorDocument {
    fn command(&self) -> &'static str {
        "doctor"
    }

    fn text(&self, text: &mut Text) {
        match &self.repository {
            Some(repository) => text.line(format_args!("{}/{repository}", self.host)),
            None => text.line(format_args!("{}", self.host)),
        }
        let mut table = Table::new(&[]);
        for check in &self.checks {
            let state = match (check.state, check.quirk) {
                ("standard", _) if !check.ability.has_quirks() => "",
                ("standard", _) => "as specified",
                (_, Some(quirk)) => quirk,
                _ => "not known",
            };
            table.row(["", check.title, state, &short(&check.evidence)]);
        }
        text.table(&table);
        for quirk in &self.quirks {
            text.gap();
            text.line(format_args!("{}: it {}", quirk.name, quirk.says));
            text.line(format_args!("  here: {}", quirk.effect));
        }
        if !self.left.is_empty() {
            text.gap();
            text.line(format_args!("it did not let these be removed again: {}", self.left.join(", ")));
        }
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.checks.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn digests_are_shortened_and_nothing_else_is() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        let evidence = format!("GET referrers/{digest}?artifactType=a answered 404: X, PUT manifests/1.0:2");
        assert_eq!(
            short(&evidence),
            "GET referrers/sha256:0123456789ab…?artifactType=a answered 404: X, PUT manifests/1.0:2"
        );
    }
}
