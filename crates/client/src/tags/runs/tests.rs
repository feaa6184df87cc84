//! Lists of servers of many kinds, put together in every order in which answers may come.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use super::super::cursors;
use super::*;

/// A server that lists tags.
#[derive(Clone, Debug)]
struct Model {
    /// Its tags, in its order.
    tags: Vec<Tag>,
    /// Most tags of a page.
    most: usize,
    unknown: Unknown,
    known: Known,
    links: Links,
}

/// What follows a tag that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unknown {
    NotFound,
    Nothing,
    Beginning,
    /// What is greater.
    Greater,
    /// Everything, at once.
    Everything,
}

/// What follows a tag that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Next,
    /// The tag itself, too.
    Itself,
    /// The page after the one that holds it.
    NextPage,
    /// At most so many tags, and no link, unless it is the last tag of a page.
    Few(usize),
    /// The beginning: the server does not go by tags.
    Beginning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Links {
    ByTag,
    ByNumber,
}

#[derive(Clone, Debug)]
enum Way {
    First,
    After(Tag),
    At(usize),
}

impl Model {
    fn page(&self, way: &Way) -> Option<Page<Way>> {
        let (begin, most) = match way {
            Way::First => (0, self.most),
            Way::At(begin) => (*begin, self.most),
            Way::After(cursor) => self.begin(cursor)?,
        };
        if let Known::Few(few) = self.known
            && begin % self.most > 0
            && begin < self.tags.len()
        {
            let end = (begin + few).min(self.tags.len());
            return Some(Page { tags: self.tags[begin..end].to_vec(), next: None });
        }
        let end = begin.saturating_add(most).min(self.tags.len());
        let tags = self.tags[begin..end].to_vec();
        let next = match (self.links, tags.last()) {
            _ if end == self.tags.len() => None,
            (Links::ByTag, Some(last)) => Some(Next { way: Way::After(last.clone()), is_after_last: true }),
            _ => Some(Next { way: Way::At(end), is_after_last: false }),
        };
        Some(Page { tags, next })
    }

    /// Returns where the page after a tag begins, and how long it is at most.
    fn begin(&self, cursor: &Tag) -> Option<(usize, usize)> {
        let begin = match (self.tags.iter().position(|tag| tag == cursor), self.unknown) {
            (Some(at), _) => match self.known {
                Known::Next | Known::Few(_) => at + 1,
                // As far as a page and another have something in between.
                Known::Itself => at + usize::from((at + 1) % self.most == 0),
                Known::NextPage => ((at / self.most + 1) * self.most).min(self.tags.len()),
                Known::Beginning => 0,
            },
            (None, Unknown::NotFound) => return None,
            (None, Unknown::Nothing) => self.tags.len(),
            (None, Unknown::Beginning) => 0,
            (None, Unknown::Greater) => self.tags.iter().position(|tag| tag > cursor).unwrap_or(self.tags.len()),
            (None, Unknown::Everything) => return Some((0, usize::MAX)),
        };
        Some((begin, self.most))
    }

    /// Returns the list as links lead through it, and how many pages that takes.
    fn chain(&self) -> (Vec<Tag>, usize) {
        let (mut tags, mut pages, mut way) = (Vec::new(), 0, Some(Way::First));
        while let Some(to) = way {
            let page = self.page(&to).unwrap();
            tags.extend(page.tags);
            pages += 1;
            way = page.next.map(|next| next.way);
        }
        (tags, pages)
    }
}

/// What becomes of the pages under way.
#[derive(Clone, Debug)]
struct Network {
    at_once: usize,
    /// Which page comes next, and whether it fails where it may.
    turns: Vec<(usize, bool)>,
}

