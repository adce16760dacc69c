//! The guarantees are kept by the planner, and whoever breaks one is told of.

use std::time::Duration;

use deploykit_core::memory::{Behaviour, Guarantees, MemoryTarget};
use deploykit_core::plan::next;
use deploykit_core::{Decision, Deployer, Goal, InstanceId, PinnedSpec, RouteChange, Shares, Split};

use super::support::{act, admit, drive, id, look, pass, route, spec, start, stop, withdraw};

/// A target on which a service of so many instances was deployed.
async fn deployed(target: MemoryTarget, replicas: u32) -> (MemoryTarget, std::sync::Arc<PinnedSpec>) {
    let spec = spec(1, replicas);
    drive(&target, &Goal::Run(spec.clone())).await;
    target.watch_guarantees(Guarantees::of(&spec));
    look(&target).await;
    (target, spec)
}

fn broken(target: &MemoryTarget) -> Vec<String> {
    target.violations().into_iter().map(|violation| violation.what).collect()
}

fn text(what: &str, id: &InstanceId) -> String {
    what.replace("ID", &id.to_string())
}

#[tokio::test(start_paused = true)]
async fn the_planner_breaks_nothing() {
    let second = Duration::from_secs(1);
    for router in [true, false] {
        let target = MemoryTarget::builder("memory").router(router).stop_time(second).in_flight(2, 3 * second).build();
        let (target, _) = deployed(target, 4).await;
        drive(&target, &Goal::Run(spec(2, 4))).await;
        assert_eq!(broken(&target), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_instances() {
    let (target, old) = deployed(MemoryTarget::new("memory"), 2).await;
    let new = spec(2, 2);
    start(&target, &new, 0, 0).await.unwrap();
    assert_eq!(broken(&target), [""; 0], "one more is its surge");
    start(&target, &new, 1, 0).await.unwrap();
    assert_eq!(broken(&target), [text("start ID: 4 instances where at most 3 may be", &id(&new, 1))]);
    act(&target, route(old.service(), withdraw([id(&old, 0)]))).await.unwrap();
    act(&target, stop(&old, 0, 0)).await.unwrap();
    start(&target, &new, 2, 0).await.unwrap();
    assert_eq!(broken(&target).len(), 3, "one was taken, one left and one came: {:?}", broken(&target));
}

#[tokio::test(start_paused = true)]
async fn too_few_left() {
    let (target, spec) = deployed(MemoryTarget::builder("memory").router(false).build(), 2).await;
    look(&target).await;
    act(&target, stop(&spec, 0, 0)).await.unwrap();
    assert_eq!(broken(&target), [text("stop ID: leaves 1 available where at least 2 must be", &id(&spec, 0))]);

    let (target, spec) = deployed(MemoryTarget::new("memory"), 2).await;
    look(&target).await;
    act(&target, route(spec.service(), withdraw([id(&spec, 1)]))).await.unwrap();
    assert_eq!(broken(&target), ["route orders, withdraw 1: leaves 1 available where at least 2 must be"]);
    act(&target, stop(&spec, 1, 0)).await.unwrap();
    assert_eq!(broken(&target).len(), 1, "it was not available any more");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_could_know_breaks_nothing() {
    let (target, spec) = deployed(MemoryTarget::builder("memory").router(false).build(), 3).await;
    target.watch_guarantees(Guarantees::new().of_service(spec.service().clone()).min_available(2));
    look(&target).await;
    target.edit(|world| world.kill(&id(&spec, 0), 1));
    assert_eq!(broken(&target), [""; 0], "an instance that crashes by itself");
    act(&target, stop(&spec, 1, 0)).await.unwrap();
    assert_eq!(broken(&target), [""; 0], "three were seen, so one may be stopped");
    act(&target, stop(&spec, 2, 0)).await.unwrap();
    assert_eq!(broken(&target).len(), 1, "two were left of what was seen, so no other");
}

#[tokio::test(start_paused = true)]
async fn what_is_better_than_it_was_seen_breaks_nothing() {
    let (target, spec) = deployed(MemoryTarget::builder("memory").router(false).build(), 2).await;
    start(&target, &spec, 2, 0).await.unwrap();
    look(&target).await;
    pass(1).await;
    act(&target, stop(&spec, 0, 0)).await.unwrap();
    assert_eq!(broken(&target), [""; 0], "another got ready meanwhile");
}

#[tokio::test(start_paused = true)]
async fn traffic_to_what_is_not_ready() {
    let target = MemoryTarget::builder("memory").behaviour(Behaviour::new().of_reference(":9").never_ready()).build();
    let (target, old) = deployed(target, 2).await;
    let bad = spec(9, 2);
    start(&target, &bad, 0, 0).await.unwrap();
    pass(60).await;
    look(&target).await;
    let all = Split { shares: Shares::all(bad.revision().clone()), test_users: None };
    let change = RouteChange { split: Some(all), ..admit([id(&bad, 0)]) };
    act(&target, route(old.service(), change)).await.unwrap();
    let expected = [
        text("route orders: admits ID, which is starting", &id(&bad, 0)),
        format!(
            "route orders, admit 1, split {0} 100%: requests go to {0}, of which no instance is ready and admitted",
            bad.revision()
        ),
    ];
    assert_eq!(broken(&target), expected);
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_cut() {
    let target = MemoryTarget::builder("memory").in_flight(5, Duration::from_mins(1)).build();
    let (target, spec) = deployed(target, 3).await;
    target.watch_guarantees(Guarantees::new().of_service(spec.service().clone()).drain(Duration::from_secs(10)));
    look(&target).await;
    act(&target, stop(&spec, 0, 0)).await.unwrap();
    act(&target, route(spec.service(), withdraw([id(&spec, 1), id(&spec, 2)]))).await.unwrap();
    pass(9).await;
    act(&target, stop(&spec, 1, 0)).await.unwrap();
    pass(1).await;
    act(&target, stop(&spec, 2, 0)).await.unwrap();
    let expected = [
        text("stop ID: requests are sent to it", &id(&spec, 0)),
        text("stop ID: 5 requests are under way and have time left to end", &id(&spec, 1)),
    ];
    assert_eq!(broken(&target), expected);
}

#[tokio::test(start_paused = true)]
async fn probes_that_lie_do_not_empty_the_fleet() {
    let lies = Behaviour::new().lying_probe(Duration::from_secs(30), None);
    let target = MemoryTarget::builder("memory").router(false).behaviour(lies).build();
    let (target, spec) = deployed(target, 3).await;
    target.watch_guarantees(Guarantees::new().of_service(spec.service().clone()).min_working(1));
    pass(60).await;
    for _ in 0..5 {
        let decision = next(&Goal::Run(spec.clone()), &look(&target).await, &target.capabilities()).unwrap();
        let Decision::Act(steps) = decision else { break };
        for step in steps {
            act(&target, step.action).await.unwrap();
        }
    }
    assert_eq!(broken(&target), [""; 0], "the planner replaces a few at a time");
    look(&target).await;
    for ordinal in 0..3 {
        act(&target, stop(&spec, ordinal, 0)).await.unwrap();
    }
    assert!(!broken(&target).is_empty());
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_instances_are_cheap_to_watch() {
    let target = MemoryTarget::new("memory");
    let spec = spec(1, 10_000);
    target.watch_guarantees(Guarantees::of(&spec));
    drive(&target, &Goal::Run(spec.clone())).await;
    drive(&target, &Goal::Remove(spec.service().clone())).await;
    assert!(look(&target).await.is_empty());
}
