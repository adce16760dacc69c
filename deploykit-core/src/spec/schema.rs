use schemars::JsonSchema as _;
use serde_json::{Map, Value, json};

use super::ServiceSpec;
use crate::name::{PortName, VarName};

/// The JSON Schema (2020-12) of a spec as it stands in a file, for editors and other tools.
pub fn schema() -> Value {
    let mut generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let service = ServiceSpec::json_schema(&mut generator);
    // The keys of maps are not referred to by any field.
    let _ = (generator.subschema_for::<VarName>(), generator.subschema_for::<PortName>());
    let mut definitions = generator.take_definitions(true);
    for (name, pattern) in [
        ("ServiceName", "^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"),
        ("PortName", "^[a-z]([a-z0-9-]{0,13}[a-z0-9])?$"),
        ("VarName", "^[A-Za-z_][A-Za-z0-9_]{0,199}$"),
        ("TargetName", "^[!-~]{1,200}$"),
    ] {
        if let Some(Value::Object(definition)) = definitions.get_mut(name) {
            definition.insert("pattern".into(), pattern.into());
        }
    }
    let bare = definitions.clone();
    for definition in definitions.values_mut() {
        allow_bare_variants(definition, &bare);
    }
    let mut root = Map::new();
    root.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    root.insert("title".into(), "deploykit service".into());
    if let Value::Object(service) = Value::from(service) {
        root.extend(service.into_iter().filter(|(key, _)| key != "title"));
    }
    root.insert("description".into(), "A service as it should be.".into());
    if let Some(Value::Object(fields)) = root.get_mut("properties") {
        for (field, name) in [("env", "VarName"), ("secrets", "VarName"), ("ports", "PortName")] {
            fields[field]["propertyNames"] = json!({ "$ref": format!("#/$defs/{name}") });
        }
        // A name that comes twice is the same as once.
        if let Some(Value::Object(depends_on)) = fields.get_mut("depends_on") {
            depends_on.remove("uniqueItems");
        }
    }
    root.insert("$defs".into(), Value::Object(definitions));
    Value::Object(root)
}

/// In a file, a variant's name alone stands for the variant with all fields at their defaults, if it has no others.
fn allow_bare_variants(schema: &mut Value, definitions: &Map<String, Value>) {
    let Some(variants) = schema.get_mut("oneOf").and_then(Value::as_array_mut) else { return };
    let bare: Vec<_> = variants.iter().filter_map(|variant| bare_variant(variant, definitions)).collect();
    variants.extend(bare);
}

fn bare_variant(variant: &Value, definitions: &Map<String, Value>) -> Option<Value> {
    let name = variant.get("required")?.as_array()?.first()?.as_str()?;
    let content = &variant["properties"][name];
    let content = match content.get("$ref").and_then(Value::as_str) {
        Some(reference) => definitions.get(reference.strip_prefix("#/$defs/")?)?,
        None => content,
    };
    let stands_alone = content["type"] == "object" && content.get("required").is_none();
    stands_alone
        .then(|| json!({ "description": "With all fields at their defaults.", "type": "string", "const": name }))
}
