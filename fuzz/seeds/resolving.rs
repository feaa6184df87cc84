//! Tags, requirements, projects, locks, bisections, problems of the solver.

use oci::Digest;

use super::{Seeds, numbered};

/// The application of the documentation, which has every key of the format.
const PROJECT: &str = include_str!("../../crates/resolve/tests/fixtures/project/jaeger.toml");

pub fn tags() -> Seeds {
    let lines = |tags: &str| tags.replace(' ', "\n");
    numbered([
        lines("1.57.0 1.57.1 1.58.0 1.58.0-rc.1 1.58 1 latest"),
        lines("3.20 3.20.1 3.20.1-alpine 3.20.1-alpine3.19 3.21-alpine edge 20241107 3"),
        lines("24.0.4-debian-12-r0 24.0.4-debian-12-r4 24.0.4 24.0 24 24.0.5-debian-12-r0"),
        lines("4.1.9-bookworm 4.1.10-trixie 4.1-bookworm 4.1 v4.2.0-bookworm 4.2.0-rc1-bookworm stable"),
        lines("8u432-b06-jdk 8u422-b05-jdk 11.0.25_9-jre 21-ea-1-jdk 23-ea"),
        lines("RELEASE.2024-11-07T00-52-20Z RELEASE.2024-10-29T16-01-48Z RELEASE.2024-10-29T16-01-48Z.fips latest"),
        lines("v1.31.2-k3s1 v1.31.2-k3s1-amd64 v1.31.1-k3s1 v1.31.2-rc1-k3s1"),
        lines("sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.sig 1.0-63-gabcdef1 main pr-15"),
        lines("noble jammy focal 22.04 noble-20241011 jammy-20241009 24.04"),
        lines("1.0.2u 1.0.2t 1.0.2 1.0.2.Final 1.0.1-GA 1.0.3.Alpha2 1.0_p3 x86_64-1.0 00000000000000000001.2"),
        lines("18446744073709551615 18446744073709551616 1.18446744073709551615 20240230 20240229T235959 -.-. _"),
        lines(
            "8.7-929-slim 8.7-931-slim 9.0~rc1-slim 1.2.3_build.5-alpine 1.2.3-dev 1.2.4-dev 1.2.5-dev 1.2.3 1.2.4 1.2.5",
        ),
    ])
}

/// Scheme, requirement, value, template, tag.
pub fn requirement() -> Seeds {
    numbered([
        "semver\0^1.57, <1.60 || >=2.0.0-rc.1\x001.58.3-rc.1_build.5\0{version}-{os}\x001.57.0-bookworm",
        "dotted\x001.57.* || ~4.1\x008.7-929\0v{version}\0v1.2",
        "pep440\0>1.0.post1, <=2\x001.0rc1.post2.dev3_local\0{v?}{version}-{variant}-{os}\0v4.0.1-24-bookworm",
        "debian\0=1.2~rc1-3\x001.2~rc1-3\0{version}\x001.2~rc1",
        "calver:YYYY.0M.MICRO\0>=2024.11\x002024.11.3\0RELEASE.{version}Z\0RELEASE.2024Z",
        "calver:YYYYMMDD\0~20241107\x0020241107\0nightly-{version}\0nightly-20241107",
        "int\0>41\x0042\0{version}{v?}{v?}v\x0042vv",
        "codename:debian\0>=bookworm\0trixie\0{version}\0stable",
        "codename:ubuntu\0noble || jammy\0noble\0{node}-{version}\x0024-noble",
        "opaque\0alpine || *\0alpine\0edge\0edge",
        "opaque\0\u{e4}\u{f6} ,|| \u{1b}\0x\0{os}{os}{version\0",
        "semver\0>=1.x.*\x0000.1.2\0\u{e4}{version}\0",
    ])
}

