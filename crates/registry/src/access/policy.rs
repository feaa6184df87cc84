//! The one function that says who may do what.
//!
//! Rules only ever allow, so their order says nothing and none undoes another. What no rule allows is denied.

use std::fmt;

use oci::RepositoryName;
use resolve::glob::Glob;

use super::identity::Identity;
use super::oidc::{Refusal, all_hold};

/// What is done to a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// To look at what is there, or whether it is.
    Read,
    /// To bring what is not there yet: a blob, a manifest, a tag.
    Create,
    /// To move a tag that is there.
    Update,
    /// To remove a blob, a manifest or a tag.
    Delete,
    /// To take a blob from it into another repository. Whoever may read may mount.
    Mount,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 5] = [Self::Read, Self::Create, Self::Update, Self::Delete, Self::Mount];

    /// Returns the right that the action needs.
    const fn right(self) -> Self {
        match self {
            Self::Mount => Self::Read,
            action => action,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Mount => "mount",
        })
    }
}

/// By what something in a repository is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// A manifest by a tag, whichever: `latest` is one as any other.
    Tag,
    /// A manifest by its digest.
    Digest,
    /// A blob by its digest.
    Blob,
    /// An upload that is on its way, or a new one.
    Upload,
    /// The list of tags.
    Tags,
    /// What refers to a digest.
    Referrers,
    /// A pin or a legal hold on a manifest, or the list of them.
    Hold,
}

impl Reference {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Tag, Self::Digest, Self::Blob, Self::Upload, Self::Tags, Self::Referrers, Self::Hold];
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tag => "tag",
            Self::Digest => "manifest",
            Self::Blob => "blob",
            Self::Upload => "upload",
            Self::Tags => "tags",
            Self::Referrers => "referrers",
            Self::Hold => "hold",
        })
    }
}

/// For whom a rule is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Those of whom nothing is known, and with them everybody: nobody may do less because he says who he is.
    Anonymous,
    /// Every user who has said who he is. Workloads and certificates are not users: an issuer may vouch for strangers, too.
    Authenticated,
    /// The user of this name.
    User(String),
    /// The members of this group.
    Group(String),
    /// Whoever comes in by the key of this name.
    Key(String),
    /// The workloads for which an issuer vouches, and of which it claims all of this.
    Workload {
        /// The name of the issuer here.
        issuer: String,
        /// Claims, and what a value of each is like.
        claims: Vec<(String, Glob)>,
    },
    /// Those who hold a certificate for a name that is like this.
    Certificate(Glob),
}

impl Subject {
    fn is(&self, identity: &Identity) -> bool {
        match self {
            Self::Anonymous => true,
            Self::Authenticated => identity.as_user().is_some(),
            Self::User(name) => identity.as_user() == Some(name),
            Self::Group(name) => identity.is_in(name),
            Self::Key(id) => identity.key() == Some(id),
            Self::Workload { issuer, claims } => {
                identity.as_workload().is_some_and(|(by, claimed)| by == issuer && all_hold(claims, claimed))
            }
            Self::Certificate(name) => identity.as_certificate().is_some_and(|held| name.matches(held)),
        }
    }
}

/// What may be done to which repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// What the repositories' names are like; one of these must match. `*` stands for any characters, `/` among them.
    pub repositories: Vec<Glob>,
    /// What may be done: read, create, update, delete. To mount needs no mention.
    pub actions: Vec<Action>,
}

impl Allowance {
    pub(super) fn allows(&self, action: Action, repository: &RepositoryName) -> bool {
        self.actions.contains(&action.right()) && self.repositories.iter().any(|glob| glob.matches(repository.as_str()))
    }
}

/// A rule: who may do what to which repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// For whom it is: those who are any of these.
    pub subjects: Vec<Subject>,
    /// What they may do.
    pub allowance: Allowance,
}

impl Rule {
    fn allows(&self, identity: &Identity, action: Action, repository: &RepositoryName) -> bool {
        self.subjects.iter().any(|subject| subject.is(identity)) && self.allowance.allows(action, repository)
    }
}

/// Whether something may be done, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub allowed: bool,
    /// Why, or why not.
    pub why: Why,
}

