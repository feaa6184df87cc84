//! Help, version, and arguments that make no sense.

use std::collections::BTreeSet;

use crate::desk::Desk;

const COMMANDS: &[&[&str]] = &[
    &[],
    &["init"],
    &["add"],
    &["remove"],
    &["hold"],
    &["unhold"],
    &["lock"],
    &["lock", "merge"],
    &["update"],
    &["outdated"],
    &["tree"],
    &["why"],
    &["candidates"],
    &["diff"],
    &["bisect"],
    &["bisect", "start"],
    &["bisect", "run"],
    &["bisect", "good"],
    &["bisect", "bad"],
    &["bisect", "skip"],
    &["bisect", "log"],
    &["bisect", "reset"],
    &["rewrite"],
    &["export"],
    &["mirror"],
    &["publish"],
    &["install"],
    &["copy"],
    &["save"],
    &["load"],
    &["vendor"],
    &["verify"],
    &["inspect"],
    &["lineage"],
    &["history"],
    &["tags"],
    &["artifacts"],
    &["pull"],
    &["push"],
    &["attach"],
    &["tag"],
    &["mark"],
    &["delete"],
    &["gc"],
    &["gc", "plan"],
    &["gc", "apply"],
    &["store"],
    &["store", "size"],
    &["store", "prune"],
    &["store", "verify"],
    &["serve"],
    &["serve", "import"],
    &["serve", "reindex"],
    &["serve", "scrub"],
    &["serve", "key"],
    &["serve", "audit"],
    &["serve", "retention"],
    &["serve", "hold"],
    &["login"],
    &["logout"],
    &["auth"],
    &["auth", "explain"],
    &["doctor"],
    &["tour"],
    &["completions"],
    &["man"],
];

/// Returns every command that `--help` shows, at any depth, as its words and whether it does something by itself. The first is the
/// program.
pub(crate) fn every_command(desk: &Desk) -> Vec<(Vec<String>, bool)> {
    fn add(desk: &Desk, words: Vec<String>, found: &mut Vec<(Vec<String>, bool)>) {
        let typed: Vec<&str> = words.iter().map(String::as_str).collect();
        let help = desk.ok(&[&typed[..], &["--help"]].concat());
        let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        // What is said of a command may go on in the next line, further to the right.
        let names = lines.take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("    "));
        let names = names.filter_map(|line| line.split_whitespace().next());
        let below: Vec<Vec<String>> = names.map(|name| [&words[..], &[name.to_owned()]].concat()).collect();
        found.push((words, !help.contains(" [OPTIONS] <COMMAND>\n")));
        for words in below {
            add(desk, words, found);
        }
    }
    let mut found = Vec::new();
    add(desk, Vec::new(), &mut found);
    found
}

