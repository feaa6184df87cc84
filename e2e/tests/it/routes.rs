//! Where requests go by `registries.conf`, `hosts.toml` and `certs.d`: mirrors that are dead, lack some, or lie; registries that are
//! blocked; certificates by host.

mod containerd;
mod containers;
mod tls;

use std::path::PathBuf;

use e2e::scene::REPOSITORY;
use e2e::{Kind, Outcome, Place, Program, sound};
use store::LayoutStore;
use testkit::application::{Application, WholeGraph};
use testkit::proxy::{HttpProxy, Matcher};

/// A name by which nobody can be reached but by what files say.
const NAME: &str = "registry.test";

/// A registry with an application, another that has the same, a program, and who goes where.
struct Harbour {
    application: Application,
    program: Program,
    origin: HttpProxy,
    mirror: HttpProxy,
    _places: [Place; 2],
}

impl Harbour {
    async fn open() -> Self {
        let application = WholeGraph::default().layer_bytes(300_000).build();
        let places = [Place::open(Kind::Ours).await.unwrap(), Place::open(Kind::Ours).await.unwrap()];
        for place in &places {
            place.fill(REPOSITORY, &application).await;
        }
        let origin = HttpProxy::start(places[0].address()).await;
        let mirror = HttpProxy::start(places[1].address()).await;
        Self { application, program: Program::default(), origin, mirror, _places: places }
    }

    /// Writes a file of the user's configuration; `ORIGIN`, `MIRROR` and `DEAD` in it are the registries.
    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.program.home().join(".config").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = text
            .replace("ORIGIN", self.origin.host().as_str())
            .replace("MIRROR", self.mirror.host().as_str())
            // Nothing listens on port 1.
            .replace("DEAD", "127.0.0.1:1");
        sound::write(&path, text);
        path
    }

    fn layout(&self) -> PathBuf {
        self.program.home().join("layout")
    }

    /// Copies all tags from the name to a layout.
    fn copy(&self) -> Outcome {
        let (from, to) = (format!("{NAME}/{REPOSITORY}"), format!("oci:{}", self.layout().display()));
        self.program.run(&["copy", "--all-tags", &from, &to])
    }

    /// Copies, and expects that everything arrives.
    async fn copies(&self) -> Outcome {
        let outcome = self.copy().expect_code(0);
        let store = LayoutStore::open(self.layout()).unwrap();
        sound::assert_whole(&self.application, &store, &outcome.to_string()).await;
        std::fs::remove_dir_all(self.layout()).unwrap();
        // What is kept here would not be asked for again.
        let _ = std::fs::remove_dir_all(self.program.home().join("data"));
        outcome
    }

    /// Copies, and expects that this fails with nothing left behind.
    fn fails(&self, code: i32, says: &[&str]) -> Outcome {
        let outcome = self.copy().expect_code(code);
        outcome.assert_explained();
        outcome.assert_says(says);
        if self.layout().exists() {
            sound::assert_sound_layout(&self.layout());
            assert!(sound::lists_nothing(&self.layout()), "{outcome}");
        }
        outcome
    }

    /// Forgets what both were asked.
    fn forget(&self) {
        self.origin.log().clear();
        self.mirror.log().clear();
    }
}

/// Returns whether a registry was asked for content at all.
fn was_read(proxy: &HttpProxy) -> bool {
    proxy.log().count(&content()) > 0
}

fn content() -> Matcher {
    Matcher::any().path_contains(&format!("/v2/{REPOSITORY}/"))
}

/// Requests for manifests by one of the application's own tags.
fn by_tag(harbour: &Harbour, proxy: &HttpProxy) -> usize {
    harbour.application.tags().iter().map(|(tag, _)| proxy.log().count(&Matcher::manifest(tag))).sum()
}

/// Requests for manifests and blobs by digest.
fn by_digest(proxy: &HttpProxy) -> usize {
    let digests = [Matcher::any().path_contains("/manifests/sha256:"), Matcher::any().path_contains("/blobs/sha256:")];
    digests.iter().map(|digests| proxy.log().count(digests)).sum()
}
