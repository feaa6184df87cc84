//! How often somebody may ask, and for whom proxies ask.

use std::time::Duration;

use registry::access::{AccessOptions, Action, Subject};
use registry::{ForwardHeader, Peer, Per, Proxies, RateLimit, RateLimits, RegistryOptions, Requests};
use resolve::retention::Pattern;

use crate::people::{self, TestClock, basic, by};
use crate::server::{Call, Reply, Server};

fn limit(of: Requests, per: Per, requests: u64) -> RateLimit {
    RateLimit { of, per, repositories: Vec::new(), requests, period: Duration::from_mins(1), burst: requests }
}

fn served(clock: &TestClock, options: RegistryOptions) -> Server {
    Server::over(clock.storage(), options)
}

fn limited(clock: &TestClock, limits: Vec<RateLimit>) -> Server {
    served(clock, RegistryOptions { rate_limits: RateLimits::new(limits), ..RegistryOptions::default() })
}

fn everything() -> RegistryOptions {
    let all = [Action::Read, Action::Create, Action::Update, Action::Delete];
    let rules = vec![people::rule(Subject::Authenticated, "*", &all)];
    let options = AccessOptions { verified_for: Duration::from_secs(1), rules, ..people::options() };
    RegistryOptions { access: people::access(options), ..RegistryOptions::default() }
}

impl Call {
    fn from(self, address: &str) -> Self {
        self.extension(Peer::new(address.parse().unwrap()))
    }
}

async fn get(server: &Server, address: &str, path: &str) -> u16 {
    server.call("GET", path).from(address).send().await.status.as_u16()
}

async fn login(server: &Server, address: &str, user: &str, password: &str) -> Reply {
    server.call("GET", "/v2/").from(address).header("authorization", &basic(user, password)).send().await
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let clock = TestClock::default();
    let server = limited(&clock, vec![limit(Requests::Pulls, Per::Address, 6)]);
    for _ in 0..6 {
        assert_eq!(get(&server, "192.0.2.1", "/v2/app/tags/list").await, 404);
    }
    let refused = server.call("GET", "/v2/app/tags/list").from("192.0.2.1").send().await;
    assert_eq!(refused.expect_error(429, "TOOMANYREQUESTS").header("retry-after"), "11");
    assert_eq!(get(&server, "192.0.2.2", "/v2/app/tags/list").await, 404, "another address");
    let begun = server.call("POST", "/v2/app/blobs/uploads/").from("192.0.2.1").send().await;
    begun.expect(202);
    clock.advance(Duration::from_secs(10));
    assert_eq!(get(&server, "192.0.2.1", "/v2/app/tags/list").await, 404);
    assert_eq!(get(&server, "192.0.2.1", "/v2/app/tags/list").await, 429);
    let metrics = server.0.operate(axum::http::Request::get("/metrics").body(axum::body::Body::empty()).unwrap()).await;
    let text = http_body_util::BodyExt::collect(metrics.into_body()).await.unwrap().to_bytes();
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(text.contains("supercargo_rate_limited_total{of=\"pulls\",per=\"address\"} 2\n"), "{text}");
}

#[tokio::test]
async fn a_limit_of_addresses_for_all_repositories_is_also_for_what_is_asked_of_none() {
    let pattern = vec![Pattern::parse("public/*").unwrap()];
    for (repositories, expected) in [(Vec::new(), 429), (pattern, 401)] {
        let limits = RateLimits::new(vec![RateLimit { repositories, ..limit(Requests::Pulls, Per::Address, 1) }]);
        let access = AccessOptions { tokens: Some(people::token_options()), ..people::options() };
        let options =
            RegistryOptions { access: people::access(access), rate_limits: limits, ..RegistryOptions::default() };
        for path in ["/v2/", "/v2/_oci/ext/discover", "/token"] {
            let server = served(&TestClock::default(), options.clone());
            let ask = async || {
                let call = server.call("GET", path).from("192.0.2.1").header("authorization", "Bearer x");
                call.send().await.status.as_u16()
            };
            assert_eq!((ask().await, ask().await), (401, expected), "{path}");
        }
    }
}

#[tokio::test]
async fn a_network_of_version_6_is_one_client() {
    let server = limited(&TestClock::default(), vec![limit(Requests::Pulls, Per::Address, 1)]);
    assert_eq!(get(&server, "2001:db8:1:2::1", "/v2/app/tags/list").await, 404);
    assert_eq!(get(&server, "2001:db8:1:2:ffff::", "/v2/app/tags/list").await, 429);
    assert_eq!(get(&server, "2001:db8:1:3::1", "/v2/app/tags/list").await, 404);
}

#[tokio::test]
async fn a_user_has_one_limit_wherever_he_is_and_repositories_may_have_their_own() {
    let clock = TestClock::default();
    let patterns = vec![Pattern::parse("hot/*").unwrap()];
    let limits = vec![
        limit(Requests::Pulls, Per::Identity, 3),
        RateLimit { repositories: patterns, ..limit(Requests::Pushes, Per::Everybody, 2) },
    ];
    let server = served(&clock, RegistryOptions { rate_limits: RateLimits::new(limits), ..everything() });
    let ask = async |method: &str, path: &str, user: &str, address: &str| {
        let call = server.call(method, path).from(address).header("authorization", &by(user));
        call.send().await.status.as_u16()
    };
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        assert_eq!(ask("GET", "/v2/app/tags/list", "reader", address).await, 404);
    }
    assert_eq!(ask("GET", "/v2/app/tags/list", "reader", "192.0.2.4").await, 429);
    assert_eq!(ask("GET", "/v2/app/tags/list", "writer", "192.0.2.4").await, 404);
    for (user, path, expected) in [
        ("reader", "/v2/hot/a/blobs/uploads/", 202),
        ("writer", "/v2/hot/b/blobs/uploads/", 202),
        ("owner", "/v2/hot/a/blobs/uploads/", 429),
        ("owner", "/v2/cold/a/blobs/uploads/", 202),
    ] {
        assert_eq!(ask("POST", path, user, "192.0.2.1").await, expected, "{user} {path}");
    }
}

