use std::collections::BTreeMap;

use graph::{EdgeKind, Evidence, Graph, NodeId, ProofReport};
use oci::{Digest, Tag};
use proptest::prelude::*;
use proptest::sample::Index;
use testkit::application::Application;

use crate::random::{applications, tries};

/// What a destination shows that has everything.
fn evidence(application: &Application, graph: &Graph) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.present.extend(graph.nodes().map(|(id, _)| *id));
    for edge in graph.edges().filter(|edge| edge.kind == EdgeKind::Subject) {
        evidence.referrers.entry(edge.to.digest).or_default().insert(edge.from.digest);
    }
    evidence.tags.extend(application.tags().iter().cloned());
    evidence.tags.extend(application.convention_tags().clone());
    evidence
}

fn promised(application: &Application) -> BTreeMap<Tag, Digest> {
    application.tags().iter().cloned().collect()
}

proptest! {
    #![proptest_config(tries())]

    #[test]
    fn a_proof_holds_when_everything_is_shown(application in applications()) {
        let graph = application.graph();
        let mut shown = evidence(&application, &graph);
        let report = ProofReport::new(&graph, |_| true, &promised(&application), &shown);
        prop_assert!(report.holds(), "{:?}", report);
        prop_assert_eq!((report.nodes, report.edges), (graph.len(), graph.edges().count()));
        prop_assert_eq!(&report.extra_referrers, &vec![]);
        // More referrers are reported and are no error.
        let root = application.roots()[0].digest;
        let stranger = Digest::sha256(b"another artifact");
        shown.referrers.entry(root).or_default().insert(stranger);
        let report = ProofReport::new(&graph, |_| true, &promised(&application), &shown);
        prop_assert!(report.holds());
        prop_assert_eq!(report.extra_referrers, vec![(root, stranger)]);
    }

    #[test]
    fn a_node_that_is_not_shown_is_named(application in applications(), which in any::<Index>()) {
        let graph = application.graph();
        let mut shown = evidence(&application, &graph);
        let nodes: Vec<NodeId> = graph.nodes().map(|(id, _)| *id).collect();
        let lost = *which.get(&nodes);
        shown.present.remove(&lost);
        let report = ProofReport::new(&graph, |_| true, &promised(&application), &shown);
        prop_assert!(!report.holds());
        prop_assert_eq!(report.missing_nodes, vec![lost]);
        let report = ProofReport::new(&graph, |id| *id != lost, &promised(&application), &shown);
        prop_assert!(report.holds(), "what was not selected is not missed");
    }

    #[test]
    fn an_edge_that_is_not_shown_is_named(application in applications(), which in any::<Index>()) {
        let graph = application.graph();
        let written = |edge: &graph::Edge| !edge.kind.is_content() && graph.node(&edge.to).is_some();
        let edges: Vec<_> = graph.edges().filter(written).collect();
        prop_assume!(!edges.is_empty());
        let lost = *which.get(&edges);
        let mut shown = evidence(&application, &graph);
        match lost.kind {
            EdgeKind::Convention(suffix) => drop(shown.tags.remove(&Tag::convention(&lost.to.digest, suffix))),
            _ => drop(shown.referrers.get_mut(&lost.to.digest).unwrap().remove(&lost.from.digest)),
        }
        let report = ProofReport::new(&graph, |_| true, &promised(&application), &shown);
        prop_assert!(!report.holds());
        prop_assert_eq!(report.missing_edges, vec![lost]);
    }

    #[test]
    fn a_tag_that_points_elsewhere_is_named(application in applications(), which in any::<Index>(), gone in any::<bool>()) {
        let graph = application.graph();
        let (tag, _) = which.get(application.tags()).clone();
        let mut shown = evidence(&application, &graph);
        let other = (!gone).then(|| Digest::sha256(b"elsewhere"));
        match other {
            Some(other) => drop(shown.tags.insert(tag.clone(), other)),
            None => drop(shown.tags.remove(&tag)),
        }
        let report = ProofReport::new(&graph, |_| true, &promised(&application), &shown);
        prop_assert!(!report.holds());
        prop_assert_eq!(report.wrong_tags, vec![(tag, other)]);
    }

    #[test]
    fn what_is_there_has_what_it_is_made_of(application in applications()) {
        let graph = application.graph();
        let mut shown = evidence(&application, &graph);
        // Only manifests that no other manifest is made of were asked for.
        let is_part = |id: &NodeId| graph.edges_to(id).any(|edge| edge.kind.is_content());
        shown.present.retain(|id| !is_part(id));
        shown.assume_content_of_present(&graph);
        prop_assert!(ProofReport::new(&graph, |_| true, &promised(&application), &shown).holds());
    }
}
