//! What is printed of the difference between two images.

use oci::Digest;
use ops::diff::image::ImageDifference;
use serde::Serialize;

use crate::printer::{ByteSize, Table, Text};

/// What is different between two images. The names of the fields are a public interface.
#[derive(Clone, Serialize)]
pub(super) struct DifferenceShape {
    layers: Vec<LayerShape>,
    settings: Vec<SettingShape>,
}

#[derive(Clone, Serialize)]
struct LayerShape {
    change: &'static str,
    number: usize,
    digest: Digest,
    bytes: u64,
    created_by: Option<String>,
}

#[derive(Clone, Serialize)]
struct SettingShape {
    name: String,
    from: Option<String>,
    to: Option<String>,
}

impl DifferenceShape {
    pub(super) fn of(difference: &ImageDifference) -> Self {
        let removed = difference.removed.iter().map(|layer| ("removed", layer));
        let added = difference.added.iter().map(|layer| ("added", layer));
        let layers = removed.chain(added).map(|(change, layer)| LayerShape {
            change,
            number: layer.number,
            digest: layer.digest,
            bytes: layer.bytes,
            created_by: layer.created_by.clone(),
        });
        let settings = difference.settings.iter().cloned();
        let settings = settings.map(|setting| SettingShape { name: setting.name, from: setting.from, to: setting.to });
        Self { layers: layers.collect(), settings: settings.collect() }
    }

    /// Tells whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.layers.is_empty() && self.settings.is_empty()
    }

    /// Adds the tables.
    pub(super) fn text(&self, text: &mut Text) {
        let mut table = Table::new(&["LAYER", "", "DIGEST", "SIZE", "MADE BY"]).right(3);
        for layer in &self.layers {
            table.row([
                layer.number.to_string(),
                layer.change.to_owned(),
                layer.digest.to_string(),
                ByteSize(layer.bytes).to_string(),
                layer.created_by.clone().unwrap_or_default(),
            ]);
        }
        block(text, &table);
        let mut table = Table::new(&["SETTING", "FROM", "TO"]);
        for SettingShape { name, from, to } in &self.settings {
            let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            table.row([name, &or_dash(from), &or_dash(to)]);
        }
        block(text, &table);
    }
}

/// Adds a table with an empty line above it, unless it has no rows.
pub(super) fn block(text: &mut Text, table: &Table) {
    if !table.is_empty() {
        text.gap();
        text.table(table);
    }
}
