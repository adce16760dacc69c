//! What holds for every plan, whatever was observed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deploykit_core::plan::{Decision, Round, next, preview};
use deploykit_core::spec::{Artifact, BlueGreen, Canary, Rolling, Stage, Strategy as Rollout};
use deploykit_core::units::{Amount, Share};
use deploykit_core::{
    Action, Capabilities, Control, Endpoint, Goal, Instance, InstanceId, Observed, Phase, PinnedSpec, Pins, Record,
    RecordStatus, ServiceName, ServiceSpec, Shares, Split, State, Step, Timestamp, Traffic,
};
use proptest::prelude::*;

#[path = "support/ideal.rs"]
mod ideal;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn pinned(version: u8, replicas: u32, strategy: &Rollout) -> Arc<PinnedSpec> {
    let spec = ServiceSpec::builder("web", Artifact::image(format!("web:{version}"))).replicas(replicas);
    let spec = spec.strategy(strategy.clone()).build().expect("a spec");
    Arc::new(PinnedSpec::new(spec, Pins::default()).expect("all pinned"))
}

fn caps() -> Capabilities {
    let mut caps = Capabilities::new(Control::Instances, ["image"]);
    (caps.records, caps.route, caps.weights, caps.match_rules) = (true, true, true, true);
    caps
}

fn strategies() -> impl Strategy<Value = Rollout> {
    let min_ready = prop_oneof![Just(Duration::ZERO), Just(Duration::from_secs(5))];
    let rolling = (0_u32..3, 0_u32..3, min_ready.clone())
        .prop_filter("something has to move", |(surge, unavailable, _)| surge + unavailable > 0)
        .prop_map(|(surge, unavailable, min_ready)| {
            let (max_surge, max_unavailable) = (Amount::Count(surge), Amount::Count(unavailable));
            Rollout::Rolling(Rolling { max_surge, max_unavailable, min_ready })
        });
    let stage =
        |share, hold: u64| Stage { share: Share::percent(share), hold: Duration::from_secs(hold), ..Stage::default() };
    let canary = (min_ready, 1_u8..40).prop_map(move |(min_ready, share)| {
        Rollout::Canary(Canary { min_ready, stages: vec![stage(0, 0), stage(share, 10), stage(share + 40, 10)] })
    });
    prop_oneof![4 => rolling, 1 => Just(Rollout::Recreate), 1 => Just(Rollout::BlueGreen(BlueGreen::default())), 2 => canary]
}

#[derive(Clone)]
struct Case {
    goal: Goal,
    seen: Observed,
}

/// Short enough to read in a failure.
impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let State::Instances(all) = &self.seen.state else { unreachable!() };
        let replicas = |spec: &PinnedSpec| spec.spec().replicas.unwrap_or(1);
        match &self.goal {
            Goal::Run(s) => {
                writeln!(f, "run {} of {}, {:?}", s.revision(), replicas(s), s.spec().strategy)?;
            }
            Goal::RollBack(s) => writeln!(f, "back to {} of {}", s.revision(), replicas(s))?,
            other => writeln!(f, "{other:?}")?,
        }
        for i in all {
            let endpoint = self.seen.traffic.as_ref().and_then(|traffic| traffic.endpoints.get(&i.id));
            writeln!(f, "  {} {:?} since {} #{} {endpoint:?}", i.id, i.phase, i.since, i.attempt)?;
        }
        writeln!(f, "  split {:?}", self.seen.traffic.as_ref().map(|traffic| &traffic.split))?;
        for record in &self.seen.records {
            writeln!(f, "  record {} {} {:?}", record.sequence, record.revision(), record.status)?;
        }
        Ok(())
    }
}

fn phases() -> impl Strategy<Value = Phase> {
    prop_oneof![
        5 => Just(Phase::Ready),
        2 => Just(Phase::Starting),
        1 => Just(Phase::Unhealthy),
        1 => Just(Phase::Stopping),
        1 => Just(Phase::Exited { code: 1 }),
    ]
}

