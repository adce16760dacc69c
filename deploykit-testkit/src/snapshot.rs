//! Snapshots of plans.

/// Compares the text of a plan with the one that somebody has read and accepted, as `insta::assert_snapshot!` does.
///
/// Digests are replaced by names, so that the snapshot stays the same as long as the same is done:
/// [`stable_text`](crate::PlanText::stable_text) says how, and [`WithDigests`](crate::WithDigests) keeps them. The text
/// can stand in the test itself, after `@`, or in a file beside it, with or without a name; `cargo insta review` shows
/// what changed.
///
/// ```
/// use deploykit_core::spec::{Artifact, ServiceSpec};
/// use deploykit_testkit::{assert_plan_snapshot, plan_change};
///
/// let orders = |replicas| ServiceSpec::builder("orders", Artifact::image("shop/orders:1")).replicas(replicas).build();
/// let plan = plan_change([orders(2)?], [orders(3)?])?;
/// assert_plan_snapshot!(plan, @r"
/// orders on memory: scale [revision-1], 2 → 3 instances
///   changes
///     ~ replicas  2 → 3  in place: instances are added or taken away; the others run on
///   rounds                                                                           ready  total  traffic  at most
///     1  record  [revision-1] as deployment 1, under way     changed in place            2      2  even          1m
///     2  start   [revision-1]-2                              fewer than wanted           2      3  even          1m
///        waits until [revision-1]-2 is ready
///     3  admit   [revision-1]-2                              is available                3      3  even          6m
///     4  record  [revision-1] as deployment 1, complete      deployment is complete      3      3  even          1m
///   rollback  impossible: no other revision is kept
/// 1 service: 1 to scale; 4 rounds, 4 steps, at most 9m
/// ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! assert_plan_snapshot {
    ($plan:expr $(,)?) => {
        $crate::insta::assert_snapshot!($crate::PlanText::stable_text(&$plan))
    };
    ($plan:expr, @$text:literal $(,)?) => {
        $crate::insta::assert_snapshot!($crate::PlanText::stable_text(&$plan), @$text)
    };
    ($name:expr, $plan:expr $(,)?) => {
        $crate::insta::assert_snapshot!($name, $crate::PlanText::stable_text(&$plan))
    };
}
