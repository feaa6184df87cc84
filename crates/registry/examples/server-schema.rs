//! Prints the JSON Schema of a server's configuration. `cargo xtask schema` writes it to `docs/formats`, and is built without the
//! server for that.

#[expect(clippy::print_stdout, reason = "that is all it does")]
fn main() {
    println!("{:#}", registry::configuration::json_schema());
}
