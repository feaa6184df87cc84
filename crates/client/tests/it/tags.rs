//! Lists of tags, in pages.

use bytes::Bytes;
use store::{Store as _, StoreError};

use crate::server::{Head, Reply, Server};

/// A list in pages of one tag, `last` being the tag before.
async fn paged(absolute: bool) -> Server {
    Server::start(move |head: &Head, _: &Bytes| {
        if head.path == "/v2/" {
            return Reply::new(200);
        }
        let number: u32 = head.query.get("last").map_or(0, |last| last.parse::<u32>().unwrap() + 1);
        let reply = Reply::new(200).body(format!(r#"{{"name":"app","tags":["{number}"]}}"#));
        if number == 4 {
            return reply;
        }
        let base = if absolute { format!("http://{}", head.header("host").unwrap()) } else { String::new() };
        reply.with("link", format!(r#"<{base}/v2/app/tags/list?n=1&last={number}>; rel="next""#))
    })
    .await
}

async fn tags_of(reply: impl Fn(&Head) -> Reply + Send + Sync + 'static) -> Result<Vec<oci::Tag>, StoreError> {
    let server = Server::start(move |head: &Head, _: &Bytes| match head.path.as_str() {
        "/v2/" => Reply::new(200),
        _ => reply(head),
    })
    .await;
    server.repository().tags().await
}

#[tokio::test]
async fn pages_are_followed() {
    for absolute in [false, true] {
        let tags = paged(absolute).await.repository().tags().await.unwrap();
        let texts: Vec<_> = tags.iter().map(oci::Tag::as_str).collect();
        assert_eq!(texts, ["0", "1", "2", "3", "4"]);
    }
}

#[tokio::test]
async fn a_repository_that_is_not_there_has_none() {
    assert!(tags_of(|_| Reply::error(404, "NAME_UNKNOWN")).await.unwrap().is_empty());
    assert!(tags_of(|_| Reply::new(200).body(r#"{"name":"app","tags":null}"#)).await.unwrap().is_empty());
    assert!(tags_of(|_| Reply::new(200).body(r#"{"name":"app"}"#)).await.unwrap().is_empty());
}

#[tokio::test]
async fn tags_in_two_pages_are_one() {
    let tags = tags_of(|head| match head.query.get("last") {
        None => Reply::new(200).body(r#"{"tags":["a","b"]}"#).with("link", r#"<?last=a>; rel="next""#),
        Some(_) => Reply::new(200).body(r#"{"tags":["b","c"]}"#),
    })
    .await
    .unwrap();
    assert_eq!(tags.len(), 3);
}

#[tokio::test]
async fn lists_that_break_the_protocol_are_refused() {
    let body = r#"{"tags":["a"]}"#;
    let linked = |link: &'static str| move |_: &Head| Reply::new(200).body(body).with("link", link);
    let cases: Vec<(Result<_, _>, &str)> = vec![
        (tags_of(linked(r#"<http://other.example/x>; rel="next""#)).await, "another host"),
        (tags_of(linked(r#"<?n=1>; rel="next""#)).await, "circle"),
        (tags_of(linked(r#"<file:///x>; rel="next""#)).await, "neither http"),
        (tags_of(|_| Reply::new(200).body("<html>")).await, "not a list of tags"),
        (tags_of(|_| Reply::new(200).body(r#"{"tags":["a b"]}"#)).await, "is not a tag"),
        (tags_of(|_| Reply::new(200).body(r#"{"tags":["\u001b[31m"]}"#)).await, r"\u{1b}"),
        (tags_of(|_| Reply::new(200).with("content-length", 1_u64 << 40)).await, "a page has more"),
    ];
    for (outcome, expected) in cases {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::Protocol { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn pages_without_end_end() {
    let server = Server::start(move |head: &Head, _: &Bytes| {
        let number: u32 = head.query.get("last").map_or(0, |last| last.parse().unwrap());
        let link = format!(r#"</v2/app/tags/list?last={}>; rel="next""#, number + 1);
        Reply::new(200).body(r#"{"tags":[]}"#).with("link", link)
    })
    .await;
    let error = server.repository().tags().await.unwrap_err();
    assert!(error.to_string().contains("more than 10000 pages"), "{error}");
    assert_eq!(server.seen().len(), 10_000);
}

#[tokio::test]
async fn a_failure_in_the_middle_is_no_short_list() {
    for status in [404, 500, 403] {
        let outcome = tags_of(move |head| match head.query.get("last") {
            None => Reply::new(200).body(r#"{"tags":["a"]}"#).with("link", r#"<?last=a>; rel="next""#),
            Some(_) => Reply::new(status),
        })
        .await;
        assert!(outcome.is_err(), "{status}");
    }
}

/// As a registry that stops at the number asked for and does not say that there is more.
#[tokio::test]
async fn a_list_that_was_cut_without_a_word_is_asked_for_whole() {
    let tags = tags_of(|head| {
        let count = head.query.get("n").map_or(1500, |number| number.parse::<usize>().unwrap().min(1500));
        let names: Vec<String> = (0..count).map(|number| format!("\"v{number}\"")).collect();
        Reply::new(200).body(format!(r#"{{"tags":[{}]}}"#, names.join(",")))
    })
    .await
    .unwrap();
    assert_eq!(tags.len(), 1500);
}

/// A list in pages of at most `most` tags that go on from tag to tag. `gone` is what follows a tag that is not there.
async fn going_by_tags(count: usize, most: usize, gone: fn() -> Reply) -> Server {
    let tags: Vec<String> = (0..count).map(|number| format!("v{number:05}")).collect();
    Server::start(move |head: &Head, _: &Bytes| {
        if head.path == "/v2/" {
            return Reply::new(200);
        }
        let begin = match head.query.get("last") {
            None => 0,
            Some(last) => match tags.binary_search(last) {
                Ok(at) => at + 1,
                Err(_) => return gone(),
            },
        };
        let most = head.query.get("n").map_or(most, |number| most.min(number.parse().unwrap()));
        let page = &tags[begin..tags.len().min(begin + most)];
        let reply = Reply::new(200).body(serde_json::json!({"name": "app", "tags": page}).to_string());
        match page.last() {
            Some(last) if begin + page.len() < tags.len() => {
                reply.with("link", format!(r#"</v2/app/tags/list?last={last}&n={most}>; rel="next""#))
            }
            _ => reply,
        }
    })
    .await
}

fn texts(tags: &[oci::Tag]) -> Vec<&str> {
    tags.iter().map(oci::Tag::as_str).collect()
}

#[tokio::test]
async fn cursors_of_a_list_bring_all_of_it_at_once() {
    for most in [100, 1000, 5000] {
        let server = going_by_tags(12_000, most, || Reply::error(404, "TAG_UNKNOWN")).await;
        let first = server.repository().tags_from(&[]).await.unwrap();
        assert_eq!(first.tags.len(), 12_000);
        let most = most.min(1000);
        assert_eq!(server.seen().len(), 12_000 / most);
        assert_eq!(texts(&first.cursors[..1]), [format!("v{:05}", most / 10 * 9 - 1)]);
        let again = server.repository().tags_from(&first.cursors).await.unwrap();
        assert_eq!(again, first);
        let asked = &server.seen()[12_000 / most..];
        assert_eq!(asked.len(), first.cursors.len() + 1);
        assert!(asked.iter().skip(1).all(|head| head.query.contains_key("last")));
        // Nothing was asked because of what another page said.
        let cursors: std::collections::BTreeSet<_> = first.cursors.iter().map(oci::Tag::as_str).collect();
        let named: std::collections::BTreeSet<_> = asked.iter().filter_map(|head| head.query.get("last")).collect();
        assert!(named.iter().all(|last| cursors.contains(last.as_str())) && named.len() == cursors.len());
    }
}

#[tokio::test]
async fn cursors_that_are_gone_cost_no_tags() {
    let answers: [fn() -> Reply; 5] = [
        || Reply::error(404, "TAG_UNKNOWN"),
        || Reply::new(200).body(r#"{"name":"app","tags":[]}"#),
        || Reply::new(400),
        || Reply::new(500),
        || Reply::new(200).body("<html>"),
    ];
    for gone in answers {
        let server = going_by_tags(5000, 1000, gone).await;
        let cursors: Vec<oci::Tag> =
            ["v00899", "gone", "v01799", "gone-too", "v09999"].iter().map(|tag| tag.parse().unwrap()).collect();
        let list = server.repository().tags_from(&cursors).await.unwrap();
        assert_eq!(list.tags.len(), 5000);
        assert_eq!(texts(&list.cursors), ["v00899", "v01799", "v02699", "v03599", "v04499"]);
    }
}

#[tokio::test]
async fn no_more_is_under_way_than_is_allowed() {
    let server = going_by_tags(3000, 10, || Reply::new(404)).await;
    let repository = server.repository_with(|options| options.concurrency_per_host = 3);
    let cursors = repository.tags_from(&[]).await.unwrap().cursors;
    assert_eq!(repository.tags_from(&cursors).await.unwrap().tags.len(), 3000);
    assert!(server.connections() <= 3, "{}", server.connections());
}

/// Whoever links by something of his own is followed, whatever `last` means to him.
#[tokio::test]
async fn links_that_name_no_tag_are_followed_one_by_one() {
    let server = Server::start(|head: &Head, _: &Bytes| {
        let page: usize = match (head.path.as_str(), head.query.get("token"), head.query.get("last")) {
            ("/v2/", ..) => return Reply::new(200),
            (_, None, Some(_)) => return Reply::new(200).body(r#"{"tags":["a1","last"]}"#),
            (_, token, _) => token.map_or(0, |token| token.parse().unwrap()),
        };
        let reply = Reply::new(200).body(format!(r#"{{"tags":["a{page}","b{page}"]}}"#));
        let link = format!(r#"</v2/app/tags/list?last=b{page}&token={}>; rel="next""#, page + 1);
        if page == 9 { reply } else { reply.with("link", link) }
    })
    .await;
    let cursors: Vec<oci::Tag> = ["a0", "a4", "b7"].iter().map(|tag| tag.parse().unwrap()).collect();
    let list = server.repository().tags_from(&cursors).await.unwrap();
    assert_eq!(list.tags.len(), 20);
    assert_eq!(list.cursors, []);
}

/// Of pages that come at once none may take much; one that cannot be done without may.
#[tokio::test]
async fn pages_that_are_too_large_at_once_are_read_one_by_one() {
    let server = Server::start(|head: &Head, _: &Bytes| {
        let page: usize = match (head.path.as_str(), head.query.get("last")) {
            ("/v2/", _) => return Reply::new(200),
            (_, last) => last.map_or(0, |last| last[1..].parse::<usize>().unwrap() + 1),
        };
        let reply = Reply::new(200).body(format!(r#"{{"tags":["v{page}"]}}{}"#, " ".repeat(2 << 20)));
        let link = format!(r#"</v2/app/tags/list?last=v{page}>; rel="next""#);
        if page == 4 { reply } else { reply.with("link", link) }
    })
    .await;
    let first = server.repository().tags_from(&[]).await.unwrap();
    assert_eq!(texts(&first.cursors), ["v0", "v1", "v2", "v3"]);
    let again = server.repository().tags_from(&first.cursors).await.unwrap();
    assert_eq!(texts(&again.tags), ["v0", "v1", "v2", "v3", "v4"]);
    assert!(server.seen().len() <= 5 + 5 + first.cursors.len());
}

#[tokio::test]
async fn lists_that_lead_in_a_circle_end_with_cursors_too() {
    let server = Server::start(|head: &Head, _: &Bytes| {
        let begin: usize = match (head.path.as_str(), head.query.get("last")) {
            ("/v2/", _) => return Reply::new(200),
            (_, last) => last.map_or(0, |last| last[1..].parse::<usize>().unwrap() + 1),
        };
        let tags = [begin, begin + 1, begin + 2].map(|number| format!("v{}", number % 10));
        let link = format!(r#"</v2/app/tags/list?last={}>; rel="next""#, tags[2]);
        Reply::new(200).body(serde_json::json!({"tags": tags}).to_string()).with("link", link)
    })
    .await;
    for cursors in [&["v1", "v3", "v5", "v7", "v9"][..], &["v4", "v0"], &["v2", "v5"], &[]] {
        let cursors: Vec<oci::Tag> = cursors.iter().map(|tag| tag.parse().unwrap()).collect();
        let before = server.seen().len();
        let error = server.repository().tags_from(&cursors).await.unwrap_err();
        assert!(error.to_string().contains("circle"), "{error}");
        assert!(server.seen().len() - before <= 11 + 2 * cursors.len());
    }
}
