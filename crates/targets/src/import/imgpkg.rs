//! Carvel imgpkg's `ImagesLock` (`.imgpkg/images.yml`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Entry, locked, quoted, root, text_at};
use crate::error::TargetError;
use crate::find::text_of;
use crate::tree::Tree;

/// The annotation by which kbld says what an image was called before it was resolved.
const ID: &str = "kbld.carvel.dev/id";
const VERSION: &str = "imgpkg.carvel.dev/v1alpha1";
const KIND: &str = "ImagesLock";

/// Returns the images. They are named by what kbld resolved, else by the last component of the repository.
///
/// # Errors
///
/// [`TargetError`]: no `ImagesLock`, or an image without a digest.
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, TargetError> {
    let tree = Tree::yaml(text_of(bytes)?)?;
    let root = root(&tree)?;
    if text_at(&tree, root, "kind") != KIND || !text_at(&tree, root, "apiVersion").starts_with("imgpkg.carvel.dev/") {
        return Err(tree.error(root, "not an ImagesLock of imgpkg"));
    }
    // At first the images stood in a `spec`.
    let images = tree.get(root, "images").or_else(|| tree.get(tree.resolve(tree.get(root, "spec")?)?, "images"));
    let images = images.and_then(|images| tree.resolve(images));
    let mut entries = Vec::new();
    for item in images.map_or(&[][..], |images| tree.items(images)) {
        let item = tree.resolve(*item).unwrap_or(*item);
        let image = tree.get(item, "image").ok_or_else(|| tree.error(item, "an image without `image`"))?;
        let reference = locked(&tree, image)?;
        let annotations = tree.get(item, "annotations").and_then(|annotations| tree.resolve(annotations));
        let annotations: BTreeMap<String, String> = annotations
            .map_or(&[][..], |annotations| tree.entries(annotations))
            .iter()
            .filter_map(|(key, value)| Some((tree.text(*key)?.to_owned(), tree.text(*value)?.to_owned())))
            .collect();
        let name = annotations.get(ID).map_or_else(|| reference.repository.last_component().to_owned(), Clone::clone);
        entries.push(Entry { name, reference, annotations });
    }
    Ok(entries)
}

/// Returns the file for a list, its keys in the order in which imgpkg writes them.
///
/// A name that [`read`] would not find again is written as kbld's annotation. imgpkg refuses references without a digest.
pub fn write(entries: &[Entry]) -> String {
    let mut file = format!("---\napiVersion: {VERSION}\nimages:{}\n", if entries.is_empty() { " []" } else { "" });
    for Entry { name, reference, annotations } in entries {
        let mut annotations = annotations.clone();
        if annotations.contains_key(ID) || name != reference.repository.last_component() {
            annotations.insert(ID.to_owned(), name.clone());
        }
        let mut lines = Vec::new();
        if !annotations.is_empty() {
            lines.push("annotations:".to_owned());
            lines.extend(annotations.iter().map(|(key, value)| format!("  {}: {}", quoted(key), quoted(value))));
        }
        lines.push(format!("image: {}", quoted(&reference.to_string())));
        // Writing to a string does not fail.
        let _ = writeln!(file, "- {}", lines.join("\n  "));
    }
    file.push_str("kind: ImagesLock\n");
    file
}
