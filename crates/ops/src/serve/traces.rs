//! Sending spans over HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use registry::{SpanAnswer, SpanFailure, SpanRequest, SpanSender, TraceSettings, Traces};
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderValue};

use super::events::{HttpSender, reason, retry_after};
use crate::error::OpsError;

/// Returns what takes traces, if they go anywhere.
pub(super) fn traces(settings: Option<TraceSettings>) -> Result<Option<Traces>, OpsError> {
    let Some(settings) = settings else { return Ok(None) };
    let sender = HttpSender::new().map_err(|error| {
        OpsError::usage(format!("traces cannot be sent: {error}"), "supercargo serve --check".to_owned())
    })?;
    Ok(Some(Traces::new(settings, Arc::new(sender))))
}

#[async_trait]
impl SpanSender for HttpSender {
    async fn send_spans(&self, request: SpanRequest) -> Result<SpanAnswer, SpanFailure> {
        let SpanRequest { url, headers, body, timeout } = request;
        let json = HeaderValue::from_static("application/json");
        let mut outgoing = self.0.post(url).timeout(timeout).header(CONTENT_TYPE, json).body(body);
        for (name, value) in headers {
            let value = HeaderValue::try_from(value.reveal());
            let mut value = value.map_err(|_| SpanFailure(format!("the header {name} cannot be sent")))?;
            value.set_sensitive(true);
            outgoing = outgoing.header(name, value);
        }
        let response = outgoing.send().await.map_err(|error| SpanFailure(reason(&error.without_url())))?;
        let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
        Ok(SpanAnswer { status, retry_after, body: beginning(response).await })
    }
}

/// Returns the beginning of a body, as far as it comes.
async fn beginning(mut response: Response) -> Bytes {
    let mut body = BytesMut::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = SpanAnswer::BODY_MAX_BYTES - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if body.len() >= SpanAnswer::BODY_MAX_BYTES {
            break;
        }
    }
    body.freeze()
}
