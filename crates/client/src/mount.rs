//! Taking a blob from another repository of the same registry (distribution-spec, "Mounting a blob from another repository").

use http::{Method, StatusCode};
use oci::Descriptor;
use store::{Identity, StoreError};

use crate::auth::{Access, Scope};
use crate::host::{Call, Context};
use crate::repository::Repository;
use crate::syntax::location::is_downgrade;

/// Mounts a blob. Returns false when the registry cannot do that, or does not let us.
pub(crate) async fn adopt(
    repository: &Repository,
    descriptor: &Descriptor,
    from: &Identity,
) -> Result<bool, StoreError> {
    let Identity::Repository { host, name } = from else { return Ok(false) };
    if host != repository.registry().name() || name == repository.name() {
        return Ok(false);
    }
    let learned = &repository.registry().learned;
    if learned.refuses_mount(name, repository.name()) {
        return Ok(false);
    }
    let action = format!("the mount of blob {}", descriptor.digest);
    // The right to read the source goes into the token.
    let scope = Scope::of(repository.name(), Access::Push).and(name, Access::Pull);
    let context = Context { scope: &scope, ..repository.context(&action, Access::Push) };
    let url = repository.url(&format!("blobs/uploads/?mount={}&from={name}", descriptor.digest)).await?;
    let answer = match repository.registry().call(Call::new(Method::POST, url, context)).await {
        Ok(answer) => answer,
        // Without a right to the source there may still be one to upload, and that will say what it lacks.
        Err(StoreError::Denied { .. }) => {
            learned.learn_refuses_mount(name, repository.name());
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    match answer.status {
        StatusCode::CREATED => {
            answer.discard().await;
            Ok(true)
        }
        StatusCode::ACCEPTED => {
            // "Not mounted, upload it": the session that has been opened is used by the upload that follows.
            let session = answer.location().ok().filter(|session| !is_downgrade(&answer.url, session));
            answer.discard().await;
            if let Some(session) = session {
                let digest = &descriptor.digest;
                if !learned.keep_upload(repository.name(), digest, session.clone()) {
                    crate::upload::cancel(repository, context, session).await;
                }
            }
            Ok(false)
        }
        status if status.is_client_error() => {
            if status == StatusCode::FORBIDDEN {
                learned.learn_refuses_mount(name, repository.name());
            }
            answer.discard().await;
            Ok(false)
        }
        _ => Err(context.refused(answer).await),
    }
}
