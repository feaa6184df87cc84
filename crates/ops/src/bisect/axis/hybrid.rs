//! Images made of the layers of two others. No I/O.

use oci::{Descriptor, Digest, ImageConfig, MediaType};
use serde_json::{Value, json};

/// Docker's name of a layer compressed with gzip.
const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// An image, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Image {
    layers: Vec<Layer>,
    /// The configuration as it is.
    config: Value,
}

/// A layer with what a configuration says of it.
#[derive(Clone, Debug)]
struct Layer {
    descriptor: Descriptor,
    diff_id: Digest,
    /// The step that made it.
    history: Option<Value>,
}

/// Two layers are equal when what they unpack to is.
impl PartialEq for Layer {
    fn eq(&self, other: &Self) -> bool {
        self.diff_id == other.diff_id
    }
}

/// An image between two others.
#[derive(Clone, Debug)]
pub(super) struct Hybrid {
    /// What is different from the one before it.
    pub(super) label: String,
    /// Its configuration.
    pub(super) config: Value,
    layers: Vec<Descriptor>,
}

impl Image {
    /// Takes an image apart.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(layers: &[Descriptor], config: &ImageConfig, document: Value) -> Result<Self, &'static str> {
        if config.diff_ids().len() != layers.len() {
            return Err("has another number of layers than its configuration says");
        }
        let steps = document["history"].as_array().map(Vec::as_slice).unwrap_or_default();
        let steps: Vec<&Value> = steps.iter().filter(|step| step["empty_layer"] != json!(true)).collect();
        let history =
            |number: usize| steps.get(number).filter(|_| steps.len() == layers.len()).map(|&step| step.clone());
        let layers = layers.iter().zip(config.diff_ids()).enumerate();
        let layers = layers.map(|(number, (descriptor, diff_id))| Layer {
            descriptor: oci_layer(descriptor),
            diff_id: *diff_id,
            history: history(number),
        });
        Ok(Self { layers: layers.collect(), config: document })
    }

    /// Returns how it is run, and for what: all that is not about layers or times.
    fn settings(&self) -> Value {
        let mut settings = self.config.clone();
        if let Value::Object(fields) = &mut settings {
            fields.retain(|name, _| !["rootfs", "history", "created"].contains(&name.as_str()));
        }
        settings
    }
}

/// The way from one image to another.
#[derive(Clone, Debug)]
pub(super) struct Between {
    /// The images between both.
    pub(super) hybrids: Vec<Hybrid>,
    /// What is different between the last of them and the bad one.
    pub(super) last: String,
}

/// Returns the images between a good and a bad one, without these. Each differs from the one before it in one layer: from the
/// lowest up, a layer of the bad one takes the place of the good one's, as long as both have one; then what is left of the one
/// is added, or what is left of the other taken away. Layers that both have at the top stay there. At last comes the configuration,
/// if it is another one.
pub(super) fn between(good: &Image, bad: &Image) -> Between {
    let (old, new) = (&good.layers[..], &bad.layers[..]);
    let below = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[below..], &new[below..]);
    let above = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let old_middle = &old_rest[..old_rest.len() - above];
    let new_middle = &new_rest[..new_rest.len() - above];
    let mut hybrids = Vec::new();
    let steps = old_middle.len().max(new_middle.len());
    for step in 1..=steps {
        let taken = &new_middle[..step.min(new_middle.len())];
        let left = match step {
            _ if new_middle.len() >= old_middle.len() => old_middle.get(step..).unwrap_or_default(),
            // What is left over goes from the top.
            _ if step <= new_middle.len() => &old_middle[step..],
            _ => &old_middle[new_middle.len()..old_middle.len() - (step - new_middle.len())],
        };
        let (before, after) = (old_middle.get(step - 1), new_middle.get(step - 1));
        if before == after {
            continue;
        }
        let number = below + step;
        let label = match after {
            Some(layer) if before.is_some() => format!("layer {number}: {}", layer.descriptor.digest),
            Some(layer) => format!("layer {number} added: {}", layer.descriptor.digest),
            None => match old_middle.get(new_middle.len() + steps - step) {
                Some(layer) => format!("layer taken away: {}", layer.descriptor.digest),
                None => format!("layer {number} taken away"),
            },
        };
        let kept = &new_rest[new_rest.len() - above..];
        let layers: Vec<&Layer> = new[..below].iter().chain(taken).chain(left).chain(kept).collect();
        hybrids.push(Hybrid::new(label, &layers, &good.config));
    }
    if good.settings() != bad.settings() {
        return Between { hybrids, last: "configuration".to_owned() };
    }
    // The last one is the bad one, but for the time at which it was made.
    let last = hybrids.pop().map_or_else(|| "another time".to_owned(), |hybrid| hybrid.label);
    Between { hybrids, last }
}

