//! What is typed for every command. `{r}` is the registry, `{m}` something of this run's own.

/// What is typed for a command: the last is the one that counts, and what comes before makes what it needs.
pub(super) struct Line {
    /// The command, as `--help` has it.
    pub(super) command: &'static str,
    /// What is typed, one after the other.
    pub(super) typed: &'static [&'static str],
    /// Whether a registry is asked.
    pub(super) asks: bool,
}

const fn asks(command: &'static str, typed: &'static [&'static str]) -> Line {
    Line { command, typed, asks: true }
}

const fn local(command: &'static str, typed: &'static [&'static str]) -> Line {
    Line { command, typed, asks: false }
}

const BISECT: &str = "bisect start --over tags --good {r}/team/web:1.0.0 --bad {r}/team/web:1.3.0";
const IMPORT: &str = "serve import app --as imported --config serve.toml";
const PUSH: &str = "push oci:app:1.0 {r}/team/own-{m}:1";

pub(super) const LINES: &[Line] = &[
    asks("init", &["-C fresh init --name other --from compose.yaml"]),
    asks("add", &["add {r}/team/api@^1"]),
    local("remove", &["remove web"]),
    local("hold", &["hold web"]),
    local("unhold", &["hold web", "unhold web"]),
    asks("lock", &["lock"]),
    local("lock merge", &["lock merge old.lock Supercargo.lock old.lock"]),
    asks("update", &["update"]),
    asks("outdated", &["outdated"]),
    asks("outdated", &["outdated --bases"]),
    asks("tree", &["tree --artifacts"]),
    local("why", &["why web"]),
    asks("candidates", &["candidates web"]),
    asks("diff", &["diff {r}/team/web:1.0.0 {r}/team/web:1.1.0"]),
    local("diff", &["diff HEAD~1"]),
    asks("history", &["inspect {r}/team/web:1.0.0", "history {r}/team/web:1.0.0"]),
    asks("bisect start", &[BISECT]),
    asks("bisect good", &[BISECT, "bisect good 1.1.0"]),
    asks("bisect bad", &[BISECT, "bisect bad 1.2.0"]),
    asks("bisect skip", &[BISECT, "bisect skip 1.1.0"]),
    asks("bisect log", &[BISECT, "bisect log"]),
    asks("bisect reset", &[BISECT, "bisect reset"]),
    asks(
        "bisect run",
        &["bisect run --over tags --good {r}/team/web:1.0.0 --bad {r}/team/web:1.3.0 --trust-ends -- ./child {image}"],
    ),
    asks("rewrite", &["rewrite"]),
    local("export", &["export --as imgpkg"]),
    asks("verify", &["verify"]),
    asks("publish", &["publish {r}/team/shop-{m}:1"]),
    asks("install", &["publish {r}/team/shop-{m}:1", "install {r}/team/shop-{m}:1 --to installed"]),
    asks("copy", &["copy oci:app:1.0 {r}/team/app-{m}:1"]),
    asks("copy", &["copy {r}/team/web:1.0.0 oci:out:1"]),
    asks("copy", &["copy --all-tags {r}/team/web {r}/team/web-{m}"]),
    asks("copy", &["copy {r}/moved-{m}/"]),
    asks("save", &["save shop.tar"]),
    asks("load", &["save shop.tar oci:app:1.0", "load shop.tar {r}/loaded-{m}/"]),
    asks("vendor", &["vendor"]),
    asks("mirror", &["mirror mirror.toml"]),
    asks("inspect", &["inspect {r}/team/web:1.0.0"]),
    asks("inspect", &["inspect --raw {r}/team/web:1.0.0"]),
    asks("lineage", &["lineage {r}/team/web:1.0.0"]),
    asks("tags", &["tags {r}/team/web --explain"]),
    asks("artifacts", &["artifacts {r}/team/web:1.0.0"]),
    asks("pull", &["pull {r}/team/web:1.0.0"]),
    asks("push", &[PUSH]),
    asks("push", &["push report.md {r}/team/report-{m}:1 --type application/vnd.example.report"]),
    asks("attach", &[PUSH, "attach {r}/team/own-{m}:1 --type application/vnd.example.report report.md"]),
    asks("tag", &[PUSH, "tag {r}/team/own-{m}:1 2"]),
    asks("delete", &[PUSH, "delete {r}/team/own-{m}:1"]),
    asks("mark", &[PUSH, "mark {r}/team/own-{m}:1 --yanked --reason wrong"]),
    asks("gc plan", &[PUSH, "gc plan {r}/team/own-{m} --delete-tag *"]),
    asks("gc apply", &[PUSH, "gc apply {r}/team/own-{m} --delete-tag *"]),
    local("store size", &["store size"]),
    local("store prune", &["store prune"]),
    local("store verify", &["store verify"]),
    local("serve", &["serve --config serve.toml --check"]),
    local("serve import", &[IMPORT]),
    local("serve reindex", &[IMPORT, "serve reindex --replace --config serve.toml"]),
    local("serve scrub", &[IMPORT, "serve scrub --config serve.toml"]),
    local("serve audit", &[IMPORT, "serve audit --config serve.toml"]),
    local("serve retention", &[IMPORT, "serve retention --config serve.toml"]),
    local("serve key", &["serve key --id deploy --user ci"]),
    asks("serve hold add", &[PUSH, "serve hold add {r}/team/own-{m}:1 --reason kept"]),
    asks(
        "serve hold list",
        &[PUSH, "serve hold add {r}/team/own-{m}:1 --reason kept", "serve hold list {r}/team/own-{m}:1"],
    ),
    asks(
        "serve hold remove",
        &[PUSH, "serve hold add {r}/team/own-{m}:1 --reason kept", "serve hold remove {r}/team/own-{m}:1"],
    ),
    asks("login", &["login {r} --username captain --password-stdin"]),
    asks("logout", &["login {r} --username captain --password-stdin", "logout {r}"]),
    asks("auth explain", &["auth explain {r}/team/web"]),
    asks("doctor", &["doctor {r}/team/web:1.0.0"]),
    asks("doctor", &[PUSH, "doctor {r}/team/own-{m} --write"]),
    local("tour", &["tour"]),
    local("completions", &["completions bash"]),
    local("man", &["man lock merge"]),
    local("man", &["man --all manual"]),
];
