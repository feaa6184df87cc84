//! Bad input of every kind: a clear error, the right exit code, nothing half-written.

mod archives;
mod bodies;
mod credentials;
mod disk;
mod graphs;
mod manifests;
mod shown;
