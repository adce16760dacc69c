//! Runs that are cut off, and rivals.

use super::support::{Folder, Ran, TARGET, read_until};

/// Instances take so long that there is time to do something meanwhile.
const SLOW: &str = "memory:world.json?start_time=1s";

/// Sends a signal to a program.
#[cfg(unix)]
pub(crate) fn signal(child: &std::process::Child, name: &str) {
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
}

#[test]
fn a_program_that_was_killed_goes_on_where_it_was() {
    let folder = Folder::with_orders(1);
    let apply = ["apply", "-f", "orders.yaml", "--yes"];
    for line in ["record orders", "-0: done", "to become ready"] {
        let mut child = folder.start(SLOW, &apply);
        read_until(&mut child, line);
        child.kill().unwrap();
        child.wait().unwrap();
        // Whoever was killed could not give its lease back.
        let ran = folder.on_world(&["apply", "-f", "orders.yaml", "--yes"]).exits(4);
        assert!(ran.err.contains("another deployer is at work"), "{}", ran.err);
        folder.on_world(&["apply", "-f", "orders.yaml", "--yes", "--take-lease"]).exits(0);
        let status = folder.on_world(&["status"]).exits(0).out;
        assert!(status.contains("deployed") && status.contains("2/2"), "{status}");
        folder.on_world(&["remove", "orders", "--yes"]).exits(0);
    }
}

#[test]
#[cfg(unix)]
fn a_program_that_is_told_to_stop_stops_in_good_order() {
    let folder = Folder::with_orders(1);
    for name in ["INT", "TERM"] {
        let mut child = folder.start(SLOW, &["apply", "-f", "orders.yaml", "--yes"]);
        read_until(&mut child, "to become ready");
        signal(&child, name);
        let ran = Ran::wait(child).exits(130);
        assert!(ran.err.contains("once more stops at once") && ran.err.contains("orders: cancelled"), "{}", ran.err);
        // The lease was given back.
        folder.apply().exits(0);
        folder.on_world(&["remove", "orders", "--yes"]).exits(0);
    }
}

#[test]
#[cfg(unix)]
fn told_twice_it_stops_at_once() {
    let folder = Folder::with_orders(1);
    let target = "memory:world.json?latency=500ms";
    // Each step takes a while, and has its effect at the end.
    let begins = || {
        let mut child = folder.start(target, &["apply", "-f", "orders.yaml", "--yes"]);
        read_until(&mut child, "orders: no instances");
        child
    };
    let child = begins();
    signal(&child, "INT");
    Ran::wait(child).exits(130);
    assert!(folder.on_world(&["history"]).out.contains("deploying"), "the step under way was finished");
    folder.on_world(&["remove", "orders", "--yes"]).exits(0);

    let child = begins();
    signal(&child, "INT");
    signal(&child, "TERM");
    Ran::wait(child).exits(130);
    assert_eq!(folder.on_world(&["history"]).out, "there are no services\n", "the step under way was cut off");
}

#[test]
fn a_rival_waits_for_the_lease() {
    let folder = Folder::with_orders(1);
    let mut first = folder.start(SLOW, &["apply", "-f", "orders.yaml", "--yes"]);
    read_until(&mut first, "to become ready");
    folder.apply().exits(4);
    let second = folder.on_world(&["apply", "-f", "orders.yaml", "--yes", "--wait-lease=1m"]);
    Ran::wait(first).exits(0);
    second.exits(0);
}

#[test]
fn who_loses_the_lease_changes_nothing_more() {
    let folder = Folder::with_orders(1);
    let mut first = folder.start(SLOW, &["apply", "-f", "orders.yaml", "--yes"]);
    read_until(&mut first, "to become ready");
    folder.write_orders(2, "");
    folder.on_world(&["apply", "-f", "orders.yaml", "--yes", "--take-lease"]).exits(0);
    let ran = Ran::wait(first).exits(4);
    assert!(ran.err.contains("lease was lost"), "{}", ran.err);
    assert!(folder.on_world(&["status", "--format", "json"]).out.contains("shop/orders:2"));
}

#[test]
#[cfg(unix)]
fn nobody_has_to_read() {
    let folder = Folder::with_orders(1);
    let closed = |arguments: &[&str]| {
        let mut child = folder.start(TARGET, arguments);
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let piped = (Some(141), String::new());
    for arguments in [&["schema"][..], &["completions", "bash"], &["plan", "-f", "orders.yaml"], &["status"]] {
        assert_eq!(closed(arguments), piped, "{arguments:?}");
    }
    // What nobody has seen is not done.
    assert_eq!(closed(&["apply", "-f", "orders.yaml", "--yes"]), piped);
    assert!(!folder.path("world.json").exists());

    // What has begun is brought to its end.
    let mut child = folder.start(SLOW, &["apply", "-f", "orders.yaml", "--yes"]);
    read_until(&mut child, "to become ready");
    drop(child.stdout.take());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    assert!(folder.on_world(&["status"]).exits(0).out.contains("deployed"));
}
