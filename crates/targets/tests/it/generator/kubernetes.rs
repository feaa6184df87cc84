use super::{Random, whole, yaml};
use crate::marked::Marked;

/// Where a pod's specification is, by what keeps its template.
const OWNERS: [(&str, &[&str]); 5] = [
    ("Pod", &["spec"]),
    ("Deployment", &["spec", "template", "spec"]),
    ("CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
    ("Rollout", &["spec", "template", "spec"]),
    ("PodTemplate", &["template", "spec"]),
];

pub(super) fn write(file: &mut Marked, random: &mut Random) {
    // Every tenth file is a template, which is no YAML.
    if random.one_in(10) {
        return template(file, random);
    }
    for document in 0..=random.below(3) {
        if document > 0 || random.one_in(2) {
            file.push(random.pick(&["---\n", "--- # image: x:1\n", "---\n# image: x:1\n"]));
        }
        if random.one_in(6) {
            file.push("{apiVersion: v1, kind: Pod, spec: {containers: [{image:");
            yaml::flow_whole(file, random);
            file.push(", name: a}]}}\n");
            continue;
        }
        object(file, random);
    }
}

fn object(file: &mut Marked, random: &mut Random) {
    let (kind, path) = random.pick(&OWNERS);
    let step = random.pick(&[1, 2, 4]);
    file.push(&format!("apiVersion: v1\nkind: {kind}"));
    yaml::end(file, random);
    yaml::noise(file, random, 0, "top");
    for (depth, key) in path.iter().enumerate() {
        file.push(&format!("{}{key}:\n", " ".repeat(depth * step)));
        yaml::noise(file, random, (depth + 1) * step, "inside");
    }
    let indent = path.len() * step;
    let pad = " ".repeat(indent);
    let mut anchored = false;
    for key in ["initContainers", "containers", "ephemeralContainers"] {
        if key != "containers" && !random.one_in(3) {
            continue;
        }
        let quote = random.pick(&["", "\""]);
        file.push(&format!("{pad}{quote}{key}{quote}:"));
        yaml::end(file, random);
        // Items of a list may stand as deep as its key.
        let dash = indent + random.pick(&[0, 0, step]);
        for _ in 0..=random.below(3) {
            container(file, random, dash, &mut anchored);
        }
    }
    if random.one_in(3) {
        file.push(&format!("{pad}volumes:\n{pad}- name: v\n{pad}  image:\n{pad}    reference:"));
        yaml::whole(file, random, indent + 4);
        file.push(&format!("{pad}- configMap: {{name: image}}\n"));
    }
}

fn container(file: &mut Marked, random: &mut Random, dash: usize, anchored: &mut bool) {
    let pad = " ".repeat(dash);
    if *anchored && random.one_in(3) {
        file.push(&format!("{pad}- image: *shared\n{pad}  name: alias\n"));
        return;
    }
    if random.one_in(5) {
        file.push(&format!("{pad}- {{name: flow, image:"));
        yaml::flow_whole(file, random);
        file.push("}\n");
        return;
    }
    if !*anchored && random.one_in(4) {
        *anchored = true;
        file.push(&format!("{pad}- image: &shared "));
        whole(file, random);
        file.push("\n");
        return;
    }
    file.push(&format!("{pad}- name: a\n{pad}  "));
    file.push(random.pick(&["image:", "\"image\":", "image :"]));
    yaml::whole(file, random, dash + 2);
    if random.one_in(4) {
        file.push(&format!("{pad}  env:\n{pad}  - name: IMAGE\n{pad}    value: nginx:1\n"));
    }
}

fn template(file: &mut Marked, random: &mut Random) {
    file.push("{{- if .Values.enabled }}\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n");
    for _ in 0..=random.below(4) {
        match random.below(5) {
            0 => {
                file.push("    - image: ");
                file.skip("{{ .Values.image }}:{{ .Values.tag }}");
                file.push("\n");
            }
            1 => {
                file.push("    - name: a\n      image: ");
                file.skip("\"{{ include \"image\" . }}\"");
                file.push("\n");
            }
            2 => {
                file.push("      {{- range .Values.list }}\n    - image: '");
                whole(file, random);
                file.push("'\t# why\n      {{- end }}\n");
            }
            3 => file.push("    - args:\n        - |\n          image: block:1\n\n          image: block:2\n"),
            _ => {
                file.push("    - image:   ");
                whole(file, random);
                file.push("  \n");
            }
        }
    }
    file.push("{{- end }}\n");
}
