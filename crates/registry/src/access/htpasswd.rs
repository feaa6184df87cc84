//! Users and groups, as the files say that `htpasswd` and web servers write: `user:hash` and `group: user user`, one a line.

use std::collections::{BTreeMap, BTreeSet};

use super::hash::{HashError, PasswordHash};

/// Largest file of users or groups, in bytes.
pub const USERS_FILE_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Longest name of a user or a group, in bytes.
pub const NAME_MAX_BYTES: usize = 255;

/// Users and what their passwords hash to. The default is none.
#[derive(Clone, Debug, Default)]
pub struct Users {
    /// In the order of the names.
    sorted: Vec<(String, PasswordHash)>,
}

/// Which users are in which groups. The default is no groups.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    of_user: BTreeMap<String, BTreeSet<String>>,
    /// Every group, also those without members.
    names: BTreeSet<String>,
}

/// Why a file of users or groups is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsersError {
    /// It has too many bytes.
    #[error("the file has more than {USERS_FILE_MAX_BYTES} bytes")]
    TooLarge,
    /// A line is not of its form. The text of the line is not shown: it may hold a password.
    #[error("line {line}, column {column}: {problem}")]
    Line {
        /// The number of the line; the first is 1.
        line: usize,
        /// The byte in the line; the first is 1.
        column: usize,
        /// What is wrong with it.
        problem: LineProblem,
    },
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// There is no colon.
    #[error("a colon is missing between the name and what follows it")]
    Colon,
    /// The name is empty, too long, or has characters that no name has.
    #[error("a name has 1 to {NAME_MAX_BYTES} bytes without spaces, colons and control characters")]
    Name,
    /// The user has had a line before.
    #[error("the name is there twice")]
    Twice,
    /// The hash is not one that is verified here.
    #[error(transparent)]
    Hash(HashError),
}

impl Users {
    /// Reads a file as `htpasswd -B` writes it, with bcrypt (`$2a$`, `$2b$`, `$2y$`) or Argon2 (`$argon2id$` and its like) hashes.
    /// Empty lines and lines that begin with `#` say nothing. A hash of another kind is an error, not a user who cannot come in.
    ///
    /// # Errors
    /// [`UsersError`] with line and column.
    pub fn parse(text: &str) -> Result<Self, UsersError> {
        let mut by_name = BTreeMap::new();
        for (number, line) in lines(text)? {
            let at = |column, problem| UsersError::Line { line: number, column, problem };
            let (name, hash) = line.split_once(':').ok_or_else(|| at(line.len() + 1, LineProblem::Colon))?;
            if !is_name(name) {
                return Err(at(1, LineProblem::Name));
            }
            let column = name.len() + 2;
            let hash = PasswordHash::parse(hash.trim_end()).map_err(|error| at(column, LineProblem::Hash(error)))?;
            if by_name.insert(name.to_owned(), hash).is_some() {
                return Err(at(1, LineProblem::Twice));
            }
        }
        Ok(Self { sorted: by_name.into_iter().collect() })
    }

    /// Returns one user, whose password the program itself was given.
    pub(super) fn one(name: &str, password: &str) -> Self {
        Self { sorted: vec![(name.to_owned(), PasswordHash::given(password))] }
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Returns the number of users.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Tells whether there is a user of this name.
    pub fn has(&self, name: &str) -> bool {
        self.hash(name).is_some()
    }

    pub(super) fn hash(&self, name: &str) -> Option<&PasswordHash> {
        let position = self.sorted.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        self.sorted.get(position).map(|(_, hash)| hash)
    }

    /// Returns the hash against which the password of somebody unknown is held, so that he waits as long as somebody known: that of
    /// some user, for the same name always the same one. `None` when there are no users.
    pub(super) fn decoy(&self, name: &str) -> Option<&PasswordHash> {
        let hashed = oci::Digest::sha256(name.as_bytes());
        let number = hashed.value().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let position = number.checked_rem(self.sorted.len() as u64)?;
        self.sorted.get(usize::try_from(position).ok()?).map(|(_, hash)| hash)
    }
}

impl Groups {
    /// Reads a file of lines `group: user user`. A group may have several lines. Empty lines and lines that begin with `#` say nothing.
    ///
    /// # Errors
    /// [`UsersError`] with line and column.
    pub fn parse(text: &str) -> Result<Self, UsersError> {
        let mut groups = Self::default();
        for (number, line) in lines(text)? {
            let at = |column, problem| UsersError::Line { line: number, column, problem };
            let (group, members) = line.split_once(':').ok_or_else(|| at(line.len() + 1, LineProblem::Colon))?;
            if !is_name(group) {
                return Err(at(1, LineProblem::Name));
            }
            groups.declare(group);
            for member in members.split_ascii_whitespace() {
                if !is_name(member) {
                    return Err(at(group.len() + 2, LineProblem::Name));
                }
                groups.add(group, member);
            }
        }
        Ok(groups)
    }

    /// Makes a group known, which may stay without members.
    pub fn declare(&mut self, group: &str) {
        self.names.insert(group.to_owned());
    }

    /// Tells whether there is a group of this name.
    pub fn has(&self, group: &str) -> bool {
        self.names.contains(group)
    }

    /// Puts a user into a group.
    pub fn add(&mut self, group: &str, user: &str) {
        self.declare(group);
        self.of_user.entry(user.to_owned()).or_default().insert(group.to_owned());
    }

    /// Returns the groups that a user is in, in order.
    pub fn of(&self, user: &str) -> impl Iterator<Item = &str> {
        self.of_user.get(user).into_iter().flatten().map(String::as_str)
    }
}

/// Returns the lines that say something, with their numbers.
fn lines(text: &str) -> Result<impl Iterator<Item = (usize, &str)>, UsersError> {
    if text.len() > USERS_FILE_MAX_BYTES {
        return Err(UsersError::TooLarge);
    }
    let numbered = text.lines().enumerate().map(|(position, line)| (position + 1, line));
    Ok(numbered.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')))
}

/// Tells whether a text can be the name of a user or a group.
pub(crate) fn is_name(text: &str) -> bool {
    let bad = |character: char| character == ':' || character.is_control() || character.is_whitespace();
    !text.is_empty() && text.len() <= NAME_MAX_BYTES && !text.contains(bad)
}
