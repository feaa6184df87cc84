//! Rules and keys, as the file has them.

use std::ops::Range;
use std::time::Duration;

use oci::Digest;
use oci::date::{Date, Timestamp};
use resolve::document::{DocumentError, Table, Text, quoted};
use resolve::glob::Glob;

use super::keys::{EVERY_USER, KEYS, RULES};
use super::oidc::{self, ClaimPatterns};
use super::origin::{Said, Source};
use crate::access::{Action, Allowance, ApiKey, Rule, Subject, is_name};

type Result<T> = std::result::Result<T, DocumentError>;

/// Most rules, and most keys: every request looks at all rules.
const RULES_MAX: usize = 1000;
const KEYS_MAX: usize = 10_000;
/// Most texts in one list of a rule.
const TEXTS_MAX: usize = 1000;
/// Longest pattern, in bytes.
const PATTERN_MAX_BYTES: usize = 255;
/// What can be allowed.
const ACTIONS: [(&str, Action); 4] =
    [("read", Action::Read), ("create", Action::Create), ("update", Action::Update), ("delete", Action::Delete)];

/// A rule, and where it says for whom it is.
#[derive(Clone, Debug)]
pub struct RuleEntry {
    pub(super) subjects: Vec<Said<Subject>>,
    pub(super) patterns: Vec<String>,
    claims: ClaimPatterns,
    certificates: Vec<String>,
    pub(super) allowance: Allowance,
}

/// A key, and where it stands.
#[derive(Clone, Debug)]
pub struct KeyEntry {
    pub(super) key: Said<ApiKey>,
    pub(super) patterns: Vec<String>,
}

impl RuleEntry {
    pub(super) fn rule(&self) -> Rule {
        Rule {
            subjects: self.subjects.iter().map(|subject| subject.value.clone()).collect(),
            allowance: self.allowance.clone(),
        }
    }

    /// Returns the rule as a table in one line.
    pub(super) fn shown(&self) -> String {
        let named = |of: fn(&Subject) -> Option<&str>| -> Vec<String> {
            self.subjects.iter().filter_map(|subject| of(&subject.value)).map(str::to_owned).collect()
        };
        let users = named(|subject| match subject {
            Subject::User(name) => Some(name),
            Subject::Authenticated => Some(EVERY_USER),
            _ => None,
        });
        let groups = named(|subject| if let Subject::Group(name) = subject { Some(name) } else { None });
        let keys = named(|subject| if let Subject::Key(id) = subject { Some(id) } else { None });
        let mut fields =
            vec![("repositories", list(&self.patterns)), ("actions", list(&words(&self.allowance.actions)))];
        let issuer = named(|subject| if let Subject::Workload { issuer, .. } = subject { Some(issuer) } else { None });
        let certificates = self.certificates.clone();
        let lists = [("users", users), ("groups", groups), ("keys", keys), ("certificates", certificates)];
        fields
            .extend(lists.into_iter().filter(|(_, names)| !names.is_empty()).map(|(name, names)| (name, list(&names))));
        fields.extend(issuer.first().map(|issuer| ("issuer", quoted(issuer))));
        fields.extend(self.claims.shown().map(|claims| ("claims", claims)));
        if self.subjects.iter().any(|subject| subject.value == Subject::Anonymous) {
            fields.push(("everyone", "true".to_owned()));
        }
        inline(&fields)
    }
}

impl KeyEntry {
    /// Returns the key as a table in one line. What it hashes to is no secret: nobody finds 32 random bytes by it.
    pub(super) fn shown(&self) -> String {
        let key = &self.key.value;
        let mut fields = vec![
            ("id", quoted(&key.id)),
            ("user", quoted(&key.user)),
            ("hash", quoted(&key.hash.to_string())),
            ("repositories", list(&self.patterns)),
            ("actions", list(&key.scope.first().map(|scope| words(&scope.actions)).unwrap_or_default())),
        ];
        if let Some(at) = key.expires_at.and_then(|at| Timestamp::from_seconds(i64::try_from(at.as_secs()).ok()?)) {
            fields.push(("expires", quoted(&at.to_string())));
        }
        inline(&fields)
    }
}

/// Reads `[[rules]]`.
pub(super) fn rules(root: &Table<'_>, source: &Source<'_>) -> Result<Vec<RuleEntry>> {
    let tables = root.list("rules", RULES)?;
    at_most(RULES_MAX, tables.len(), "rules", root)?;
    tables.iter().map(|table| rule(table, source)).collect()
}

