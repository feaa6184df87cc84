//! Which proxies are believed where they say for whom they ask.

use resolve::document::{DocumentError, Key, Shape, Table, key, quoted};

use super::origin::{Origin, Source};
use super::rules::list;
use crate::peer::{ForwardHeader, Network, Proxies};

/// Most networks: each request is held against all of them.
const NETWORKS_MAX: usize = 100;

pub(super) const KEYS: &[Key] = &[
    key("trusted", Shape::Texts, "Addresses and networks of the proxies that are believed; none."),
    key(
        "header",
        Shape::Choice(&["X-Forwarded-For", "Forwarded"]),
        "The one header in which they say for whom they ask; `X-Forwarded-For`. All others say nothing.",
    ),
];

/// Which proxies are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxySettings {
    trusted: Vec<Network>,
    header: ForwardHeader,
    said: Option<Origin>,
}

impl ProxySettings {
    pub(super) fn apply(&mut self, table: &Table<'_>, source: &Source<'_>) -> Result<(), DocumentError> {
        if let Some(texts) = table.texts("trusted") {
            let place = table.key("trusted").unwrap_or_else(|| table.place.clone());
            if texts.len() > NETWORKS_MAX {
                return Err(DocumentError::new(format!("`trusted` names {NETWORKS_MAX} networks at most"), place));
            }
            let network = |text: resolve::document::Text<'_>| {
                let wrong = |error: crate::peer::NetworkError| {
                    let message = format!("`{}`: {error}", text.text.escape_debug());
                    DocumentError::new(message, text.place.clone()).help("trusted = [\"10.0.0.0/8\", \"2001:db8::7\"]")
                };
                text.text.parse().map_err(wrong)
            };
            self.trusted = texts.into_iter().map(network).collect::<Result<_, _>>()?;
            self.said = Some(source.origin(place));
        }
        if let Some(text) = table.text("header") {
            self.header =
                if text.text == "Forwarded" { ForwardHeader::Forwarded } else { ForwardHeader::XForwardedFor };
        }
        Ok(())
    }

    /// Returns where it is said that proxies are there, if they are.
    pub(super) fn origin(&self) -> Option<&Origin> {
        self.said.as_ref().filter(|_| !self.trusted.is_empty())
    }

    /// Returns what a registry is told of them.
    pub(super) fn proxies(&self, tells_scheme: bool) -> Proxies {
        Proxies { trusted: self.trusted.clone(), header: self.header, tells_scheme }
    }

    /// Returns the networks as TOML writes them; `None` where there are none.
    pub(super) fn shown_trusted(&self) -> Option<String> {
        let texts: Vec<_> = self.trusted.iter().map(Network::to_string).collect();
        (!texts.is_empty()).then(|| list(&texts))
    }

    /// Returns the header as TOML writes it; `None` where nobody is believed.
    pub(super) fn shown_header(&self) -> Option<String> {
        let word = match self.header {
            ForwardHeader::XForwardedFor => "X-Forwarded-For",
            ForwardHeader::Forwarded => "Forwarded",
        };
        (!self.trusted.is_empty()).then(|| quoted(word))
    }
}
