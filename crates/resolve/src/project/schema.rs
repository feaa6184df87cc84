//! The JSON Schema of a project's file, made of the tables of keys.

use serde_json::{Map, Value, json};

use super::keys::{Key, ROOT, Shape, TAKEN};

/// Returns the JSON Schema (draft 2020-12) of `Supercargo.toml`.
pub fn json_schema() -> Value {
    let mut schema = table(ROOT);
    if let Value::Object(fields) = &mut schema {
        fields.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        fields.insert("title".to_owned(), json!("Supercargo.toml"));
    }
    schema
}

fn table(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| {
            let mut value = shape(&key.shape);
            if let Value::Object(fields) = &mut value {
                fields.insert("description".to_owned(), json!(key.meaning));
            }
            (key.name.to_owned(), value)
        })
        .collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    let can_be_taken = keys.iter().any(|key| key.name == TAKEN);
    if !required.is_empty() && can_be_taken {
        schema["anyOf"] = json!([{ "required": required }, { "required": [TAKEN] }]);
    } else if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

// The depth is that of the tables of keys.
fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::TextsOrTables(keys) => {
            json!({ "type": "array", "items": { "anyOf": [{ "type": "string" }, table(keys)] } })
        }
        Shape::Count => json!({ "type": "integer", "minimum": 1 }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Choice(choices) => json!({ "enum": choices }),
        Shape::Duration => json!({ "type": "string", "pattern": "^[0-9]+[smhdw]$" }),
        Shape::Table(keys) => table(keys),
        Shape::Map(keys) => json!({ "type": "object", "additionalProperties": table(keys) }),
        Shape::TextMap => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Shape::List(keys) => json!({ "type": "array", "items": table(keys) }),
    }
}
