//! The locks of a project.

use serde_json::Value;

use super::{find, logarithm, plant, without};
use crate::desk::Desk;
use crate::server::Server;

/// Returns the digest of a version of an image.
fn digest(name: &str, version: usize) -> String {
    oci::Digest::sha256(format!("{name} {version}").as_bytes()).to_string()
}

/// Returns a lock of images with the number of their version.
fn lock(images: &[(String, usize)]) -> String {
    let image = |(name, version): &(String, usize)| {
        format!(
            "\n[[image]]\nname = \"{name}\"\nrepo = \"registry.example/{name}\"\nversion = \"{version}.0.0\"\ntag = \
             \"{version}.0.0\"\ndigest = \"{}\"\nkind = \"image\"\nchosen = \"highest\"\n",
            digest(name, *version)
        )
    };
    let images: String = images.iter().map(image).collect();
    format!("lock-version = 1\n{images}")
}

/// Returns twelve images, all of one version.
fn twelve(version: usize) -> Vec<(String, usize)> {
    (0..12).map(|number| (format!("part{number:02}"), version)).collect()
}

fn names(found: &Value) -> Vec<&str> {
    found["changes"].as_array().unwrap().iter().map(|change| change["name"].as_str().unwrap()).collect()
}

/// Most bytes of a lock.
const LOCK_MAX_BYTES: usize = 64 << 20;

