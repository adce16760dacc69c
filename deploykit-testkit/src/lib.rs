//! Tests of what a change of a service would do, before it is done.
//!
//! A [`Plan`](deploykit_core::plan::Plan) is data, and so is what it is made from. [`plan_change`] plans from one set of
//! specs to another without a target; [`expect`] asserts what the plan does, [`assert_plan_snapshot!`] compares its text
//! with the one that somebody has read, a [`Policy`] is a rule that every plan keeps, and [`crash_everywhere`] kills a
//! deployment at every point in turn and looks whether running it again gets it where it should be.
//!
//! ```
//! use deploykit_core::spec::{Artifact, ServiceSpec};
//! use deploykit_testkit::{expect, plan_change};
//!
//! let orders = || ServiceSpec::builder("orders", Artifact::image("shop/orders:1")).replicas(3);
//! let before = orders().env("LOG_LEVEL", "info").build()?;
//! let after = orders().env("LOG_LEVEL", "debug").build()?;
//!
//! let plan = plan_change([before], [after])?;
//! expect(&plan).service("orders").replaces("env.LOG_LEVEL").never_below(3).max_total(4).can_roll_back();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "sandbox")]
mod crash;
mod expect;
mod fact;
mod policy;
#[cfg(feature = "sandbox")]
mod sandbox;
#[cfg(feature = "snapshots")]
mod snapshot;
mod text;

#[cfg(feature = "snapshots")]
#[doc(hidden)]
pub use insta;

#[cfg(feature = "sandbox")]
pub use crash::{CrashFailure, CrashReport, crash_everywhere};
pub use expect::{Expect, Expectable, expect};
pub use policy::{Policy, PolicyError, Violation, check_policies};
#[cfg(feature = "sandbox")]
pub use sandbox::{Sandbox, SandboxError, plan_change};
pub use text::{PlanText, WithDigests, name_digests};
