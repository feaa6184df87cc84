//! The registry client, itself a [`store::Store`].
//!
//! ```text
//!  Repository (Store) ─▶ manifests tags referrers blobs download upload mount delete
//!                              │ one Call each: method, URL, scope, what to say when it fails
//!                              ▼
//!  Registry ─▶ ping, auth, redirects, retries, load; endpoint: how it is reached; learned: what it has shown
//!                              │ one Request, one Answer
//!                              ▼
//!  Transport ─▶ direct (plain HTTP/1.1, sendfile) or reqwest (TLS, proxies)
//! ```
//!
//! Every byte from outside is hostile: headers and bodies are bounded, redirects and pages counted, locations parsed by
//! [`syntax`], content verified here or by the other side where that has been seen to verify.

mod absence;
mod auth;
mod blobs;
mod client;
pub mod credentials;
mod delete;
mod direct;
mod doctor;
mod download;
mod exchange;
mod history;
mod holds;
mod host;
mod learned;
mod load;
mod manifests;
mod mount;
mod notices;
mod options;
mod pages;
mod places;
mod probe;
pub mod profile;
pub mod proxies;
mod redirect;
mod referrers;
mod refusal;
mod repository;
mod retry;
pub mod routing;
pub mod syntax;
mod tags;
mod upload;
mod urls;

pub use client::Client;
pub use credentials::{Credential, Credentials, Secret};
pub use doctor::Examine;
pub use holds::{Hold, HoldKind};
pub use options::{ClientOptions, ParallelDownloads, RetryPolicy, UploadMode};
pub use places::{Mirror, Places};
pub use proxies::Proxies;
pub use repository::Repository;
