//! The kinds of files, and how they are told apart.

use std::fmt;

/// How many bytes of a file are looked at to guess its kind.
const GUESS_MAX_BYTES: usize = 256 * 1024;

/// A kind of file that names images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Manifests of Kubernetes objects, in YAML or JSON, also as templates of a Helm chart.
    Kubernetes,
    /// A Compose file.
    Compose,
    /// The values of a Helm chart.
    HelmValues,
    /// A `kustomization.yaml`.
    Kustomize,
    /// A Dockerfile or Containerfile.
    Dockerfile,
    /// A bake file, in HCL or JSON.
    Bake,
    /// A `devcontainer.json`.
    Devcontainer,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Kubernetes,
        Self::Compose,
        Self::HelmValues,
        Self::Kustomize,
        Self::Dockerfile,
        Self::Bake,
        Self::Devcontainer,
    ];

    /// Returns the kind of that name, as it stands in `Supercargo.toml`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the name, as it stands in `Supercargo.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Compose => "compose",
            Self::HelmValues => "helm-values",
            Self::Kustomize => "kustomize",
            Self::Dockerfile => "dockerfile",
            Self::Bake => "bake",
            Self::Devcontainer => "devcontainer",
        }
    }

    /// Returns what kind of file this seems to be: by its name where tools look for that name, else by the keys at its top.
    ///
    /// `file_name` is the last component of the path.
    pub fn guess(file_name: &str, bytes: &[u8]) -> Option<Self> {
        let name = file_name.to_ascii_lowercase();
        let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
        let is_yaml = matches!(extension, "yaml" | "yml");
        let is_dockerfile = |word: &str| matches!(word, "dockerfile" | "containerfile");
        if is_dockerfile(&name) || is_dockerfile(extension) || name.split('.').next().is_some_and(is_dockerfile) {
            return Some(Self::Dockerfile);
        }
        if matches!(&*name, "devcontainer.json" | ".devcontainer.json") {
            return Some(Self::Devcontainer);
        }
        if name == "kustomization" || (is_yaml && stem == "kustomization") {
            return Some(Self::Kustomize);
        }
        if matches!(extension, "hcl" | "json") && stem.starts_with("docker-bake") {
            return Some(Self::Bake);
        }
        let bytes = &bytes[..bytes.len().min(GUESS_MAX_BYTES)];
        if extension == "hcl" {
            // Many tools speak HCL; targets are of bake.
            return bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"target ")).then_some(Self::Bake);
        }
        let is_compose = |stem: &str| stem.starts_with("compose") || stem.starts_with("docker-compose");
        if is_yaml && is_compose(stem) {
            return Some(Self::Compose);
        }
        if !is_yaml && extension != "json" {
            return None;
        }
        let by_keys = Top::of(bytes).kind();
        let is_values = is_yaml && (stem == "values" || stem.starts_with("values") || stem.ends_with("values"));
        by_keys.or(is_values.then_some(Self::HelmValues))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The keys at the top of a file that tell what it is. A file may be no YAML yet (a template), so its lines are looked at.
#[derive(Default)]
struct Top {
    api_version: bool,
    kind: bool,
    kustomize: bool,
    services: bool,
}

impl Top {
    fn of(bytes: &[u8]) -> Self {
        let mut top = Self::default();
        let text = String::from_utf8_lossy(bytes);
        let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
        for line in text.trim_start_matches('\u{feff}').lines() {
            // The keys at the top of JSON are indented, and it is no matter how much.
            let line = if is_json { line.trim_start_matches([' ', '\t', '{', ',']) } else { line };
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim().trim_matches(['"', '\'', ',']);
            match key.trim_end().trim_matches(['"', '\'']) {
                "apiVersion" => {
                    top.api_version = true;
                    top.kustomize |= value.starts_with("kustomize.config.k8s.io/");
                }
                "kind" => {
                    top.kind = true;
                    top.kustomize |= value == "Kustomization";
                }
                "services" => top.services = true,
                _ => {}
            }
        }
        top
    }

    fn kind(&self) -> Option<Kind> {
        if self.kustomize {
            Some(Kind::Kustomize)
        } else if self.api_version && self.kind {
            Some(Kind::Kubernetes)
        } else {
            self.services.then_some(Kind::Compose)
        }
    }
}
