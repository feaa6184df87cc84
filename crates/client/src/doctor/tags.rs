//! The list of tags: its pages and its order.

use http::Method;
use http::header::LINK;
use oci::Tag;
use reqwest::Url;
use serde::Deserialize;

use super::reply::Reply;
use super::{Exam, Question};
use crate::auth::Access;
use crate::profile::{Ability, Found, Quirk};
use crate::tags::order;

/// As many as a client asks for at once.
const MANY: usize = 1000;

impl Exam {
    /// Looks at the list of tags, and returns the tags of its first page.
    pub(super) async fn tag_list(&mut self) -> Vec<String> {
        let mut reply = self.get(&format!("tags/list?n={MANY}")).await;
        let refuses_many = reply.is_refusal() && reply.status() != Some(404);
        if refuses_many {
            let without = self.get("tags/list").await;
            if without.is_success() {
                self.judge(Some(Quirk::TagNumberRefused), Ability::TagNumber, reply.to_string());
                reply = without;
            }
        }
        let Some(page) = page(&reply) else {
            let refused = reply.is_refusal() || reply.is_denial();
            let found = if refused { Found::Quirk(Quirk::TagListRefused) } else { Found::Unknown };
            self.note(Ability::TagList, found, format!("{reply}, no list of tags"));
            return Vec::new();
        };
        self.judge(None, Ability::TagList, format!("{reply}, {} tags", page.len()));
        let foreign = page.iter().flatten().find(|name| name.parse::<Tag>().is_err());
        let foreign = foreign.cloned().or_else(|| page.iter().any(Option::is_none).then(|| "null".to_owned()));
        let evidence = foreign.as_deref().map_or_else(|| "all are tags".into(), oci::text::printable);
        let evidence = evidence.into_owned();
        self.judge(foreign.map(|_| Quirk::TagsForeign), Ability::TagNames, evidence);
        let follows_nothing = match reply.next() {
            Some(next) => self.next_page(next).await.1.is_some_and(|page| page.is_empty()),
            None => false,
        };
        let tags: Vec<String> = page.into_iter().flatten().filter(|name| name.parse::<Tag>().is_ok()).collect();
        self.order(&tags);
        if self.has(Quirk::TagNumberRefused).is_none() {
            self.pages(&tags, follows_nothing).await;
        }
        self.after(&tags).await;
        tags
    }

    fn order(&mut self, tags: &[String]) {
        let pair = tags.windows(2).find(|pair| pair[0] > pair[1]).map(|pair| format!("{} before {}", pair[0], pair[1]));
        let evidence = pair.unwrap_or_else(|| format!("{} tags in the order of their bytes", tags.len()));
        self.note(
            Ability::TagOrder,
            order::of(tags.iter().map(String::as_str)),
            oci::text::printable(&evidence).to_string(),
        );
    }

    /// Asks for a page of two, and for the next. `is_endless` says that the page with all of these tags has named one that is empty.
    async fn pages(&mut self, tags: &[String], is_endless: bool) {
        if tags.len() < 3 {
            return self.unknown(Ability::TagNumber, "there are fewer than three tags");
        }
        let reply = self.get("tags/list?n=2").await;
        let Some(page) = page(&reply) else { return self.unknown(Ability::TagNumber, reply.to_string()) };
        if let Some(next) = reply.next() {
            self.link(&reply, next, is_endless).await;
        }
        let (found, next) = (page.len(), reply.has_next());
        let quirk = match (found, next) {
            (3.., false) => Some(Quirk::TagNumberIgnored),
            (_, false) => Some(Quirk::TagListCut),
            (_, true) => None,
        };
        let next = if next { "a next page" } else { "no next page" };
        self.judge(quirk, Ability::TagNumber, format!("{reply}, {found} tags and {next}"));
    }

    /// Asks for a page that another names.
    async fn next_page(&self, next: Url) -> (Reply, Option<Vec<Option<String>>>) {
        let reply = self.ask(Question::new(Method::GET, next, "the next page of tags", Access::Pull)).await;
        let page = page(&reply);
        (reply, page)
    }

    async fn link(&mut self, reply: &Reply, next: Url, is_endless: bool) {
        let (following, _) = self.next_page(next).await;
        let quirk = if !following.is_success() {
            Some(Quirk::TagLinkLost)
        } else if reply.header(LINK).is_some_and(|link| !link.contains('<')) {
            Some(Quirk::TagLinkBare)
        } else {
            is_endless.then_some(Quirk::TagLinkEndless)
        };
        self.judge(quirk, Ability::TagLinks, following.to_string());
    }

    async fn after(&mut self, tags: &[String]) {
        let Some(middle) = tags.get(tags.len() / 2).filter(|_| tags.len() >= 2) else {
            return self.unknown(Ability::TagLast, "there are fewer than two tags");
        };
        let Ok(last) = middle.parse::<Tag>() else {
            return self.unknown(Ability::TagLast, "it lists what is no tag");
        };
        let number = if self.has(Quirk::TagNumberRefused) == Some(true) { String::new() } else { format!("n={MANY}&") };
        let reply = self.get(&format!("tags/list?{number}last={last}")).await;
        let quirk = match page(&reply) {
            Some(page) if page.iter().flatten().any(|tag| tag == middle || Some(tag) == tags.first()) => {
                Some(Quirk::TagLastIgnored)
            }
            Some(_) => None,
            None if reply.is_refusal() => Some(Quirk::TagLastRefused),
            None => return self.unknown(Ability::TagLast, reply.to_string()),
        };
        self.judge(quirk, Ability::TagLast, reply.to_string());
    }
}

/// Returns what a page lists, `None` when it is none.
fn page(reply: &Reply) -> Option<Vec<Option<String>>> {
    #[derive(Deserialize)]
    struct Page {
        tags: Option<Vec<Option<String>>>,
    }
    Some(reply.json::<Page>()?.tags.unwrap_or_default())
}