/// Puts a list together; `serve` answers. Returns the tags, and how many pages were asked for.
fn put_together(
    cursors: &[Tag],
    network: &Network,
    mut serve: impl FnMut(&Way) -> Option<Page<Way>>,
) -> (Vec<Tag>, usize) {
    let others = cursors.iter().map(|cursor| (cursor.clone(), Way::After(cursor.clone())));
    let mut runs = Runs::new(Way::First, others);
    let (mut under_way, mut asked, mut turns) = (Vec::new(), 0, network.turns.iter().cycle());
    while !runs.is_done() {
        if runs.is_idle() {
            under_way.clear();
        }
        while under_way.len() < network.at_once
            && let Some(ask) = runs.next_ask()
        {
            asked += 1;
            under_way.push(ask);
        }
        assert!(!under_way.is_empty(), "nothing is under way");
        let (turn, fails) = turns.next().unwrap();
        let ask: Ask<Way> = under_way.swap_remove(turn % under_way.len());
        if *fails && !ask.is_needed {
            assert!(!runs.failed(ask));
            continue;
        }
        match serve(&ask.way) {
            Some(page) => runs.answered(ask.run, page),
            None => assert!(!runs.failed(ask), "a page of the list failed"),
        }
    }
    (runs.into_tags(), asked)
}

fn tag(number: usize) -> Tag {
    format!("v{number}").parse().unwrap()
}

/// Numbers below this are of tags that may be there.
const TAGS: usize = 120;

prop_compose! {
    fn models()(
        order in Just((0..TAGS).collect::<Vec<_>>()).prop_shuffle(),
        is_sorted in any::<bool>(),
        count in 0..TAGS,
        most in 1..20_usize,
        unknown in prop::sample::select(vec![
            Unknown::NotFound, Unknown::Nothing, Unknown::Beginning, Unknown::Greater, Unknown::Everything,
        ]),
        known in prop::sample::select(vec![
            Known::Next, Known::Next, Known::Itself, Known::NextPage, Known::Few(0), Known::Few(1), Known::Beginning,
        ]),
        by_number in any::<bool>(),
    ) -> Model {
        let mut tags: Vec<Tag> = order.into_iter().take(count).map(tag).collect();
        if is_sorted {
            tags.sort();
        }
        // Tags would lead in a circle.
        let links = if by_number || known == Known::Beginning { Links::ByNumber } else { Links::ByTag };
        Model { tags, most, unknown, known, links }
    }
}

fn networks() -> impl Strategy<Value = Network> {
    let turns = |fails| prop::collection::vec((any::<usize>(), prop::bool::weighted(fails)), 1..50);
    (1..12_usize, prop_oneof![turns(0.0), turns(0.3)]).prop_map(|(at_once, turns)| Network { at_once, turns })
}

/// Returns a network that loses nothing.
fn whole(network: Network) -> Network {
    Network { turns: network.turns.into_iter().map(|(turn, _)| (turn, false)).collect(), ..network }
}

