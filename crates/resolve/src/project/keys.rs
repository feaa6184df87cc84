//! What may stand where in a project's file and in a mirror's.

use crate::document::{Key, Shape, in_place_of_all, key, required};

pub(super) const PRERELEASE: &[&str] = &["never", "if-necessary", "allow"];
pub(super) const MOVED_TAGS: &[&str] = &["error", "warn", "follow"];
pub(super) const MARKED: &[&str] = &["deny", "warn", "allow"];
pub(super) const MIRROR_USES: &[&str] = &["all", "digest-only", "tag-only"];
pub(super) const WRITE: &[&str] = &["tag", "digest", "tag@digest"];
pub(super) const KINDS: &[&str] =
    &["kubernetes", "compose", "helm-values", "kustomize", "dockerfile", "bake", "devcontainer"];

pub(super) static ROOT: &[Key] = &[
    key("project", Shape::Table(PROJECT), "The application that the images make up."),
    key("workspace", Shape::Table(WORKSPACE), "Several projects with one lock; only in the file of their root."),
    key("registries", Shape::Map(REGISTRY), "Short names for registries, with which a `repo` may begin."),
    key("policy", Shape::Table(POLICY), "What is asked of all images."),
    key("images", Shape::Map(IMAGE), "The images by the names that the project gives them."),
    key("edges", Shape::List(EDGE), "What images need of each other, where their publishers do not say."),
    key("targets", Shape::List(TARGET), "Files into which `rewrite` puts the locked references."),
];

const PROJECT: &[Key] = &[
    key("name", Shape::Text, "What the application is called."),
    key("version", Shape::Text, "The application's version."),
    key("license", Shape::Text, "The licence, as an SPDX expression."),
    key("supplier", Shape::Text, "Who supplies the application."),
    key("source", Shape::Text, "Where its source is."),
    key(
        "platforms",
        Shape::Texts,
        "Platforms that every image must be there for. Without it: whatever each is there for.",
    ),
    key("vendor", Shape::Text, "The directory that `vendor` fills and the others read first; `vendor`."),
];

const WORKSPACE: &[Key] = &[
    required(
        "members",
        Shape::Texts,
        "Patterns of directories below this one: `apps/*`. Those that hold a Supercargo.toml are members.",
    ),
    key("exclude", Shape::Texts, "Patterns of directories that are no members, nor anything below them."),
];

/// The key of an image that is declared elsewhere.
pub(super) const TAKEN: &str = "workspace";

const REGISTRY: &[Key] = &[
    required("host", Shape::Text, "The registry's host, with a port where it needs one."),
    key(
        "mirrors",
        Shape::TextsOrTables(MIRROR_PLACE),
        "Copies of the registry that are asked before it: `HOST`, or `HOST/PREFIX`; or tables with that as `host`.",
    ),
];

pub(super) const MIRROR_PLACE: &[Key] = &[
    required("host", Shape::Text, "Where the copy is: `HOST`, or `HOST/PREFIX`."),
    key(
        "by",
        Shape::Choice(MIRROR_USES),
        "What it is asked for: `digest-only` what a digest names, `tag-only` what tags name, `all` both; `all`.",
    ),
];

const POLICY: &[Key] = &[
    key(
        "prerelease",
        Shape::Choice(PRERELEASE),
        "When versions that are announced as not final are chosen; `if-necessary`.",
    ),
    key(
        "cooldown",
        Shape::Duration,
        "How long a version must have been there before it is chosen: `90m`, `12h`, `3d`, `2w`.",
    ),
    key(
        "moved-tags",
        Shape::Choice(MOVED_TAGS),
        "What to do when the tag of a locked image names something else now; `warn`.",
    ),
    key("yanked", Shape::Choice(MARKED), "What to do about versions that were withdrawn; `deny`."),
    key("eol", Shape::Choice(MARKED), "What to do about versions that are no longer supported; `warn`."),
    key("verify", Shape::List(VERIFY), "What has to be attached to an image for it to be chosen."),
];

pub(super) const VERIFY: &[Key] = &[
    key("match", Shape::Text, "The repositories: `registry.example/shop/*`; all. `*` stands for any letters."),
    required(
        "require",
        Shape::Texts,
        "What has to be there: `signature`, `sbom`, `attestation`. Only that it is there is looked at.",
    ),
];

