//! Many files of every kind, made together with what they have to be afterwards.

use std::fs;
use std::path::Path;

use super::{lock, read};
use crate::desk::Desk;

/// How many files of each kind.
const FILES: usize = 32;
/// How many images the project has.
const IMAGES: usize = 5;

/// Files of every kind: where they are, and what is in them. `«n»` stands for a reference of image `n`, `‹n›` for its tag, `#NOISE`
/// for lines that are no references.
const KINDS: [(&str, &str, &str); 7] = [
    (
        "kubernetes",
        "k8s/N/deploy.yaml",
        "#NOISE\napiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      initContainers: [{name: a, image: \"«0»\"}]\n      containers:\n        - &main\n          image: '«1»' # image: x:1\n          name: b\n        - <<: *main\n          name: c\n#NOISE\n---\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: &ref «2»\n    - image: *ref\n    - {image: redis:7}\n...\n",
    ),
    (
        "kubernetes",
        "chart/N/templates/job.yaml",
        "{{- if .Values.job }}\napiVersion: batch/v1\nkind: Job\nspec:\n  {{ .Values.x }}\n  containers:\n  - name: x\n    image: «3»\n  - image: {{ .Values.image }}:{{ .Values.tag }}\n{{- end }}\n",
    ),
    (
        "compose",
        "compose/N/compose.yaml",
        "#NOISE\nx-base: &base\n  image: «0»\nservices:\n  a:\n    <<: *base\n  b:\n    image:   \"«1»\"   # tail\n  c: {image: '«4»', restart: always}\n  d:\n    image: ${IMAGE:-registry.example/team/app1:1.0.0}\n  e:\n    image: postgres:16\n#NOISE\n",
    ),
    (
        "helm-values",
        "values/N/values.yaml",
        "#NOISE\nimage:\n  repository: registry.example/team/app2\n  tag: \"‹2›\" # the app\n  pullPolicy: Always\nsidecar:\n  image: «3»\nother:\n  image: {repository: registry.example/team/app4, tag: ‹4›}\n#NOISE\n",
    ),
    (
        "kustomize",
        "kustomize/N/kustomization.yaml",
        "#NOISE\nkind: Kustomization\nimages:\n  - name: web\n    newName: registry.example/team/app0\n    newTag: ‹0› # ours\n  - name: registry.example/team/app1\n    newTag: '‹1›'\n",
    ),
    (
        "dockerfile",
        "docker/N/Dockerfile",
        "# syntax=docker/dockerfile:1\n#NOISE\nARG BASE=«0»\nFROM --platform=$BUILDPLATFORM «1» AS build\nRUN echo FROM registry.example/team/app1:1.0.0 \\\n    # image\n    && true\nCOPY --from=«2» /a /b\nFROM ${BASE}\n\tCOPY --from=build /a /a\nFROM build\nRUN <<END\nFROM registry.example/team/app3:1\nEND\n",
    ),
    (
        "devcontainer",
        "dev/N/devcontainer.json",
        "{\n\t// \"image\": \"registry.example/team/app0:1\",\n\t\"name\": \"ü 🚀\",\n\t\"image\": \"«3»\", /* image */\n}\n",
    ),
];

const BAKE: (&str, &str, &str) = (
    "bake",
    "bake/N/docker-bake.hcl",
    "#NOISE\ntarget \"app\" {\n  contexts = {\n    base = \"docker-image://«4»\" // the base\n    src = \"../src\"\n  }\n\ttags = [\"registry.example/team/app4:1\"]\n}\n",
);

/// A file before and after a rewrite.
pub(super) struct Made {
    pub(super) path: String,
    pub(super) before: String,
    pub(super) after: String,
}

