//! Every command that speaks to a registry, at one registry.

use e2e::Program;
use serde_json::Value;

use super::{READ, Results, World};

/// A project with one image, at `{host}`.
const PROJECT: &str = r#"
[project]
name = "shop"
version = "1.0.0"
platforms = ["linux/amd64"]

[images]
app = { repo = "{host}/team/app", version = "^1" }
"#;

/// A mirror of a few tags, at `{host}`.
const MIRROR: &str = r#"
[[mirror]]
from = "{host}/team/app"
to = "{host}/mirrored/"
version = "^1"
"#;

/// A command: what it is called here, and what is typed. `{r}` is the repository that is read, `{w}` one that is written.
const COMMANDS: &[(&str, &str)] = &[
    ("inspect", "inspect {r}:1.0"),
    ("inspect-raw", "inspect --raw {r}:1.0"),
    ("tags", "tags {r}"),
    ("artifacts", "artifacts {r}:1.0"),
    ("artifacts-type", "artifacts {r}:1.0 --type application/spdx+json"),
    ("lineage", "lineage {r}:1.0"),
    ("diff", "diff {r}:1.0 {r}:docker"),
    ("history", "history {r}:1.0"),
    ("pull", "pull {r}:1.0"),
    ("absent", "inspect {r}:nothing"),
    ("absent-repository", "inspect {host}/team/absent:1"),
    ("copy-from", "copy {r}:1.0 oci:out:1.0"),
    ("copy-all", "copy --all-tags {r} oci:all"),
    ("copy-to", "copy oci:out:1.0 {host}/team/copied:1.0"),
    ("copy-within", "copy {r}:docker {host}/team/within:docker"),
    ("tags-explained", "tags {r} --explain"),
    ("tags-prefix", "tags {r} --prefix 1."),
    ("save", "save one.tar {r}:1.0"),
    ("load", "load one.tar {host}/loaded/"),
    ("lock", "lock"),
    ("candidates", "candidates app"),
    ("add", "add {r}@<=1.0 --as older"),
    ("update", "update --dry-run"),
    ("copy-project", "copy {host}/moved/"),
    ("save-project", "save shop.tar"),
    ("vendor", "vendor"),
    ("remove", "remove older"),
    ("outdated", "outdated"),
    ("verify", "verify"),
    ("tree", "tree --artifacts"),
    ("gc-plan", "gc plan {r} --delete-tag 0.9"),
    ("push", "push note.txt {w}:1 --type application/vnd.example.note"),
    ("attach", "attach {w}:1 --type application/vnd.example.report note.txt"),
    ("attached", "artifacts {w}:1"),
    ("tag", "tag {w}:1 2"),
    ("mark", "mark {w}:1 --deprecated --reason old"),
    ("publish", "publish {host}/team/shop:1"),
    ("install", "install {host}/team/shop:1 --to installed"),
    ("mirror", "mirror mirror.toml"),
    ("gc-apply", "gc apply {host}/team/copied --delete-tag 1.0"),
    ("delete-tag", "delete {w}:2"),
    ("delete", "delete {w}:1"),
    ("deleted", "inspect {w}:1"),
];

/// Commands of which the answer is that something is not there.
const ABSENT: &[&str] = &["absent", "absent-repository", "deleted"];

/// Commands of which the result names the lock, and so the registry, by a digest.
const OF_THE_LOCK: &[&str] = &["save-project", "vendor"];

/// Runs every command, and returns what each brought. Those in `fails` end with that exit code and say that; what needs them does
/// not work either, and says why.
pub(super) fn run_all(program: &Program, world: &World, fails: &[(&str, i32, &str)]) -> (Results, Vec<String>) {
    let home = program.home();
    write(&home.join("note.txt"), "a note\n");
    write(&home.join("Supercargo.toml"), &PROJECT.replace("{host}", &world.host));
    write(&home.join("mirror.toml"), &MIRROR.replace("{host}", &world.host));
    let (mut results, mut wrong) = (Results::new(), Vec::new());
    for &(label, typed) in COMMANDS {
        let typed = typed.replace("{r}", &format!("{}/{READ}", world.host));
        let typed = typed.replace("{w}", &format!("{}/team/own", world.host)).replace("{host}", &world.host);
        let mut arguments: Vec<&str> = typed.split(' ').collect();
        arguments.extend(["--format", "json"]);
        let outcome = program.run(&arguments);
        let (code, says) = match fails.iter().find(|(failing, ..)| *failing == label) {
            Some(&(_, code, says)) => (code, says),
            None if ABSENT.contains(&label) => (9, "error: "),
            None => (0, ""),
        };
        if outcome.code != Some(code) || !outcome.stderr.contains(says) || outcome.stderr.contains("panicked") {
            wrong.push(format!("expected {code} and `{says}`: {outcome}"));
        } else if code == 0 && !OF_THE_LOCK.contains(&label) {
            outcome.assert_printable();
            let document = serde_json::from_str(&outcome.stdout.replace(&world.host, "HOST"));
            results.insert(label, steady(document.unwrap()));
        }
    }
    (results, wrong)
}

/// Removes what differs from run to run: how much was moved depends on how.
fn steady(document: Value) -> Value {
    match document {
        Value::Object(fields) => {
            let steady_fields = fields.into_iter().filter(|(name, _)| !VARYING.contains(&name.as_str()));
            Value::Object(steady_fields.map(|(name, value)| (name, steady(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(steady).collect()),
        other => other,
    }
}

/// Fields that say how and not what, or hold what the name of the registry is a part of.
const VARYING: &[&str] = &["at", "blobs", "manifests_put", "index", "artifact", "reference", "destination"];

fn write(path: &std::path::Path, text: &str) {
    e2e::sound::write(path, text);
}
