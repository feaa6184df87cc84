//! What `registries.conf` means: the cases of its manual, and those that the tools refuse.

use proptest::prelude::*;

use super::*;

fn conf(text: &str) -> RegistriesConf {
    let mut all = RegistriesConf::default();
    all.add(Path::new("main"), text, parse::Form::Any).unwrap();
    all
}

fn refusal(text: &str) -> String {
    let error = RegistriesConf::default().add(Path::new("main"), text, parse::Form::Any).unwrap_err();
    assert!(matches!(&error, StoreError::Format { path, .. } if path == Path::new("main")));
    error.to_string()
}

/// Shows a route: places with what they are for, `-` before what is a mirror, `!` after what is insecure.
fn route(conf: &RegistriesConf, name: &str) -> String {
    let (host, repository) = name.split_once('/').map_or((name, None), |(host, rest)| (host, rest.parse().ok()));
    let Some(route) = conf.route(&host.parse().unwrap(), repository.as_ref()).unwrap() else {
        return "none".to_owned();
    };
    let mut shown: Vec<String> = route
        .endpoints
        .iter()
        .map(|endpoint| {
            let repository = endpoint.repository.as_ref().map_or_else(String::new, |name| format!("/{name}"));
            let (mirror, insecure) =
                (["-", ""][usize::from(endpoint.origin)], ["", "!"][usize::from(endpoint.insecure)]);
            let uses = [(endpoint.pulls.tags, 't'), (endpoint.pulls.digests, 'd'), (endpoint.pushes, 'p')];
            let uses: String = uses.into_iter().filter_map(|(is, name)| is.then_some(name)).collect();
            format!("{mirror}{}{repository}{insecure}={uses}", endpoint.host)
        })
        .collect();
    shown.extend(route.blocked.map(|path| format!("blocked by {}", path.display())));
    shown.join(" ")
}

#[test]
fn the_example_of_the_manual() {
    let conf = conf(
        r#"
        unqualified-search-registries = ["example.com"]
        [[registry]]
        prefix = "example.com/foo"
        insecure = false
        blocked = false
        location = "internal-registry-for-example.com/bar"
        [[registry.mirror]]
        location = "example-mirror-0.local/mirror-for-foo"
        [[registry.mirror]]
        location = "example-mirror-1.local/mirrors/foo"
        insecure = true
        [[registry]]
        location = "registry.com"
        [[registry.mirror]]
        location = "mirror.registry.com"
    "#,
    );
    assert_eq!(
        route(&conf, "example.com/foo/image"),
        "-example-mirror-0.local/mirror-for-foo/image=td -example-mirror-1.local/mirrors/foo/image!=td \
         internal-registry-for-example.com/bar/image=td example.com/foo/image=p",
        "images are read elsewhere and written where the name says"
    );
    assert_eq!(route(&conf, "registry.com/image"), "-mirror.registry.com/image=td registry.com/image=tdp");
    assert_eq!(route(&conf, "registry.com"), "registry.com=tdp", "a mirror is for images");
    assert_eq!(route(&conf, "example.com/food/image"), "none");
    assert_eq!(route(&conf, "example.com"), "none");
    assert_eq!(conf.search(), ["example.com"]);
}

#[test]
fn the_longest_prefix_counts() {
    let conf = conf(
        r#"
        [[registry]]
        location = "h.example/a"
        insecure = true
        [[registry]]
        location = "h.example"
        [[registry]]
        location = "h.example/a"
        insecure = true
        mirror = [{ location = "never.example" }]
        [[registry]]
        prefix = "*.wild.example"
        insecure = true
        mirror = [{ location = "m.example/w" }]
        [[registry]]
        prefix = "deep.wild.example/team"
        location = "other.example:5000"
    "#,
    );
    assert_eq!(route(&conf, "h.example/a/b"), "h.example/a/b!=tdp", "of two the first counts");
    assert_eq!(route(&conf, "h.example/ab"), "h.example/ab=tdp");
    assert_eq!(route(&conf, "x.y.wild.example/b"), "-m.example/w/b=td x.y.wild.example/b!=tdp");
    assert_eq!(route(&conf, "wild.example/b"), "none");
    assert_eq!(route(&conf, "deep.wild.example/team/b"), "other.example:5000/b=td deep.wild.example/team/b=p");
}

