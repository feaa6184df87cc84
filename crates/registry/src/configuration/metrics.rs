//! Where probes and metrics are answered.

use std::net::SocketAddr;

use resolve::document::{DocumentError, Key, Shape, Table, key};

/// Where probes and metrics are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// The address of a listener for them alone.
    pub listen: Option<SocketAddr>,
    /// Whether metrics are answered on the address of the registry.
    pub public: bool,
}

pub(super) const KEYS: &[Key] = &[
    key(
        "listen",
        Shape::Text,
        "An address and a port for `/metrics`, `/livez` and `/readyz`, which are then no longer answered at `listen`; none.",
    ),
    key("public", Shape::Flag, "Whether `/metrics` is answered at `listen` of the registry, to everybody; `false`."),
];

impl Metrics {
    pub(super) fn apply(&mut self, table: &Table<'_>) -> Result<(), DocumentError> {
        if table.has("public") {
            self.public = table.flag("public");
        }
        if let Some(text) = table.text("listen") {
            self.listen = Some(text.text.parse().map_err(|_| {
                let message = format!("`{}` is no address with a port", text.text.escape_debug());
                DocumentError::new(message, text.place).help("listen = \"127.0.0.1:5002\"")
            })?);
        }
        Ok(())
    }
}
