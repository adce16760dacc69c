//! The suite that every backend has to pass: the clauses of [`Deployer`](crate::Deployer)'s contract, as cases.
//!
//! A backend's author writes a [`Harness`] and gets a test of each case:
//!
//! ```
//! # use std::sync::Arc;
//! use deploykit_core::conformance::{self, Harness};
//! use deploykit_core::{Deployer, memory::MemoryTarget, spec::Artifact};
//!
//! struct Memory(MemoryTarget);
//!
//! #[async_trait::async_trait]
//! impl Harness for Memory {
//!     async fn deployer(&self) -> Arc<dyn Deployer> {
//!         Arc::new(self.0.clone())
//!     }
//!     fn artifact(&self, version: u32) -> Artifact {
//!         Artifact::image(format!("registry.example/test:{version}"))
//!     }
//! }
//!
//! // Real targets need no attribute; then a test is a `#[tokio::test]`.
//! conformance::tests!(#[tokio::test(start_paused = true)] Memory(MemoryTarget::new("memory")));
//! ```
//!
//! A case that says something about what the target does not do is not passed but told as not applicable, with the
//! reason. A test's output shows it, and [`run`] gives all of them in a [`Report`].
//!
//! This module is not covered by semantic versioning: a later version may find more.

mod case;
mod cases;
mod harness;
mod list;
mod report;
mod trial;

use std::sync::LazyLock;

pub use crate::conformance_tests as tests;
pub use case::Case;
pub use harness::{Foreign, Harness};
pub use report::{CaseResult, Report, Verdict};
pub use trial::Trial;

use case::Finding;

static CASES: LazyLock<Vec<Case>> = LazyLock::new(cases::all);

/// All cases.
pub fn cases() -> &'static [Case] {
    &CASES
}

/// Runs the cases that pass the filter, one after the other.
pub async fn run(harness: &dyn Harness, filter: impl Fn(&Case) -> bool) -> Report {
    let mut results = Vec::new();
    for case in cases().iter().filter(|case| filter(case)) {
        results.push(run_one(harness, *case).await);
    }
    Report { results }
}

/// Runs the case of this name.
///
/// # Panics
/// If there is none.
pub async fn run_case(harness: &dyn Harness, name: &str) -> CaseResult {
    let case = cases().iter().find(|case| case.name() == name).expect("the name of a case");
    run_one(harness, *case).await
}

async fn run_one(harness: &dyn Harness, case: Case) -> CaseResult {
    let trial = Trial::new(harness, case.name()).await;
    let verdict = match (case.run)(&trial).await {
        Ok(()) => Verdict::Kept,
        Err(Finding::NotApplicable(reason)) => Verdict::NotApplicable { reason },
        Err(Finding::Broken(found)) => Verdict::Broken { found },
    };
    trial.clean().await;
    CaseResult { case, verdict }
}
