//! Content that nobody has seen before, without a price: many bytes that are always the same, and a few behind them that
//! never are. The hash of the former is computed once.

use std::io;

use oci::{Algorithm, Digest, Hasher};
use serde_json::json;

use crate::load::Part;

/// The type of every manifest that is pushed.
pub const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

/// Bytes with their digest.
#[derive(Clone, Debug)]
pub struct Blob {
    pub parts: Vec<Part>,
    pub digest: Digest,
    pub size: usize,
}

impl Blob {
    /// Returns a blob of these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::sha256(&bytes), size: bytes.len(), parts: vec![Part::new(bytes)] }
    }

    /// Returns a copy of its bytes.
    ///
    /// # Errors
    /// What reading them brings.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let parts: Vec<Vec<u8>> = self.parts.iter().map(Part::read).collect::<io::Result<_>>()?;
        Ok(parts.concat())
    }
}

/// What layers of one size begin with.
#[derive(Clone)]
pub struct Material {
    base: Part,
    hasher: Hasher,
}

impl Material {
    /// Returns the beginning of layers of this size and 16 bytes more.
    pub fn new(size: usize) -> Self {
        // Any bytes that do not compress (xorshift64).
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut word = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        let base: Vec<u8> = std::iter::repeat_with(&mut word).flatten().take(size).collect();
        let mut hasher = Algorithm::Sha256.hasher();
        hasher.update(&base);
        Self { base: Part::new(base), hasher }
    }

    /// Returns the layer of this number.
    pub fn layer(&self, number: u64) -> Blob {
        let tail = format!("{number:016}").into_bytes();
        let mut hasher = self.hasher.clone();
        hasher.update(&tail);
        let size = self.base.length() + tail.len();
        Blob { parts: vec![self.base.clone(), Part::new(tail)], digest: hasher.finish(), size }
    }
}

/// Returns the config of this number.
pub fn config(number: u64) -> Blob {
    let labels = json!({"bench.number": number.to_string()});
    let rootfs = json!({"type": "layers", "diff_ids": []});
    let config = json!({"architecture": "amd64", "os": "linux", "config": {"Labels": labels}, "rootfs": rootfs});
    Blob::new(config.to_string().into_bytes())
}

/// Returns the manifest of this number over a config and a layer.
pub fn manifest(number: u64, config: &Blob, layer: &Blob) -> Blob {
    let descriptor =
        |media_type: &str, blob: &Blob| json!({"mediaType": media_type, "digest": blob.digest, "size": blob.size});
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE,
        "config": descriptor(CONFIG_TYPE, config),
        "layers": [descriptor(LAYER_TYPE, layer)],
        "annotations": {"bench.number": number.to_string()},
    });
    Blob::new(manifest.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_has_the_digest_of_all_its_parts_and_no_two_are_equal() {
        // The beginning of the larger ones is in a file.
        let [small, large] = [1000, 100_000].map(Material::new);
        for layer in [small.layer(1), small.layer(2), large.layer(1), large.layer(2)] {
            let whole = layer.bytes().unwrap();
            assert_eq!((layer.size, layer.digest), (whole.len(), Digest::sha256(&whole)));
        }
        assert_ne!(small.layer(1).digest, small.layer(2).digest);
    }
}
