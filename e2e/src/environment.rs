//! The only place of this crate that reads the environment.
#![expect(clippy::disallowed_methods, reason = "the one module that may")]

/// Whether the heavy peers and the long runs are wanted too, as `cargo xtask test --all` says.
pub fn everything_is_tested() -> bool {
    std::env::var_os("SUPERCARGO_TEST_ALL").is_some_and(|value| value == "1")
}
