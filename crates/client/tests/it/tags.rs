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
