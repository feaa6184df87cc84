//! Pins and legal holds of a registry that has them (docs/formats/registry-extension.md).

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use oci::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Store as _, StoreError};

use crate::auth::Access;
use crate::host::{Call, Context};
use crate::pages::Pages;
use crate::refusal;
use crate::repository::Repository;

/// Largest page that is read, in bytes.
const PAGE_MAX_BYTES: usize = 32 * 1024 * 1024;
/// Manifests asked for at once.
const PAGE_ENTRIES: usize = 1000;
/// Most holds that are read.
const HOLDS_MAX: usize = 1_000_000;

/// What keeps a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldKind {
    /// A pin: nothing removes it by itself; who may delete it can.
    Pin,
    /// A legal hold: nobody deletes it, nor a tag that names it.
    Legal,
}

impl HoldKind {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Legal => "legal",
        }
    }
}

/// A pin or a legal hold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Hold {
    /// The manifest.
    pub digest: Digest,
    /// What it is.
    pub kind: HoldKind,
    /// Why it is there.
    pub reason: String,
    /// Since when, as the registry writes it.
    pub since: Option<String>,
    /// When it ends, as the registry writes it; `None` for one that does not end by itself.
    pub expires: Option<String>,
    /// Who has set it, as far as the registry tells that.
    pub actor: Option<String>,
}

impl Repository {
    /// Returns the pins and legal holds of one manifest, or of all in the order of their digests; `None` where the registry has no such
    /// thing, or not the repository.
    ///
    /// # Errors
    /// What the registry or the way to it brings.
    pub async fn holds(&self, of: Option<&Digest>) -> Result<Option<Vec<Hold>>, StoreError> {
        #[derive(Deserialize)]
        struct Page {
            holds: Vec<Hold>,
        }
        let context = self.context("the list of pins and holds", Access::Pull);
        let mut url = match of {
            Some(digest) => self.url(&format!("_supercargo/holds/{digest}")).await?,
            None => self.url(&format!("_supercargo/holds?n={PAGE_ENTRIES}")).await?,
        };
        let mut pages = Pages::default();
        let mut holds = Vec::new();
        loop {
            let answer = self.registry().call_whole(Call::new(Method::GET, url, context), PAGE_MAX_BYTES).await?;
            match answer.status {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND if holds.is_empty() => {
                    answer.discard().await;
                    return Ok(None);
                }
                _ => return Err(context.refused(answer).await),
            }
            let linked = pages.after(&answer, &context)?;
            let body = answer.read(PAGE_MAX_BYTES).await.map_err(|failure| context.failed(failure))?;
            let body = body.ok_or_else(|| context.protocol(format!("a page has more than {PAGE_MAX_BYTES} bytes")))?;
            let page: Page = serde_json::from_slice(&body)
                .map_err(|error| context.protocol(format!("it cannot be read: {error}")))?;
            holds.extend(page.holds);
            if holds.len() > HOLDS_MAX {
                return Err(context.protocol(format!("there are more than {HOLDS_MAX} holds")));
            }
            let Some(next) = linked else { return Ok(Some(holds)) };
            url = next;
        }
    }

    /// Sets a pin or a legal hold on a manifest; another one of the same kind on it ends. Returns false where the registry has no such
    /// thing, or not the manifest.
    ///
    /// # Errors
    /// What the registry or the way to it brings; [`StoreError::Denied`] for who may not delete.
    pub async fn put_hold(
        &self,
        digest: &Digest,
        kind: HoldKind,
        reason: &str,
        expires: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        #[derive(Serialize)]
        struct Wanted<'w> {
            kind: HoldKind,
            reason: &'w str,
            #[serde(skip_serializing_if = "Option::is_none")]
            expires: Option<String>,
        }
        let action = format!("a hold on {digest}");
        let context = self.context(&action, Access::Delete);
        let wanted = Wanted { kind, reason, expires: expires.map(|time| time.to_string()) };
        let body = serde_json::to_vec(&wanted).map_err(|error| context.protocol(error.to_string()))?;
        let mut call = Call::new(Method::PUT, self.url(&format!("_supercargo/holds/{digest}")).await?, context);
        call = call.with(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        call.body = Some(body.into());
        self.change_hold(call, StatusCode::CREATED, &context).await
    }

    /// Ends a pin or a legal hold. Returns false when there was none.
    ///
    /// # Errors
    /// As [`Repository::put_hold`].
    pub async fn remove_hold(&self, digest: &Digest, kind: HoldKind) -> Result<bool, StoreError> {
        let action = format!("the end of a hold on {digest}");
        let context = self.context(&action, Access::Delete);
        let url = self.url(&format!("_supercargo/holds/{digest}?kind={}", kind.word())).await?;
        self.change_hold(Call::new(Method::DELETE, url, context), StatusCode::ACCEPTED, &context).await
    }

    async fn change_hold(
        &self,
        call: Call<'_>,
        expected: StatusCode,
        context: &Context<'_>,
    ) -> Result<bool, StoreError> {
        let answer = self.registry().call(call).await?;
        if answer.status == expected || answer.status == StatusCode::NOT_FOUND {
            let is_done = answer.status == expected;
            answer.discard().await;
            return Ok(is_done);
        }
        Err(refusal::error(answer, self.location(), context.action).await)
    }
}
