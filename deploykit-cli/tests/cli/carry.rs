//! Deploying, going back, removing: what is done, what is shown, and the exit codes.

use deploykit_core::{Event, EventKind};

use super::support::{Folder, TARGET, stable};

/// The services and outcomes in the table that a run ends with; how much there was to do may differ.
fn table(out: &str) -> String {
    let rows = out.lines().skip_while(|line| !line.starts_with("SERVICE"));
    let columns = |line: &str| {
        line.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).take(3).collect::<Vec<_>>().join(", ")
    };
    rows.map(columns).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_service_is_deployed_updated_rolled_back_and_removed() {
    let folder = Folder::with_orders(1);
    let ran = folder.apply().exits(0).quietly();
    insta::assert_snapshot!(table(&ran.out), @r"
    SERVICE, TARGET, OUTCOME
    orders, memory, completed
    ");
    let ran = folder.apply().exits(0).quietly();
    insta::assert_snapshot!(stable(&ran.out), @r"
    orders on memory: unchanged, [revision-1], 2 instances
    1 service: nothing to do
    ");

    folder.write_orders(2, "");
    folder.apply().exits(0);
    insta::assert_snapshot!(stable(&folder.on_world(&["status"]).exits(0).quietly().out), @r"
    SERVICE  TARGET  STATE     REVISION         READY  TRAFFIC  SINCE
    orders   memory  deployed  [revision-1]     2/2    even     [time]
    ");
    insta::assert_snapshot!(stable(&folder.on_world(&["history"]).exits(0).quietly().out), @r"
    orders on memory
    NUMBER  REVISION         STATUS    AT                        ARTIFACT
    2       [revision-1]     deployed  [time]  shop/orders:2
    1       [revision-2]     deployed  [time]  shop/orders:1
    ");

    folder.on_world(&["rollback", "--yes"]).exits(0);
    insta::assert_snapshot!(stable(&folder.on_world(&["history", "orders"]).exits(0).quietly().out), @r"
    orders on memory
    NUMBER  REVISION         STATUS    AT                        ARTIFACT
    3       [revision-1]     deployed  [time]  shop/orders:1
    2       [revision-2]     deployed  [time]  shop/orders:2
    ");
    folder.on_world(&["rollback", "orders", "2", "--yes"]).exits(0);
    let ran = folder.on_world(&["rollback", "orders", "9", "--yes"]).exits(1);
    assert!(ran.err.contains("there is no record of 9"), "{}", ran.err);

    let ran = folder.on_world(&["remove", "orders", "--yes"]).exits(0).quietly();
    insta::assert_snapshot!(table(&ran.out), @r"
    SERVICE, TARGET, OUTCOME
    orders, memory, completed
    ");
    assert_eq!(folder.on_world(&["status"]).exits(0).out, "there are no services\n");
    folder.on_world(&["remove", "orders", "--yes"]).exits(0);
}

#[test]
fn what_happens_is_told_line_by_line() {
    let folder = Folder::with_orders(1);
    folder.apply().exits(0);
    folder.write_orders(2, "");
    let out = folder.apply().exits(0).out;
    let lines: Vec<_> = out.lines().filter(|line| line.starts_with("orders: ")).collect();
    assert!(lines.iter().any(|line| line.contains(": start orders-r1-") && line.ends_with("-0: done")), "{out}");
    assert_eq!(lines.last(), Some(&"orders: completed"), "{out}");
}

#[test]
fn several_services_go_in_order() {
    let folder = Folder::with_orders(1);
    folder.write("gateway.yaml", "service: gateway\nartifact: {image: {reference: 'g:1'}}\ndepends_on: [orders]\n");
    let out = folder.on_world(&["apply", "-f", "gateway.yaml", "orders.yaml", "--yes"]).exits(0).quietly().out;
    let orders = out.find("orders: completed").unwrap();
    let gateway = out.find("gateway: start gateway").or_else(|| out.find("gateway: no instances")).unwrap();
    assert!(orders < gateway, "{out}");
}

#[test]
fn nothing_is_done_without_a_yes() {
    let folder = Folder::with_orders(1);
    let ran = folder.on_world(&["apply", "-f", "orders.yaml"]).exits(64);
    assert!(ran.out.contains("deploy r1-"), "the plan is shown all the same: {}", ran.out);
    insta::assert_snapshot!(ran.err, @r"
    error: nothing was done: there is nobody to ask whether to go on
    hint: --yes goes on without asking
    ");
    folder.on_world(&["apply", "-f", "orders.yaml", "--dry-run"]).exits(0).quietly();
    assert!(!folder.path("world.json").exists());
    folder.apply().exits(0);
    folder.on_world(&["remove", "orders"]).exits(64);
    folder.on_world(&["remove", "orders", "--dry-run"]).exits(0);
    assert!(folder.on_world(&["status"]).out.contains("deployed"));
}

#[test]
fn events_are_json_for_programs() {
    let folder = Folder::with_orders(1);
    let ran = folder.on_world(&["apply", "-f", "orders.yaml", "--yes", "--format", "json"]).exits(0).quietly();
    let (report, events): (Vec<_>, Vec<_>) = ran.out.lines().partition(|line| line.starts_with(r#"{"report""#));
    let events: Vec<Event> = events.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(matches!(events.first().unwrap().kind, EventKind::RunStarted { .. }));
    assert!(matches!(events.last().unwrap().kind, EventKind::RunFinished { .. }));
    let report: serde_json::Value = serde_json::from_str(report[0]).unwrap();
    assert_eq!(report["report"]["services"]["orders"]["outcome"]["completed"]["changed"], true);
}

/// Deploys a version that works, then one of which instances exit at once.
fn broken(more: &str) -> (Folder, super::support::Ran) {
    let folder = Folder::new();
    folder.write_orders(1, more);
    folder.apply().exits(0);
    folder.write_orders(2, more);
    let target = format!("{TARGET}&exits=orders:2");
    let ran = folder.on(&target, &["apply", "-f", "orders.yaml", "--yes"]);
    (folder, ran)
}

#[test]
fn a_rollout_that_failed_and_went_back_is_3() {
    let (folder, ran) = broken("deadline: 1s\n");
    let ran = ran.exits(3);
    insta::assert_snapshot!(table(&ran.out), @r"
    SERVICE, TARGET, OUTCOME
    orders, memory, rolled back
    ");
    for part in
        ["last seen: ", "last log lines of orders-r1-", "cannot work like this", "next: `deploykit logs orders`"]
    {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    assert!(folder.on_world(&["history"]).out.contains("failed"), "what was given up is kept");
    let running = folder.on_world(&["status", "--format", "json"]).out;
    assert!(running.contains("shop/orders:1"));
}

#[test]
fn a_rollout_that_was_halted_is_4() {
    let (_, ran) = broken("deadline: 1s\non_failure: halt\n");
    insta::assert_snapshot!(table(&ran.exits(4).out), @r"
    SERVICE, TARGET, OUTCOME
    orders, memory, halted
    ");
}

#[test]
fn a_rollout_that_was_left_is_1() {
    let (_, ran) = broken("deadline: 1s\non_failure: leave\n");
    insta::assert_snapshot!(table(&ran.exits(1).out), @r"
    SERVICE, TARGET, OUTCOME
    orders, memory, failed
    ");
}

#[test]
fn a_release_at_its_gate_is_5_and_goes_on_when_promoted() {
    let gate = "strategy: {canary: {stages: [{share: 50%, gate: manual}]}}\n";
    let folder = Folder::new();
    folder.write_orders(1, gate);
    folder.apply().exits(0);
    let ran = folder.on_world(&["promote", "orders", "--yes"]).exits(1);
    insta::assert_snapshot!(ran.err, @"error: the release of orders does not wait for a gate to be opened; nothing is being released");
    folder.write_orders(2, gate);
    let ran = folder.apply().exits(5);
    insta::assert_snapshot!(ran.err, @r"
    orders: paused: stage 0 waits for its gate to be opened
    next: `deploykit promote orders` opens it
    ");
    let status = folder.on_world(&["status"]).exits(0).out;
    assert!(status.contains("deploying") && status.contains("50%"), "{status}");
    folder.on_world(&["promote", "orders"]).exits(64);
    let ran = folder.on_world(&["promote", "orders", "--yes"]).exits(0).quietly();
    assert!(ran.out.starts_with("the gate of stage 0 of orders is open\n"), "{}", ran.out);
    let status = folder.on_world(&["status"]).exits(0).out;
    assert!(status.contains("deployed") && !status.contains("50%"), "{status}");
}
