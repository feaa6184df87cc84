//! Users, groups and rules that the tests of access share.
//!
//! | who | may, in `team/*` |
//! |---|---|
//! | nobody known | nothing; in `public/*` read |
//! | stranger | nothing |
//! | reader | read |
//! | creator | read, create |
//! | updater | read, update |
//! | writer | read, create, update |
//! | cleaner | read, delete |
//! | blind | create, update, delete, without read |
//! | owner | everything |

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use base64::Engine as _;
use registry::access::{
    AccessOptions, Action, Allowance, DecisionHook, Groups, Rule, SigningKey, Subject, TokenOptions, Users,
};
use registry::{Access, BlobMemory, Clock, Keeping, RegistryOptions, Storage};
use resolve::glob::Glob;

use crate::server::Server;

pub(crate) const PEOPLE: [&str; 8] =
    ["stranger", "reader", "creator", "updater", "writer", "cleaner", "blind", "owner"];

/// One hash for all, for making many takes long.
static HASH: LazyLock<String> = LazyLock::new(|| bcrypt::hash("word", 4).unwrap());

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

/// The header of one of the people, with the right password.
pub(crate) fn by(user: &str) -> String {
    basic(user, "word")
}

pub(crate) fn users() -> Users {
    let lines = PEOPLE.map(|name| format!("{name}:{}", *HASH));
    Users::parse(&lines.join("\n")).unwrap()
}

pub(crate) fn allowance(repositories: &str, actions: &[Action]) -> Allowance {
    Allowance { repositories: vec![Glob::parse(repositories).unwrap()], actions: actions.to_vec() }
}

pub(crate) fn rule(subject: Subject, repositories: &str, actions: &[Action]) -> Rule {
    Rule { subjects: vec![subject], allowance: allowance(repositories, actions) }
}

pub(crate) fn user(name: &str) -> Subject {
    Subject::User(name.to_owned())
}

pub(crate) fn group(name: &str) -> Subject {
    Subject::Group(name.to_owned())
}

pub(crate) fn rules() -> Vec<Rule> {
    use Action::{Create, Delete, Read, Update};
    vec![
        rule(Subject::Anonymous, "public/*", &[Read]),
        rule(user("reader"), "team/*", &[Read]),
        rule(user("creator"), "team/*", &[Read, Create]),
        rule(user("updater"), "team/*", &[Read, Update]),
        rule(user("writer"), "team/*", &[Read, Create, Update]),
        rule(user("cleaner"), "team/*", &[Read, Delete]),
        rule(user("blind"), "team/*", &[Create, Update, Delete]),
        rule(group("owners"), "team/*", &[Read, Create, Update, Delete]),
    ]
}

pub(crate) fn groups() -> Groups {
    Groups::parse("owners: owner\n").unwrap()
}

pub(crate) fn options() -> AccessOptions {
    AccessOptions { users: users(), groups: groups(), rules: rules(), ..AccessOptions::default() }
}

pub(crate) fn token_options() -> TokenOptions {
    TokenOptions {
        refresh_lifetime: Some(Duration::from_hours(24)),
        ..TokenOptions::new(SigningKey::from_bytes(&[7; 32]).unwrap(), "registry.example")
    }
}

pub(crate) fn access(options: AccessOptions) -> Access {
    Access::Rules(Box::new(options))
}

pub(crate) fn with(options: AccessOptions) -> Server {
    Server::with(RegistryOptions { access: access(options), ..RegistryOptions::default() })
}

/// Puts an image tagged `v1` into some repositories, whoever may, and gives the storage to a server with these options.
pub(crate) async fn filled(repositories: &[&str], options: RegistryOptions) -> Server {
    let storage = Storage::in_memory();
    let open = Server::over(storage.clone(), RegistryOptions::default());
    for repository in repositories {
        open.put_image(repository, "v1", "image").await;
    }
    Server::over(storage, options)
}

/// A log of decisions, as lines.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    pub(crate) fn hook(&self) -> DecisionHook {
        let lines = Arc::clone(&self.0);
        DecisionHook::new(move |event| lines.lock().unwrap().push(event.to_string()))
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A clock that goes when it is told to.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicU64>);

impl Default for TestClock {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(1_800_000_000_000)))
    }
}

impl TestClock {
    pub(crate) fn storage(&self) -> Storage {
        let now = Arc::clone(&self.0);
        let clock = Clock::new(move || Duration::from_millis(now.load(Ordering::Relaxed)));
        Storage::in_memory_with(Arc::new(BlobMemory::default()), clock, Keeping::default())
    }

    pub(crate) fn advance(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}
