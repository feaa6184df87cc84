//! Finding out what a registry does and does not do, by asking it.
//!
//! ```text
//!  Client::examine ─▶ Exam: asks, notes what was seen of each ability
//!                       ├ reading    what is absent, manifests, parts of blobs
//!                       ├ tags       pages and order of the list
//!                       ├ referrers  the list, its filter, its strangers
//!                       ├ uploads    how blobs come, and what is verified          only where it may write
//!                       └ publishing manifests, tags, conditions, deletions        only where it may write
//! ```
//!
//! A registry that answers otherwise than was hoped is what is looked for and no error: the examination goes on.

mod publishing;
mod reading;
mod referrers;
mod reply;
mod tags;
mod uploads;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Digest, Host, RepositoryName, Tag, Timestamp};
use reqwest::Url;
use serde::Deserialize;
use store::StoreError;

use self::reply::Reply;
use crate::auth::Access;
use crate::client::Client;
use crate::host::Call;
use crate::profile::{Ability, Check, Examination, Found, Quirk, RegistryProfile};
use crate::repository::Repository;

/// Largest answer that is read, in bytes: a list of tags that does not come in pages.
const ANSWER_MAX_BYTES: usize = 32 * 1024 * 1024;

/// What is to be looked at.
#[derive(Clone, Debug, Default)]
pub struct Examine {
    /// A repository in which to look. Without one the first is taken that the registry names, if it names any.
    pub repository: Option<RepositoryName>,
    /// An image in it, by its tag. Without one the first is taken.
    pub tag: Option<Tag>,
    /// Whether to write to the repository, too. What is made is removed again as far as the registry lets us.
    pub write: bool,
}

impl Client {
    /// Asks a registry what it does and does not do, and keeps what was seen (see [`ClientOptions::profiles`](crate::ClientOptions::profiles)).
    /// Where it is cancelled, an upload or a manifest of the examination may be left in the repository it writes to.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when it does not answer at all; as [`Client::places`]; [`StoreError::File`] when what was
    /// seen cannot be kept.
    pub async fn examine(&self, host: &Host, what: Examine) -> Result<Examination, StoreError> {
        let nowhere = absent_name()?;
        let start = self.places(host, &nowhere)?.itself;
        start.registry().base().await?;
        let mut exam = Exam::of(start);
        exam.sign_in();
        let repository = match what.repository {
            Some(named) => Some(named),
            None => exam.first_repository().await,
        };
        exam.absent_repository().await;
        if let Some(name) = &repository {
            let places = self.places(host, name)?;
            exam.repository = places.itself;
            exam.read(what.tag).await;
            if what.write {
                exam.repository = places.destination;
                exam.write().await;
            }
        }
        let Exam { profile, left, .. } = exam;
        self.options().profiles.add(host, profile.clone())?;
        Ok(Examination { repository, profile, left })
    }
}

/// An examination under way.
struct Exam {
    repository: Repository,
    profile: RegistryProfile,
    left: Vec<String>,
    now: Timestamp,
}

/// A request to be made.
struct Question {
    method: Method,
    url: Url,
    /// What is asked for, for people; without what a registry has put into a URL.
    what: String,
    access: Access,
    headers: HeaderMap,
    body: Option<Bytes>,
    /// What a redirect has to name to be followed.
    named: Option<Digest>,
}

impl Question {
    fn new(method: Method, url: Url, what: &str, access: Access) -> Self {
        Self { method, url, what: what.to_owned(), access, headers: HeaderMap::new(), body: None, named: None }
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.headers.insert(name, value);
        }
        self
    }

    fn body(mut self, media_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self.with(CONTENT_TYPE, media_type)
    }
}

impl Exam {
    fn of(repository: Repository) -> Self {
        let profile = RegistryProfile::new(repository.registry().name());
        let now = repository.registry().options.profiles.now();
        Self { repository, profile, left: Vec::new(), now }
    }

