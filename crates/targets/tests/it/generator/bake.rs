use super::{Random, whole};
use crate::marked::Marked;

pub(super) fn write(file: &mut Marked, random: &mut Random) {
    if random.one_in(4) {
        return json(file, random);
    }
    let variable = random.one_in(2);
    if variable {
        file.push("variable \"BASE\" {\n  description = \"a } brace\"\n  default = \"");
        whole(file, random);
        file.push("\"\n}\n");
    }
    for target in 0..=random.below(3) {
        noise(file, random);
        file.push(&format!("target \"t{target}\" {{\n  dockerfile = \"Dockerfile\"\n"));
        noise(file, random);
        file.push("  contexts = {");
        file.push(random.pick(&["\n", " # docker-image://x:1\n", "\n\n"]));
        for context in 0..=random.below(3) {
            let key = random.pick(&["a", "d-e", "b_c"]);
            let quote = random.pick(&["", "\""]);
            let key = format!("{quote}{key}{context}{quote}");
            let sign = random.pick(&[" = ", "=", ": "]);
            let end = random.pick(&["\n", ",\n", " # why\n", ", // why\n"]);
            match random.below(5) {
                // A variable that no context is would be no place.
                choice if variable && (choice == 1 || (target, context) == (0, 0)) => {
                    file.push(&format!("    {key}{sign}\"docker-image://${{BASE}}\"{end}"));
                }
                0 => file.push(
                    &format!("    {key}{context}x{sign}\"./dir\"{end}")
                        .replace("\"0x", "0x\"")
                        .replace("\"1x", "1x\"")
                        .replace("\"2x", "2x\""),
                ),
                2 => {
                    file.push(&format!("    {key}{sign}X == \"docker-image\" ? \"docker-image://"));
                    whole(file, random);
                    file.push(&format!("\" : \"./dir\"{end}"));
                }
                _ => {
                    file.push(&format!("    {key}{sign}\"docker-image://"));
                    whole(file, random);
                    file.push(&format!("\"{end}"));
                }
            }
        }
        file.push("  }\n");
        file.push(&format!("  tags = [\"registry.example/out:${{TAG}}\", \"docker-image://out:{target}\"]\n}}\n"));
    }
}

fn noise(file: &mut Marked, random: &mut Random) {
    match random.below(7) {
        0 => file.push("# contexts = { a = \"docker-image://comment:1\" }\n"),
        1 => file.push("/* \"docker-image://comment:2\"\n ünïcödé 🚀 */\n"),
        2 => file.push("inline = <<EOT\nFROM \"docker-image://heredoc:1\n}}}\nEOT\n"),
        3 => file.push("labels = { \"a\" = \"${upper(\"docker-image://x:1\")} \\\" }\" }\n"),
        4 => file.push("\n\t\n"),
        _ => {}
    }
}

fn json(file: &mut Marked, random: &mut Random) {
    let newline = random.pick(&["\n\t", "", "\n    ", " "]);
    file.push(&format!("{{{newline}\"target\": {{{newline}\"app\": {{{newline}\"contexts\": {{"));
    for context in 0..=random.below(4) {
        if context > 0 {
            file.push(&format!(",{newline}"));
        }
        file.push(&format!("\"c{context}\":{newline}\"docker-image://"));
        whole(file, random);
        file.push("\"");
    }
    file.push(&format!("}},{newline}\"tags\": [\"docker-image://x:1\", \"🚀 \\\" {{\"], \"x\": null }} }} }}\n"));
}
