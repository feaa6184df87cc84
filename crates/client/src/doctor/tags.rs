//! The list of tags: its pages and its order.

use serde::Deserialize;

use super::Exam;
use super::reply::Reply;
use crate::profile::{Ability, Found, Quirk};

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
        let Some(tags) = tags(&reply) else {
            let refused = reply.is_refusal() || reply.is_denial();
            let found = if refused { Found::Quirk(Quirk::TagListRefused) } else { Found::Unknown };
            self.note(Ability::TagList, found, format!("{reply}, no list of tags"));
            return Vec::new();
        };
        self.judge(None, Ability::TagList, format!("{reply}, {} tags", tags.len()));
        self.order(&tags);
        if self.profile.has(Quirk::TagNumberRefused).is_none() {
            self.pages(&tags).await;
        }
        self.after(&tags).await;
        tags
    }

    fn order(&mut self, tags: &[String]) {
        if tags.len() < 2 {
            return self.unknown(Ability::TagOrder, "there are fewer than two tags");
        }
        if tags.is_sorted() {
            return self.judge(None, Ability::TagOrder, format!("{} tags in the order of their bytes", tags.len()));
        }
        let folded = tags.is_sorted_by_key(|tag| tag.to_ascii_lowercase());
        let quirk = if folded { Quirk::TagsFolded } else { Quirk::TagsUnordered };
        let pair = tags.windows(2).find(|pair| pair[0] > pair[1]).map(|pair| format!("{} before {}", pair[0], pair[1]));
        self.judge(Some(quirk), Ability::TagOrder, oci::text::printable(&pair.unwrap_or_default()).to_string());
    }

    async fn pages(&mut self, tags: &[String]) {
        if tags.len() < 3 {
            return self.unknown(Ability::TagNumber, "there are fewer than three tags");
        }
        let reply = self.get("tags/list?n=2").await;
        let Some(page) = self::tags(&reply) else { return self.unknown(Ability::TagNumber, reply.to_string()) };
        let (found, next) = (page.len(), reply.has_next());
        let quirk = match (found, next) {
            (3.., false) => Some(Quirk::TagNumberIgnored),
            (_, false) => Some(Quirk::TagListCut),
            (_, true) => None,
        };
        let next = if next { "a next page" } else { "no next page" };
        self.judge(quirk, Ability::TagNumber, format!("{reply}, {found} tags and {next}"));
    }

    async fn after(&mut self, tags: &[String]) {
        let Some(middle) = tags.get(tags.len() / 2).filter(|_| tags.len() >= 2) else {
            return self.unknown(Ability::TagLast, "there are fewer than two tags");
        };
        let Ok(last) = middle.parse::<oci::Tag>() else {
            return self.unknown(Ability::TagLast, "it lists what is no tag");
        };
        let reply = self.get(&format!("tags/list?n={MANY}&last={last}")).await;
        let quirk = match self::tags(&reply) {
            Some(page) if page.contains(middle) || page.first() == tags.first() => Some(Quirk::TagLastIgnored),
            Some(_) => None,
            None if reply.is_refusal() => Some(Quirk::TagLastRefused),
            None => return self.unknown(Ability::TagLast, reply.to_string()),
        };
        self.judge(quirk, Ability::TagLast, reply.to_string());
    }
}

/// Returns the tags of a page, `None` when it is none.
fn tags(reply: &Reply) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Page {
        tags: Option<Vec<Option<String>>>,
    }
    Some(reply.json::<Page>()?.tags.unwrap_or_default().into_iter().flatten().collect())
}
