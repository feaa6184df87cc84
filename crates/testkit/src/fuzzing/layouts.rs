//! Layouts, and the files of the local content store.

use std::collections::BTreeMap;

use bytes::Bytes;
use oci::{Algorithm, Descriptor, Manifest, MediaType, Tag};
use store::{ContentStore, LayoutStore, Store as _};

use super::look::{checked, look};
use super::pieces::pieces;
use super::place::{Place, run};

/// What `oci-layout` holds.
pub(super) const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Reads a layout: the last piece of the input is its `index.json`, those before it are content. Then a tag is added and
/// taken away again, which changes nothing else.
pub fn layout(data: &[u8]) {
    let pieces = pieces(data);
    let Some((index, contents)) = pieces.split_last() else { return };
    let place = Place::new();
    place.write("oci-layout", MARKER);
    place.write("index.json", index);
    for content in contents {
        place.write_blob(content);
    }
    run(async {
        let before = look(&LayoutStore::open(place.path()).unwrap()).await;
        change(&place, &before).await;
    });
}

async fn change(place: &Place, before: &BTreeMap<Tag, Descriptor>) {
    let tag: Tag = "fuzzed".parse().unwrap();
    let bytes = Bytes::from_static(br#"{"schemaVersion":2,"manifests":[],"annotations":{"a":"fuzzed"}}"#);
    let manifest = Manifest::from_new(bytes, &MediaType::OCI_INDEX, Algorithm::Sha256).unwrap();
    let store = LayoutStore::open_or_create(place.path()).unwrap();
    if checked(store.put_manifest(&manifest).await).is_none() || checked(store.tag(&tag, &manifest).await).is_none() {
        return;
    }
    let fresh = LayoutStore::open(place.path()).unwrap();
    assert_eq!(fresh.resolve(&tag).await.unwrap().map(|found| found.digest), Some(*manifest.digest()));
    expect_tags(&fresh, before, &tag).await;
    assert!(store.delete_tag(&tag).await.unwrap());
    let fresh = LayoutStore::open(place.path()).unwrap();
    assert_eq!(fresh.resolve(&tag).await.unwrap(), None);
    expect_tags(&fresh, before, &tag).await;
}

async fn expect_tags(store: &LayoutStore, before: &BTreeMap<Tag, Descriptor>, except: &Tag) {
    for (tag, descriptor) in before.iter().filter(|(tag, _)| *tag != except) {
        assert_eq!(store.resolve(tag).await.unwrap().as_ref(), Some(descriptor), "{tag} is not what it was");
    }
}

/// Reads the local content store: the last piece of the input is the file of a name, those before it are content.
pub fn content_store(data: &[u8]) {
    let pieces = pieces(data);
    let Some((name, contents)) = pieces.split_last() else { return };
    let place = Place::new();
    place.write("store.json", b"{\"schema\":\"supercargo.store.v1\"}\n");
    place.write("names/app/_name.json", name);
    for content in contents {
        place.write_blob(content);
        // Kept manifests are no more to be trusted.
        place.write(&format!("cache/sha256/{}", oci::Digest::sha256(b"other").encoded()), content);
    }
    run(async {
        let store = ContentStore::open(place.path()).unwrap();
        assert_eq!(store.names().await.unwrap().len(), 1);
        look(&store.name("app".parse().unwrap())).await;
        assert!(store.cached_manifest(&oci::Digest::sha256(b"other"), &MediaType::OCI_INDEX).is_none());
        if let Some(report) = checked(store.verify().await) {
            report.damaged.iter().for_each(|damage| super::assert_printable(&damage.error));
        }
    });
}
