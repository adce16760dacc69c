//! Whole roads, in a notation of one line a round.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::action::Action;
use crate::capability::{Capabilities, Control};
use crate::observed::{Instance, Phase, State};
use crate::pin::{PinnedSpec, Pins};
use crate::record::{Record, RecordStatus};
use crate::spec::{Artifact, BlueGreen, Canary, Gate, MatchRule, Rolling, ServiceSpec, Stage, Strategy};
use crate::time::Timestamp;
use crate::traffic::{Endpoint, Split, Traffic};
use crate::units::{Amount, Share};

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn caps() -> Capabilities {
    let mut caps = Capabilities::new(Control::Instances, ["image"]);
    (caps.records, caps.route, caps.weights, caps.match_rules) = (true, true, true, true);
    caps
}

fn pinned(version: &str, replicas: u32, strategy: Strategy) -> Arc<PinnedSpec> {
    let spec = ServiceSpec::builder("web", Artifact::image(format!("web:{version}"))).replicas(replicas);
    Arc::new(PinnedSpec::new(spec.strategy(strategy).build().unwrap(), Pins::default()).unwrap())
}

fn rolling(surge: u32, unavailable: u32) -> Strategy {
    let (max_surge, max_unavailable) = (Amount::Count(surge), Amount::Count(unavailable));
    Strategy::Rolling(Rolling { max_surge, max_unavailable, ..Rolling::default() })
}

fn record(spec: &Arc<PinnedSpec>, sequence: u64, status: RecordStatus) -> Record {
    Record { sequence, at: NOW, status, proven: false, promoted: 0, spec: Arc::clone(spec) }
}

/// What is there when `spec` was deployed and all is well.
fn deployed(spec: &Arc<PinnedSpec>, routed: bool) -> Observed {
    let id = |ordinal| InstanceId { service: spec.service().clone(), revision: spec.revision().clone(), ordinal };
    let replicas = spec.spec().replicas.unwrap();
    let instances: Vec<_> =
        (0..replicas).map(|ordinal| Instance::new(id(ordinal), Phase::Ready, Timestamp::EPOCH)).collect();
    let mut seen = Observed::empty(spec.service().clone(), NOW, State::Instances(instances));
    if routed {
        let endpoints: BTreeMap<_, _> = (0..replicas).map(|ordinal| (id(ordinal), Endpoint::admitted(NOW))).collect();
        seen.traffic = Some(Traffic { split: Split::default(), since: NOW, endpoints });
    }
    seen.records = vec![record(spec, 1, RecordStatus::Deployed)];
    seen
}

fn nothing(routed: bool) -> Observed {
    let service = ServiceName::new("web").unwrap();
    let mut seen = Observed::empty(service, NOW, State::Instances(Vec::new()));
    seen.traffic = routed.then(Traffic::default);
    seen
}

/// `+new0` start, `-old0` stop, `>new0` admit, `<old0` withdraw, `[..]` split; then ready/total.
fn road(goal: &Goal, seen: &Observed) -> Vec<String> {
    let name = |id: &InstanceId| {
        let which = if Some(&id.revision) == goal.revision() { "new" } else { "old" };
        format!("{which}{}", id.ordinal)
    };
    let step = |step: &Step| match &step.action {
        Action::Start { id, attempt: 0, .. } => format!("+{}", name(id)),
        Action::Start { id, attempt, .. } => format!("+{}#{attempt}", name(id)),
        Action::Stop { id, .. } => format!("-{}", name(id)),
        Action::Record { record } => format!("record:{:?}", record.status),
        Action::Forget { .. } => "forget".to_owned(),
        Action::Route { change, .. } => {
            let mut text: Vec<String> = change.admit.iter().map(|id| format!(">{}", name(id))).collect();
            text.extend(change.withdraw.iter().map(|id| format!("<{}", name(id))));
            text.extend(change.split.as_ref().map(|split| {
                let share = goal.revision().and_then(|revision| split.shares.of(revision));
                let marked = if split.test_users.is_some() { "+test" } else { "" };
                share.map_or("[even]".to_owned(), |share| format!("[{share}{marked}]"))
            }));
            text.join(" ")
        }
        other => other.verb().to_owned(),
    };
    let round = |round: &Round| {
        let wait = round.wait.as_ref().map(|why| {
            let text = format!("{why:?}");
            format!("({}) ", text.split([' ', '{']).next().unwrap_or_default())
        });
        let steps: Vec<_> = round.steps.iter().map(step).collect();
        format!("{}{} = {}/{}", wait.unwrap_or_default(), steps.join(" "), round.after.ready, round.after.total)
    };
    preview(goal, seen, &caps()).unwrap().iter().map(round).collect()
}

#[test]
fn first_deployment() {
    let goal = Goal::Run(pinned("1", 3, rolling(1, 0)));
    insta::assert_snapshot!(road(&goal, &nothing(true)).join("\n"));
    insta::assert_snapshot!(road(&goal, &nothing(false)).join("\n"));
}

#[test]
fn rolling_one_more() {
    let old = pinned("1", 3, rolling(1, 0));
    let goal = Goal::Run(pinned("2", 3, rolling(1, 0)));
    insta::assert_snapshot!(road(&goal, &deployed(&old, true)).join("\n"));
    insta::assert_snapshot!(road(&goal, &deployed(&old, false)).join("\n"));
}

#[test]
fn rolling_one_less() {
    let old = pinned("1", 3, rolling(0, 1));
    let goal = Goal::Run(pinned("2", 3, rolling(0, 1)));
    insta::assert_snapshot!(road(&goal, &deployed(&old, true)).join("\n"));
}

