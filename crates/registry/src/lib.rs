//! The server: the distribution-spec's pull, push, tag, delete and referrers routes over any [`store::Store`].
//!
//! ```text
//!   RunningRegistry ─▶ Registry ─▶ access ─▶ routes/ ─▶ Repositories ─▶ Store
//!     (a socket)       (a function)   │         └─▶ upload (files and hashes of what is on its way in)
//!                                     └─ one place decides who may do what
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`route`], [`query`], [`range`] | paths, queries and ranges as values; no I/O |
//! | [`Registry`] | request in, response out |
//! | [`RunningRegistry`] | the same on a socket |
//! | [`Repositories`] | where the repositories are: [`MemoryRepositories`], [`DirectoryRepositories`], or your own |
//! | [`RegistryOptions`] | what is served and to whom |

mod access;
mod context;
mod error;
mod incoming;
mod options;
mod outgoing;
mod page;
pub mod query;
pub mod range;
mod registry;
mod repositories;
pub mod route;
mod routes;
mod serve;
mod upload;

pub use options::{Access, Credentials, FailureHook, RegistryOptions};
pub use registry::Registry;
pub use repositories::{DirectoryRepositories, MemoryRepositories, Repositories};
pub use serve::RunningRegistry;
