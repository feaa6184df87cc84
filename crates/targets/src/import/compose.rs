//! An override file that pins the images of a Compose file, as `docker compose config --lock-image-digests` prints it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Entry, items_at, locked, quoted, root, text_at};
use crate::error::TargetError;
use crate::find::text_of;
use crate::tree::Tree;

/// The annotation of an image that is mounted: where.
pub const TARGET: &str = "target";

/// Returns the images of the services, each named by its service. One that is mounted has the annotation [`TARGET`].
///
/// # Errors
///
/// [`TargetError`]: no YAML, or an image without a digest.
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, TargetError> {
    let tree = Tree::yaml(text_of(bytes)?)?;
    let services = tree.get(root(&tree)?, "services").and_then(|services| tree.resolve(services));
    let mut entries = Vec::new();
    for (name, service) in services.map_or(&[][..], |services| tree.entries(services)) {
        let Some(service) = tree.resolve(*service) else { continue };
        let name = tree.text(*name).unwrap_or_default();
        if let Some(image) = tree.get(service, "image") {
            let reference = locked(&tree, image)?;
            entries.push(Entry { name: name.to_owned(), reference, annotations: BTreeMap::new() });
        }
        for volume in items_at(&tree, service, "volumes") {
            let Some(volume) = tree.resolve(*volume) else { continue };
            let image = tree.get(volume, "source").filter(|_| text_at(&tree, volume, "type") == "image");
            if let Some(image) = image {
                let target = text_at(&tree, volume, "target").to_owned();
                let annotations = BTreeMap::from([(TARGET.to_owned(), target)]);
                entries.push(Entry { name: name.to_owned(), reference: locked(&tree, image)?, annotations });
            }
        }
    }
    Ok(entries)
}

/// The images of a service.
#[derive(Default)]
struct Images<'a> {
    image: Option<&'a Entry>,
    /// What is mounted, and where.
    mounts: Vec<(&'a str, &'a Entry)>,
}

/// Returns the file for a list. Services stand in the order in which they are first named; a service has one image, the last
/// of those given. Annotations other than [`TARGET`] have no place.
pub fn write(entries: &[Entry]) -> String {
    let mut services: Vec<&str> = Vec::new();
    let mut images: BTreeMap<&str, Images> = BTreeMap::new();
    for entry in entries {
        let service = images.entry(&entry.name).or_insert_with(|| {
            services.push(&entry.name);
            Images::default()
        });
        match entry.annotations.get(TARGET) {
            Some(target) => service.mounts.push((target, entry)),
            None => service.image = Some(entry),
        }
    }
    let mut file = format!("services:{}\n", if services.is_empty() { " {}" } else { "" });
    for service in services {
        let Some(Images { image, mounts }) = images.get(service) else { continue };
        // Writing to a string does not fail.
        let _ = writeln!(file, "  {}:", quoted(service));
        if let Some(entry) = image {
            let _ = writeln!(file, "    image: {}", quoted(&entry.reference.to_string()));
        }
        for (position, (target, entry)) in mounts.iter().enumerate() {
            let list = if position == 0 { "    volumes:\n" } else { "" };
            let (source, target) = (quoted(&entry.reference.to_string()), quoted(target));
            let _ = writeln!(file, "{list}      - type: image\n        source: {source}\n        target: {target}");
        }
    }
    file
}