/// For one instance: revision, ordinal, phase, age in seconds, attempt, whether it is admitted or drains.
fn instances() -> impl Strategy<Value = Vec<(u8, u32, Phase, u64, u32, u8)>> {
    prop::collection::vec((1_u8..4, 0_u32..6, phases(), 0_u64..20, 0_u32..3, 0_u8..4), 0..12)
}

fn cases() -> impl Strategy<Value = Case> {
    let kind = prop_oneof![6 => Just(0_u8), 2 => Just(1), 1 => Just(2)];
    (strategies(), 0_u32..6, kind, any::<bool>(), instances(), 0_u8..4, 0_u16..=10_000).prop_map(
        |(strategy, replicas, kind, routed, list, latest, weight)| {
            let specs: BTreeMap<u8, Arc<PinnedSpec>> = (1..4).map(|v| (v, pinned(v, replicas, &strategy))).collect();
            let goal = match kind {
                0 => Goal::Run(specs[&3].clone()),
                1 => Goal::RollBack(specs[&1].clone()),
                _ => Goal::Remove(ServiceName::new("web").expect("a name")),
            };
            Case { goal, seen: observation(&specs, routed, list, latest, weight) }
        },
    )
}

fn observation(
    specs: &BTreeMap<u8, Arc<PinnedSpec>>,
    routed: bool,
    list: Vec<(u8, u32, Phase, u64, u32, u8)>,
    latest: u8,
    weight: u16,
) -> Observed {
    let mut all: BTreeMap<InstanceId, Instance> = BTreeMap::new();
    let mut endpoints = BTreeMap::new();
    for (version, ordinal, phase, age, attempt, route) in list {
        let revision = specs[&version].revision().clone();
        let id = InstanceId { service: ServiceName::new("web").expect("a name"), revision, ordinal };
        let since = Timestamp::from_millis(NOW.as_millis() - age * 1000);
        let exited = matches!(phase, Phase::Exited { .. });
        // Requests die with the instance that had them.
        let admitted = route == 3 || (route == 2 && phase == Phase::Ready);
        match route {
            1 if !exited => endpoints.insert(id.clone(), Endpoint { since, draining: true, in_flight: 2 }),
            _ if admitted => endpoints.insert(id.clone(), Endpoint::admitted(since)),
            _ => endpoints.remove(&id),
        };
        all.insert(id.clone(), Instance::new(id, phase, since).with_attempt(attempt).with_started(since));
    }
    endpoints.retain(|id, _| all.contains_key(id));
    let mut seen =
        Observed::empty(ServiceName::new("web").expect("a name"), NOW, State::Instances(all.into_values().collect()));
    if routed {
        let weight = Share::from_basis_points(weight).expect("within the whole");
        let shares = match latest {
            2 => Shares::weighted([
                (specs[&2].revision().clone(), weight),
                (specs[&1].revision().clone(), weight.rest()),
            ]),
            3 => Shares::weighted([
                (specs[&3].revision().clone(), weight),
                (specs[&2].revision().clone(), weight.rest()),
            ]),
            _ => Ok(Shares::Even),
        };
        let split = Split { shares: shares.expect("they add up"), test_users: None };
        seen.traffic = Some(Traffic { split, since: NOW, endpoints });
    }
    for version in 1..=latest {
        let status = if version == latest { RecordStatus::Deploying } else { RecordStatus::Deployed };
        let spec = specs[&version].clone();
        seen.records.push(Record { sequence: version.into(), at: NOW, status, proven: false, promoted: 0, spec });
    }
    seen
}

/// The road as `next` takes it, looking afresh before every step.
fn walk(case: &Case) -> Vec<Vec<Step>> {
    let mut seen = case.seen.clone();
    let mut rounds = Vec::new();
    for _ in 0..2000 {
        match next(&case.goal, &seen, &caps()).expect("decides") {
            Decision::Act(steps) => {
                ideal::carry_out(&mut seen, &steps);
                rounds.push(steps);
            }
            Decision::Wait { recheck, why } => {
                assert!(ideal::settle(&mut seen, recheck), "waits for nothing: {why:?}");
            }
            Decision::Stuck { .. } | Decision::Converged => return rounds,
        }
    }
    panic!("comes to no end");
}

