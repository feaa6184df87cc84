//! Assertions of other issuers ("OpenID Connect"): what a CI service says, under its signature, about the job that comes with it.
//!
//! ```text
//!   assertion ─▶ Unverified ─ issuer ─▶ KeyRing ─▶ KeySet ─▶ Claims ─ issuer's conditions ─▶ Workload
//!                (a strict JWS)        (discovery, a URL or a file)   (only what a signature holds)
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `jws` | the compact form, read strictly; nothing of it is believed |
//! | `json` | JSON without duplicates, of bounded depth |
//! | `jwks` | public keys, and verifying |
//! | `claims` | what was signed: for whom, until when, about whom |
//! | `issuer` | an issuer as the configuration has it |
//! | `ring` | the keys of an issuer, fetched and kept |

mod claims;
mod issuer;
mod json;
mod jwks;
mod jws;
mod ring;

pub use claims::{Claims, Refusal, Workload};
pub use issuer::{DocumentFailure, DocumentFetch, DocumentRequest, IssuerUrl, OidcIssuer, OidcKeys};
pub use jwks::{KeySet, KeySetError};
pub use jws::{JwsAlgorithm, Unverified};

pub(super) use issuer::all_hold;
pub(super) use jws::is_like_assertion;
pub(super) use ring::{Fetching, KeyRing};

/// Largest document of keys that is read, in bytes.
pub(crate) const KEYS_MAX_BYTES: usize = 256 * 1024;
