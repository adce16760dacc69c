//! Specs, plans, and plans that were saved.

use deploykit_core::plan::Plan;

use super::support::{Folder, Ran, TARGET, stable};

const BAD: &str = "service: orders\nartifact: {image: {reference: 'shop/orders:1'}}\nreplica: 2\n\
                   probes: {ready: {http: {port: http, path: /health}}}\n";

#[test]
fn specs_are_checked() {
    let folder = Folder::with_orders(1);
    folder.write("menu.json", r#"{"service": "menu", "artifact": {"image": {"reference": "shop/menu:1"}}}"#);
    folder.write("notes.txt", "not a spec");
    let ran = folder.run(&["validate", "-f", "."]).exits(0).quietly();
    assert_eq!(ran.out, "2 services are valid: menu, orders\n");
    let ran = folder.run(&["validate", "-f", ".", "--service", "menu"]).exits(0).quietly();
    assert_eq!(ran.out, "1 service is valid: menu\n");
    let ran = folder.run(&["validate", "-f", ".", "--format", "json"]).exits(0).quietly();
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json, serde_json::json!({ "services": ["menu", "orders"], "problems": [] }));
}

#[test]
fn problems_are_all_told_with_their_place() {
    let folder = Folder::new();
    folder.write("orders.yaml", BAD);
    let ran = folder.run(&["validate", "-f", "orders.yaml"]).exits(1);
    insta::assert_snapshot!(ran.err, @r"
    error: the specs cannot be used:
    orders.yaml:3:1: orders: unknown field `replica`; did you mean `replicas`?
    ");
    let ran = folder.run(&["validate", "-f", "orders.yaml", "--format", "json"]).exits(1).quietly();
    insta::assert_snapshot!(ran.out, @r#"
    {
      "problems": [
        {
          "at": {
            "column": 1,
            "file": "orders.yaml",
            "line": 3
          },
          "hint": "did you mean `replicas`?",
          "message": "unknown field `replica`",
          "path": "",
          "service": "orders"
        }
      ]
    }
    "#);
}

#[test]
fn specs_are_checked_against_their_target() {
    let folder = Folder::new();
    folder.write_orders(1, "target: docker\n");
    folder.run(&["validate", "-f", "orders.yaml"]).exits(0);
    let ran = folder.on("memory:", &["validate", "-f", "orders.yaml"]).exits(1);
    insta::assert_snapshot!(ran.err, @r"
    error: the specs cannot be used:
    orders: target: there is no target `docker`; the targets are: memory
    ");
    folder.on("docker=memory:", &["validate", "-f", "orders.yaml"]).exits(0).quietly();
}

#[test]
fn specs_come_from_the_standard_input() {
    let folder = Folder::with_orders(1);
    let mut command = folder.command(&["validate", "-f", "-"]);
    command.stdin(std::fs::File::open(folder.path("orders.yaml")).unwrap());
    assert_eq!(Ran::of(&mut command).exits(0).out, "1 service is valid: orders\n");
}

#[test]
fn the_schema_is_json() {
    let ran = Folder::new().run(&["schema"]).exits(0).quietly();
    let schema: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn a_plan_has_many_forms() {
    let folder = Folder::with_orders(1);
    folder.apply().exits(0);
    folder.write_orders(2, "");
    let plan =
        |format: &str| folder.on_world(&["plan", "-f", "orders.yaml", "--format", format]).exits(0).quietly().out;
    insta::assert_snapshot!(stable(&plan("text")), @r"
    orders on memory: roll [revision-1] → [revision-2], 2 instances
      changes
        ~ artifact.image.reference  shop/orders:1 → shop/orders:2
            replaces instances: an instance keeps what it was started with
      rounds                                                                                       ready  total  traffic  at most
        1       record  [revision-2] as deployment 2, under way     deployment begins                  2      2  even          1m
        2       start   [revision-2]-0                              new revision                       2      3  even          1m
                waits until [revision-2]-0 is ready
        3       admit   [revision-2]-0                              is available                       3      3  even          6m
        4       drain   [revision-1]-0                              gives way to the new revision      3      3  even          1m
        5       stop    [revision-1]-0                              gives way to the new revision      2      2  even         30s
        6 to 9  as 2 to 5, for ordinal 1                                                             2–3    2–3  even      8m 30s
        10      record  [revision-2] as deployment 2, complete      deployment is complete             2      2  even          1m
      rollback  to [revision-1] (deployment 1)
    1 service: 1 to roll; 10 rounds, 10 steps, at most 19m
    ");
    assert!(plan("markdown").contains("orders"));
    assert!(plan("mermaid").starts_with("flowchart"), "{}", plan("mermaid"));
    assert_eq!(Plan::from_json(&plan("json")).unwrap().services.len(), 1);
    let all = folder.on_world(&["plan", "-f", "orders.yaml", "--all-rounds"]).exits(0).out;
    assert!(all.lines().count() > plan("text").lines().count());
}

#[test]
fn the_exit_code_tells_whether_there_is_something_to_do() {
    let folder = Folder::with_orders(1);
    let plan = ["plan", "-f", "orders.yaml", "--exit-code"];
    folder.on_world(&plan).exits(2);
    folder.on_world(&plan[..3]).exits(0);
    folder.apply().exits(0);
    folder.on_world(&plan).exits(0);
}

#[test]
fn planning_changes_nothing() {
    let folder = Folder::with_orders(1);
    folder.on_world(&["plan", "-f", "orders.yaml"]).exits(0);
    assert!(!folder.path("world.json").exists());
}

#[test]
fn a_saved_plan_is_carried_out_as_it_is() {
    let folder = Folder::with_orders(1);
    let shown = folder.on_world(&["plan", "-f", "orders.yaml", "--out", "plan.json"]).exits(0).quietly().out;
    // The specs do not count any more.
    folder.write_orders(2, "");
    let ran = folder.on_world(&["apply", "plan.json", "--yes"]).exits(0).quietly();
    assert!(ran.out.starts_with(&shown), "{}\n{shown}", ran.out);
    let history = folder.on_world(&["history", "orders"]).exits(0).out;
    assert!(history.contains("shop/orders:1") && !history.contains("shop/orders:2"), "{history}");
}

#[test]
fn a_plan_that_is_out_of_date_is_refused_with_what_moved() {
    let folder = Folder::with_orders(1);
    folder.on_world(&["plan", "-f", "orders.yaml", "--out", "plan.json"]).exits(0);
    folder.apply().exits(0);
    let before = folder.read("world.json");
    let ran = folder.on_world(&["apply", "plan.json", "--yes"]).exits(6);
    insta::assert_snapshot!(stable(&ran.err), @r"
    error: the plan is out of date: 5 things have changed since it was made; nothing was done
      orders: instances.orders-[revision-1]-0: nothing, now ready
      orders: instances.orders-[revision-1]-1: nothing, now ready
      orders: records.[revision-1]: nothing, now deployment 1, deployed
      orders: traffic.endpoints.orders-[revision-1]-0: no requests, now gets requests
      orders: traffic.endpoints.orders-[revision-1]-1: no requests, now gets requests
    plan again, and look at the new plan before applying it
    ");
    let state = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["services"].clone();
    assert_eq!(state(&before), state(&folder.read("world.json")), "nothing was done");
}

#[test]
fn what_is_no_plan_is_refused() {
    let folder = Folder::with_orders(1);
    folder.on_world(&["plan", "-f", "orders.yaml", "--out", "plan.json"]).exits(0);
    let plan = folder.read("plan.json");
    folder.write("plan.json", &plan.replace("shop/orders:1", "shop/orders:9"));
    let ran = folder.on_world(&["apply", "plan.json", "--yes"]).exits(1);
    assert!(ran.err.contains("the plan cannot be trusted"), "{}", ran.err);
    let ran = folder.on_world(&["apply", "orders.yaml", "--yes"]).exits(1);
    assert!(ran.err.starts_with("error: orders.yaml: "), "{}", ran.err);
    assert!(!folder.path("world.json").exists());
}

#[test]
fn secrets_need_a_key_and_are_never_shown() {
    let folder = Folder::new();
    folder.write_orders(1, "secrets: {DB_PASSWORD: {file: password}}\n");
    folder.write("password", "hunter2\n");
    let ran = folder.on_world(&["plan", "-f", "orders.yaml"]).exits(1);
    assert!(ran.err.contains("digest key"), "{}", ran.err);

    folder.run(&["keygen", "--out", "key"]).exits(0).quietly();
    let key = folder.read("key");
    assert!(key.trim().len() == 64 && key.trim().bytes().all(|b| b.is_ascii_hexdigit()), "{key}");
    folder.run(&["keygen", "--out", "key"]).exits(1);
    assert_eq!(folder.read("key"), key, "a key is never overwritten");
    assert_ne!(folder.run(&["keygen"]).exits(0).out, key);

    let plan = ["plan", "-f", "orders.yaml", "--format", "json"];
    let by_file = folder.on_world(&[&plan[..], &["--digest-key", "key"]].concat()).exits(0).out;
    let mut command = folder.command(&[&["--target", TARGET], &plan[..]].concat());
    let by_environment = Ran::of(command.env("DEPLOYKIT_DIGEST_KEY", key.trim())).exits(0).out;
    let secrets = |plan: &str| Plan::from_json(plan).unwrap().services[0].goal.spec().unwrap().pins().secrets.clone();
    assert_eq!(secrets(&by_file), secrets(&by_environment));

    let ran = folder.on_world(&["apply", "-f", "orders.yaml", "--yes", "--digest-key", "key"]).exits(0);
    assert!(![ran.out, ran.err, by_file, folder.read("world.json")].join("").contains("hunter2"));
    folder.write("short", "too short");
    folder.on_world(&["plan", "-f", "orders.yaml", "--digest-key", "short"]).exits(1);
}

#[test]
#[cfg(unix)]
fn only_its_owner_can_read_a_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    folder.run(&["keygen", "--out", "key"]).exits(0);
    assert_eq!(std::fs::metadata(folder.path("key")).unwrap().permissions().mode() & 0o777, 0o600);
}
