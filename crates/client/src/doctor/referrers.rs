//! The list of what refers to a manifest.

use http::Method;
use http::header::CONTENT_TYPE;
use oci::{Descriptor, Digest, Manifest, MediaType};

use super::reply::Reply;
use super::{Exam, Question, absent_digest};
use crate::auth::Access;
use crate::profile::{Ability, Found, Quirk};
use crate::referrers::FILTERS_APPLIED;

/// A type of artifact that nobody uses.
const ABSENT_TYPE: &str = "application/vnd.supercargo.absent";

/// Most of those listed that are read.
const READ_MAX: usize = 10;

impl Exam {
    /// Looks at the lists of what refers to an image, and to nothing.
    pub(super) async fn referrers(&mut self, manifest: Option<&Manifest>) {
        let nothing = self.referrers_of(&absent_digest()).await;
        let own = match manifest {
            Some(manifest) => Some(self.referrers_of(manifest.digest()).await),
            None => None,
        };
        let has_list = own.as_ref().is_some_and(|own| listed(own).is_some());
        let found = match nothing.status() {
            Some(_) if listed(&nothing).is_some() => Found::Standard,
            Some(400 | 404) if has_list => Found::Quirk(Quirk::ReferrersNotFound),
            Some(200) => Found::Quirk(Quirk::ReferrersUntyped),
            Some(401 | 403) => Found::Quirk(Quirk::ReferrersDenied),
            Some(300..=399) => Found::Quirk(Quirk::ReferrersMissing),
            _ if nothing.is_refusal() => Found::Quirk(Quirk::ReferrersMissing),
            _ => Found::Unknown,
        };
        self.note(Ability::Referrers, found, nothing.to_string());
        let Some((subject, list)) = manifest.zip(own.as_ref().and_then(listed)) else { return };
        if list.is_empty() {
            for ability in [Ability::ReferrersFilter, Ability::ReferrersSubject] {
                self.unknown(ability, "nothing refers to the image that was looked at");
            }
            return;
        }
        self.filter(subject).await;
        self.strangers(subject, &list).await;
    }

    /// Asks for the list of what refers to something.
    pub(super) async fn referrers_of(&self, subject: &Digest) -> Reply {
        let names = |question| Question { named: Some(*subject), ..question };
        self.ask_for(Method::GET, &format!("referrers/{subject}"), Access::Pull, names).await
    }

    async fn filter(&mut self, subject: &Manifest) {
        let reply = self.get(&format!("referrers/{}?artifactType={ABSENT_TYPE}", subject.digest())).await;
        let Some(list) = listed(&reply) else { return self.unknown(Ability::ReferrersFilter, reply.to_string()) };
        let says_so = reply.header(&FILTERS_APPLIED).is_some_and(|filters| filters.contains("artifactType"));
        let quirk = match (list.is_empty(), says_so) {
            (true, true) => None,
            (true, false) => Some(Quirk::FilterUnsaid),
            (false, true) => Some(Quirk::FilterClaimed),
            (false, false) => Some(Quirk::FilterIgnored),
        };
        let said = if says_so { "it says that it has filtered" } else { "it does not say that it has filtered" };
        self.judge(quirk, Ability::ReferrersFilter, format!("{reply}, {} referrers, and {said}", list.len()));
    }

    async fn strangers(&mut self, subject: &Manifest, list: &[Descriptor]) {
        for descriptor in list.iter().take(READ_MAX) {
            let reply = self.manifest_as(Method::GET, &descriptor.digest.to_string()).await;
            let manifest = reply.manifest(Some(&descriptor.media_type), Some(&descriptor.digest));
            let refers = manifest.and_then(|manifest| manifest.subject().map(|found| found.digest));
            if refers != Some(*subject.digest()) {
                let evidence = format!("{}: {reply}", descriptor.digest);
                return self.judge(Some(Quirk::ReferrersStrangers), Ability::ReferrersSubject, evidence);
            }
        }
        let read = list.len().min(READ_MAX);
        self.judge(None, Ability::ReferrersSubject, format!("{read} of {} referrers were read", list.len()));
    }
}

/// Returns what an answer lists, `None` when it is no list of referrers.
pub(super) fn listed(reply: &Reply) -> Option<Vec<Descriptor>> {
    let is_index = reply.header(CONTENT_TYPE).and_then(|text| MediaType::from_content_type(text).ok())
        == Some(MediaType::OCI_INDEX);
    if !is_index {
        return None;
    }
    Some(reply.manifest(Some(&MediaType::OCI_INDEX), None)?.children().to_vec())
}
