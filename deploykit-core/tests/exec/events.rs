use deploykit_core::event::{Ending, Event, EventKind};
use deploykit_core::exec::EventStream;

use super::*;

fn text(event: &Event) -> String {
    let text = event.to_string();
    // The digest of a revision says nothing to a reader of this file.
    let mut words: Vec<_> = text.split("r1-").map(str::to_owned).collect();
    for word in words.iter_mut().skip(1) {
        word.replace_range(..12, "");
    }
    format!("{} {}", event.at.since(START).as_millis(), words.join("r"))
}

async fn drain(mut events: EventStream) -> Vec<Event> {
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push(event);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn everything_that_happens_is_told_in_order() {
    let fake = Fake::new();
    let executor = executor_with(&fake, options().with_holder("a test"));
    let events = executor.events();
    let report = executor.deploy(vec![spec("web", "good:1", 2)]).await.unwrap();
    assert!(report.is_success());
    drop(executor);
    let events = drain(events).await;
    assert!(events.iter().enumerate().all(|(index, event)| event.seq == index as u64));
    insta::assert_snapshot!(events.iter().map(text).collect::<Vec<_>>().join("\n"));
    for event in events {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event, "{json}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told() {
    let fake = deployed().await;
    let executor = executor(&fake);
    let events = executor.events();
    let _ = executor.deploy(vec![impatient("crash:2", OnFailure::RollBack)]).await.unwrap();
    drop(executor);
    let events = drain(events).await;
    let has = |is: fn(&EventKind) -> bool| events.iter().any(|event| is(&event.kind));
    assert!(has(|kind| matches!(kind, EventKind::Alarm { .. })));
    assert!(has(|kind| matches!(kind, EventKind::RollbackStarted { to: Some(_), .. })));
    assert!(has(|kind| matches!(kind, EventKind::Finished { ending: Ending::RolledBack, .. })));
    insta::assert_snapshot!(text(&events[events.len() - 1]), @"21804 run finished: 1 rolled back");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_holds_up_nothing() {
    let fake = Fake::new();
    let executor = executor_with(&fake, options().with_event_buffer(8));
    let mut events = executor.events();
    assert!(executor.deploy(vec![spec("web", "good:1", 2)]).await.unwrap().is_success());
    drop(executor);
    let first = events.next().await.unwrap();
    let EventKind::Lagged { missed } = first.kind else { panic!("{first}") };
    let rest = drain(events).await;
    assert_eq!(rest.len(), 8);
    assert_eq!(rest[0].seq, missed);
    assert!(matches!(rest[7].kind, EventKind::RunFinished { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_gone_is_no_matter() {
    let fake = Fake::new();
    let executor = executor(&fake);
    drop(executor.events());
    assert!(executor.deploy(vec![spec("web", "good:1", 2)]).await.unwrap().is_success());
}
