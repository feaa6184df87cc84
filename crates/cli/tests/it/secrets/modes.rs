//! How a user is known, and what a registry does with that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::proxy::{Answer, Exchange, Fault, Matcher, Rule};

use super::lines::Line;
use super::planted::secret;

/// Who the user is, and where that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// `auth` in a file.
    Pair,
    /// `username` and `password` in a file.
    Fields,
    /// `identitytoken` in a file.
    Identity,
    /// `registrytoken` in a file.
    Registry,
    /// A helper that a file names.
    Helper,
    /// A helper that prints everything and fails.
    FailingHelper,
    /// A file that is not JSON.
    BrokenFile,
}

/// How the registry is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By its address.
    Direct,
    /// By a proxy that wants a password, and with a header that a file sends to it.
    Proxy,
    /// By a proxy that wants another password.
    WrongProxy,
    /// By a proxy whose URL is none.
    BrokenProxy,
    /// With a header in a file that is not TOML.
    BrokenHosts,
    /// With a key of a certificate that is none.
    BrokenKey,
    /// As [`Way::Proxy`], by TLS.
    Tls,
    /// By TLS, with a certificate of which nobody knows who has signed it.
    UnknownTls,
    /// By TLS, where a certificate of the client is wanted and there is none.
    ClientTls,
}

/// How a user is known, and what a registry does with that.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    pub(super) name: &'static str,
    pub(super) login: Login,
    pub(super) way: Way,
    /// What the registry does; `elsewhere` is another server.
    pub(super) rules: fn(elsewhere: &str) -> Vec<Rule>,
    /// How many commands have to fail; none may where this is 0.
    pub(super) failures: usize,
    /// Whether commands are run that ask no registry.
    pub(super) local: bool,
}

impl Mode {
    pub(super) fn is_about(&self, line: &Line) -> bool {
        line.asks || self.local
    }
}

const BASIC: &str = "Basic realm=\"tests\"";
/// The token service is where the registry is, by whatever name that was called.
const BEARER: &str = "Bearer realm=\"/token\",service=\"tests\"";

/// Everything secret that a request has, and that a service could say again.
fn repeated(request: &Exchange) -> String {
    let shown = request.header("Authorization").unwrap_or_default();
    let decoded = shown.strip_prefix("Basic ").and_then(|pair| STANDARD.decode(pair).ok()).unwrap_or_default();
    let own = request.header("X-Gate").unwrap_or_default();
    let decoded = String::from_utf8_lossy(&decoded);
    let password = decoded.split_once(':').map_or("", |(_, password)| password);
    format!("you showed {shown} ({password}) and {own} to {}", request.line())
}

fn repeats(status: u16) -> Fault {
    Fault::answer_to(move |request| {
        // Nothing is to be waited for between tries.
        let mut answer = Answer::error(status, "DENIED", &repeated(request)).header("Retry-After", "0");
        if status == 401 {
            answer = answer.header("WWW-Authenticate", BASIC);
        }
        answer
    })
}

/// Wants to be shown something, and takes everything.
fn challenge(text: &'static str) -> Rule {
    let answer = move |request: &Exchange| match request.header("Authorization") {
        None => Answer::error(401, "UNAUTHORIZED", "who are you?").header("WWW-Authenticate", text),
        Some(_) => Answer::new(200).body("{}"),
    };
    Rule::new(Matcher::any().path_ends("/v2/"), Fault::answer_to(answer))
}

fn tokens() -> Rule {
    let body = format!("{{\"token\":\"{}\",\"refresh_token\":\"{}\"}}", secret("issued"), secret("identity"));
    Rule::new(Matcher::any().path_ends("/token"), Fault::Answer(Answer::new(200).body(body)))
}

fn basic() -> Vec<Rule> {
    vec![challenge(BASIC)]
}

fn bearer() -> Vec<Rule> {
    vec![challenge(BEARER), tokens()]
}

fn and(mut rules: Vec<Rule>, fault: Fault) -> Vec<Rule> {
    rules.push(Rule::new(Matcher::any(), fault));
    rules
}

/// Sends requests for content elsewhere, with what a service of objects has in its URLs.
fn signed(to: &str, user: &str) -> Fault {
    let to = format!("http://{user}{to}/objects?X-Amz-Signature={}&X-Amz-Credential={}", secret("sig"), secret("id"));
    Fault::answer_to(move |request| match request.method.as_str() {
        "POST" => Answer::new(202).header("Location", &to),
        _ => Answer::redirect(&to),
    })
}

