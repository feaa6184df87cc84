//! What a registry tells of itself while it runs: whether it can serve, how much it did, and each request that it answered.
//!
//! ```text
//!   request ─▶ Watch ─▶ Counts (atomics) ─┐
//!                └────▶ RequestHook       ├─▶ Exposition (`/metrics`)
//!   storage ─▶ counts of its parts ───────┤
//!   database ─▶ what waits in its tables ─┘
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `count` | numbers that only grow, and histograms |
//! | `family` | every metric: name, kind, meaning |
//! | `exposition` | the text that Prometheus reads |
//! | `request` | one request from its head to the last byte of its answer |
//! | `trace` | the trace context of the W3C |
//! | `during` | failures, by what was going on |
//! | `render` | all of that as one text |
//! | `probe` | whether database and blobs answer |
//! | `process` | memory, files and processor time of this process |

mod count;
mod during;
mod exposition;
pub(crate) mod family;
mod probe;
mod process;
mod render;
mod request;
mod trace;

pub(crate) use count::{Counter, Gauge, Histogram};
pub(crate) use during::{During, Failures};
pub(crate) use exposition::{CONTENT_TYPE, Exposition};
pub use family::{FAMILIES, Family, Kind};
pub(crate) use probe::Probe;
pub use probe::Readiness;
pub(crate) use render::Observer;
pub(crate) use request::{Counts, Watch, reference};
pub use request::{RequestEvent, RequestHook, RouteKind};
pub use trace::TraceContext;
