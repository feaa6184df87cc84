//! Whose the uploads are that end with their requests, so that nobody has all the room there is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many uploads everybody has who has any.
#[derive(Clone, Default)]
pub(super) struct Owners(Arc<Mutex<HashMap<String, usize>>>);

/// One upload of somebody, which counts until this is dropped.
pub(crate) struct Share {
    owners: Owners,
    owner: String,
}

impl Owners {
    /// Counts another upload of somebody; `None` where he has as many as he may.
    pub(super) fn share(&self, owner: String, most: usize) -> Option<Share> {
        let mut counts = self.counts();
        let count = counts.get(&owner).copied().unwrap_or(0);
        if count >= most {
            return None;
        }
        counts.insert(owner.clone(), count + 1);
        drop(counts);
        Some(Share { owners: self.clone(), owner })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = self.owners.counts();
        let left = counts.get(&self.owner).copied().unwrap_or(0).saturating_sub(1);
        if left == 0 {
            counts.remove(&self.owner);
        } else {
            counts.insert(std::mem::take(&mut self.owner), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Owners;

    #[test]
    fn everybody_has_a_share_and_gives_it_back() {
        let owners = Owners::default();
        let first = owners.share("ada".to_owned(), 2).unwrap();
        let _second = owners.share("ada".to_owned(), 2).unwrap();
        assert!(owners.share("ada".to_owned(), 2).is_none() && owners.share("bob".to_owned(), 2).is_some());
        drop(first);
        assert!(owners.share("ada".to_owned(), 2).is_some());
        assert_eq!(owners.counts().len(), 1, "who has none is forgotten");
    }
}
