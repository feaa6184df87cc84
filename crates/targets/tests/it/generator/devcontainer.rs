use super::{Random, whole};
use crate::marked::{Marked, Role};

pub(super) fn write(file: &mut Marked, random: &mut Random) {
    let indent = random.pick(&["\t", "  ", "    "]);
    file.push(random.pick(&["", "// \"image\": \"comment:1\"\n", "/* {\n*/\n"]));
    file.push(&format!("{{\n{indent}\"name\": \"a \\\"name\\\" // 🚀 \\u00fc\",\n"));
    if random.below(4) > 0 {
        file.push(&format!("{indent}\"image\"{}", random.pick(&[": \"", ":\"", " :\t\""])));
        whole(file, random);
        file.push(random.pick(&["\",\n", "\" ,\n", "\", // why\n", "\" /* , */ ,\n"]));
    }
    file.push(&format!("{indent}\"features\": {{\n"));
    for feature in 0..=random.below(4) {
        let name = format!(
            "{}features/f{feature}",
            random.pick(&["ghcr.io/devcontainers/", "registry.example/", "localhost:5000/"])
        );
        let reference = match random.below(3) {
            0 => format!("{name}@{}", random.digest()),
            _ => format!("{name}:{}", random.tag()),
        };
        file.push(&format!("{indent}{indent}\""));
        file.mark(Role::Whole, 0, &reference);
        file.push(random.pick(&["\": {},\n", "\": { \"version\": \"1:2\" }, // ,\n", "\":\"latest\",\n"]));
    }
    file.push(&format!("{indent}{indent}\"./local\": {{}}"));
    file.push(random.pick(&["\n", ",\n"]));
    file.push(&format!("{indent}}},\n{indent}\"build\": {{ \"args\": {{ \"IMAGE\": \"nginx:1\" }} }}"));
    file.push(random.pick(&["\n}\n", ",\n}\n", " /* end */\n}\n"]));
}
