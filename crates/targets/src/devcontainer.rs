//! `devcontainer.json`: the image, and the features, which are artifacts of a registry named by the keys of `features`.

use crate::error::TargetError;
use crate::find::Drafts;
use crate::tree::Tree;

pub(crate) fn find(source: &str, drafts: &mut Drafts) -> Result<(), TargetError> {
    let tree = Tree::json(source)?;
    for (key, value) in tree.roots().iter().flat_map(|root| tree.entries(*root)) {
        match tree.text(*key) {
            Some("image") => tree.whole(*value, 0, true, drafts)?,
            Some("features") => {
                for (feature, _) in tree.entries(*value) {
                    if tree.text(*feature).is_some_and(is_in_a_registry) {
                        // A feature is named by its tag or by its digest.
                        tree.whole(*feature, 0, false, drafts)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Tells whether a feature is named by a registry; others are directories, archives at a URL, or known to the tool.
fn is_in_a_registry(feature: &str) -> bool {
    let host = feature.split_once('/').map_or("", |(host, _)| host);
    (host.contains(['.', ':']) && !host.starts_with('.') && !feature.contains("://")) || host == "localhost"
}
