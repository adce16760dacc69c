use deploykit_core::exec::{FailureKind, RunError};
use deploykit_core::spec::{Canary, Gate, Stage, Strategy};
use deploykit_core::units::Share;
use deploykit_core::{Goal, RecordStatus, Step};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_service_is_deployed_and_replaced() {
    let fake = Fake::new();
    let executor = executor(&fake);
    let report = executor.deploy(vec![spec("web", "good:1", 3)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert_eq!(fake.summary("web"), "good:1 3/3");
    let report = executor.deploy(vec![spec("web", "good:2", 3)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert_eq!(fake.summary("web"), "good:2 3/3");
    assert_eq!(fake.records("web"), [(1, RecordStatus::Deployed), (2, RecordStatus::Deployed)]);
    assert_eq!(fake.lease_holder("web"), None);
}

#[tokio::test(start_paused = true)]
async fn what_ran_is_what_was_shown() {
    let fake = deployed().await;
    let executor = executor(&fake);
    let goals = executor.pin(vec![spec("web", "good:2", 4)]).await.unwrap().into_iter().map(Goal::Run).collect();
    let plan = executor.plan(goals).await.unwrap();
    let shown: Vec<Vec<Step>> = plan.services[0].rounds.iter().map(|round| round.steps.clone()).collect();
    let report = executor.run(&plan).await.unwrap();
    // The time at which a record was written is another, and nothing else.
    let text = |rounds: &[Vec<Step>]| {
        let round = |round: &Vec<Step>| round.iter().map(|step| format!("{}: {}", step.action, step.why)).collect();
        rounds.iter().map(round).collect::<Vec<Vec<String>>>()
    };
    assert_eq!(text(&report.services[&name("web")].done), text(&shown));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_do_is_one_look_and_no_lease() {
    let fake = deployed().await;
    let report = executor(&fake).deploy(vec![spec("web", "good:1", 2)]).await.unwrap();
    assert_eq!(outcome(&report), &UNCHANGED);
    let calls: Vec<_> = fake.calls().iter().map(|call| call.split_once(' ').unwrap().1.to_owned()).collect();
    assert_eq!(calls, ["pin web", "observe web"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_is_removed_and_nothing_is_left() {
    let fake = deployed().await;
    let executor = executor(&fake);
    assert_eq!(outcome(&executor.remove(vec![name("web")]).await.unwrap()), &CHANGED);
    assert!(fake.see(&name("web")).is_empty());
    assert_eq!(outcome(&executor.remove(vec![name("web")]).await.unwrap()), &UNCHANGED);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_is_out_of_date_is_refused() {
    let fake = deployed().await;
    let executor = executor(&fake);
    let goals = executor.pin(vec![spec("web", "good:2", 2)]).await.unwrap().into_iter().map(Goal::Run).collect();
    let plan = executor.plan(goals).await.unwrap();
    assert!(executor.deploy(vec![spec("web", "good:3", 2)]).await.unwrap().is_success());
    fake.clear_calls();
    let error = executor.run(&plan).await.unwrap_err();
    assert!(matches!(error, RunError::Stale(_)), "{error}");
    assert_eq!((fake.count("observe"), fake.calls().len()), (1, 1));
    assert_eq!(fake.summary("web"), "good:3 2/2");
}

#[tokio::test(start_paused = true)]
async fn one_goes_back_to_the_deployment_before() {
    let fake = deployed().await;
    let executor = executor(&fake);
    assert!(executor.deploy(vec![spec("web", "good:2", 2)]).await.unwrap().is_success());
    assert_eq!(outcome(&executor.rollback(&name("web"), None).await.unwrap()), &CHANGED);
    assert_eq!(fake.summary("web"), "good:1 2/2");
    assert_eq!(outcome(&executor.rollback(&name("web"), Some("2")).await.unwrap()), &CHANGED);
    assert_eq!(fake.summary("web"), "good:2 2/2");
    let error = executor.rollback(&name("web"), Some("r1-f00")).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot roll web back: there is no record of r1-f00"), "{error}");
    let error = executor.rollback(&name("other"), None).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no service other on fake");
}

fn canary(image: &str) -> ServiceSpec {
    let mut spec = spec("web", image, 4);
    let stage = |percent, gate| Stage { share: Share::percent(percent), gate, ..Stage::default() };
    let stages = vec![stage(25, Some(Gate::Manual)), stage(50, Some(Gate::Manual))];
    spec.strategy = Strategy::Canary(Canary { min_ready: Duration::ZERO, stages });
    spec
}

#[tokio::test(start_paused = true)]
async fn a_release_is_paused_at_its_gates_and_goes_on_when_they_are_opened() {
    let fake = Fake::new();
    let first = executor(&fake);
    assert!(first.deploy(vec![canary("good:1")]).await.unwrap().is_success());
    let error = first.promote(&name("web")).await.unwrap_err();
    assert!(matches!(error, RunError::NotAtGate { .. }), "{error}");

    let report = first.deploy(vec![canary("good:2")]).await.unwrap();
    assert_eq!(outcome(&report), &Outcome::Paused { stage: 0 });
    assert!(report.is_success());
    assert_eq!(fake.lease_holder("web"), None);
    assert_eq!(fake.summary("web"), "good:1 4/4, good:2 1/1");

    // Nothing is written while the gate is closed.
    fake.clear_calls();
    let second = executor(&fake);
    assert_eq!(outcome(&second.deploy(vec![canary("good:2")]).await.unwrap()), &Outcome::Paused { stage: 0 });
    assert_eq!(fake.calls().len(), 2);

    second.promote(&name("web")).await.unwrap();
    assert_eq!(fake.lease_holder("web"), None);
    assert_eq!(outcome(&second.deploy(vec![canary("good:2")]).await.unwrap()), &Outcome::Paused { stage: 1 });
    second.promote(&name("web")).await.unwrap();
    assert_eq!(outcome(&second.deploy(vec![canary("good:2")]).await.unwrap()), &CHANGED);
    assert_eq!(fake.summary("web"), "good:2 4/4");
}

#[tokio::test(start_paused = true)]
async fn changes_of_the_target_wake_it_up() {
    for (tells, looks) in [(true, 12), (false, 30)] {
        let fake = Fake::new().with_caps(|caps| caps.changes = tells);
        let slow = spec("web", "slow:1", 1);
        assert_eq!(outcome(&executor(&fake).deploy(vec![slow]).await.unwrap()), &CHANGED);
        let count = fake.count("observe");
        assert!(count <= looks, "{count} looks where the target tells of changes: {tells}");
        assert_eq!(fake.count("changes"), usize::from(tells));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_changes_that_fails_is_replaced_by_asking() {
    let fake = Fake::new().with_caps(|caps| caps.changes = true);
    fake.fault("changes", usize::MAX, fake::Fault::Hang);
    let report = executor(&fake).deploy(vec![spec("web", "good:1", 1)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert!(report.services[&name("web")].elapsed < Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_cut_are_counted() {
    let fake = deployed().await;
    fake.set_in_flight(3);
    let report = executor(&fake).deploy(vec![spec("web", "good:2", 2)]).await.unwrap();
    let report = &report.services[&name("web")];
    assert_eq!(report.outcome, CHANGED);
    assert_eq!(report.cut_requests, 0, "they ended within three seconds");
    assert!(report.elapsed >= Duration::from_secs(3));

    // These never end: the drain deadline of ten seconds cuts them, on each of the two instances.
    fake.set_in_flight(100);
    let report = executor(&fake).deploy(vec![spec("web", "good:3", 2)]).await.unwrap();
    assert_eq!(report.services[&name("web")].cut_requests, 200);
    assert!(report.services[&name("web")].elapsed >= Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_refused_if_another_deployer_comes_first() {
    let fake = deployed().await;
    let first = executor_with(&fake, options().with_wait_for_lease(Duration::from_mins(10)));
    let goals = first.pin(vec![spec("web", "good:2", 2)]).await.unwrap().into_iter().map(Goal::Run).collect();
    let plan = first.plan(goals).await.unwrap();
    // The other has the lease when the basis is checked, and has changed nothing yet.
    fake.fault("record", 1, fake::Fault::Delay(Duration::from_secs(5)));
    let second = executor(&fake);
    let other = tokio::spawn(async move { second.deploy(vec![spec("web", "good:3", 2)]).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let report = first.run(&plan).await.unwrap();
    let Outcome::Halted { cause } = outcome(&report) else { panic!("{report}") };
    assert_eq!(cause.kind, FailureKind::Stale);
    assert_eq!(outcome(&other.await.unwrap().unwrap()), &CHANGED);
    assert_eq!(fake.summary("web"), "good:3 2/2");
}

#[tokio::test(start_paused = true)]
async fn a_gate_is_not_opened_before_it_is_reached() {
    let fake = Fake::new();
    let first = executor(&fake);
    assert!(first.deploy(vec![canary("good:1")]).await.unwrap().is_success());
    let running = first.clone();
    let begun = tokio::spawn(async move { running.deploy(vec![canary("slow:2")]).await });
    tokio::time::sleep(Duration::from_secs(5)).await;
    let error = executor(&fake).promote(&name("web")).await.unwrap_err();
    assert!(error.to_string().contains("does not wait for a gate"), "{error}");
    assert_eq!(outcome(&begun.await.unwrap().unwrap()), &Outcome::Paused { stage: 0 });
    assert_eq!(fake.see(&name("web")).latest_record().unwrap().promoted, 0);
}
