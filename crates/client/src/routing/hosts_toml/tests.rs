//! What `hosts.toml` means: the cases of containerd's documentation, and those that it refuses.

use proptest::prelude::*;

use super::*;

/// Shows a route: places with scheme, path, what they are for and the registry they stand in for.
fn shown(route: &Route) -> Vec<String> {
    let shown = route.endpoints.iter().map(|endpoint| {
        let pulls = endpoint.pulls;
        let uses = [(pulls.tags, 't'), (pulls.digests, 'd'), (endpoint.pushes, 'p'), (endpoint.referrers, 'r')];
        let uses: String = uses.into_iter().filter_map(|(is, name)| is.then_some(name)).collect();
        let scheme = endpoint.scheme.map_or_else(String::new, |scheme| format!("{scheme:?} "));
        let path = endpoint.api_path.as_ref().map_or_else(String::new, |path| format!("[{path}]"));
        let namespace = endpoint.namespace.as_ref().map_or_else(String::new, |host| format!(" ns={host}"));
        let skip = if endpoint.tls.skip_verify { " unchecked" } else { "" };
        let origin = if endpoint.origin { " origin" } else { "" };
        format!("{scheme}{}{path} {uses}{namespace}{skip}{origin}", endpoint.host)
    });
    shown.collect()
}

fn route(host: &str, text: &str) -> Route {
    let directory = HostDirectory { places: places(text, Path::new("/d")).unwrap(), source: "/d/hosts.toml".into() };
    directory.route(&host.parse().unwrap(), Some(&"team/app".parse().unwrap()))
}

#[test]
fn hosts_come_in_the_order_of_the_file_and_the_server_last() {
    let text = r#"
        server = "https://registry-1.docker.io"
        [host."https://mirror.example"]
          capabilities = ["pull", "Resolve"]
        [host."http://cache.example:5000"]
          capabilities = ["pull"]
        [host."a.example/proxy".header]
          x-one = "1"
        [host."https://push.example/v2/api"]
          override_path = true
          skip_verify = true
    "#;
    let is = [
        "Https mirror.example td ns=docker.io",
        "Http cache.example:5000 d ns=docker.io",
        "Https a.example[/proxy/v2] tdpr ns=docker.io",
        "Https push.example[/v2/api] tdr ns=docker.io unchecked",
        "Https registry-1.docker.io tdr origin",
    ];
    assert_eq!(shown(&route("docker.io", text)), is, "pushes go to the first that takes them");
}

#[test]
fn without_a_server_the_registry_itself_is_last_and_can_do_all() {
    let text =
        "capabilities = ['pull']\nskip_verify = true\n[host.'https://m.example']\ncapabilities = ['pull', 'resolve']";
    let is = ["Https m.example td ns=h.example:5000", "h.example:5000 tdpr unchecked origin"];
    assert_eq!(shown(&route("h.example:5000", text)), is);
    assert_eq!(shown(&route("h.example", "# nothing")), ["h.example tdpr origin"]);
    let text = "server = 'https://h.example'\ncapabilities = ['pull']";
    assert_eq!(
        shown(&route("h.example", text)),
        ["Https h.example d origin"],
        "of a server that is named the file tells"
    );
}

#[test]
fn plain_http_with_settings_of_tls_is_tried_with_tls_first() {
    for (host, extra, is) in [
        ("http://m.example:5000", "skip_verify = false", "HttpsOrHttp"),
        ("http://m.example", "ca = 'ca.pem'", "HttpsOrHttp"),
        ("http://m.example:80", "skip_verify = true", "Http"),
        ("http://m.example:5000", "", "Http"),
        ("https://m.example:5000", "skip_verify = true", "Https"),
    ] {
        let route = route("h.example", &format!("[host.'{host}']\n{extra}"));
        assert_eq!(format!("{:?}", route.endpoints[0].scheme.unwrap()), is, "{host} {extra}");
    }
}

#[test]
fn certificates_keys_and_headers_have_several_forms() {
    let text = r#"
        ca = "root.pem"
        [host."https://a.example"]
          ca = ["/abs/ca.pem", "rel/ca.pem"]
          client = "both.pem"
          dial_timeout = "1m30s"
        [host."https://a.example".header]
          authorization = "geheim"
          x-many = ["one", "two"]
        [host."https://b.example"]
          client = ["one.pem", ["c.cert", "/abs/c.key"], ["two.pem", ""]]
    "#;
    let route = route("h.example", text);
    let [a, b, itself] = &route.endpoints[..] else { panic!("{route:?}") };
    assert_eq!(a.tls.ca, [Path::new("/abs/ca.pem"), Path::new("/d/rel/ca.pem")]);
    let identity =
        |certificate: &str, key: &str| super::super::Identity { certificate: certificate.into(), key: key.into() };
    assert_eq!(a.tls.identities, [identity("/d/both.pem", "/d/both.pem")]);
    assert_eq!(a.connect_timeout, Some(Duration::from_secs(90)));
    assert_eq!(a.headers["authorization"], "geheim");
    assert_eq!(a.headers.get_all("x-many").iter().collect::<Vec<_>>(), ["one", "two"]);
    assert!(!format!("{route:?}").contains("geheim"));
    let pairs = [
        identity("/d/one.pem", "/d/one.pem"),
        identity("/d/c.cert", "/abs/c.key"),
        identity("/d/two.pem", "/d/two.pem"),
    ];
    assert_eq!(b.tls.identities, pairs);
    assert_eq!(itself.tls.ca, [Path::new("/d/root.pem")]);
    assert_eq!(itself.source.as_deref(), Some(Path::new("/d/hosts.toml")));
}

