//! Rules that every change has to keep, whoever makes it: a team's own, and ready-made ones.
//!
//! They are checked here for the specs of this repository. A deploy program can check the same rules on the plan it
//! is about to carry out.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::path::PathBuf;
use std::time::Duration;

use deploykit_core::spec::file::load;
use deploykit_core::spec::{Artifact, ServiceSpec, Strategy};
use deploykit_testkit::{Policy, Sandbox, Violation, check_policies, expect, plan_change};

fn specs(version: &str) -> Vec<ServiceSpec> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ftgo").join(version);
    load(&[folder.join("restaurant-service.yaml"), folder.join("api-gateway.yaml")]).unwrap()
}

/// What this shop asks of every deployment.
fn house_rules() -> Vec<Policy> {
    vec![
        Policy::never_below(2),
        Policy::can_roll_back(),
        Policy::no_removal(),
        Policy::for_each_service("images come from our registry, with a version", |service| {
            let Artifact::Image(image) = &service.goal.spec()?.spec().artifact else { return None };
            let tag = image.reference.rsplit_once(':').map(|(_, tag)| tag);
            let ours = image.reference.starts_with("registry.example/") && tag.is_some_and(|tag| tag != "latest");
            (!ours).then(|| Violation::new(format!("`{}` is not one", image.reference)))
        }),
    ]
}

#[test]
fn the_second_version_keeps_the_house_rules() {
    let new_image = specs("v2").remove(0);
    let plan = plan_change(specs("v1"), [new_image]).unwrap();
    check_policies(&plan, &house_rules()).unwrap();
    // Facts of one change are asserted one by one.
    expect(&plan)
        .touches_only(["restaurant-service"])
        .replaces("artifact.image.reference")
        .never_below(3)
        .max_total(4)
        .finishes_within(Duration::from_mins(20));
}

#[test]
fn a_careless_change_breaks_them() {
    let mut restaurant = specs("v2").remove(0);
    restaurant.strategy = Strategy::Recreate;
    restaurant.artifact = Artifact::image("hub.example/restaurant:latest");
    let plan = plan_change(specs("v1"), [restaurant]).unwrap();
    let error = check_policies(&plan, &house_rules()).unwrap_err();
    insta::assert_snapshot!(error, @"
    restaurant-service: 2 instances at least: in round 3, restaurant-service has 0 ready instances after: stop restaurant-service-r1-9b49e37fe56d-0, stop restaurant-service-r1-9b49e37fe56d-1, stop restaurant-service-r1-9b49e37fe56d-2
    restaurant-service: images come from our registry, with a version: `hub.example/restaurant:latest` is not one
    ");
}

#[test]
fn taking_a_service_away_breaks_them() {
    let plan = Sandbox::new().deployed(specs("v1")).plan_removal(["api-gateway"]).unwrap();
    let error = check_policies(&plan, &house_rules()).unwrap_err();
    insta::assert_snapshot!(error, @"
    api-gateway: there is a way back: a removed service leaves no records; deploy its spec again
    api-gateway: nothing is removed: the service is removed
    ");
}
