//! Every field that the JSON of a command has is in the book.

use std::collections::BTreeSet;

use serde_json::Value;

use super::page::{Page, page, rows, unquoted};
use crate::desk::{Desk, document};
use crate::releases::{publish, release};
use crate::server::Server;

/// Fields whose own fields have the names that somebody else gave them.
const FREE: [&str; 1] = ["annotations"];

/// Adds the paths of the fields of a document: `images[].name`.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                found.insert(path.clone());
                if !FREE.contains(&name.as_str()) {
                    paths(value, &path, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths(item, &format!("{path}[]"), found)),
        _ => {}
    }
}

/// Tells whether a section has a row for a field, or one for a field above it that links to the shape of its value.
fn is_told(page: &Page, heading: &str, path: &str) -> bool {
    let own = rows(&page.section(heading));
    let row_of = |path: &str| own.iter().find(|row| row[0].split(", ").any(|cell| unquoted(cell) == Some(path)));
    if row_of(path).is_some() {
        return true;
    }
    path.match_indices('.').any(|(dot, _)| {
        let shape = row_of(path[..dot].trim_end_matches("[]")).and_then(|row| linked(&row[1]));
        shape.is_some_and(|shape| is_told(page, &format!("### {shape}"), &path[dot + 1..]))
    })
}

/// Returns the heading that a cell links to.
fn linked(cell: &str) -> Option<String> {
    let (name, _) = cell.split_once('[')?.1.split_once("](#")?;
    Some(name[..1].to_uppercase() + &name[1..])
}

/// Returns the heading of a document: its own, or that of the one which it is like.
fn heading_of(page: &Page, schema: &str) -> String {
    let own = format!("## `{schema}`");
    let mut heading = "";
    for line in page.prose() {
        let is_like = line.starts_with("Also `") && line.split('`').any(|word| word == schema);
        if line == own || is_like && !page.prose().any(|line| line == own) {
            return if is_like { heading.to_owned() } else { own };
        }
        if line.starts_with("## ") {
            heading = line;
        }
    }
    panic!("json.md does not name {schema}")
}

