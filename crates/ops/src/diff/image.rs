//! What is different between two images: layers, and how they are run.

use std::collections::BTreeMap;

use oci::{Digest, ImageConfig, ManifestKind, Platform, Reference, View, annotation};
use serde_json::Value;

use crate::context::Context;
use crate::error::OpsError;
use crate::found::{Found, fetch, find, read_blob};

/// Most settings that are told.
const SETTINGS_MAX: usize = 256;

/// What is different between two images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageDifference {
    /// The layers that only the first has, the lowest first. Of a search, that is the good one.
    pub removed: Vec<LayerSheet>,
    /// The layers that only the second has.
    pub added: Vec<LayerSheet>,
    /// How they are run otherwise.
    pub settings: Vec<SettingChange>,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSheet {
    /// Its place, from 1 for the lowest.
    pub number: usize,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub bytes: u64,
    /// The step that made it, as the configuration tells.
    pub created_by: Option<String>,
}

/// A setting that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingChange {
    /// Its name in the configuration; `Env.NAME` for a variable.
    pub name: String,
    /// What it was.
    pub from: Option<String>,
    /// What it is.
    pub to: Option<String>,
}

/// An image that was read to be compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Described {
    digest: Option<Digest>,
    bytes: u64,
    layers: Vec<LayerSheet>,
    settings: BTreeMap<String, String>,
    facts: BTreeMap<&'static str, String>,
}

/// An image as it stands beside another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageSheet {
    /// What the reference names: an index or an image.
    pub digest: Option<Digest>,
    /// The size of configuration and layers of the image that was compared, in bytes.
    pub bytes: u64,
    /// Its version.
    pub version: Option<String>,
    /// When it was made.
    pub created: Option<String>,
    /// The revision of its source.
    pub revision: Option<String>,
}

impl ImageSheet {
    fn of(image: &Described) -> Self {
        Self {
            digest: image.digest,
            bytes: image.bytes,
            version: image.fact(annotation::VERSION),
            created: image.fact(annotation::CREATED),
            revision: image.fact(annotation::REVISION),
        }
    }
}

/// Two images and what is different between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImagesReport {
    /// The first.
    pub from: ImageSheet,
    /// The second.
    pub to: ImageSheet,
    /// What is different.
    pub difference: ImageDifference,
}

/// Compares two images; of indexes, the images for the platform, or the first ones.
///
/// # Errors
/// [`OpsError::NotFound`] when one is not there, and what the stores bring.
pub async fn images(
    context: &Context,
    from: &Reference,
    to: &Reference,
    platform: Option<&Platform>,
) -> Result<ImagesReport, OpsError> {
    let read = futures_util::future::join(describe(context, from, platform), describe(context, to, platform)).await;
    let (one, other) = (read.0?, read.1?);
    Ok(ImagesReport { from: ImageSheet::of(&one), to: ImageSheet::of(&other), difference: difference(&one, &other) })
}

/// What tells an image's origin.
const FACTS: [&str; 4] = [annotation::VERSION, annotation::CREATED, annotation::REVISION, annotation::SOURCE];

impl Described {
    /// Returns a fact by the key of its annotation.
    pub(crate) fn fact(&self, key: &str) -> Option<String> {
        self.facts.get(key).cloned()
    }
}

