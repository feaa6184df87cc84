use super::{Random, whole, yaml};
use crate::marked::{Marked, Role};

pub(super) fn write(file: &mut Marked, random: &mut Random) {
    for group in 1..=2 + random.below(4) {
        yaml::noise(file, random, 0, &format!("noise{group}"));
        match random.below(7) {
            0 => {
                file.push(&format!("part{group}:\n  image: \""));
                whole(file, random);
                file.push("\"\n");
            }
            1 => flow(file, random, group),
            2 => {
                let (name, tag) = (random.name(), random.tag());
                file.push(&format!("part{group}:\n    image:"));
                yaml::value(file, random, 4, Role::Name, group, &name);
                file.push(random.pick(&["    tag:", "    imageTag:"]));
                yaml::value(file, random, 4, Role::Tag, group, &tag);
            }
            _ => block(file, random, group),
        }
    }
    yaml::noise(file, random, 0, "last");
}

fn flow(file: &mut Marked, random: &mut Random, group: usize) {
    let (word, tag) = (random.word(), random.tag());
    file.push(&format!("part{group}: {{image: {{registry:"));
    yaml::flow_value(file, random, Role::Registry, group, "registry.example");
    file.push(", repository:");
    yaml::flow_value(file, random, Role::Name, group, &word);
    file.push(", tag:");
    yaml::flow_value(file, random, Role::Tag, group, &tag);
    file.push("}, x: 1}\n");
}

/// A mapping of parts in any order, some of them empty.
fn block(file: &mut Marked, random: &mut Random, group: usize) {
    let has_registry = random.one_in(2);
    let mut parts = vec![(random.pick(&["repository", "name"]), Role::Name), ("tag", Role::Tag)];
    if has_registry {
        parts.push(("registry", Role::Registry));
    }
    match random.below(4) {
        0 => parts.push(("digest", Role::Digest)),
        1 => parts.push(("sha", Role::Hex)),
        _ => {}
    }
    for index in 0..parts.len() {
        let other = random.below(parts.len());
        parts.swap(index, other);
    }
    file.push(&format!("part{group}:\n  {}:\n", random.pick(&["image", "sidecarImage", "\"image\""])));
    for (key, role) in parts {
        let text = match role {
            Role::Registry => random.pick(&["registry.example", "quay.io", "docker.io"]).to_owned(),
            Role::Name => format!("{}{}", random.pick(&["", "org/"]), random.word()),
            Role::Tag if random.one_in(5) => String::new(),
            Role::Tag => random.tag(),
            Role::Digest if random.one_in(2) => random.digest(),
            Role::Hex if random.one_in(2) => format!("a{}", &random.hex()[1..]),
            _ => String::new(),
        };
        yaml::noise(file, random, 4, &format!("in-{key}"));
        file.push(&format!("    {key}:"));
        if text.is_empty() && random.one_in(2) {
            // The value of the key is nothing.
            file.mark(role, group, "");
            file.push(random.pick(&["\n", "  # none\n"]));
        } else {
            yaml::value(file, random, 4, role, group, &text);
        }
    }
    file.push("    pullPolicy: Always\n");
}