/// A project, changes to its file, a version.
pub fn project() -> Seeds {
    let images = "[images]\nweb = { repo = \"registry.example/web\", version = \"^1\" } # one\ndb = { repo = \"registry.example/db\" }\n";
    let tables = "[images.web]\nrepo = 'registry.example/web'\nhold = false # not yet\n\n[images.db]\nrepo = \"docker.io/library/postgres\"\n";
    let dotted = "images.web.repo = \"registry.example/web\"\nimages.db = { repo = \"registry.example/db\", follows = \"web\" }\n";
    numbered([
        format!("{PROJECT}\0h0u0v1r2a0h3\0>=1, <2"),
        format!("{images}\0h0h1u0r1a0v0\0^2"),
        format!("{tables}\0a0h0v1u0r0"),
        format!("{dotted}\0h0a0v1r1r0\0~1.2"),
        format!("images = {{ web = {{ repo = \"registry.example/web\" }} }}\0h0a0r0a0"),
        "[project]\nname = \"a\"\n\0a0".to_owned(),
        "[images]\na = { repo = \"h.example/a\", version = \"^1.57, >=x\" }".to_owned(),
        "[images]\na = { repo = \"h.example/a\", tag = \"{version}-{Os}\" }".to_owned(),
        "[images]\na = { repo = \"h.example/a\", follows = \"b\" }\nb = { repo = \"h.example/b\", follows = \"a\" }"
            .to_owned(),
        "[images]\na = { repo = \"nginx\" }\r\n[[edges]]\nif = \"a\"\nrequires = { b = \"=same\" }".to_owned(),
        "[policy]\nyanked = \"\u{e4}\u{1b}\"\ncooldown = \"99999999999999999999w\"".to_owned(),
        "[images]\na = { repo = \"\"\"\nh.example/a\"\"\", versoin = 1 }\n\u{feff}".to_owned(),
        "edges = [{ if = \"a\", requires = {} }]\nimages.a = { repo = \"h.example/a:1\" }".to_owned(),
    ])
}

/// Base, ours, theirs, project.
pub fn lock() -> Seeds {
    let image = |name: &str, version: &str| {
        let digest = Digest::sha256(version.as_bytes());
        format!(
            "\n[[image]]\nname = \"{name}\"\nrepo = \"registry.example/{name}\"\nversion = \"{version}\"\ntag = \"{version}\"\ndigest = \"{digest}\"\nkind = \"index\"\nchosen = \"highest\"\n"
        )
    };
    let whole = |name: &str, version: &str| {
        let digest = Digest::sha256(name.as_bytes());
        format!(
            "{}aliases = [\"1\", \"latest\"]\ncreated = \"2025-12-03T10:11:12Z\"\ncreated-from = \"config\"\nrequires = [\"db =1.0\"]\n\n[[image.platform]]\non = \"linux/amd64\"\ndigest = \"{digest}\"\nconfig = \"{digest}\"\nlayers = [\n  \"{digest}\",\n]\nbytes = 10\n\n[[image.artifact]]\nrole = \"sbom\"\ntype = \"application/spdx+json; a=\\\"\\\\ä\\u000A\\\"\"\nsubject = \"{digest}\"\ndigest = \"{digest}\"\n",
            image(name, version)
        )
    };
    let lock = |images: &[String]| format!("# lock\nlock-version = 1\n{}", images.concat());
    let base = lock(&[image("db", "1.0"), whole("web", "1.0")]);
    let ours = lock(&[image("db", "1.1"), whole("web", "1.0")]);
    let theirs = lock(&[image("db", "1.0"), whole("web", "1.2"), image("x", "1")]);
    let short = lock(&[image("db", "1.0")]);
    let unknown = "\n[elsewhere]\nx = 1\n\n[[more]]\ny = \"\"\"\n[[image]]\n\"\"\"\n";
    let project = "[images]\ndb = { repo = \"registry.example/db\", version = \"^1.1\" }\nweb = { repo = \"registry.example/web\", follows = \"db\" }\n";
    numbered([
        format!("{base}\0{ours}\0{theirs}\0{project}"),
        format!("{short}\0{short}{unknown}\0{short}{}", unknown.replace('1', "2")),
        format!("\0{short}\0{}", image("db", "2")),
        format!("{}", short.replace('\n', "\r\n")),
        short.replace("kind = \"index\"", "kind = \"image\"\nfuture = { a = 1 } # kept\nfloating = true"),
        format!("<<<<<<< ours\n{short}=======\n{ours}>>>>>>> theirs\n"),
        "lock-version = 2\n".to_owned(),
        "lock-version = 1\nimage = [{ name = \"a\" }]\n".to_owned(),
        short.replace("version = \"1.0\"", "version = \"\u{1b}\u{e4}"),
        format!("{short}{short}"),
    ])
}

