//! Days and moments of the Gregorian calendar (RFC 3339). The clock is elsewhere: these are read from text and compared.

use std::fmt;
use std::str::FromStr;

/// Seconds of a day. There are no others in the calendar of RFC 3339 as it is read here: leap seconds have no number.
pub const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// Days before each month of a year that is not a leap year.
const DAYS_BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// Days from 0000-01-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_528;

/// Seconds from 1970-01-01 to the end of the year 9999, the last that RFC 3339 can write.
const SECONDS_MAX: i64 = 253_402_300_799;

/// A day, `YYYY-MM-DD`, of a year from 0000 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// A moment to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
}

impl Date {
    /// Returns a day, or `None` when the calendar has none of these numbers.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let days = match month {
            2 if is_leap(i64::from(year)) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (year <= 9999 && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }

    /// Returns the number of days from 1970-01-01 to this one.
    fn days(self) -> i64 {
        let year = i64::from(self.year);
        let before_month = DAYS_BEFORE_MONTH[usize::from(self.month - 1)];
        let leap_day = i64::from(self.month > 2 && is_leap(year));
        days_before_year(year) + before_month + leap_day + i64::from(self.day) - 1 - DAYS_TO_1970
    }
}

impl Timestamp {
    /// The beginning of 1970.
    pub const EPOCH: Self = Self { seconds: 0 };

    /// Returns the moment that lies this many seconds after the beginning of 1970, or `None` outside of the years that can be
    /// written.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        (-DAYS_TO_1970 * SECONDS_A_DAY..=SECONDS_MAX).contains(&seconds).then_some(Self { seconds })
    }

    /// Returns the number of seconds from the beginning of 1970.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Returns the day in UTC.
    pub fn date(self) -> Date {
        let days = self.seconds.div_euclid(SECONDS_A_DAY) + DAYS_TO_1970;
        // In years of average length; the true year is this one or a neighbour.
        let mut year = days * 400 / 146_097;
        while days < days_before_year(year) {
            year -= 1;
        }
        while days >= days_before_year(year + 1) {
            year += 1;
        }
        let day_of_year = days - days_before_year(year);
        let before = |month: usize| DAYS_BEFORE_MONTH[month] + i64::from(month > 1 && is_leap(year));
        let month = (0..12).rev().find(|&month| before(month) <= day_of_year).unwrap_or(0);
        let narrow = |number: i64| u8::try_from(number).unwrap_or(1);
        Date {
            year: u16::try_from(year).unwrap_or(0),
            month: u8::try_from(month + 1).unwrap_or(1),
            day: narrow(day_of_year - before(month) + 1),
        }
    }
}

impl From<Date> for Timestamp {
    /// Returns the beginning of the day in UTC.
    fn from(date: Date) -> Self {
        Self { seconds: date.days() * SECONDS_A_DAY }
    }
}

/// Days from 0000-01-01 to the beginning of a year from 0 to 10 000.
const fn days_before_year(year: i64) -> i64 {
    // The year 0 is a leap year, so each count of the years before is rounded up.
    year * 365 + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.seconds.rem_euclid(SECONDS_A_DAY);
        write!(f, "{}T{:02}:{:02}:{:02}Z", self.date(), second / 3600, second / 60 % 60, second % 60)
    }
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let mut digits = Digits(text.as_bytes());
            let date = digits.date()?;
            digits.0.is_empty().then_some(date)
        };
        read().ok_or_else(|| DateError::new(text, "a date: write YYYY-MM-DD"))
    }
}

impl FromStr for Timestamp {
    type Err = DateError;

    /// Reads a `date-time` of RFC 3339. Fractions of a second are dropped, a leap second is the one after it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let mut digits = Digits(text.as_bytes());
            let day = digits.date()?;
            digits.one_of(b"Tt ")?;
            let (hour, minute) = digits.time()?;
            digits.one_of(b":")?;
            let second = u32::from(digits.number(2).filter(|&second| second <= 60)?);
            if digits.one_of(b".").is_some() {
                digits.fraction()?;
            }
            let offset = digits.offset()?;
            let seconds = i64::from((hour * 60 + minute) * 60 + second) - offset * 60;
            digits.0.is_empty().then(|| Self::from_seconds(Self::from(day).seconds + seconds))?
        };
        read().ok_or_else(|| DateError::new(text, "a time: write YYYY-MM-DDTHH:MM:SSZ"))
    }
}

/// What is left of a text that is read from its beginning.
struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    /// Takes a number of exactly `count` digits, at most four.
    fn number(&mut self, count: usize) -> Option<u16> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u16::from(digit - b'0')))
    }

    fn one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        wanted.contains(first).then(|| self.0 = rest)?;
        Some(*first)
    }

    fn date(&mut self) -> Option<Date> {
        let year = self.number(4)?;
        self.one_of(b"-")?;
        let month = self.number(2)?;
        self.one_of(b"-")?;
        let day = self.number(2)?;
        Date::new(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }

    fn time(&mut self) -> Option<(u32, u32)> {
        let hour = self.number(2).filter(|&hour| hour < 24)?;
        self.one_of(b":")?;
        let minute = self.number(2).filter(|&minute| minute < 60)?;
        Some((hour.into(), minute.into()))
    }

    fn fraction(&mut self) -> Option<()> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.0 = self.0.split_at_checked(digits)?.1;
        (digits > 0).then_some(())
    }

    /// Takes the distance from UTC, in minutes.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let (hours, minutes) = self.time()?;
        Some(sign * i64::from(hours * 60 + minutes))
    }
}

/// Text that is neither a day nor a moment, whichever was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not {wanted}", crate::text::printable(.given))]
pub struct DateError {
    given: String,
    wanted: &'static str,
}

impl DateError {
    fn new(given: &str, wanted: &'static str) -> Self {
        Self { given: given.chars().take(80).collect(), wanted }
    }
}
