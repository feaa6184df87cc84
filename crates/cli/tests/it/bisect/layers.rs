//! The layers of two images.

use oci::Digest;
use testkit::application::ApplicationBuilder;

use super::{Recipe, find, image, logarithm};
use crate::desk::Desk;
use crate::server::Server;

/// Publishes two images of eight layers, of which the upper seven are other ones, under `good` and `bad`. Returns the layers of the
/// bad one.
fn plant(desk: &Desk, server: &Server, environment: &[&str]) -> Vec<Digest> {
    let mut builder = ApplicationBuilder::new(7);
    let base = builder.layer("base", 100);
    let mut layers = |name: &str| {
        let own = (1..8).map(|number| builder.layer(&format!("{name}{number}"), 60));
        std::iter::once(base.clone()).chain(own).collect::<Vec<_>>()
    };
    let (old, new) = (layers("old"), layers("new"));
    let good = image(&mut builder, &Recipe { layers: &old, number: 1, environment: &["MODE=fast"] });
    let bad = image(&mut builder, &Recipe { layers: &new, number: 2, environment });
    builder.tag("good", &good);
    builder.tag("bad", &bad);
    builder.build().write_layout(&desk.path("app"));
    desk.ok(&["copy", "oci:app", &server.at("app"), "--all-tags", "-q"]);
    new.iter().map(|layer| layer.descriptor.digest).collect()
}

#[test]
fn the_layer_that_broke_it_is_found_in_images_that_nobody_has_built() {
    let (desk, server) = (Desk::new(), Server::new());
    let layers = plant(&desk, &server, &["MODE=fast"]);
    let (good, bad) = (server.at("app:good"), server.at("app:bad"));
    // Each image is checked to be whole: every blob that its manifest names is there.
    let whole = "m=$SUPERCARGO_LAYOUT/blobs/sha256/${SUPERCARGO_DIGEST#sha256:}; [ -e $m ] || exit 200; \
                 for d in $(grep -o 'sha256:[0-9a-f]*' $m); do \
                 [ -e $SUPERCARGO_LAYOUT/blobs/sha256/${d#sha256:} ] || exit 201; done; ";
    for culprit in [1, 4, 7] {
        for jobs in [1, 2] {
            let jobs_text = jobs.to_string();
            let arguments = ["--over", "layers", "--good", &good, "--bad", &bad, "--jobs", &jobs_text, "--no-cache"];
            let test = format!("{whole} ! grep -q {} $m", layers[culprit].encoded());
            let found = find(&desk, &arguments, &test);
            assert_eq!(found["first_bad"]["label"], format!("layer {}: {}", culprit + 1, layers[culprit]), "{found}");
            let difference = found["difference"]["layers"].as_array().unwrap();
            assert!(difference.iter().any(|layer| layer["digest"] == layers[culprit].to_string()
                && layer["created_by"] == format!("RUN step {}", culprit + 1)));
            assert!(found["rounds"].as_u64().unwrap() <= logarithm(8, jobs + 1) + 1, "{found}");
        }
    }
}

#[test]
fn a_setting_that_broke_it_is_told_apart_from_the_layers() {
    let (desk, server) = (Desk::new(), Server::new());
    plant(&desk, &server, &["MODE=slow"]);
    let (good, bad) = (server.at("app:good"), server.at("app:bad"));
    let test = "m=$SUPERCARGO_LAYOUT/blobs/sha256/${SUPERCARGO_DIGEST#sha256:}; \
                c=$(tr -d '\\n' < $m | grep -o '\"config\" *: *{[^}]*}' | grep -o '[0-9a-f]\\{64\\}'); [ -n \"$c\" ] || exit 200; \
                ! grep -q MODE=slow $SUPERCARGO_LAYOUT/blobs/sha256/$c";
    let found = find(&desk, &["--over", "layers", "--good", &good, "--bad", &bad], test);
    assert_eq!(found["first_bad"]["label"], "configuration", "{found}");
    let setting = &found["difference"]["settings"][0];
    assert_eq!((&setting["name"], &setting["to"]), (&"Env.MODE".into(), &"slow".into()));
    assert_eq!(found["difference"]["layers"].as_array().unwrap().len(), 0);
}
