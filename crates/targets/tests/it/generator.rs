//! Makes files of every kind together with where their references are.

mod bake;
mod compose;
mod devcontainer;
mod dockerfile;
mod helm;
mod kubernetes;
mod kustomize;
mod yaml;

use targets::Kind;

use crate::marked::{Marked, Role};

/// The same numbers for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn word(&mut self) -> String {
        let first = self.pick(&["app", "web", "api", "cache", "x-1", "data_store", "job.a"]);
        format!("{first}{}", self.below(1000))
    }

    pub(crate) fn tag(&mut self) -> String {
        let number = self.below(90);
        match self.below(6) {
            0 => format!("v{number}"),
            1 => format!("{number}.{}.3-alpine", self.below(20)),
            2 => "latest".to_owned(),
            3 => format!("RELEASE.2024-11-{number:02}"),
            4 => format!("sha-{number:07x}_build"),
            _ => format!("{number}.0.{}", self.below(40)),
        }
    }

    pub(crate) fn hex(&mut self) -> String {
        (0..64)
            .map(|_| self.pick(&['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f']))
            .collect()
    }

    pub(crate) fn digest(&mut self) -> String {
        format!("sha256:{}", self.hex())
    }

    /// Returns a registry, a slash included; or nothing.
    pub(crate) fn registry(&mut self) -> &'static str {
        self.pick(&[
            "",
            "",
            "registry.example/",
            "ghcr.io/org/",
            "localhost:5000/",
            "quay.io/a/b/",
            "docker.io/library/",
        ])
    }

    pub(crate) fn name(&mut self) -> String {
        format!("{}{}", self.registry(), self.word())
    }

    pub(crate) fn reference(&mut self) -> String {
        let name = self.name();
        match self.below(8) {
            0 => name,
            1 => format!("{name}@{}", self.digest()),
            2 | 3 => format!("{name}:{}@{}", self.tag(), self.digest()),
            _ => format!("{name}:{}", self.tag()),
        }
    }
}

/// Makes a file.
pub(crate) fn file(kind: Kind, random: &mut Random) -> Marked {
    let mut file = Marked::default();
    match kind {
        Kind::Kubernetes => kubernetes::write(&mut file, random),
        Kind::Compose => compose::write(&mut file, random),
        Kind::HelmValues => helm::write(&mut file, random),
        Kind::Kustomize => kustomize::write(&mut file, random),
        Kind::Dockerfile => dockerfile::write(&mut file, random),
        Kind::Bake => bake::write(&mut file, random),
        Kind::Devcontainer => devcontainer::write(&mut file, random),
    }
    file
}

/// Adds a reference in one piece.
fn whole(file: &mut Marked, random: &mut Random) {
    let reference = random.reference();
    file.mark(Role::Whole, 0, &reference);
}
