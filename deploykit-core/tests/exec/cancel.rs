use deploykit_core::RecordStatus;
use deploykit_core::exec::RunError;

use super::fake::Fault;
use super::*;

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_lets_what_runs_finish_and_begins_nothing() {
    let fake = deployed().await;
    fake.fault("start", 1, Fault::Delay(Duration::from_secs(4)));
    let executor = executor(&fake);
    let running = executor.clone();
    let begun = tokio::spawn(async move { running.deploy(vec![spec("web", "good:2", 2)]).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    executor.stop();
    let report = begun.await.unwrap().unwrap();
    let Outcome::Cancelled { left_at } = outcome(&report) else { panic!("{report}") };
    assert_eq!(left_at.counts.values().map(|counts| counts.total).sum::<u32>(), 2, "the start was not seen yet");
    assert_eq!(report.services[&name("web")].elapsed, Duration::from_secs(4));
    assert_eq!(fake.summary("web"), "good:1 2/2, good:2 0/1");
    assert_eq!(fake.lease_holder("web"), None);
    // Running again goes on from there.
    let report = super::executor(&fake).deploy(vec![spec("web", "good:2", 2)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    assert_eq!(fake.summary("web"), "good:2 2/2");
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_does_not_wait_for_ever() {
    let fake = deployed().await;
    fake.fault("start", 1, Fault::Hang);
    let executor = executor(&fake);
    let running = executor.clone();
    let begun = tokio::spawn(async move { running.deploy(vec![spec("web", "good:2", 2)]).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    executor.stop();
    let report = begun.await.unwrap().unwrap();
    assert!(matches!(outcome(&report), Outcome::Cancelled { .. }), "{report}");
    assert_eq!(report.services[&name("web")].elapsed, Duration::from_secs(11));
    assert_eq!(fake.lease_holder("web"), None);
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_ends_whatever_it_waits_for() {
    // While it waits for an instance, while a look hangs, while the lease is another's.
    for what in ["nothing", "observe", "acquire"] {
        let fake = deployed().await;
        if what != "nothing" {
            fake.fault_later(what, usize::from(what == "observe"), usize::MAX, Fault::Hang);
        }
        let executor = executor(&fake);
        let running = executor.clone();
        let begun = tokio::spawn(async move { running.deploy(vec![spec("web", "slow:2", 2)]).await });
        tokio::time::sleep(Duration::from_secs(5)).await;
        executor.stop();
        let report = begun.await.unwrap().unwrap();
        assert!(matches!(outcome(&report), Outcome::Cancelled { .. }), "{report}");
        assert_eq!(report.services[&name("web")].elapsed, Duration::from_secs(5), "{what}");
        assert_eq!(fake.lease_holder("web"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn told_to_abort_it_ends_at_once() {
    let fake = deployed().await;
    fake.fault("start", 1, Fault::Hang);
    let executor = executor(&fake);
    let running = executor.clone();
    let begun = tokio::spawn(async move { running.deploy(vec![spec("web", "good:2", 2)]).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = fake.now();
    executor.abort();
    let report = begun.await.unwrap().unwrap();
    assert!(matches!(outcome(&report), Outcome::Cancelled { .. }), "{report}");
    assert_eq!(fake.now(), before);
    let error = executor.deploy(vec![spec("web", "good:2", 2)]).await.unwrap_err();
    assert!(matches!(error, RunError::Cancelled), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_run_may_be_dropped_at_any_time_and_run_again() {
    for moment in 0..60 {
        let fake = deployed().await;
        fake.fault("start", usize::MAX, Fault::Delay(Duration::from_millis(300)));
        fake.fault("observe", usize::MAX, Fault::Delay(Duration::from_millis(150)));
        fake.fault("route", usize::MAX, Fault::Delay(Duration::from_millis(200)));
        let executor = executor(&fake);
        let run = executor.deploy(vec![spec("web", "good:2", 2)]);
        let _ = tokio::time::timeout(Duration::from_millis(moment * 150), run).await;
        // Whatever the dropped run had begun does not go on.
        let calls = fake.calls().len();
        tokio::time::sleep(Duration::from_millis(1)).await;
        let later: Vec<_> = fake.calls().split_off(calls);
        assert!(later.iter().all(|call| call.contains(" release ")), "{moment}: {later:?}");
        let report = executor.deploy(vec![spec("web", "good:2", 2)]).await.unwrap();
        assert!(report.is_success(), "{moment}: {report}");
        assert_eq!(fake.summary("web"), "good:2 2/2", "{moment}");
        assert_eq!(fake.records("web"), [(1, RecordStatus::Deployed), (2, RecordStatus::Deployed)]);
        assert_eq!(fake.lease_holder("web"), None);
    }
}
