use oci::{ChainId, Digest};

fn layers(names: &[&str]) -> Vec<Digest> {
    names.iter().map(|name| Digest::sha256(name.as_bytes())).collect()
}

#[test]
fn a_single_layer_names_itself() {
    assert_eq!(ChainId::of(&layers(&["a"])).unwrap().digest(), &Digest::sha256(b"a"));
    assert_eq!(ChainId::of(&[]), None);
}

#[test]
fn two_layers_are_named_by_the_hash_of_both_names() {
    // printf 'sha256:<sha256 of a> sha256:<sha256 of b>' | sha256sum
    let expected = "sha256:51c0c8ace48498d6f5fee6b0592cc06f2da0f3cbe09c5a34a97dce85c3889676";
    assert_eq!(ChainId::of(&layers(&["a", "b"])).unwrap().to_string(), expected);
    assert_eq!(expected.parse::<ChainId>().unwrap().to_string(), expected);
}

#[test]
fn every_prefix_has_the_name_that_it_has_alone() {
    let layers = layers(&["a", "b", "a", "c"]);
    let prefixes: Vec<_> = ChainId::prefixes(&layers).collect();
    let alone: Vec<_> = (1..=layers.len()).map(|height| ChainId::of(&layers[..height]).unwrap()).collect();
    assert_eq!(prefixes, alone);
    assert!(prefixes.iter().enumerate().all(|(height, chain)| !prefixes[..height].contains(chain)));
}

#[test]
fn the_order_of_layers_counts() {
    assert_ne!(ChainId::of(&layers(&["a", "b"])), ChainId::of(&layers(&["b", "a"])));
}
