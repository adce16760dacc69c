//! Looking at what there is: status, logs, watching.

use super::support::{Folder, Ran, TARGET, read_until, stable};

#[test]
fn status_shows_services_and_their_instances() {
    let folder = Folder::with_orders(1);
    assert_eq!(folder.on_world(&["status"]).exits(0).out, "there are no services\n");
    folder.apply().exits(0);
    let out = folder.on_world(&["status", "orders"]).exits(0).quietly().out;
    assert_eq!(out.matches("ready  ").count(), 2, "{out}");
    let json = folder.on_world(&["status", "--format", "json"]).exits(0).quietly().out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["target"], "memory");
    assert_eq!(json[0]["observed"]["service"], "orders");
    folder.on_world(&["status", "menu"]).exits(1);
}

#[test]
fn history_is_json_too() {
    let folder = Folder::with_orders(1);
    folder.apply().exits(0);
    let json = folder.on_world(&["history", "--format", "json"]).exits(0).quietly().out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["records"][0]["status"], "deployed");
}

#[test]
fn logs_are_of_a_service_or_of_an_instance() {
    let folder = Folder::with_orders(1);
    folder.apply().exits(0);
    let all = folder.on_world(&["logs", "orders"]).exits(0).quietly().out;
    insta::assert_snapshot!(stable(&all), @r"
    orders-[revision-1]-0     started, attempt 0
    orders-[revision-1]-1     started, attempt 0
    orders-[revision-1]-0     ready
    orders-[revision-1]-1     ready
    ");
    let name = all.split_whitespace().next().unwrap();
    let one = folder.on_world(&["logs", name, "--tail", "1"]).exits(0).quietly().out;
    assert_eq!(one.lines().count(), 1, "{one}");
    assert!(!one.contains(name));
    let ran = folder.on_world(&["logs", "menu"]).exits(1);
    insta::assert_snapshot!(ran.err, @r"
    error: there is no service or instance menu
    hint: there are: orders
    ");
}

#[test]
#[cfg(unix)]
fn watching_goes_on_until_it_is_stopped() {
    let folder = Folder::with_orders(1);
    folder.apply().exits(0);
    let mut child = folder.start(TARGET, &["watch", "--format", "json", "--interval", "20ms"]);
    assert!(read_until(&mut child, "orders").contains("shop/orders:1"));
    folder.write_orders(2, "");
    folder.apply().exits(0);
    read_until(&mut child, "shop/orders:2");
    super::cut::signal(&child, "INT");
    Ran::wait(child).exits(0).quietly();
}

#[test]
#[cfg(unix)]
fn logs_are_followed_until_they_are_stopped() {
    let folder = Folder::with_orders(1);
    folder.apply().exits(0);
    let mut child = folder.start(TARGET, &["logs", "orders", "--follow"]);
    read_until(&mut child, "started");
    super::cut::signal(&child, "TERM");
    Ran::wait(child).exits(0).quietly();
}
