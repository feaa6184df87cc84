//! One comparison of a requirement.

use std::cmp::Ordering;

use crate::scheme::Scheme;
use crate::value::Value;

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comparator {
    operator: Operator,
    operand: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Exactly,
    Above,
    AtLeast,
    Below,
    AtMost,
    /// At least the operand, and the first number that is not zero stays.
    Caret,
    /// At least the operand, and its first two numbers stay, or the one it has.
    Tilde,
}

const OPERATORS: [(&str, Operator); 7] = [
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    (">", Operator::Above),
    ("<", Operator::Below),
    ("=", Operator::Exactly),
    ("^", Operator::Caret),
    ("~", Operator::Tilde),
];

impl Comparator {
    pub(super) const fn exactly(operand: Value) -> Self {
        Self { operator: Operator::Exactly, operand }
    }

    /// Reads a comparison; `None` for `*`, which compares nothing.
    pub(super) fn parse(text: &str, scheme: &Scheme) -> Result<Option<Self>, String> {
        if matches!(text, "*" | "x" | "X") && scheme.has_numbers() || text == "*" {
            return Ok(None);
        }
        let found = OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)));
        let (operator, rest) = found.map_or((None, text), |(operator, rest)| (Some(operator), rest.trim_start()));
        if rest.is_empty() {
            return Err(format!("`{}` compares with nothing; a version belongs after it", text.escape_debug()));
        }
        if !scheme.has_numbers() && matches!(operator, Some(Operator::Caret | Operator::Tilde)) {
            return Err(format!("`^` and `~` need numbers, and {scheme} values are words"));
        }
        if *scheme == Scheme::Opaque && !matches!(operator, None | Some(Operator::Exactly)) {
            return Err("words are in no order; there are `=`, `*` and `||` for them".to_owned());
        }
        let wildcard = rest.strip_suffix(".*").or_else(|| rest.strip_suffix(".x")).filter(|_| scheme.has_numbers());
        if let Some(beginning) = wildcard {
            let operand = read(beginning, scheme)?;
            return match operator {
                None | Some(Operator::Exactly) if operand.is_plain() => Ok(Some(Self::exactly(operand))),
                _ => Err("`.*` stands alone, after numbers: `1.57.*`".to_owned()),
            };
        }
        let default = if scheme.has_numbers() { Operator::Caret } else { Operator::Exactly };
        Ok(Some(Self { operator: operator.unwrap_or(default), operand: read(rest, scheme)? }))
    }

    pub(super) fn matches(&self, value: &Value) -> bool {
        let operand = &self.operand;
        match self.operator {
            Operator::Exactly if operand.is_plain() => {
                !value.is_prerelease() && self.within(value, operand.numbers().len())
            }
            Operator::Exactly => value == operand,
            Operator::Above if operand.is_plain() => self.compare(value).is_gt(),
            Operator::Above => value > operand,
            Operator::AtLeast => self.is_at_least(value),
            Operator::Below if operand.is_plain() => {
                compare(value.numbers(), operand.numbers(), value.numbers().len().max(operand.numbers().len())).is_lt()
            }
            Operator::Below => value < operand,
            Operator::AtMost if operand.is_plain() => self.compare(value).is_le(),
            Operator::AtMost => value <= operand,
            Operator::Caret => {
                let leading = operand.numbers().iter().take_while(|number| **number == 0).count();
                let kept = (leading + 1).min(operand.numbers().len());
                self.is_at_least(value) && self.within(value, kept)
            }
            Operator::Tilde => self.is_at_least(value) && self.within(value, operand.numbers().len().min(2)),
        }
    }

    pub(super) fn names_prereleases_of(&self, value: &Value) -> bool {
        self.operand.is_prerelease() && compare(self.operand.numbers(), value.numbers(), usize::MAX).is_eq()
    }

    fn is_at_least(&self, value: &Value) -> bool {
        if !self.operand.is_plain() {
            return *value >= self.operand;
        }
        match compare(value.numbers(), self.operand.numbers(), usize::MAX) {
            Ordering::Less => false,
            // The prereleases of 1.57.0 are below it.
            Ordering::Equal => !value.is_prerelease(),
            Ordering::Greater => true,
        }
    }

    /// Compares by the numbers that the operand has.
    fn compare(&self, value: &Value) -> Ordering {
        compare(value.numbers(), self.operand.numbers(), self.operand.numbers().len())
    }

    /// Tells whether the first numbers are those of the operand.
    fn within(&self, value: &Value, length: usize) -> bool {
        compare(value.numbers(), self.operand.numbers(), length).is_eq()
    }
}

fn read(text: &str, scheme: &Scheme) -> Result<Value, String> {
    scheme.read_operand(text).ok_or_else(|| format!("`{}` is no {scheme} value", text.escape_debug()))
}

/// Compares the first `length` numbers; a missing number is a zero.
fn compare(one: &[u64], other: &[u64], length: usize) -> Ordering {
    let at = |numbers: &[u64], place: usize| numbers.get(place).copied().unwrap_or(0);
    let length = length.min(one.len().max(other.len()));
    (0..length)
        .map(|place| at(one, place).cmp(&at(other, place)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
