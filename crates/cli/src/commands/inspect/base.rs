//! What is printed of the base: what is claimed, and what the layers show.

use oci::{Digest, RegistryReference};
use ops::inspect::{BaseClaim, BaseProof, BaseReport, ImageSheet, KnownImage, Match, Verdict};
use serde::Serialize;

use super::identity;
use crate::printer::Table;

/// The base of an image. The names of the fields are a public interface.
#[derive(Clone, Serialize)]
pub(in crate::commands) struct BaseShape {
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<ClaimShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<ProofShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unchecked: Option<String>,
}

#[derive(Clone, Serialize)]
struct ClaimShape {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    evidence: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'static str>,
}

#[derive(Clone, Serialize)]
struct ProofShape {
    rung: u8,
    matched: &'static str,
    layers: usize,
    images: Vec<KnownShape>,
}

#[derive(Clone, Serialize)]
struct KnownShape {
    reference: String,
    manifest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
}

impl BaseShape {
    pub(in crate::commands) fn new(base: &BaseReport) -> Self {
        let claim = base.claim.as_ref().map(|claim| {
            let (evidence, of) = identity::kind(claim.evidence);
            ClaimShape { name: claim.name.clone(), digest: claim.digest, evidence, of }
        });
        let proof = base.proof.as_ref().map(|proof| ProofShape {
            rung: proof.rung,
            matched: match proof.matched {
                Match::Blobs => "layers",
                Match::DiffIds => "diff-ids",
            },
            layers: proof.layers,
            images: proof.images.iter().map(KnownShape::new).collect(),
        });
        let verdict = match base.verdict {
            Verdict::Proven => "proven",
            Verdict::Claimed => "claimed",
            Verdict::Contradicted => "contradicted",
        };
        Self { verdict, claim, proof, unchecked: base.unchecked.clone() }
    }
}

impl KnownShape {
    fn new(image: &KnownImage) -> Self {
        Self {
            reference: reference(image),
            manifest: image.manifest,
            index: image.index,
            platform: image.platform.as_ref().map(ToString::to_string),
            created: image.created.map(|created| created.to_string()),
        }
    }
}

/// A row about the base: where it is from, and what it says.
type Row = (String, String);

/// Adds the rows about the bases of images. What is the same for several is said once.
pub(super) fn rows(table: &mut Table, images: &[ImageSheet]) {
    let mut groups: Vec<(Vec<Row>, Vec<String>)> = Vec::new();
    for image in images {
        let Some(base) = &image.base else { continue };
        let rows = rows_of(base, image.layers.len());
        let platform = image.platform.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        match groups.iter_mut().find(|(known, _)| *known == rows) {
            Some((_, platforms)) => platforms.push(platform),
            None => groups.push((rows, vec![platform])),
        }
    }
    let mut name = "base";
    for (rows, platforms) in groups {
        let of =
            if platforms.len() == images.len() { String::new() } else { format!(" ({})", identity::some(&platforms)) };
        for (from, text) in rows {
            table.row([std::mem::take(&mut name), &format!("{from}{of}"), &text]);
        }
    }
}

fn rows_of(base: &BaseReport, layers: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(claim) = &base.claim {
        let from = identity::word(claim.evidence);
        let named = named(claim);
        rows.push(match (base.verdict, &base.proof) {
            (Verdict::Proven, Some(proof)) => {
                (format!("{from}, layers"), format!("{named} (proven: {})", extent(proof, layers)))
            }
            (Verdict::Contradicted, _) => {
                (format!("conflict: {from}"), format!("{named} (contradicted: its layers are not the lowest)"))
            }
            _ => (from.to_owned(), format!("{named} (claimed{})", why(base))),
        });
    }
    let shown = base.proof.as_ref().filter(|proof| proof.rung != 1);
    if let Some(proof) = shown {
        let extent = extent(proof, layers);
        for (position, image) in proof.images.iter().enumerate() {
            let from = if position == 0 { "layers" } else { "or" };
            rows.push((from.to_owned(), format!("{} (proven: {extent})", reference(image))));
        }
    }
    rows
}

fn why(base: &BaseReport) -> String {
    base.unchecked.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
}

/// Returns how much of an image is the base's.
pub(in crate::commands) fn extent(proof: &BaseProof, layers: usize) -> String {
    let how = match proof.matched {
        Match::Blobs => "",
        Match::DiffIds => ", compressed anew",
    };
    format!("{} of {layers} layers{how}", proof.layers)
}

/// Returns a claim in one word, as far as it goes.
pub(in crate::commands) fn named(claim: &BaseClaim) -> String {
    match (&claim.name, &claim.digest) {
        (Some(name), Some(digest)) if !name.contains('@') => format!("{name}@{digest}"),
        (Some(name), _) => name.clone(),
        (None, Some(digest)) => digest.to_string(),
        (None, None) => String::new(),
    }
}

/// Returns a reference to a known image, by its index where it was seen in one.
pub(in crate::commands) fn reference(image: &KnownImage) -> String {
    let tag = image.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
    format!("{}{tag}@{}", image.repository, image.index.unwrap_or(image.manifest))
}

/// Returns a claimed base that was not looked for, as it can be typed.
pub(in crate::commands) fn unchecked<'a>(bases: impl IntoIterator<Item = &'a BaseReport>) -> Option<String> {
    let claimed = bases.into_iter().filter(|base| base.verdict == Verdict::Claimed);
    let mut claims = claimed.filter_map(|base| base.claim.as_ref()).map(named);
    claims.find(|named| named.parse::<RegistryReference>().is_ok())
}
