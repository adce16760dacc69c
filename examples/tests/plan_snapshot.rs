//! What a change would do, as a text that somebody has read and accepted.
//!
//! This is how a repository with spec files in it tests them: whoever changes a spec sees in the pull request what the
//! change will do, round by round. `cargo insta review` shows what is new and accepts it. No target is needed, and
//! digests are replaced by names, so that the text changes only if what is done does.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::path::PathBuf;

use deploykit_core::spec::ServiceSpec;
use deploykit_core::spec::file::load;
use deploykit_testkit::{Sandbox, assert_plan_snapshot, plan_change};

fn specs(version: &str) -> Vec<ServiceSpec> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ftgo").join(version);
    load(&[folder.join("restaurant-service.yaml"), folder.join("api-gateway.yaml")]).unwrap()
}

#[test]
fn the_second_version_rolls_one_at_a_time() {
    let plan = plan_change(specs("v1"), specs("v2")).unwrap();
    assert_plan_snapshot!(plan, @"
    restaurant-service on memory: roll [revision-1] → [revision-2], 3 instances
      changes
        ~ artifact.image.reference  …:1.0.0 → …:1.1.0  replaces instances: an instance keeps what it was started with
        ~ env.LOG_LEVEL             info → warn        replaces instances: environment is fixed when an instance starts
      rounds                                                                                        ready  total  traffic  at most
        1        record  [revision-2] as deployment 2, under way     deployment begins                  3      3  even          1m
        2        start   [revision-2]-0                              new revision                       3      4  even          1m
                 waits until [revision-2]-0 is ready
        3        admit   [revision-2]-0                              is available                       4      4  even       1m 3s
        4        drain   [revision-1]-0                              gives way to the new revision      4      4  even          1m
        5        stop    [revision-1]-0                              gives way to the new revision      3      3  even         30s
        6 to 13  as 2 to 5, for ordinals 1, 2                                                         3–4    3–4  even       7m 6s
        14       record  [revision-2] as deployment 2, complete      deployment is complete             3      3  even          1m
      rollback  to [revision-1] (deployment 1)
    api-gateway on memory: scale [revision-3], 2 → 3 instances
      after     restaurant-service
      changes
        ~ replicas  2 → 3  in place: instances are added or taken away; the others run on
      rounds                                                                           ready  total  traffic  at most
        1  record  [revision-3] as deployment 1, under way     changed in place            2      2  even          1m
        2  start   [revision-3]-2                              fewer than wanted           2      3  even          1m
           waits until [revision-3]-2 is ready
        3  admit   [revision-3]-2                              is available                3      3  even       1m 3s
        4  record  [revision-3] as deployment 1, complete      deployment is complete      3      3  even          1m
      rollback  impossible: no other revision is kept
    2 services: 1 to roll, 1 to scale; 18 rounds, 18 steps, at most 16m 42s
    ");
}

#[test]
fn going_back_is_as_careful() {
    let sandbox = Sandbox::new().deployed(specs("v1")).deployed(specs("v2"));
    let plan = sandbox.plan_rollback("restaurant-service", None).unwrap();
    assert_plan_snapshot!(plan, @"
    restaurant-service on memory: roll back [revision-1] → [revision-2], 3 instances
      changes
        ~ artifact.image.reference  …:1.1.0 → …:1.0.0  replaces instances: an instance keeps what it was started with
        ~ env.LOG_LEVEL             warn → info        replaces instances: environment is fixed when an instance starts
      rounds                                                                                        ready  total  traffic  at most
        1        record  [revision-2] as deployment 3, under way     deployment begins                  3      3  even          1m
        2        start   [revision-2]-0                              new revision                       3      4  even          1m
                 waits until [revision-2]-0 is ready
        3        admit   [revision-2]-0                              is available                       4      4  even       1m 3s
        4        drain   [revision-1]-0                              gives way to the new revision      4      4  even          1m
        5        stop    [revision-1]-0                              gives way to the new revision      3      3  even         30s
        6 to 13  as 2 to 5, for ordinals 1, 2                                                         3–4    3–4  even       7m 6s
        14       record  [revision-2] as deployment 3, complete      deployment is complete             3      3  even          1m
      rollback  to [revision-1] (deployment 2)
    1 service: 1 to roll back; 14 rounds, 14 steps, at most 12m 39s
    ");
}

#[test]
fn deploying_the_same_again_does_nothing() {
    let plan = plan_change(specs("v1"), specs("v1")).unwrap();
    assert_plan_snapshot!(plan, @"
    restaurant-service on memory: unchanged, [revision-1], 3 instances
    api-gateway on memory: unchanged, [revision-2], 2 instances
    2 services: nothing to do
    ");
}