impl Hybrid {
    fn new(label: String, layers: &[&Layer], config: &Value) -> Self {
        let mut config = config.clone();
        let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.diff_id).collect();
        config["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
        let history: Option<Vec<Value>> = layers.iter().map(|layer| layer.history.clone()).collect();
        if let Value::Object(fields) = &mut config {
            match history {
                Some(history) => fields.insert("history".to_owned(), Value::Array(history)),
                // A history that lacks steps would be about other layers.
                None => fields.remove("history"),
            };
        }
        Self { label, config, layers: layers.iter().map(|layer| layer.descriptor.clone()).collect() }
    }

    /// Returns the manifest.
    pub(super) fn manifest(&self, config: &Descriptor) -> Value {
        json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": config,
            "layers": self.layers,
        })
    }
}

/// Returns the layer as an OCI manifest names it: the images may be of different formats.
fn oci_layer(layer: &Descriptor) -> Descriptor {
    let mut layer = layer.clone();
    if layer.media_type.as_str() == DOCKER_LAYER_GZIP {
        layer.media_type = MediaType::OCI_LAYER_GZIP;
    }
    layer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an image whose layers are called by letters.
    fn image(layers: &str, user: &str) -> Image {
        let digests: Vec<Digest> = layers.chars().map(|name| Digest::sha256(name.to_string().as_bytes())).collect();
        let descriptors: Vec<Descriptor> =
            digests.iter().map(|digest| Descriptor::new(MediaType::OCI_LAYER, *digest, 1)).collect();
        let history: Vec<Value> = layers.chars().map(|name| json!({ "created_by": name.to_string() })).collect();
        let document = json!({
            "config": { "User": user },
            "rootfs": { "type": "layers", "diff_ids": digests },
            "history": history,
        });
        let config = ImageConfig::parse(document.to_string().as_bytes()).unwrap();
        Image::new(&descriptors, &config, document).unwrap()
    }

    /// Returns the layers of the hybrids by their letters, which their histories hold.
    fn letters(good: &str, bad: &str) -> Vec<String> {
        let hybrids = between(&image(good, "a"), &image(bad, "b")).hybrids;
        let letters = |hybrid: &Hybrid| {
            let config = ImageConfig::parse(hybrid.config.to_string().as_bytes()).unwrap();
            assert_eq!(config.diff_ids().len(), hybrid.layers.len());
            let named = config.diff_ids().iter().zip(&hybrid.layers).all(|(id, layer)| *id == layer.digest);
            assert!(named, "{:?}", hybrid.label);
            config.history.iter().map(|step| step.created_by.clone().unwrap()).collect()
        };
        hybrids.iter().map(letters).collect()
    }

    #[test]
    fn each_differs_from_the_one_before_it_in_one_layer() {
        assert_eq!(letters("abcd", "aBCd"), ["aBcd", "aBCd"]);
        assert_eq!(letters("abcd", "aBcD"), ["aBcd", "aBcD"]);
        // An inserted layer moves nothing else.
        assert_eq!(letters("acd", "abcd"), ["abcd"]);
        assert_eq!(letters("abc", "ABXC"), ["Abc", "ABc", "ABX", "ABXC"]);
        assert_eq!(letters("abXYz", "Abz"), ["AbXYz", "AbXz", "Abz"]);
        assert_eq!(letters("ab", "ab"), Vec::<String>::new());
        assert_eq!(letters("", "ab"), ["a", "ab"]);
    }

    #[test]
    fn the_configuration_is_a_step_where_it_is_another() {
        let labels = |user: &str| {
            let Between { hybrids, last } = between(&image("ab", "root"), &image("aB", user));
            hybrids.into_iter().map(|hybrid| hybrid.label).chain([last]).collect::<Vec<_>>()
        };
        let layer = format!("layer 2: {}", Digest::sha256(b"B"));
        assert_eq!(labels("root"), std::slice::from_ref(&layer));
        assert_eq!(labels("nobody"), [layer, "configuration".to_owned()]);
    }
}
