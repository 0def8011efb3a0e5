//! Reads an action's input as programs send it. Errors name the field, and unknown fields are refused rather than ignored: a misspelt
//! `discount` would otherwise grant none.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{Error, FieldErrors, Result};

/// Reads an action's input; `schema` is its JSON Schema. Errors are `Invalid` and name the field by its path (`lines[0].quantity`).
pub fn read<A: DeserializeOwned>(input: Value, schema: &Value) -> Result<A> {
    let mut errors = FieldErrors::default();
    unknown(schema, schema, &input, "", &mut errors);
    errors.into_result()?;
    serde_path_to_error::deserialize(input).map_err(|e| misfit(&e.path().to_string(), &e.inner().to_string()))
}

/// Turns a serde error into a field error. For a missing field, `words` names the field and `path` only the object that lacks it.
fn misfit(path: &str, words: &str) -> Error {
    let place = if path == "." { "" } else { path };
    match words.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        Some(field) => FieldErrors::one(&join(place, field), format!("{field} is needed.")),
        None => FieldErrors::one(if place.is_empty() { "data" } else { place }, words),
    }
}

fn join(place: &str, field: &str) -> String {
    if place.is_empty() { field.to_owned() } else { format!("{place}.{field}") }
}

/// Adds an error for each field of `value` that `schema` does not list. Where it leaves a choice (`anyOf`, `oneOf`), serde decides.
fn unknown(root: &Value, schema: &Value, value: &Value, place: &str, errors: &mut FieldErrors) {
    let Some(schema) = resolve(root, schema) else { return };
    match value {
        Value::Object(given) => {
            let Some(known) = schema["properties"].as_object() else { return };
            for (field, value) in given {
                match known.get(field) {
                    Some(inner) => unknown(root, inner, value, &join(place, field), errors),
                    None if is_open(schema) => {}
                    None => {
                        let all: Vec<&str> = known.keys().map(String::as_str).collect();
                        errors.add(&join(place, field), format!("There is no {field} here. There are: {}.", all.join(", ")));
                    }
                }
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                unknown(root, &schema["items"], item, &format!("{place}[{n}]"), errors);
            }
        }
        _ => {}
    }
}

/// Whether an object may have fields that its schema does not list.
fn is_open(schema: &Value) -> bool {
    ["additionalProperties", "anyOf", "oneOf", "allOf"].iter().any(|key| schema[*key] != Value::Null && schema[*key] != Value::Bool(false))
}

/// Follows `$ref`, and the `anyOf` of one schema and null that stands for an optional value.
fn resolve<'s>(root: &'s Value, schema: &'s Value) -> Option<&'s Value> {
    if let Some(name) = schema["$ref"].as_str() {
        return resolve(root, root.pointer(name.strip_prefix('#')?)?);
    }
    match schema["anyOf"].as_array().map(|any| any.iter().filter(|s| s["type"] != "null").collect::<Vec<_>>()) {
        Some(one) if one.len() == 1 => resolve(root, one[0]),
        _ => Some(schema),
    }
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, schema_for};
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    struct Line {
        #[serde(rename = "description")]
        _description: String,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    struct More {
        #[serde(rename = "discount")]
        _discount: Option<String>,
        #[serde(rename = "lines")]
        _lines: Option<Vec<Line>>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    struct Input {
        #[serde(rename = "id")]
        _id: i32,
        #[serde(flatten)]
        _more: More,
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_field() {
        let schema = schema_for!(Input).to_value();
        let field = |input| match read::<Input>(input, &schema) {
            Err(Error::Invalid(e)) => e.0[0].field.clone(),
            other => panic!("{other:?}"),
        };
        read::<Input>(json!({ "id": 1, "discount": null, "lines": [{ "description": "Windows" }] }), &schema).unwrap();
        assert_eq!(field(json!({ "id": 1, "discuont": "5" })), "discuont");
        assert_eq!(field(json!({ "id": 1, "lines": [{ "description": "a", "prise": "5" }] })), "lines[0].prise");
        assert_eq!(field(json!({ "discount": "5" })), "id");
        assert_eq!(field(json!([])), "data");
    }
}
