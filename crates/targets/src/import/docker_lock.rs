//! docker-lock's `docker-lock.json`.

use std::collections::BTreeMap;

use oci::RegistryReference;

use super::{Entry, quoted, root, text_at};
use crate::error::TargetError;
use crate::find::text_of;
use crate::place::Content;
use crate::text;
use crate::tree::{Id, Tree};

/// The annotation that says in which list of the file an entry stands: `dockerfiles`, `composefiles`, `kubernetesfiles`.
pub const LIST: &str = "list";
/// The annotation that says which file names the image.
pub const PATH: &str = "path";

/// Returns the images, named as their files name them. What else an entry has, such as its service, is an annotation, beside
/// [`LIST`] and [`PATH`]. `scratch`, which docker-lock lists without a digest, is left out.
///
/// # Errors
///
/// [`TargetError`]: no JSON, or an image whose parts make no reference.
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, TargetError> {
    let tree = Tree::json(text_of(bytes)?)?;
    let mut entries = Vec::new();
    for (list, files) in tree.entries(root(&tree)?) {
        for (path, images) in tree.entries(*files) {
            for image in tree.items(*images) {
                let place = [(LIST, *list), (PATH, *path)];
                let place = place.map(|(key, id)| (key.to_owned(), tree.text(id).unwrap_or_default().to_owned()));
                entries.extend(entry(&tree, *image, place.into())?);
            }
        }
    }
    Ok(entries)
}

fn entry(tree: &Tree<'_>, image: Id, place: BTreeMap<String, String>) -> Result<Option<Entry>, TargetError> {
    let part = |key| text_at(tree, image, key);
    let (name, tag, digest) = (part("name"), part("tag"), part("digest"));
    if digest.is_empty() {
        return Ok(None);
    }
    let reference = match text::split(name, tag, &format!("sha256:{digest}")) {
        Content::Image(found) => found.reference,
        Content::Skipped { text, reason } => {
            return Err(tree.error(image, format!("`{text}` cannot be read: {reason}")));
        }
    };
    let mut annotations = place;
    for (key, value) in tree.entries(image) {
        if let (Some(key), Some(value)) = (tree.text(*key), tree.text(*value))
            && !matches!(key, "name" | "tag" | "digest" | LIST | PATH)
        {
            annotations.insert(key.to_owned(), value.to_owned());
        }
    }
    Ok(Some(Entry { name: name.to_owned(), reference, annotations }))
}

/// Returns the file for a list. Entries that do not say where they stand are put among the `dockerfiles` of `Dockerfile`.
///
/// The name is written as it is if it means the same repository, else in full. docker-lock knows sha256 alone, so an entry
/// with no such digest is left out.
pub fn write(entries: &[Entry]) -> String {
    let mut lists: BTreeMap<&str, BTreeMap<&str, Vec<String>>> = BTreeMap::new();
    for entry in entries {
        let Some(digest) =
            entry.reference.selector.digest.filter(|digest| digest.algorithm() == oci::Algorithm::Sha256)
        else {
            continue;
        };
        let place = |key, default| entry.annotations.get(key).map_or(default, String::as_str);
        let tag = entry.reference.selector.tag.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut fields = vec![("name", written_name(entry)), ("tag", tag), ("digest", digest.encoded())];
        let others = entry.annotations.iter().filter(|(key, _)| !matches!(key.as_str(), LIST | PATH));
        fields.extend(others.map(|(key, value)| (key.as_str(), value.clone())));
        let fields: Vec<String> =
            fields.iter().map(|(key, value)| format!("\t\t\t\t{}: {}", quoted(key), quoted(value))).collect();
        let files = lists.entry(place(LIST, "dockerfiles")).or_default();
        let images = files.entry(place(PATH, "Dockerfile")).or_default();
        images.push(format!("\t\t\t{{\n{}\n\t\t\t}}", fields.join(",\n")));
    }
    let list = |(list, files): (&str, BTreeMap<&str, Vec<String>>)| {
        let files: Vec<String> = files
            .iter()
            .map(|(path, images)| format!("\t\t{}: [\n{}\n\t\t]", quoted(path), images.join(",\n")))
            .collect();
        format!("\t{}: {{\n{}\n\t}}", quoted(list), files.join(",\n"))
    };
    let lists: Vec<String> = lists.into_iter().map(list).collect();
    if lists.is_empty() { "{}\n".to_owned() } else { format!("{{\n{}\n}}\n", lists.join(",\n")) }
}

fn written_name(entry: &Entry) -> String {
    let RegistryReference { host, repository, .. } = &entry.reference;
    match text::whole(&entry.name) {
        Content::Image(image) if (&image.reference.host, &image.reference.repository) == (host, repository) => {
            image.name
        }
        _ => format!("{host}/{repository}"),
    }
}