#[test]
fn recreate() {
    let old = pinned("1", 2, Strategy::Recreate);
    let goal = Goal::Run(pinned("2", 2, Strategy::Recreate));
    insta::assert_snapshot!(road(&goal, &deployed(&old, true)).join("\n"));
}

#[test]
fn scaling_touches_only_the_difference() {
    let old = pinned("1", 3, rolling(1, 0));
    insta::assert_snapshot!(road(&Goal::Run(pinned("1", 5, rolling(1, 0))), &deployed(&old, true)).join("\n"));
    insta::assert_snapshot!(road(&Goal::Run(pinned("1", 1, rolling(1, 0))), &deployed(&old, true)).join("\n"));
}

#[test]
fn a_change_in_place_writes_one_record() {
    let old = pinned("1", 3, rolling(1, 0));
    let goal = Goal::Run(pinned("1", 3, rolling(2, 0)));
    assert_eq!(road(&goal, &deployed(&old, true)), ["record:Deployed = 3/3"]);
}

#[test]
fn nothing_to_do() {
    let old = pinned("1", 3, rolling(1, 0));
    assert_eq!(road(&Goal::Run(old.clone()), &deployed(&old, true)), [""; 0]);
}

#[test]
fn removal() {
    let old = pinned("1", 2, rolling(1, 0));
    insta::assert_snapshot!(road(&Goal::Remove(old.service().clone()), &deployed(&old, true)).join("\n"));
}

#[test]
fn blue_green() {
    let strategy = Strategy::BlueGreen(BlueGreen::default());
    let old = pinned("1", 2, strategy.clone());
    insta::assert_snapshot!(road(&Goal::Run(pinned("2", 2, strategy)), &deployed(&old, true)).join("\n"));
}

fn canary() -> Strategy {
    let rule = MatchRule { header: BTreeMap::from([("x-test".to_owned(), "1".to_owned())]), ..MatchRule::default() };
    let minute = Duration::from_mins(1);
    Strategy::Canary(Canary {
        min_ready: Duration::ZERO,
        stages: vec![
            Stage { test_users: Some(rule), hold: minute, ..Stage::default() },
            Stage { share: Share::percent(25), hold: minute, ..Stage::default() },
            Stage { share: Share::percent(50), gate: Some(Gate::Manual), ..Stage::default() },
        ],
    })
}

#[test]
fn canary_until_its_gate() {
    let old = pinned("1", 4, canary());
    insta::assert_snapshot!(road(&Goal::Run(pinned("2", 4, canary())), &deployed(&old, true)).join("\n"));
}

/// The observation in the middle of the canary: half of the users, its gate still closed.
fn at_the_gate(promoted: u32) -> (Arc<PinnedSpec>, Arc<PinnedSpec>, Observed) {
    let (old, new) = (pinned("1", 4, canary()), pinned("2", 4, canary()));
    let mut seen = deployed(&old, true);
    let more = deployed(&new, true);
    let (State::Instances(all), State::Instances(two)) = (&mut seen.state, more.state) else { unreachable!() };
    all.extend(two.into_iter().take(2));
    let traffic = seen.traffic.as_mut().unwrap();
    traffic.endpoints.extend(more.traffic.unwrap().endpoints.into_iter().take(2));
    let half = [(old.revision().clone(), Share::percent(50)), (new.revision().clone(), Share::percent(50))];
    traffic.split.shares = Shares::weighted(half).unwrap();
    seen.records.push(Record { promoted, ..record(&new, 2, RecordStatus::Deploying) });
    (old, new, seen)
}

#[test]
fn canary_after_its_gate() {
    let (_, new, seen) = at_the_gate(1);
    insta::assert_snapshot!(road(&Goal::Run(new), &seen).join("\n"));
}

#[test]
fn back_from_the_middle_of_a_canary_in_one_move() {
    let (old, _, seen) = at_the_gate(0);
    insta::assert_snapshot!(road(&Goal::RollBack(old), &seen).join("\n"));
}

#[test]
fn a_third_revision_in_the_middle_of_a_canary() {
    let (_, _, seen) = at_the_gate(0);
    insta::assert_snapshot!(road(&Goal::Run(pinned("3", 4, canary())), &seen).join("\n"));
    insta::assert_snapshot!(road(&Goal::Run(pinned("3", 4, rolling(1, 0))), &seen).join("\n"));
}

#[test]
fn repairs() {
    let old = pinned("1", 3, rolling(1, 0));
    let mut seen = deployed(&old, true);
    let State::Instances(all) = &mut seen.state else { unreachable!() };
    all[0].phase = Phase::Exited { code: 1 };
    all[2].phase = Phase::Unhealthy;
    insta::assert_snapshot!(road(&Goal::Run(old), &seen).join("\n"));
}

#[test]
fn a_revision_that_never_worked_and_crashes_is_stuck() {
    let old = pinned("1", 3, rolling(1, 0));
    let new = pinned("2", 3, rolling(1, 0));
    let mut seen = deployed(&old, true);
    seen.records.push(record(&new, 2, RecordStatus::Deploying));
    let State::Instances(all) = &mut seen.state else { unreachable!() };
    let id = InstanceId { revision: new.revision().clone(), ..all[0].id.clone() };
    all.push(Instance::new(id, Phase::Exited { code: 3 }, NOW).with_attempt(5));
    let decision = next(&Goal::Run(new), &seen, &caps()).unwrap();
    assert!(
        matches!(decision, Decision::Stuck { why: StuckReason::CrashLoop { code: 3, attempts: 6, .. } }),
        "{decision:?}"
    );
}
