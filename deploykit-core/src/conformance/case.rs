//! Cases: one clause of the contract each.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::trial::Trial;
use crate::error::Error;

/// One clause of the contract, and how it is tested.
#[derive(Clone, Copy)]
pub struct Case {
    pub(super) name: &'static str,
    pub(super) clause: &'static str,
    pub(super) run: for<'a> fn(&'a Trial<'a>) -> Pin<Box<dyn Future<Output = Checked> + Send + 'a>>,
}

impl Case {
    /// Its name, as a function's.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The clause, in words.
    pub fn clause(&self) -> &'static str {
        self.clause
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a case found.
pub(super) type Checked<T = ()> = Result<T, Finding>;

/// Why a case was not kept.
#[derive(Debug)]
pub(super) enum Finding {
    Broken(String),
    NotApplicable(String),
}

pub(super) fn broken<T>(what: impl fmt::Display) -> Checked<T> {
    Err(Finding::Broken(what.to_string()))
}

/// The case does not apply unless this holds.
pub(super) fn only_if(applies: bool, reason: &str) -> Checked {
    if applies { Ok(()) } else { Err(Finding::NotApplicable(reason.to_owned())) }
}

impl From<Error> for Finding {
    fn from(error: Error) -> Self {
        Self::Broken(format!("it failed: {}", error.chain()))
    }
}

impl From<crate::problem::SpecError> for Finding {
    fn from(error: crate::problem::SpecError) -> Self {
        Self::Broken(format!("a spec of the harness is not valid: {error}"))
    }
}

impl From<crate::plan::PlanError> for Finding {
    fn from(error: crate::plan::PlanError) -> Self {
        Self::Broken(format!("no plan can be made: {error}"))
    }
}

/// What was found unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return $crate::conformance::case::broken(format_args!($($what)+));
        }
    };
}

/// Defines a case; its documentation is the clause.
macro_rules! case {
    ($(#[doc = $clause:literal])+ async fn $name:ident($trial:ident) $body:block) => {
        $(#[doc = $clause])+
        pub(in crate::conformance) fn $name() -> $crate::conformance::Case {
            async fn run($trial: &Trial<'_>) -> $crate::conformance::case::Checked {
                $body
                Ok(())
            }
            $crate::conformance::Case {
                name: stringify!($name),
                clause: concat!($($clause),+).trim_ascii(),
                run: |trial| Box::pin(run(trial)),
            }
        }
    };
}

pub(super) use {case, ensure};
