//! A registry of one's own: what it is told, its start, and what it is told anew while it runs.
//!
//! ```text
//!   ServeRequest ─▶ Prepared (the configuration, and what the files say that it names) ─▶ Server ─ reload ─▶ the same anew
//!                                                                                            └─▶ Log
//! ```

mod audit_log;
mod documents;
mod events;
mod import;
mod key;
mod log;
mod prepare;
mod recovery;
mod requests;
mod server;
mod traces;

pub use import::{import, rehearse};
pub use key::{KeyRequest, MadeKey, make_key};
pub use log::{Event, Log};
pub use prepare::{Prepared, ServeRequest, configure, prepare};
pub use recovery::{audit, reindex, scrub};
pub use server::{Server, open_storage};