fn rule(table: &Table<'_>, source: &Source<'_>) -> Result<RuleEntry> {
    let mut subjects = Vec::new();
    for text in texts(table, "users")?.unwrap_or_default() {
        let subject = match text.text {
            EVERY_USER => Subject::Authenticated,
            name => Subject::User(name_of(name, "user", &text.place)?),
        };
        subjects.push(source.said(subject, text.place));
    }
    for text in texts(table, "groups")?.unwrap_or_default() {
        let group = name_of(text.text, "group", &text.place)?;
        subjects.push(source.said(Subject::Group(group), text.place));
    }
    for text in texts(table, "keys")?.unwrap_or_default() {
        subjects.push(source.said(Subject::Key(name_of(text.text, "key", &text.place)?), text.place));
    }
    let claims = oidc::claims(table)?;
    match table.text("issuer") {
        Some(text) => {
            let issuer = name_of(text.text, "issuer", &text.place)?;
            subjects.push(source.said(Subject::Workload { issuer, claims: claims.parsed.clone() }, text.place));
        }
        None if table.has("claims") => {
            let place = table.key("claims").unwrap_or_else(|| table.place.clone());
            let message = "claims are somebody's: the rule says not which issuer has to make them";
            return Err(DocumentError::new(message, place).help("issuer = \"ci\"   # the name of one of [[auth.oidc]]"));
        }
        None => {}
    }
    let mut certificates = Vec::new();
    for text in texts(table, "certificates")?.unwrap_or_default() {
        certificates.push(text.text.to_owned());
        let glob = pattern(&text)?;
        subjects.push(source.said(Subject::Certificate(glob), text.place));
    }
    if table.flag("everyone") {
        subjects.push(source.said(Subject::Anonymous, table.place.clone()));
    }
    if subjects.is_empty() {
        let help = "users = [\"*\"]   # or groups, keys, issuer, certificates, or everyone = true";
        return Err(DocumentError::new("the rule is for nobody", table.place.clone()).help(help));
    }
    let (patterns, repositories) = repositories(table)?;
    let allowance = Allowance { repositories, actions: actions(table)? };
    Ok(RuleEntry { subjects, patterns, claims, certificates, allowance })
}