#[test]
fn mirrors_may_be_for_tags_or_digests_only() {
    let conf = conf(
        r#"
        [[registry]]
        location = "a.example"
        mirror-by-digest-only = true
        mirror = [{ location = "m.example" }, { location = "n.example", pull-from-mirror = "" }]
        [[registry]]
        location = "b.example"
        [[registry.mirror]]
        location = "m.example"
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "n.example"
        pull-from-mirror = "tag-only"
        [[registry.mirror]]
        location = "o.example"
        pull-from-mirror = "all"
    "#,
    );
    assert_eq!(route(&conf, "a.example/i"), "-m.example/i=d -n.example/i=d a.example/i=tdp");
    assert_eq!(route(&conf, "b.example/i"), "-m.example/i=d -n.example/i=t -o.example/i=td b.example/i=tdp");
}

#[test]
fn what_is_blocked_is_left_out_and_its_mirrors_are_not() {
    let conf = conf(
        r#"
        [[registry]]
        location = "blocked.example"
        blocked = true
        mirror = [{ location = "m.example/x" }]
        [[registry]]
        location = "user.example"
        mirror = [{ location = "blocked.example/y" }]
        [[registry]]
        prefix = "moved.example"
        location = "blocked.example/z"
        blocked = true
        [[registry]]
        prefix = "*.sub.example"
        blocked = true
    "#,
    );
    assert_eq!(route(&conf, "blocked.example/i"), "-m.example/x/i=td blocked by main");
    assert_eq!(route(&conf, "blocked.example"), "blocked by main");
    assert_eq!(route(&conf, "user.example/i"), "user.example/i=tdp", "a mirror that is blocked is none");
    assert_eq!(route(&conf, "moved.example/i"), "blocked by main");
    assert_eq!(route(&conf, "a.sub.example/i"), "blocked by main");
    let mut conf = conf;
    let other = "[[registry]]\nprefix = \"moved.example\"\nlocation = \"blocked.example/z\"";
    conf.add(Path::new("other"), other, parse::Form::Second).unwrap();
    assert_eq!(route(&conf, "moved.example/i"), "moved.example/i=p blocked by main", "only what takes its place is");
}

#[test]
fn a_name_that_cannot_be_made_is_refused() {
    let conf = conf("[[registry]]\nprefix = 'h.example'\nlocation = 'docker.io'\n[[registry]]\nlocation = 'mirror'");
    let error = conf.route(&"h.example".parse().unwrap(), Some(&"a".parse().unwrap())).unwrap_err();
    assert!(error.to_string().contains("main") && error.to_string().contains("`docker.io/a`"), "{error}");
    assert_eq!(route(&conf, "h.example/a/b"), "docker.io/a/b=td h.example/a/b=p");
}

