//! Long lists from cursors are what links say, however a registry lists its tags.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use bytes::Bytes;
use oci::Tag;
use store::Store as _;

use crate::server::{Head, Reply, Server};

/// Which of two tags comes first.
type Order = fn(&str, &str) -> Ordering;

/// In what order a registry has its tags.
const ORDERS: [(&str, Order); 5] = [
    ("by bytes", str::cmp),
    ("whatever their case", |a, b| a.to_lowercase().cmp(&b.to_lowercase()).then(a.cmp(b))),
    ("by time", |a, b| pushed(a).cmp(&pushed(b))),
    ("by version, the newest first", |a, b| (version(b), b).cmp(&(version(a), a))),
    ("naturally", |a, b| (version(a), a).cmp(&(version(b), b))),
];

/// When a tag was pushed, as good as at random.
fn pushed(tag: &str) -> u64 {
    tag.bytes().fold(7, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(9))
}

fn version(tag: &str) -> Vec<u32> {
    tag.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// What is peculiar about a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quirk {
    None,
    /// Pages are no larger than this.
    Capped(usize),
    /// How many tags are asked for makes no difference; pages have this many.
    IgnoresNumber(usize),
    /// After a tag that is not there: 404.
    NotFound,
    /// After a tag that is not there: nothing, as if the list were at its end.
    Nothing,
    /// After a tag that is not there: the list from its beginning.
    Beginning,
    /// `last` makes no difference; links go by numbers, and name the last tag besides.
    IgnoresLast,
    /// Links hold a word of the registry's own.
    Opaque,
}

const QUIRKS: [Quirk; 10] = [
    Quirk::None,
    Quirk::Capped(100),
    Quirk::Capped(37),
    Quirk::IgnoresNumber(1500),
    Quirk::IgnoresNumber(usize::MAX),
    Quirk::NotFound,
    Quirk::Nothing,
    Quirk::Beginning,
    Quirk::IgnoresLast,
    Quirk::Opaque,
];

async fn registry(tags: Vec<String>, order: Order, quirk: Quirk) -> Server {
    Server::start(move |head: &Head, _: &Bytes| {
        if head.path == "/v2/" {
            return Reply::new(200);
        }
        let most = match (quirk, head.query.get("n").map(|number| number.parse().unwrap())) {
            (Quirk::Capped(most), asked) => asked.unwrap_or(most).min(most),
            (Quirk::IgnoresNumber(most), _) | (_, Some(most)) => most,
            (_, None) => usize::MAX,
        };
        let begin = match (head.query.get("page"), head.query.get("last")) {
            (Some(begin), _) => begin.parse().unwrap(),
            (_, Some(last)) if quirk != Quirk::IgnoresLast => match tags.iter().position(|tag| tag == last) {
                Some(at) => at + 1,
                None => match quirk {
                    Quirk::NotFound => return Reply::error(404, "TAG_UNKNOWN"),
                    Quirk::Nothing => tags.len(),
                    Quirk::Beginning => 0,
                    _ => tags.partition_point(|tag| order(tag, last) == Ordering::Less),
                },
            },
            _ => 0,
        };
        let end = begin.saturating_add(most).min(tags.len());
        let reply = Reply::new(200).body(serde_json::json!({"name": "app", "tags": tags[begin..end]}).to_string());
        let query = match quirk {
            _ if end == tags.len() => return reply,
            Quirk::IgnoresLast => format!("n={most}&last={}&page={end}", tags[end - 1]),
            Quirk::Opaque => format!("n={most}&page={end}"),
            _ => format!("n={most}&last={}", tags[end - 1]),
        };
        reply.with("link", format!(r#"</v2/app/tags/list?{query}>; rel="next""#))
    })
    .await
}

/// Tags of a registry, and those that it has later.
fn tags() -> [BTreeSet<String>; 2] {
    let names = |numbers: std::ops::Range<u32>| {
        let name = |number: u32| {
            let prefix = ["", "v", "V", "R"][number as usize % 4];
            format!("{prefix}{}.{}.{}", number % 23, number % 41, number)
        };
        numbers.map(name).collect::<BTreeSet<_>>()
    };
    let before = names(0..5000);
    let gone = |tag: &&String| !pushed(tag).is_multiple_of(7);
    let after = before.iter().filter(gone).cloned().chain(names(5000..5600)).collect();
    [before, after]
}

#[tokio::test]
async fn a_list_is_the_same_in_whatever_order_and_manner_a_registry_has_it() {
    let [before, after] = tags();
    for (name, order) in ORDERS {
        for quirk in QUIRKS {
            let ordered = |tags: &BTreeSet<String>| {
                let mut tags: Vec<String> = tags.iter().cloned().collect();
                tags.sort_by(|a, b| order(a, b));
                tags
            };
            let known = registry(ordered(&before), order, quirk).await.repository().tags_from(&[]).await.unwrap();
            let goes_by_tags = !matches!(quirk, Quirk::IgnoresLast | Quirk::Opaque | Quirk::IgnoresNumber(usize::MAX));
            assert_eq!(!known.cursors.is_empty(), goes_by_tags, "{name}, {quirk:?}");
            // What another registry said is asked of this one.
            let cursors: Vec<Tag> = match &known.cursors[..] {
                [] => before.iter().step_by(500).map(|tag| tag.parse().unwrap()).collect(),
                cursors => cursors.to_vec(),
            };
            let server = registry(ordered(&after), order, quirk).await;
            server.repository().tags_from(&[]).await.unwrap();
            let chain = server.seen().len();
            let list = server.repository().tags_from(&cursors).await.unwrap();
            let texts: Vec<&str> = list.tags.iter().map(Tag::as_str).collect();
            assert!(texts.iter().eq(&after), "{name}, {quirk:?}: {} tags, not {}", texts.len(), after.len());
            let asked = server.seen().len() - chain;
            assert!(asked <= chain + cursors.len() + 1, "{name}, {quirk:?}: {asked} requests, {chain} by links");
        }
    }
}