#[test]
fn every_command_explains_itself() {
    let desk = Desk::new();
    for command in COMMANDS.iter().copied() {
        let help = desk.ok(&[command, &["--help"]].concat());
        let usage = [&["Usage:", "supercargo"], command].concat().join(" ");
        assert!(help.contains(&usage), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
        assert!(help.lines().all(|line| !line.contains("todo") && !line.contains("not implemented")), "{help}");
        assert!(command.is_empty() || help.contains("Example"), "{help}");
        let short = desk.ok(&[command, &["-h"]].concat());
        assert_eq!(short.lines().next().unwrap(), help.lines().next().unwrap().trim_end_matches('.'));
    }
}

#[test]
fn the_commands_above_are_all_there_are() {
    let help = Desk::new().ok(&["--help"]);
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let shown: BTreeSet<&str> = lines.filter_map(|line| line.split_whitespace().next()).collect();
    let listed: BTreeSet<&str> = COMMANDS.iter().filter_map(|command| command.first().copied()).collect();
    assert_eq!(shown, listed);
}

#[test]
fn the_help_names_every_command_variable_and_exit_code() {
    let desk = Desk::new();
    insta::assert_snapshot!(desk.ok(&["--help"]), @r#"
    The package manager for container images.

    Moves images, indexes and whole applications with everything attached to them, between registries,
    OCI layouts and archives, and proves that what arrived is what left.

    Usage: supercargo [OPTIONS] <COMMAND>

    Commands:
      init         Make a project in this directory
      add          Add an image to the project and lock it
      remove       Take images out of the project and its lock
      hold         Keep images as they are locked, whatever is updated
      unhold       Let images move again
      lock         Choose a version of every image of the project and write Supercargo.lock
      update       Move images to the newest versions that the project wants
      outdated     Show what is newer than what is locked
      tree         Show what is locked and what needs what
      why          Show why an image is locked as it is
      candidates   Show every version of an image and why an update would take it or not
      diff         Show what is different between two locks, or two images
      history      Show what tags were seen to name, and when
      bisect       Find the version, digest, lock change or layer that broke something
      rewrite      Put the locked references into the files of the project's targets
      export       Write the locked images as a list of another tool
      verify       Compare the lock with what is there: digests, platforms, artifacts
      publish      Publish the application of the project as one OCI index, with all of its images
      install      Fetch somebody's application: its project and its lock
      copy         Copy images with everything attached to them, and prove that it arrived
      save         Save images with everything attached to them into one archive
      load         Load every image of an archive, with everything attached to them
      vendor       Keep everything that the project locks in a directory beside it
      mirror       Keep destinations in step with sources, once or on a schedule
      inspect      Show what an image is: identity, origin, base, platforms, artifacts and life cycle
      lineage      Show on what an image was built, on what that was built, and so on down
      tags         List the tags of a repository
      artifacts    Show what refers to an image, at any depth, as a tree
      pull         Bring an image into the local content store, or an artifact's files into a directory
      push         Push an image from this machine, or a file or directory as an artifact
      attach       Attach files to an image, to another artifact, or to a layer by its digest
      tag          Give an image further tags where it is
      delete       Take a tag away, or a manifest by its digest, and say what refers to it
      mark         Say what became of an image: yanked, deprecated, at the end of its life, superseded
      gc           Remove what is not needed any more, in a layout or in a repository of any registry
      store        Look after the local content store
      serve        Run a registry
      login        Keep a user name and a password for a registry
      logout       Forget what is kept for a registry
      auth         Show where credentials come from
      doctor       Show what a registry does and does not do
      tour         Show the main job on two small registries in this process
      completions  Write the completions for a shell
      man          Write the manual

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Global options:
      -C <DIR>
              Change to this directory before anything else

          --project <FILE>
              The project's file [default: Supercargo.toml here or in the nearest directory above]

          --locked
              Fail with exit code 1 where the lock would change

          --frozen
              Use the lock as it is, and do not look whether it is up to date

          --offline
              Ask no registry: read only layouts, archives, the local content store and what was
              vendored

          --platform <P[,P]>
              Only these platforms of an index, as in linux/amd64,linux/arm64

          --format <FORMAT>
              How the result is written to the standard output [default: table]

              Possible values:
              - table: Text and tables for people
              - json:  One JSON document
              - jsonl: One JSON document a line

          --color <WHEN>
              When to use colours [default: auto]

              Possible values:
              - auto:   On a terminal
              - always: Always
              - never:  Never

          --progress <HOW>
              How progress is shown on the standard error [default: auto]

              Possible values:
              - auto:  Bars on a terminal, plain lines otherwise
              - plain: One line for each finished item
              - json:  One JSON document for each event
              - none:  Nothing

      -q, --quiet
              Show neither progress nor notes, only the result and errors

      -v, --verbose...
              Show more: in progress also manifests, and what was there already

          --authfile <FILE>
              File with credentials, as docker and podman write it

          --registries-conf <FILE>
              registries.conf, as podman and skopeo read it, instead of the user's and the system's

          --plain-http
              Use plain HTTP with every registry

          --insecure-skip-tls-verify
              Do not check the certificates of registries

          --ca-file <FILE>
              Certificates (PEM) to trust beside those of the system

          --jobs <N>
              How many blobs move at once [default: what the registries allow], or how many tests
              `bisect run` runs at once [default: 1]

          --timeout <DURATION>
              How long a request may make no progress, as in 30s or 2m [default: 60s]

    References:
      [HOST[:PORT]/]REPO[:TAG][@DIGEST]   a registry
      oci:PATH[:TAG][@DIGEST]             an OCI image layout directory
      oci-archive:FILE[:TAG][@DIGEST]     the same in a tar (.tar, .tar.zst)
      docker-archive:FILE[:TAG]           the output of `docker save`, to read
      store:NAME[:TAG][@DIGEST]           the local content store

    Environment:
      SUPERCARGO_STORE           directory of the local content store
      SUPERCARGO_AUTH_FILE       file with credentials, instead of all others
      SUPERCARGO_PROGRESS        as --progress
      SUPERCARGO_NOW             the time, instead of the clock's, as in 2026-03-31T12:00:00Z
      SUPERCARGO_SERVE_…         keys of the configuration of `serve`, which names them all
      AWS_…                      key, region and endpoint of the bucket of `serve`, as usual
      REGISTRY_AUTH_FILE         file with credentials, as podman uses it
      DOCKER_CONFIG              directory of docker's config.json
      CONTAINERS_REGISTRIES_CONF registries.conf, instead of the user's and the system's
      HTTPS_PROXY                proxy to registries under TLS (or `https_proxy`, and so on)
      HTTP_PROXY                 proxy to registries without TLS
      ALL_PROXY                  proxy where neither says anything
      NO_PROXY                   what is asked without a proxy; this machine always is
      XDG_RUNTIME_DIR            where podman keeps containers/auth.json
      XDG_CONFIG_HOME            configuration, instead of ~/.config
      XDG_DATA_HOME              data such as the local content store, instead of ~/.local/share
      XDG_STATE_HOME             state such as the observation log, instead of ~/.local/state
      XDG_CACHE_HOME             what can be found out again, instead of ~/.cache
      HOME                       the home directory
      NO_COLOR                   no colours, unless --color says otherwise
      TERM                       `dumb` means no colours and no progress bars

    Exit codes:
      0    done, or yes
      1    the answer is no
      2    usage, or an error in Supercargo.toml
      3    no solution
      4    a registry could not be reached, or failed
      5    authentication or authorisation
      6    integrity: something is damaged or missing
      7    partial result: the rest failed, or could not be read
      8    refused: a file of this machine or its user forbids it
      9    not found
      10   local file system
      70   internal error
      130  interrupted
    "#);
}

#[test]
fn the_version_is_one_line() {
    let desk = Desk::new();
    assert_eq!(desk.ok(&["--version"]), format!("supercargo {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn arguments_that_make_no_sense_are_answered_with_a_command() {
    let desk = Desk::new();
    let answers = [
        (&["wat"][..], "help: supercargo --help"),
        (&["copy", "--wat"], "help: supercargo copy --help"),
        (&["copy", "only-one"], "help: supercargo copy docker.io/library/only-one"),
        (&["copy", "--all-tags", "oci:x"], "help: supercargo copy --all-tags SRC oci:x"),
        (&["tree", "--locked", "--frozen"], "help: supercargo tree --help"),
        (&["store", "wat"], "help: supercargo store --help"),
        (&["inspect", "alpine:3"], "help: supercargo inspect docker.io/library/alpine:3"),
        (&["inspect", "team/app"], "help: supercargo inspect docker.io/team/app"),
        (&["inspect", "docker://alpine"], "help: supercargo inspect docker.io/library/alpine"),
        (&["inspect", "--platform", "linux", "oci:x"], "help: supercargo inspect --help"),
        (&["inspect", "--timeout", "soon", "oci:x"], "help: supercargo inspect --help"),
        (&["copy", "--jobs", "0", "oci:x", "oci:y"], "help: supercargo copy --help"),
    ];
    for (arguments, answer) in answers {
        let said = desk.fails(arguments, 2);
        assert_eq!(said.lines().last(), Some(answer), "{said}");
        assert!(said.starts_with("error: "), "{said}");
    }
    let nothing = desk.run(&[]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (2, ""));
    assert!(nothing.stderr.contains("Usage: supercargo"), "{}", nothing.stderr);
}

#[test]
fn what_is_typed_cannot_drive_the_terminal() {
    let desk = Desk::new();
    for arguments in
        [&["inspect", "h.example/\u{1b}[2Jx"][..], &["\u{1b}[2J"], &["copy", "--platform", "\u{1b}[2J", "a", "b"]]
    {
        let said = desk.fails(arguments, 2);
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
}

#[test]
fn colours_are_for_those_who_ask() {
    let desk = Desk::new();
    let said = |arguments: &[&str]| desk.run(&[&["inspect", "alpine"], arguments].concat()).stderr;
    assert!(!said(&[]).contains('\u{1b}'));
    assert!(said(&["--color", "always"]).contains("\u{1b}[1;31merror:\u{1b}[0m"));
    assert!(!said(&["--color", "never"]).contains('\u{1b}'));
}

#[test]
fn the_directory_is_changed_first() {
    let (desk, _) = Desk::with_application();
    std::fs::create_dir(desk.path("below")).unwrap();
    desk.ok(&["-C", "below", "inspect", "oci:../app:1.0"]);
    let said = desk.fails(&["-C", "absent", "inspect", "oci:../app:1.0"], 9);
    assert!(said.contains("cannot change to absent"), "{said}");
}

#[test]
fn completions_are_written_for_every_shell() {
    let desk = Desk::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = desk.ok(&["completions", shell]);
        assert!(script.contains("supercargo") && script.contains("attach"), "{shell}");
    }
    desk.fails(&["completions", "tcsh"], 2);
}
