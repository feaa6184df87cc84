//! Two people whom a registry knows by its file, and what they may do.

/// Who may do everything.
pub const OWNER: &str = "captain";

/// Who is known, and may do no more than everybody: read what is in `public/`.
pub const GUEST: &str = "sailor";

/// The password of both. It must never be seen in what a program says.
pub const PASSWORD: &str = "correct horse";

/// Both, as `htpasswd -B` writes them at the least cost.
pub const HTPASSWD: &str = "captain:$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n\
    sailor:$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n";

/// The part of a server's file that says who they are, with [`HTPASSWD`] in the file `users`, and what they may do.
pub const RULES: &str = r#"
[auth]
htpasswd = "users"

[[rules]]
repositories = ["*"]
users = ["captain"]
actions = ["read", "create", "update", "delete"]

[[rules]]
repositories = ["public/*"]
everyone = true
actions = ["read"]
"#;