#[test]
fn mistakes_are_refused_without_what_may_be_secret() {
    for (text, hint) in [
        ("server = 5", "(line 1)"),
        ("server = 'ftp://u:geheim@h'", "(line 1)"),
        ("[host.'https://u:geheim@']", "URL"),
        ("[host.'']", "URL"),
        ("[host.a]\ncapabilities = ['fly']", "(line 2)"),
        ("[host.a]\ncapabilities = 'pull'", "list of texts"),
        ("[host.a]\nca = 5", "`ca`"),
        ("[host.a]\nca = [5]", "`ca`"),
        ("[host.a]\nclient = [['a', 'b', 'c']]", "`client`"),
        ("[host.a]\nclient = [['a']]", "`client`"),
        ("[host.a]\nclient = true", "`client`"),
        ("[host.a]\nskip_verify = 'yes'", "(line 2)"),
        ("[host.a]\noverride_path = 1", "(line 2)"),
        ("[host.a]\ndial_timeout = 'soon'", "(line 2)"),
        ("[host.a]\ndial_timeout = 5", "(line 2)"),
        ("[host.a.header]\n'x y' = 'geheim'", "header"),
        ("[host.a.header]\nx = \"geheim\\n\"", "(line 2)"),
        ("[host.a.header]\nx = ['geheim', 1]", "(line 2)"),
        ("[host.a]\nheader = 'geheim'", "table"),
        ("[host]\na = { capabilities = ['pull'] }", "[host."),
        ("host.a.skip_verify = true", "[host."),
        ("[[host.a]]", "[host."),
        ("[host.a]\n[host.a]", "not TOML"),
        ("[host.a.header]\nauthorization = geheim", "(line 2)"),
        ("[host.a.header]\nauthorization = 'geheim", "(line 2)"),
    ] {
        let reason = places(text, Path::new("/d")).unwrap_err();
        assert!(reason.contains(hint) && !reason.contains("geheim"), "{text} {reason}");
    }
    assert!(places("new = 1\n[host.a]\nnew = 2\n[other]", Path::new("/d")).is_ok(), "what nobody knows is passed over");
}

#[test]
fn looks_in_the_directories_in_which_containerd_does() {
    let root = tempfile::tempdir().unwrap();
    let roots = ["one", "two"].map(|name| root.path().join(name));
    let host: Host = "h.example:5000".parse().unwrap();
    let found = || HostDirectory::find(&roots, &host).unwrap().map(|directory| directory.source);
    assert_eq!(found(), None);
    for name in ["two/h.example_5000_", "one/_default", "one/h.example:5000", "one/h.example_5000_"] {
        let path = root.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        assert_eq!(found(), Some(path), "each comes before those that were there");
    }
    let directory = root.path().join("one/h.example_5000_");
    for name in ["ca.crt", "me.cert", "me.key", "other.cert"] {
        store::atomic::save(&directory.join(name), b"").unwrap();
    }
    let route = HostDirectory::find(&roots, &host).unwrap().unwrap().route(&host, None);
    assert_eq!(shown(&route), ["h.example:5000 tdpr origin"]);
    let tls = &route.endpoints[0].tls;
    assert_eq!((tls.ca.len(), tls.identities.len()), (1, 2));
    assert_eq!(tls.identities[1].key, directory.join("other.cert"));
    store::atomic::save(&directory.join("hosts.toml"), b"server = 'https://i.example'").unwrap();
    let route = HostDirectory::find(&roots, &host).unwrap().unwrap().route(&host, None);
    assert_eq!(shown(&route), ["Https i.example tdpr ns=h.example:5000 origin"]);
    assert_eq!(route.endpoints[0].tls, TlsFiles::default(), "then the other files count only if they are named");
    store::atomic::save(&directory.join("hosts.toml"), b"server = [").unwrap();
    let error = HostDirectory::find(&roots, &host).unwrap_err().to_string();
    assert!(error.contains("hosts.toml"), "{error}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in r#"([\[\]{}="'.,/:\n a-c5]|host|server|header|ca|client|https://|capabilities|dial_timeout|\[host\."https://a"\]\n){0,60}"#) {
        let _ = places(&text, Path::new("/d"));
    }

    #[test]
    fn no_url_or_span_makes_it_panic(text in "(\\PC|[0-9.a-z:/@%\u{b5}]|https://){0,30}") {
        let _ = (Address::parse(&text, true), Address::parse(&text, false), duration::parse(&text));
    }
}
