//! Tags are read as the labelled truth says (`tests/fixtures/tags/README.md`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use oci::Tag;
use resolve::{Kind, Repository};

/// What somebody who knows the repository says about a tag.
struct Label {
    kind: Kind,
    /// Track and place on it.
    place: Option<(String, i64)>,
}

type Labels = BTreeMap<Tag, Label>;

fn label(line: &str) -> (Tag, Label) {
    let fields: Vec<&str> = line.split('\t').collect();
    let [tag, kind, track, order] = fields[..] else { panic!("not four columns: {line:?}") };
    let kind = match kind {
        "release" => Kind::Release,
        "prerelease" => Kind::Prerelease,
        "floating" => Kind::Floating,
        "hash" => Kind::Hash,
        "attachment" => Kind::Attachment,
        "other" => Kind::Other,
        unknown => panic!("no kind: {unknown:?}"),
    };
    let place = (track != "-").then(|| (track.to_owned(), order.parse().unwrap()));
    (tag.parse().unwrap(), Label { kind, place })
}

/// Returns the labels of every repository by its name.
fn truth() -> BTreeMap<String, Labels> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tags");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "tsv"));
    files
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), lines.map(label).collect())
        })
        .collect()
}

/// Returns what is wrong about how a tag is read: its kind, or how it stands to another tag.
fn fault(tag: &Tag, labels: &Labels, repository: &Repository) -> Option<String> {
    let (label, reading) = (&labels[tag], repository.reading(tag).unwrap());
    if label.kind != reading.kind {
        return Some(format!("is {:?}, not {:?} ({})", label.kind, reading.kind, reading.track));
    }
    let (track, order) = label.place.as_ref()?;
    for (other, other_label) in labels {
        let other_reading = repository.reading(other).unwrap();
        // One fault is counted once: at the tag whose kind is wrong.
        let Some((other_track, other_order)) = &other_label.place else { continue };
        if other_label.kind != other_reading.kind {
            continue;
        }
        if (track == other_track) != (reading.track == other_reading.track) {
            return Some(format!("and {other}: {} and {}", reading.track, other_reading.track));
        }
        if track == other_track && order.cmp(other_order) != reading.version.cmp(&other_reading.version) {
            return Some(format!(
                "and {other} are in another order: {:?} {:?}",
                reading.version, other_reading.version
            ));
        }
    }
    None
}

/// Returns the newest release of the track that is newer, as the labels say.
fn true_update<'a>(tag: &Tag, labels: &'a Labels) -> Vec<&'a Tag> {
    let Some((track, order)) = &labels[tag].place else { return Vec::new() };
    let newer: Vec<(&Tag, i64)> = labels
        .iter()
        .filter(|(_, label)| label.kind == Kind::Release)
        .filter_map(|(tag, label)| label.place.as_ref().filter(|place| place.0 == *track).map(|place| (tag, place.1)))
        .filter(|(_, place)| place > order)
        .collect();
    let newest = newer.iter().map(|(_, place)| *place).max();
    newer.into_iter().filter(|(_, place)| Some(*place) == newest).map(|(tag, _)| tag).collect()
}

#[test]
fn tags_are_read_as_those_who_know_them_do() {
    let (mut count, mut faults, mut wrong_updates) = (0, Vec::new(), Vec::new());
    for (name, labels) in truth() {
        let repository = Repository::read(labels.keys().cloned());
        for tag in labels.keys() {
            count += 1;
            faults.extend(fault(tag, &labels, &repository).map(|fault| format!("{name}: {tag} {fault}")));
            let update = repository.update(tag).map(|(tag, _)| tag);
            let allowed = true_update(tag, &labels);
            if let Some(update) = update.filter(|update| !allowed.contains(update)) {
                wrong_updates.push(format!("{name}: {tag} would become {update}, not {allowed:?}"));
            }
        }
    }
    println!("{count} tags, {} read wrong, {} wrong updates", faults.len(), wrong_updates.len());
    assert!(count >= 3000);
    assert!(
        wrong_updates.is_empty(),
        "{} wrong updates, such as {:#?}",
        wrong_updates.len(),
        &wrong_updates[..wrong_updates.len().min(20)]
    );
    assert!(
        faults.len() * 200 <= count,
        "{} of {count} read wrong, such as {:#?}",
        faults.len(),
        &faults[..faults.len().min(20)]
    );
}

#[test]
fn what_moves_is_followed_by_what_moves() {
    let tags =
        ["3.20", "3.20.1", "3.20.2", "3.21", "3.21.0", "3.22", "3.22.1", "3.23.0-rc1", "latest", "edge", "20260127"];
    let variants = ["22-alpine3.20", "22.1-alpine3.20", "22.1.0-alpine3.20", "23-alpine3.20", "23.0.0-alpine3.20"];
    let repository = Repository::read(tags.iter().chain(&variants).map(|tag| tag.parse().unwrap()));
    let successor = |tag: &str| repository.successor(&tag.parse().unwrap()).map(|(tag, _)| tag.as_str());
    assert_eq!(repository.reading(&"3.20".parse().unwrap()).unwrap().kind, Kind::Floating);
    assert_eq!((successor("3.20"), successor("3.22"), successor("3.20.1")), (Some("3.22"), None, Some("3.22.1")));
    assert_eq!((successor("22-alpine3.20"), successor("23-alpine3.20")), (Some("23-alpine3.20"), None));
    assert_eq!((successor("latest"), successor("absent")), (None, None));
    // Where nobody has made the short tag the release itself is what there is.
    let repository = Repository::read(["1.2", "1.2.0", "1.3.0", "1.3.1"].map(|tag| tag.parse().unwrap()));
    let successor = repository.successor(&"1.2".parse().unwrap()).map(|(tag, _)| tag.as_str());
    assert_eq!(successor, Some("1.3.1"));
}
