use deploykit_core::exec::{FailureKind, Options};
use deploykit_core::{ErrorKind, RecordStatus};

use super::fake::Fault;
use super::*;

fn holder(name: &str) -> Options {
    options().with_holder(name)
}

#[tokio::test(start_paused = true)]
async fn two_deployers_do_not_fight() {
    let fake = deployed().await;
    let (first, second) = (executor_with(&fake, holder("first")), executor_with(&fake, holder("second")));
    let begun = tokio::spawn(async move { first.deploy(vec![spec("web", "slow:2", 2)]).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let report = second.deploy(vec![spec("web", "good:3", 2)]).await.unwrap();
    let Outcome::Halted { cause } = outcome(&report) else { panic!("{report}") };
    assert_eq!(cause.kind, FailureKind::Held);
    assert!(cause.to_string().contains("holder: first"), "{cause}");
    assert_eq!(outcome(&begun.await.unwrap().unwrap()), &CHANGED);
    assert_eq!(fake.summary("web"), "slow:2 2/2");
}

#[tokio::test(start_paused = true)]
async fn one_may_wait_for_the_lease() {
    let fake = deployed().await;
    let first = executor_with(&fake, holder("first"));
    let begun = tokio::spawn(async move { first.deploy(vec![spec("web", "slow:2", 1)]).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let second = executor_with(&fake, holder("second").with_wait_for_lease(Duration::from_mins(5)));
    let report = second.deploy(vec![spec("web", "good:3", 2)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert_eq!(outcome(&begun.await.unwrap().unwrap()), &CHANGED);
    assert_eq!(fake.summary("web"), "good:3 2/2");
}

#[tokio::test(start_paused = true)]
async fn a_stolen_lease_stops_the_one_that_had_it() {
    let fake = deployed().await;
    let first = executor_with(&fake, holder("first"));
    let begun = tokio::spawn(async move { first.deploy(vec![spec("web", "slow:2", 3)]).await });
    tokio::time::sleep(Duration::from_secs(5)).await;
    let second = executor_with(&fake, holder("second").with_steal(true));
    assert_eq!(outcome(&second.deploy(vec![spec("web", "good:3", 2)]).await.unwrap()), &CHANGED);
    let report = begun.await.unwrap().unwrap();
    let Outcome::Halted { cause } = outcome(&report) else { panic!("{report}") };
    assert_eq!(cause.kind, FailureKind::LeaseLost);
    // It noticed when it renewed its lease, and changed nothing, not even a record.
    assert!(report.services[&name("web")].elapsed <= Duration::from_secs(10));
    assert_eq!(fake.summary("web"), "good:3 2/2");
    assert_eq!(fake.records("web").last(), Some(&(3, RecordStatus::Deployed)));
}

#[tokio::test(start_paused = true)]
async fn a_step_with_an_old_token_ends_everything() {
    let fake = deployed().await;
    fake.fault("start", 1, Fault::Delay(Duration::from_secs(3)));
    let executor = executor(&fake);
    let begun = tokio::spawn(async move { executor.deploy(vec![spec("web", "good:2", 2)]).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    fake.steal("web", "somebody");
    let report = begun.await.unwrap().unwrap();
    let Outcome::Halted { cause } = outcome(&report) else { panic!("{report}") };
    assert_eq!(cause.kind, FailureKind::LeaseLost);
    assert_eq!(fake.summary("web"), "good:1 2/2");
    assert_eq!(fake.count("record"), 1, "only the one that began it");
    assert_eq!(fake.lease_holder("web").as_deref(), Some("somebody"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_as_long_as_it_takes() {
    let fake = deployed().await;
    let report = executor(&fake).deploy(vec![spec("web", "slow:2", 2)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    let elapsed = report.services[&name("web")].elapsed.as_secs();
    assert!(elapsed > 120);
    assert_eq!(fake.count("renew"), usize::try_from(elapsed / 10).unwrap());
    assert_eq!((fake.count("acquire"), fake.count("release")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_for_a_while_does_no_harm() {
    let fake = deployed().await;
    fake.fault("renew", 3, Fault::Fail(ErrorKind::Unavailable, None));
    let report = executor(&fake).deploy(vec![spec("web", "slow:2", 2)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert_eq!(fake.count("acquire"), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_while_the_lease_has_lapsed() {
    let fake = deployed().await;
    fake.fault("renew", usize::MAX, Fault::Hang);
    // For longer than it takes until there is something to do.
    fake.fault_later("acquire", 1, 8, Fault::Fail(ErrorKind::Unavailable, None));
    let report = executor(&fake).deploy(vec![spec("web", "slow:2", 2)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    // Held from 0 s, as good as lost from 24 s on, and taken again later.
    let acquired: Vec<u64> = fake
        .calls()
        .iter()
        .filter_map(|call| call.split_once(" acquire").map(|(time, _)| time.parse().unwrap()))
        .collect();
    assert!(acquired[9] > 70_000, "{acquired:?}");
    let changes = ["start", "stop", "route", "record"];
    let lapsed = acquired[0] + 24_000..acquired[9];
    let while_lapsed = fake.calls().into_iter().filter(|call| {
        let (time, what) = call.split_once(' ').unwrap();
        lapsed.contains(&time.parse().unwrap()) && changes.iter().any(|change| what.starts_with(change))
    });
    assert_eq!(while_lapsed.collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn two_runs_of_one_executor_do_not_share_a_lease() {
    let fake = deployed().await;
    let executor = executor(&fake);
    let other = executor.clone();
    let begun = tokio::spawn(async move { other.deploy(vec![spec("web", "slow:2", 2)]).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let report = executor.deploy(vec![spec("web", "good:3", 2)]).await.unwrap();
    let Outcome::Halted { cause } = outcome(&report) else { panic!("{report}") };
    assert_eq!(cause.kind, FailureKind::Held);
    assert_eq!(outcome(&begun.await.unwrap().unwrap()), &CHANGED);
}