#[test]
fn later_files_replace_what_earlier_ones_say_of_a_prefix() {
    let root = tempfile::tempdir().unwrap();
    let (system, user) = (root.path().join("system"), root.path().join("user"));
    for (path, text) in [
        (
            "main.conf",
            "unqualified-search-registries = ['a.example']\n[[registry]]\nlocation = 'h.example'\ninsecure = true\n[aliases]\nx = 'h.example/x'\ny = 'h.example/y'",
        ),
        ("system/2.conf", "[[registry]]\nlocation = 'h.example'\nmirror = [{ location = 'two.example' }]"),
        (
            "system/1.conf",
            "[[registry]]\nlocation = 'h.example'\nmirror = [{ location = 'one.example' }]\n[aliases]\nx = ''\nz = 'docker.io/z'",
        ),
        ("system/3.config", "not TOML"),
        ("system/4.conf/5.conf", "not TOML"),
        (
            "user/0.conf",
            "unqualified-search-registries = []\n[[registry]]\nlocation = 'other.example'\n[aliases]\ny = 'i.example/y'",
        ),
    ] {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        store::atomic::save(&path, text.as_bytes()).unwrap();
    }
    let drop_ins = [system.clone(), user.clone(), root.path().join("missing")];
    let main = root.path().join("main.conf");
    let conf = RegistriesConf::read(Some(&main), true, &drop_ins).unwrap();
    assert_eq!(route(&conf, "h.example/i"), "-two.example/i=td h.example/i=tdp", "and nothing is left of earlier ones");
    assert_eq!(route(&conf, "other.example/i"), "other.example/i=tdp");
    assert_eq!(conf.search(), [""; 0]);
    let aliases = ["x", "y", "z", "a"].map(|short| conf.alias(short));
    assert_eq!(aliases, [None, Some("i.example/y"), Some("docker.io/library/z"), None]);
    let only_main = RegistriesConf::read(Some(&main), true, &[]).unwrap();
    assert_eq!(route(&only_main, "h.example/i"), "h.example/i!=tdp");
    store::atomic::save(&user.join("1.conf"), b"[registries.search]\nregistries = []").unwrap();
    let error = RegistriesConf::read(Some(&main), true, &drop_ins).unwrap_err().to_string();
    assert!(error.contains("user/1.conf"), "{error}");
    let missing = root.path().join("missing.conf");
    assert!(matches!(RegistriesConf::read(Some(&missing), true, &[]), Err(StoreError::File { .. })));
    assert!(RegistriesConf::read(Some(&missing), false, &[]).is_ok());
    store::atomic::save(&missing, &vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert!(matches!(RegistriesConf::read(Some(&missing), false, &[]), Err(StoreError::Format { .. })));
}

#[test]
fn the_older_form_is_read() {
    let conf = conf(
        r#"
        [registries.search]
        registries = ["a.example", "b.example:5000/"]
        [registries.insecure]
        registries = ["h.example", "i.example/"]
        [registries.block]
        registries = ["i.example"]
    "#,
    );
    assert_eq!(conf.search(), ["a.example", "b.example:5000"]);
    assert_eq!(route(&conf, "h.example/a"), "h.example/a!=tdp");
    assert_eq!(route(&conf, "i.example/a"), "blocked by main");
    for (text, hint) in [
        ("[registries.search]\nregistries = []\n[[registry]]\nlocation = 'h'", "both"),
        ("unqualified-search-registries = []\n[registries.block]\nregistries = []", "both"),
        ("[registries.search]\nregistries = ['https://h']", "http"),
        ("[registries.block]\nregistries = ['']", "empty"),
        ("registries = ['h']", "table"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(hint), "{text} {refusal}");
    }
    assert!(
        RegistriesConf::default()
            .add(Path::new("f"), "[registries.search]\n[[registry]]\nlocation = 'h'", parse::Form::Second)
            .is_ok()
    );
}

#[test]
fn contradictions_are_refused_with_their_line() {
    for (text, hint) in [
        ("[[registry]]\n", "neither"),
        ("[[registry]]\nprefix = 'h'", "location"),
        ("[[registry]]\nlocation = 'http://h'", "(line 2)"),
        ("[[registry]]\nprefix = 'https://h'\nlocation = 'h'", "(line 2)"),
        ("[[registry]]\nprefix = '*.h.example/a'", "*.HOST"),
        ("[[registry]]\nprefix = '*.h.example:5000'", "*.HOST"),
        ("[[registry]]\nlocation = 'h'\npull-from-mirror = 'all'", "belongs to a mirror"),
        ("[[registry]]\nlocation = 'h'\n[[registry.mirror]]\n", "mirror has no"),
        ("[[registry]]\nlocation = 'h'\n[[registry.mirror]]\nlocation = 'http://m'", "(line 4)"),
        ("[[registry]]\nlocation = 'h'\n[[registry.mirror]]\nlocation = 'm'\npull-from-mirror = 'some'", "(line 5)"),
        (
            "[[registry]]\nlocation = 'h'\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = 'm'\npull-from-mirror = 'all'",
            "(line 6)",
        ),
        (
            "[[registry]]\nlocation = 'h'\n[[registry]]\nprefix = 'i'\nlocation = 'h'\ninsecure = true",
            "`insecure` (line 6)",
        ),
        ("[[registry]]\nlocation = 'h'\nblocked = true\n[[registry]]\nlocation = 'h'", "`blocked`"),
        ("[[registry]]\nlocation = 'h'\ninsecure = 'yes'", "true or false (line 3)"),
        ("[[registry]]\nlocation = 5", "(line 2)"),
        ("[registry]\nlocation = 'h'", "list of tables"),
        ("registry = ['h']", "list of tables"),
        ("unqualified-search-registries = ['h/path']", "(line 1)"),
        ("unqualified-search-registries = ['']", "HOST"),
        ("unqualified-search-registries = 'h'", "list of texts"),
        ("credential-helpers = 'h'", "list of texts"),
        ("short-name-mode = 'never'", "short-name-mode"),
        ("[aliases]\n'h.example/a' = 'h.example/a'", "(line 2)"),
        ("[aliases]\na = 'b'", "(line 2)"),
        ("[aliases]\na = 1", "text"),
        ("[aliases]\na = 'h.example/a:1'", "without tag"),
        ("[aliases]\na = 'h.example/a'\na = 'h.example/b'", "(line 3)"),
        ("[[registry]\n", "not TOML"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(hint), "{text} {refusal}");
    }
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    for (open, close) in [("[", "]"), ("{a=", "}"), ("a.", "")] {
        let text = format!("a = {}{}", open.repeat(100_000), close.repeat(100_000));
        assert!(refusal(&text).contains("not TOML"), "{open}");
    }
    let text = format!("[{}a]", "a.".repeat(100_000));
    let _ = RegistriesConf::default().add(Path::new("f"), &text, parse::Form::Any);
}

#[test]
fn what_nobody_knows_is_passed_over_and_capitals_do_not_matter() {
    let conf = conf(
        "new = 1\nShort-Name-Mode = 'enforcing'\n[[Registry]]\nLocation = 'H.example/a'\nInsecure = true\nnew = 'x'",
    );
    assert_eq!(route(&conf, "h.example/a/b"), "h.example/a/b!=tdp");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in r#"([\[\]{}="'.,*/:\n a-c]|registry|location|prefix|mirror|aliases|registries|search|insecure|true|h\.example){0,60}"#) {
        let mut all = RegistriesConf::default();
        if all.add(Path::new("f"), &text, parse::Form::Any).is_ok() {
            let _ = all.route(&"h.example".parse().unwrap(), Some(&"a/b".parse().unwrap()));
        }
    }

    #[test]
    fn no_place_makes_it_panic(prefix in "([*.:/@a-c]|h\\.example){0,9}", location in "([*.:/@a-c]|h\\.example){0,9}", name in "[a-c.:/]{0,9}") {
        let text = format!("[[registry]]\nprefix = '{prefix}'\nlocation = '{location}'\nmirror = [{{ location = '{location}' }}]");
        let mut all = RegistriesConf::default();
        if all.add(Path::new("f"), &text, parse::Form::Any).is_ok() {
            let _ = all.route(&"h.example".parse().unwrap(), Some(&"a/b".parse().unwrap()));
        }
        let _ = prefix::matched(&name, &prefix);
        let _ = prefix::rewritten(&name, &prefix, &location);
    }
}
