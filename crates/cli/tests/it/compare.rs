//! `diff` of two images.

use testkit::application::{ApplicationBuilder, Image};

use crate::desk::Desk;

/// Puts two images into the layout `images`, which share their lowest layer.
fn two_images(desk: &Desk) {
    let mut builder = ApplicationBuilder::new(7);
    let base = builder.layer("base", 300);
    for (tag, bytes) in [("1.0", 100), ("1.1", 200)] {
        let own = builder.layer(tag, bytes);
        let image =
            Image::new("linux/amd64", &[base.clone(), own]).created(&format!("2026-0{}-01T00:00:00Z", bytes / 100));
        let image = builder.image(&image);
        builder.tag(tag, &image);
    }
    builder.build().write_layout(&desk.path("images"));
}

#[test]
fn two_images_are_compared_layer_by_layer() {
    let desk = Desk::new();
    two_images(&desk);
    let said = desk.ok(&["diff", "oci:images:1.0", "oci:images:1.1"]);
    insta::assert_snapshot!(said, @r#"
             FROM                                                                     TO
    digest   sha256:d03509da74d2eeb7eaf46758f33831fe15d0caddd015c4ce7db3ac2978c3e2d1  sha256:c47bdb030ae1fd641b0fb83d4f80d7d682dd788e979538c05fb4f9913c36dc15
    created  2026-01-01T00:00:00Z                                                     2026-02-01T00:00:00Z

    LAYER           DIGEST                                                                      SIZE  MADE BY
    2      removed  sha256:90ecc22f1a755994392a569edee4a44f0a4de109a2a8bad8ddd56ff27229a3ad  7.70 kB  testkit
    2      added    sha256:045f4e0d6854624419bc4b33062326394fcdaad67996d240d8ab956e91cbb032  7.70 kB  testkit
    "#);
    let document = desk.json(&["diff", "oci:images:1.0", "oci:images:1.1"]);
    assert_eq!(document["schema"], "supercargo.diff.v1");
    let layers = document["images"]["layers"].as_array().unwrap();
    let told: Vec<_> =
        layers.iter().map(|layer| (layer["change"].as_str().unwrap(), layer["number"].as_u64())).collect();
    assert_eq!(told, [("removed", Some(2)), ("added", Some(2))]);
    assert_eq!(desk.run(&["diff", "oci:images:1.0", "oci:images:1.1", "--exit-code"]).code, 1);
    assert_eq!(desk.ok(&["diff", "oci:images:1.0", "oci:images:1.0", "--exit-code"]), "");
}

#[test]
fn an_image_is_not_compared_with_a_lock() {
    let desk = Desk::new();
    two_images(&desk);
    let said = desk.fails(&["diff", "oci:images:1.0", "HEAD"], 2);
    assert!(said.contains("an image is compared with an image"), "{said}");
    let said = desk.fails(&["diff", "oci:images:1.0", "oci:images:2.0"], 9);
    assert!(said.contains("2.0"), "{said}");
}
