//! Dates in a stated form.

use std::fmt;

use crate::value::{Key, Value};
use crate::version::Stage;

/// The form of a date, in the words of calver.org: `YYYY.MM.DD`, `YYYYMMDD`, `YY.0M.MICRO`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CalendarFormat {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Part {
    Field(Field),
    Separator(char),
}

/// A part of a date. The name with a `0` in front has two digits always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Field {
    FullYear,
    ShortYear,
    PaddedYear,
    Month,
    PaddedMonth,
    Week,
    PaddedWeek,
    Day,
    PaddedDay,
    Major,
    Minor,
    Micro,
}

/// The longer names first, for `MM` begins nothing else but `M` would.
const FIELDS: [(&str, Field); 12] = [
    ("YYYY", Field::FullYear),
    ("MAJOR", Field::Major),
    ("MINOR", Field::Minor),
    ("MICRO", Field::Micro),
    ("YY", Field::ShortYear),
    ("0Y", Field::PaddedYear),
    ("MM", Field::Month),
    ("0M", Field::PaddedMonth),
    ("WW", Field::Week),
    ("0W", Field::PaddedWeek),
    ("DD", Field::Day),
    ("0D", Field::PaddedDay),
];

/// Most digits of a number that is no date.
const COUNTER_DIGITS_MAX: usize = 18;

impl CalendarFormat {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some((name, field)) = FIELDS.iter().find(|(name, _)| rest.starts_with(name)) {
                parts.push(Part::Field(*field));
                rest = &rest[name.len()..];
            } else if matches!(first, '.' | '-' | '_') {
                parts.push(Part::Separator(first));
                rest = &rest[1..];
            } else {
                let known: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
                let (rest, known) = (rest.escape_debug(), known.join(", "));
                return Err(format!(
                    "`{rest}` begins with no part of a date; there are {known} and `.`, `-`, `_` between them"
                ));
            }
        }
        if parts.iter().any(|part| matches!(part, Part::Field(_))) {
            Ok(Self { parts })
        } else {
            Err("a date has at least one part, as in calver:YYYY.MM.DD".to_owned())
        }
    }

    pub(super) fn read(&self, text: &str) -> Option<Value> {
        let mut numbers = Vec::new();
        let mut rest = text;
        for (place, part) in self.parts.iter().enumerate() {
            match part {
                Part::Separator(separator) => rest = rest.strip_prefix(*separator)?,
                Part::Field(field) => {
                    // Where the next number follows at once, every digit has its place.
                    let is_tight = matches!(self.parts.get(place + 1), Some(Part::Field(_)))
                        || (place > 0 && matches!(self.parts.get(place - 1), Some(Part::Field(_))));
                    let digits = rest.bytes().take_while(u8::is_ascii_digit).count().min(field.digits_max());
                    if digits < field.digits_min(is_tight) {
                        return None;
                    }
                    let number = rest[..digits].parse().ok().filter(|number| field.holds(*number))?;
                    numbers.push(number);
                    rest = &rest[digits..];
                }
            }
        }
        if !rest.is_empty() {
            return None;
        }
        let mut key = Key::default();
        key.numbers(&numbers);
        key.rank(Stage::Release as u64);
        Some(Value::new(text.to_owned(), numbers, key))
    }
}

impl Field {
    const fn digits_max(self) -> usize {
        match self {
            Self::FullYear => 4,
            Self::Major | Self::Minor | Self::Micro => COUNTER_DIGITS_MAX,
            // The year 2100 is `100`.
            Self::ShortYear | Self::PaddedYear => 3,
            _ => 2,
        }
    }

    const fn digits_min(self, is_tight: bool) -> usize {
        match self {
            Self::FullYear => 4,
            Self::PaddedYear | Self::PaddedMonth | Self::PaddedWeek | Self::PaddedDay => 2,
            Self::Month | Self::Week | Self::Day if is_tight => 2,
            _ => 1,
        }
    }

    const fn holds(self, number: u64) -> bool {
        match self {
            Self::FullYear => number >= 1900,
            Self::Month | Self::PaddedMonth => number >= 1 && number <= 12,
            Self::Week | Self::PaddedWeek => number >= 1 && number <= 53,
            Self::Day | Self::PaddedDay => number >= 1 && number <= 31,
            _ => true,
        }
    }
}

impl fmt::Display for CalendarFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Separator(separator) => write!(f, "{separator}")?,
                Part::Field(field) => {
                    f.write_str(FIELDS.iter().find(|(_, known)| known == field).map_or("", |(name, _)| *name))?;
                }
            }
        }
        Ok(())
    }
}
