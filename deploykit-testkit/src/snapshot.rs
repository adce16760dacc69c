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
/// let spec = ServiceSpec::builder("orders", Artifact::image("shop/orders:1")).replicas(3).build()?;
/// let plan = plan_change([spec.clone()], [spec])?;
/// assert_plan_snapshot!(plan, @"");
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
