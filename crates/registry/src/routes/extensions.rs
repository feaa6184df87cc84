//! Which extensions there are (distribution-spec, `extensions/_oci.md`).

use axum::http::Method;
use axum::response::Response;
use oci::RepositoryName;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::ApiError;
use crate::routes;

/// Where the endpoints of the specification's own extensions are described.
const OCI: &str = "https://github.com/opencontainers/distribution-spec/blob/main/extensions/_oci.md";
/// Where ours are.
const SUPERCARGO: &str = "docs/formats/registry-extension.md";

pub(crate) fn of_registry(method: &Method) -> Result<Response, ApiError> {
    match *method {
        Method::GET | Method::HEAD => Ok(answer(&[extension("_oci", OCI, "Extensions", &["/v2/_oci/ext/discover"])])),
        _ => Err(ApiError::method("GET, HEAD")),
    }
}

pub(crate) fn of_repository(context: &Context<'_>) -> Response {
    let at = |name: &RepositoryName, rest: &str| format!("/v2/{name}/{rest}");
    let paths = |rests: &[&str]| rests.iter().map(|rest| at(&context.name, rest)).collect::<Vec<_>>();
    let history = context.shared.options.history;
    let oci: &[&str] = if history { &["_oci/ext/discover", "_oci/tag-history/<tag>"] } else { &["_oci/ext/discover"] };
    let holds = ["_supercargo/holds", "_supercargo/holds/<digest>"];
    let then = ["_supercargo/tags", "_supercargo/tags/<tag>"];
    let own: Vec<&str> = then.into_iter().filter(|_| history).chain(holds).collect();
    answer(&[
        extension("_oci", OCI, "Extensions and the history of tags", &paths(oci)),
        extension("_supercargo", SUPERCARGO, "Tags as of a time; pins and legal holds", &paths(&own)),
    ])
}

fn extension(name: &str, url: &str, description: &str, endpoints: &[impl AsRef<str>]) -> Value {
    let endpoints: Vec<&str> = endpoints.iter().map(AsRef::as_ref).collect();
    json!({ "name": name, "url": url, "description": description, "endpoints": endpoints })
}

fn answer(extensions: &[Value]) -> Response {
    routes::json(json!({ "extensions": extensions }).to_string())
}
