//! The image of the registry: built by buildah from the file in `docs/container`, without a network.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::peers::tool;

use crate::desk::Desk;
use crate::served::Served;
use crate::sheet::Buildah;

/// Puts the program below a root directory, with the libraries that it needs.
fn prepare(root: &Path) {
    let program = env!("CARGO_BIN_EXE_supercargo");
    for directory in ["usr/bin", "var/lib/supercargo", "tmp"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    let stripped = Command::new("strip").arg("-o").arg(root.join("usr/bin/supercargo")).arg(program).status();
    assert!(stripped.unwrap().success());
    let needed = Command::new("ldd").arg(program).output().unwrap();
    for library in String::from_utf8(needed.stdout).unwrap().split_whitespace().filter(|word| word.starts_with('/')) {
        let to = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(library, to).unwrap();
    }
}

#[test]
fn the_image_is_built_pushed_and_serves_from_its_own_root() {
    let desk = Desk::new();
    let (Some(buildah), Some(umoci)) = (Buildah::on(&desk), tool("umoci")) else { return };
    prepare(&desk.path("prepared/rootfs"));
    fs::create_dir(desk.path("empty")).unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/container/Containerfile");
    let build = ["build", "--isolation", "chroot", "--build-context", "build=prepared", "--file", file];
    buildah.run(&[&build[..], &["--tag", "oci:image:1", "empty"]].concat());

    let served = Served::start(&desk);
    desk.ok(&["copy", "oci:image:1", &served.at("supercargo:1")]);
    desk.ok(&["copy", &served.at("supercargo:1"), "oci:back:1"]);
    served.terminate();
    let [layout, bundle] = [desk.path("back"), desk.path("bundle")].map(|path| path.to_str().unwrap().to_owned());
    umoci.run(["unpack", "--image", &format!("{layout}:1"), &bundle]);
    let configuration: serde_json::Value =
        serde_json::from_slice(&fs::read(desk.path("bundle/config.json")).unwrap()).unwrap();
    let process = &configuration["process"];
    assert_eq!(process["user"]["uid"], 65532, "{process}");
    let words = |key: &str| -> Vec<String> {
        process[key].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(words("args"), ["/usr/bin/supercargo", "serve"]);

    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "chroot"]).arg(desk.path("bundle/rootfs")).args(words("args"));
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.envs(words("env").iter().filter_map(|variable| variable.split_once('=')));
    // Which port is free here the image cannot know.
    command.env("SUPERCARGO_SERVE_LISTEN", "127.0.0.1:0").stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (address, rest) = line.trim_end().split_once(" serves ").unwrap();
    assert_eq!(rest, "/var/lib/supercargo");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}
