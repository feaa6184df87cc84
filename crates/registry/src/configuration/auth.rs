//! Who is known, and what they may do.

use std::path::PathBuf;
use std::time::Duration;

use resolve::document::{DocumentError, Table};

use super::files::{self, ReadFile, shown};
use super::keys::{AUTH, TOKENS};
use super::oidc::{self, OidcEntry};
use super::origin::{Origin, Said, Source};
use super::read::duration;
use super::rules::{self, KeyEntry, RuleEntry, everywhere, name_of};
use super::{Configuration, ConfigurationError};
use crate::access::{
    AccessOptions, Action, Allowance, ApiKey, Groups, Rule, SigningKey, Subject, TokenOptions, USERS_FILE_MAX_BYTES,
    Users,
};
use crate::options::Access;

/// Largest file of a key that seals tokens, in bytes.
const TOKEN_KEY_MAX_BYTES: usize = 4096;
/// Most keys that seal tokens.
const TOKEN_KEYS_MAX: usize = 16;
/// What the registry calls itself to those who ask for tokens, unless it is said otherwise.
const SERVICE: &str = "supercargo";

/// What everybody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// Read, create, update and delete everything.
    Everything,
    /// Read everything.
    Pull,
    /// What rules say, and nothing else.
    Nothing,
}

/// Who is known, and what they may do.
#[derive(Clone, Debug)]
pub struct Auth {
    pub(super) anonymous: Option<Anonymous>,
    pub(super) htpasswd: Option<Said<PathBuf>>,
    pub(super) groups: Option<Vec<(String, Vec<String>)>>,
    pub(super) groups_file: Option<Said<PathBuf>>,
    pub(super) remember: Duration,
    pub(super) keys: Vec<KeyEntry>,
    pub(super) tokens: Option<Tokens>,
    pub(super) oidc: Vec<OidcEntry>,
    pub(super) rules: Vec<RuleEntry>,
}

/// How tokens are issued.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub(super) keys: Vec<Said<PathBuf>>,
    pub(super) service: Option<Said<String>>,
    pub(super) realm: Option<Said<String>>,
    pub(super) lifetime: Duration,
    pub(super) refresh_lifetime: Option<Duration>,
    pub(super) required: bool,
}

impl Anonymous {
    const WORDS: [(&str, Self); 3] =
        [("everything", Self::Everything), ("pull", Self::Pull), ("nothing", Self::Nothing)];

    /// Returns the word that says so.
    pub(super) fn word(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, choice)| *choice == self).map_or("", |(word, _)| word)
    }

    fn rule(self) -> Option<Rule> {
        let actions = match self {
            Self::Everything => vec![Action::Read, Action::Create, Action::Update, Action::Delete],
            Self::Pull => vec![Action::Read],
            Self::Nothing => return None,
        };
        let allowance = Allowance { repositories: everywhere(), actions };
        Some(Rule { subjects: vec![Subject::Anonymous], allowance })
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            anonymous: None,
            htpasswd: None,
            groups: None,
            groups_file: None,
            remember: AccessOptions::default().verified_for,
            keys: Vec::new(),
            tokens: None,
            oidc: Vec::new(),
            rules: Vec::new(),
        }
    }
}

impl Default for Tokens {
    fn default() -> Self {
        let usual = TokenOptions::new(SigningKey::random(), SERVICE);
        Self {
            keys: Vec::new(),
            service: None,
            realm: None,
            lifetime: usual.lifetime,
            refresh_lifetime: usual.refresh_lifetime,
            required: usual.required,
        }
    }
}

impl Auth {
    pub(super) fn apply(&mut self, root: &Table<'_>, source: &Source<'_>) -> Result<(), DocumentError> {
        if root.has("rules") {
            self.rules = rules::rules(root, source)?;
        }
        let Some(table) = root.table("auth", AUTH)? else { return Ok(()) };
        if let Some(text) = table.text("anonymous") {
            self.anonymous =
                Anonymous::WORDS.into_iter().find(|(word, _)| *word == text.text).map(|(_, choice)| choice);
        }
        source.path(&table, "htpasswd", &mut self.htpasswd)?;
        if table.has("groups") {
            let mut groups = Vec::new();
            for (group, members) in table.texts_map("groups") {
                let name = name_of(group.text, "group", &group.place)?;
                let members = members.iter().map(|member| name_of(member.text, "user", &member.place));
                groups.push((name, members.collect::<Result<_, _>>()?));
            }
            self.groups = Some(groups);
        }
        source.path(&table, "groups-file", &mut self.groups_file)?;
        duration(&table, "remember", &mut self.remember)?;
        if table.has("keys") {
            self.keys = rules::keys(&table, source)?;
        }
        if table.has("oidc") {
            self.oidc = oidc::read(&table.list("oidc", oidc::KEYS)?, source)?;
        }
        if let Some(tokens) = table.table("tokens", TOKENS)? {
            self.tokens.get_or_insert_default().apply(&tokens, source)?;
        }
        Ok(())
    }