fn steps(rounds: Vec<Round>) -> Vec<Vec<Step>> {
    rounds.into_iter().map(|round| round.steps).filter(|steps| !steps.is_empty()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// One function: what is shown is what is done on fresh observations.
    #[test]
    fn preview_is_next_taken_again_and_again(case in cases()) {
        let shown = steps(preview(&case.goal, &case.seen, &caps()).expect("plans"));
        prop_assert_eq!(shown, walk(&case));
    }

    #[test]
    fn the_order_of_observation_does_not_matter(case in cases(), seed in any::<u64>()) {
        let mut shuffled = case.seen.clone();
        let all = ideal::instances(&mut shuffled);
        let length = all.len().max(1);
        for index in 0..all.len() {
            let other = usize::try_from(seed.rotate_left(u32::try_from(index).expect("few")) % length as u64).expect("few");
            all.swap(index, other);
        }
        shuffled.records.reverse();
        let plan = preview(&case.goal, &case.seen, &caps()).expect("plans");
        prop_assert_eq!(plan, preview(&case.goal, &shuffled, &caps()).expect("plans"));
    }

    /// Where a road ends, nothing is left to do.
    #[test]
    fn the_end_is_converged(case in cases()) {
        let mut seen = case.seen.clone();
        let mut rounds = 0;
        loop {
            match next(&case.goal, &seen, &caps()).expect("decides") {
                Decision::Act(steps) => ideal::carry_out(&mut seen, &steps),
                Decision::Wait { recheck, why } => {
                    prop_assert!(ideal::settle(&mut seen, recheck), "waits for nothing: {:?}", why);
                }
                Decision::Stuck { .. } => return Ok(()),
                Decision::Converged => break,
            }
            rounds += 1;
            prop_assert!(rounds < 2000, "comes to no end");
        }
        prop_assert_eq!(steps(preview(&case.goal, &seen, &caps()).expect("plans")), Vec::<Vec<Step>>::new());
        let State::Instances(all) = &seen.state else { unreachable!() };
        match case.goal.spec() {
            Some(spec) => {
                prop_assert_eq!(all.len(), spec.spec().replicas.unwrap() as usize);
                prop_assert!(all.iter().all(|i| i.phase == Phase::Ready && i.id.revision == *spec.revision()));
                if let Some(traffic) = &seen.traffic {
                    prop_assert_eq!(&traffic.split, &Split::default());
                    prop_assert!(all.iter().all(|i| traffic.endpoints.get(&i.id).is_some_and(|e| !e.draining)));
                }
                prop_assert_eq!(seen.latest_record().map(|record| record.status), Some(RecordStatus::Deployed));
            }
            None => prop_assert!(seen.is_empty(), "left: {:?}", seen),
        }
    }

    /// Ceiling, floor, requests only to what is ready, nothing stopped that has requests.
    #[test]
    fn guarantees_hold_at_every_step(case in cases()) {
        let mut seen = case.seen.clone();
        for _ in 0..2000 {
            match next(&case.goal, &seen, &caps()).expect("decides") {
                Decision::Act(steps) => {
                    for step in &steps {
                        check(&seen, step)?;
                    }
                    check_floor(&case, &seen, &steps)?;
                    ideal::carry_out(&mut seen, &steps);
                }
                Decision::Wait { recheck, .. } => { ideal::settle(&mut seen, recheck); }
                Decision::Stuck { .. } | Decision::Converged => return Ok(()),
            }
        }
        prop_assert!(false, "comes to no end");
    }
}

fn check(seen: &Observed, step: &Step) -> Result<(), TestCaseError> {
    let State::Instances(all) = &seen.state else { unreachable!() };
    let phase = |id: &InstanceId| all.iter().find(|i| i.id == *id).map(|i| i.phase);
    match &step.action {
        Action::Start { id, .. } => {
            prop_assert!(matches!(phase(id), None | Some(Phase::Exited { .. })), "starts {id}, which is there");
        }
        Action::Stop { id, .. } => {
            let found = phase(id);
            prop_assert!(found.is_some(), "stops {id}, which is not there");
            let endpoint = seen.traffic.as_ref().and_then(|traffic| traffic.endpoints.get(id));
            prop_assert!(endpoint.is_none_or(|e| e.draining), "stops {id}, which gets requests");
            let over = |e: &Endpoint| e.in_flight == 0 || seen.at >= e.since.after(Duration::from_secs(10));
            let dead = found.is_some_and(|phase| !phase.is_live());
            prop_assert!(dead || endpoint.is_none_or(over), "stops {id}, which has requests under way");
        }
        Action::Route { change, .. } => {
            for id in &change.admit {
                prop_assert_eq!(phase(id), Some(Phase::Ready), "admits {}", id);
            }
        }
        _ => {}
    }
    Ok(())
}

/// The sum of a round: never more than wanted and surge (or than there were), and if something available is taken
/// away, enough that is available is left.
fn check_floor(case: &Case, seen: &Observed, steps: &[Step]) -> Result<(), TestCaseError> {
    let Some(spec) = case.goal.spec() else { return Ok(()) };
    let State::Instances(all) = &seen.state else { unreachable!() };
    let replicas = spec.spec().replicas.unwrap_or(1);
    let (surge, unavailable, min_ready) = match &spec.spec().strategy {
        Rollout::Rolling(r) => (r.max_surge.up(replicas), r.max_unavailable.down(replicas), r.min_ready),
        Rollout::BlueGreen(_) => (replicas, 0, Duration::ZERO),
        Rollout::Canary(canary) => (replicas, 0, canary.min_ready),
        _ => (0, replicas, Duration::ZERO),
    };
    let unavailable = if surge + unavailable == 0 { 1 } else { unavailable };
    let starts = steps.iter().filter(|step| match &step.action {
        Action::Start { id, .. } => all.iter().all(|i| i.id != *id),
        _ => false,
    });
    let starts = u32::try_from(starts.count()).expect("few");
    let total = u32::try_from(all.len()).expect("few");
    prop_assert!(
        starts == 0 || total + starts <= replicas + surge,
        "{total} and {starts} more, of {replicas} + {surge}"
    );

    let available = |i: &&Instance| i.phase == Phase::Ready && seen.at >= i.since.after(min_ready);
    let serving = |i: &&Instance| {
        available(i) && seen.traffic.as_ref().is_none_or(|t| t.endpoints.get(&i.id).is_some_and(|e| !e.draining))
    };
    let taken = |step: &&Step| match &step.action {
        Action::Stop { id, .. } => all.iter().filter(available).any(|i| i.id == *id),
        _ => false,
    };
    let withdrawn = steps.iter().flat_map(|step| match &step.action {
        Action::Route { change, .. } if change.split.is_none() => change.withdraw.clone(),
        _ => Vec::new(),
    });
    let withdrawn = withdrawn.filter(|id| all.iter().filter(serving).any(|i| i.id == *id)).count();
    let stopped = steps.iter().filter(taken).count();
    let floor = usize::try_from(replicas.saturating_sub(unavailable)).expect("few");
    let available = all.iter().filter(available).count();
    let serving = all.iter().filter(serving).count();
    // In a release the floor is that of the revision users are on; a third one without users may go.
    let released =
        seen.traffic.is_some() && matches!(&spec.spec().strategy, Rollout::BlueGreen(_) | Rollout::Canary(_));
    prop_assert!(
        released || stopped == 0 || available - stopped >= floor,
        "stops {stopped} of {available}, floor {floor}"
    );
    prop_assert!(withdrawn == 0 || serving - withdrawn >= floor, "withdraws {withdrawn} of {serving}, floor {floor}");
    Ok(())
}
