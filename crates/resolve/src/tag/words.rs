//! Words that tags are made of.

/// Releases of Debian and Ubuntu by name, which no other word means.
const CODENAMES: [&str; 38] = [
    "wheezy", "jessie", "stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid", "precise",
    "trusty", "utopic", "vivid", "wily", "xenial", "yakkety", "zesty", "artful", "bionic", "cosmic", "disco", "eoan",
    "focal", "groovy", "hirsute", "impish", "jammy", "kinetic", "lunar", "mantic", "noble", "oracular", "plucky",
    "questing", "resolute", "lucid", "squeeze",
];

/// Words for processors.
const ARCHITECTURES: [&str; 24] = [
    "386", "aarch64", "amd64", "arm", "arm32v5", "arm32v6", "arm32v7", "arm64", "arm64v8", "armel", "armhf", "armv6",
    "armv7", "armv8", "i386", "i686", "loong64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x", "x64", "x86",
];

/// Words that begin what somebody tries out.
const TRIALS: [&str; 20] = [
    "branch",
    "buildcache",
    "cache",
    "ci",
    "dependabot",
    "draft",
    "experiment",
    "feat",
    "feature",
    "fix",
    "hotfix",
    "merge",
    "mr",
    "pr",
    "pull",
    "renovate",
    "temp",
    "test",
    "tmp",
    "wip",
];

/// Words after which a number counts builds or packagings of one version.
const REVISIONS: [&str; 18] = [
    "b", "build", "cu", "eksbuild", "ga", "k3s", "ls", "p", "patch", "pkg", "pl", "post", "r", "rev", "revision",
    "rke2r", "sp", "update",
];

/// Words for the final release, which say no more than their absence.
const FINALS: [&str; 4] = ["final", "ga", "release", "stable"];

fn is_among(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

pub(super) fn is_codename(word: &str) -> bool {
    is_among(word, &CODENAMES)
}

pub(super) fn is_architecture(word: &str) -> bool {
    is_among(word, &ARCHITECTURES)
}

pub(super) fn is_trial(word: &str) -> bool {
    is_among(word, &TRIALS)
}

pub(super) fn is_revision(word: &str) -> bool {
    is_among(word, &REVISIONS)
}

pub(super) fn is_final(word: &str) -> bool {
    is_among(word, &FINALS)
}
