//! What the fuzz targets do with their input, here so that ordinary tests can replay the corpus in `fuzz/corpus/`.
//!
//! Each function must return for every input: it asserts what has to hold of values that were accepted, and that what is
//! said of the others can be shown on a terminal.
//!
//! | module | parses |
//! |---|---|
//! | `values` | manifests, image configurations, names, marks, what is remembered of images |
//! | `graphs` | graphs of hostile manifests: walks, plans, proofs, collections |
//! | `answers` | what registries answer: header fields, heads, chunks, complaints |
//! | `exchange` | the same through the whole client, over a socket |
//! | `requests` | what clients ask our registry, piece by piece and as whole requests |
//! | `layouts` | layouts and the files of the local content store |
//! | `archives` | tars of layouts and what `docker save` writes |
//! | `users` | auth files, lists of copies, arguments |
//! | `images` | whole operations on an image from a stranger |

mod answers;
mod archives;
mod exchange;
mod graphs;
mod images;
mod layouts;
mod look;
mod pieces;
mod place;
mod requests;
mod users;
mod values;

pub use answers::{chunked, complaint, header, response_head};
pub use archives::archive;
pub use exchange::exchange;
pub use graphs::{narrow, plan, walk};
pub use images::image;
pub use layouts::{content_store, layout};
pub use requests::{registry, request};
pub use users::{copy_list, credentials};
pub use values::{chain_index, manifest, mark, names};

/// What is done with one input.
pub type Target = fn(&[u8]);

/// Every target by its name, as it is called in `fuzz/Cargo.toml`.
pub const TARGETS: &[(&str, Target)] = &[
    ("archive", archive),
    ("chain_index", chain_index),
    ("chunked", chunked),
    ("complaint", complaint),
    ("content_store", content_store),
    ("copy_list", copy_list),
    ("credentials", credentials),
    ("exchange", exchange),
    ("header", header),
    ("image", image),
    ("layout", layout),
    ("manifest", manifest),
    ("mark", mark),
    ("names", names),
    ("narrow", narrow),
    ("plan", plan),
    ("registry", registry),
    ("request", request),
    ("response_head", response_head),
    ("walk", walk),
];

/// Asserts that a message can be shown: nothing in it drives a terminal.
fn assert_printable(error: &impl std::fmt::Display) {
    let text = error.to_string();
    assert_eq!(oci::text::printable(&text), text, "a message that cannot be shown");
}
