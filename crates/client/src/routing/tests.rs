//! How the files come together.

use std::path::Path;

use super::*;

fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        store::atomic::save(&path, text.as_bytes()).unwrap();
    }
}

fn files(root: &Path) -> RoutingFiles {
    RoutingFiles {
        registries_conf: Some(root.join("registries.conf")),
        named: false,
        drop_ins: vec![root.join("registries.conf.d")],
        hosts_dirs: vec![root.join("hosts")],
        certs_dirs: vec![root.join("certs")],
    }
}

fn hosts<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Vec<String> {
    endpoints.map(|endpoint| endpoint.host.to_string()).collect()
}

#[test]
fn without_files_everything_goes_to_the_registry_itself() {
    let directory = tempfile::tempdir().unwrap();
    for routing in [Routing::default(), Routing::from_files(&files(directory.path())).unwrap()] {
        let (host, repository) = ("h.example:5000".parse().unwrap(), "a/b".parse().unwrap());
        let route = routing.route(&host, Some(&repository)).unwrap();
        let [endpoint] = &route.endpoints[..] else { panic!("{route:?}") };
        assert_eq!((&endpoint.host, endpoint.repository.as_ref()), (&host, Some(&repository)));
        assert!(endpoint.origin && endpoint.pushes && endpoint.pulls == Pulls::ALL && endpoint.source.is_none());
        assert!(route.blocked.is_none() && endpoint.tls == TlsFiles::default());
        assert_eq!((routing.alias("a"), routing.search_registries()), (None, &[][..]));
    }
}

#[test]
fn registries_conf_decides_alone_where_it_says_something() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    write(
        root,
        &[
            ("registries.conf", "[[registry]]\nlocation = 'both.example/team'\nmirror = [{ location = 'm.example' }]"),
            ("hosts/both.example/hosts.toml", "[host.'https://c.example']\nca = 'ca.pem'"),
            ("certs/both.example/own.crt", ""),
            ("certs/m.example/m.crt", ""),
            ("certs/c.example/c.crt", ""),
            ("certs/plain.example/p.crt", ""),
        ],
    );
    let routing = Routing::from_files(&files(root)).unwrap();
    let route = |host: &str, repository: &str| {
        routing.route(&host.parse().unwrap(), Some(&repository.parse().unwrap())).unwrap()
    };
    let of_registries = route("both.example", "team/a");
    assert_eq!(hosts(of_registries.endpoints.iter()), ["m.example", "both.example"]);
    assert_eq!(of_registries.endpoints[0].tls.ca, [root.join("certs/m.example/m.crt")]);
    assert_eq!(of_registries.endpoints[1].tls.ca, [root.join("certs/both.example/own.crt")]);
    assert_eq!(of_registries.endpoints[1].source, Some(root.join("registries.conf")));
    assert_eq!(of_registries.push().unwrap().host.as_str(), "both.example");
    let of_hosts = route("both.example", "other/a");
    assert_eq!(hosts(of_hosts.endpoints.iter()), ["c.example", "both.example"]);
    let ca = ["hosts/both.example/ca.pem", "certs/c.example/c.crt"].map(|path| root.join(path));
    assert_eq!(of_hosts.endpoints[0].tls.ca, ca);
    assert_eq!(route("plain.example", "a").endpoints[0].tls.ca, [root.join("certs/plain.example/p.crt")]);
    write(root, &[("certs/m.example/half.cert", "")]);
    let routing = Routing::from_files(&files(root)).unwrap();
    assert!(routing.route(&"both.example".parse().unwrap(), Some(&"team/a".parse().unwrap())).is_err());
    assert!(routing.route(&"both.example".parse().unwrap(), None).is_ok(), "no mirror is asked then");
}

#[test]
fn what_is_said_of_a_host_is_read_once() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let toml = "hosts/h.example/hosts.toml";
    write(root, &[(toml, "["), ("certs/c.example/c.crt", "")]);
    let routing = Routing::from_files(&files(root)).unwrap();
    let host: Host = "h.example".parse().unwrap();
    let route = |repository: &str| routing.clone().route(&host, Some(&repository.parse().unwrap()));
    assert!(route("a").is_err(), "an error is not remembered");
    write(root, &[(toml, "[host.'https://c.example']")]);
    let read = route("a").unwrap();
    assert_eq!(hosts(read.endpoints.iter()), ["c.example", "h.example"]);
    for gone in ["hosts", "certs"] {
        std::fs::remove_dir_all(root.join(gone)).unwrap();
    }
    assert_eq!(hosts(route("a").unwrap().endpoints.iter()), ["c.example", "h.example"]);
    let other = route("b").unwrap();
    assert_eq!(other.endpoints[0].tls.ca, [root.join("certs/c.example/c.crt")]);
    assert_eq!(other.endpoints[0].repository, Some("b".parse().unwrap()));
}

#[test]
fn what_is_asked_for_decides_which_places_are_tried() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let conf = "[[registry]]\nprefix = 'h.example'\nlocation = 'new.example'\nmirror-by-digest-only = true\nmirror = [{ location = 'm.example' }]";
    write(root, &[("registries.conf", conf), ("registries.conf.d/a.conf", "[aliases]\na = 'h.example/team/a'")]);
    let routing = Routing::from_files(&files(root)).unwrap();
    let route = routing.route(&"h.example".parse().unwrap(), Some(&"a".parse().unwrap())).unwrap();
    assert_eq!(hosts(route.pulls(false)), ["new.example"]);
    assert_eq!(hosts(route.pulls(true)), ["m.example", "new.example"]);
    assert_eq!(route.push().unwrap().host.as_str(), "h.example");
    assert_eq!(routing.alias("a"), Some("h.example/team/a"));
    let missing = RoutingFiles { registries_conf: Some(root.join("none")), named: true, ..files(root) };
    assert!(matches!(Routing::from_files(&missing), Err(StoreError::File { .. })));
}
