//! The JSON Schema of a file, made of the tables of its keys.

use serde_json::{Map, Value, json};

use super::keys::{Key, Presence, Shape};

/// Returns the JSON Schema (draft 2020-12) of a file with these keys.
pub fn json_schema(title: &str, keys: &[Key]) -> Value {
    let mut schema = table(keys);
    if let Value::Object(fields) = &mut schema {
        fields.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        fields.insert("title".to_owned(), json!(title));
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
    let required: Vec<&str> =
        keys.iter().filter(|key| key.presence == Presence::Required).map(|key| key.name).collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    let in_place_of_all = keys.iter().find(|key| key.presence == Presence::InPlaceOfAll);
    match in_place_of_all {
        _ if required.is_empty() => {}
        Some(key) => schema["anyOf"] = json!([{ "required": required }, { "required": [key.name] }]),
        None => schema["required"] = json!(required),
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
        Shape::DurationOr(word) => json!({ "type": "string", "pattern": format!("^([0-9]+[smhdw]|{word})$") }),
        Shape::Table(keys) => table(keys),
        Shape::Map(keys) => json!({ "type": "object", "additionalProperties": table(keys) }),
        Shape::TextMap => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Shape::TextsMap => {
            let texts = json!({ "type": "array", "items": { "type": "string" } });
            json!({ "type": "object", "additionalProperties": texts })
        }
        Shape::List(keys) => json!({ "type": "array", "items": table(keys) }),
    }
}
