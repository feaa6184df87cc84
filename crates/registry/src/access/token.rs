//! Tokens and what they are good for.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use oci::RepositoryName;
use tokio::time::Instant;

/// Most tokens that are good at once; the oldest goes first.
const TOKENS_MAX: usize = 1000;
/// Most scopes of one token.
const SCOPES_MAX: usize = 100;

/// What is done to a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Pull,
    Push,
    Delete,
}

impl Action {
    /// Returns what a client is told to ask for. Whoever pushes also looks whether it is there already.
    pub(crate) const fn requested(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Delete => "delete",
        }
    }
}

/// A repository and what may be done to it, `repository:NAME:ACTION,ACTION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    repository: RepositoryName,
    actions: Vec<Action>,
}

impl Scope {
    /// Reads a scope. What it does not understand grants nothing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (repository, actions) = text.strip_prefix("repository:")?.rsplit_once(':')?;
        let mut granted = Vec::new();
        for action in actions.split(',') {
            match action {
                "pull" => granted.push(Action::Pull),
                "push" => granted.push(Action::Push),
                "delete" => granted.push(Action::Delete),
                "*" => granted.extend([Action::Pull, Action::Push, Action::Delete]),
                _ => {}
            }
        }
        Some(Self { repository: repository.parse().ok()?, actions: granted })
    }

    pub(crate) fn allows(&self, repository: &RepositoryName, action: Action) -> bool {
        self.repository == *repository && self.actions.contains(&action)
    }

    /// Takes away everything but the right to pull.
    pub(crate) fn keep_pull(&mut self) {
        self.actions.retain(|action| *action == Action::Pull);
    }
}

/// The tokens that were issued.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<VecDeque<Token>>);

struct Token {
    text: String,
    scopes: Vec<Scope>,
    expires: Instant,
}

impl Tokens {
    /// Returns a new token for `scopes`.
    pub(crate) fn issue(&self, mut scopes: Vec<Scope>, lifetime: Duration) -> String {
        scopes.truncate(SCOPES_MAX);
        let mut text = String::new();
        for byte in rand::random::<[u8; 32]>() {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() == TOKENS_MAX {
            tokens.pop_front();
        }
        tokens.push_back(Token { text: text.clone(), scopes, expires: Instant::now() + lifetime });
        text
    }

    /// Returns what a token is good for, or `None` when it is good for nothing any more or was never issued.
    pub(crate) fn scopes(&self, text: &str) -> Option<Vec<Scope>> {
        let now = Instant::now();
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.iter().find(|token| token.text == text && token.expires > now).map(|token| token.scopes.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Scope};

    #[test]
    fn a_scope_grants_what_it_names_and_nothing_else() {
        let app = "team/app".parse().unwrap();
        let scope = Scope::parse("repository:team/app:pull,push,fly").unwrap();
        assert!(scope.allows(&app, Action::Pull) && scope.allows(&app, Action::Push));
        assert!(!scope.allows(&app, Action::Delete));
        assert!(!scope.allows(&"team/app2".parse().unwrap(), Action::Pull));
        assert!(Scope::parse("repository:team/app:*").unwrap().allows(&app, Action::Delete));
        for text in ["", "registry:catalog:*", "repository:app", "repository:../x:pull"] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }
}
