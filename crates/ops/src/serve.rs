//! A registry of one's own: what it is told, its start, and what it is told anew while it runs.
//!
//! ```text
//!   ServeRequest ─▶ Prepared (the configuration, and what the files say that it names) ─▶ Server ─ reload ─▶ the same anew
//!                                                                                            └─▶ Log
//! ```

mod audit_log;
mod documents;
mod events;
mod hold;
mod import;
mod key;
mod log;
mod prepare;
mod recovery;
mod requests;
mod retention;
mod server;
mod traces;

pub use hold::{HeldReport, Hold, HoldKind, HoldRequest, HoldsReport, add_hold, list_holds, remove_hold};
pub use import::{import, rehearse};
pub use key::{KeyRequest, MadeKey, make_key};
pub use log::{Event, Log};
pub use prepare::{Prepared, ServeRequest, configure, prepare};
pub use recovery::{audit, reindex, scrub};
pub use retention::{JudgedTags, judge_tags};
pub use server::{Server, open_storage};