/// Reads `[[auth.keys]]`.
pub(super) fn keys(auth: &Table<'_>, source: &Source<'_>) -> Result<Vec<KeyEntry>> {
    let tables = auth.list("keys", KEYS)?;
    at_most(KEYS_MAX, tables.len(), "keys", auth)?;
    let mut keys: Vec<KeyEntry> = Vec::with_capacity(tables.len());
    let mut ids = std::collections::BTreeSet::new();
    let mut hashes = std::collections::BTreeSet::new();
    for table in tables {
        let read = key(&table, source)?;
        let text = |name| table.text(name).map_or_else(|| table.place.clone(), |text: Text<'_>| text.place);
        if !ids.insert(read.key.value.id.clone()) {
            return Err(DocumentError::new(format!("two keys are called `{}`", read.key.value.id), text("id")));
        }
        if !hashes.insert(read.key.value.hash) {
            return Err(DocumentError::new("another table has the same key", text("hash")));
        }
        keys.push(read);
    }
    Ok(keys)
}

fn key(table: &Table<'_>, source: &Source<'_>) -> Result<KeyEntry> {
    let name = |name, what| match table.text(name) {
        Some(text) => name_of(text.text, what, &text.place),
        // The shape of the table has it.
        None => Ok(String::new()),
    };
    let (id, user) = (name("id", "key")?, name("user", "user")?);
    let hash = table.text("hash").map_or_else(
        || Err(table.place.clone()),
        |text| {
            text.text.parse::<Digest>().ok().filter(|hash| hash.algorithm() == oci::Algorithm::Sha256).ok_or(text.place)
        },
    );
    let hash = hash.map_err(|place| {
        let help = "supercargo serve key --id ID --user USER";
        DocumentError::new("`hash` is not what a key hashes to: `sha256:` and 64 digits", place).help(help)
    })?;
    let (patterns, repositories) =
        if table.has("repositories") { repositories(table)? } else { (vec!["*".to_owned()], everywhere()) };
    let actions =
        if table.has("actions") { actions(table)? } else { ACTIONS.into_iter().map(|(_, action)| action).collect() };
    if !actions.contains(&Action::Read) {
        let place = table.key("actions").unwrap_or_else(|| table.place.clone());
        let all = list(&words(&[&[Action::Read], &actions[..]].concat()));
        let problem = DocumentError::new("by a key that may not read nothing can be done", place);
        return Err(problem.label("nobody changes what he may not read").help(format!("actions = {all}")));
    }
    let expires_at = table.text("expires").map(|text| moment(&text)).transpose()?;
    let key = ApiKey { id, user, hash, scope: vec![Allowance { repositories, actions }], expires_at };
    Ok(KeyEntry { key: source.said(key, table.place.clone()), patterns })
}

/// Returns the pattern of all names.
pub(super) fn everywhere() -> Vec<Glob> {
    Glob::parse("*").into_iter().collect()
}

fn moment(text: &Text<'_>) -> Result<Duration> {
    let day = || text.text.parse::<Date>().ok().map(Timestamp::from);
    let moment = text.text.parse::<Timestamp>().ok().or_else(day);
    moment.and_then(|moment| u64::try_from(moment.seconds()).ok()).map(Duration::from_secs).ok_or_else(|| {
        let message = format!("`{}` is no day and no time in UTC", text.text.escape_debug());
        DocumentError::new(message, text.place.clone()).help("expires = \"2027-01-31\"   # or \"2027-01-31T12:00:00Z\"")
    })
}

fn repositories(table: &Table<'_>) -> Result<(Vec<String>, Vec<Glob>)> {
    let mut patterns = Vec::new();
    let mut globs = Vec::new();
    for text in texts(table, "repositories")?.unwrap_or_default() {
        globs.push(pattern(&text)?);
        patterns.push(text.text.to_owned());
    }
    Ok((patterns, globs))
}

/// Reads a pattern.
pub(super) fn pattern(text: &Text<'_>) -> Result<Glob> {
    if text.text.is_empty() || text.text.len() > PATTERN_MAX_BYTES {
        let message = format!("a pattern has 1 to {PATTERN_MAX_BYTES} bytes");
        return Err(DocumentError::new(message, text.place.clone()));
    }
    let wrong = |why| DocumentError::new(format!("the pattern {why}"), text.place.clone());
    Glob::parse(text.text).map_err(wrong)
}

fn actions(table: &Table<'_>) -> Result<Vec<Action>> {
    let mut actions = Vec::new();
    for text in texts(table, "actions")?.unwrap_or_default() {
        let Some((_, action)) = ACTIONS.into_iter().find(|(word, _)| *word == text.text) else {
            let known = ACTIONS.map(|(word, _)| word).join(", ");
            let message = format!("`{}` is no action; there are {known}", text.text.escape_debug());
            return Err(DocumentError::new(message, text.place));
        };
        if !actions.contains(&action) {
            actions.push(action);
        }
    }
    Ok(actions)
}

/// Returns the texts of a list that has some; `None` where there is no list.
fn texts<'a>(table: &Table<'a>, name: &str) -> Result<Option<Vec<Text<'a>>>> {
    let Some(texts) = table.texts(name) else { return Ok(None) };
    let place = || table.key(name).unwrap_or_else(|| table.place.clone());
    if texts.is_empty() {
        return Err(DocumentError::new(format!("`{name}` has nothing in it"), place()));
    }
    at_most(TEXTS_MAX, texts.len(), name, table)?;
    Ok(Some(texts))
}

fn at_most(most: usize, count: usize, name: &str, table: &Table<'_>) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    let place = table.key(name).unwrap_or_else(|| table.place.clone());
    Err(DocumentError::new(format!("`{name}` can have {most} at most"), place))
}

/// Returns a text that can be a name.
pub(super) fn name_of(text: &str, what: &str, place: &Range<usize>) -> Result<String> {
    if is_name(text) {
        return Ok(text.to_owned());
    }
    let message = format!("`{}` cannot be the name of a {what}", text.escape_debug());
    Err(DocumentError::new(message, place.clone()))
}

fn words(actions: &[Action]) -> Vec<String> {
    actions.iter().map(Action::to_string).collect()
}

/// Returns texts as TOML writes a list of them.
pub(super) fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

/// Returns a table as TOML writes it in one line.
pub(super) fn inline(fields: &[(&str, String)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("{{ {} }}", fields.join(", "))
}
