//! The tables of the book are those of the code.

use std::collections::BTreeSet;

use ops::resolve::lock::Lock;
use ops::resolve::project::{Project, json_schema};
use serde_json::Value;

use super::page::{page, pages, rows, source, unquoted};
use crate::desk::Desk;

/// Returns the lines of a section of `--help`: each its first word and the rest.
fn helped(arguments: &[&str], section: &str) -> Vec<(String, String)> {
    let help = Desk::new().ok(&[arguments, &["--help"]].concat());
    let lines = help.lines().skip_while(|line| *line != section).skip(1).take_while(|line| line.starts_with("  "));
    let split = |line: &str| {
        let (name, meaning) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        (name.to_owned(), meaning.trim().to_owned())
    };
    lines.map(split).collect()
}

/// Returns every command and subcommand, as it is typed. One that only leads to others is none.
fn commands() -> Vec<String> {
    let mut commands = Vec::new();
    for (command, _) in helped(&[], "Commands:") {
        let below = helped(&[&command], "Commands:");
        if !Desk::new().ok(&[&command, "-h"]).contains(" [OPTIONS] <COMMAND>\n") {
            commands.push(command.clone());
        }
        commands.extend(below.into_iter().map(|(name, _)| format!("{command} {name}")));
    }
    commands.retain(|command| !command.ends_with(" help"));
    commands
}

#[test]
fn the_page_of_commands_has_a_row_for_each() {
    let page = page("commands.md");
    let named: Vec<String> = rows(&page.section("## All commands"))
        .iter()
        .map(|row| {
            let typed = unquoted(&row[0]).unwrap_or_else(|| panic!("{row:?}"));
            let words: Vec<&str> =
                typed.split(' ').take_while(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())).collect();
            words.join(" ")
        })
        .collect();
    let commands = commands();
    assert!(commands.len() > 20 && commands.contains(&"lock merge".to_owned()), "{commands:?}");
    assert_eq!(named.iter().collect::<BTreeSet<_>>(), commands.iter().collect());
    assert_eq!(named.len(), commands.len());
}

#[test]
fn the_readme_names_every_command() {
    let readme = std::fs::read_to_string(source().join("../../../README.md")).unwrap();
    let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `")).collect();
    for (command, _) in helped(&[], "Commands:") {
        let is_named =
            [' ', '`'].iter().any(|after| rows.iter().any(|row| row.contains(&format!("`{command}{after}"))));
        assert!(is_named, "README.md does not name {command}");
    }
}

#[test]
fn every_command_has_its_document_in_the_book() {
    // Their results are for a shell and for git.
    const WITHOUT: [&str; 2] = ["completions", "lock merge"];
    let text = page("json.md").text;
    for command in commands().iter().filter(|command| !WITHOUT.contains(&command.as_str())) {
        // Commands below one may share its document.
        let above = command.split(' ').next().unwrap_or_default();
        let schemas = [command.replace(' ', "-"), above.to_owned()].map(|name| format!("`supercargo.{name}.v1`"));
        assert!(schemas.iter().any(|schema| text.contains(schema)), "json.md does not name {}", schemas[0]);
    }
}

#[test]
fn the_exit_codes_are_those_of_the_help() {
    let shown: Vec<(String, String)> = rows(&page("exit-codes.md").section("## The codes"))
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let help = helped(&[], "Exit codes:");
    assert!(help.len() > 10);
    assert_eq!(shown, help);
}

#[test]
fn the_variables_are_those_of_the_help() {
    let shown: Vec<(String, String)> = rows(&page("files.md").section("## Environment variables"))
        .into_iter()
        .map(|row| (unquoted(&row[0]).unwrap().to_owned(), row[1].clone()))
        .collect();
    let help = helped(&[], "Environment:");
    assert!(help.len() > 10);
    assert_eq!(shown, help);
}

/// Returns the keys of a table of the schema: name, kind of value, whether it is required, meaning.
fn keys(table: &Value) -> Vec<[String; 4]> {
    // Of alternatives the first is the usual one.
    let all = table["required"].as_array().or_else(|| table["anyOf"][0]["required"].as_array());
    let required = |name: &str| all.is_some_and(|names| names.iter().any(|key| key == name));
    let properties = table["properties"].as_object().unwrap();
    let key = |(name, value): (&String, &Value)| {
        let meaning = value["description"].as_str().unwrap().to_owned();
        [name.clone(), kind(value).to_owned(), if required(name) { "yes" } else { "" }.to_owned(), meaning]
    };
    properties.iter().map(key).collect()
}

fn kind(value: &Value) -> &'static str {
    let of_texts = |of: &Value| of["type"] == "string";
    match value["type"].as_str() {
        None => "choice",
        Some("string") if value.get("pattern").is_some() => "time",
        Some("string") => "text",
        Some("boolean") => "yes or no",
        Some("integer") => "number",
        Some("array") if of_texts(&value["items"]) => "texts",
        Some("array") if value["items"]["anyOf"].is_array() => "texts or tables",
        Some("object") if of_texts(&value["additionalProperties"]) => "texts by name",
        Some(_) => "table",
    }
}

/// Returns the table that a mirror may be.
fn mirror(tables: &Value) -> &Value {
    &tables["registries"]["additionalProperties"]["properties"]["mirrors"]["items"]["anyOf"][1]
}

