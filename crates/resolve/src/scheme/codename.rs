//! Names of the releases of distributions.

use std::fmt;

use crate::value::{Key, Value};

/// A distribution whose releases have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Debian.
    Debian,
    /// Ubuntu.
    Ubuntu,
}

/// Debian's releases with the numbers they came out as. `sid` is never released and is in no order with them.
const DEBIAN: [(&str, [u64; 2]); 17] = [
    ("hamm", [2, 0]),
    ("slink", [2, 1]),
    ("potato", [2, 2]),
    ("woody", [3, 0]),
    ("sarge", [3, 1]),
    ("etch", [4, 0]),
    ("lenny", [5, 0]),
    ("squeeze", [6, 0]),
    ("wheezy", [7, 0]),
    ("jessie", [8, 0]),
    ("stretch", [9, 0]),
    ("buster", [10, 0]),
    ("bullseye", [11, 0]),
    ("bookworm", [12, 0]),
    ("trixie", [13, 0]),
    ("forky", [14, 0]),
    ("duke", [15, 0]),
];

/// Ubuntu's releases by year and month.
const UBUNTU: [(&str, [u64; 2]); 34] = [
    ("hardy", [8, 4]),
    ("intrepid", [8, 10]),
    ("jaunty", [9, 4]),
    ("karmic", [9, 10]),
    ("lucid", [10, 4]),
    ("maverick", [10, 10]),
    ("natty", [11, 4]),
    ("oneiric", [11, 10]),
    ("precise", [12, 4]),
    ("quantal", [12, 10]),
    ("raring", [13, 4]),
    ("saucy", [13, 10]),
    ("trusty", [14, 4]),
    ("utopic", [14, 10]),
    ("vivid", [15, 4]),
    ("wily", [15, 10]),
    ("xenial", [16, 4]),
    ("yakkety", [16, 10]),
    ("zesty", [17, 4]),
    ("artful", [17, 10]),
    ("bionic", [18, 4]),
    ("cosmic", [18, 10]),
    ("disco", [19, 4]),
    ("eoan", [19, 10]),
    ("focal", [20, 4]),
    ("groovy", [20, 10]),
    ("hirsute", [21, 4]),
    ("impish", [21, 10]),
    ("jammy", [22, 4]),
    ("kinetic", [22, 10]),
    ("lunar", [23, 4]),
    ("mantic", [23, 10]),
    ("noble", [24, 4]),
    ("oracular", [24, 10]),
];

/// Ubuntu's releases since.
const UBUNTU_SINCE: [(&str, [u64; 2]); 3] = [("plucky", [25, 4]), ("questing", [25, 10]), ("resolute", [26, 4])];

impl Distribution {
    /// Every distribution that is known.
    pub const ALL: [Self; 2] = [Self::Debian, Self::Ubuntu];

    /// Reads the name of a release.
    pub(super) fn read(self, text: &str) -> Option<Value> {
        let (older, newer): (&[_], &[_]) = match self {
            Self::Debian => (&DEBIAN, &[]),
            Self::Ubuntu => (&UBUNTU, &UBUNTU_SINCE),
        };
        let (name, numbers) = older.iter().chain(newer).find(|(name, _)| *name == text)?;
        let mut key = Key::default();
        key.numbers(numbers);
        Some(Value::new((*name).to_owned(), numbers.to_vec(), key))
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debian => "debian",
            Self::Ubuntu => "ubuntu",
        })
    }
}
