//! The peers run, and take what this crate makes.

use std::fs;

use testkit::application::{Application, ApplicationBuilder, Image};
use testkit::peers::{PASSWORD, PeerRegistry, USER, tool};

fn image() -> Application {
    let mut builder = ApplicationBuilder::new(1);
    let layers = [builder.layer("base", 200_000), builder.layer("program", 10)];
    let image = builder.image(&Image::new("linux/amd64", &layers));
    builder.tag("1.0", &image);
    builder.build()
}

#[test]
fn skopeo_and_crane_take_an_image_through_every_registry() {
    let (Some(skopeo), Some(crane)) = (tool("skopeo"), tool("crane")) else { return };
    let directory = tempfile::tempdir().unwrap();
    let application = image();
    application.write_layout(directory.path());
    for registry in PeerRegistry::ALL {
        let Some(running) = registry.start() else { continue };
        let source = format!("oci:{}:1.0", directory.path().display());
        let name = format!("{}/app:1.0", running.host());
        let destination = format!("docker://{name}");
        skopeo.run(["--insecure-policy", "copy", "--dest-tls-verify=false", "-q", &source, &destination]);
        let digest = crane.run(["digest", "--insecure", &name]);
        assert_eq!(digest.trim(), application.tags()[0].1.to_string(), "{}", registry.name());
        crane.run(["validate", "--insecure", "--remote", &name]);
    }
}

#[test]
fn a_registry_with_users_refuses_strangers() {
    let Some(crane) = tool("crane") else { return };
    for registry in [PeerRegistry::Distribution, PeerRegistry::DockerRegistry] {
        let Some(running) = registry.start_with_users() else { continue };
        let host = running.host().to_string();
        let refused = crane.outcome(["catalog", "--insecure", &host]);
        assert!(!refused.success && refused.stderr.contains("UNAUTHORIZED"), "{}", refused.stderr);
        crane.run(["auth", "login", "-u", USER, "-p", PASSWORD, &host]);
        crane.run(["catalog", "--insecure", &host]);
    }
}

#[test]
fn umoci_unpacks_an_image() {
    let Some(umoci) = tool("umoci") else { return };
    let directory = tempfile::tempdir().unwrap();
    image().write_layout(directory.path());
    let bundle = directory.path().join("bundle");
    let source = format!("{}:1.0", directory.path().display());
    umoci.run(["unpack", "--rootless", "--image", &source, &bundle.display().to_string()]);
    let base = bundle.join("rootfs/opt/base");
    assert_eq!(fs::read(base.join("content")).unwrap().len(), 200_000);
    assert_eq!(fs::read(base.join("hard")).unwrap().len(), 200_000);
    assert_eq!(fs::read_link(base.join("symbolic")).unwrap().to_str(), Some("content"));
    assert_eq!(fs::read_to_string(bundle.join("rootfs/opt/program").join("long".repeat(30))).unwrap(), "program");
}