#[test]
fn the_manifest_reference_has_every_key() {
    let page = page("manifest.md");
    let schema = json_schema();
    let tables = &schema["properties"];
    let headings = [
        ("## `[project]`", &tables["project"]),
        ("## `[workspace]`", &tables["workspace"]),
        ("## `[registries.NAME]`", &tables["registries"]["additionalProperties"]),
        ("## `[policy]`", &tables["policy"]),
        ("## `[images]`", &tables["images"]["additionalProperties"]),
        ("## `[[edges]]`", &tables["edges"]["items"]),
        ("## `[[targets]]`", &tables["targets"]["items"]),
    ];
    assert_eq!(headings.len(), tables.as_object().unwrap().len(), "the tables of the file");
    for (heading, table) in headings.into_iter().chain([("## Mirrors of a registry", mirror(tables))]) {
        let mut shown: Vec<Vec<String>> = rows(&page.section(heading));
        for row in &mut shown {
            row[0] = unquoted(&row[0]).unwrap().to_owned();
            row[1] = row[1].split(':').next().unwrap().to_owned();
            row.remove(3);
        }
        shown.sort();
        let mut keys: Vec<Vec<String>> = keys(table).into_iter().map(Vec::from).collect();
        keys.sort();
        assert_eq!(shown, keys, "{heading}");
    }
}

#[test]
fn choices_and_defaults_are_those_of_the_code() {
    let page = page("manifest.md");
    let schema = json_schema();
    let tables = &schema["properties"];
    for (heading, table) in [
        ("## Mirrors of a registry", mirror(tables)),
        ("## `[policy]`", &tables["policy"]),
        ("## `[images]`", &tables["images"]["additionalProperties"]),
        ("## `[[targets]]`", &tables["targets"]["items"]),
    ] {
        for row in rows(&page.section(heading)).iter().filter(|row| row[1].starts_with("choice: ")) {
            let choices = table["properties"][unquoted(&row[0]).unwrap()]["enum"].as_array().unwrap();
            let choices: Vec<String> = choices.iter().map(|choice| format!("`{}`", choice.as_str().unwrap())).collect();
            assert_eq!(row[1], format!("choice: {}", choices.join(", ")), "{row:?}");
        }
    }
}

#[test]
fn the_server_reference_has_every_key() {
    let page = page("serve.md");
    let schema = ops::registry::configuration::json_schema();
    let is_table = |table: &Value| table["properties"].is_object();
    let tables = schema["properties"].as_object().unwrap().iter().filter(|(_, table)| is_table(table));
    let tables: Vec<(String, &Value)> = tables.map(|(name, table)| (format!("## `[{name}]`"), table)).collect();
    assert!(tables.len() >= 4, "{tables:?}");
    let auth = &schema["properties"]["auth"]["properties"];
    let inner = [
        ("## The file", &schema),
        ("## `[auth.tokens]`", &auth["tokens"]),
        ("## `[[auth.keys]]`", &auth["keys"]["items"]),
        ("## `[[rules]]`", &schema["properties"]["rules"]["items"]),
    ];
    let inner = inner.map(|(heading, table)| (heading.to_owned(), table));
    for (heading, table) in tables.into_iter().chain(inner) {
        let shown: BTreeSet<[String; 3]> = rows(&page.section(&heading))
            .iter()
            .map(|row| {
                let key = unquoted(&row[0]).unwrap();
                assert!(row[2].starts_with(&format!("`{key} = ")), "{row:?}");
                [key.to_owned(), row[1].split([':', ',']).next().unwrap().to_owned(), row[3].clone()]
            })
            .collect();
        let keys = keys(table).into_iter().filter(|[name, ..]| !is_table(&table["properties"][name]));
        let keys: BTreeSet<[String; 3]> = keys.map(|[name, kind, _, meaning]| [name, kind, meaning]).collect();
        assert_eq!(shown, keys, "{heading}");
    }
}

#[test]
fn whole_projects_and_locks_can_be_read() {
    let mut counts = (0, 0);
    for page in pages() {
        for block in page.blocks().iter().filter(|block| block.language == "toml") {
            let (name, line) = (&page.name, block.line);
            match block.mark.as_deref() {
                Some("whole project") => {
                    Project::parse(&block.text).unwrap_or_else(|error| {
                        panic!("{}", error.excerpt(&format!("{name}, block at line {line}"), &block.text))
                    });
                    counts.0 += 1;
                }
                Some("whole lock") => {
                    Lock::parse(&block.text).unwrap_or_else(|error| {
                        panic!("{name}:{line}: {error}\n{}", error.excerpt(&block.text).unwrap_or_default())
                    });
                    counts.1 += 1;
                }
                _ => {}
            }
        }
    }
    assert!(counts.0 >= 3 && counts.1 >= 1, "{counts:?}");
}

#[test]
fn the_page_of_quirks_has_a_row_for_each() {
    let page = page("registries.md");
    for quirk in ops::doctor::Quirk::ALL {
        let row = format!("| `{}` | {} | {} |", quirk.name(), quirk.says(), quirk.effect());
        assert!(page.text.lines().any(|line| line.starts_with(&row)), "there is no row: {row}");
    }
    let rows = page.text.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, ops::doctor::Quirk::ALL.len());
}
