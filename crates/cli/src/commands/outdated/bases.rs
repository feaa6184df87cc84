//! What is printed of the bases of images: whether there is something newer.

use oci::{Digest, Tag};
use ops::outdated::bases::{BaseFreshness, BasesReport};
use serde::Serialize;

use crate::commands::locking::short;
use crate::printer::{Table, count};
use crate::session::Session;

/// How fresh the base of an image is; of an image without a known base there is the name alone. The names of the fields are a public
/// interface.
#[derive(Clone, Serialize)]
pub(super) struct BaseShape {
    image: String,
    platforms: Vec<String>,
    repository: Option<String>,
    tag: Option<Tag>,
    digest: Option<Digest>,
    layers: Option<usize>,
    rung: Option<u8>,
    age_days: Option<i64>,
    moved: Option<MovedShape>,
    newer: Option<NewerShape>,
    unchecked: Option<String>,
}

#[derive(Clone, Serialize)]
struct MovedShape {
    digest: Digest,
    days: Option<i64>,
}

#[derive(Clone, Serialize)]
struct NewerShape {
    tag: Tag,
    days: Option<i64>,
}

/// Returns what is printed of bases, in the order of the images.
pub(super) fn shapes(report: &BasesReport) -> Vec<BaseShape> {
    let mut shapes: Vec<BaseShape> = report.bases.iter().map(BaseShape::of).collect();
    shapes.extend(report.unknown.iter().map(|image| BaseShape::unknown(image)));
    shapes.sort_by(|one, other| one.image.cmp(&other.image));
    shapes
}

impl BaseShape {
    fn of(freshness: &BaseFreshness) -> Self {
        let BaseFreshness { image, platforms, base, age_days, moved, newer, unchecked } = freshness.clone();
        Self {
            image,
            platforms,
            repository: Some(base.repository),
            tag: base.tag,
            digest: base.digest,
            layers: base.layers,
            rung: base.rung,
            age_days,
            moved: moved.map(|moved| MovedShape { digest: moved.digest, days: moved.days }),
            newer: newer.map(|newer| NewerShape { tag: newer.tag, days: newer.days }),
            unchecked,
        }
    }

    fn unknown(image: &str) -> Self {
        Self {
            image: image.to_owned(),
            platforms: Vec::new(),
            repository: None,
            tag: None,
            digest: None,
            layers: None,
            rung: None,
            age_days: None,
            moved: None,
            newer: None,
            unchecked: Some("no base is known".to_owned()),
        }
    }

    fn name(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        self.repository.as_ref().map_or_else(|| "-".to_owned(), |repository| format!("{repository}{tag}"))
    }
}

/// Returns the table of bases. Platforms are named where an image has several bases.
pub(super) fn table(bases: &[BaseShape]) -> Table {
    let mut table = Table::new(&["IMAGE", "BASE", "AGE", "MOVED TO", "NEWER", "NOTES"]).right(2);
    for base in bases {
        let is_one_of_many = bases.iter().filter(|other| other.image == base.image).count() > 1;
        let of = if is_one_of_many { format!(" ({})", base.platforms.join(", ")) } else { String::new() };
        let days = |days: Option<i64>| days.map_or_else(|| "-".to_owned(), |days| format!("{days}d"));
        let or_dash = |what: Option<String>| what.unwrap_or_else(|| "-".to_owned());
        let moved = base.moved.as_ref().map(|moved| format!("{} ({})", short(&moved.digest), days(moved.days)));
        let newer = base.newer.as_ref().map(|newer| format!("{} ({})", newer.tag, days(newer.days)));
        table.row([
            format!("{}{of}", base.image),
            base.name(),
            days(base.age_days),
            or_dash(moved),
            or_dash(newer),
            base.unchecked.clone().unwrap_or_default(),
        ]);
    }
    table
}

/// Says how many bases are not what they could be, and returns it.
pub(super) fn tell(session: &Session, bases: &[BaseShape]) -> usize {
    let moved = bases.iter().filter(|base| base.moved.is_some()).count();
    let newer = bases.iter().filter(|base| base.newer.is_some()).count();
    session.printer.note(&format!("{} moved, {newer} with a newer one", count(moved, "base")));
    bases.iter().filter(|base| base.moved.is_some() || base.newer.is_some()).count()
}
