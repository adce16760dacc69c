//! As much of JSON Schema as the spec's schema uses; patterns are left to editors.

use serde_json::Value;

/// What a value has that the schema does not allow.
pub(crate) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).expect("the definition is there");
        check(root, target, value, path, found);
    }
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_of_type(name, value)) {
        found.push(format!("{path}: {value} is not {types:?}"));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        found.push(format!("{path}: {value} is not {}", schema["const"]));
    }
    for (bound, breaks) in [("minimum", (|a, b| a < b) as fn(f64, f64) -> bool), ("maximum", |a, b| a > b)] {
        if let (Some(bound), Some(number)) = (schema[bound].as_f64(), value.as_f64())
            && breaks(number, bound)
        {
            found.push(format!("{path}: {number} is beyond {bound}"));
        }
    }
    for (kind, most) in [("oneOf", 1), ("anyOf", usize::MAX)] {
        let Some(options) = schema[kind].as_array() else { continue };
        let fitting = options.iter().filter(|option| {
            let mut inside = Vec::new();
            check(root, option, value, path, &mut inside);
            inside.is_empty()
        });
        let fitting = fitting.count();
        if fitting == 0 || fitting > most {
            found.push(format!("{path}: {value} fits {fitting} of {kind}"));
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        values
            .iter()
            .enumerate()
            .for_each(|(index, value)| check(root, items, value, &format!("{path}[{index}]"), found));
    }
    if let Some(fields) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                found.push(format!("{path}: {name} is missing"));
            }
        }
        for (name, value) in fields {
            let path = format!("{path}.{name}");
            match (schema["properties"].get(name), schema.get("additionalProperties")) {
                (None, Some(Value::Bool(false))) => found.push(format!("{path} is not known")),
                (Some(schema), _) | (None, Some(schema)) => check(root, schema, value, &path, found),
                (None, None) => {}
            }
        }
    }
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        other => panic!("the schema has a new type: {other}"),
    }
}
