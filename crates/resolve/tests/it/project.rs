//! `Supercargo.toml`: reading, errors with their place, changes that keep everything else.

use resolve::project::{
    Addition, EditError, FILE_NAME, MirrorUse, Needed, Prerelease, Project, ProjectFile, json_schema,
};

/// What the reference of the format shows, with every key in it.
const JAEGER: &str = include_str!("../fixtures/project/jaeger.toml");

fn shown(text: &str) -> String {
    let error = Project::parse(text).unwrap_err();
    let help = error.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    format!("error: {error}\n{}{help}", error.excerpt(FILE_NAME, text))
}

#[test]
fn every_key_is_read() {
    let project = Project::parse(JAEGER).unwrap();
    assert_eq!(project.name.as_deref(), Some("jaeger"));
    assert_eq!(project.platforms.len(), 2);
    assert_eq!(project.policy.cooldown, 3 * 86_400);
    let query = &project.images["query"];
    assert_eq!(query.repository.to_string(), "registry.example/jaegertracing/jaeger-query");
    assert_eq!(query.follows.as_deref(), Some("collector"));
    assert_eq!(query.version.text(), "^1.57");
    assert_eq!(JAEGER[query.places.version.clone()].trim_matches('"'), "^1.57");
    let storage = &project.images["storage"];
    assert_eq!(storage.axes["os"].scheme.to_string(), "codename:debian");
    assert_eq!(project.images["node-dev"].axes["node"].scheme.to_string(), "dotted");
    assert_eq!(project.images["nightly"].scheme.to_string(), "calver:YYYYMMDD");
    assert_eq!(project.images["agent"].prerelease, Some(Prerelease::Allow));
    assert_eq!(project.edges[0].requires["collector"], Needed::Same);
    assert_eq!(project.targets[1].map["collector.image"], "collector");
}

