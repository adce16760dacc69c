use deploykit_core::event::{Ending, EventKind};
use deploykit_core::exec::{DeployerExt as _, Reconciler};
use deploykit_core::{ErrorKind, Goal, RecordStatus};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::fake::Fault;
use super::*;

async fn goals(executor: &Executor, specs: Vec<ServiceSpec>) -> Vec<Goal> {
    executor.pin(specs).await.unwrap().into_iter().map(Goal::Run).collect()
}

/// Keeps these services until the executor is told to stop.
async fn keep(executor: &Executor, specs: Vec<ServiceSpec>) -> JoinHandle<Report> {
    let goals = goals(executor, specs).await;
    let reconciler = Reconciler::new(executor.clone(), goals);
    tokio::spawn(async move { reconciler.run().await.unwrap() })
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn what_dies_is_started_again() {
    for tells in [true, false] {
        let fake = Fake::new().with_caps(|caps| caps.changes = tells);
        let executor = executor(&fake);
        let kept = keep(&executor, vec![spec("web", "good:1", 2), spec("api", "good:1", 1)]).await;
        pass(30).await;
        assert_eq!((fake.summary("web").as_str(), fake.summary("api").as_str()), ("good:1 2/2", "good:1 1/1"));
        assert_eq!(fake.lease_holder("web"), None, "a lease is held only while there is something to do");
        fake.lose_instance("web");
        pass(if tells { 4 } else { 14 }).await;
        assert_eq!(fake.summary("web"), "good:1 2/2", "it tells of changes: {tells}");
        assert_eq!(fake.records("web"), [(1, RecordStatus::Deployed)]);
        executor.stop();
        assert!(kept.await.unwrap().is_success());
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_happens_a_target_is_asked_seldom_and_for_all_at_once() {
    let fake = Fake::new();
    let executor = executor(&fake);
    let kept = keep(&executor, vec![spec("web", "good:1", 2), spec("api", "good:1", 1)]).await;
    pass(60).await;
    fake.clear_calls();
    pass(60).await;
    assert_eq!((fake.count("observe api web"), fake.calls().len()), (6, 6));
    executor.stop();
    let _ = kept.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_failed_is_not_tried_again_and_what_ran_before_is_kept() {
    let fake = deployed().await;
    let executor = executor(&fake);
    let kept = keep(&executor, vec![impatient("crash:2", OnFailure::RollBack)]).await;
    pass(300).await;
    assert_eq!(fake.summary("web"), "good:1 2/2");
    let starts = fake.count("start");
    pass(600).await;
    assert_eq!(fake.count("start"), starts);
    fake.lose_instance("web");
    pass(30).await;
    assert_eq!(fake.summary("web"), "good:1 2/2");
    executor.stop();
    assert!(kept.await.unwrap().is_success(), "the last thing done was to mend the old one");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_mended_is_tried_again_with_longer_pauses() {
    let fake = deployed().await;
    let executor = executor(&fake);
    let kept = keep(&executor, vec![spec("web", "good:1", 2)]).await;
    pass(5).await;
    fake.fault("start", usize::MAX, Fault::Fail(ErrorKind::Denied, None));
    fake.lose_instance("web");
    pass(600).await;
    let tries = fake.count("start");
    assert!((5..12).contains(&tries), "{tries} tries in ten minutes");
    fake.heal();
    pass(320).await;
    assert_eq!(fake.summary("web"), "good:1 2/2");
    executor.stop();
    let _ = kept.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn new_goals_take_the_place_of_the_old_ones() {
    let fake = Fake::new();
    let executor = executor(&fake);
    let first = goals(&executor, vec![spec("web", "slow:1", 3)]).await;
    let (sender, receiver) = watch::channel(first);
    let reconciler = Reconciler::following(executor.clone(), receiver);
    let kept = tokio::spawn(reconciler.run());
    pass(20).await;
    // In the middle of a rollout.
    sender.send_replace(goals(&executor, vec![spec("web", "good:2", 1), spec("api", "good:1", 1)]).await);
    pass(90).await;
    assert_eq!((fake.summary("web").as_str(), fake.summary("api").as_str()), ("good:2 1/1", "good:1 1/1"));
    // Goals that cannot be planned are refused.
    let mut events = executor.events();
    let mut wrong = spec("web", "good:3", 1);
    wrong.target = Some(name("nowhere"));
    let wrong = deploykit_core::PinnedSpec::new(wrong, deploykit_core::Pins::default()).unwrap();
    sender.send_replace(vec![Goal::Run(wrong.into())]);
    pass(30).await;
    assert!(matches!(events.next().await.unwrap().kind, EventKind::GoalsRefused { .. }));
    assert_eq!(fake.summary("web"), "good:2 1/1");
    // What is no goal any more is left alone; what is to go, goes.
    sender.send_replace(vec![Goal::Remove(name("api"))]);
    pass(30).await;
    assert_eq!((fake.summary("web").as_str(), fake.summary("api").as_str()), ("good:2 1/1", ""));
    executor.stop();
    let _ = kept.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_waits_for_those_it_depends_on_the_first_time() {
    let fake = Fake::new();
    let executor = executor(&fake);
    let mut events = executor.events();
    let mut web = spec("web", "good:1", 1);
    web.depends_on.insert(name("db"));
    let kept = keep(&executor, vec![web, spec("db", "slow:1", 1)]).await;
    pass(100).await;
    executor.stop();
    assert!(kept.await.unwrap().is_success());
    drop(executor);
    let mut ended = Vec::new();
    while let Some(event) = events.next().await {
        if let EventKind::Finished { ending: Ending::Completed, .. } = event.kind {
            ended.push(event.service.unwrap().to_string());
        }
    }
    assert_eq!(ended, ["db", "web"]);
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_in_the_middle_it_ends_in_good_order() {
    let fake = Fake::new();
    fake.fault("start", usize::MAX, Fault::Delay(Duration::from_secs(5)));
    let executor = executor(&fake);
    let kept = keep(&executor, vec![spec("web", "good:1", 2)]).await;
    pass(2).await;
    executor.stop();
    let report = kept.await.unwrap();
    assert!(matches!(outcome(&report), Outcome::Cancelled { .. }), "{report}");
    assert_eq!(fake.lease_holder("web"), None);
    assert_eq!(fake.summary("web"), "good:1 0/2", "what ran could finish");
}

#[tokio::test(start_paused = true)]
async fn one_target_needs_no_executor() {
    let fake = Fake::new();
    let target: std::sync::Arc<dyn deploykit_core::Deployer> = std::sync::Arc::new(fake.clone());
    assert_eq!(target.plan(spec("web", "good:1", 2)).await.unwrap().services.len(), 1);
    assert_eq!(outcome(&target.deploy(spec("web", "good:1", 2)).await.unwrap()), &CHANGED);
    assert_eq!(outcome(&target.deploy(spec("web", "good:2", 2)).await.unwrap()), &CHANGED);
    assert_eq!(outcome(&target.rollback(name("web"), None).await.unwrap()), &CHANGED);
    assert_eq!(fake.summary("web"), "good:1 2/2");
    assert!(target.status(name("web")).await.unwrap().is_some());
    assert_eq!(outcome(&target.remove(name("web")).await.unwrap()), &CHANGED);
    assert_eq!(target.status(name("web")).await.unwrap(), None);
}
