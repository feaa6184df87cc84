//! Kinds of files: their names, and how they are guessed.

use targets::Kind;

#[test]
fn a_kind_is_parsed_from_its_name() {
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.name()), Some(kind));
    }
    assert_eq!(Kind::parse("Dockerfile"), None);
    assert_eq!(Kind::parse("helm"), None);
}

#[test]
fn a_name_that_a_tool_looks_for_tells_the_kind() {
    for (name, kind) in [
        ("Dockerfile", Kind::Dockerfile),
        ("dockerfile", Kind::Dockerfile),
        ("Containerfile", Kind::Dockerfile),
        ("web.Dockerfile", Kind::Dockerfile),
        ("Dockerfile.dev", Kind::Dockerfile),
        ("compose.yaml", Kind::Compose),
        ("docker-compose.override.yml", Kind::Compose),
        ("devcontainer.json", Kind::Devcontainer),
        (".devcontainer.json", Kind::Devcontainer),
        ("kustomization.yaml", Kind::Kustomize),
        ("Kustomization", Kind::Kustomize),
        ("docker-bake.hcl", Kind::Bake),
        ("docker-bake.override.json", Kind::Bake),
        ("values.yaml", Kind::HelmValues),
        ("values-prod.yml", Kind::HelmValues),
        ("prod.values.yaml", Kind::HelmValues),
    ] {
        assert_eq!(Kind::guess(name, b""), Some(kind), "{name}");
    }
    for name in ["README.md", "package.json", "main.tf", "dockerfiles", "x.yaml"] {
        assert_eq!(Kind::guess(name, b"a: 1\n"), None, "{name}");
    }
}

#[test]
fn other_files_are_told_by_the_keys_at_their_top() {
    let kubernetes = "# comment\n---\nkind: Pod\napiVersion: v1\n";
    let template = "{{- if .x }}\napiVersion: v1\nkind: {{ .kind }}\n{{- end }}\n";
    let json = "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Pod\"\n}\n";
    let nested = "a:\n  apiVersion: v1\n  kind: Pod\n";
    for (name, text, kind) in [
        ("web.yaml", kubernetes, Some(Kind::Kubernetes)),
        ("web.yml", template, Some(Kind::Kubernetes)),
        ("web.json", json, Some(Kind::Kubernetes)),
        ("web.yaml", "\u{feff}services:\r\n  a: {}\r\n", Some(Kind::Compose)),
        ("web.yaml", "kind: Kustomization\n", Some(Kind::Kustomize)),
        ("web.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n", Some(Kind::Kustomize)),
        ("web.yaml", nested, None),
        ("web.txt", kubernetes, None),
        ("values.yaml", kubernetes, Some(Kind::Kubernetes)),
        ("override.hcl", "# mine\ntarget \"app\" {\n}\n", Some(Kind::Bake)),
        ("main.hcl", "resource \"a\" \"b\" {}\n", None),
    ] {
        assert_eq!(Kind::guess(name, text.as_bytes()), kind, "{name}: {text}");
    }
}
