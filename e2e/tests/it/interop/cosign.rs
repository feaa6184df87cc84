//! Signatures that a local key has made verify after a copy.

use e2e::{Kind, Place, Program, environment};
use testkit::application::{Application, ApplicationBuilder, Image};
use testkit::peers::{Tool, tool};

/// How cosign writes a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A bundle that refers to the image; in a registry without lists, by a fallback tag.
    Bundle,
    /// A manifest under the tag `sha256-….sig`.
    Tag,
}

/// cosign with a key of its own.
struct Signer {
    cosign: Tool,
}

impl Signer {
    /// `None` when nobody asked for heavy peers, or cosign is missing.
    fn new() -> Option<Self> {
        if !environment::everything_is_tested() {
            return None;
        }
        let signer = Self { cosign: tool("cosign")? };
        signer.run(&["generate-key-pair"]);
        Some(signer)
    }

    fn command(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = self.cosign.command();
        command.args(arguments).env("COSIGN_PASSWORD", "for this run").current_dir(self.cosign.home()).output().unwrap()
    }

    fn run(&self, arguments: &[&str]) {
        let output = self.command(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cosign {} failed:\n{said}", arguments.join(" "));
    }

    fn sign(&self, form: Form, reference: &str) {
        let form = format!("--new-bundle-format={}", form == Form::Bundle);
        let offline = ["--use-signing-config=false", "--tlog-upload=false", "--allow-http-registry"];
        let mut arguments = vec!["sign", "--yes", "--key", "cosign.key", &form];
        arguments.extend(offline);
        arguments.push(reference);
        self.run(&arguments);
    }

    const VERIFY: [&str; 5] = ["verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true", "--allow-http-registry"];

    fn verify(&self, form: Form, reference: &str) {
        let form = format!("--new-bundle-format={}", form == Form::Bundle);
        self.run(&[&Self::VERIFY[..], &[&form, reference]].concat());
    }
}

fn image() -> Application {
    let mut builder = ApplicationBuilder::new(9);
    let layer = builder.layer("base", 1000);
    let images = ["linux/amd64", "linux/arm64/v8"]
        .map(|platform| builder.image(&Image::new(platform, std::slice::from_ref(&layer))));
    let index = builder.index(&images);
    builder.tag("1.0", &index);
    builder.build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_verifies_after_the_copy() {
    let Some(cosign) = Signer::new() else { return };
    let application = image();
    let digest = application.tags()[0].1;
    let forms = [(Form::Bundle, Kind::Ours), (Form::Bundle, Kind::Distribution), (Form::Tag, Kind::Ours)];
    for (form, from) in forms {
        let source = Place::open(from).await.unwrap();
        source.fill("team/app", &application).await;
        let signed = format!("{}@{digest}", source.reference("team/app"));
        cosign.sign(form, &signed);
        cosign.verify(form, &signed);
        for to in [Kind::Ours, Kind::Distribution, Kind::OciRegistry, Kind::Layout, Kind::Archive] {
            // A layout and an archive are on the way to another registry.
            let Some(place) = Place::open(to).await else { continue };
            let program = Program::default();
            program.succeed(&["copy", &format!("{}:1.0", source.reference("team/app")), &place.reference("moved/app")]);
            let (_last, reference) = if to.is_registry() {
                let reference = place.reference("moved/app");
                (place, reference)
            } else {
                let last = Place::open(Kind::Distribution).await.unwrap();
                let reference = last.reference("last/app");
                program.succeed(&["copy", &format!("{}:1.0", place.reference("moved/app")), &reference]);
                (last, reference)
            };
            cosign.verify(form, &format!("{reference}@{digest}"));
        }
    }
    // An image that nobody has signed does not verify: the checks above can fail.
    let unsigned = Place::open(Kind::Ours).await.unwrap();
    unsigned.fill("team/app", &application).await;
    let reference = format!("{}@{digest}", unsigned.reference("team/app"));
    assert!(!cosign.command(&[&Signer::VERIFY[..], &[&reference]].concat()).status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn we_read_what_cosign_saves() {
    let Some(cosign) = Signer::new() else { return };
    let application = image();
    let digest = application.tags()[0].1;
    for forms in [&[Form::Bundle][..], &[Form::Tag], &[Form::Bundle, Form::Tag]] {
        let source = Place::open(Kind::Ours).await.unwrap();
        source.fill("team/app", &application).await;
        let signed = format!("{}@{digest}", source.reference("team/app"));
        for form in forms {
            cosign.sign(*form, &signed);
        }
        let saved = cosign.cosign.home().join(format!("saved-{forms:?}").replace(['[', ']', ',', ' '], ""));
        cosign.run(&["save", "--allow-http-registry", "--dir", &saved.display().to_string(), &signed]);
        // The image is the only root, though the list of the layout has its signatures too.
        let destination = Place::open(Kind::Ours).await.unwrap();
        let reference = destination.reference("loaded/app");
        Program::default().succeed(&["copy", &format!("oci:{}", saved.display()), &format!("{reference}:1.0")]);
        for form in forms {
            cosign.verify(*form, &format!("{reference}@{digest}"));
        }
    }
}
