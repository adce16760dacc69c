//! Plans as files, and whether they still fit.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support {
    pub(crate) mod plans;
}

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deploykit_core::plan::{Plan, Rollback, Round, RoundState, ServicePlan, StalePlan, WaitReason};
use deploykit_core::{
    Action, Counts, Digest, Drift, Endpoint, Goal, Instance, InstanceId, Observed, Phase, PinnedSpec, PlatformState,
    Reason, Record, RecordStatus, Revision, Rollout, RouteChange, Shares, Split, State, Step, Submitted, TestUsers,
    Timestamp, Traffic,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::plans;

#[test]
fn what_was_written_is_read_back() {
    for (name, plan) in plans::all() {
        let text = plan.to_json();
        let back = Plan::from_json(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(back, plan, "{name}");
        assert_eq!(back.to_json(), text, "{name}");
        assert!(!text.contains(plans::SECRET), "{name}");
    }
}

#[test]
fn the_form_of_a_file() {
    insta::assert_snapshot!("form", plans::roll_back().to_json());
    insta::assert_snapshot!("form_of_a_platform", plans::platform().to_json());
}

#[test]
fn a_spec_stands_in_a_file_once() {
    let spec = |version: &str| plans::pinned("orders", &plans::image("orders", version, 100));
    let text = plans::rolled(&spec("7"), spec("8"), true).to_json();
    assert_eq!(text.matches("ftgo/orders:8").count(), 2, "in the spec and in the change");
    assert!(text.matches("\"start\"").count() == 100 && text.len() < 250_000, "{} bytes", text.len());
}

#[test]
fn two_specs_of_one_revision_are_told_apart() {
    let text = plans::in_place().to_json();
    let value: Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<_> = value["services"][0]["specs"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["r1-22498886cff9", "r1-22498886cff9#2"]);
}

/// The message of what a changed file is refused with.
fn refused(plan: &Plan, change: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(&plan.to_json()).unwrap();
    change(&mut value);
    Plan::from_json(&value.to_string()).expect_err("it was taken").to_string()
}

#[test]
fn a_file_that_contradicts_itself_is_refused() {
    let (one, three) = (plans::roll_back(), plans::two_services());
    let service = |value: &mut Value, change: &dyn Fn(&mut Value)| change(&mut value["services"][0]);
    let wanted = "r1-22498886cff9";
    let start = "/rounds/1/steps/0/action/start";
    let refusals = [
        refused(&one, |value| value["version"] = json!(7)),
        refused(&one, |value| value["format"] = json!("other")),
        refused(&one, |value| value["services"][0]["surprise"] = json!(1)),
        refused(&one, |value| service(value, &|s| s["specs"][wanted]["spec"]["env"] = json!({"EVIL": "1"}))),
        refused(&one, |value| service(value, &|s| s["specs"][wanted]["spec"]["history"] = json!(0))),
        refused(&one, |value| service(value, &|s| s["specs"][wanted]["spec"]["service"] = json!("other"))),
        refused(&one, |value| service(value, &|s| s["goal"] = json!({"run": {"spec": "r1-0"}}))),
        refused(&one, |value| {
            service(value, &|s| s.pointer_mut(start).unwrap()["instance"] = json!("web-r1-22498886cff9-0"));
        }),
        refused(&one, |value| {
            service(value, &|s| s.pointer_mut(start).unwrap()["instance"] = json!("orders-r1-22498886cff9-00"));
        }),
        refused(&one, |value| {
            service(value, &|s| s.pointer_mut(start).unwrap()["instance"] = json!("orders-r1-3143fbba1b3f-0"));
        }),
        refused(&one, |value| service(value, &|s| s.pointer_mut(start).unwrap()["spec"] = json!("r1-3143fbba1b3f"))),
        refused(&one, |value| service(value, &|s| s["goal"] = json!({"run": {"spec": "r1-3143fbba1b3f"}}))),
        refused(&one, |value| service(value, &|s| s["rollback"]["to"]["sequence"] = json!(9))),
        refused(&one, |value| service(value, &|s| s["revisions"] = json!(["r1-12"]))),
        refused(&one, |value| {
            let all = value["services"].as_array_mut().unwrap();
            all.push(all[0].clone());
        }),
        refused(&three, |value| value["services"].as_array_mut().unwrap().reverse()),
        refused(&plans::canary_after_its_gate(), |value| {
            let shares = value.pointer_mut("/services/0/basis/traffic/split/shares/weighted").unwrap();
            let (_, share) = shares.as_object_mut().unwrap().iter_mut().next().unwrap();
            *share = json!("51%");
        }),
    ];
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn what_is_no_plan_is_refused() {
    for text in ["", "{}", "[]", "null", "\u{0}", "{\"format\":\"deploykit-plan\"}", "{\"version\":\"1\"}"] {
        assert!(Plan::from_json(text).is_err(), "{text:?} was taken");
    }
    let deep = format!("{{\"format\":\"deploykit-plan\",\"version\":1,\"services\":{}", "[".repeat(1_000_000));
    assert!(Plan::from_json(&deep).is_err());
}

fn moved(plan: &Plan, change: impl FnOnce(&mut Observed)) -> String {
    let mut now = plan.services[0].basis.clone();
    change(&mut now);
    let moved = plan.services[0].moved(&now);
    assert_eq!(plan.check_basis(&[now]).is_ok(), moved.is_empty());
    moved.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn instances(seen: &mut Observed) -> &mut Vec<Instance> {
    let State::Instances(instances) = &mut seen.state else { panic!("instances") };
    instances
}

#[test]
fn what_does_not_matter_does_not_move_a_plan() {
    let plan = plans::canary_after_its_gate();
    let later = Timestamp::from_millis(plans::NOW.as_millis() + 60_000);
    let text = moved(&plan, |now| {
        now.at = later;
        for instance in instances(now) {
            (instance.since, instance.attempt) = (later, 3);
            instance.note = Some("GET /health: 200".into());
        }
        let traffic = now.traffic.as_mut().unwrap();
        traffic.since = later;
        for endpoint in traffic.endpoints.values_mut() {
            (endpoint.since, endpoint.in_flight) = (later, 7);
        }
    });
    assert_eq!(text, "");
}

#[test]
fn what_matters_moves_a_plan() {
    let plan = plans::canary_after_its_gate();
    let text = moved(&plan, |now| {
        let gone = instances(now).remove(0);
        instances(now)[0].phase = Phase::Unhealthy;
        let new = InstanceId { ordinal: 9, ..gone.id.clone() };
        instances(now).push(Instance::new(new.clone(), Phase::Starting, plans::NOW));
        now.records.remove(0);
        now.records[0].status = RecordStatus::Failed;
        now.records[0].spec = plans::pinned("orders", &plans::image("orders", "8", 3));
        let traffic = now.traffic.as_mut().unwrap();
        let rule = serde_json::from_value(json!({"header": {"x-test": "2"}})).unwrap();
        traffic.split =
            Split { shares: Shares::Even, test_users: Some(Box::new(TestUsers { rule, to: new.revision.clone() })) };
        traffic.endpoints.insert(new, Endpoint::admitted(plans::NOW));
        traffic.endpoints.get_mut(&gone.id).unwrap().draining = true;
        now.published.insert(gone.id.revision.clone());
    });
    insta::assert_snapshot!(text);
}

#[test]
fn a_platform_that_moved() {
    let plan = plans::platform();
    insta::assert_snapshot!(moved(&plan, |now| {
        let State::Platform(platform) = &mut now.state else { panic!("a platform") };
        platform.version = Some("18".to_owned());
        platform.replicas = 4;
        platform.submitted.as_mut().unwrap().digest = Digest::of(b"other");
        platform.groups.values_mut().for_each(|counts| counts.ready = 1);
    }));
    let text = moved(&plan, |now| now.state = State::Instances(Vec::new()));
    assert_eq!(text, "state: driven by the platform, now driven by instances");
    assert_eq!(moved(&plan, |now| now.traffic = Some(Traffic::default())), "traffic: nothing routes, now routed");
}

fn stale(instances: usize) -> StalePlan {
    let spec = plans::pinned("orders", &plans::image("orders", "7", u32::try_from(instances).unwrap()));
    let plan = plans::rolled(&spec.clone(), spec, false);
    let mut now = plan.services[0].basis.clone();
    now.state = State::Instances(Vec::new());
    plan.check_basis(&[now]).unwrap_err()
}

#[test]
fn a_stale_plan_says_what_moved_on_one_screen() {
    insta::assert_snapshot!(stale(1), @"
    the plan is out of date: 1 thing has changed since it was made; nothing was done
      orders: instances.orders-r1-22498886cff9-0: ready, now gone
    plan again, and look at the new plan before applying it
    ");
    for instances in 1..40 {
        let stale = stale(instances);
        let lines = stale.to_string().lines().count();
        assert!(lines <= 20 && stale.moved().len() == instances, "{lines} lines for {instances}");
    }
    assert!(stale(100).to_string().contains("\n  and 83 more\n"), "{}", stale(100));
}

#[test]
fn a_service_that_was_not_looked_at_is_stale() {
    let plan = plans::two_services();
    let mut now: Vec<_> = plan.services.iter().map(|service| service.basis.clone()).collect();
    now.reverse();
    assert_eq!(plan.check_basis(&now), Ok(()));
    now.pop();
    insta::assert_snapshot!(plan.check_basis(&now).unwrap_err(), @"
    the plan is out of date: 1 thing has changed since it was made; nothing was done
      restaurant-db: observation: there was one, now there is none
    plan again, and look at the new plan before applying it
    ");
}

prop_compose! {
    fn any_revision()(digits in "[0-9a-f]{64}", few in 0..3_u8, like in any::<bool>()) -> Revision {
        // Few revisions, some of which have the same short form.
        let text = if like { format!("r1-{:062x}{few:02x}", 0) } else { format!("r1-{few}{}", &digits[1..]) };
        Revision::parse(&text).unwrap()
    }
}

fn any_id() -> impl Strategy<Value = InstanceId> {
    (any_revision(), any::<u32>()).prop_map(|(revision, ordinal)| InstanceId {
        service: "orders".parse().unwrap(),
        revision,
        ordinal,
    })
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp::from_millis)
}

fn any_shares() -> impl Strategy<Value = Shares> {
    prop_oneof![
        Just(Shares::Even),
        any_revision().prop_map(Shares::all),
        (any_revision(), any_revision(), 0..=10_000_u16).prop_map(|(one, two, points)| {
            let share = deploykit_core::units::Share::from_basis_points(points).unwrap();
            Shares::weighted([(one.clone(), share), (two, share.rest())]).unwrap_or(Shares::all(one))
        }),
    ]
}

fn any_split() -> impl Strategy<Value = Split> {
    (any_shares(), proptest::option::of((any_revision(), ".*"))).prop_map(|(shares, test)| {
        let test_users = test.map(|(to, value)| {
            let rule = serde_json::from_value(json!({"cookie": {"test": value}})).unwrap();
            Box::new(TestUsers { rule, to })
        });
        Split { shares, test_users }
    })
}

fn any_phase() -> impl Strategy<Value = Phase> {
    prop_oneof![
        Just(Phase::Starting),
        Just(Phase::Ready),
        Just(Phase::Unhealthy),
        Just(Phase::Stopping),
        any::<i32>().prop_map(|code| Phase::Exited { code }),
    ]
}

fn any_wait() -> impl Strategy<Value = WaitReason> {
    (any_id(), any::<u32>(), any::<u32>(), 0..10_u8).prop_map(|(id, instances, other, kind)| match kind {
        0 => WaitReason::Starting { instances, first: id },
        1 => WaitReason::MinReady { instances },
        2 => WaitReason::Draining { instances, in_flight: other },
        3 => WaitReason::Stopping { instances },
        4 => WaitReason::Backoff { instance: id, attempt: other },
        5 => WaitReason::Unhealthy { instances },
        6 => WaitReason::Hold { stage: other },
        7 => WaitReason::Gate { stage: other },
        8 => WaitReason::KeepOld,
        _ => WaitReason::Platform { ready: instances, wanted: other },
    })
}

fn spec(version: u8, replicas: u32) -> Arc<PinnedSpec> {
    plans::pinned("orders", &plans::image("orders", &version.to_string(), replicas))
}

fn any_record() -> impl Strategy<Value = Record> {
    (any::<u64>(), any_time(), 0..4_u8, 0..3_u32, any::<u32>(), 0..3_u8).prop_map(
        |(sequence, at, version, replicas, promoted, status)| {
            let all = [RecordStatus::Deploying, RecordStatus::Deployed, RecordStatus::Failed];
            Record {
                sequence,
                at,
                status: all[usize::from(status)],
                proven: promoted > 1,
                promoted,
                spec: spec(version, replicas),
            }
        },
    )
}

fn any_step() -> impl Strategy<Value = Step> {
    let service = || "orders".parse().unwrap();
    let ids = || proptest::collection::vec(any_id(), 0..3);
    let wanted = || spec(1, 2);
    let why = prop_oneof![Just(Reason::Available), Just(Reason::OldRevision), Just(Reason::Removed)];
    let action = prop_oneof![
        Just(Action::Publish { spec: wanted() }),
        any_record().prop_map(|record| Action::Record { record: Box::new(record) }),
        (any::<u32>(), any::<u32>()).prop_map(move |(ordinal, attempt)| {
            Action::Start { id: plans::id(&wanted(), ordinal), spec: wanted(), attempt }
        }),
        (any_id(), 0..1_000_000_000_u64)
            .prop_map(|(id, grace)| Action::Stop { id, grace: Duration::from_millis(grace) }),
        proptest::option::of(".*").prop_map(move |expect| Action::Submit { spec: wanted(), expect }),
        Just(Action::Withdraw { service: service() }),
        (ids(), ids(), proptest::option::of(any_split())).prop_map(move |(admit, withdraw, split)| {
            Action::Route { service: service(), change: Box::new(RouteChange { admit, withdraw, split }) }
        }),
        any_revision().prop_map(move |revision| Action::Forget { service: service(), revision }),
    ];
    (action, why).prop_map(|(action, why)| Step::new(action, why))
}

prop_compose! {
    fn any_round()(
        wait in proptest::option::of(any_wait()),
        steps in proptest::collection::vec(any_step(), 0..4),
        (ready, total) in any::<(u32, u32)>(),
        traffic in proptest::option::of(any_shares()),
        at_most in 0..u64::from(u32::MAX),
    ) -> Round {
        Round { wait, steps, after: RoundState { ready, total, traffic, at_most: Duration::from_secs(at_most) } }
    }
}

fn any_state() -> impl Strategy<Value = State> {
    let instance = (any_id(), any_phase(), any_time(), any::<u32>(), proptest::option::of(any_time()), ".*").prop_map(
        |(id, phase, since, attempt, started, note)| {
            let mut instance = Instance::new(id, phase, since).with_attempt(attempt).with_note(note);
            instance.started = started;
            instance
        },
    );
    let counts = any::<(u32, u32)>().prop_map(|(total, ready)| Counts { total, ready });
    let groups = proptest::collection::btree_map(any_revision(), counts, 0..3);
    let platform = (proptest::option::of(any_revision()), any::<u32>(), groups, proptest::option::of(".*")).prop_map(
        |(revision, replicas, groups, version)| {
            let submitted = revision.map(|revision| Submitted { revision, digest: Digest::from_text("sha256:ü") });
            let rollout = Rollout::Stalled { reason: "no \u{1b}[31m image".to_owned() };
            PlatformState { submitted, replicas, groups, rollout, version }
        },
    );
    prop_oneof![
        proptest::collection::vec(instance, 0..4).prop_map(State::Instances),
        platform.prop_map(State::Platform),
    ]
}

prop_compose! {
    fn any_plan()(
        state in any_state(),
        at in any_time(),
        (split, since) in (any_split(), any_time()),
        endpoints in proptest::collection::btree_map(
            any_id(),
            (any_time(), any::<bool>(), any::<u32>())
                .prop_map(|(since, draining, in_flight)| Endpoint { since, draining, in_flight }),
            0..4,
        ),
        routed in any::<bool>(),
        records in proptest::collection::vec(any_record(), 0..3),
        rounds in proptest::collection::vec(any_round(), 0..6),
        (subject, found, by) in (".*", ".*", proptest::option::of(".*")),
        goal in 0..2_u8,
    ) -> Plan {
        let mut basis = Observed::empty("orders".parse().unwrap(), at, state);
        basis.traffic = routed.then_some(Traffic { split, since, endpoints });
        let drift = vec![Drift { subject, expected: String::new(), found, by }];
        basis.drift.clone_from(&drift);
        basis.records = records;
        let goal = if goal == 0 { Goal::Run(spec(1, 2)) } else { Goal::RollBack(spec(1, 2)) };
        let changes = deploykit_core::diff::diff(&goal, &basis).changes;
        let (target, after) = ("memory:|<b>`x`".parse().unwrap(), Vec::new());
        let rollback = Rollback::Impossible { reason: "a\nb".to_owned() };
        Plan { services: vec![ServicePlan { goal, target, after, basis, changes, drift, rounds, rollback }] }
    }
}

/// Whatever is read can be shown, without anything that would change a terminal or a page.
fn can_be_shown(plan: &Plan) {
    let text = plan.text(&deploykit_core::render::TextOptions::default());
    assert!(!text.contains(|char: char| char.is_control() && char != '\n'), "{text}");
    assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_plan_is_read_back(plan in any_plan()) {
        let text = plan.to_json();
        let back = Plan::from_json(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
        prop_assert_eq!(&back, &plan);
        prop_assert_eq!(back.to_json(), text);
        can_be_shown(&plan);
    }

    #[test]
    fn no_text_makes_it_panic(
        (at, length) in any::<(prop::sample::Index, prop::sample::Index)>(),
        with in prop_oneof![".*", "[0-9]{1,30}", "\"r1-[0-9a-f]{12}\"", "[{}\\[\\],:\"]{1,3}"],
    ) {
        let text = plans::canary_after_its_gate().to_json();
        let begin = at.index(text.len());
        let end = begin + length.index(40.min(text.len() - begin));
        let mut bytes = text.into_bytes();
        bytes.splice(begin..end, with.into_bytes());
        if let Ok(plan) = Plan::from_json(&String::from_utf8_lossy(&bytes)) {
            prop_assert_eq!(Plan::from_json(&plan.to_json()).unwrap(), plan.clone());
            can_be_shown(&plan);
        }
    }
}

#[test]
fn the_names_of_revisions_that_look_alike_are_told_apart() {
    let mut plan = plans::no_change();
    let like = |last: char| Revision::parse(&format!("r1-{}{last}", "0".repeat(63))).unwrap();
    let id = |last| InstanceId { service: "orders".parse().unwrap(), revision: like(last), ordinal: 0 };
    let all: BTreeMap<_, _> = ['1', '2'].map(|last| (id(last), Endpoint::admitted(plans::NOW))).into();
    plan.services[0].basis.traffic.as_mut().unwrap().endpoints.extend(all);
    assert_eq!(Plan::from_json(&plan.to_json()).unwrap(), plan);
}

/// A plan that was edited would show one thing and do another.
#[test]
fn an_edited_plan_is_noticed() {
    let plan = plans::roll_with_router();
    let caps = plans::caps(true);
    for service in &plan.services {
        assert_eq!(service.check_faithful(&caps), Ok(()));
    }
    let mut edited = plan.clone();
    edited.services[0].rounds[1].steps[0].why = deploykit_core::Reason::History;
    let error = edited.services[0].check_faithful(&caps).unwrap_err().to_string();
    assert!(error.contains("it was changed, or saved by another version; plan again"), "{error}");
}