    /// Tells whether anything says who may do what.
    pub(super) fn is_said(&self) -> bool {
        self.anonymous.is_some() || self.knows_somebody().is_some() || !self.rules.is_empty()
    }

    /// Returns where it is said that somebody could come in with a password, a key or an assertion.
    pub(super) fn knows_somebody(&self) -> Option<&Origin> {
        let htpasswd = self.htpasswd.as_ref().map(|file| &file.origin);
        let key = || self.keys.first().map(|entry| &entry.key.origin);
        htpasswd.or_else(key).or_else(|| self.oidc.first().map(OidcEntry::origin))
    }

    /// Checks what can be known without a look at files. `certificates` is where it is said that clients show some.
    pub(super) fn check(&self, certificates: Option<&Origin>) -> Result<(), ConfigurationError> {
        if let Some(origin) = self.knows_somebody().or(certificates)
            && self.rules.is_empty()
            && self.anonymous != Some(Anonymous::Everything)
        {
            let help = "[[rules]]   # repositories = [\"*\"], users = [\"*\"], actions = [\"read\", \"create\", \"update\", \"delete\"]";
            return Err(origin.error_with_help("users are known here, and no rule says what they may do", help));
        }
        Ok(())
    }
}

impl Tokens {
    fn apply(&mut self, table: &Table<'_>, source: &Source<'_>) -> Result<(), DocumentError> {
        if let Some(texts) = table.texts("keys") {
            if texts.len() > TOKEN_KEYS_MAX || texts.iter().any(|text| text.text.is_empty()) {
                let place = table.key("keys").unwrap_or_else(|| table.place.clone());
                return Err(DocumentError::new(format!("`keys` names {TOKEN_KEYS_MAX} files at most"), place));
            }
            let file = |text: resolve::document::Text<'_>| source.said(source.directory.join(text.text), text.place);
            self.keys = texts.into_iter().map(file).collect();
        }
        for (name, value) in [("service", &mut self.service), ("realm", &mut self.realm)] {
            source.text(table, name, value)?;
            // Both stand in a header, between quotes.
            let is_bad =
                |text: &str| text.contains(['"', '\\']) || !text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
            if let Some(said) = value
                && is_bad(&said.value)
            {
                let message = format!("`{name}` has quotes, backslashes or characters beyond ASCII");
                return Err(DocumentError::new(message, said.origin.place()));
            }
        }
        if let Some(said) = self.realm.as_ref().filter(|said| said.value.contains('@')) {
            // Every client is told it.
            return Err(DocumentError::new("`realm` has a user in it", said.origin.place()));
        }
        duration(table, "lifetime", &mut self.lifetime)?;
        if table.has("refresh-lifetime") {
            let mut lifetime = Duration::ZERO;
            duration(table, "refresh-lifetime", &mut lifetime)?;
            self.refresh_lifetime = Some(lifetime);
        }
        if table.has("required") {
            self.required = table.flag("required");
        }
        Ok(())
    }

    pub(super) fn service(&self) -> &str {
        self.service.as_ref().map_or(SERVICE, |said| &said.value)
    }

    fn options(
        &self,
        is_https: bool,
        process_key: &SigningKey,
        read: ReadFile<'_>,
    ) -> Result<TokenOptions, ConfigurationError> {
        let key = |file: &Said<PathBuf>| {
            let bytes = files::bytes(file, TOKEN_KEY_MAX_BYTES, read)?;
            SigningKey::from_bytes(&bytes).map_err(|error| {
                let help = "openssl rand -out token.key 64";
                file.origin.error_with_help(format!("{}: {error}", shown(&file.value)), help)
            })
        };
        let mut keys = self.keys.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            keys.push(process_key.clone());
        }
        Ok(TokenOptions {
            keys,
            realm: self.realm.as_ref().map(|said| said.value.clone()),
            is_https,
            lifetime: self.lifetime,
            refresh_lifetime: self.refresh_lifetime,
            required: self.required,
            ..TokenOptions::new(process_key.clone(), self.service())
        })
    }
}

