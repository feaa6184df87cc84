//! Which files say where to go.

use std::path::{Path, PathBuf};

/// The files to read. Each may be missing.
#[derive(Clone, Debug, Default)]
pub struct RoutingFiles {
    /// The `registries.conf` that counts.
    pub registries_conf: Option<PathBuf>,
    /// Whether somebody named it, so that it must be there.
    pub named: bool,
    /// Directories with files that change what it says, in their order (`registries.conf.d`).
    pub drop_ins: Vec<PathBuf>,
    /// Directories with one for each registry that may have a `hosts.toml`, in their order.
    pub hosts_dirs: Vec<PathBuf>,
    /// Directories with certificates by host, in their order (`certs.d`).
    pub certs_dirs: Vec<PathBuf>,
}

impl RoutingFiles {
    /// Returns the files that podman, containerd, nerdctl and docker read: those in `etc` (`/etc`) and those of a user. A user's own
    /// `registries.conf` takes the place of all that `etc` says of registries; one that was `named` takes the place of the file only.
    pub fn usual(etc: &Path, home: Option<&Path>, named: Option<PathBuf>) -> Self {
        let system = etc.join("containers");
        let user = home.map(|home| home.join(".config/containers"));
        let of_user = user.as_ref().map(|user| user.join("registries.conf")).filter(|path| path.exists());
        let is_user = named.is_none() && of_user.is_some();
        let of_system = (!is_user).then(|| system.join("registries.conf.d"));
        let of = |name: &str| user.as_ref().map(|user| user.join(name));
        Self {
            named: named.is_some(),
            registries_conf: named.or(of_user).or_else(|| Some(system.join("registries.conf"))),
            drop_ins: of_system.into_iter().chain(of("registries.conf.d")).collect(),
            hosts_dirs: home
                .map(|home| home.join(".config/containerd/certs.d"))
                .into_iter()
                .chain([etc.join("containerd/certs.d")])
                .collect(),
            certs_dirs: of("certs.d").into_iter().chain([system.join("certs.d"), etc.join("docker/certs.d")]).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_user_takes_the_place_of_those_of_the_system() {
        let home = tempfile::tempdir().unwrap();
        let (etc, home) = (Path::new("/e"), home.path());
        let user = home.join(".config/containers");
        let conf_d = ["/e/containers/registries.conf.d".into(), user.join("registries.conf.d")];
        let files = RoutingFiles::usual(etc, Some(home), None);
        assert_eq!(files.registries_conf.as_deref(), Some(Path::new("/e/containers/registries.conf")));
        assert_eq!((files.named, &files.drop_ins[..]), (false, &conf_d[..]));
        let certs = [user.join("certs.d"), "/e/containers/certs.d".into(), "/e/docker/certs.d".into()];
        assert_eq!(files.certs_dirs, certs);
        std::fs::create_dir_all(&user).unwrap();
        store::atomic::save(&user.join("registries.conf"), b"").unwrap();
        let files = RoutingFiles::usual(etc, Some(home), None);
        assert_eq!(files.registries_conf, Some(user.join("registries.conf")));
        assert_eq!((files.named, &files.drop_ins[..]), (false, &conf_d[1..]));
        let files = RoutingFiles::usual(etc, Some(home), Some("own".into()));
        assert_eq!(files.registries_conf.as_deref(), Some(Path::new("own")));
        assert_eq!((files.named, &files.drop_ins[..]), (true, &conf_d[..]));
        assert_eq!(RoutingFiles::usual(etc, None, None).drop_ins, conf_d[..1]);
    }
}
