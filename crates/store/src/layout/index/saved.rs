//! Layouts that `cosign save` has written: one image, and beside it what a registry has under convention tags.

use oci::name::ConventionSuffix;
use oci::{Digest, Tag};

use super::Entry;

/// The annotation that says what an entry is to the others.
const KIND: &str = "kind";

const IMAGES: [&str; 2] = ["dev.cosignproject.cosign/image", "dev.cosignproject.cosign/imageIndex"];

const ATTACHED: [(&str, ConventionSuffix); 2] = [
    ("dev.cosignproject.cosign/sigs", ConventionSuffix::Signature),
    ("dev.cosignproject.cosign/atts", ConventionSuffix::Attestation),
];

/// Gives entries that have no name the tag that they have in a registry, where their kind says what they are. Which image
/// they are about follows from there being one alone.
pub(super) fn name_attached(entries: &mut [Entry]) {
    let Some(image) = the_image(entries) else { return };
    for entry in entries {
        let suffix = ATTACHED.iter().find(|(kind, _)| kind_of(entry) == Some(*kind)).map(|(_, suffix)| *suffix);
        if let (Some(suffix), Some(view)) = (suffix, &mut entry.view)
            && view.tag.is_none()
        {
            view.tag = Some(Tag::convention(&image, suffix));
        }
    }
}

fn the_image(entries: &[Entry]) -> Option<Digest> {
    let mut images = entries.iter().filter(|entry| kind_of(entry).is_some_and(|kind| IMAGES.contains(&kind)));
    let image = *images.next()?.digest()?;
    images.all(|other| other.digest() == Some(&image)).then_some(image)
}

fn kind_of(entry: &Entry) -> Option<&str> {
    entry.view.as_ref()?.descriptor.annotation(KIND)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use oci::name::ConventionSuffix;
    use oci::{Descriptor, MediaType, Tag};
    use serde_json::{Value, json};

    use super::super::LayoutIndex;

    fn entry(content: &str, kind: &str) -> Value {
        let mut entry = serde_json::to_value(Descriptor::of(MediaType::OCI_MANIFEST, content.as_bytes())).unwrap();
        entry["annotations"] = json!({ "kind": format!("dev.cosignproject.cosign/{kind}") });
        entry
    }

    fn tags(entries: &[Value]) -> Vec<Option<Tag>> {
        let text = json!({"schemaVersion": 2, "manifests": entries}).to_string();
        let index = LayoutIndex::parse(text.as_bytes(), Path::new("index.json")).unwrap();
        index.entries().map(|entry| entry.tag.clone()).collect()
    }

    #[test]
    fn what_is_saved_with_an_image_is_attached_to_it() {
        let image = Descriptor::of(MediaType::OCI_MANIFEST, b"image").digest;
        let tag = |suffix| Some(Tag::convention(&image, suffix));
        let expected = [None, tag(ConventionSuffix::Signature), tag(ConventionSuffix::Attestation)];
        for kind in ["image", "imageIndex"] {
            assert_eq!(tags(&[entry("image", kind), entry("s", "sigs"), entry("a", "atts")]), expected);
        }
    }

    #[test]
    fn nothing_is_guessed_where_there_are_two_images_or_none() {
        assert_eq!(tags(&[entry("s", "sigs")]), [None]);
        assert_eq!(tags(&[entry("one", "image"), entry("two", "image"), entry("s", "sigs")]), [None, None, None]);
    }
}
