//! Lists of referrers that leave out, add, or come in pages.

use bytes::Bytes;
use oci::{Descriptor, Digest};
use serde_json::Value;

use super::{Answer, Fault, Matcher, Rule};

/// The query by which the pages that we make are asked for.
const PAGE: &str = "testkit-page";

impl Fault {
    /// Returns a fault that leaves a manifest out of every list of referrers.
    pub fn omit_referrer(digest: &Digest) -> Self {
        let omitted = digest.to_string();
        Self::change(move |_, answer| {
            edit_list(answer, |listed| listed.retain(|entry| entry["digest"] != omitted.as_str()));
        })
    }

    /// Returns a fault that adds a descriptor to every list of referrers.
    pub fn list_stranger(stranger: &Descriptor) -> Self {
        let stranger = serde_json::to_value(stranger).unwrap();
        Self::change(move |_, answer| edit_list(answer, |listed| listed.push(stranger.clone())))
    }
}

impl Rule {
    /// Returns rules under which lists of referrers come in pages of this size.
    pub fn paged_referrers(size: usize) -> Vec<Self> {
        vec![Self::new(Matcher::referrers().method("GET"), page(size))]
    }

    /// Returns rules under which lists of referrers come in pages of this size, and every page after the first is
    /// answered with `answer`.
    pub fn failing_second_page(size: usize, answer: Answer) -> Vec<Self> {
        let second = Matcher::referrers().method("GET").query_contains(PAGE);
        let mut rules = vec![Self::new(second, Fault::Answer(answer))];
        rules.extend(Self::paged_referrers(size));
        rules
    }
}

fn page(size: usize) -> Fault {
    Fault::change(move |request, answer| {
        let number = request.query.split('&').find_map(|pair| pair.strip_prefix(PAGE)?.strip_prefix('=')?.parse().ok());
        let number: usize = number.unwrap_or(0);
        let mut more = false;
        edit_list(answer, |listed| {
            more = listed.len() > (number + 1) * size;
            *listed = listed.iter().skip(number * size).take(size).cloned().collect();
        });
        if more {
            let kept = request.query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with(PAGE));
            let query: Vec<String> = kept.map(str::to_owned).chain([format!("{PAGE}={}", number + 1)]).collect();
            let link = format!("<{}?{}>; rel=\"next\"", request.path, query.join("&"));
            answer.headers.push(("Link".to_owned(), link));
        }
    })
}

/// Changes the list of an answer that is one.
fn edit_list(answer: &mut Answer, edit: impl FnOnce(&mut Vec<Value>)) {
    let Ok(mut index) = serde_json::from_slice::<Value>(&answer.body) else { return };
    if let Some(listed) = index.get_mut("manifests").and_then(Value::as_array_mut) {
        edit(listed);
        answer.body = Bytes::from(index.to_string());
    }
}
