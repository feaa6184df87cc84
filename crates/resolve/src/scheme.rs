//! How the values of an axis are written and ordered.

mod calver;
mod codename;
mod debian;
mod pep440;
mod semver;

use std::fmt;
use std::str::FromStr;

pub use calver::CalendarFormat;
pub use codename::Distribution;

use crate::tag;
use crate::value::{Key, Value};

/// How the values of an axis are written and ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Three numbers, and what semver.org allows after them; `_` stands for the `+` that a tag cannot hold.
    Semver,
    /// Numbers of any length, with or without stage and revision, as tags are read when nobody says otherwise.
    #[default]
    Dotted,
    /// Versions of Python's packages (PEP 440).
    Pep440,
    /// Versions of Debian's packages (Debian Policy 5.6.12).
    Debian,
    /// Dates in a stated form: `calver:YYYYMMDD`.
    Calendar(CalendarFormat),
    /// One whole number.
    Integer,
    /// Names of a distribution's releases, in the order in which they came out.
    Codename(Distribution),
    /// Words without an order that means anything.
    Opaque,
}

impl Scheme {
    /// Reads a value as it stands in a tag; `None` when it is not written like that.
    pub fn read(&self, text: &str) -> Option<Value> {
        match self {
            Self::Semver => semver::read(text),
            Self::Dotted => tag::read_version(text).map(|version| Value::from(&version)),
            Self::Pep440 => pep440::read(text),
            Self::Debian => debian::read(text),
            Self::Calendar(format) => format.read(text),
            Self::Integer => text.bytes().all(|byte| byte.is_ascii_digit()).then(|| dotted(text))?,
            Self::Codename(distribution) => distribution.read(text),
            Self::Opaque => (!text.is_empty()).then(|| {
                let mut key = Key::default();
                key.text(text);
                Value::new(text.to_owned(), Vec::new(), key).plain(false)
            }),
        }
    }

    /// Reads a value as it stands in a requirement, where numbers at the end may be left out.
    pub(crate) fn read_operand(&self, text: &str) -> Option<Value> {
        self.read(text).or_else(|| match self {
            Self::Codename(_) | Self::Opaque => None,
            _ => dotted(text),
        })
    }

    /// Tells whether values are told apart by their numbers, so that ranges such as `^1.57` mean something.
    pub(crate) const fn has_numbers(&self) -> bool {
        !matches!(self, Self::Codename(_) | Self::Opaque)
    }

    /// Returns the scheme that a value of an axis seems to follow.
    pub fn guess(text: &str) -> Self {
        let distribution = Distribution::ALL.into_iter().find(|distribution| distribution.read(text).is_some());
        match distribution {
            Some(distribution) => Self::Codename(distribution),
            None if text.starts_with(|first: char| first.is_ascii_digit()) && tag::read_version(text).is_some() => {
                Self::Dotted
            }
            None => Self::Opaque,
        }
    }
}

/// Reads numbers with dots between them and nothing else.
fn dotted(text: &str) -> Option<Value> {
    let numbers = numbers(text)?;
    let mut key = Key::default();
    key.numbers(&numbers);
    // Everything that a scheme may add to numbers compares with this: nothing added, and final.
    key.rank(crate::version::Stage::Release as u64);
    Some(Value::new(text.to_owned(), numbers, key))
}

/// Reads numbers with dots between them.
fn numbers(text: &str) -> Option<Vec<u64>> {
    text.split('.').map(number).collect()
}

/// Reads a number of digits alone.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Semver => f.write_str("semver"),
            Self::Dotted => f.write_str("dotted"),
            Self::Pep440 => f.write_str("pep440"),
            Self::Debian => f.write_str("debian"),
            Self::Calendar(format) => write!(f, "calver:{format}"),
            Self::Integer => f.write_str("int"),
            Self::Codename(distribution) => write!(f, "codename:{distribution}"),
            Self::Opaque => f.write_str("opaque"),
        }
    }
}

/// Why a scheme cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemeError(String);

impl FromStr for Scheme {
    type Err = SchemeError;

    fn from_str(text: &str) -> Result<Self, SchemeError> {
        const KNOWN: &str =
            "semver, dotted, pep440, debian, calver:FORMAT, int, codename:debian, codename:ubuntu, opaque";
        Ok(match text.split_once(':') {
            Some(("calver", format)) => Self::Calendar(CalendarFormat::parse(format).map_err(SchemeError)?),
            Some(("codename", name)) => {
                let distribution = Distribution::ALL.into_iter().find(|known| known.to_string() == name);
                Self::Codename(distribution.ok_or_else(|| {
                    SchemeError(format!("`{}` has no known codenames; debian and ubuntu have", name.escape_debug()))
                })?)
            }
            None if text == "semver" => Self::Semver,
            None if text == "dotted" => Self::Dotted,
            None if text == "pep440" => Self::Pep440,
            None if text == "debian" => Self::Debian,
            None if text == "int" => Self::Integer,
            None if text == "opaque" => Self::Opaque,
            _ => return Err(SchemeError(format!("`{}` is no scheme; there are {KNOWN}", text.escape_debug()))),
        })
    }
}