#[tokio::test]
async fn passwords_are_not_tried_for_long_and_nobody_is_kept_out_by_others() {
    let clock = TestClock::default();
    let server = served(&clock, everything());
    login(&server, "192.0.2.1", "owner", "word").await.expect(200);
    clock.advance(Duration::from_secs(2));
    let mut refused = 0;
    for _ in 0..40 {
        refused += usize::from(login(&server, "192.0.2.1", "reader", "wrong").await.status == 429);
    }
    assert_eq!(refused, 20, "where nothing is said");
    // Not even the right one is looked at, for that would tell that it is.
    login(&server, "192.0.2.1", "reader", "word").await.expect_error(429, "TOOMANYREQUESTS");
    login(&server, "192.0.2.2", "reader", "word").await.expect(200);
    login(&server, "192.0.2.1", "owner", "word").await.expect(200);
    clock.advance(Duration::from_secs(7));
    login(&server, "192.0.2.1", "reader", "word").await.expect(200);
}

#[tokio::test]
async fn what_a_stranger_says_of_his_address_has_no_effect() {
    let clock = TestClock::default();
    let trusted = vec!["10.0.0.0/8".parse().unwrap()];
    let proxies = Proxies { trusted, header: ForwardHeader::XForwardedFor, tells_scheme: true };
    let rate_limits = RateLimits::new(vec![limit(Requests::Pulls, Per::Address, 1)]);
    let server = served(&clock, RegistryOptions { proxies, rate_limits, ..RegistryOptions::default() });
    let ask = async |peer: &str, said: &str| {
        let call = server.call("GET", "/v2/app/tags/list").from(peer).header("x-forwarded-for", said);
        call.send().await.status.as_u16()
    };
    assert_eq!(ask("192.0.2.1", "198.51.100.1").await, 404);
    assert_eq!(ask("192.0.2.1", "198.51.100.2").await, 429);
    assert_eq!(ask("10.0.0.1", "198.51.100.1").await, 404);
    assert_eq!(ask("10.0.0.2", "198.51.100.1").await, 429, "one client through two proxies");
    assert_eq!(ask("10.0.0.1", "203.0.113.9, 198.51.100.1").await, 429, "what he wrote himself is not looked at");
}

#[tokio::test]
async fn a_client_is_sent_for_a_token_by_the_scheme_that_a_trusted_proxy_says() {
    let tokens = registry::access::TokenOptions { is_https: true, ..people::token_options() };
    let access = people::access(AccessOptions { tokens: Some(tokens), ..people::options() });
    let proxies = Proxies { trusted: vec!["10.0.0.1".parse().unwrap()], tells_scheme: true, ..Proxies::default() };
    let server = Server::with(RegistryOptions { access, proxies, ..RegistryOptions::default() });
    for (peer, scheme, expected) in
        [("10.0.0.1", "http", "http"), ("10.0.0.1", "https", "https"), ("192.0.2.1", "http", "https")]
    {
        let call = server.call("GET", "/v2/").from(peer).header("host", "registry.example");
        let call = call.header("x-forwarded-proto", scheme).header("x-forwarded-for", "198.51.100.1");
        let reply = call.send().await.expect(401);
        let realm = format!("Bearer realm=\"{expected}://registry.example/token\"");
        assert!(reply.header("www-authenticate").starts_with(&realm), "{peer} {scheme} {reply:?}");
    }
}

#[tokio::test]
async fn nobody_has_all_the_room_for_uploads() {
    let options = RegistryOptions { uploads_max: 4, uploads_max_each: 2, ..everything() };
    let server = served(&TestClock::default(), options);
    let begin = async |user: &str| {
        let call = server.call("POST", "/v2/app/blobs/uploads/").from("192.0.2.1");
        call.header("authorization", &by(user)).send().await
    };
    begin("reader").await.expect(202);
    let path = begin("reader").await.expect(202).header("location").to_owned();
    let refused = begin("reader").await.expect_error(429, "TOOMANYREQUESTS");
    refused.assert_headers(&[("retry-after", "5")]);
    let message = &refused.json()["errors"][0]["message"];
    assert!(message.as_str().unwrap().starts_with("too many of your uploads"), "{message}");
    begin("writer").await.expect(202);
    let cancel = server.call("DELETE", &path).from("192.0.2.1").header("authorization", &by("reader"));
    cancel.send().await.expect(204);
    begin("reader").await.expect(202);
    begin("owner").await.expect(202);
    let refused = begin("cleaner").await.expect_error(429, "TOOMANYREQUESTS");
    assert_eq!(refused.json()["errors"][0]["message"], "too many uploads are under way");
    let open = Server::with(RegistryOptions { uploads_max_each: 1, ..RegistryOptions::default() });
    for (address, expected) in [("192.0.2.1", 202), ("192.0.2.1", 429), ("2001:db8::1", 202), ("2001:db8::2", 429)] {
        let answered = open.call("POST", "/v2/app/blobs/uploads/").from(address).send().await;
        assert_eq!(answered.status.as_u16(), expected, "{address}");
    }
}
