//! Writes the seeds of the corpus into `corpus/<target>/`: applications of the testkit, and cases that a hostile mind would try
//! first. What fuzzing finds beside them has names that are hashes.
#![allow(clippy::unwrap_used, reason = "a tool of the developers stops at the first thing that is not as it should be")]
#![expect(clippy::disallowed_methods, reason = "files that are written again when that fails")]

#[path = "seeds/answers.rs"]
mod answers;
#[path = "seeds/archives.rs"]
mod archives;
#[path = "seeds/beside.rs"]
mod beside;
#[path = "seeds/collections.rs"]
mod collections;
#[path = "seeds/graphs.rs"]
mod graphs;
#[path = "seeds/mirrors.rs"]
mod mirrors;
#[path = "seeds/requests.rs"]
mod requests;
#[path = "seeds/resolving.rs"]
mod resolving;
#[path = "seeds/serving.rs"]
mod serving;
#[path = "seeds/targets.rs"]
mod targets;
#[path = "seeds/values.rs"]
mod values;

use std::fs;
use std::path::Path;

/// Seeds of one target: names and content.
type Seeds = Vec<(String, Vec<u8>)>;

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let targets = [
        ("archive", archives::archive()),
        ("assertion", requests::assertion()),
        ("bisection", resolving::bisection()),
        ("caller", serving::caller()),
        ("certificate", serving::certificate()),
        ("chain_index", values::chain_index()),
        ("chunked", answers::chunked()),
        ("complaint", answers::complaint()),
        ("condition", serving::condition()),
        ("content_store", graphs::content_store()),
        ("copy_list", values::copy_list()),
        ("credentials", values::credentials()),
        ("exchange", answers::exchange()),
        ("header", answers::header()),
        ("image", graphs::image()),
        ("import", targets::import()),
        ("installed", beside::installed()),
        ("journal", beside::journal()),
        ("layout", graphs::layout()),
        ("lock", resolving::lock()),
        ("manifest", values::manifest()),
        ("mark", values::mark()),
        ("mirror", mirrors::mirror()),
        ("names", values::names()),
        ("narrow", graphs::graphs()),
        ("observation", mirrors::observation()),
        ("package", collections::package()),
        ("plan", graphs::graphs()),
        ("project", resolving::project()),
        ("published", beside::published()),
        ("registry", requests::registry()),
        ("removal", collections::removal()),
        ("request", requests::request()),
        ("requirement", resolving::requirement()),
        ("response_head", answers::response_head()),
        ("segment", serving::segment()),
        ("serving", requests::serving()),
        ("solve", resolving::solve()),
        ("tags", resolving::tags()),
        ("target", targets::target()),
        ("token", serving::token()),
        ("walk", graphs::graphs()),
    ];
    for (target, seeds) in targets {
        let directory = corpus.join(target);
        fs::create_dir_all(&directory).unwrap();
        for (name, content) in seeds {
            fs::write(directory.join(name), content).unwrap();
        }
    }
}

/// Returns seeds that are numbered in their order.
fn numbered<T: Into<Vec<u8>>>(contents: impl IntoIterator<Item = T>) -> Seeds {
    contents.into_iter().enumerate().map(|(number, content)| (format!("seed-{number:02}"), content.into())).collect()
}
