//! The content-addressed graph: nodes and edges over descriptors, and the algorithms every feature is made of.
//!
//! Nothing here does I/O. A [`Walk`] says which manifests, referrers and tags it needs next and is given the answers, so the
//! same walk runs over memory in a property test and over many registries at once in production. Plans are values that can
//! be printed before they are applied.
//!
//! ```text
//!   roots ──▶ Walk ◀── answers        Graph ──▶ CopyPlan ──▶ (transfer applies it)
//!               │                        │
//!               └──────▶ Graph           ├──▶ compare ──▶ Difference
//!                                        └──▶ proof   ──▶ what arrived, what did not
//!   inventory of a store ──▶ CollectionPlan
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`node`] | nodes and edges as the bytes say |
//! | [`walk`] | the closure of roots: children, referrers of referrers, conventions |
//! | [`compare`] | equality of graphs and the difference between two |
//! | [`plan`] | what a copy does, in which order |
//! | [`proof`] | what was selected against what a destination shows |
//! | [`collect`] | what a collection keeps and removes |
//! | [`genealogy`] | which image another was built on |

pub mod collect;
pub mod compare;
pub mod genealogy;
pub mod node;
pub mod plan;
pub mod proof;
pub mod walk;

pub use collect::removal::RemovalPlan;
pub use collect::{CollectionPlan, Inventory};
pub use compare::Difference;
pub use genealogy::{BaseIndex, KnownImage, LayerStack};
pub use node::{Edge, EdgeKind, Graph, Node, NodeId, Space};
pub use plan::CopyPlan;
pub use proof::{Evidence, ProofReport};
pub use walk::{Ask, Loss, Walk, WalkError, WalkOptions};