/// Why something may be done or may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The registry is open to everybody.
    Open,
    /// The rule of this number allows it; the first is 1.
    Rule(usize),
    /// No rule allows it.
    NoRule,
    /// A rule allows it, but none allows to read, and nobody changes what he may not see.
    NotReadable,
    /// Content is named by what it is, and a list by what is in it; there is nothing about them to update.
    NotATag,
    /// The key by which the caller came in does not allow it, or does not allow to read.
    KeyScope,
    /// The token was not asked for with this scope.
    TokenScope,
    /// The tag is there, and it is not allowed to move it.
    TagExists,
    /// The tag is not there, and it is not allowed to create it.
    TagAbsent,
    /// Who the caller is could not be made sure.
    Unverified,
    /// The caller has not said who he is.
    Unidentified,
    /// The assertion of another issuer is not taken.
    Assertion(Refusal),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rule(number) => return write!(f, "rule {number} allows it"),
            Self::Assertion(refusal) => return refusal.fmt(f),
            Self::Open => "the registry is open",
            Self::NoRule => "no rule allows it",
            Self::NotReadable => "no rule allows to read the repository",
            Self::NotATag => "only tags are updated",
            Self::KeyScope => "the key's scope does not hold it",
            Self::TokenScope => "the token's scope does not hold it",
            Self::TagExists => "the tag exists, and may not be moved",
            Self::TagAbsent => "the tag does not exist, and may not be created",
            Self::Unverified => "the credentials are not right",
            Self::Unidentified => "authentication is required",
        })
    }
}

impl Decision {
    pub(super) const fn denied(why: Why) -> Self {
        Self { allowed: false, why }
    }
}

/// The rules of a registry. The default has none, so that nobody may do anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
}

impl Policy {
    /// Returns the policy that these rules make.
    pub const fn new(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    /// Decides whether somebody may do something to what is meant in a repository. Asks nothing but its arguments: whether the
    /// repository exists cannot show in the answer.
    ///
    /// Changes need the right to read as well, by the rules and by the key, so that no refusal of a change says what is there. Whether a tag is created or
    /// updated is known only where it is moved; whoever pushes one is asked about both.
    pub fn decide(
        &self,
        identity: &Identity,
        action: Action,
        repository: &RepositoryName,
        reference: Reference,
    ) -> Decision {
        if action == Action::Update && reference != Reference::Tag {
            return Decision::denied(Why::NotATag);
        }
        let rule = |action| self.rules.iter().position(|rule| rule.allows(identity, action, repository));
        let Some(position) = rule(action) else { return Decision::denied(Why::NoRule) };
        if rule(Action::Read).is_none() {
            return Decision::denied(Why::NotReadable);
        }
        let is_in = |scope: &[Allowance], action| scope.iter().any(|allowance| allowance.allows(action, repository));
        let in_scope = |scope: &[Allowance]| is_in(scope, action) && is_in(scope, Action::Read);
        if identity.scope().is_some_and(|scope| !in_scope(scope)) {
            return Decision::denied(Why::KeyScope);
        }
        Decision { allowed: true, why: Why::Rule(position + 1) }
    }

    /// Returns what rules ask of claims of this issuer.
    pub(super) fn claims_of<'p>(&'p self, issuer: &'p str) -> impl Iterator<Item = &'p str> {
        let subjects = self.rules.iter().flat_map(|rule| &rule.subjects);
        let claims = subjects.filter_map(move |subject| match subject {
            Subject::Workload { issuer: of, claims } if of == issuer => Some(claims),
            _ => None,
        });
        claims.flatten().map(|(name, _)| name.as_str())
    }

    /// Tells whether a rule is for those who hold a certificate.
    pub(super) fn knows_certificates(&self) -> bool {
        let is_certificate = |subject: &Subject| matches!(subject, Subject::Certificate(_));
        self.rules.iter().any(|rule| rule.subjects.iter().any(is_certificate))
    }

    /// Tells whether a rule is for those of whom nothing is known.
    pub(super) fn knows_anonymous(&self) -> bool {
        self.rules.iter().any(|rule| rule.subjects.contains(&Subject::Anonymous))
    }
}