const IMAGE: &[Key] = &[
    required("repo", Shape::Text, "The repository: `HOST/NAME`, or the short name of a registry and `/NAME`."),
    key("version", Shape::Text, "The versions that are wanted: `^1.57`, `~4.1`, `>=20260101, <20270101`; any."),
    key("tag", Shape::Text, "How tags are made: `{version}-{os}`. Without it the repository's tags show it."),
    key(
        "scheme",
        Shape::Text,
        "How versions are written and ordered: semver, dotted, pep440, debian, calver:FORMAT, int, codename:NAME, opaque; `dotted`.",
    ),
    key("axes", Shape::TextMap, "What is wanted on the other axes of `tag`: `{ os = \"bookworm\" }`."),
    key(
        "schemes",
        Shape::TextMap,
        "How the values of those axes are ordered, where it is not as their requirement looks.",
    ),
    key("variant", Shape::Text, "Without `tag`: what stands in tags beside the version, such as `alpine`."),
    key("follows", Shape::Text, "The image whose version this one always has."),
    key(
        "optional",
        Shape::Flag,
        "Whether the other images are locked without this one where it has no solution; `false`.",
    ),
    key("groups", Shape::Texts, "The groups it belongs to. Without any it is always wanted."),
    key("platforms", Shape::Texts, "Platforms that it must be there for, where they are others than the project's."),
    key("hold", Shape::Flag, "Whether it stays as it is locked; `false`."),
    key("cooldown", Shape::Duration, "As in `policy`, for this image."),
    key("prerelease", Shape::Choice(PRERELEASE), "As in `policy`, for this image."),
    in_place_of_all(
        TAKEN,
        Shape::Flag,
        "In a member: `true` takes over the image of this name from the root, instead of all other keys.",
    ),
];

const EDGE: &[Key] = &[
    required("if", Shape::Text, "The image that needs something."),
    key("version", Shape::Text, "The versions of it that do; any."),
    required("requires", Shape::TextMap, "What it needs, by image: a requirement, or `=same` for its own version."),
];

const TARGET: &[Key] = &[
    required("kind", Shape::Choice(KINDS), "What the files are."),
    required("paths", Shape::Texts, "Patterns of paths, relative to the project: `deploy/**/*.yaml`."),
    key("write", Shape::Choice(WRITE), "What is written; `tag@digest`."),
    key(
        "map",
        Shape::TextMap,
        "Which value holds which image, where the file does not show it: `{ \"web.image\" = \"web\" }`.",
    ),
    key("fields", Shape::Texts, "Kubernetes: further paths of references, in custom resources: `spec.jaeger.image`."),
];

pub(super) static MIRROR: &[Key] = &[
    key("every", Shape::Duration, "How often it is done: `30m`, `12h`, `1d`. Without it: once."),
    required("mirror", Shape::List(MIRROR_RULE), "What goes where."),
];

pub(super) static MIRROR_RULE: &[Key] = &[
    required("from", Shape::Text, "The repository: `HOST/NAME`; or what several begin with, up to a `/`."),
    key("images", Shape::Texts, "The repositories below a `from` that ends with `/`."),
    required(
        "to",
        Shape::Text,
        "Where to: a repository or a layout; or, with a `/` at its end, what they are put below under their names.",
    ),
    key("version", Shape::Text, "The versions that are wanted: `^1.57`, `~4.1`, `>=20260101`; as in a project."),
    key("tag", Shape::Text, "How tags are made: `{version}-{os}`. Without it the repository's tags show it."),
    key("scheme", Shape::Text, "How versions are written and ordered; as in a project."),
    key("axes", Shape::TextMap, "What is wanted on the other axes of `tag`: `{ os = \"bookworm\" }`."),
    key("schemes", Shape::TextMap, "How the values of those axes are ordered; as in a project."),
    key("variant", Shape::Text, "Without `tag`: what stands in tags beside the version, such as `alpine`."),
    key("prerelease", Shape::Choice(PRERELEASE), "When prereleases are wanted; `if-necessary`."),
    key("keep", Shape::Count, "How many of the versions that are wanted, the newest first; all."),
    key("tags", Shape::Texts, "Further tags: `latest`, `nightly-*`. `*` stands for any letters, `?` for one."),
    key("except", Shape::Texts, "Tags that are not wanted in any case: `*-debug`."),
    key("platforms", Shape::Texts, "The platforms to which indexes are narrowed, which gives them new digests; all."),
    key("artifacts", Shape::Flag, "Whether everything that is attached goes with the images; `true`."),
];