/// A log or a cache; what stands after the last line end says how the session goes on.
pub fn bisection() -> Seeds {
    let hash = Digest::sha256(b"./check");
    let candidate = |number: u8, rest: &str| {
        format!(r#"{{"label":"1.{number}","key":"k{number}","reference":"registry.example/app:1.{number}"{rest}}}"#)
    };
    let candidates = |count: u8| (0..count).map(|number| candidate(number, "")).collect::<Vec<_>>().join(",");
    let start = |search: &str, rest: &str| {
        format!(
            r#"{{"schema":"supercargo.bisect-session.v1","start":{{"axis":"tags","search":{search},{rest},"command":["./check","{{image}}"],"command_hash":"{hash}"}}}}"#
        ) + "\n"
    };
    let line = format!(r#"{{"line":{{"candidates":[{},{}]}}}}"#, candidates(9), candidate(9, ",\"absent\":true"));
    let changes = format!(r#"{{"changes":{{"base":"b","changes":[{}],"implications":[[1,4],[2,3]]}}}}"#, candidates(6));
    let once = r#""ends":"given","jobs":2,"repeat":{"rule":"any-bad","runs":1}"#;
    let tested = r#""ends":"tested","jobs":3,"repeat":{"rule":"majority","runs":3}"#;
    let verdict = |of: &str, verdict: &str, source: &str| {
        format!(r#"{{"event":"verdict","of":{of},"verdict":"{verdict}","source":{source}}}"#) + "\n"
    };
    let run = r#"{"run":{"number":1,"exit_code":1}}"#;
    let one = r#"{"candidate":4}"#;
    let undo = "{\"event\":\"undo\"}\n";
    let cache = "{\"schema\":\"supercargo.bisect-verdicts.v1\"}\n";
    let entry = format!(r#"{{"key":"k","command":"{hash}","good":1,"bad":4294967295}}"#) + "\n";
    numbered([
        start(&line, once) + "ABACB",
        start(&line, tested) + "ABCDABB",
        start(&changes, once) + "ABBAB",
        start(&changes, tested) + "BACD",
        start(&line, once) + &verdict(one, "bad", run) + undo + &verdict(one, "good", "\"manual\"") + "B",
        start(&changes, once) + &verdict(r#"{"changes":[1,4]}"#, "bad", "\"cache\"") + "{\"event\":\"reset\"}\nAB",
        start(&line, once) + r#"{"event":"skip","of":{"candidate":1},"reason":"gone"}"# + "\n" + undo + undo,
        cache.to_owned() + &entry + &entry + "{\"key\"",
        cache.to_owned() + &entry.replace("4294967295", "4294967296"),
        cache.replace("v1", "v2\\u001b"),
    ])
}

/// Bytes of problems, which mean nothing to people.
pub fn solve() -> Seeds {
    let steps = [1_u8, 3, 5, 7, 11, 13, 17, 29, 37, 53, 71, 97];
    numbered(
        steps.map(|step| (0..160).map(|place: u8| place.wrapping_mul(step).wrapping_add(step)).collect::<Vec<u8>>()),
    )
}