#[test]
fn mirrors_are_found_by_the_host_that_they_copy() {
    let project = Project::parse(JAEGER).unwrap();
    let mirrors: Vec<String> =
        project.mirrors_of(&project.images["query"].repository).iter().map(|(copy, _)| copy.to_string()).collect();
    let query = "jaegertracing/jaeger-query";
    assert_eq!(mirrors, [format!("mirror.example:5000/{query}"), format!("other.example/up/{query}")]);
    assert_eq!(project.vendor.as_deref(), Some("third-party"));
    let other = "elsewhere.example/app".parse().unwrap();
    assert!(project.mirrors_of(&other).is_empty());
    insta::assert_snapshot!(shown("[registries.up]\nhost = \"h.example\"\nmirrors = [\"https://m.example\"]\n"), @r#"
    error: `https://m.example` is no place for a mirror
     --> Supercargo.toml:3:12
      |
    3 | mirrors = ["https://m.example"]
      |            ^^^^^^^^^^^^^^^^^^^
    help: mirrors = ["mirror.example:5000"]   # or mirror.example/prefix
    "#);
}

#[test]
fn a_mirror_may_say_what_it_is_asked_for() {
    let text = "[registries.up]\nhost = \"registry.example\"\nmirrors = [\n  { host = \"m.example:5000\", by = \"digest-only\" },\n  \
        \"all.example/hub\",\n  { host = \"plain.example\" },\n  { host = \"t.example\", by = \"tag-only\" },\n]\n";
    let repository = "registry.example/app".parse().unwrap();
    let copies = |text: &str| {
        let copies = Project::parse(text).unwrap().mirrors_of(&repository).into_iter();
        copies.map(|(copy, by)| (copy.to_string(), by)).collect::<Vec<_>>()
    };
    let wanted = [
        ("m.example:5000/app", MirrorUse::DigestOnly),
        ("all.example/hub/app", MirrorUse::All),
        ("plain.example/app", MirrorUse::All),
        ("t.example/app", MirrorUse::TagOnly),
    ];
    assert_eq!(copies(text), wanted.map(|(copy, by)| (copy.to_owned(), by)));
    // The other form that TOML has for a list of tables.
    let long = "[registries.up]\nhost = \"registry.example\"\n[[registries.up.mirrors]]\nhost = \"m.example:5000\"\nby = \"digest-only\"\n";
    assert_eq!(copies(long), [("m.example:5000/app".to_owned(), MirrorUse::DigestOnly)]);
    let registry = |mirrors: &str| shown(&format!("[registries.up]\nhost = \"h.example\"\nmirrors = [{mirrors}]\n"));
    insta::assert_snapshot!(registry("{ host = \"m.example\", by = \"digest\" }"), @r#"
    error: `by` cannot be `digest`; there are all, digest-only, tag-only
     --> Supercargo.toml:3:39
      |
    3 | mirrors = [{ host = "m.example", by = "digest" }]
      |                                       ^^^^^^^^
    "#);
    insta::assert_snapshot!(registry("\"m.example\", { by = \"all\" }"), @r#"
    error: `host` is missing
     --> Supercargo.toml:3:25
      |
    3 | mirrors = ["m.example", { by = "all" }]
      |                         ^^^^^^^^^^^^^^
    help: host = …   # Where the copy is: `HOST`, or `HOST/PREFIX`.
    "#);
    insta::assert_snapshot!(registry("{ host = \"https://m.example\" }"), @r#"
    error: `https://m.example` is no place for a mirror
     --> Supercargo.toml:3:21
      |
    3 | mirrors = [{ host = "https://m.example" }]
      |                     ^^^^^^^^^^^^^^^^^^^
    help: mirrors = ["mirror.example:5000"]   # or mirror.example/prefix
    "#);
    insta::assert_snapshot!(registry("5000"), @r"
    error: `mirrors` is array, not texts in quotes or tables between `[` and `]`
     --> Supercargo.toml:3:11
      |
    3 | mirrors = [5000]
      |           ^^^^^^
    ");
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    insta::assert_snapshot!(shown("[images]\nweb = { repo = \"h.example/web\", verison = \"^1\" }\n"), @r#"
    error: `verison` is not a key that is known here
     --> Supercargo.toml:2:33
      |
    2 | web = { repo = "h.example/web", verison = "^1" }
      |                                 ^^^^^^^ did you mean `version`?
    help: write `version` in its place
    "#);
}

#[test]
fn errors_point_into_texts() {
    insta::assert_snapshot!(shown("[images.web]\nrepo = \"h.example/web\"\nversion = \"^1.57, >=x\"\n"), @r#"
    error: `^1.57, >=x` is no requirement
     --> Supercargo.toml:3:19
      |
    3 | version = "^1.57, >=x"
      |                   ^^^ `x` is no dotted value
    help: version = "^1.57"   # or ~4.1, =1.2.3, >=1.2, <2, 1.57.*, *
    "#);
    insta::assert_snapshot!(shown("[images]\ndb = { repo = \"h.example/db\", tag = \"{version}-{Os}\" }\n"), @r#"
    error: `{version}-{Os}` is no template of tags
     --> Supercargo.toml:2:48
      |
    2 | db = { repo = "h.example/db", tag = "{version}-{Os}" }
      |                                                ^^^^ is no name of an axis: lower-case letters, digits and `-`, or `v?`
    help: tag = "{version}-{os}"
    "#);
}

#[test]
fn names_must_be_those_of_images() {
    insta::assert_snapshot!(shown("[images]\nquery = { repo = \"h.example/q\", follows = \"colector\" }\ncollector = { repo = \"h.example/c\" }\n"), @r#"
    error: there is no image `colector`
     --> Supercargo.toml:2:43
      |
    2 | query = { repo = "h.example/q", follows = "colector" }
      |                                           ^^^^^^^^^^ did you mean `collector`?
    "#);
    insta::assert_snapshot!(shown("[images]\na = { repo = \"h.example/a\", follows = \"b\" }\nb = { repo = \"h.example/b\", follows = \"a\" }\n"), @r#"
    error: `a` follows itself: a → b → a
     --> Supercargo.toml:2:39
      |
    2 | a = { repo = "h.example/a", follows = "b" }
      |                                       ^^^
    "#);
}

#[test]
fn a_repository_is_named_in_full() {
    insta::assert_snapshot!(shown("[images]\nweb = { repo = \"nginx\" }\n"), @r#"
    error: `nginx` does not say which registry it is in
     --> Supercargo.toml:2:16
      |
    2 | web = { repo = "nginx" }
      |                ^^^^^^^
    help: repo = "docker.io/library/nginx"
    "#);
    insta::assert_snapshot!(shown("[images]\nweb = { repo = \"h.example/web:1\" }\n"), @r#"
    error: `repo` names an image, not a repository
     --> Supercargo.toml:2:16
      |
    2 | web = { repo = "h.example/web:1" }
      |                ^^^^^^^^^^^^^^^^^
    help: repo = "h.example/web"   # and what is wanted of it in `version`
    "#);
}

#[test]
fn values_have_their_shape() {
    for (text, wanted) in [
        ("images = 1", "`images` is integer, not a table"),
        ("[images]\na = 1", "`a` is integer, not a table"),
        ("[images]\na = { repo = 1 }", "`repo` is integer, not a text in quotes"),
        ("[images]\na = { version = \"1\" }", "`repo` is missing"),
        ("[policy]\nyanked = \"denny\"", "`yanked` cannot be `denny`; there are deny, warn, allow"),
        ("[policy]\ncooldown = \"3 days\"", "`3 days` is no time"),
        ("[project]\nplatforms = [\"linux\"]", "`linux` is no platform"),
        ("[images]\n\"a b\" = { repo = \"h.example/a\" }", "`a b` cannot be the name of an image"),
        ("[images]\na = { repo = \"h.example/a\", axes = { os = \"x\" } }", "there is no `tag` with an axis `os`"),
        ("[images\n", "unclosed table, expected `]`"),
        ("[[edges]]\nif = \"a\"\nrequires = {}", "there is no image `a`"),
    ] {
        assert_eq!(Project::parse(text).unwrap_err().message, wanted, "{text}");
    }
}

#[test]
fn changes_keep_everything_else() {
    let mut file = ProjectFile::parse(JAEGER).unwrap();
    assert_eq!(file.text(), JAEGER);
    file.hold("query", true).unwrap();
    file.set_version("collector", "^2").unwrap();
    let web = Addition {
        name: "web".to_owned(),
        repository: "up/web".to_owned(),
        version: Some("^1.2".to_owned()),
        axes: vec![("os".to_owned(), "trixie".to_owned())],
        template: Some("{version}-{os}".to_owned()),
        ..Addition::default()
    };
    file.add(&web).unwrap();
    assert_eq!(file.add(&web), Err(EditError::Exists { name: "web".to_owned() }));
    let text = file.text();
    let (old, new): (Vec<&str>, Vec<&str>) = (JAEGER.lines().collect(), text.lines().collect());
    let added: Vec<&&str> = new.iter().filter(|line| !old.contains(line)).collect();
    let gone: Vec<&&str> = old.iter().filter(|line| !new.contains(line)).collect();
    assert_eq!(gone.len(), 2, "{gone:?}");
    let added = added.into_iter().copied().collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(added, @r#"
    collector = { repo = "up/jaegertracing/jaeger-collector", version = "^2" } # the one that others follow
    query     = { repo = "up/jaegertracing/jaeger-query", version = "^1.57", follows = "collector", hold = true }
    web = { repo = "up/web", version = "^1.2", tag = "{version}-{os}", axes = { os = "trixie" } }
    "#);
    file.hold("query", false).unwrap();
    file.set_version("collector", "^1.57").unwrap();
    file.remove("web").unwrap();
    assert_eq!(file.text(), JAEGER);
    assert!(matches!(file.remove("collector"), Err(EditError::Needed { .. })));
    assert!(matches!(file.remove("nobody"), Err(EditError::Missing { .. })));
}

#[test]
fn an_image_that_is_no_longer_held_is_written_as_before() {
    for image in [
        "db = {repo=\"up/db\",groups=[\"dev\"]}",
        "db = { repo = \"up/db\", groups = [\"dev\"]}",
        "db = {repo = \"up/db\", groups = [\"dev\"]\t }",
        "db = { repo = \"up/db\" , groups = [\"dev\"] , }",
        "db = { repo = \"up/db\", tag = \"{version}-{os}\", axes.os = \"trixie\" }",
        "db = { repo = \"up/db\", tag = \"{version}-{os}\", axes.os = \"trixie\"}",
        "db = {\n  repo = \"up/db\", # one\n  version = \"1\", # two\n}",
        "db = {\n  repo = \"up/db\",\n  version = \"1\" # two\n}",
        "db.repo = \"up/db\" # one",
        "[images.db]\nrepo = \"up/db\" # one",
        "[images.db]\nrepo = \"up/db\"\ntag = \"{version}-{os}\"  \n\n[images.db.axes]\nos = \"trixie\" # two",
    ] {
        let text = format!("[registries.up]\nhost = \"registry.example\"\n\n[images]\n{image}\n");
        let mut file = ProjectFile::parse(&text).unwrap();
        file.hold("db", true).unwrap();
        assert!(Project::parse(&file.text()).unwrap().images["db"].hold, "{}", file.text());
        let mut read = ProjectFile::parse(&file.text()).unwrap();
        for mut file in [file, read.clone()] {
            file.hold("db", false).unwrap();
            assert_eq!(file.text(), text);
        }
        read.set_version("db", "2").unwrap();
        assert!(Project::parse(&read.text()).unwrap().images["db"].hold, "{}", read.text());
    }
    let mut file = ProjectFile::parse("").unwrap();
    let repository = "registry.example/db".to_owned();
    let groups = vec!["dev".to_owned()];
    file.add(&Addition { name: "db".to_owned(), repository, groups, ..Addition::default() }).unwrap();
    let added = file.text();
    file.hold("db", true).unwrap();
    assert!(file.text().ends_with("groups = [\"dev\"], hold = true }\n"), "{}", file.text());
    file.hold("db", false).unwrap();
    assert_eq!(file.text(), added);
}

#[test]
fn the_schema_knows_the_keys_of_the_example() {
    let schema = json_schema();
    let document: toml_edit::DocumentMut = JAEGER.parse().unwrap();
    for (name, _) in document.iter() {
        assert!(schema["properties"].get(name).is_some(), "{name}");
    }
    assert_eq!(schema["properties"]["images"]["additionalProperties"]["anyOf"][0]["required"][0], "repo");
}

#[test]
fn deep_or_huge_input_is_an_error() {
    let deep = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Project::parse(&deep).is_err());
    let huge = "#".repeat(resolve::project::FILE_MAX_BYTES + 1);
    assert!(Project::parse(&huge).unwrap_err().message.contains("bytes"));
}

#[test]
fn a_part_of_a_project_speaks_of_nothing_else() {
    let images = "[images]\n# kept\nweb = { repo = \"h.example/web\" } # as it is\ntest = { repo = \"h.example/test\", follows = \"probe\" }\n\
        probe = { repo = \"h.example/probe\", follows = \"web\" }\n";
    let tables = "\n[[edges]]\nif = \"test\"\nrequires = { web = \"^1\" }\n\n[[targets]]\nkind = \"helm-values\"\npaths = [\"v.yaml\"]\nmap = { \"a\" = \"web\", \"b\" = \"test\" }\n";
    let inline = "edges = [{ if = \"test\", requires = { web = \"^1\" } }, { if = \"probe\", requires = { web = \"^1\" } }]\n\
        targets = [{ kind = \"helm-values\", paths = [\"v.yaml\"], map = { \"a\" = \"web\", \"b\" = \"test\" } }]\n";
    for text in [format!("{images}{tables}"), format!("{inline}{images}")] {
        assert_eq!(Project::parse(&text).unwrap().images.len(), 3);
        let mut file = ProjectFile::parse(&text).unwrap();
        file.retain(&["web"].into());
        let part = Project::parse(&file.text()).unwrap();
        assert!(part.images.keys().eq(["web"]) && part.edges.is_empty(), "{}", file.text());
        assert!(part.targets[0].map.values().eq(["web"]), "{}", file.text());
        assert!(file.text().contains("# kept\nweb = { repo = \"h.example/web\" } # as it is\n"), "{}", file.text());
    }
    let mut file = ProjectFile::parse(images).unwrap();
    file.retain(&["probe"].into());
    assert!(Project::parse(&file.text()).is_err(), "it follows what is gone");
}

#[test]
fn a_file_keeps_its_line_ends() {
    for text in [
        "\r\n",
        "\r\n\r\n# only this\r\n",
        "[images]\r\n# one\r\nweb = { repo = \"registry.example/web\" } # two\r\n\r\ndb = { repo = \"registry.example/db\" }\r\n",
        "[images]\r\nweb = { repo = \"registry.example/web\" }\n# mixed\r\n",
        "[project]\r\nname = \"\"\"\r\nx\"\"\"\r\n",
    ] {
        let mut file = ProjectFile::parse(text).unwrap();
        assert_eq!(file.text(), text);
        if text.contains("web") {
            file.hold("web", true).unwrap();
            assert_eq!(file.text().replace(", hold = true", ""), text);
        }
    }
}
