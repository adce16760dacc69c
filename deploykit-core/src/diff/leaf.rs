//! A spec as its leaf fields: paths and values in words.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::pin::{Digest, PinnedSpec};
use crate::spec::ServiceSpec;
use crate::units::duration;

/// Leaf fields by path.
pub(super) type Leaves = BTreeMap<String, String>;

/// The leaf fields of two specs, those of sections that are the same left out; what stands for a file's text or a
/// secret's value is a digest.
pub(super) fn leaves(old: Option<&PinnedSpec>, new: &PinnedSpec) -> (Leaves, Leaves) {
    let (mut before, mut after) = (Leaves::new(), Leaves::new());
    let spec = old.map(PinnedSpec::spec);
    // Named one by one, so that a field that is added to a spec is not forgotten here.
    let ServiceSpec {
        service,
        labels,
        target,
        artifact,
        replicas,
        autoscale,
        resources,
        env,
        secrets,
        files,
        ports,
        probes,
        expose,
        strategy,
        deadline,
        on_failure,
        shutdown,
        depends_on,
        history,
    } = new.spec();
    let mut sides = (&mut before, &mut after);
    section("service", spec.map(|spec| &spec.service), service, &mut sides);
    section("labels", spec.map(|spec| &spec.labels), labels, &mut sides);
    section("target", spec.map(|spec| &spec.target), target, &mut sides);
    section("artifact", spec.map(|spec| &spec.artifact), artifact, &mut sides);
    section("replicas", spec.map(|spec| &spec.replicas), replicas, &mut sides);
    section("autoscale", spec.map(|spec| &spec.autoscale), autoscale, &mut sides);
    section("resources", spec.map(|spec| &spec.resources), resources, &mut sides);
    section("env", spec.map(|spec| &spec.env), env, &mut sides);
    section("secrets", spec.map(|spec| &spec.secrets), secrets, &mut sides);
    section("files", spec.map(|spec| &spec.files), files, &mut sides);
    section("ports", spec.map(|spec| &spec.ports), ports, &mut sides);
    section("probes", spec.map(|spec| &spec.probes), probes, &mut sides);
    section("expose", spec.map(|spec| &spec.expose), expose, &mut sides);
    section("strategy", spec.map(|spec| &spec.strategy), strategy, &mut sides);
    let limit = |limit| duration::format(limit).to_string();
    section("deadline", spec.map(|spec| limit(spec.deadline)).as_ref(), &limit(*deadline), &mut sides);
    section("on_failure", spec.map(|spec| &spec.on_failure), on_failure, &mut sides);
    section("shutdown", spec.map(|spec| &spec.shutdown), shutdown, &mut sides);
    section("depends_on", spec.map(|spec| &spec.depends_on), depends_on, &mut sides);
    section("history", spec.map(|spec| &spec.history), history, &mut sides);
    before.extend(old.into_iter().flat_map(pins));
    after.extend(pins(new));
    (before, after)
}

fn section<T: PartialEq + Serialize>(name: &str, old: Option<&T>, new: &T, sides: &mut (&mut Leaves, &mut Leaves)) {
    if old == Some(new) {
        return;
    }
    for (value, leaves) in [(old, &mut *sides.0), (Some(new), &mut *sides.1)] {
        // A spec has no maps with other keys than texts.
        match value.map(|value| serde_json::to_value(value).unwrap_or_default()) {
            None | Some(Value::Null) => {}
            Some(Value::Object(fields)) if fields.is_empty() => {}
            Some(Value::Array(items)) if items.is_empty() => {}
            Some(Value::Object(files)) if name == "files" => {
                for (path, file) in &files {
                    file_leaves(path, file, leaves);
                }
            }
            Some(value) => walk(name.to_owned(), &value, leaves),
        }
    }
}

fn pins(pinned: &PinnedSpec) -> impl Iterator<Item = (String, String)> {
    let pins = pinned.pins();
    let artifact = pins.artifact.iter().map(|digest| ("pins.artifact".to_owned(), digest.to_string()));
    artifact.chain(pins.secrets.iter().map(|(name, digest)| (format!("secrets.{name}"), digest.to_string())))
}

/// A value as it is shown: the digest of a secret is cut short.
pub(super) fn shown(path: &str, value: String) -> String {
    let is_secret = path.strip_prefix("secrets.").is_some_and(|name| !name.contains('.'));
    if is_secret { format!("{}…", value.chars().take(9).collect::<String>()) } else { value }
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
