//! A source and a destination with an observer before each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use oci::{Digest, Tag};
use store::Store;
use testkit::application::Application;
use testkit::proxy::{DelayProxy, HttpProxy};

use crate::binary::{Outcome, Program};
use crate::place::{Kind, Place};
use crate::sound;

/// The repository at both ends.
pub const REPOSITORY: &str = "team/app";

/// A source that holds an application, a destination that does not, and a program that has never run.
pub struct Scene {
    /// What is at the source.
    pub application: Application,
    /// The program.
    pub program: Program,
    /// Where the application is.
    pub source: Side,
    /// Where it goes.
    pub destination: Side,
}

/// One end of a copy. The program reaches a registry through the proxy; the test itself goes around it.
pub struct Side {
    /// The place.
    pub place: Place,
    proxy: Option<HttpProxy>,
    _network: Option<DelayProxy>,
}

impl Side {
    /// Puts an observer before a place.
    pub async fn before(place: Place) -> Self {
        let proxy = if place.kind.is_registry() { Some(HttpProxy::start(place.address()).await) } else { None };
        Self { place, proxy, _network: None }
    }

    /// Puts an observer and a slow network before a place.
    pub async fn slowly_before(place: Place, delay: Duration) -> Self {
        if !place.kind.is_registry() {
            return Self::before(place).await;
        }
        let network = DelayProxy::start(place.address(), delay).await.unwrap();
        Self { proxy: Some(HttpProxy::start(network.address()).await), place, _network: Some(network) }
    }

    /// Returns the observer of a registry.
    ///
    /// # Panics
    /// When this is no registry.
    pub fn proxy(&self) -> &HttpProxy {
        self.proxy.as_ref().unwrap_or_else(|| panic!("{:?} has no observer", self.place.kind))
    }

    /// Returns what a user would type for the repository, through the observer, without a tag.
    pub fn reference(&self) -> String {
        self.reference_of(REPOSITORY)
    }

    /// Returns what a user would type for another repository, through the observer, without a tag.
    pub fn reference_of(&self, repository: &str) -> String {
        match &self.proxy {
            Some(proxy) => format!("{}/{repository}", proxy.host()),
            None => self.place.reference(repository),
        }
    }

    /// Opens the repository, around the observer.
    pub fn store(&self) -> Arc<dyn Store> {
        self.place.read(REPOSITORY)
    }

    /// Returns what the tags point to that name versions. A place that does not exist yet has none.
    pub async fn versions(&self) -> BTreeMap<Tag, Digest> {
        let mut versions = BTreeMap::new();
        if !self.place.kind.is_registry() && !self.place.path(REPOSITORY).exists() {
            return versions;
        }
        let store = self.store();
        for tag in store.tags().await.unwrap().into_iter().filter(|tag| !tag.is_attachment()) {
            let descriptor = store.resolve(&tag).await.unwrap().unwrap();
            versions.insert(tag, descriptor.digest);
        }
        versions
    }
}

impl Scene {
    /// Sets a scene; `None` when a peer is not installed, which has been said then.
    pub async fn open(from: Kind, to: Kind, application: Application) -> Option<Self> {
        Some(Self::between(Place::open(from).await?, Place::open(to).await?, application).await)
    }

    /// Sets a scene between two places.
    pub async fn between(source: Place, destination: Place, application: Application) -> Self {
        source.fill(REPOSITORY, &application).await;
        let (source, destination) = (Side::before(source).await, Side::before(destination).await);
        Self { application, program: Program::default(), source, destination }
    }

    /// Sets a scene between two places that are slow to reach: every byte arrives after this delay.
    pub async fn slowly_between(source: Place, destination: Place, application: Application, delay: Duration) -> Self {
        source.fill(REPOSITORY, &application).await;
        let source = Side::slowly_before(source, delay).await;
        let destination = Side::slowly_before(destination, delay).await;
        Self { application, program: Program::default(), source, destination }
    }

    /// Returns the arguments of a copy of one tag.
    pub fn arguments<'a>(&self, tag: &str, options: &[&'a str]) -> Vec<std::borrow::Cow<'a, str>> {
        let ends = [format!("{}:{tag}", self.source.reference()), format!("{}:{tag}", self.destination.reference())];
        let mut arguments = vec!["copy".into()];
        arguments.extend(ends.map(Into::into));
        arguments.extend(options.iter().map(|option| (*option).into()));
        arguments
    }

    /// Copies one tag from the source to the destination.
    pub fn copy(&self, tag: &str, options: &[&str]) -> Outcome {
        let arguments = self.arguments(tag, options);
        self.program.run(&arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>())
    }

    /// Copies one tag and expects that it fails with this exit code, that the error says these texts, and that nothing
    /// half-written is left: the destination's tags are as they were.
    pub async fn fails(&self, code: i32, tag: &str, options: &[&str], says: &[&str]) -> Outcome {
        let before = self.destination.versions().await;
        let outcome = self.copy(tag, options).expect_code(code);
        outcome.assert_explained();
        outcome.assert_says(says);
        assert_eq!(self.destination.versions().await, before, "a tag has moved\n{outcome}");
        if self.destination.place.kind == Kind::Layout {
            sound::assert_sound_layout(&self.destination.place.path(REPOSITORY));
        }
        outcome
    }

    /// Copies one tag and expects that everything arrives.
    pub async fn succeeds(&self, tag: &str, options: &[&str]) -> Outcome {
        let outcome = self.copy(tag, options).expect_code(0);
        self.assert_arrived(tag).await;
        outcome
    }

    /// Expects that everything a tag names is at the destination.
    pub async fn assert_arrived(&self, tag: &str) {
        let tag: Tag = tag.parse().unwrap();
        let named = self.application.tags().iter().find(|(found, _)| *found == tag).unwrap().1;
        let store = self.destination.store();
        let closure = testkit::read::read_tags(&*store, &[tag]).await.unwrap();
        assert_eq!(closure.losses, []);
        let difference = graph::Difference::between(&self.application.graph_of([named]), &closure.graph);
        assert!(difference.is_empty(), "{difference:#?}");
        sound::assert_tags_are_complete(&*store, "the destination").await;
    }
}
