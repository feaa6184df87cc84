use oci::Package;
use oci::annotation;
use oci::descriptor::Annotations;
use oci::limits::{PACKAGE_EDGES_MAX, PACKAGE_MAX_BYTES, PACKAGE_REQUIREMENT_MAX_BYTES, PACKAGE_TEXT_MAX_BYTES};
use oci::package::{CONFLICTS, PackageError, REQUIRES};

const DOCUMENTATION: &str = include_str!("../../../../docs/formats/package.md");

fn read(text: &str) -> Result<Package, PackageError> {
    Package::parse(text.as_bytes())
}

fn with(fields: &str) -> Result<Package, PackageError> {
    read(&format!("{{\"schema\":\"supercargo.package.v1\",{fields}}}"))
}

#[test]
fn the_examples_of_the_documentation_are_read() {
    let examples: Vec<&str> =
        DOCUMENTATION.split("```json\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    assert!(!examples.is_empty());
    let package = read(examples[0]).unwrap();
    assert_eq!(package.version.as_deref(), Some("1.58.0"));
    let edges: Vec<String> = package.requires.iter().chain(&package.conflicts).map(ToString::to_string).collect();
    assert_eq!(
        edges,
        [
            "registry.example/shop/db ^4.1",
            "registry.example/shop/agent * on linux/amd64",
            "registry.example/shop/db =4.1.7"
        ]
    );
    assert_eq!(package.supersedes.unwrap().to_string(), "registry.example/shop/search");
    let annotation = DOCUMENTATION.split("```text\n").nth(1).and_then(|rest| rest.split("\n```").next()).unwrap();
    let annotations = annotation.lines().map(|line| line.split_once('=').unwrap());
    let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let package = Package::from_annotations(&annotations).unwrap().unwrap();
    assert_eq!((package.requires.len(), package.conflicts.len()), (2, 1));
}

#[test]
fn fields_of_later_versions_are_left_out() {
    let package =
        with(r#""name":"shop","recommends":[{"x":1}],"requires":[{"repository":"registry.example/db","weight":2}]"#);
    let package = package.unwrap();
    assert_eq!(package.name.as_deref(), Some("shop"));
    assert_eq!(package.requires[0].requirement, "*");
    assert_eq!(with(r#""requires":null"#).unwrap(), Package::default());
}

#[test]
fn what_cannot_be_read_is_said_with_its_line_and_column() {
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for (fields, place, reason) in [
        ("\n \"requires\": [{\"repository\": \"db\"}]", (2, 34), "does not say which registry"),
        ("\n \"requires\": [{\"repository\": \"registry.example/db:1\"}]", (2, 53), "names an image, not a repository"),
        ("\n \"created\": \"yesterday\"", (2, 24), "not a time"),
        ("\n \"conflicts\": [{}]", (2, 17), "missing field `repository`"),
        (
            "\n \"requires\": [{\"repository\": \"registry.example/db\", \"requirement\": \" \"}]",
            (2, 71),
            "empty requirement",
        ),
        ("\n \"name\": \"a\",\n \"name\": \"b\"", (3, 7), "duplicate field `name`"),
    ] {
        let error = with(fields).unwrap_err();
        found.push(error.place());
        expected.push(Some(place));
        assert!(error.to_string().contains(reason), "{fields}: {error}");
    }
    assert_eq!(found, expected);
    assert!(matches!(read("[\"supercargo.package.v1\"]"), Err(PackageError::Json(_))));
    assert!(matches!(read(r#"{"schema":"supercargo.package.v2"}"#), Err(PackageError::Schema(_))));
    assert!(matches!(read("{}"), Err(PackageError::Json(_))));
}

#[test]
fn what_is_too_much_is_refused() {
    let edge = r#"{"repository":"registry.example/db"}"#;
    let edges = |count: usize| format!("\"requires\":[{}]", vec![edge; count].join(","));
    assert_eq!(with(&edges(PACKAGE_EDGES_MAX)).unwrap().requires.len(), PACKAGE_EDGES_MAX);
    assert!(with(&edges(PACKAGE_EDGES_MAX + 1)).unwrap_err().to_string().contains("more than 1024 items"));
    let long = |length: usize| format!("\"name\":\"{}\"", "x".repeat(length));
    assert!(with(&long(PACKAGE_TEXT_MAX_BYTES)).is_ok());
    assert!(with(&long(PACKAGE_TEXT_MAX_BYTES + 1)).is_err());
    assert!(matches!(with(&long(PACKAGE_MAX_BYTES)), Err(PackageError::TooLarge { .. })));
    let requirement = format!(
        r#""requires":[{{"repository":"registry.example/db","requirement":"{}"}}]"#,
        "1".repeat(PACKAGE_REQUIREMENT_MAX_BYTES + 1)
    );
    assert!(with(&requirement).is_err());
    assert!(with(r#""requires":[{"repository":"registry.example/db","requirement":"\u001b"}]"#).is_err());
}

#[test]
fn annotations_stand_for_a_descriptor() {
    let of = |pairs: &[(&str, &str)]| {
        let annotations: Annotations =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Package::from_annotations(&annotations)
    };
    assert_eq!(of(&[(annotation::VERSION, "1.0")]).unwrap(), None);
    let package = of(&[(REQUIRES, "registry.example/db >=4, <5 || 7; registry.example/agent ;"), (CONFLICTS, "")]);
    let package = package.unwrap().unwrap();
    let edges: Vec<String> = package.requires.iter().map(ToString::to_string).collect();
    assert_eq!(edges, ["registry.example/db >=4, <5 || 7", "registry.example/agent *"]);
    let error = of(&[(REQUIRES, "registry.example/db:4")]).unwrap_err();
    assert!(error.to_string().starts_with("annotation vnd.supercargo.requires: "), "{error}");
    assert!(of(&[(CONFLICTS, &"registry.example/db;".repeat(PACKAGE_EDGES_MAX + 1))]).is_err());
}
