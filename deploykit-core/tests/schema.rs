//! The schema says what the reader takes.
#![cfg(all(feature = "schema", feature = "files"))]

use deploykit_core::spec::file::{Format, parse};
use serde_json::{Value, json};

mod schema_check;

#[test]
fn the_schema() {
    insta::assert_json_snapshot!(deploykit_core::spec::schema());
}

#[test]
fn the_example_fits() {
    let example: Value = serde_json::from_str(include_str!("specs/restaurant.json")).unwrap();
    assert_eq!(schema_check::faults(&deploykit_core::spec::schema(), &example), Vec::<String>::new());
}

/// Schema and reader agree on what is right and what is wrong.
#[test]
fn the_schema_takes_what_the_reader_takes() {
    let schema = deploykit_core::spec::schema();
    let with = |field: &str, value: Value| {
        let mut spec = json!({
            "service": "a",
            "artifact": {"image": {"reference": "a"}},
            "ports": {"http": {"port": 80}},
        });
        spec[field] = value;
        spec
    };
    for (right, spec) in [
        (true, with("strategy", json!("rolling"))),
        (true, with("strategy", json!("blue_green"))),
        (true, with("strategy", json!("recreate"))),
        (true, with("strategy", json!({"rolling": {}}))),
        (false, with("strategy", json!("canary"))),
        (false, with("strategy", json!({"recreate": {}}))),
        (false, with("strategy", json!({"recreate": null}))),
        (false, with("strategy", json!({"rolling": null}))),
        (false, with("strategy", json!({"rolling": {}, "blue_green": {}}))),
        (false, with("strategy", json!({}))),
        (true, with("expose", json!("http"))),
        (true, with("expose", json!("internal"))),
        (false, with("expose", json!("load_balancer"))),
        (true, with("expose", json!({"load_balancer": true}))),
        (false, with("expose", json!({"load_balancer": "true"}))),
        (false, with("artifact", json!("image"))),
        (true, with("replicas", json!(null))),
        (true, with("replicas", json!(0))),
        (false, with("replicas", json!("3"))),
        (false, with("replicas", json!(-1))),
        (false, with("replicas", json!(1.5))),
        (false, with("replica", json!(1))),
        (true, with("env", json!({"A": "x", "B": {"address_of": "b"}}))),
        (false, with("env", json!({"A": 5}))),
        (false, with("env", json!({"A": null}))),
        (false, with("env", json!(null))),
        (true, with("resources", json!({"cpu": 0.5, "memory": 16_777_216}))),
        (true, with("resources", json!({"cpu": "500m", "memory": "16Mi"}))),
        (false, with("resources", json!([]))),
        (false, with("deadline", json!(5))),
        (true, with("depends_on", json!(["b", "b"]))),
        (false, with("depends_on", json!("b"))),
        (false, with("secrets", json!({"A": "value"}))),
        (true, with("secrets", json!({"A": {"kubernetes": {"secret": "s", "key": "k"}}}))),
        (false, with("secrets", json!({"A": {"kubernetes": {"secret": "s"}}}))),
        (false, with("ports", json!({"http": 80}))),
        (false, with("ports", json!({"http": {"port": 70_000}}))),
    ] {
        let read = parse(&spec.to_string(), "spec.json", Format::Json);
        assert_eq!(read.is_ok(), right, "the reader says of {spec}: {read:?}");
        let faults = schema_check::faults(&schema, &spec);
        assert_eq!(faults.is_empty(), right, "the schema says of {spec}: {faults:?}");
    }
}
