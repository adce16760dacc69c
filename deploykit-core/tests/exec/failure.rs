use deploykit_core::exec::FailureKind;
use deploykit_core::plan::StuckReason;
use deploykit_core::spec::{Canary, Rolling, Stage, Strategy};
use deploykit_core::traffic::Shares;
use deploykit_core::units::Share;
use deploykit_core::{ErrorKind, RecordStatus};

use super::fake::Fault;
use super::*;

#[tokio::test(start_paused = true)]
async fn a_rollout_without_progress_is_taken_back() {
    let fake = deployed().await;
    let report = executor(&fake).deploy(vec![impatient("never:2", OnFailure::RollBack)]).await.unwrap();
    let Outcome::RolledBack { to: Some(to), cause } = outcome(&report) else { panic!("{report}") };
    assert_eq!(to, fake.see(&name("web")).latest_record().unwrap().revision());
    assert_eq!(fake.summary("web"), "good:1 2/2");
    assert_eq!(fake.records("web"), [(2, RecordStatus::Failed), (3, RecordStatus::Deployed)]);
    assert_eq!(cause.kind, FailureKind::Deadline { limit: Duration::from_mins(1) });
    assert_eq!(cause.logs.len(), 10);
    assert!(!report.is_success());
    let instance = cause.logs_of.as_ref().unwrap();
    let started = format!("web on fake: waiting for {instance} to become ready: no progress for 1m\nlast seen: ");
    assert!(cause.report().starts_with(&started), "{}", cause.report());
    assert!(cause.report().ends_with("next: `deploykit logs web` and `deploykit status web` show what is wrong"));
    let error = report.into_result().unwrap_err().to_string();
    assert!(error.starts_with("web: rolled back: "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_that_fails_is_taken_away() {
    let fake = Fake::new();
    let report = executor(&fake).deploy(vec![impatient("crash:1", OnFailure::RollBack)]).await.unwrap();
    let Outcome::RolledBack { to: None, cause } = outcome(&report) else { panic!("{report}") };
    let FailureKind::Stuck { why: StuckReason::CrashLoop { code: 7, .. } } = cause.kind else { panic!("{cause}") };
    assert!(fake.see(&name("web")).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_left_as_it_is_if_wanted() {
    let fake = deployed().await;
    let report = executor(&fake).deploy(vec![impatient("never:2", OnFailure::Leave)]).await.unwrap();
    let Outcome::Failed { rollback_error: None, .. } = outcome(&report) else { panic!("{report}") };
    assert_eq!(fake.summary("web"), "good:1 2/2, never:2 0/1");
    assert_eq!(fake.records("web"), [(1, RecordStatus::Deployed), (2, RecordStatus::Failed)]);
    // Running again with a mended spec goes on from there.
    let report = executor(&fake).deploy(vec![impatient("good:3", OnFailure::Leave)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert_eq!(fake.summary("web"), "good:3 2/2");
}

#[tokio::test(start_paused = true)]
async fn halting_takes_users_off_the_new_revision() {
    let canary = |image: &str| {
        let mut spec = impatient(image, OnFailure::Halt);
        let stage = Stage { share: Share::percent(50), hold: Duration::from_mins(2), ..Stage::default() };
        spec.strategy = Strategy::Canary(Canary { min_ready: Duration::ZERO, stages: vec![stage] });
        spec
    };
    let fake = Fake::new();
    assert!(executor(&fake).deploy(vec![canary("good:1")]).await.unwrap().is_success());
    let old = fake.see(&name("web")).latest_record().unwrap().revision().clone();
    // Half of the users are on the new revision when the target no longer lets us start instances.
    fake.fault_later("start", 1, usize::MAX, Fault::Fail(ErrorKind::Denied, None));
    let report = executor(&fake).deploy(vec![canary("good:2")]).await.unwrap();
    let Outcome::Halted { cause } = outcome(&report) else { panic!("{report}") };
    assert_eq!(cause.kind, FailureKind::Step { error: ErrorKind::Denied });
    assert!(cause.doing.starts_with("start web-r1-"), "{}", cause.doing);
    let seen = fake.see(&name("web"));
    assert_eq!(seen.traffic.unwrap().split.shares, Shares::all(old));
    assert_eq!(fake.summary("web"), "good:1 2/2, good:2 1/1");
    assert_eq!(fake.records("web"), [(1, RecordStatus::Deployed), (2, RecordStatus::Failed)]);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_fails_too_is_said() {
    let fake = deployed().await;
    fake.fault_later("start", 1, usize::MAX, Fault::Fail(ErrorKind::Denied, None));
    // The old instances go first, so that going back has to start them again.
    let mut spec = impatient("never:2", OnFailure::RollBack);
    spec.strategy = Strategy::Recreate;
    let report = executor(&fake).deploy(vec![spec]).await.unwrap();
    let Outcome::Failed { cause, rollback_error: Some(error) } = outcome(&report) else { panic!("{report}") };
    assert_eq!(cause.kind, FailureKind::Step { error: ErrorKind::Denied });
    assert_eq!(error.kind, FailureKind::Step { error: ErrorKind::Denied });
    let all_failed = fake.records("web").iter().all(|(_, status)| *status == RecordStatus::Failed);
    assert!(all_failed, "{:?}", fake.records("web"));
    // Once the target is mended, the old spec is a deployment like any other.
    fake.heal();
    let report = executor(&fake).deploy(vec![super::spec("web", "good:1", 2)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
}

#[tokio::test(start_paused = true)]
async fn what_fails_before_it_is_recorded_changes_nothing() {
    let fake = deployed().await;
    fake.fault("record", usize::MAX, Fault::Fail(ErrorKind::Denied, None));
    let report = executor(&fake).deploy(vec![impatient("good:2", OnFailure::RollBack)]).await.unwrap();
    let Outcome::Failed { rollback_error: None, .. } = outcome(&report) else { panic!("{report}") };
    assert_eq!(fake.summary("web"), "good:1 2/2");
    assert_eq!(fake.records("web"), [(1, RecordStatus::Deployed)]);
}

#[tokio::test(start_paused = true)]
async fn a_change_in_place_that_fails_goes_back_to_the_spec_before_it() {
    let fake = deployed().await;
    fake.fault("start", usize::MAX, Fault::Fail(ErrorKind::Denied, None));
    let mut spec = impatient("good:1", OnFailure::RollBack);
    spec.replicas = Some(5);
    let report = executor(&fake).deploy(vec![spec]).await.unwrap();
    let Outcome::RolledBack { to: Some(_), .. } = outcome(&report) else { panic!("{report}") };
    assert_eq!(fake.summary("web"), "good:1 2/2");
    assert_eq!(fake.records("web"), [(1, RecordStatus::Deployed)]);
    let seen = fake.see(&name("web"));
    assert_eq!(seen.latest_record().unwrap().spec.spec().replicas, Some(2));
}

#[tokio::test(start_paused = true)]
async fn what_worked_is_never_removed_although_no_record_says_so() {
    let fake = deployed().await;
    // A deployer was cut off in the middle of a change in place, which replaced the record.
    let executor = executor(&fake);
    let mut more = impatient("good:1", OnFailure::RollBack);
    more.replicas = Some(3);
    fake.fault("start", usize::MAX, Fault::Hang);
    tokio::time::timeout(Duration::from_secs(30), executor.deploy(vec![more.clone()])).await.unwrap_err();
    assert_eq!(fake.records("web"), [(1, RecordStatus::Deploying)]);
    fake.heal();
    fake.fault("start", usize::MAX, Fault::Fail(ErrorKind::Denied, None));
    let report = executor.deploy(vec![more]).await.unwrap();
    let Outcome::Failed { rollback_error: Some(error), .. } = outcome(&report) else { panic!("{report}") };
    assert_eq!(error.kind, FailureKind::NoWayBack);
    assert_eq!(fake.summary("web"), "good:1 2/2");
}

#[tokio::test(start_paused = true)]
async fn mending_what_had_worked_takes_nothing_back() {
    let fake = deployed().await;
    assert!(executor(&fake).deploy(vec![impatient("good:2", OnFailure::RollBack)]).await.unwrap().is_success());
    fake.lose_instance("web");
    fake.fault("start", usize::MAX, Fault::Fail(ErrorKind::Denied, None));
    let report = executor(&fake).deploy(vec![impatient("good:2", OnFailure::RollBack)]).await.unwrap();
    let Outcome::Failed { rollback_error: None, .. } = outcome(&report) else { panic!("{report}") };
    assert_eq!(fake.summary("web"), "good:2 1/1");
    assert_eq!(fake.records("web"), [(1, RecordStatus::Deployed), (2, RecordStatus::Deployed)]);
}

#[tokio::test(start_paused = true)]
async fn flapping_is_no_progress() {
    let fake = deployed().await;
    let mut spec = impatient("flap:2", OnFailure::Leave);
    spec.strategy = Strategy::Rolling(Rolling { min_ready: Duration::from_secs(5), ..Rolling::default() });
    // Often enough to see each time that it is ready.
    let options = options().with_poll(Duration::from_millis(500), Duration::from_millis(500));
    let report = executor_with(&fake, options).deploy(vec![spec]).await.unwrap();
    let report = &report.services[&name("web")];
    let Outcome::Failed { cause, .. } = &report.outcome else { panic!("{}", report.outcome) };
    assert_eq!(cause.kind, FailureKind::Deadline { limit: Duration::from_mins(1) });
    assert!(report.elapsed < Duration::from_mins(3), "{:?}", report.elapsed);
}

#[tokio::test(start_paused = true)]
async fn a_long_hold_is_not_a_standstill() {
    let fake = Fake::new();
    let canary = |image: &str| {
        let mut spec = impatient(image, OnFailure::RollBack);
        let stage = Stage { share: Share::percent(50), hold: Duration::from_hours(3), ..Stage::default() };
        spec.strategy = Strategy::Canary(Canary { min_ready: Duration::ZERO, stages: vec![stage] });
        spec
    };
    assert!(executor(&fake).deploy(vec![canary("good:1")]).await.unwrap().is_success());
    let report = executor(&fake).deploy(vec![canary("good:2")]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert!(report.services[&name("web")].elapsed > Duration::from_hours(3));
}

#[tokio::test(start_paused = true)]
async fn steps_that_change_nothing_are_no_progress() {
    let fake = deployed().await;
    let report = executor(&fake).deploy(vec![impatient("ghost:2", OnFailure::RollBack)]).await.unwrap();
    let Outcome::RolledBack { to: Some(_), cause } = outcome(&report) else { panic!("{report}") };
    assert_eq!(cause.kind, FailureKind::Deadline { limit: Duration::from_mins(1) });
    assert_eq!(cause.doing, "roll out");
    assert!(fake.count("start") < 20, "{} starts", fake.count("start"));
}

#[tokio::test(start_paused = true)]
async fn what_worked_does_not_go_back_to_something_older() {
    let fake = deployed().await;
    let executor = executor(&fake);
    assert!(executor.deploy(vec![impatient("good:2", OnFailure::RollBack)]).await.unwrap().is_success());
    // A deployer was cut off in the middle of a change in place.
    let mut more = impatient("good:2", OnFailure::RollBack);
    more.replicas = Some(3);
    fake.fault("start", usize::MAX, Fault::Hang);
    tokio::time::timeout(Duration::from_secs(30), executor.deploy(vec![more.clone()])).await.unwrap_err();
    fake.heal();
    fake.fault("start", usize::MAX, Fault::Fail(ErrorKind::Denied, None));
    let report = executor.deploy(vec![more]).await.unwrap();
    let Outcome::Failed { rollback_error: Some(error), .. } = outcome(&report) else { panic!("{report}") };
    assert_eq!(error.kind, FailureKind::NoWayBack);
    assert_eq!(fake.summary("web"), "good:2 2/2");
}
