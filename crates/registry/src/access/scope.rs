//! What a token is asked for: `repository:NAME:ACTION,ACTION` (the "scope" of the docker registry protocol).

use std::fmt;

use oci::RepositoryName;

use super::policy::Action;

/// Most scopes of one token.
pub(super) const SCOPES_MAX: usize = 100;

/// What is done to a repository, in the words of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeAction {
    /// To read, and to mount from it.
    Pull,
    /// To create and to update.
    Push,
    /// To delete.
    Delete,
}

impl ScopeAction {
    const ALL: [Self; 3] = [Self::Pull, Self::Push, Self::Delete];

    /// Returns the word for an action.
    pub(super) const fn of(action: Action) -> Self {
        match action {
            Action::Read | Action::Mount => Self::Pull,
            Action::Create | Action::Update => Self::Push,
            Action::Delete => Self::Delete,
        }
    }

    /// Returns what a client is told to ask for. Whoever pushes also looks whether it is there already.
    pub(super) const fn requested(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Delete => "delete",
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }
}

/// A repository and what may be done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    repository: RepositoryName,
    actions: Vec<ScopeAction>,
}

impl Scope {
    /// Reads a scope. An action that is unknown grants nothing; what is no scope of a repository is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let (repository, listed) = text.strip_prefix("repository:")?.rsplit_once(':')?;
        let is_listed = |action: &ScopeAction| listed.split(',').any(|word| word == action.as_str() || word == "*");
        let actions = ScopeAction::ALL.into_iter().filter(is_listed).collect();
        Some(Self { repository: repository.parse().ok()?, actions })
    }

    /// Tells whether the scope has an action on a repository in it.
    pub fn allows(&self, repository: &RepositoryName, action: ScopeAction) -> bool {
        self.repository == *repository && self.actions.contains(&action)
    }

    /// Keeps the actions for which `may` holds. Returns `None` when none is left.
    pub(super) fn keep(mut self, may: impl Fn(&RepositoryName, ScopeAction) -> bool) -> Option<Self> {
        let repository = self.repository;
        self.actions.retain(|action| may(&repository, *action));
        (!self.actions.is_empty()).then_some(Self { repository, actions: self.actions })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions: Vec<_> = self.actions.iter().map(|action| action.as_str()).collect();
        write!(f, "repository:{}:{}", self.repository, actions.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::{Scope, ScopeAction};

    #[test]
    fn a_scope_grants_what_it_names_and_nothing_else() {
        let app = "team/app".parse().unwrap();
        let scope = Scope::parse("repository:team/app:pull,push,fly").unwrap();
        assert!(scope.allows(&app, ScopeAction::Pull) && scope.allows(&app, ScopeAction::Push));
        assert!(!scope.allows(&app, ScopeAction::Delete));
        assert!(!scope.allows(&"team/app2".parse().unwrap(), ScopeAction::Pull));
        assert!(Scope::parse("repository:team/app:*").unwrap().allows(&app, ScopeAction::Delete));
        for text in ["", "registry:catalog:*", "repository:app", "repository:../x:pull", "repository(plugin):a:pull"] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_is_written_and_read_again(text in "repository:[a-z/.:]{0,12}:(pull|push|delete|[*]|,|x){0,6}") {
            if let Some(scope) = Scope::parse(&text) {
                proptest::prop_assert_eq!(Scope::parse(&scope.to_string()), Some(scope));
            }
        }
    }
}
