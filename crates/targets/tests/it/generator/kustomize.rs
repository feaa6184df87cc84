use super::{Random, yaml};
use crate::marked::{Marked, Role};

pub(super) fn write(file: &mut Marked, random: &mut Random) {
    file.push("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n");
    yaml::noise(file, random, 0, "before");
    file.push("images:");
    yaml::end(file, random);
    let indent = random.pick(&[0, 2, 4]);
    let pad = " ".repeat(indent);
    for group in 1..=1 + random.below(4) {
        let (name, new_name, tag, digest) = (random.name(), random.name(), random.tag(), random.digest());
        if random.one_in(5) {
            file.push(&format!("{pad}- {{name: {name}, newName:"));
            yaml::flow_value(file, random, Role::Name, group, &new_name);
            file.push(", newTag:");
            yaml::flow_value(file, random, Role::Tag, group, &tag);
            file.push("}\n");
            continue;
        }
        file.push(&format!("{pad}- name: {name}"));
        yaml::end(file, random);
        if random.one_in(2) {
            file.push(&format!("{pad}  newName:"));
            yaml::value(file, random, indent + 2, Role::Name, group, &new_name);
        }
        let has_digest = random.one_in(4);
        if has_digest {
            file.push(&format!("{pad}  digest:"));
            let digest = if random.one_in(3) { "" } else { &digest };
            yaml::value(file, random, indent + 2, Role::Digest, group, digest);
        }
        file.push(&format!("{pad}  newTag:"));
        let tag = if has_digest || random.one_in(2) { tag } else { format!("{tag}@{digest}") };
        yaml::value(file, random, indent + 2, Role::Tag, group, &tag);
        yaml::noise(file, random, indent + 2, "inside");
    }
    yaml::noise(file, random, 0, "after");
}
