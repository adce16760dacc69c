//! A spec as its leaf fields: paths and values in words.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::pin::{Digest, PinnedSpec};
use crate::spec::{Expose, Shutdown};

/// Leaf fields by path.
pub(super) type Leaves = BTreeMap<String, String>;

/// Every leaf field of a pinned spec; what stands for a file's text or a secret's value is a digest.
pub(super) fn leaves(pinned: &PinnedSpec) -> Leaves {
    let mut leaves = Leaves::new();
    // A spec is written without maps of other keys than strings.
    let Ok(Value::Object(mut fields)) = serde_json::to_value(pinned.spec()) else { return leaves };
    // Left out when they are at their default, they would seem to appear as a whole with the first field that is not.
    fill_in(&mut fields, "expose", &Expose::default());
    fill_in(&mut fields, "shutdown", &Shutdown::default());
    for (name, value) in &fields {
        match (name.as_str(), value) {
            ("files", Value::Object(files)) => {
                for (path, file) in files {
                    file_leaves(path, file, &mut leaves);
                }
            }
            _ => walk(name.clone(), value, &mut leaves),
        }
    }
    let pins = pinned.pins();
    leaves.extend(pins.artifact.iter().map(|digest| ("pins.artifact".to_owned(), digest.to_string())));
    leaves.extend(pins.secrets.iter().map(|(name, digest)| (format!("secrets.{name}"), digest.to_string())));
    leaves
}

/// A value as it is shown: the digest of a secret is cut short.
pub(super) fn shown(path: &str, value: String) -> String {
    let is_secret = path.strip_prefix("secrets.").is_some_and(|name| !name.contains('.'));
    if is_secret { format!("{}…", value.chars().take(9).collect::<String>()) } else { value }
}

fn fill_in(fields: &mut serde_json::Map<String, Value>, name: &str, default: &impl serde::Serialize) {
    if let (false, Ok(value)) = (fields.contains_key(name), serde_json::to_value(default)) {
        fields.insert(name.to_owned(), value);
    }
}

fn file_leaves(path: &str, file: &Value, leaves: &mut Leaves) {
    for (name, value) in file.as_object().into_iter().flatten() {
        let at = format!("files.{path}.{name}");
        match (name.as_str(), value) {
            ("content", Value::String(text)) => {
                leaves.insert(at, format!("{}, {} bytes", Digest::of(text.as_bytes()), text.len()));
            }
            _ => walk(at, value, leaves),
        }
    }
}

fn walk(path: String, value: &Value, leaves: &mut Leaves) {
    let is_leaf = |value: &Value| !value.is_object() && !value.is_array();
    match value {
        Value::Null => {}
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                walk(format!("{path}.{name}"), value, leaves);
            }
        }
        Value::Array(items) if !items.iter().all(is_leaf) => {
            for (index, value) in items.iter().enumerate() {
                walk(format!("{path}[{index}]"), value, leaves);
            }
        }
        Value::String(text) => drop(leaves.insert(path, text.clone())),
        _ => drop(leaves.insert(path, value.to_string())),
    }
}
