//! Pushes as operations of several requests.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context, Result};

use super::image::{Blob, MEDIA_TYPE, Material, config, manifest};
use super::server::Server;
use crate::load::{self, Answer, Measured, Request, Script, Step, Until};

/// A part of an operation.
pub enum Action {
    /// POST and PUT of a blob.
    Upload {
        repository: String,
        blob: Blob,
    },
    Send(Request),
}

/// An operation.
pub type Job = Vec<Action>;

/// Takes jobs from a list that all connections share.
pub struct Worker<I> {
    address: SocketAddr,
    jobs: Rc<RefCell<I>>,
    rest: VecDeque<Action>,
    /// A blob whose session was asked for.
    uploading: Option<Blob>,
}

/// Returns a script for each of so many connections.
pub fn workers<I: Iterator<Item = Job>>(address: SocketAddr, connections: usize, jobs: I) -> Vec<Worker<I>> {
    let jobs = Rc::new(RefCell::new(jobs));
    let worker = || Worker { address, jobs: Rc::clone(&jobs), rest: VecDeque::new(), uploading: None };
    std::iter::repeat_with(worker).take(connections).collect()
}

/// Does all jobs.
pub fn run(server: &Server, connections: usize, jobs: impl Iterator<Item = Job>) -> Result<Measured> {
    load::run(server.address(), workers(server.address(), connections, jobs), Until::Scripts)
}

impl<I: Iterator<Item = Job>> Script for Worker<I> {
    fn next(&mut self, answer: Option<&Answer>) -> Result<Step> {
        if let Some(blob) = self.uploading.take() {
            let location = answer.and_then(|answer| answer.header("location")).context("no Location")?;
            return Ok(Step::Continue(self.put(std::str::from_utf8(location)?, &blob)));
        }
        if let Some(action) = self.rest.pop_front() {
            return Ok(Step::Continue(self.begin(action)));
        }
        let job = self.jobs.borrow_mut().next();
        self.rest = job.unwrap_or_default().into();
        Ok(match self.rest.pop_front() {
            Some(action) => Step::Begin(self.begin(action)),
            None => Step::End,
        })
    }
}

impl<I> Worker<I> {
    fn begin(&mut self, action: Action) -> Request {
        match action {
            Action::Send(request) => request,
            Action::Upload { repository, blob } => {
                self.uploading = Some(blob);
                let path = format!("/v2/{repository}/blobs/uploads/");
                Request::with_body("POST", self.address, &path, &[], 202, &[])
            }
        }
    }

    fn put(&self, location: &str, blob: &Blob) -> Request {
        let path = location.strip_prefix(&format!("http://{}", self.address)).unwrap_or(location);
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{separator}digest={}", blob.digest);
        let headers = ["Content-Type: application/octet-stream"];
        Request::with_body("PUT", self.address, &path, &headers, 201, &blob.parts)
    }
}

/// Returns the request that puts a manifest under a name.
pub fn put_manifest(address: SocketAddr, repository: &str, name: &str, manifest: &Blob) -> Request {
    let path = format!("/v2/{repository}/manifests/{name}");
    let header = format!("Content-Type: {MEDIA_TYPE}");
    Request::with_body("PUT", address, &path, &[&header], 201, &manifest.parts)
}

/// Returns the push of an image with a layer and a config of its own: under a tag, or untagged. Returns its digest too.
pub fn push(
    address: SocketAddr,
    repository: &str,
    tag: Option<&str>,
    material: &Material,
    number: u64,
) -> (Job, oci::Digest) {
    let (layer, config) = (material.layer(number), config(number));
    let manifest = manifest(number, &config, &layer);
    let name = tag.map_or_else(|| manifest.digest.to_string(), str::to_owned);
    let put = put_manifest(address, repository, &name, &manifest);
    let upload = |blob| Action::Upload { repository: repository.to_owned(), blob };
    (vec![upload(layer), upload(config), Action::Send(put)], manifest.digest)
}

/// Returns the pushes of images that share a config and a layer, one for each name; the first job brings those. Returns their
/// digests too.
pub fn light_images(
    address: SocketAddr,
    repository: &str,
    tags: impl Iterator<Item = String>,
) -> (Job, Vec<Job>, Vec<oci::Digest>) {
    let (layer, config) = (Material::new(1000).layer(0), config(0));
    let upload = |blob: &Blob| Action::Upload { repository: repository.to_owned(), blob: blob.clone() };
    let shared = vec![upload(&layer), upload(&config)];
    let mut digests = Vec::new();
    let mut jobs = Vec::new();
    for (number, tag) in (0..).zip(tags) {
        let manifest = manifest(number, &config, &layer);
        digests.push(manifest.digest);
        jobs.push(vec![Action::Send(put_manifest(address, repository, &tag, &manifest))]);
    }
    (shared, jobs, digests)
}
