use std::collections::BTreeSet;

use graph::{Difference, Edge, Graph, NodeId};
use proptest::prelude::*;

use crate::random::{applications, tries};

/// Returns the graph of some of another's manifests.
fn part_of(graph: &Graph, keep: impl Fn(&NodeId) -> bool) -> Graph {
    let mut part = Graph::default();
    for (id, node) in graph.nodes() {
        if let Some(manifest) = node.manifest.as_ref().filter(|_| keep(id)) {
            part.add_manifest(manifest.clone());
        }
    }
    part
}

proptest! {
    #![proptest_config(tries())]

    #[test]
    fn a_graph_does_not_differ_from_itself(application in applications()) {
        let graph = application.graph();
        let mut other = graph.clone();
        // Roots are where one began to look, and not content.
        other.add_root(NodeId::manifest(oci::Digest::sha256(b"root")));
        prop_assert!(Difference::between(&graph, &other).is_empty());
    }

    #[test]
    fn what_one_lacks_the_other_has_beyond_it(application in applications(), keep in any::<u64>()) {
        let whole = application.graph();
        let part = part_of(&whole, |id| keep >> (id.digest.value()[0] % 64) & 1 == 1);
        let missing = Difference::between(&whole, &part);
        let extra = Difference::between(&part, &whole);
        prop_assert_eq!(&missing.missing_nodes, &extra.extra_nodes);
        prop_assert_eq!(&missing.extra_nodes, &extra.missing_nodes);
        prop_assert_eq!(&missing.missing_edges, &extra.extra_edges);
        prop_assert_eq!(&missing.extra_edges, &extra.missing_edges);
        let lacks = |id: &NodeId| part.node(id).is_none();
        let expected: Vec<NodeId> = whole.nodes().map(|(id, _)| *id).filter(lacks).collect();
        prop_assert_eq!(missing.missing_nodes, expected);
        let in_part: Vec<Edge> = part.edges().collect();
        let expected: BTreeSet<Edge> = whole.edges().filter(|edge| !in_part.contains(edge)).collect();
        prop_assert_eq!(missing.missing_edges.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}
