//! The target in memory: what it does by calls and by time.

use std::sync::Arc;
use std::time::Duration;

use deploykit_core::memory::{Behaviour, MemoryTarget};
use deploykit_core::plan::preview;
use deploykit_core::spec::{Artifact, Rolling, SecretSource, ServiceSpec, Strategy};
use deploykit_core::units::Amount;
use deploykit_core::{
    Action, Applied, Context, Control, Decision, Deployer, DigestKey, ErrorKind, FencingToken, Goal, LogOptions,
    Observed, Phase, PinnedSpec, Pins, Rollout, RouteChange, ServiceName, State, VarName,
};
use futures_util::StreamExt as _;

use super::support::{act, admit, drive, id, look, pass, route, spec, start, stop, withdraw};

fn variants() -> Vec<(&'static str, MemoryTarget)> {
    let build = MemoryTarget::builder;
    let second = Duration::from_secs(1);
    vec![
        ("all", build("memory").in_flight(3, second).stop_time(2 * second).build()),
        ("no router", build("memory").router(false).build()),
        ("publish", build("memory").publish(true).build()),
        ("platform", build("memory").control(Control::Platform).build()),
        ("platform with a router", build("memory").control(Control::Platform).router(true).stop_time(second).build()),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_planner_gets_everywhere() {
    for (name, target) in variants() {
        for goal in [spec(1, 3), spec(2, 3), spec(2, 5), spec(3, 1), spec(3, 0), spec(1, 2)] {
            let decision = drive(&target, &Goal::Run(Arc::clone(&goal))).await;
            assert_eq!(decision, Decision::Converged, "{name}");
            let wanted = goal.spec().replicas.unwrap();
            let seen = look(&target).await;
            let counts: Vec<_> = seen.counts().into_values().map(|count| (count.total, count.ready)).collect();
            assert_eq!(counts, if wanted == 0 { vec![] } else { vec![(wanted, wanted)] }, "{name}");
            assert_eq!(preview(&Goal::Run(goal), &seen, &target.capabilities()).unwrap(), [], "{name}");
        }
        drive(&target, &Goal::Remove(ServiceName::new("orders").unwrap())).await;
        assert!(look(&target).await.is_empty(), "{name}: {:?}", target.world());
        assert!(target.services().await.unwrap().is_empty(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_platform_rolls_within_the_bounds_of_the_strategy() {
    let target = MemoryTarget::builder("memory")
        .control(Control::Platform)
        .start_time(Duration::from_secs(2))
        .stop_time(Duration::from_secs(3))
        .behaviour(Behaviour::new().of_reference(":9").never_ready())
        .build();
    let strategy = Strategy::Rolling(Rolling { max_surge: Amount::Count(1), ..Rolling::default() });
    let with = |version: u32| {
        let image = Artifact::image(format!("shop/orders:{version}"));
        let spec = ServiceSpec::builder("orders", image).replicas(4).strategy(strategy.clone()).build().unwrap();
        Arc::new(PinnedSpec::new(spec, Pins::default()).unwrap())
    };
    drive(&target, &Goal::Run(with(1))).await;
    let submit = |spec, expect: &str| Action::Submit { spec, expect: Some(expect.to_owned()) };
    assert_eq!(act(&target, submit(with(2), "7")).await.unwrap_err().kind(), ErrorKind::Conflict);
    act(&target, submit(with(2), "1")).await.unwrap();
    let mut shape = Vec::new();
    loop {
        let State::Platform(platform) = look(&target).await.state else { unreachable!() };
        let total: u32 = platform.groups.values().map(|count| count.total).sum();
        let ready: u32 = platform.groups.values().map(|count| count.ready).sum();
        assert!(total <= 5 && ready >= 4, "{platform:?}");
        shape.push((total, ready));
        if platform.rollout == Rollout::Complete {
            break;
        }
        pass(1).await;
    }
    assert_eq!(shape.len(), 21, "four times 2 s to start and 3 s to stop: {shape:?}");

    act(&target, submit(with(9), "2")).await.unwrap();
    pass(299).await;
    let rollout = |seen: Observed| match seen.state {
        State::Platform(platform) => platform.rollout,
        State::Instances(_) => unreachable!(),
    };
    assert_eq!(rollout(look(&target).await), Rollout::Progressing);
    pass(1).await;
    let Rollout::Stalled { reason } = rollout(look(&target).await) else { panic!("not stalled") };
    assert!(reason.starts_with("no progress for 5m: 0 of 1 instances of r1-"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn instances_start_and_stop_in_their_time() {
    let target = MemoryTarget::builder("memory").stop_time(Duration::from_secs(5)).build();
    let spec = spec(1, 1);
    assert_eq!(start(&target, &spec, 0, 0).await.unwrap(), Applied::Changed);
    assert_eq!(start(&target, &spec, 0, 0).await.unwrap(), Applied::Unchanged);
    let phases = |seen: Observed| match seen.state {
        State::Instances(all) => all.into_iter().map(|instance| instance.phase).collect::<Vec<_>>(),
        State::Platform(_) => unreachable!(),
    };
    assert_eq!(phases(look(&target).await), [Phase::Starting]);
    pass(1).await;
    assert_eq!(phases(look(&target).await), [Phase::Ready]);
    assert_eq!(act(&target, stop(&spec, 0, 3)).await.unwrap(), Applied::Changed);
    assert_eq!(act(&target, stop(&spec, 0, 3)).await.unwrap(), Applied::Unchanged);
    pass(2).await;
    assert_eq!(phases(look(&target).await), [Phase::Stopping]);
    pass(1).await;
    assert_eq!(phases(look(&target).await), [], "its grace is over");
    assert_eq!(act(&target, stop(&spec, 0, 3)).await.unwrap(), Applied::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn what_exited_is_replaced_by_another_attempt_only() {
    let crashes = Behaviour::new().attempts(..1).exits(Duration::from_secs(3), 7).says("no database");
    let target = MemoryTarget::builder("memory").behaviour(crashes).build();
    let spec = spec(1, 1);
    start(&target, &spec, 0, 0).await.unwrap();
    pass(3).await;
    let State::Instances(all) = look(&target).await.state else { unreachable!() };
    assert_eq!((all[0].phase, all[0].note.as_deref()), (Phase::Exited { code: 7 }, Some("no database")));
    assert_eq!(start(&target, &spec, 0, 0).await.unwrap(), Applied::Unchanged);
    assert_eq!(start(&target, &spec, 0, 1).await.unwrap(), Applied::Changed);
    let options = LogOptions { previous: true, tail: Some(2), ..LogOptions::default() };
    let log: Vec<_> =
        target.logs(&id(&spec, 0), &options).await.unwrap().map(|line| line.unwrap().text).collect().await;
    assert_eq!(log, ["no database", "exited with 7"]);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_instance_drains() {
    let target = MemoryTarget::builder("memory").in_flight(4, Duration::from_secs(2)).build();
    let spec = spec(1, 1);
    start(&target, &spec, 0, 0).await.unwrap();
    pass(1).await;
    let route = |change: RouteChange| route(spec.service(), change);
    assert_eq!(act(&target, route(admit([id(&spec, 1)]))).await.unwrap_err().kind(), ErrorKind::NotFound);
    act(&target, route(admit([id(&spec, 0)]))).await.unwrap();
    pass(1).await;
    let endpoint = |seen: Observed| seen.traffic.unwrap().endpoints.into_values().next();
    let admitted = endpoint(look(&target).await).unwrap();
    assert_eq!((admitted.draining, admitted.in_flight), (false, 4));
    act(&target, route(withdraw([id(&spec, 0)]))).await.unwrap();
    pass(1).await;
    let draining = endpoint(look(&target).await).unwrap();
    assert_eq!((draining.draining, draining.in_flight), (true, 4));
    pass(1).await;
    assert_eq!(endpoint(look(&target).await), None);
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_as_they_happen() {
    let target = MemoryTarget::new("memory");
    let mut changes = target.changes().await.unwrap().unwrap();
    let spec = spec(1, 1);
    start(&target, &spec, 0, 0).await.unwrap();
    let begun = target.now();
    assert_eq!(changes.next().await.unwrap().as_str(), "orders");
    assert_eq!(target.now(), begun);
    assert_eq!(changes.next().await.unwrap().as_str(), "orders");
    assert_eq!(target.now().since(begun), Duration::from_secs(1), "it got ready by time alone");
    let quiet = tokio::time::timeout(Duration::from_hours(1), changes.next()).await;
    assert!(quiet.is_err(), "nothing else happens");
    target.edit(|world| world.kill(&id(&spec, 0), 1));
    assert_eq!(changes.next().await.unwrap().as_str(), "orders");
}

#[tokio::test(start_paused = true)]
async fn a_log_is_followed_to_its_end() {
    let crashes = Behaviour::new().exits(Duration::from_secs(9), 1).says("out of memory");
    let target = MemoryTarget::builder("memory").behaviour(crashes).build();
    let spec = spec(1, 1);
    start(&target, &spec, 0, 0).await.unwrap();
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let log: Vec<_> =
        target.logs(&id(&spec, 0), &options).await.unwrap().map(|line| line.unwrap().text).collect().await;
    assert_eq!(log, ["started, attempt 0", "ready", "out of memory", "exited with 1"]);
    assert_eq!(target.now().to_string(), "2026-01-01T00:00:09.000Z");
    let missing = target.logs(&id(&spec, 1), &options).await.map(drop).unwrap_err();
    assert_eq!(missing.to_string(), format!("cannot read the log of {} on memory: not found", id(&spec, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_runs_is_not_forgotten() {
    let target = MemoryTarget::builder("memory").publish(true).build();
    let spec = spec(1, 1);
    assert_eq!(start(&target, &spec, 0, 0).await.unwrap_err().kind(), ErrorKind::NotFound, "it is not published");
    act(&target, Action::Publish { spec: Arc::clone(&spec) }).await.unwrap();
    start(&target, &spec, 0, 0).await.unwrap();
    let forget = || Action::Forget { service: spec.service().clone(), revision: spec.revision().clone() };
    assert_eq!(act(&target, forget()).await.unwrap_err().kind(), ErrorKind::Conflict);
    act(&target, stop(&spec, 0, 0)).await.unwrap();
    assert_eq!(act(&target, forget()).await.unwrap(), Applied::Changed);
}

#[tokio::test(start_paused = true)]
async fn a_secret_without_its_value_is_refused() {
    let target = MemoryTarget::new("memory");
    let mut declared = spec(1, 1).spec().clone();
    let name = VarName::new("PASSWORD").unwrap();
    declared.secrets.insert(name.clone(), SecretSource::Env("PASSWORD".to_owned()));
    let key = DigestKey::new(*b"0123456789abcdef").unwrap();
    let digest = key.digest(&declared.service, &name, &"hunter2".into());
    let pins = Pins { secrets: [(name.clone(), digest)].into(), ..Pins::default() };
    let spec = Arc::new(PinnedSpec::new(declared, pins).unwrap());
    let error = start(&target, &spec, 0, 0).await.unwrap_err();
    assert!(error.to_string().ends_with("rejected as invalid (secret without a value: PASSWORD)"), "{error}");
    let context = Context::new(FencingToken(0)).with_secrets(Arc::new([(name.clone(), "hunter2".into())].into()));
    let action = Action::Start { id: id(&spec, 0), spec: Arc::clone(&spec), attempt: 0 };
    assert_eq!(target.apply(&action, &context).await.unwrap(), Applied::Changed);
    assert!(target.world().instance(&id(&spec, 0)).unwrap().secrets.contains(&name));
}
