//! Where a repository is read and written, by what files say of it.

use oci::{Host, RepositoryName};
use store::StoreError;

use crate::client::Client;
use crate::repository::Repository;
use crate::routing::{Endpoint, Pulls};

/// Where a repository is read and written.
#[derive(Clone, Debug)]
pub struct Places {
    /// Those that are asked before the registry itself, in their order.
    pub mirrors: Vec<Mirror>,
    /// The registry itself, or what a file puts in its place. Where a file forbids to ask it, every request ends with
    /// [`StoreError::Blocked`].
    pub itself: Repository,
    /// What is pushed to; where there is nothing, every request ends with [`StoreError::Blocked`].
    pub destination: Repository,
}

/// A place that is asked before the registry itself.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// For which names of an image.
    pub pulls: Pulls,
    /// The repository there.
    pub repository: Repository,
}

impl Client {
    /// Returns where a repository is read and written, by the files of [`ClientOptions::routing`](crate::ClientOptions::routing). Nothing is asked.
    ///
    /// # Errors
    /// As [`Routing::route`](crate::routing::Routing::route).
    pub fn places(&self, host: &Host, name: &RepositoryName) -> Result<Places, StoreError> {
        let route = self.options().routing.route(host, Some(name))?;
        let at = |endpoint: &Endpoint| {
            let name = endpoint.repository.as_ref().unwrap_or(name);
            Repository::new(self.registry_at(endpoint), name.clone())
        };
        let forbidden = || {
            // A route without a place says which file has it so, or that the file knows only mirrors.
            let file = route.blocked.clone().or_else(|| route.endpoints.first()?.source.clone());
            Repository::new(self.forbidden(host, file.unwrap_or_default()), name.clone())
        };
        let is_pulled = |endpoint: &&Endpoint| endpoint.pulls != Pulls::NONE;
        let itself = route.endpoints.iter().filter(is_pulled).find(|endpoint| endpoint.origin);
        let mirrors = route.endpoints.iter().filter(is_pulled).filter(|endpoint| !endpoint.origin);
        Ok(Places {
            mirrors: mirrors.map(|mirror| Mirror { pulls: mirror.pulls, repository: at(mirror) }).collect(),
            itself: itself.map_or_else(forbidden, at),
            destination: route.push().map_or_else(forbidden, at),
        })
    }
}
