//! Deployments are killed everywhere, and what is found is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use deploykit_core::Control;
use deploykit_core::memory::{Behaviour, MemoryTarget};
use deploykit_core::spec::{Artifact, BlueGreen, Canary, ServiceBuilder, ServiceSpec, Stage, Strategy};
use deploykit_core::units::Share;
use deploykit_testkit::{Sandbox, SandboxError, crash_everywhere};

fn orders(version: u32) -> ServiceBuilder {
    ServiceSpec::builder("orders", Artifact::image(format!("shop/orders:{version}"))).replicas(2)
}

fn strategies() -> Vec<(&'static str, Strategy)> {
    let stages = vec![Stage { share: Share::percent(50), hold: Duration::from_secs(5), ..Stage::default() }];
    vec![
        ("rolling", Strategy::default()),
        ("recreate", Strategy::Recreate),
        ("blue-green", Strategy::BlueGreen(BlueGreen::default())),
        ("canary", Strategy::Canary(Canary { min_ready: Duration::from_secs(1), stages })),
    ]
}

#[test]
fn every_strategy_survives_every_crash() {
    for (name, strategy) in strategies() {
        let build = |version| orders(version).strategy(strategy.clone()).build().unwrap();
        let report = crash_everywhere([build(1)], [build(2)]).unwrap();
        assert!(report.is_safe() && report.crash_points() >= 10, "{name}: {report}");
    }
}

#[test]
fn platforms_and_targets_without_a_router_survive_too() {
    for (control, router) in [(Control::Instances, false), (Control::Platform, false), (Control::Platform, true)] {
        let sandbox = Sandbox::new().on(move || MemoryTarget::builder("memory").control(control).router(router));
        let sandbox = sandbox.deployed([orders(1).build().unwrap()]);
        let report = sandbox.crash_everywhere([orders(2).build().unwrap()]).unwrap();
        report.assert_safe();
    }
}

#[test]
fn services_that_depend_on_each_other_survive() {
    let gateway = ServiceSpec::builder("gateway", Artifact::image("shop/gateway:1")).depends_on("orders");
    let report = crash_everywhere([], [gateway.build().unwrap(), orders(1).build().unwrap()]).unwrap();
    report.assert_safe();
}

#[test]
fn a_deployment_that_ends_otherwise_when_it_is_killed_is_told_of() {
    // Two instances begin the first time, and two replace them; whatever is started after that never gets ready.
    let started = Arc::new(AtomicU32::new(0));
    let broken = Behaviour::new().when(move |_| started.fetch_add(1, Ordering::Relaxed) >= 4).never_ready();
    let sandbox = Sandbox::new().on(move || MemoryTarget::builder("memory").behaviour(broken.clone()));
    let sandbox = sandbox.deployed([orders(1).build().unwrap()]);
    let report = sandbox.crash_everywhere([orders(2).build().unwrap()]).unwrap();
    assert!(!report.is_safe(), "{report}");
    assert!(report.failures()[0].to_string().contains("orders: the outcome: rolled back"), "{report}");
}

#[test]
fn what_cannot_be_there_before_is_an_error() {
    let never = Behaviour::new().of_reference(":1").never_ready();
    let sandbox = Sandbox::new().on(move || MemoryTarget::builder("memory").behaviour(never.clone()));
    let error = sandbox.deployed([orders(1).build().unwrap()]).plan([orders(2).build().unwrap()]).unwrap_err();
    assert!(matches!(error, SandboxError::Before(_)), "{error}");
}

#[tokio::test]
async fn it_works_inside_of_a_runtime() {
    crash_everywhere([], [orders(1).build().unwrap()]).unwrap().assert_safe();
}
