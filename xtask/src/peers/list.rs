//! The table of peers. A new version is a change of one line here.

/// A program of somebody else that tests use.
pub struct Peer {
    /// Its name, also in the tests' environment and in the cache.
    pub name: &'static str,
    pub source: Source,
    /// Takes minutes to build, so only `--all` sets it up.
    pub heavy: bool,
}

/// Where a peer comes from.
pub enum Source {
    /// A Debian package whose executable has the package's name.
    Debian { package: &'static str },
    /// A Debian package whose executables lie, by version, in a directory of their own: `{directory}/{version}/bin`.
    DebianVersions { package: &'static str, directory: &'static str },
    /// A Go command at a pinned version.
    Go { module: &'static str, version: &'static str, executable: &'static str },
    /// A Go command at a pinned version whose list of versions cannot be had, without which `go install` does not begin.
    GoSources { module: &'static str, version: &'static str, package: &'static str },
    /// A small Go program of ours in `e2e/peers/<name>`.
    Ours,
}

const fn debian(package: &'static str) -> Peer {
    Peer { name: package, source: Source::Debian { package }, heavy: false }
}

const fn debian_versions(name: &'static str, package: &'static str, directory: &'static str) -> Peer {
    Peer { name, source: Source::DebianVersions { package, directory }, heavy: false }
}

const fn go(name: &'static str, module: &'static str, version: &'static str, executable: &'static str) -> Peer {
    Peer { name, source: Source::Go { module, version, executable }, heavy: false }
}

const fn go_sources(name: &'static str, module: &'static str, version: &'static str, package: &'static str) -> Peer {
    Peer { name, source: Source::GoSources { module, version, package }, heavy: false }
}

const fn ours(name: &'static str) -> Peer {
    Peer { name, source: Source::Ours, heavy: false }
}

const fn heavy(peer: Peer) -> Peer {
    Peer { heavy: true, ..peer }
}

/// Every peer there is.
pub const PEERS: &[Peer] = &[
    debian("skopeo"),
    debian("umoci"),
    debian("buildah"),
    debian("podman"),
    debian("docker-registry"),
    debian("hyperfine"),
    debian_versions("postgres", "postgresql", "/usr/lib/postgresql"),
    go("crane", "github.com/google/go-containerregistry/cmd/crane", "0.22.1", "crane"),
    go("regctl", "github.com/regclient/regclient/cmd/regctl", "0.11.7", "regctl"),
    go("distribution", "github.com/distribution/distribution/v3/cmd/registry", "3.1.2", "registry"),
    go("versitygw", "github.com/versity/versitygw/cmd/versitygw", "1.8.0", "versitygw"),
    ours("ociregistry"),
    ours("liar"),
    ours("orascopy"),
    heavy(go("cosign", "github.com/sigstore/cosign/v3/cmd/cosign", "3.1.3", "cosign")),
    heavy(go("ctr", "github.com/containerd/containerd/v2/cmd/ctr", "2.4.2", "ctr")),
    heavy(go_sources("imgpkg", "carvel.dev/imgpkg", "0.43.0", "./cmd/imgpkg")),
    heavy(go("containerd", "github.com/containerd/containerd/v2/cmd/containerd", "2.4.2", "containerd")),
];
