//! Fetching the keys of issuers.

use std::error::Error as _;

use async_trait::async_trait;
use registry::access::{DocumentFailure, DocumentFetch, DocumentRequest};

/// Fetches documents by HTTPS alone, each with a client of its own: that is rare, and issuers are trusted by authorities of their own. Redirects are not
/// followed, and proxies that the environment names are not used.
#[derive(Clone, Copy, Debug)]
pub(super) struct HttpsFetch;

#[async_trait]
impl DocumentFetch for HttpsFetch {
    async fn fetch(&self, request: DocumentRequest) -> Result<Vec<u8>, DocumentFailure> {
        let DocumentRequest { url, authorities, max_bytes, timeout } = request;
        let mut builder = super::events::builder().https_only(true).timeout(timeout).pool_max_idle_per_host(0);
        if let Some(pem) = authorities {
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| failure(&error))?;
            builder = builder.tls_certs_only(certificates);
        }
        let client = builder.build().map_err(|error| failure(&error))?;
        let mut response = client.get(url).send().await.map_err(|error| failure(&error))?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(DocumentFailure(format!("it was answered with status {}", response.status().as_u16())));
        }
        let mut document = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| failure(&error))? {
            if document.len() + piece.len() > max_bytes {
                return Err(DocumentFailure(format!("it has more than {max_bytes} bytes")));
            }
            document.extend_from_slice(&piece);
        }
        Ok(document)
    }
}

fn failure(error: &reqwest::Error) -> DocumentFailure {
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    DocumentFailure(causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}")))
}
