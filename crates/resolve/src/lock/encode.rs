//! The text of a lock.

use std::fmt::{Display, Write as _};

use super::{LOCK_VERSION, Lock, LockedBase, LockedImage};
use crate::document::quoted;

const HEAD: &str = "# Written by supercargo; commit it, and let `supercargo lock` change it.\n";

pub(super) fn lock(lock: &Lock) -> String {
    let mut text = format!("{HEAD}lock-version = {LOCK_VERSION}\n{}", lock.unknown.keys);
    for (name, image) in &lock.images {
        end_section(&mut text);
        match &image.source {
            Some(source) => text.push_str(source),
            None => text.push_str(&entry(name, image)),
        }
    }
    if !lock.unknown.tables.is_empty() {
        end_section(&mut text);
        text.push_str(&lock.unknown.tables);
    }
    text
}

/// Writes what stands between two sections: an empty line. What was the last line of a file may have no end.
fn end_section(text: &mut String) {
    text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
}

/// Returns the text of an entry.
pub(super) fn entry(name: &str, image: &LockedImage) -> String {
    format!("[[image]]\nname = {}\n{}", quoted(name), fields(image))
}

/// Returns the text of an entry but for its name.
pub(super) fn fields(image: &LockedImage) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &dyn Display| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key} = {value}");
    };
    line("repo", &quoted(&image.repository.to_string()));
    line("version", &quoted(&image.version));
    line("tag", &quoted(image.tag.as_str()));
    if !image.track.is_empty() {
        line("track", &quoted(&image.track));
    }
    if !image.aliases.is_empty() {
        let aliases: Vec<String> = image.aliases.iter().map(|tag| quoted(tag.as_str())).collect();
        line("aliases", &format!("[{}]", aliases.join(", ")));
    }
    line("digest", &quoted(&image.digest.to_string()));
    line("kind", &quoted(image.kind.as_str()));
    if image.floating {
        line("floating", &true);
    }
    if let Some(created) = &image.created {
        line("created", &quoted(created));
    }
    if let Some(source) = image.created_from {
        line("created-from", &quoted(source.as_str()));
    }
    line("chosen", &quoted(&image.chosen));
    for (key, needs) in [("requires", &image.requires), ("declared", &image.declared), ("conflicts", &image.conflicts)]
    {
        let needs: Vec<String> = needs.iter().map(|need| quoted(need)).collect();
        if !needs.is_empty() {
            line(key, &format!("[{}]", needs.join(", ")));
        }
    }
    for platform in &image.platforms {
        let mut line = |key: &str, value: &dyn Display| {
            let _ = writeln!(text, "{key} = {value}");
        };
        line("\n[[image.platform]]\non", &quoted(&platform.on));
        line("digest", &quoted(&platform.digest.to_string()));
        if let Some(config) = &platform.config {
            line("config", &quoted(&config.to_string()));
        }
        let layers: Vec<String> = platform.layers.iter().map(|layer| format!("\n  \"{layer}\",")).collect();
        let end = if layers.is_empty() { "" } else { "\n" };
        line("layers", &format!("[{}{end}]", layers.concat()));
        line("bytes", &platform.bytes);
        if let Some(locked) = &platform.base {
            line("base", &base(locked));
        }
    }
    for artifact in &image.artifacts {
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(text, "{key} = {}", quoted(value));
        };
        line("\n[[image.artifact]]\nrole", &artifact.role);
        line("type", &artifact.artifact_type);
        line("subject", &artifact.subject.to_string());
        line("digest", &artifact.digest.to_string());
    }
    text
}

fn base(base: &LockedBase) -> String {
    let LockedBase { repository, tag, digest, layers, proof } = base;
    let tag = tag.as_ref().map(|tag| format!("tag = {}, ", quoted(tag.as_str()))).unwrap_or_default();
    let (repository, digest) = (quoted(&repository.to_string()), quoted(&digest.to_string()));
    format!("{{ repo = {repository}, {tag}digest = {digest}, layers = {layers}, proof = {} }}", quoted(proof))
}
