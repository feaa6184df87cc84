//! What helpers have said, so that each is asked once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::helper::Helper;
use super::{Credential, place};

type Answer = Result<Option<Credential>, String>;

/// Answers by helper and place.
type Answers = HashMap<(Helper, String), Arc<OnceCell<Answer>>>;

/// The answers of helpers. Whoever wants one that is being waited for waits, too.
#[derive(Clone, Default)]
pub(super) struct Asked(Arc<Mutex<Answers>>);

impl Asked {
    /// Returns what a helper has for a place.
    pub(super) async fn ask(&self, helper: &Helper, place: &str) -> Answer {
        let answer = {
            let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(answers.entry((helper.clone(), place.to_owned())).or_default())
        };
        let asked = answer.get_or_init(|| async {
            // Docker keeps what is for its hub under a URL, podman under the name.
            let written = place::written(place);
            match helper.get(written).await {
                Ok(None) if written != place => helper.get(place).await,
                answered => answered,
            }
        });
        asked.await.clone()
    }
}