impl Configuration {
    /// Returns who may come in and do what, with what is odd about it: users that rules name and nobody knows, and keys of users who are not in
    /// the file of users, by which nobody comes in. Tokens are sealed by `process_key` where no file of a key is named.
    ///
    /// # Errors
    /// [`ConfigurationError`] when a file cannot be read, or a rule names a group or a key that is not there.
    pub fn access(
        &self,
        process_key: &SigningKey,
        read: ReadFile<'_>,
    ) -> Result<(Access, Vec<ConfigurationError>), ConfigurationError> {
        let auth = &self.auth;
        let is_open = matches!(auth.anonymous, None | Some(Anonymous::Everything));
        if is_open && auth.knows_somebody().is_none() && auth.rules.is_empty() {
            return Ok((Access::Open, Vec::new()));
        }
        let users = auth.htpasswd.as_ref().map(|file| users(file, read)).transpose()?.unwrap_or_default();
        let mut groups = auth.groups_file.as_ref().map(|file| groups(file, read)).transpose()?.unwrap_or_default();
        for (group, members) in auth.groups.iter().flatten() {
            groups.declare(group);
            for member in members {
                groups.add(group, member);
            }
        }
        let tokens = auth.tokens.as_ref();
        let tokens = tokens.map(|tokens| tokens.options(self.is_https(), process_key, read)).transpose()?;
        let (entries, ended): (Vec<&KeyEntry>, Vec<&KeyEntry>) =
            auth.keys.iter().partition(|entry| auth.htpasswd.is_none() || users.has(&entry.key.value.user));
        let mut odd = auth.named(&users, &groups, &entries)?;
        odd.extend(ended.into_iter().map(ended_with_user));
        let keys = entries.into_iter().map(|entry| entry.key.value.clone()).collect();
        let rules = auth.rules.iter().map(RuleEntry::rule).chain(auth.anonymous.and_then(Anonymous::rule)).collect();
        let issuers = auth.oidc.iter().map(|entry| entry.issuer(read)).collect::<Result<_, _>>()?;
        let options = AccessOptions { users, groups, keys, rules, tokens, verified_for: auth.remember, issuers };
        Ok((Access::Rules(Box::new(options)), odd))
    }
}

impl Auth {
    /// Looks whether everybody is there whom rules name. Users come and go in a file of their own, and one who went must not keep the rest
    /// from being read, so they are only told of.
    fn named(
        &self,
        users: &Users,
        groups: &Groups,
        good: &[&KeyEntry],
    ) -> Result<Vec<ConfigurationError>, ConfigurationError> {
        let mut odd = Vec::new();
        for subject in self.rules.iter().flat_map(|rule| &rule.subjects) {
            match &subject.value {
                Subject::Group(name) if !groups.has(name) => {
                    return Err(subject.origin.error(format!("there is no group `{}`", name.escape_debug())));
                }
                Subject::Key(id) if !self.keys.iter().any(|entry| entry.key.value.id == *id) => {
                    return Err(subject.origin.error(format!("there is no key `{}`", id.escape_debug())));
                }
                Subject::User(name) if !users.has(name) && !good.iter().any(|entry| entry.key.value.user == *name) => {
                    odd.push(subject.origin.error(format!("nobody can come in as `{}`", name.escape_debug())));
                }
                Subject::Workload { issuer, claims } => {
                    let Some(entry) = self.oidc.iter().find(|entry| entry.name.value == *issuer) else {
                        return Err(subject.origin.error(format!("there is no issuer `{}`", issuer.escape_debug())));
                    };
                    if claims.is_empty() && entry.takes_everybody() {
                        let message =
                            format!("the rule is for everybody for whom `{issuer}` vouches: no claim is asked for");
                        odd.push(subject.origin.error(message));
                    }
                }
                _ => {}
            }
        }
        Ok(odd)
    }
}

/// Returns what is told of a key whose user is not in the file of users: who was taken out of it must not come in by another door.
fn ended_with_user(entry: &KeyEntry) -> ConfigurationError {
    let ApiKey { id, user, .. } = &entry.key.value;
    let (id, user) = (id.escape_debug(), user.escape_debug());
    let help = format!("htpasswd -B -n {user}   # a line for the file; a robot gets a password that nobody keeps");
    entry
        .key
        .origin
        .error_with_help(format!("nobody comes in by the key `{id}`: `{user}` is not in the file of users"), &help)
}

fn users(file: &Said<PathBuf>, read: ReadFile<'_>) -> Result<Users, ConfigurationError> {
    let text = files::text(file, USERS_FILE_MAX_BYTES, read)?;
    Users::parse(&text).map_err(|error| file.origin.error(format!("{}: {error}", shown(&file.value))))
}

fn groups(file: &Said<PathBuf>, read: ReadFile<'_>) -> Result<Groups, ConfigurationError> {
    let text = files::text(file, USERS_FILE_MAX_BYTES, read)?;
    Groups::parse(&text).map_err(|error| file.origin.error(format!("{}: {error}", shown(&file.value))))
}
