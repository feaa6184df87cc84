//! A registry in memory and requests to it, without a network.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt as _;
use oci::{Algorithm, Digest};
use registry::{Registry, RegistryOptions, Storage};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry, which may have several nodes, and the directory that it needs.
pub(crate) struct Server(pub(crate) Registry, Arc<Nodes>);

struct Nodes {
    /// Those that are asked, one after the other.
    all: Vec<Registry>,
    next: AtomicUsize,
    directory: Option<Arc<TempDir>>,
}

impl Default for Server {
    fn default() -> Self {
        Self::with(RegistryOptions::default())
    }
}

impl Server {
    pub(crate) fn with(options: RegistryOptions) -> Self {
        Self::over(Storage::in_memory(), options)
    }

    pub(crate) fn over(storage: Storage, options: RegistryOptions) -> Self {
        Self::of(vec![Registry::new(storage, options)], None)
    }

    /// Returns a registry of nodes that take turns. There is at least one.
    pub(crate) fn of(all: Vec<Registry>, directory: Option<Arc<TempDir>>) -> Self {
        Self(all[0].clone(), Arc::new(Nodes { all, next: AtomicUsize::new(0), directory }))
    }

    /// Returns the directory of a registry that has one.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.1.directory.as_ref().unwrap().path()
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        *request.uri_mut() = path.parse().unwrap();
        let turn = self.1.next.fetch_add(1, Ordering::Relaxed);
        Call { registry: self.1.all[turn % self.1.all.len()].clone(), request }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path).send().await
    }

    pub(crate) async fn head(&self, path: &str) -> Reply {
        self.call("HEAD", path).send().await
    }

    pub(crate) async fn post(&self, path: &str) -> Reply {
        self.call("POST", path).send().await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path).send().await
    }

    /// Puts a blob named by sha256 into a repository.
    pub(crate) async fn put_blob(&self, repository: &str, content: &[u8]) -> Digest {
        let digest = Digest::sha256(content);
        let call = self.call("POST", &format!("/v2/{repository}/blobs/uploads/?digest={digest}"));
        call.body(content.to_vec()).send().await.expect(201);
        digest
    }

    /// Begins an upload and returns its path.
    pub(crate) async fn begin(&self, repository: &str) -> String {
        let begun = self.post(&format!("/v2/{repository}/blobs/uploads/")).await;
        begun.expect(202).header("location").to_owned()
    }

    pub(crate) async fn put_manifest(&self, repository: &str, reference: &str, kind: &str, document: &Value) -> Reply {
        let call = self.call("PUT", &format!("/v2/{repository}/manifests/{reference}"));
        call.header("content-type", kind).body(document.to_string()).send().await
    }

    /// Puts an image manifest without layers, with its config, and returns its digest.
    pub(crate) async fn put_image(&self, repository: &str, tag: &str, text: &str) -> Digest {
        let document = image(&[], None, text);
        self.put_blob(repository, b"{}").await;
        self.put_manifest(repository, tag, MANIFEST, &document).await.expect(201);
        digest(&document)
    }

    /// Puts an artifact about `subject`, by its digest, and returns the digest.
    pub(crate) async fn put_artifact(
        &self,
        repository: &str,
        subject: &Digest,
        artifact_type: &str,
        text: &str,
    ) -> Digest {
        let mut document = image(&[], Some(subject), text);
        document["artifactType"] = json!(artifact_type);
        self.put_blob(repository, b"{}").await;
        let artifact = digest(&document);
        self.put_manifest(repository, &artifact.to_string(), MANIFEST, &document).await.expect(201);
        artifact
    }
}

pub(crate) struct Call {
    registry: Registry,
    request: Request<Body>,
}

impl Call {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().append(name, value.parse().unwrap());
        self
    }

    /// Comes with a certificate for this name.
    pub(crate) fn certificate(mut self, name: &str) -> Self {
        let certificate =
            registry::access::ClientCertificate::new(Some(name.to_owned()), Digest::sha256(name.as_bytes()));
        self.request.extensions_mut().insert(certificate);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    /// Gives the request what a connection would.
    pub(crate) fn extension(mut self, extension: impl Clone + Send + Sync + 'static) -> Self {
        self.request.extensions_mut().insert(extension);
        self
    }

    /// Sends these pieces and then breaks the connection.
    pub(crate) fn broken_body(self, pieces: &[&[u8]]) -> Self {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        self.body(Body::from_stream(stream::iter(pieces.into_iter().chain([Err(reset)]))))
    }

    pub(crate) async fn send(self) -> Reply {
        let response = self.registry.respond(self.request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(parts.headers["docker-distribution-api-version"], "registry/2.0", "on every answer");
        Reply { status: parts.status, headers: parts.headers, body }
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// Fails unless this is an error of the form that the specification demands.
    #[track_caller]
    pub(crate) fn expect_error(self, status: u16, code: &str) -> Self {
        let reply = self.expect(status);
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.header("content-length"), reply.body.len().to_string());
        let entry = &reply.json()["errors"][0];
        assert_eq!(entry["code"], code, "{reply:?}");
        assert!(entry["message"].as_str().is_some_and(|message| !message.is_empty()), "{reply:?}");
        reply
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{name} is missing: {self:?}")).to_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn assert_headers(&self, expected: &[(&str, &str)]) {
        for (name, value) in expected {
            assert_eq!(self.header(name), *value, "{name}");
        }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) fn digest(document: &Value) -> Digest {
    Algorithm::Sha256.digest(document.to_string().as_bytes())
}

/// An image manifest whose config is `{}`.
pub(crate) fn image(layers: &[&[u8]], subject: Option<&Digest>, text: &str) -> Value {
    let layer = |content: &&[u8]| descriptor("application/vnd.oci.image.layer.v1.tar", content);
    let mut document = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", b"{}"),
        "layers": layers.iter().map(layer).collect::<Vec<_>>(),
        "annotations": { "text": text },
    });
    if let Some(subject) = subject {
        document["subject"] = json!({ "mediaType": MANIFEST, "digest": subject, "size": 1 });
    }
    document
}

pub(crate) fn index(children: &[Value]) -> Value {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": children })
}

pub(crate) fn descriptor(kind: &str, content: &[u8]) -> Value {
    json!({ "mediaType": kind, "digest": Digest::sha256(content), "size": content.len() })
}
