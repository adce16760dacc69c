use deploykit_core::exec::{FailureKind, Options};
use deploykit_core::memory::{Faults, MemoryTarget};
use deploykit_core::{Control, ErrorKind, RecordStatus, Retry};

use super::fake::Fault;
use super::*;

/// The virtual milliseconds of the calls that begin so.
fn times(fake: &Fake, what: &str) -> Vec<u64> {
    let calls = fake.calls();
    let call = |call: &String| {
        let (time, rest) = call.split_once(' ').unwrap();
        rest.starts_with(what).then(|| time.parse().unwrap())
    };
    calls.iter().filter_map(call).collect()
}

fn gaps(times: &[u64]) -> Vec<u64> {
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_with_longer_and_longer_pauses() {
    let fake = Fake::new();
    fake.fault("start", 4, Fault::Fail(ErrorKind::Unavailable, None));
    let report = executor(&fake).deploy(vec![spec("web", "good:1", 1)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert_eq!(gaps(&times(&fake, "start")), [500, 1000, 2000, 4000]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_asks_for_a_pause_gets_it() {
    let fake = Fake::new();
    let later = Retry::Later { after: Some(Duration::from_secs(17)) };
    fake.fault("start", 1, Fault::Fail(ErrorKind::RateLimited, Some(later)));
    let report = executor(&fake).deploy(vec![spec("web", "good:1", 1)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert_eq!(gaps(&times(&fake, "start")), [17_000]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_took_effect_and_failed_is_not_taken_again() {
    let fake = Fake::new();
    fake.fault("start", 1, Fault::FailAfter(ErrorKind::Timeout));
    let report = executor(&fake).deploy(vec![spec("web", "good:1", 1)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert_eq!(fake.count("start"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_hangs_is_dropped_and_tried_again() {
    let fake = Fake::new();
    fake.fault("start", 1, Fault::Hang);
    let options = options().with_step_timeout(Duration::from_secs(20));
    let report = executor_with(&fake, options).deploy(vec![spec("web", "good:1", 1)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert_eq!(gaps(&times(&fake, "start")), [20_500]);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_for_ever_ends_at_the_deadline() {
    let fake = Fake::new();
    fake.fault_later("observe", 2, usize::MAX, Fault::Fail(ErrorKind::Unavailable, None));
    let report = executor(&fake).deploy(vec![impatient("good:1", OnFailure::RollBack)]).await.unwrap();
    let report = &report.services[&name("web")];
    let Outcome::Failed { cause, .. } = &report.outcome else { panic!("{}", report.outcome) };
    assert_eq!(cause.kind, FailureKind::Observe { error: ErrorKind::Unavailable });
    assert!(cause.waited >= Duration::from_mins(1), "{}", cause.report());
    assert_eq!(cause.error.as_deref(), Some("cannot observe web on fake: target unavailable"));
    assert_eq!(fake.lease_holder("web"), None);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_before_anything_began_is_an_error() {
    let fake = deployed().await;
    fake.fault("observe", usize::MAX, Fault::Fail(ErrorKind::Unavailable, None));
    let error = executor(&fake).deploy(vec![spec("web", "good:2", 2)]).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot observe web on fake: target unavailable");
    assert_eq!(fake.count("observe"), 5);
}

#[tokio::test(start_paused = true)]
async fn looks_that_fail_now_and_then_do_no_harm() {
    let fake = Fake::new();
    for skip in [1, 2, 3, 5] {
        fake.fault_later("observe", skip, 1, Fault::Fail(ErrorKind::Unavailable, None));
    }
    fake.fault_later("observe", 6, 1, Fault::Hang);
    let report = executor(&fake).deploy(vec![spec("web", "good:1", 2)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert_eq!(fake.records("web"), [(1, RecordStatus::Deployed)]);
}

#[tokio::test(start_paused = true)]
async fn no_more_steps_than_allowed_run_at_once() {
    let slow = |fake: &Fake| fake.fault("start", usize::MAX, Fault::Delay(Duration::from_secs(1)));
    let run = async |options: Options, concurrency| {
        let fake = Fake::new().with_caps(|caps| caps.concurrency = concurrency);
        slow(&fake);
        let specs = ["a", "b", "c"].map(|service| spec(service, "good:1", 10));
        let report = executor_with(&fake, options).deploy(specs.into()).await.unwrap();
        assert!(report.is_success(), "{report}");
        fake.most_at_once()
    };
    assert_eq!(run(options(), 100).await, 24);
    assert_eq!(run(options().with_steps_per_service(3), 100).await, 9);
    assert_eq!(run(options().with_steps_in_all(5), 100).await, 5);
    assert_eq!(run(options(), 2).await, 2);
}

#[tokio::test(start_paused = true)]
async fn an_effect_that_shows_late_is_not_repeated_at_once() {
    // The observation after the round still shows what was before it.
    let fake = Fake::new();
    fake.lag_behind(Duration::from_secs(3), false);
    let report = executor(&fake).deploy(vec![spec("web", "good:1", 2)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert!(fake.count("start") <= 8, "{} starts", fake.count("start"));
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_be_out_of_date_is_not_decided_on() {
    let fake = deployed().await;
    for skip in 2..30 {
        fake.fault_later("observe", skip, usize::from(skip % 3 > 0), Fault::Stale(Duration::from_secs(3)));
    }
    let report = executor(&fake).deploy(vec![spec("web", "good:2", 2)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert_eq!((fake.count("start"), fake.count("stop"), fake.count("record")), (2, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_does_not_hold_it_up_for_ever() {
    let fake = deployed().await;
    let clock = fake.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        clock.set_back(Duration::from_mins(1));
    });
    let report = executor(&fake).deploy(vec![spec("web", "good:2", 2)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    // Until the clock has caught up, nothing is old enough; but that is then what is waited for.
    assert!(fake.count("observe") < 100, "{} looks", fake.count("observe"));
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_no_further_step_of_the_round_begins() {
    let fake = Fake::new();
    fake.fault("start", 1, Fault::Fail(ErrorKind::Denied, None));
    let mut wrong = impatient("good:1", OnFailure::Leave);
    wrong.replicas = Some(5);
    let report = executor_with(&fake, options().with_steps_per_service(2)).deploy(vec![wrong]).await.unwrap();
    assert!(matches!(outcome(&report), Outcome::Failed { .. }), "{report}");
    assert_eq!(fake.count("start"), 2);
}

#[tokio::test(start_paused = true)]
async fn publishing_may_take_longer_than_a_rollout_may_stand_still() {
    let fake = Fake::new().with_caps(|caps| caps.publish = true);
    fake.fault("publish", 1, Fault::Delay(Duration::from_mins(20)));
    let report = executor(&fake).deploy(vec![impatient("good:1", OnFailure::RollBack)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);

    // Each try that fails costs a minute of the deadline, so that it comes to an end.
    let fake = Fake::new().with_caps(|caps| caps.publish = true);
    fake.fault("publish", usize::MAX, Fault::Hang);
    let report = executor(&fake).deploy(vec![impatient("good:1", OnFailure::RollBack)]).await.unwrap();
    let Outcome::Failed { cause, .. } = outcome(&report) else { panic!("{report}") };
    assert_eq!(cause.kind, FailureKind::Deadline { limit: Duration::from_mins(1) });
    assert!(cause.error.as_ref().unwrap().starts_with("cannot publish web r1-"), "{cause}");
    assert_eq!(fake.count("publish"), 1);
}

/// A platform that is told with compare and swap, and has one instance ready.
async fn platform() -> (MemoryTarget, Executor) {
    let target = MemoryTarget::builder("platform").control(Control::Platform).build();
    let executor = Executor::builder(Targets::single(target.clone())).with_options(options()).build();
    assert_eq!(outcome(&executor.deploy(vec![spec("web", "good:1", 2)]).await.unwrap()), &CHANGED);
    (target, executor)
}

#[tokio::test(start_paused = true)]
async fn a_submission_that_is_out_of_date_is_decided_on_again_but_not_for_ever() {
    // The first action writes the record; the second submits.
    for (conflicts, completes) in [(3, true), (9, false)] {
        let (target, executor) = platform().await;
        let faults = (2..2 + conflicts).fold(Faults::none(), |faults, n| faults.fail_nth(n, ErrorKind::Conflict));
        target.set_faults(faults);
        let report = executor.deploy(vec![impatient("good:2", OnFailure::Leave)]).await.unwrap();
        match outcome(&report) {
            Outcome::Completed { changed: true } => assert!(completes),
            Outcome::Failed { cause, .. } => {
                assert_eq!(cause.kind, FailureKind::Step { error: ErrorKind::Conflict });
                assert!(!completes);
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_other_conflict_is_final() {
    let fake = Fake::new();
    fake.fault("start", 1, Fault::Fail(ErrorKind::Conflict, None));
    let report = executor(&fake).deploy(vec![impatient("good:1", OnFailure::Leave)]).await.unwrap();
    let Outcome::Failed { cause, .. } = outcome(&report) else { panic!("{report}") };
    assert_eq!(cause.kind, FailureKind::Step { error: ErrorKind::Conflict });
}
