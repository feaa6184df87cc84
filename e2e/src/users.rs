//! Registries that want to know who asks.

use std::time::Duration;

use base64::Engine as _;
use registry::{Access, Credentials};
use serde_json::{Map, Value, json};

pub use testkit::users::PASSWORD;

use crate::scene::Scene;
use crate::sound;

/// The only user.
pub const USER: &str = testkit::users::OWNER;

fn credentials() -> Credentials {
    Credentials { user: USER.to_owned(), password: PASSWORD.to_owned() }
}

/// Access by the password in every request.
pub fn basic() -> Access {
    Access::Basic(credentials())
}

/// Access by tokens.
pub fn bearer() -> Access {
    Access::Bearer { credentials: credentials(), anonymous_pull: false, lifetime: Duration::from_mins(5) }
}

/// What stands in the header of a request that shows the password.
pub fn encoded() -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"))
}

/// Writes a file of credentials for both ends of a scene, as docker writes it, and returns its path.
pub fn auth_file(scene: &Scene) -> String {
    let registries = [&scene.source, &scene.destination].into_iter().filter(|side| side.place.kind.is_registry());
    let entry = |host: String| (host, json!({ "auth": encoded() }));
    let auths: Map<String, Value> = registries.map(|side| entry(side.proxy().host().to_string())).collect();
    let file = scene.program.home().join("auth.json");
    sound::write(&file, json!({ "auths": auths }).to_string());
    file.to_string_lossy().into_owned()
}
