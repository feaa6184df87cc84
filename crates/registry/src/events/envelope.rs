//! An event as it is sent: a CloudEvent in JSON, and its signature.

use aws_lc_rs::hmac;
use bytes::Bytes;
use oci::{Digest, RepositoryName};
use serde_json::{Map, Value, json};

use super::{EventEndpoint, EventKind, EventRequest};
use crate::moment;

/// The type of a CloudEvent in JSON (CloudEvents, "JSON Event Format", section 3).
const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// What the types of all events begin with.
const TYPE_PREFIX: &str = "supercargo.registry.";
/// The header of the signature: `sha256=` and the HMAC of the body in hexadecimal digits.
const SIGNATURE: &str = "x-signature";

/// An event that waits to be sent to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Of the row: in the order of the changes, as far as they had one.
    pub(crate) number: i64,
    /// The same whenever it is sent, and wherever to.
    pub(crate) id: String,
    pub(crate) kind: EventKind,
    pub(crate) repository: RepositoryName,
    pub(crate) digest: Option<Digest>,
    pub(crate) tag: Option<String>,
    /// What a tag named before.
    pub(crate) previous: Option<Digest>,
    pub(crate) media_type: Option<String>,
    /// In bytes.
    pub(crate) size: Option<i64>,
    /// The name of the user who did it, where somebody did who is known.
    pub(crate) actor: Option<String>,
    /// When it happened, in milliseconds since 1970.
    pub(crate) at: i64,
}

impl Event {
    /// Returns the event as an endpoint is told it.
    pub(crate) fn request(&self, endpoint: &EventEndpoint) -> EventRequest {
        let body = Bytes::from(self.document().to_string());
        let mut headers = vec![("content-type", CONTENT_TYPE.to_owned())];
        if let Some(secret) = &endpoint.secret {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
            let tag = hmac::sign(&key, &body);
            let digits = tag.as_ref().iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"));
            headers.push((SIGNATURE, format!("sha256={digits}")));
        }
        EventRequest { url: endpoint.url.clone(), headers, body, timeout: endpoint.timeout }
    }

    fn document(&self) -> Value {
        let mut data = Map::new();
        let mut say = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                data.insert(name.to_owned(), value);
            }
        };
        say("repository", Some(self.repository.as_str().into()));
        say("tag", self.tag.as_deref().map(Value::from));
        say("digest", self.digest.as_ref().map(|digest| digest.to_string().into()));
        say("previous", self.previous.as_ref().map(|digest| digest.to_string().into()));
        say("mediaType", self.media_type.as_deref().map(Value::from));
        say("size", self.size.map(Value::from));
        say("actor", self.actor.as_deref().map(Value::from));
        let mut document = json!({
            "specversion": "1.0",
            "id": self.id,
            "type": format!("{TYPE_PREFIX}{}", self.kind.word()),
            "source": format!("/v2/{}", self.repository),
            "subject": self.subject(),
            "datacontenttype": "application/json",
            "data": data,
        });
        if let (Some(time), Value::Object(document)) = (moment::text(self.at), &mut document) {
            document.insert("time".to_owned(), time.into());
        }
        document
    }

    /// Returns the path of what the event is about, below that of the repository.
    fn subject(&self) -> String {
        let digest = self.digest.as_ref().map(Digest::to_string).unwrap_or_default();
        match self.kind {
            EventKind::ManifestPushed | EventKind::ManifestDeleted => format!("manifests/{digest}"),
            EventKind::TagMoved | EventKind::TagDeleted => {
                format!("manifests/{}", self.tag.as_deref().unwrap_or_default())
            }
            EventKind::BlobPushed | EventKind::BlobMounted | EventKind::BlobDeleted => format!("blobs/{digest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Secret;

    #[test]
    fn an_event_is_a_cloud_event_that_is_signed() {
        let digest = Digest::sha256(b"manifest");
        let event = Event {
            number: 1,
            id: "1f".to_owned(),
            kind: EventKind::TagMoved,
            repository: "team/app".parse().unwrap(),
            digest: Some(digest),
            tag: Some("latest".to_owned()),
            previous: None,
            media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
            size: Some(8),
            actor: Some("ada".to_owned()),
            at: 1500,
        };
        let endpoint =
            EventEndpoint { secret: Some(Secret::new("key")), ..EventEndpoint::new("chat", "http://127.0.0.1:1/") };
        let request = event.request(&endpoint);
        let document: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            document,
            json!({
                "specversion": "1.0",
                "id": "1f",
                "type": "supercargo.registry.tag.moved",
                "source": "/v2/team/app",
                "subject": "manifests/latest",
                "time": "1970-01-01T00:00:01.500Z",
                "datacontenttype": "application/json",
                "data": {
                    "repository": "team/app",
                    "tag": "latest",
                    "digest": digest.to_string(),
                    "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "size": 8,
                    "actor": "ada",
                },
            })
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let (name, value) = &request.headers[1];
        let digits = value.strip_prefix("sha256=").unwrap();
        let bytes: Vec<u8> =
            (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect();
        assert_eq!(*name, "x-signature");
        hmac::verify(&key, &request.body, &bytes).unwrap();
        assert_eq!(request.headers[0].1, CONTENT_TYPE);
        assert_eq!(event.request(&endpoint).body, request.body, "the same whenever it is sent");
    }
}
