//! Files with references, each behind the digit of its kind, and lists of other tools.

use std::fs;
use std::path::Path;

use super::{Seeds, numbered};

/// The directories of the fixtures, in the order of `targets::Kind::ALL`.
const KINDS: [&str; 7] = ["kubernetes", "compose", "helm-values", "kustomize", "dockerfile", "bake", "devcontainer"];

const DIGEST: &str = "sha256:4c8b96d4fffdfae29258d94a22ae4ad1fe36139d47288b8960d9958d1e63a9d0";

/// The files that the tests of `targets` find references in.
pub fn target() -> Seeds {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/targets/tests/fixtures");
    let mut seeds = Vec::new();
    for (number, kind) in KINDS.iter().enumerate() {
        let files = fs::read_dir(fixtures.join(kind)).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.collect();
        files.sort();
        seeds.extend(files.iter().map(|file| [number.to_string().into_bytes(), fs::read(file).unwrap()].concat()));
    }
    seeds.extend(
        [
            "0kind: Pod\napiVersion: v1\nspec:\n  image: &i nginx:1\n  steps: [{image: *i}, {image: 'a:1'}]\n",
            "1services: {a: {image: }, b: {image: \"nginx\"}}\n",
            "2image: {repository: nginx, tag: , digest: }\nb: {image: {registry: h.example, repository: a, tag: '1'}}\n",
            "3images:\n- {name: a, newName: h.example/a, newTag: 1.20}\n- name: b\n  digest: ''\ntagSuffix: x\n",
            "4# syntax=docker/dockerfile:1\nARG IMAGE=nginx:1\nFROM $IMAGE AS a\nCOPY --from=h.example/b:1 <<E /\nFROM x\nE\nFROM a\n",
            "5target \"a\" {\n  args = { BASE = \"nginx:1\" }\n  contexts = { b = \"docker-image://nginx:1\" }\n}\n",
            "6\u{feff}{\"image\": \"nginx:1\", /* c */ \"features\": {\"h.example/f:1\": {},},}\r\n",
        ]
        .map(|text| text.as_bytes().to_vec()),
    );
    numbered(seeds)
}

pub fn import() -> Seeds {
    let hex = &DIGEST[7..];
    numbered([
        format!(
            "---\napiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n- image: index.docker.io/a/b@{DIGEST}\n  annotations:\n    kbld.carvel.dev/id: a/b:1.0\n    c: |\n      - d: \"1\"\n"
        ),
        format!("apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nspec: {{images: [{{image: a@{DIGEST}}}]}}\n"),
        format!(
            "{{\"dockerfiles\": {{\"Dockerfile\": [{{\"name\": \"a\", \"tag\": \"1\", \"digest\": \"{hex}\"}}, {{\"name\": \"scratch\", \"tag\": \"\", \"digest\": \"\"}}]}},\n\"composefiles\": {{\"c.yml\": [{{\"name\": \"h.example/b\", \"digest\": \"{hex}\", \"service\": \"\\u00e4\\n\"}}]}}}}"
        ),
        format!(
            "services:\n  a:\n    image: a:1@{DIGEST}\n    volumes:\n      - type: image\n        source: h.example/b@{DIGEST}\n        target: /c\n      - ./d:/e\n  f: {{volumes: &v [{{type: image, source: b@{DIGEST}}}]}}\n  g: {{volumes: *v}}\n"
        ),
        "version: 1\nsync:\n- source: h.example/a\n  target: registry.example/a\n  type: repository\n  tags: {allow: ['1\\..*'], deny: [x], semverRange: ['>=1 <2']}\n- {source: a:1, target: b:1, type: image}\n".to_owned(),
        format!(
            "h.example:\n  images: {{a: ['1', '{DIGEST}'], b: []}}\n  images-by-tag-regex: {{c: ^1\\.}}\n  images-by-semver: {{d: '>=1.0'}}\n  tls-verify: false\n"
        ),
    ])
}
