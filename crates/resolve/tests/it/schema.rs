//! The JSON Schema in `docs/formats`.

use resolve::project::json_schema;
use serde_json::Value;

#[test]
fn the_schema_in_the_documentation_is_that_of_the_code() {
    let documented: Value = serde_json::from_str(include_str!("../../../../docs/formats/project.schema.json")).unwrap();
    assert!(
        documented == json_schema(),
        "docs/formats/project.schema.json is not what the code makes: cargo xtask schema"
    );
}
