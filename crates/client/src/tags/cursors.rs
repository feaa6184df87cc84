//! Tags after which pages are asked for at once.

use oci::Tag;
use store::tag_list::CURSORS_MAX;

/// Returns tags from which pages of so many tags lead through a list, each beginning where the one before has not quite ended: what is
/// added in between has room. Those that are `known` stay while they are as good.
pub(super) fn choose(tags: &[Tag], page: usize, known: &[Tag]) -> Vec<Tag> {
    if tags.len() <= page || page == 0 {
        return Vec::new();
    }
    let step = (page - page / 10).max(tags.len().div_ceil(CURSORS_MAX));
    // After the last of them a page is left.
    let last = tags.len().saturating_sub(1);
    let fresh = tags[..last].iter().skip(step - 1).step_by(step);
    let enough = fresh.len().saturating_mul(2);
    if known.len() <= enough && leads_through(tags, page, known) { known.to_vec() } else { fresh.cloned().collect() }
}

/// Tells whether every page that begins after a cursor reaches the next cursor, and the last one the end.
fn leads_through(tags: &[Tag], page: usize, cursors: &[Tag]) -> bool {
    let mut cursors = cursors.iter().peekable();
    let mut begin = 0;
    for (at, tag) in tags.iter().enumerate() {
        if cursors.next_if_eq(&tag).is_some() {
            if at >= begin + page {
                return false;
            }
            begin = at + 1;
        }
    }
    cursors.peek().is_none() && tags.len() <= begin + page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(range: impl IntoIterator<Item = usize>) -> Vec<Tag> {
        range.into_iter().map(|number| format!("t{number}").parse().unwrap()).collect()
    }

    #[test]
    fn pages_from_cursor_to_cursor_overlap() {
        let all = tags(0..5000);
        let chosen = choose(&all, 1000, &[]);
        assert_eq!(chosen, tags([899, 1799, 2699, 3599, 4499]));
        assert!(leads_through(&all, 1000, &chosen));
        assert_eq!(choose(&tags(0..1001), 1000, &[]), tags([899]));
        for page in 1..20 {
            assert!(leads_through(&all, page, &choose(&all, page, &[])) || 5000 / page > CURSORS_MAX, "{page}");
        }
    }

    #[test]
    fn one_page_needs_none() {
        assert_eq!(choose(&tags(0..1000), 1000, &tags([5])), []);
        assert_eq!(choose(&tags(0..10), 0, &tags([5])), []);
    }

    #[test]
    fn there_is_a_most_of_them() {
        let chosen = choose(&tags(0..20 * CURSORS_MAX), 10, &[]);
        assert!((CURSORS_MAX - 1..=CURSORS_MAX).contains(&chosen.len()), "{}", chosen.len());
    }

    #[test]
    fn known_ones_stay_while_they_lead_through() {
        let known = tags([899, 1799, 2699]);
        let kept = |all: Vec<Tag>| choose(&all, 1000, &known) == known;
        assert!(kept(tags(0..3600)));
        assert!(kept(tags((0..1000).chain(10_000..10_100).chain(1000..3600))));
        assert!(!kept(tags((0..1000).chain(10_000..10_101).chain(1000..3600))), "a page does not reach the next");
        assert!(!kept(tags(0..3701)), "the last page does not reach the end");
        assert!(!kept(tags((0..1799).chain(1800..3600))), "one is gone");
        assert!(!kept(tags((0..3600).rev())), "the order is another one");
        let fewer = tags((0..3600).filter(|tag| tag % 900 > 800));
        assert_eq!(choose(&fewer, 100, &known), known);
        assert_eq!(choose(&fewer, 350, &known), tags([3518]), "there are more than it takes");
    }
}
