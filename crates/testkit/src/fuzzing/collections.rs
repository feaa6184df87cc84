//! Plans of removals, and package descriptors.

use oci::package::{CONFLICTS, Package, PackageEdge, REQUIRES};
use ops::gc::{PlanDocument, read_plan};
use serde_json::json;

use super::assert_printable;
use super::place::Place;

/// Reads a plan of `gc plan`. What is accepted is written as what is read as the same.
pub fn removal(data: &[u8]) {
    let place = Place::new();
    let plan = match read_plan(&place.write("plan.json", data)) {
        Ok(plan) => plan,
        Err(error) => return assert_printable(&error),
    };
    let written = serde_json::to_vec(&with_schema(&plan)).unwrap();
    assert_eq!(read_plan(&place.write("plan.json", &written)).unwrap(), plan);
}

fn with_schema(plan: &PlanDocument) -> serde_json::Value {
    let mut value = serde_json::to_value(plan).unwrap();
    value["schema"] = json!("supercargo.gc.v1");
    value
}

/// Reads a package descriptor, and the annotations that stand for one. What is accepted is written as what is read as the same.
pub fn package(data: &[u8]) {
    match Package::parse(data) {
        Ok(package) => assert_eq!(Package::parse(&written(&package)).unwrap(), package),
        Err(error) => {
            assert_printable(&error);
            assert!(error.place().is_none_or(|(line, _)| line > 0));
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    for key in [REQUIRES, CONFLICTS] {
        match Package::from_annotations(&[(key.to_owned(), text.to_owned())].into()) {
            Ok(package) => {
                let package = package.unwrap();
                assert!(package.requires.is_empty() || package.conflicts.is_empty());
                let edges: Vec<String> =
                    package.requires.iter().chain(&package.conflicts).map(ToString::to_string).collect();
                let again = [(key.to_owned(), edges.join("; "))].into();
                assert_eq!(Package::from_annotations(&again).unwrap(), Some(package));
            }
            Err(error) => assert_printable(&error),
        }
    }
}

fn written(package: &Package) -> Vec<u8> {
    let edges = |edges: &[PackageEdge]| -> Vec<serde_json::Value> {
        let edge = |edge: &PackageEdge| {
            json!({
                "repository": edge.repository.to_string(),
                "requirement": edge.requirement,
                "platform": edge.platform.as_ref().map(ToString::to_string),
            })
        };
        edges.iter().map(edge).collect()
    };
    let Package { name, version, license, supplier, source, created, requires, conflicts, provides, supersedes } =
        package;
    let document = json!({
        "schema": "supercargo.package.v1",
        "name": name, "version": version, "license": license, "supplier": supplier, "source": source,
        "created": created.map(|created| created.to_string()),
        "requires": edges(requires), "conflicts": edges(conflicts), "provides": edges(provides),
        "supersedes": supersedes.as_ref().map(ToString::to_string),
    });
    serde_json::to_vec(&document).unwrap()
}
