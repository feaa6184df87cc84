//! The list of tags (distribution-spec end-8).

use axum::http::header::LINK;
use axum::response::Response;

use crate::context::Context;
use crate::error::ApiError;
use crate::page;
use crate::routes::json;

pub(crate) async fn list(context: &Context<'_>) -> Result<Response, ApiError> {
    let size = page::size(&context.query, context.shared.options.tags_page)?;
    let last = context.query.get("last").unwrap_or_default();
    // One more than fits shows whether there is another page.
    let tags = context.storage().tags(&context.name, last, size + 1).await?;
    let mut tags = tags.ok_or_else(|| ApiError::name_unknown(&context.name))?;
    let more = tags.len() > size;
    tags.truncate(size);

    let document = serde_json::json!({ "name": context.name, "tags": tags }).to_string();
    let mut response = json(document);
    if let Some(last) = tags.last().filter(|_| more) {
        let path = format!("/v2/{}/tags/list", context.name);
        let next = page::next(&path, &[("n", &size.to_string()), ("last", last.as_str())])?;
        response.headers_mut().insert(LINK, next);
    }
    Ok(response)
}
