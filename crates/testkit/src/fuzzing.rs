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
//! | `callers` | who sends a request, and what it expects to find; tokens |
//! | `requests` | what clients ask our registry, piece by piece and as whole requests; the files it is configured by |
//! | `assertions` | assertions of other issuers, and their keys |
//! | `layouts` | layouts and the files of the local content store |
//! | `archives` | tars of layouts and what `docker save` writes |
//! | `journals` | the journal that a registry keeps beside its database |
//! | `collections` | plans of removals, and package descriptors |
//! | `certificates` | certificates and keys of a server |
//! | `users` | auth files, lists of copies, arguments |
//! | `images` | whole operations on an image from a stranger |
//! | `tags` | tags as versions, and as candidates of images |
//! | `requirements` | schemes, requirements, values, templates |
//! | `projects`, `locks` | the files of a project: reading, changing, merging |
//! | `bisections` | the files of bisections, and searches that go on from them |
//! | `problems` | problems of the solver |
//! | `mirrors` | lists of mirrors, and logs of what tags were seen to name |
//! | `targets` | references in other people's files, and lists of images of other tools |
//! | `beside` | what lies beside a project, and applications of strangers |

mod answers;
mod archives;
mod assertions;
mod beside;
mod bisections;
mod callers;
mod certificates;
mod collections;
mod exchange;
mod graphs;
mod images;
mod journals;
mod layouts;
mod locks;
mod look;
mod mirrors;
mod pieces;
mod place;
mod problems;
mod projects;
mod requests;
mod requirements;
mod tags;
mod targets;
mod users;
mod values;

pub use self::targets::{import, target};
pub use answers::{chunked, complaint, header, response_head};
pub use archives::archive;
pub use assertions::assertion;
pub use beside::{installed_from, journal, published};
pub use bisections::bisection;
pub use callers::{caller, condition, token};
pub use certificates::certificate;
pub use collections::{package, removal};
pub use exchange::exchange;
pub use graphs::{narrow, plan, walk};
pub use images::image;
pub use journals::segment;
pub use layouts::{content_store, layout};
pub use locks::lock;
pub use mirrors::{mirror, observation};
pub use problems::solve;
pub use projects::project;
pub use requests::{registry, request, serving};
pub use requirements::requirement;
pub use tags::tags;
pub use users::{copy_list, credentials};
pub use values::{chain_index, manifest, mark, names};

/// What is done with one input.
pub type Target = fn(&[u8]);

/// Every target by its name, as it is called in `fuzz/Cargo.toml`.
pub const TARGETS: &[(&str, Target)] = &[
    ("archive", archive),
    ("assertion", assertion),
    ("bisection", bisection),
    ("caller", caller),
    ("certificate", certificate),
    ("chain_index", chain_index),
    ("chunked", chunked),
    ("complaint", complaint),
    ("condition", condition),
    ("content_store", content_store),
    ("copy_list", copy_list),
    ("credentials", credentials),
    ("exchange", exchange),
    ("header", header),
    ("image", image),
    ("import", import),
    ("installed", installed_from),
    ("journal", journal),
    ("layout", layout),
    ("lock", lock),
    ("manifest", manifest),
    ("mark", mark),
    ("mirror", mirror),
    ("names", names),
    ("narrow", narrow),
    ("observation", observation),
    ("package", package),
    ("plan", plan),
    ("project", project),
    ("published", published),
    ("registry", registry),
    ("removal", removal),
    ("request", request),
    ("requirement", requirement),
    ("response_head", response_head),
    ("segment", segment),
    ("serving", serving),
    ("solve", solve),
    ("tags", tags),
    ("target", target),
    ("token", token),
    ("walk", walk),
];

/// Asserts that a message can be shown: nothing in it drives a terminal.
fn assert_printable(error: &impl std::fmt::Display) {
    let text = error.to_string();
    assert_eq!(oci::text::printable(&text), text, "a message that cannot be shown");
}
