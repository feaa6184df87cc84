//! The targets of a project as they are written.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use oci::{RegistryReference, Tag};
use resolve::document::quoted;
use resolve::glob::escaped;
use targets::Kind;

use super::gather::FoundFile;
use super::images::ProposedImage;
use crate::rewrite::canonical_host;

/// Returns the `[[targets]]` for files: one for each kind, and one of its own for each file of which references do not show
/// which of several images of one repository they are.
pub(super) fn targets(files: &[FoundFile], images: &[ProposedImage]) -> String {
    let mut plain: BTreeMap<Kind, Vec<&str>> = BTreeMap::new();
    let mut text = String::new();
    for file in files {
        if !file.references.iter().any(|(_, reference)| owner(images, reference).is_some()) {
            continue;
        }
        let map = map(file, images);
        if map.is_empty() {
            plain.entry(file.kind).or_default().push(&file.path);
        } else {
            target(&mut text, file.kind, &[&file.path], &map);
        }
    }
    for (kind, mut paths) in plain {
        paths.sort_unstable();
        target(&mut text, kind, &paths, &BTreeMap::new());
    }
    text
}

fn target(text: &mut String, kind: Kind, paths: &[&str], map: &BTreeMap<&str, &str>) {
    let paths: Vec<String> = paths.iter().map(|path| quoted(&escaped(path))).collect();
    let paths = match &paths[..] {
        [one] => format!("[{one}]"),
        several => format!("[\n  {},\n]", several.join(",\n  ")),
    };
    // Writing to a string does not fail.
    let _ = write!(text, "\n[[targets]]\nkind = {}\npaths = {paths}\n", quoted(kind.name()));
    if !map.is_empty() {
        let pairs: Vec<String> =
            map.iter().map(|(path, name)| format!("{} = {}", quoted(path), quoted(name))).collect();
        let _ = writeln!(text, "map = {{ {} }}", pairs.join(", "));
    }
}

/// Returns the images of references that could be several: without a tag that says which.
fn map<'a>(file: &'a FoundFile, images: &'a [ProposedImage]) -> BTreeMap<&'a str, &'a str> {
    let needs = |reference: &RegistryReference| {
        let is_silent = reference.selector.tag.as_ref().is_none_or(|tag| *tag == Tag::latest());
        let of_repository = images.iter().filter(|image| {
            image.repository.host.as_str() == canonical_host(&reference.host)
                && image.repository.repository == reference.repository
        });
        is_silent && of_repository.count() > 1
    };
    file.references
        .iter()
        .filter(|(_, reference)| needs(reference))
        .filter_map(|(path, reference)| Some((path.as_str(), owner(images, reference)?.addition.name.as_str())))
        .collect()
}

fn owner<'a>(images: &'a [ProposedImage], reference: &RegistryReference) -> Option<&'a ProposedImage> {
    images.iter().find(|image| image.references.contains(reference))
}