/// Reads an image; of an index, the one for the platform, or the first.
///
/// # Errors
/// [`OpsError::NotFound`] when it is not there, and what the store brings.
pub(crate) async fn describe(
    context: &Context,
    reference: &Reference,
    platform: Option<&Platform>,
) -> Result<Described, OpsError> {
    let root = find(context, reference, None).await?;
    let image = match (root.manifest.kind(), platform) {
        (ManifestKind::Index, Some(platform)) => find(context, reference, Some(platform)).await?.manifest,
        (ManifestKind::Index, None) => first(context, &root).await?,
        (ManifestKind::Image, _) => root.manifest.clone(),
    };
    let View::Image(view) = image.view() else { return Ok(Described::default()) };
    let mut config = None;
    if let Some(descriptor) = view.config.as_ref().filter(|config| config.media_type.is_image_config()) {
        config = read_blob(&*root.store, descriptor, oci::limits::CONFIG_MAX_BYTES).await?;
    }
    let parsed = config.as_ref().and_then(|bytes| ImageConfig::parse(bytes).ok()).unwrap_or_default();
    let document: Option<Value> = config.as_ref().and_then(|bytes| serde_json::from_slice(bytes).ok());
    let steps: Vec<_> = parsed.history.iter().filter(|step| !step.empty_layer).collect();
    let told = |number: usize| steps.get(number).filter(|_| steps.len() == view.layers.len())?.created_by.clone();
    let layers = view.layers.iter().enumerate().map(|(number, layer)| LayerSheet {
        number: number + 1,
        digest: layer.digest,
        bytes: layer.size,
        created_by: told(number),
    });
    let annotated = |key: &str| root.manifest.annotations().get(key).or_else(|| image.annotations().get(key)).cloned();
    let fact = |key: &'static str| {
        let said = annotated(key).or_else(|| parsed.label(key).map(str::to_owned));
        let configured = || parsed.created.clone().filter(|_| key == annotation::CREATED);
        Some((key, said.or_else(configured)?))
    };
    let config_bytes = view.config.as_ref().map_or(0, |config| config.size);
    Ok(Described {
        digest: Some(*root.manifest.digest()),
        bytes: view.layers.iter().map(|layer| layer.size).fold(config_bytes, u64::saturating_add),
        layers: layers.collect(),
        settings: document.map(|document| settings(&document)).unwrap_or_default(),
        facts: FACTS.into_iter().filter_map(fact).collect(),
    })
}

async fn first(context: &Context, index: &Found) -> Result<oci::Manifest, OpsError> {
    let mut children = index.manifest.children().iter().filter(|child| !child.is_buildkit_attestation());
    match children.find(|child| child.manifest_kind() == Some(ManifestKind::Image)) {
        Some(child) => fetch(context, &*index.store, child).await,
        None => Ok(index.manifest.clone()),
    }
}

/// Returns what a configuration says about how the image is run. Labels say what it is, not how it is run.
fn settings(document: &Value) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    for (name, value) in document["config"].as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("Labels", _) | (_, Value::Null) => {}
            ("Env", Value::Array(variables)) => {
                for variable in variables.iter().filter_map(Value::as_str) {
                    let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
                    settings.insert(format!("Env.{name}"), value.to_owned());
                }
            }
            (_, Value::String(text)) => drop(settings.insert(name.clone(), text.clone())),
            _ => drop(settings.insert(name.clone(), value.to_string())),
        }
    }
    settings
}

/// Returns what is different between two images.
pub(crate) fn difference(good: &Described, bad: &Described) -> ImageDifference {
    let without = |these: &[LayerSheet], those: &[LayerSheet]| {
        let known: std::collections::HashSet<Digest> = those.iter().map(|layer| layer.digest).collect();
        these.iter().filter(|layer| !known.contains(&layer.digest)).cloned().collect()
    };
    let mut names: Vec<&String> = good.settings.keys().chain(bad.settings.keys()).collect();
    names.sort();
    names.dedup();
    let settings = names.into_iter().filter_map(|name| {
        let (from, to) = (good.settings.get(name).cloned(), bad.settings.get(name).cloned());
        (from != to).then(|| SettingChange { name: name.clone(), from, to })
    });
    ImageDifference {
        removed: without(&good.layers, &bad.layers),
        added: without(&bad.layers, &good.layers),
        settings: settings.take(SETTINGS_MAX).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_told_one_by_one() {
        let image =
            |config: Value| Described { settings: settings(&json!({ "config": config })), ..Described::default() };
        let good = image(json!({ "Env": ["A=1", "B=2"], "Cmd": ["x"], "Labels": { "l": "1" }, "User": null }));
        let bad = image(json!({ "Env": ["A=1", "B=3", "C"], "Cmd": ["x"], "Labels": { "l": "2" }, "User": "app" }));
        let changes = difference(&good, &bad).settings;
        let told = changes.iter().map(|it| (it.name.as_str(), it.from.as_deref(), it.to.as_deref()));
        let wanted = [("Env.B", Some("2"), Some("3")), ("Env.C", None, Some("")), ("User", None, Some("app"))];
        assert_eq!(told.collect::<Vec<_>>(), wanted);
    }
}