fn git(desk: &Desk, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@registry.example", "-c", "commit.gpgsign=false"];
    let mut command = std::process::Command::new("git");
    command.args(identity).args(arguments).current_dir(desk.path("")).env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.env("HOME", desk.path("home")).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_image_among_twelve_that_broke_it_is_found() {
    let desk = Desk::new();
    desk.write("good.lock", &lock(&twelve(1)));
    desk.write("bad.lock", &lock(&twelve(2)));
    let test = format!("echo $SUPERCARGO_LOCK >> runs; ! grep -q {} $SUPERCARGO_LOCK", digest("part07", 2));
    for jobs in ["1", "3"] {
        let arguments = ["--over", "locks", "--good", "good.lock", "--bad", "bad.lock", "--jobs", jobs, "--no-cache"];
        let found = find(&desk, &arguments, &test);
        assert_eq!((&found["over"], &found["candidates"]), (&"changes".into(), &12.into()));
        assert_eq!(names(&found), ["part07"]);
        assert_eq!(found["changes"][0]["to"]["version"], "2.0.0");
        // log2(12) to find it, one to see that it suffices alone, two for the ends.
        let tests = found["tests"].as_u64().unwrap();
        assert_eq!(tests, found["runs"].as_u64().unwrap());
        assert!(jobs != "1" || tests <= logarithm(12, 2) + 1 + 2, "{tests} tests");
        assert_eq!(found["next"].as_array().unwrap().len(), 1, "the versions between can be searched");
    }
}

#[test]
fn a_pair_that_breaks_it_together_is_found_and_is_minimal() {
    let desk = Desk::new();
    desk.write("good.lock", &lock(&twelve(1)));
    desk.write("bad.lock", &lock(&twelve(2)));
    let has = |name: &str| format!("grep -q {} {{lock}}", digest(name, 2));
    for (one, other) in [("part02", "part09"), ("part00", "part11"), ("part05", "part06")] {
        let test = format!("! {{ {} && {}; }}", has(one), has(other));
        let found =
            find(&desk, &["--over", "changes", "--good", "good.lock", "--bad", "bad.lock", "--jobs", "2"], &test);
        assert_eq!(names(&found), [one, other]);
        assert!(found["tests"].as_u64().unwrap() <= 20, "{found}");
        assert_eq!(found["untested"], serde_json::json!([]));
    }
}

#[test]
fn images_that_need_each_other_are_tested_together() {
    let desk = Desk::new();
    desk.write(
        "Supercargo.toml",
        "[images.part03]\nrepo = \"registry.example/part03\"\nversion = \"*\"\n\
         [images.part08]\nrepo = \"registry.example/part08\"\nversion = \"*\"\nfollows = \"part03\"\n",
    );
    desk.write("good.lock", &lock(&twelve(1)));
    desk.write("bad.lock", &lock(&twelve(2)));
    let (three, eight) = (digest("part03", 2), digest("part08", 2));
    // A lock with one of both alone would be no lock of the project: the search ends when it is tested.
    let test = format!(
        "a=0; b=0; grep -q {three} {{lock}} && a=1; grep -q {eight} {{lock}} && b=1; [ $a = $b ] || exit 200; [ $b = 0 ]"
    );
    let found = find(&desk, &["--over", "locks", "--good", "good.lock", "--bad", "bad.lock"], &test);
    assert_eq!(names(&found), ["part03", "part08"]);
}

#[test]
fn the_commit_that_changed_the_lock_is_found_in_the_history() {
    let desk = Desk::new();
    desk.write("Supercargo.toml", "[images.part00]\nrepo = \"registry.example/part00\"\nversion = \"*\"\n");
    git(&desk, &["init", "-q", "-b", "main"]);
    for commit in 1..=14usize {
        let mut images = twelve(1);
        for (number, image) in images.iter_mut().enumerate() {
            image.1 = 1 + (commit + number) / 12;
        }
        // A commit in the middle lost the lock.
        if commit == 9 {
            git(&desk, &["rm", "-q", "Supercargo.lock"]);
        } else {
            desk.write("Supercargo.lock", &lock(&images));
            git(&desk, &["add", "Supercargo.toml", "Supercargo.lock"]);
        }
        git(&desk, &["commit", "-q", "-m", &format!("change {commit}")]);
        desk.write("unrelated", &commit.to_string());
        git(&desk, &["add", "unrelated"]);
        git(&desk, &["commit", "-q", "-m", "something else"]);
        git(&desk, &["tag", &format!("v{commit}")]);
    }
    // part05 moved with the seventh change.
    let test = format!("! grep -q {} $SUPERCARGO_LOCK", digest("part05", 2));
    for jobs in [1, 2] {
        let jobs_text = jobs.to_string();
        let arguments = ["--over", "locks", "--good", "v1", "--bad", "HEAD", "--jobs", &jobs_text, "--no-cache"];
        let found = find(&desk, &arguments, &test);
        assert_eq!(found["candidates"], 14, "{found}");
        assert!(found["first_bad"]["label"].as_str().unwrap().ends_with(" change 7"), "{found}");
        assert_eq!(names(&found), ["part05"]);
        assert!(found["rounds"].as_u64().unwrap() <= logarithm(14, jobs + 1) + 1, "{found}");
    }
    assert!(!desk.path(".supercargo").exists(), "nothing of the search lies in the project");
    let said = desk.fails(&["bisect", "run", "--over", "locks", "--good", "HEAD", "--bad", "v1", "--", "true"], 2);
    assert!(said.contains("is not among the ancestors of"), "{said}");
}

#[test]
fn a_layout_of_a_lock_holds_all_of_its_images() {
    let (desk, server) = (Desk::new(), Server::new());
    let parts = ["api", "db", "queue", "web"];
    let planted = parts.map(|name| plant(&desk, &server, name, 2, 1));
    let lock = |version: usize| {
        let image = |(name, (images, _)): (&str, &(Vec<super::Planted>, oci::Digest))| {
            let (repository, super::Planted { tag, digest }) = (server.at(name), &images[version]);
            format!(
                "\n[[image]]\nname = \"{name}\"\nrepo = \"{repository}\"\nversion = \"{tag}\"\ntag = \"{tag}\"\ndigest = \
                 \"{digest}\"\nkind = \"image\"\nchosen = \"highest\"\n"
            )
        };
        format!("lock-version = 1\n{}", parts.into_iter().zip(&planted).map(image).collect::<String>())
    };
    desk.write("good.lock", &lock(0));
    desk.write("bad.lock", &lock(1));
    let (api, queue) = (&planted[0].1, &planted[2].1);
    // Broken only where both broken layers are there; each layout holds all four.
    let test = format!(
        "for name in api db queue web; do grep -q \"\\\"$name\\\"\" $SUPERCARGO_LAYOUT/index.json || exit 200; done; {{ {}; }} || {{ {}; }}",
        without(api),
        without(queue)
    );
    let found = find(&desk, &["--over", "locks", "--good", "good.lock", "--bad", "bad.lock", "--jobs", "2"], &test);
    assert_eq!(names(&found), ["api", "queue"]);
    // Locks with an image that has vanished cannot be tested.
    desk.ok(&["delete", &server.at(&format!("web@{}", planted[3].0[1].digest)), "-q"]);
    let found = find(&desk, &["--over", "changes", "--good", "good.lock", "--bad", "bad.lock", "--no-cache"], &test);
    assert_eq!(names(&found), ["api", "queue"], "{found}");
}

#[test]
fn images_are_had_from_the_mirrors_of_the_project() {
    let (desk, server, far) = (Desk::new(), Server::new(), Server::new());
    let (images, layer) = plant(&desk, &server, "web", 2, 1);
    let lock = |version: usize| {
        let (repository, super::Planted { tag, digest }) = (server.at("web"), &images[version]);
        format!(
            "lock-version = 1\n\n[[image]]\nname = \"web\"\nrepo = \"{repository}\"\nversion = \"{tag}\"\ntag = \"{tag}\"\n\
             digest = \"{digest}\"\nkind = \"image\"\nchosen = \"highest\"\n"
        )
    };
    desk.write("good.lock", &lock(0));
    desk.write("bad.lock", &lock(1));
    desk.ok(&["copy", "--all-tags", &server.at("web"), &far.at("up/web"), "-q"]);
    let project = format!(
        "[project]\nname = \"x\"\n[registries.up]\nhost = \"{}\"\nmirrors = [\"{}\"]\n[images]\n",
        server.host(),
        far.at("up")
    );
    desk.write("Supercargo.toml", &project);
    drop(server);
    let test = format!("test -n \"$SUPERCARGO_LAYOUT\" || exit 200; {}", without(&layer));
    let found = find(&desk, &["--over", "locks", "--good", "good.lock", "--bad", "bad.lock"], &test);
    assert_eq!(names(&found), ["web"]);
}

#[test]
fn a_set_is_reported_for_people() {
    let desk = Desk::new();
    desk.write("good.lock", &lock(&twelve(1)));
    desk.write("bad.lock", &lock(&twelve(2)));
    let has = |name: &str| format!("grep -q {} {{lock}}", digest(name, 2));
    let run = |test: &str| {
        let run = ["bisect", "run", "--over", "locks", "--good", "good.lock", "--bad", "bad.lock", "-q", "--"];
        let shown = desk.ok(&[&run[..], &["sh", "-c", test]].concat()).replace(test, "TEST");
        super::without_digests(&shown)
    };
    insta::assert_snapshot!(run(&format!("! {{ {} && {}; }}", has("part02"), has("part09"))), @"
    these break it together

    IMAGE   FROM   TO     WHAT
    part02  1.0.0  2.0.0  registry.example/part02:2.0.0@sha256:…
    part09  1.0.0  2.0.0  registry.example/part09:2.0.0@sha256:…

    11 tests of 12 changes in 11 rounds, 11 runs of the command
    ");
    insta::assert_snapshot!(run(&format!("! {}", has("part04"))), @"
    this breaks it

    IMAGE   FROM   TO     WHAT
    part04  1.0.0  2.0.0  registry.example/part04:2.0.0@sha256:…

    7 tests of 12 changes in 7 rounds, 7 runs of the command
    next: supercargo bisect run --over tags --good registry.example/part04:1.0.0 --bad registry.example/part04:2.0.0 -- sh -c 'TEST'
    ");
    // By hand the lock to test is shown.
    let next = desk.json(&["bisect", "start", "--over", "locks", "--good", "good.lock", "--bad", "bad.lock"]);
    let path = next["testing"][0]["reference"].as_str().unwrap();
    let shown = std::fs::read_to_string(path).unwrap();
    assert_eq!(shown.matches("version = \"2.0.0\"").count(), 6, "{next}");
}

#[test]
fn a_commit_that_changed_many_images_is_searched_further() {
    let desk = Desk::new();
    desk.write("Supercargo.toml", "[images.part00]\nrepo = \"registry.example/part00\"\nversion = \"*\"\n");
    git(&desk, &["init", "-q", "-b", "main"]);
    for version in 1..=5 {
        desk.write("Supercargo.lock", &lock(&twelve(version)));
        git(&desk, &["add", "."]);
        git(&desk, &["commit", "-q", "-m", &format!("version {version}")]);
    }
    let test = format!("! grep -q -e {} -e {} {{lock}}", digest("part03", 4), digest("part03", 5));
    let found = find(&desk, &["--over", "locks", "--good", "HEAD~4", "--bad", "HEAD"], &test);
    assert!(found["first_bad"]["label"].as_str().unwrap().ends_with(" version 4"), "{found}");
    assert_eq!(names(&found).len(), 12);
    let (good, bad) =
        (found["last_good"]["reference"].as_str().unwrap(), found["first_bad"]["reference"].as_str().unwrap());
    let deeper = format!("supercargo bisect run --over changes --good {good} --bad {bad} -- sh -c '{test}'");
    assert_eq!(found["next"], serde_json::json!([deeper]));
    assert_eq!(names(&find(&desk, &["--over", "changes", "--good", good, "--bad", bad], &test)), ["part03"]);
}

#[test]
fn a_lock_of_the_past_may_be_as_large_as_a_lock_may_be() {
    let desk = Desk::new();
    desk.write("Supercargo.toml", "[images.part00]\nrepo = \"registry.example/part00\"\nversion = \"*\"\n");
    git(&desk, &["init", "-q", "-b", "main"]);
    desk.write("Supercargo.lock", &format!("{}{}", lock(&twelve(1)), "#".repeat(LOCK_MAX_BYTES)));
    git(&desk, &["add", "Supercargo.lock"]);
    git(&desk, &["commit", "-q", "-m", "too much"]);
    desk.write("Supercargo.lock", &lock(&twelve(1)));
    let said = desk.fails(&["diff", "HEAD"], 2);
    assert!(said.contains("git show says more than"), "{said}");
    let said = desk.fails(&["diff", "v0"], 9);
    assert!(said.contains("lock at `v0` (fatal: "), "{said}");
}
