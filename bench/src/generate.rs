//! The part of the corpus that is made by code: the same bytes in every run.

use std::path::Path;

use anyhow::{Context, Result};
use testkit::application::{Application, ApplicationBuilder, Image, application_of};
use testkit::seed::Seed;

/// Images of the layout [`SMALL_IMAGES`], tagged `image-00` and so on.
pub const SMALL_IMAGE_COUNT: usize = 30;

/// Layers of each of them.
const SMALL_IMAGE_LAYERS: usize = 8;

/// Incompressible bytes of their layers: at least, and at most.
const SMALL_LAYER_BYTES: (usize, usize) = (4 * 1024, 64 * 1024);

/// Images of the layout [`APPLICATION`].
pub const APPLICATION_IMAGE_COUNT: usize = 20;

/// Incompressible bytes of each of their three layers.
const APPLICATION_LAYER_BYTES: usize = 200 * 1024;

/// The layout of many images of small layers, no two of which are the same.
pub const SMALL_IMAGES: &str = "small-images";

/// The layout of an application: the tag `application` names an index of image indexes, which have the tags `image-0`
/// and so on. There is a signature on each image index, and on each manifest an SBOM with a signature on it.
pub const APPLICATION: &str = "application";

/// Writes both layouts into a directory.
pub fn generate(directory: &Path) -> Result<()> {
    let application = application_of(APPLICATION_IMAGE_COUNT, 1, 3, APPLICATION_LAYER_BYTES);
    for (name, content) in [(SMALL_IMAGES, small_images()), (APPLICATION, application)] {
        let layout = directory.join(name);
        std::fs::create_dir_all(&layout).with_context(|| format!("cannot create {}", layout.display()))?;
        content.write_layout(&layout);
        let (blobs, manifests) = (content.blobs().count(), content.manifests().len());
        println!("{name}: {manifests} manifests, {blobs} blobs, {} bytes of blobs", content.blob_bytes());
    }
    Ok(())
}

/// Returns the tag of a small image.
pub fn small_image_tag(number: usize) -> String {
    format!("image-{number:02}")
}

fn small_images() -> Application {
    let (least, most) = SMALL_LAYER_BYTES;
    let mut sizes = Seed::new(4);
    let mut builder = ApplicationBuilder::new(5);
    for image in 0..SMALL_IMAGE_COUNT {
        let mut layers = Vec::new();
        for layer in 0..SMALL_IMAGE_LAYERS {
            let range = u64::try_from(most - least).unwrap_or(1);
            let beyond = usize::try_from(sizes.next() % range).unwrap_or(0);
            layers.push(builder.layer(&format!("image-{image}-layer-{layer}"), least + beyond));
        }
        let descriptor = builder.image(&Image::new("linux/amd64", &layers));
        builder.tag(&small_image_tag(image), &descriptor);
    }
    builder.build()
}