    /// Returns the question for something in the repository.
    async fn question(&self, method: Method, place: &str, access: Access) -> Result<Question, Reply> {
        match self.repository.url(place).await {
            Ok(url) => Ok(Question::new(method, url, place, access)),
            Err(error) => Err(Reply::none(place, &error)),
        }
    }

    /// Asks for something in the repository.
    async fn get(&self, place: &str) -> Reply {
        self.ask_for(Method::GET, place, Access::Pull, |question| question).await
    }

    /// Asks for something in the repository, with what `make` adds to the question.
    async fn ask_for(
        &self,
        method: Method,
        place: &str,
        access: Access,
        make: impl FnOnce(Question) -> Question,
    ) -> Reply {
        match self.question(method, place, access).await {
            Ok(question) => self.ask(make(question)).await,
            Err(reply) => reply,
        }
    }

    /// Asks.
    async fn ask(&self, question: Question) -> Reply {
        let action = format!("the question for {}", question.what);
        let context = self.repository.context(&action, question.access);
        let said = format!("{} {}", question.method, question.what);
        let mut call = Call::new(question.method, question.url, context);
        (call.headers, call.body, call.named) = (question.headers, question.body, question.named);
        Reply::of(said, self.repository.registry().call_whole(call, ANSWER_MAX_BYTES).await).await
    }

    fn note(&mut self, ability: Ability, found: Found, evidence: impl Into<String>) {
        self.profile.checks.insert(ability, Check::new(found, evidence.into(), self.now));
    }

    /// Notes a quirk, or that there is none.
    fn judge(&mut self, quirk: Option<Quirk>, ability: Ability, evidence: impl Into<String>) {
        self.note(ability, quirk.map_or(Found::Standard, Found::Quirk), evidence);
    }

    /// Tells whether a quirk was found; `None` when that was not seen.
    fn has(&self, quirk: Quirk) -> Option<bool> {
        self.profile.has(quirk, self.now)
    }

    fn unknown(&mut self, ability: Ability, why: impl Into<String>) {
        self.note(ability, Found::Unknown, why);
    }

    fn sign_in(&mut self) {
        let wants = self.repository.registry().wants();
        self.note(Ability::SignIn, Found::Standard, wants);
    }

    /// Returns the first repository that the registry names.
    async fn first_repository(&mut self) -> Option<RepositoryName> {
        #[derive(Deserialize)]
        struct Catalog {
            #[serde(default)]
            repositories: Vec<String>,
        }
        let mut question = self.question(Method::GET, "", Access::Pull).await.ok()?;
        question.url.set_path(&format!("{}/_catalog", self.repository.registry().api_path()));
        question.url.set_query(Some("n=100"));
        "_catalog?n=100".clone_into(&mut question.what);
        let reply = self.ask(question).await;
        let names = reply.json::<Catalog>().map(|catalog| catalog.repositories).unwrap_or_default();
        self.note(Ability::Catalog, Found::Standard, format!("{reply}, {} repositories", names.len()));
        names.iter().find_map(|name| name.parse().ok())
    }
}

/// Returns a name that no repository has.
fn absent_name() -> Result<RepositoryName, StoreError> {
    let name = format!("supercargo-doctor/absent-{:016x}", rand::random::<u64>());
    name.parse().map_err(|_| StoreError::Unsupported { location: name.clone(), action: "be a name" })
}

/// Returns a tag that names nothing.
pub(crate) fn absent_tag() -> String {
    format!("supercargo-absent-{:016x}", rand::random::<u64>())
}

/// Returns the digest of something that nobody has.
pub(crate) fn absent_digest() -> Digest {
    Digest::sha256(&rand::random::<[u8; 32]>())
}

/// Returns what to say of an answer to a question for something that is not there.
fn absence(reply: &Reply, denied: Quirk, other: Quirk) -> Found {
    match reply.status() {
        None | Some(429 | 500..) => Found::Unknown,
        Some(404) => Found::Standard,
        Some(401 | 403) => Found::Quirk(denied),
        Some(_) => Found::Quirk(other),
    }
}

const _: () = assert!(ANSWER_MAX_BYTES >= MANIFEST_MAX_BYTES);