fn cursors() -> impl Strategy<Value = Vec<Tag>> {
    prop::collection::vec((0..TAGS + 10).prop_map(tag), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_list_is_what_its_links_say(model in models(), cursors in cursors(), network in networks()) {
        let (expected, pages) = model.chain();
        let (tags, asked) = put_together(&cursors, &network, |way| model.page(way));
        prop_assert_eq!(tags, expected);
        let cursors: BTreeSet<_> = cursors.iter().collect();
        prop_assert!(asked <= pages + 2 * cursors.len(), "{} requests", asked);
    }

    #[test]
    fn cursors_cost_a_request_each_at_most(
        model in models(), shares in prop::collection::vec(any::<Index>(), 1..30), network in networks(),
    ) {
        let model = Model { known: Known::Next, links: Links::ByTag, ..model };
        if model.tags.is_empty() {
            return Ok(());
        }
        let cursors: Vec<Tag> = shares.iter().map(|share| share.get(&model.tags).clone()).collect();
        let (expected, pages) = model.chain();
        let (tags, asked) = put_together(&cursors, &whole(network), |way| model.page(way));
        prop_assert_eq!(tags, expected);
        prop_assert!(asked <= pages + cursors.len() + 1, "{} requests for {} pages", asked, pages);
    }

    #[test]
    fn cursors_of_a_list_bring_it_in_one_round(model in models(), network in networks()) {
        let model = Model { known: Known::Next, links: Links::ByTag, ..model };
        let (expected, pages) = model.chain();
        let cursors = cursors::choose(&expected, model.most, &[]);
        let (tags, asked) = put_together(&cursors, &Network { at_once: usize::MAX, ..whole(network) }, |way| model.page(way));
        prop_assert_eq!(tags, expected);
        prop_assert!(asked == 1 + cursors.len() && asked <= pages + pages / 9 + 1, "{} for {}", asked, pages);
    }

    /// A server in the order of its tags, of which some come and go meanwhile.
    #[test]
    fn what_is_there_all_the_time_is_in_the_list(
        model in models(),
        staying in subsequence((0..TAGS).collect::<Vec<_>>(), 0..TAGS),
        changes in prop::collection::vec(0..TAGS, 1..60),
        cursors in cursors(), network in networks(),
    ) {
        let staying: BTreeSet<Tag> = staying.into_iter().map(tag).collect();
        let mut there: BTreeSet<Tag> = staying.iter().chain(&model.tags).cloned().collect();
        let mut seen = there.clone();
        let mut changes = changes.into_iter().map(tag).filter(|tag| !staying.contains(tag));
        let (tags, _) = put_together(&cursors, &network, |way| {
            if let Some(change) = changes.next() && !there.remove(&change) {
                seen.insert(change.clone());
                there.insert(change);
            }
            let tags = there.iter().cloned().collect();
            Model { tags, unknown: Unknown::Greater, known: Known::Next, links: Links::ByTag, ..model.clone() }.page(way)
        });
        let tags: BTreeSet<Tag> = tags.into_iter().collect();
        prop_assert!(staying.is_subset(&tags), "lost: {:?}", staying.difference(&tags));
        prop_assert!(tags.is_subset(&seen));
    }
}

/// Returns how many rounds a list takes where all pages under way come together.
fn rounds(model: &Model, cursors: &[Tag]) -> usize {
    let others = cursors.iter().map(|cursor| (cursor.clone(), Way::After(cursor.clone())));
    let mut runs = Runs::new(Way::First, others);
    let mut rounds = 0;
    while !runs.is_done() {
        rounds += 1;
        let asks: Vec<_> = std::iter::from_fn(|| runs.next_ask()).collect();
        for ask in asks {
            match model.page(&ask.way) {
                Some(page) => runs.answered(ask.run, page),
                None => assert!(!runs.failed(ask)),
            }
        }
    }
    assert_eq!(runs.into_tags(), model.tags);
    rounds
}

#[test]
fn what_has_changed_since_takes_a_round_more() {
    let model = |numbers: &mut dyn Iterator<Item = usize>| Model {
        tags: numbers.map(tag).collect(),
        most: 1000,
        unknown: Unknown::NotFound,
        known: Known::Next,
        links: Links::ByTag,
    };
    let before = model(&mut (0..50_000));
    assert_eq!(rounds(&before, &[]), 50);
    let cursors = cursors::choose(&before.tags, 1000, &[]);
    assert_eq!(rounds(&before, &cursors), 1);
    // As many as have room between two cursors.
    let added =
        (0..50_000).flat_map(|number| (0..=usize::from(number % 900 < 90)).map(move |more| number + more * 100_000));
    assert_eq!(rounds(&model(&mut added.into_iter()), &cursors), 1);
    // More of them, between every two cursors.
    let added =
        (0..50_000).flat_map(|number| (0..=usize::from(number % 5 == 0)).map(move |more| number + more * 100_000));
    assert_eq!(rounds(&model(&mut added.into_iter()), &cursors), 2);
    // Every tenth cursor is gone.
    assert_eq!(rounds(&model(&mut (0..50_000).filter(|number| number % 9000 != 899)), &cursors), 2);
    // The server gives smaller pages now.
    assert!(rounds(&Model { most: 500, ..before.clone() }, &cursors) <= 3);
    // What is known is of no use, or hardly.
    assert_eq!(rounds(&Model { links: Links::ByNumber, ..before.clone() }, &cursors), 50);
    assert!(rounds(&Model { known: Known::NextPage, ..before }, &cursors) > 40);
}

#[test]
fn a_server_that_does_not_go_by_tags_is_asked_page_by_page() {
    let tags: Vec<_> = (0..100).map(tag).collect();
    let model = Model { tags, most: 10, unknown: Unknown::NotFound, known: Known::Next, links: Links::ByNumber };
    let network = Network { at_once: 2, turns: vec![(0, false)] };
    let (tags, asked) = put_together(&model.tags[5..80], &network, |way| model.page(way));
    // One was asked for along with the first page.
    assert_eq!((tags, asked), (model.tags.clone(), 11));
}
