//! Repositories in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use oci::RepositoryName;
use store::{MemoryStore, Store, StoreError};

use super::Repositories;

/// Repositories in memory, for tests and tours: they live as long as this value does.
#[derive(Debug, Default)]
pub struct MemoryRepositories {
    stores: RwLock<BTreeMap<RepositoryName, Arc<MemoryStore>>>,
}

#[async_trait]
impl Repositories for MemoryRepositories {
    async fn open(&self, name: &RepositoryName, create: bool) -> Result<Option<Arc<dyn Store>>, StoreError> {
        let found = self.stores.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let store = match found {
            None if create => {
                let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
                let store = stores.entry(name.clone()).or_insert_with(|| Arc::new(MemoryStore::new(name.as_str())));
                Some(Arc::clone(store))
            }
            found => found,
        };
        Ok(store.map(|store| store as Arc<dyn Store>))
    }

    async fn names(&self) -> Result<Vec<RepositoryName>, StoreError> {
        Ok(self.stores.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect())
    }
}