#[test]
fn every_field_of_every_document_is_in_the_book() {
    let (desk, _application) = Desk::with_application();
    let server = Server::new();
    publish(&desk, &server, "web", &[release("2026-01-10", &["1.0.0"]), release("2026-02-10", &["1.1.0", "latest"])]);
    publish(&desk, &server, "api", &[release("2026-01-10", &["1.0.0"]), release("2026-02-11", &["1.1.0"])]);
    desk.write("report.md", "# report\n");
    let (web, api) = (server.at("web"), server.at("api"));
    let mut documents: Vec<Value> = vec![desk.json(&["init", "--name", "shop", "--dry-run"])];
    desk.ok(&["init", "--name", "shop"]);
    let project = format!(
        "[images]\nweb = {{ repo = \"{web}\", version = \"^1\" }}\napi = {{ repo = \"{api}\", follows = \"web\" }}\n\n\
         [[targets]]\nkind = \"compose\"\npaths = [\"compose.yaml\"]\n"
    );
    desk.write("Supercargo.toml", &project);
    let (first, last) = (format!("{web}:1.0.0"), format!("{web}:1.1.0"));
    let marked = format!("{web}:1.0.0");
    let shop = server.at("shop");
    desk.ok(&["lock", "--as-of", "2026-01-31"]);
    std::fs::copy(desk.path("Supercargo.lock"), desk.path("old.lock")).unwrap();
    let (report, logs, application) = (server.at("report:1"), server.at("logs:web"), server.at("application:1"));
    let compose = format!("services:\n  web:\n    image: {web}:1.1.0\n  other:\n    image: ${{OTHER}}\n");
    std::fs::create_dir(desk.path("found")).unwrap();
    for file in ["compose.yaml", "found/compose.yaml"] {
        desk.write(file, &compose);
    }
    let mirrored = |tags: &str| format!("[[mirror]]\nfrom = \"{web}\"\nto = \"oci:mirrored\"\ntags = [\"{tags}\"]\n");
    desk.write("mirror.toml", &mirrored("*"));
    desk.write("smaller.toml", &mirrored("latest"));
    let layout = "oci:app:1.0";
    let commands: Vec<Vec<&str>> = vec![
        vec![
            "mark",
            &marked,
            "--yanked",
            "--eol",
            "2026-03-01",
            "--superseded-by",
            "registry.example/web:2",
            "--reason",
            "wrong",
        ],
        vec!["outdated"],
        vec!["update"],
        vec!["lock"],
        vec!["diff", "old.lock"],
        vec!["tree"],
        vec!["why", "api"],
        vec!["candidates", "web"],
        vec!["history", &web],
        vec!["history", &web, "--export", &logs],
        vec!["bisect", "start", "--over", "tags", "--good", &first, "--bad", &last],
        vec!["bisect", "log"],
        vec!["bisect", "reset"],
        vec!["bisect", "run", "--over", "tags", "--good", &first, "--bad", &last, "--trust-ends", "--", "/bin/true"],
        vec!["tags", &web, "--explain"],
        vec!["inspect", &marked],
        vec!["lineage", &marked],
        vec!["outdated", "--bases"],
        vec!["artifacts", layout],
        vec!["copy", layout, &shop],
        vec!["copy", layout, "oci:elsewhere:1.0", "--dry-run"],
        vec!["push", "report.md", &report, "--type", "application/vnd.example.report"],
        vec!["pull", &report, "--output", "reports"],
        vec!["attach", &marked, "--type", "application/vnd.example.report", "report.md"],
        vec!["tag", &marked, "old"],
        vec!["delete", &marked, "--dry-run"],
        vec!["rewrite"],
        vec!["rewrite", "--undo"],
        vec!["export", "--as", "imgpkg"],
        vec!["verify"],
        vec!["copy", "oci:moved"],
        vec!["vendor"],
        vec!["save", "shop.tar"],
        vec!["load", "shop.tar", "oci:loaded"],
        vec!["publish", &application],
        vec!["install", &application, "--to", "installed"],
        vec!["mirror", "mirror.toml"],
        vec!["mirror", "smaller.toml", "--state", "mirror.toml.state"],
        vec!["-C", "found", "init", "--from", "compose.yaml"],
        vec!["gc", "plan", "oci:app", "--delete-tag", "*"],
        vec!["gc", "apply", "oci:app", "--delete-tag", "*", "--dry-run"],
        vec!["store", "size"],
        vec!["store", "prune"],
        vec!["store", "verify"],
        vec!["serve", "--check"],
        vec!["serve", "import", "app", "--as", "imported"],
        vec!["serve", "retention"],
        vec!["serve", "hold", "add", &last, "--reason", "kept"],
        vec!["serve", "hold", "list", &last],
        vec!["serve", "scrub"],
        vec!["serve", "reindex", "--replace"],
        vec!["serve", "key", "--id", "deploy", "--user", "ci"],
        vec!["man", "--all", "manual"],
        vec!["tour"],
    ];
    // The option stands first: what follows `--` is somebody else's.
    documents
        .extend(commands.iter().map(|command| document(&desk.ok(&[&["--format", "json"], &command[..]].concat()))));
    let page = page("json.md");
    let mut missing = Vec::new();
    for document in &documents {
        let schema = document["schema"].as_str().unwrap();
        let heading = heading_of(&page, schema);
        let mut found = BTreeSet::new();
        paths(document, "", &mut found);
        missing.extend(
            found
                .iter()
                .filter(|path| *path != "schema" && !is_told(&page, &heading, path))
                .map(|path| format!("{schema}: {path}")),
        );
    }
    missing.sort();
    missing.dedup();
    assert!(missing.is_empty(), "fields that json.md does not name:\n{}", missing.join("\n"));
}