fn garbled(request: &Exchange) -> Answer {
    let shown = request.header("Authorization").unwrap_or_default();
    let text = serde_json::json!(shown).to_string();
    match request.path.as_str() {
        path if path.contains("/tags/") => Answer::new(200).body(format!("{{\"name\":\"x\",\"tags\":[{text}]}}")),
        path if path.contains("/manifests/1.0.0") => {
            let body = format!("{{\"schemaVersion\":2,\"mediaType\":{text},\"manifests\":{text},\"config\":{text}}}");
            Answer::new(200).header("Content-Type", "application/vnd.oci.image.index.v1+json").body(body)
        }
        path if path.contains("/manifests/") => Answer::new(200).header("Content-Type", shown).body(text),
        path if path.contains("/referrers/") => Answer::new(200).body(format!("{{\"manifests\":{text}}}")),
        path if path.contains("/uploads/") => Answer::new(202).header("Location", shown),
        _ => Answer::new(200).header("Link", &format!("<{shown}>; rel=\"next\"")).body(text),
    }
}

const fn mode(name: &'static str, login: Login, rules: fn(&str) -> Vec<Rule>, failures: usize) -> Mode {
    Mode { name, login, way: Way::Direct, rules, failures, local: false }
}

const fn by(way: Way, mode: Mode) -> Mode {
    Mode { way, ..mode }
}

pub(super) const MODES: &[Mode] = &[
    Mode { local: true, ..mode("let-in", Login::Pair, |_| basic(), 0) },
    by(Way::Proxy, mode("token", Login::Fields, |_| bearer(), 0)),
    mode("identity", Login::Identity, |_| bearer(), 0),
    mode("registry-token", Login::Registry, |_| bearer(), 0),
    mode("helper", Login::Helper, |_| basic(), 0),
    Mode { local: true, ..mode("refused", Login::Pair, |_| and(basic(), repeats(401)), 20) },
    by(Way::Proxy, mode("forbidden", Login::Fields, |_| and(bearer(), repeats(403)), 20)),
    mode("missing", Login::Helper, |_| and(basic(), repeats(404)), 20),
    mode("broken", Login::Registry, |_| and(bearer(), repeats(500)), 20),
    mode("garbled", Login::Registry, |_| and(bearer(), Fault::answer_to(garbled)), 20),
    mode("garbled-basic", Login::Pair, |_| and(basic(), Fault::answer_to(garbled)), 20),
    mode("token-refused", Login::Identity, |_| vec![challenge(BEARER), token_refused()], 20),
    mode("token-garbled", Login::Pair, |_| vec![challenge(BEARER), token_garbled()], 20),
    mode("signed", Login::Pair, |elsewhere| and(basic(), signed(elsewhere, "")), 20),
    mode("closed", Login::Pair, |_| and(basic(), signed("127.0.0.1:1", "")), 20),
    mode("user-info", Login::Pair, |elsewhere| and(basic(), signed(elsewhere, &format!("u:{}@", secret("info")))), 20),
    by(Way::WrongProxy, mode("proxy", Login::Pair, |_| basic(), 20)),
    by(Way::BrokenProxy, mode("broken-proxy", Login::Pair, |_| basic(), 20)),
    by(Way::BrokenHosts, mode("broken-hosts", Login::Pair, |_| basic(), 20)),
    by(Way::BrokenKey, mode("broken-key", Login::Pair, |_| basic(), 10)),
    by(Way::Tls, mode("tls", Login::Pair, |_| basic(), 0)),
    by(Way::Tls, mode("tls-token-refused", Login::Identity, |_| vec![challenge(BEARER), token_refused()], 20)),
    by(Way::Tls, mode("tls-broken", Login::Registry, |_| and(bearer(), repeats(500)), 20)),
    by(Way::UnknownTls, mode("tls-unknown", Login::Pair, |_| basic(), 20)),
    by(Way::ClientTls, mode("tls-client", Login::Fields, |_| bearer(), 20)),
    mode("failing-helper", Login::FailingHelper, |_| basic(), 20),
    mode("broken-file", Login::BrokenFile, |_| basic(), 20),
];

/// Refuses whoever asks for a token. One that is to be exchanged stands in the body of the request, which is not recorded.
fn token_refused() -> Rule {
    let answer = |request: &Exchange| match request.method.as_str() {
        "POST" => Answer::error(403, "DENIED", &format!("{} is not known", secret("identity"))),
        _ => Answer::error(403, "DENIED", &repeated(request)),
    };
    Rule::new(Matcher::any().path_ends("/token"), Fault::answer_to(answer))
}

fn token_garbled() -> Rule {
    let answer = |request: &Exchange| Answer::new(200).body(format!("{{\"token\":[\"{}\"]}}", repeated(request)));
    Rule::new(Matcher::any().path_ends("/token"), Fault::answer_to(answer))
}

/// What another server does, to which requests are sent.
pub(super) fn elsewhere() -> Vec<Rule> {
    vec![Rule::new(Matcher::any(), repeats(403))]
}
