use crate::error::Error;
use crate::exec::Failure;
use crate::name::{ServiceName, TargetName};
use crate::plan::{PlanError, RollbackError, StalePlan};
use crate::problem::SpecError;

/// Why a run did not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The specs cannot be used.
    #[error("the specs cannot be used:\n{0}")]
    Spec(SpecError),
    /// No plan can be made.
    #[error("no plan can be made: {0}")]
    Plan(PlanError),
    /// What the plan was made from is not what is there now.
    #[error("{0}")]
    Stale(StalePlan),
    /// A target could not be asked.
    #[error("{}", .0.chain())]
    Target(Box<Error>),
    /// A service is on more than one of the targets.
    #[error("{service} is on more than one target: {}", display(.targets))]
    Ambiguous {
        /// The service.
        service: ServiceName,
        /// The targets.
        targets: Vec<TargetName>,
    },
    /// There is no such service.
    #[error("there is no service {service} on {}", display(.targets))]
    NotFound {
        /// The service.
        service: ServiceName,
        /// Where it was looked for.
        targets: Vec<TargetName>,
    },
    /// There is nothing to go back to.
    #[error("cannot roll {service} back: {reason}")]
    Rollback {
        /// The service.
        service: ServiceName,
        /// Why.
        reason: RollbackError,
    },
    /// The release does not wait for anybody.
    #[error("the release of {service} does not wait for a gate to be opened; {now}")]
    NotAtGate {
        /// The service.
        service: ServiceName,
        /// What it does.
        now: String,
    },
    /// The gate could not be opened.
    #[error("{}", .0.report())]
    Failed(Box<Failure>),
    /// The executor was told to stop.
    #[error("told to stop before anything was begun")]
    Cancelled,
}

fn display(targets: &[TargetName]) -> String {
    targets.iter().map(TargetName::as_str).collect::<Vec<_>>().join(", ")
}

impl From<SpecError> for RunError {
    fn from(error: SpecError) -> Self {
        Self::Spec(error)
    }
}

impl From<PlanError> for RunError {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

impl From<Error> for RunError {
    fn from(error: Error) -> Self {
        Self::Target(Box::new(error))
    }
}
