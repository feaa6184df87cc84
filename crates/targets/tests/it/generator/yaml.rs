//! What all YAML has: scalars in every style, comments, and values that only look like references.

use super::Random;
use crate::marked::{Marked, Role};

/// Writes ` VALUE` in any style, and the end of the line. `indent` is that of the key.
pub(super) fn value(file: &mut Marked, random: &mut Random, indent: usize, role: Role, group: usize, text: &str) {
    let deeper = " ".repeat(indent + 1 + random.below(4));
    match random.below(8) {
        0 | 1 => {
            file.push(random.pick(&[" \"", "\t\"", "   \""]));
            file.mark(role, group, text);
            file.push("\"");
        }
        2 => {
            file.push(" '");
            file.mark(role, group, text);
            file.push("'");
        }
        3 if !text.is_empty() => {
            file.push(&format!(" {}\n{deeper}", random.pick(&[">-", "|-"])));
            file.mark(role, group, text);
            // Comments after it would be part of it.
            file.push("\n");
            return;
        }
        4 if !text.is_empty() => {
            file.push(&format!("\n{deeper}"));
            file.mark(role, group, text);
        }
        _ if text.is_empty() => {
            file.push(" \"");
            file.mark(role, group, text);
            file.push("\"");
        }
        _ => {
            file.push(random.pick(&[" ", "\t", "    ", " !!str "]));
            file.mark(role, group, text);
        }
    }
    end(file, random);
}

/// Writes a reference in one piece in any style.
pub(super) fn whole(file: &mut Marked, random: &mut Random, indent: usize) {
    let reference = random.reference();
    value(file, random, indent, Role::Whole, 0, &reference);
}

/// Writes a reference in one piece in a style that a flow mapping can have.
pub(super) fn flow_whole(file: &mut Marked, random: &mut Random) {
    let reference = random.reference();
    flow_value(file, random, Role::Whole, 0, &reference);
}

/// Writes ` VALUE` in a style that a flow mapping can have.
pub(super) fn flow_value(file: &mut Marked, random: &mut Random, role: Role, group: usize, text: &str) {
    let quote = if text.is_empty() { "\"" } else { random.pick(&["", "\"", "'"]) };
    file.push(&format!(" {quote}"));
    file.mark(role, group, text);
    file.push(quote);
    file.push(random.pick(&["", " "]));
}

/// Writes the end of a line.
pub(super) fn end(file: &mut Marked, random: &mut Random) {
    file.push(random.pick(&["\n", "\n", "\n", "  \n", "\t\n", " # image: comment:1\n", "\t# ünïcödé 🚀\n"]));
}

/// Writes lines that are no references, at this depth of a mapping. `key` is one that is not there yet.
pub(super) fn noise(file: &mut Marked, random: &mut Random, indent: usize, key: &str) {
    let pad = " ".repeat(indent);
    for line in 0..random.below(4) {
        let key = format!("{key}-{line}");
        match random.below(9) {
            0 => file.push(&format!("{pad}# image: comment:1\n")),
            1 => file.push("\n"),
            2 => file.push(&format!("{pad}{key}: |\n{pad}  image: block:1\n\n{pad}   containers: [{{image: x}}]\n")),
            3 => file.push(&format!("{pad}{key}: >-\n{pad}    image: folded:1\n")),
            4 => file.push(&format!("{pad}\"{key} 日本 🚀\": \"image: \\\"x:1\\\" # no comment\"\n")),
            5 => file.push(&format!("{pad}{key}: 'it''s image: x:1'\n")),
            6 => file.push(&format!("{pad}{key}: {{a: [1, \"b: c\", {{d: e}}], 'f': ~}}\n")),
            7 => file.push(&format!("{pad}{key}:\t&anchor{indent}\n{pad}  - plain text\n{pad}     over lines:1\n")),
            _ => file.push(&format!("{pad}{key}: nginx:1.27   \n")),
        }
    }
}
