//! Certificates of the tests' own, good for a hundred years.
//!
//! | file | is |
//! |---|---|
//! | `authority.pem` | who has signed those of servers |
//! | `server.pem`, `server.key` | of `localhost`, `127.0.0.1`, `::1`, `registry.test` and what is below it |
//! | `elsewhere.pem`, `elsewhere.key` | of `elsewhere.test` alone |
//! | `expired.pem`, `expired.key` | of this machine and `registry.test`, until 2021 |
//! | `clients.pem` | who has signed that of a client |
//! | `client.pem`, `client.key` | of a client |

use std::path::{Path, PathBuf};

/// Returns the path of one of these files.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("certificates").join(name)
}