/// Writes a project with `count` files of each kind to a desk.
pub(super) fn lay_out(desk: &Desk, count: usize) -> Vec<Made> {
    let mut made = Vec::new();
    let mut targets = String::new();
    for (kind, path, template) in KINDS.iter().chain([&BAKE]) {
        targets.extend([format!("[[targets]]\nkind = \"{kind}\"\npaths = [\"{}\"]\n", path.replace("/N/", "/**/"))]);
        for number in 0..count {
            let path = path.replace('N', &format!("n{number:02}/deep"));
            let template = noisy(template, number);
            let before = filled(&template, |image| (name(image), format!("1.{}.{number}", image + 1)));
            let after = filled(&template, |image| (name(image), format!("2.{image}.0@{}", digest(image))));
            assert_ne!(before, after);
            let file = desk.path(&path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, &before).unwrap();
            made.push(Made { path, before, after });
        }
    }
    let mut project = "[images]\n".to_owned();
    let mut locked = Vec::new();
    for image in 0..IMAGES {
        project.extend([format!("app{image} = {{ repo = \"{}\", version = \"^2\" }}\n", name(image))]);
        locked.push([format!("app{image}"), name(image), format!("2.{image}.0"), String::new(), digest(image)]);
    }
    let locked: Vec<[&str; 6]> = locked
        .iter()
        .map(|[name, repository, version, track, digest]| [&**name, repository, version, version, track, digest])
        .collect();
    desk.write("Supercargo.toml", &format!("{project}\n{targets}"));
    desk.write("Supercargo.lock", &lock(&locked));
    made.sort_by(|one, other| one.path.cmp(&other.path));
    made
}

fn name(image: usize) -> String {
    format!("registry.example/team/app{image}")
}

fn digest(image: usize) -> String {
    format!("sha256:{}", image.to_string().repeat(64))
}

/// Returns a template with lines that are no references, and one of the ways in which lines end.
fn noisy(template: &str, number: usize) -> String {
    const NOISE: [&str; 4] = [
        "# image: registry.example/team/app0:1.0.0",
        "#\ttabs\tand\tblanks   \n",
        "\n#",
        "# ünïcödé 🚀 'quotes\" {{ no template }}",
    ];
    let template = template.replace("#NOISE", NOISE[number % NOISE.len()]);
    match number / NOISE.len() % 4 {
        0 => template,
        1 => template.replace('\n', "\r\n"),
        2 => format!("\u{feff}{template}"),
        _ => template.trim_end_matches('\n').to_owned(),
    }
}

fn filled(template: &str, reference: impl Fn(usize) -> (String, String)) -> String {
    (0..IMAGES).fold(template.to_owned(), |text, image| {
        let (name, tag) = reference(image);
        text.replace(&format!("«{image}»"), &format!("{name}:{tag}")).replace(&format!("‹{image}›"), &tag)
    })
}

/// Asserts that every file is as it has to be.
pub(super) fn assert_all(desk: &Desk, made: &[Made], expected: impl Fn(&Made) -> &str) {
    for file in made {
        assert_eq!(read(desk, &file.path), expected(file), "{}", file.path);
    }
}

#[test]
fn every_byte_outside_of_references_is_kept_in_files_of_every_kind() {
    let desk = Desk::new();
    let made = lay_out(&desk, FILES);
    assert!(made.len() >= 200, "{} files", made.len());
    let check = desk.run(&["rewrite", "--check"]);
    assert_eq!(check.code, 1, "{}", check.stderr);
    assert_all(&desk, &made, |file| &file.before);
    let report = desk.json(&["rewrite"]);
    assert_eq!(report["files"].as_array().unwrap().len(), made.len());
    assert_all(&desk, &made, |file| &file.after);
    let check = desk.run(&["rewrite", "--check"]);
    assert_eq!((check.code, check.stdout.as_str()), (0, ""), "{}", check.stderr);
    let times = |desk: &Desk| -> Vec<_> {
        made.iter().map(|file| fs::metadata(desk.path(&file.path)).unwrap().modified().unwrap()).collect()
    };
    let before = times(&desk);
    assert_eq!(desk.ok(&["rewrite"]), "");
    assert_eq!(times(&desk), before, "a second time nothing is written");
    assert_eq!(desk.ok(&["rewrite", "--undo"]).lines().count(), made.len());
    assert_all(&desk, &made, |file| &file.before);
    assert!(no_litter(desk.path("").as_path()));
}

/// Tells whether no file in the making was left behind.
pub(super) fn no_litter(root: &Path) -> bool {
    fs::read_dir(root).unwrap().flatten().filter(|entry| entry.path().is_dir()).all(|entry| {
        let is_state = entry.path().join("rewrite").is_dir() && entry.file_name() == ".supercargo";
        is_state || (entry.file_name() != ".supercargo" && no_litter(&entry.path()))
    })
}
