//! What a proxy does to the requests of a rule.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::message::{Headers, header, set_header};
use super::{Exchange, Matcher};

/// An answer that a proxy gives, or that it may change before it passes it on.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers; `Content-Length` is added unless there is one.
    pub headers: Vec<(String, String)>,
    /// The body. It is left out in answer to HEAD.
    pub body: Bytes,
}

impl Answer {
    /// Returns an answer without a body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Headers::new(), body: Bytes::new() }
    }

    /// Returns a page of HTML with status 200, as a captive portal gives it.
    pub fn html() -> Self {
        Self::new(200).header("Content-Type", "text/html").body("<!DOCTYPE html><title>Log in</title>")
    }

    /// Returns an error in the form of distribution-spec, "Error Codes".
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]});
        Self::new(status).header("Content-Type", "application/json").body(body.to_string())
    }

    /// Returns a redirect (307) to this URL or path.
    pub fn redirect(location: &str) -> Self {
        Self::new(307).header("Location", location)
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        set_header(&mut self.headers, name, value);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Returns the value of a header.
    pub fn get_header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

type AnswerTo = Arc<dyn Fn(&Exchange) -> Answer + Send + Sync>;
type Wait = Arc<dyn Fn(&Exchange) -> Duration + Send + Sync>;
type Unless = Arc<dyn Fn(&Exchange) -> Option<Answer> + Send + Sync>;
type Change = Arc<dyn Fn(&Exchange, &mut Answer) + Send + Sync>;

/// What a proxy does to a request.
#[derive(Clone)]
#[non_exhaustive]
pub enum Fault {
    /// Answers itself; the upstream never sees the request.
    Answer(Answer),
    /// Answers itself, according to the request.
    AnswerTo(AnswerTo),
    /// Answers itself where there is something to answer, and passes the request on otherwise.
    Unless(Unless),
    /// Closes the connection without an answer.
    Disconnect,
    /// Takes the request and never answers.
    Stall,
    /// Passes on this many bytes of the answer's body, then closes the connection.
    CutBody(u64),
    /// Passes on this many bytes of the request's body, then closes the connection without an answer. A shorter body comes through.
    CutRequest(u64),
    /// Passes the answer's body on byte by byte, each after this while.
    Trickle(Duration),
    /// Changes one bit of the byte at this place of the answer's body.
    FlipBit(usize),
    /// Adds bytes to the answer's body, and to its `Content-Length`.
    Append(Bytes),
    /// Lets `Content-Length` say this, passes the body on as it is, and closes the connection.
    StateLength(u64),
    /// Sets a header of the answer.
    SetHeader(String, String),
    /// Reads the request's body, throws it away and answers 201 as for a manifest that was stored and listed.
    SwallowManifest,
    /// Lets requests wait until this many of the rule are waiting, then passes all of them on. Where they never come, the
    /// wait ends after ten seconds with status 503.
    Together(usize),
    /// Passes the request on after a while, according to the request.
    Wait(Wait),
    /// Changes the answer.
    Change(Change),
}

impl Fault {
    /// Returns a fault that answers according to the request.
    pub fn answer_to(answer: impl Fn(&Exchange) -> Answer + Send + Sync + 'static) -> Self {
        Self::AnswerTo(Arc::new(answer))
    }

    /// Returns a fault that answers some requests itself.
    pub fn unless(answer: impl Fn(&Exchange) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self::Unless(Arc::new(answer))
    }

    /// Returns a fault that passes the request on after a while.
    pub fn wait(wait: impl Fn(&Exchange) -> Duration + Send + Sync + 'static) -> Self {
        Self::Wait(Arc::new(wait))
    }

    /// Returns a fault that changes the answer.
    pub fn change(change: impl Fn(&Exchange, &mut Answer) + Send + Sync + 'static) -> Self {
        Self::Change(Arc::new(change))
    }

    /// Returns a fault that redirects each request to itself.
    pub fn redirect_loop() -> Self {
        Self::answer_to(|request| Answer::redirect(request.line().split_once(' ').unwrap().1))
    }

    /// Returns a fault that redirects each request to the same path of another server, `http://HOST:PORT`.
    pub fn redirect_to_server(base: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self::answer_to(move |request| {
            Answer::redirect(&format!("{base}{}", request.line().split_once(' ').unwrap().1))
        })
    }

    /// Returns a fault that asks for credentials, whatever was sent. `challenge` is the value of `WWW-Authenticate`.
    pub fn unauthorized(challenge: &str) -> Self {
        let answer = Answer::error(401, "UNAUTHORIZED", "authentication required");
        Self::Answer(answer.header("WWW-Authenticate", challenge))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(answer) => f.debug_tuple("Answer").field(&answer.status).finish(),
            Self::AnswerTo(_) => f.write_str("AnswerTo"),
            Self::Unless(_) => f.write_str("Unless"),
            Self::Disconnect => f.write_str("Disconnect"),
            Self::Stall => f.write_str("Stall"),
            Self::CutBody(after) => f.debug_tuple("CutBody").field(after).finish(),
            Self::CutRequest(after) => f.debug_tuple("CutRequest").field(after).finish(),
            Self::Trickle(pause) => f.debug_tuple("Trickle").field(pause).finish(),
            Self::FlipBit(at) => f.debug_tuple("FlipBit").field(at).finish(),
            Self::Append(bytes) => f.debug_tuple("Append").field(&bytes.len()).finish(),
            Self::StateLength(length) => f.debug_tuple("StateLength").field(length).finish(),
            Self::SetHeader(name, value) => f.debug_tuple("SetHeader").field(name).field(value).finish(),
            Self::SwallowManifest => f.write_str("SwallowManifest"),
            Self::Together(count) => f.debug_tuple("Together").field(count).finish(),
            Self::Wait(_) => f.write_str("Wait"),
            Self::Change(_) => f.write_str("Change"),
        }
    }
}

/// Which requests are treated how. Of several rules about a request the first counts.
#[derive(Clone, Debug)]
pub struct Rule {
    matcher: Matcher,
    fault: Fault,
    skip: usize,
    times: usize,
    seen: Arc<AtomicUsize>,
    arrived: Arc<AtomicUsize>,
    /// Lets requests of [`Fault::Together`] go.
    pub(super) waiting: Arc<tokio::sync::Semaphore>,
}

impl Rule {
    /// Returns a rule that treats every request of the matcher in this way.
    pub fn new(matcher: Matcher, fault: Fault) -> Self {
        Self {
            matcher,
            fault,
            skip: 0,
            times: usize::MAX,
            seen: Arc::default(),
            arrived: Arc::default(),
            waiting: Arc::new(tokio::sync::Semaphore::new(0)),
        }
    }

    /// Leaves out the first requests.
    #[must_use]
    pub const fn after(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    /// Treats this many requests and no more.
    #[must_use]
    pub const fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Returns how many requests were about this rule so far. A clone of a rule counts together with it.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    /// Returns what is to be done to a request, if this rule is about it. Counts it.
    pub(super) fn apply(&self, request: &Exchange) -> Option<&Fault> {
        if !self.matcher.matches(request) {
            return None;
        }
        let before = self.seen.fetch_add(1, Ordering::SeqCst);
        let applies = before >= self.skip && before - self.skip < self.times;
        applies.then_some(&self.fault)
    }

    /// Counts a request that waits for others, and returns how many have come.
    pub(super) fn arrive(&self) -> usize {
        self.arrived.fetch_add(1, Ordering::SeqCst) + 1
    }
}
