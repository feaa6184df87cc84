//! Following redirects.

use http::{Method, StatusCode};
use oci::Digest;
use reqwest::Url;

use crate::exchange::{Answer, Failure, Request, Transport};
use crate::syntax::location::is_downgrade;

/// Most redirects of one request.
const REDIRECTS_MAX: usize = 8;

/// Sends what `make` makes for a method and a URL, again for every place to which the answer leads. Returns the first answer
/// that is no redirect, or one to where the URL does not name what is asked for any more.
pub(crate) async fn follow(
    transport: &Transport,
    mut method: Method,
    mut url: Url,
    named: Option<&Digest>,
    make: impl Fn(&Method, &Url) -> Request,
) -> Result<Answer, Failure> {
    let mut visited: Vec<Url> = Vec::new();
    loop {
        let answer = transport.send(make(&method, &url)).await?;
        let Some(next) = next_method(answer.status, &method) else { return Ok(answer) };
        let target = answer.location()?;
        if named.is_some_and(|digest| !target.as_str().contains(&digest.encoded())) {
            return Ok(answer);
        }
        if is_downgrade(&url, &target) {
            return Err(Failure::Protocol("it redirects from TLS to plain HTTP".to_owned()));
        }
        visited.push(url);
        if visited.contains(&target) {
            return Err(Failure::Protocol("its redirects lead in a circle".to_owned()));
        }
        if visited.len() > REDIRECTS_MAX {
            return Err(Failure::Protocol(format!("it redirects more than {REDIRECTS_MAX} times")));
        }
        answer.discard().await;
        method = next;
        url = target;
    }
}

/// Returns the method with which a redirect is followed, if it is one.
fn next_method(status: StatusCode, method: &Method) -> Option<Method> {
    let safe = matches!(*method, Method::GET | Method::HEAD);
    match status.as_u16() {
        301..=303 if safe => Some(method.clone()),
        307 | 308 => Some(method.clone()),
        _ => None,
    }
}
