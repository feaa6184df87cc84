//! What a token is to be good for.

use oci::RepositoryName;

/// What is to be done with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Pull,
    Push,
    Delete,
}

impl Access {
    const fn actions(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Delete => "delete,pull",
        }
    }
}

/// A set of `repository:<name>:<actions>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope(Vec<String>);

impl Scope {
    /// Returns the scope of one repository.
    pub(crate) fn of(repository: &RepositoryName, access: Access) -> Self {
        Self(vec![part(repository, access)])
    }

    /// Returns the scope of asking whether one is let in at all.
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds another repository.
    pub(crate) fn and(mut self, repository: &RepositoryName, access: Access) -> Self {
        let part = part(repository, access);
        if !self.0.contains(&part) {
            self.0.push(part);
        }
        self
    }

    /// Returns it with `*` in the place of the right to delete, which some token services do not know by its name.
    pub(crate) fn with_all_rights(&self) -> Option<Self> {
        let spelled = |part: &String| match part.rsplit_once(':') {
            Some((resource, actions)) if actions.contains("delete") => format!("{resource}:*"),
            _ => part.clone(),
        };
        let all = Self(self.0.iter().map(spelled).collect());
        (all != *self).then_some(all)
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Tells whether everything in another scope is in this one. Asking whether one is let in at all is another question.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        !other.0.is_empty() && other.parts().all(|part| self.covers(part))
    }

    /// Tells whether everything that a challenge names is in this scope, whatever the order of the actions.
    pub(crate) fn covers(&self, named: &str) -> bool {
        named.split(' ').filter(|part| !part.is_empty()).all(|part| {
            let Some((resource, actions)) = part.rsplit_once(':') else { return false };
            self.0.iter().filter_map(|own| own.rsplit_once(':')).any(|(own, own_actions)| {
                own == resource && actions.split(',').all(|action| own_actions.split(',').any(|own| own == action))
            })
        })
    }
}

fn part(repository: &RepositoryName, access: Access) -> String {
    format!("repository:{repository}:{}", access.actions())
}

#[cfg(test)]
mod tests {
    use super::{Access, Scope};

    #[test]
    fn knows_what_it_covers() {
        let scope = Scope::of(&"a/b".parse().unwrap(), Access::Push).and(&"c".parse().unwrap(), Access::Pull);
        assert_eq!(scope.parts().collect::<Vec<_>>(), ["repository:a/b:pull,push", "repository:c:pull"]);
        assert!(scope.covers("repository:a/b:push,pull"));
        assert!(scope.covers("repository:c:pull repository:a/b:pull"));
        assert!(!scope.covers("repository:a/b:delete"));
        assert!(!scope.covers("repository:project/a/b:pull"));
        assert!(!scope.covers("garbage"));
        assert_eq!(scope.with_all_rights(), None);
        let delete = Scope::of(&"a/b".parse().unwrap(), Access::Delete);
        assert_eq!(delete.with_all_rights().unwrap().parts().collect::<Vec<_>>(), ["repository:a/b:*"]);
        let narrow = Scope::of(&"a/b".parse().unwrap(), Access::Pull);
        assert!(scope.includes(&narrow) && !narrow.includes(&scope) && !scope.includes(&Scope::none()));
    }
}
