//! In which order a registry lists tags, as far as a list shows it.
//!
//! A list by age often looks like one by bytes: `1.0`, `1.1`, `1.2`. Only where numbers stand in it as nobody would count them, `1.10`
//! before `1.9`, is it the order of bytes that put them there.

use std::cmp::Ordering;

use crate::profile::{Found, Quirk};

/// How often numbers have to stand in the order of their bytes for that to be no chance.
const SHOWN_BY: usize = 5;

/// Returns what a list shows of the order of tags.
pub(crate) fn of<'a>(tags: impl IntoIterator<Item = &'a str>) -> Found {
    let tags: Vec<&str> = tags.into_iter().collect();
    if tags.len() < 2 {
        return Found::Unknown;
    }
    if tags.is_sorted() {
        let miscounted = tags.windows(2).filter(|pair| counted(pair[0], pair[1]) == Ordering::Greater).count();
        return if miscounted >= SHOWN_BY { Found::Standard } else { Found::Unknown };
    }
    let folded = tags.is_sorted_by_key(|tag| tag.to_ascii_lowercase());
    Found::Quirk(if folded { Quirk::TagsFolded } else { Quirk::TagsUnordered })
}

/// Compares texts as people do, numbers in them by what they count.
fn counted(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (left, right) = (digits(a), digits(b));
        let order = if left.is_empty() || right.is_empty() {
            match (a.split_first(), b.split_first()) {
                (Some((one, rest_a)), Some((other, rest_b))) if one == other => {
                    (a, b) = (rest_a, rest_b);
                    continue;
                }
                (one, other) => return one.map(|(byte, _)| byte).cmp(&other.map(|(byte, _)| byte)),
            }
        } else {
            (a, b) = (&a[left.len()..], &b[right.len()..]);
            let value = |digits: &[u8]| {
                let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
                (digits.len() - zeros, digits[zeros..].to_vec())
            };
            value(left).cmp(&value(right))
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Returns the digits that a text begins with.
fn digits(text: &[u8]) -> &[u8] {
    &text[..text.iter().take_while(|byte| byte.is_ascii_digit()).count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_what_they_count() {
        let ascending = ["0.9", "1.0", "1.2", "1.9", "1.10", "1.10-rc1", "1.010.1", "2", "10", "a", "a2", "a10"];
        for pair in ascending.windows(2) {
            assert_eq!(counted(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(counted(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(counted("1.2", "1.2"), Ordering::Equal);
    }

    #[test]
    fn the_order_of_bytes_shows_where_numbers_are_miscounted() {
        let mut tags: Vec<String> = (0..300).map(|number| format!("1.{}.{}", number / 12, number % 12)).collect();
        let of_strings = |tags: &[String]| of(tags.iter().map(String::as_str));
        assert_eq!(of_strings(&tags), Found::Quirk(Quirk::TagsUnordered), "as they were made");
        tags.sort();
        assert_eq!(of_strings(&tags), Found::Standard);
        // Days are in both orders at once.
        let days: Vec<String> = (10..30).map(|day| format!("2026-01-{day}")).collect();
        assert_eq!((of_strings(&days), of_strings(&days[..1])), (Found::Unknown, Found::Unknown));
        assert_eq!(of(["a", "B", "c"]), Found::Quirk(Quirk::TagsFolded));
    }
}
