//! Saved plans: they come back equal, and are refused when they do not hold together.

use deploykit_core::plan::{Plan, PlanError, PlanFileError, PlanInput, plan};
use deploykit_core::{Goal, Reason, TargetName};

#[path = "support/fleets.rs"]
mod fleets;

fn saved(instances: u32, routed: bool) -> Plan {
    let fleet = fleets::fleet("orders", instances, "1", routed);
    let input =
        PlanInput { goal: fleet.goal, target: TargetName::new("memory").unwrap(), caps: fleet.caps, seen: fleet.seen };
    plan(vec![input]).unwrap()
}

#[test]
fn a_plan_comes_back_equal_and_byte_for_byte() {
    for routed in [false, true] {
        let plan = saved(3, routed);
        let json = plan.to_json();
        let read = Plan::from_json(&json).unwrap();
        assert_eq!(read, plan);
        assert_eq!(read.to_json(), json);
    }
}

#[test]
fn a_removal_comes_back_equal() {
    let fleet = fleets::fleet("orders", 2, "1", true);
    let goal = Goal::Remove(fleet.goal.service().clone());
    let input = PlanInput { goal, target: TargetName::new("memory").unwrap(), caps: fleet.caps, seen: fleet.seen };
    let plan = plan(vec![input]).unwrap();
    assert_eq!(Plan::from_json(&plan.to_json()).unwrap(), plan);
}

#[test]
fn the_form_is_stable() {
    insta::assert_snapshot!(saved(1, true).to_json());
}

#[test]
fn a_spec_stands_once_in_a_file() {
    let json = saved(50, true).to_json();
    assert_eq!(json.matches("registry.example/orders:2").count(), json.matches("\"new\": \"registry").count() + 1);
}

#[test]
fn what_does_not_hold_together_is_refused() {
    let json = saved(2, true).to_json();
    let error = |json: &str| Plan::from_json(json).unwrap_err().to_string();
    let broken = [
        "".to_owned(),
        "{}".to_owned(),
        json[..json.len() / 2].to_owned(),
        json.replace("deploykit-plan", "terraform-plan"),
        json.replace("\"version\": 1", "\"version\": 2"),
        json.replace("orders:2", "orders:3"),
        json.replacen("\"spec\": 0", "\"spec\": 9", 1),
        json.replacen("/0\"", "/00\"", 1),
        json.replacen("\"after\": {", "\"afterwards\": {", 1),
    ];
    let errors: Vec<_> = broken.iter().map(|json| error(json)).collect();
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn an_edited_plan_is_noticed() {
    let fleet = fleets::fleet("orders", 2, "1", true);
    let mut plan = saved(2, true);
    assert_eq!(plan.services[0].check_faithful(&fleet.caps), Ok(()));
    plan.services[0].rounds[1].steps[0].why = Reason::History;
    let service = fleet.goal.service().clone();
    assert_eq!(plan.services[0].check_faithful(&fleet.caps), Err(PlanError::Unfaithful { service }));
}

#[test]
fn a_newer_version_says_so() {
    let json = saved(1, false).to_json().replace("\"version\": 1", "\"version\": 7");
    assert_eq!(Plan::from_json(&json), Err(PlanFileError::Version { version: 7 }));
}
