//! What goes wrong on demand.

use std::sync::Arc;
use std::time::Duration;

use deploykit_core::memory::{Faults, MemoryTarget};
use deploykit_core::plan::next;
use deploykit_core::{
    Action, Applied, Context, Decision, Deployer, ErrorKind, FencingToken, Goal, LeaseRequest, Retry, State,
};

use super::support::{act, drive, id, look, pass, spec, start};

fn with(faults: Faults) -> MemoryTarget {
    MemoryTarget::builder("memory").faults(faults).build()
}

#[tokio::test(start_paused = true)]
async fn a_fault_before_the_effect_leaves_nothing() {
    let target = with(Faults::none().fail_nth(1, ErrorKind::Unavailable));
    let spec = spec(1, 1);
    let error = start(&target, &spec, 0, 0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(target.world().ids(spec.service()), []);
    assert_eq!(start(&target, &spec, 0, 0).await.unwrap(), Applied::Changed);
}

#[tokio::test(start_paused = true)]
async fn a_fault_after_the_effect_hides_it() {
    let target = with(Faults::none().fail_nth_after(1, ErrorKind::Timeout));
    let spec = spec(1, 1);
    start(&target, &spec, 0, 0).await.unwrap_err();
    assert_eq!(target.world().ids(spec.service()), [id(&spec, 0)]);
    assert_eq!(start(&target, &spec, 0, 0).await.unwrap(), Applied::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_says_how_long_to_wait() {
    let wait = Duration::from_secs(7);
    let target = with(Faults::seeded(1).throttle(100, wait));
    let error = start(&target, &spec(1, 1), 0, 0).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::RateLimited, Retry::Later { after: Some(wait) }));
}

#[tokio::test(start_paused = true)]
async fn a_hanging_call_ends_only_with_patience() {
    let target = with(Faults::seeded(1).hang(100));
    let observe = tokio::time::timeout(Duration::from_hours(23), target.services());
    assert!(observe.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_stale_observation_shows_what_was_and_says_when() {
    let target = with(Faults::seeded(1).stale(100, Duration::from_secs(20)));
    pass(30).await;
    let spec = spec(1, 2);
    start(&target, &spec, 0, 0).await.unwrap();
    let first = target.now();
    pass(5).await;
    start(&target, &spec, 1, 0).await.unwrap();
    let second = target.now();
    pass(10).await;
    let mut shown = [0; 3];
    for _ in 0..100 {
        let seen = look(&target).await;
        let State::Instances(all) = seen.state else { unreachable!() };
        assert!(target.now().since(seen.at) <= Duration::from_secs(20));
        let expected = usize::from(seen.at >= first) + usize::from(seen.at >= second);
        assert_eq!(all.len(), expected, "what is shown is what was then");
        shown[all.len()] += 1;
    }
    assert!(shown.iter().all(|count| *count > 10), "{shown:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stolen_lease_fences_what_comes_after() {
    let target = with(Faults::seeded(1).lose_lease(100));
    let spec = spec(1, 1);
    let acquire = LeaseRequest::Acquire { holder: "me".to_owned(), ttl: Duration::from_mins(1), steal: false };
    let lease = target.lease(spec.service(), &acquire).await.unwrap();
    let action = Action::Start { id: id(&spec, 0), spec: Arc::clone(&spec), attempt: 0 };
    let error = target.apply(&action, &Context::new(lease.token)).await.unwrap_err();
    let text = format!(
        "cannot start {} on memory: the lease was lost to another deployer \
         (token: 1, newest: 2, holder: another deployer)",
        id(&spec, 0)
    );
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Fenced, text));
}

#[tokio::test(start_paused = true)]
async fn a_target_may_be_slow() {
    let target = with(Faults::seeded(1).latency(Duration::from_secs(2)..Duration::from_secs(3)));
    let begun = target.now();
    look(&target).await;
    let took = target.now().since(begun);
    assert!((Duration::from_secs(2)..Duration::from_secs(3)).contains(&took), "{took:?}");
}

/// Deploys, dies, and lets another go on, at every effect of the run.
#[tokio::test(start_paused = true)]
async fn a_run_that_dies_anywhere_can_be_taken_up() {
    let (old, new) = (Goal::Run(spec(1, 3)), Goal::Run(spec(2, 3)));
    let whole = MemoryTarget::new("memory");
    drive(&whole, &old).await;
    let before = whole.effects();
    drive(&whole, &new).await;
    let effects = whole.effects() - before;
    assert!(effects > 10, "{effects}");
    for last in 1..=effects {
        let target = MemoryTarget::new("memory");
        drive(&target, &old).await;
        target.set_faults(Faults::none().crash_after(before + last));
        tokio::select! {
            decision = drive(&target, &new) => panic!("it should have died after {last} effects: {decision:?}"),
            () = target.crashed() => {}
        }
        assert_eq!(target.effects(), before + last);
        target.set_faults(Faults::none());
        assert_eq!(drive(&target, &new).await, Decision::Converged);
        let seen = look(&target).await;
        assert_eq!(next(&new, &seen, &target.capabilities()).unwrap(), Decision::Converged);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_run() {
    let run = async |seed| {
        let target = with(Faults::seeded(seed).before(20).after(20).latency(Duration::ZERO..Duration::from_millis(90)));
        let goal = Goal::Run(spec(1, 5));
        let mut log = Vec::new();
        for _ in 0..500 {
            let Ok(mut seen) = target.observe(std::slice::from_ref(goal.service())).await else { continue };
            match next(&goal, &seen.remove(0), &target.capabilities()).unwrap() {
                Decision::Act(steps) => {
                    for step in steps {
                        let applied = target.apply(&step.action, &Context::new(FencingToken(0))).await;
                        log.push((target.now(), format!("{} {:?}", step.action, applied.map_err(|e| e.kind()))));
                    }
                }
                Decision::Wait { .. } => pass(1).await,
                Decision::Converged | Decision::Stuck { .. } => break,
            }
        }
        (log, target.world())
    };
    assert_eq!(run(5).await, run(5).await);
    assert_ne!(run(5).await, run(6).await);
}

#[tokio::test(start_paused = true)]
async fn a_moved_tag_is_seen_when_pinning() {
    let target = MemoryTarget::new("memory");
    let spec = spec(1, 1);
    assert_eq!(target.pin(spec.spec()).await.unwrap(), None);
    let digest = deploykit_core::Digest::of(b"1");
    target.edit(|world| world.publish("shop/orders:1", digest.clone()));
    assert_eq!(target.pin(spec.spec()).await.unwrap(), Some(digest));
    act(&target, Action::Withdraw { service: spec.service().clone() }).await.unwrap_err();
}
