//! Planning: pure functions from what should be and what is to what to do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

mod basis;
mod books;
mod draft;
mod file;
mod fleet;
mod instances;
mod line;
mod order;
mod platform;
mod preview;
mod release;
mod rollback;
mod support;
mod want;
mod whole;

use crate::action::Step;
use crate::diff::Change;
use crate::goal::Goal;
use crate::name::{ServiceName, TargetName};
use crate::observed::{Drift, InstanceId, Observed};
use crate::problem::SpecError;
use crate::revision::Revision;
use crate::time::Timestamp;
use crate::traffic::Shares;
use crate::units::duration;

pub use basis::{Moved, StalePlan};
pub use file::PlanFileError;
pub use preview::{PUBLISH_LIMIT, STEP_LIMIT, next, preview};
pub use rollback::{RollbackError, rollback_goal, undo_goal};
pub use support::support;
pub use whole::{PlanInput, plan};

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Take these steps, at once if possible, then observe and ask again.
    Act(Vec<Step>),
    /// Nothing can be done until something happens.
    Wait {
        /// What has to happen.
        why: WaitReason,
        /// When to look again at the latest, if time alone will change something.
        recheck: Option<Timestamp>,
    },
    /// It will not get any further by itself.
    Stuck {
        /// Why.
        why: StuckReason,
    },
    /// All is as it should be.
    Converged,
}

/// What has to happen before a rollout can go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WaitReason {
    /// Instances have to become ready.
    Starting {
        /// So many are not yet.
        instances: u32,
        /// The first of them.
        first: InstanceId,
    },
    /// Instances have to have been ready for a while.
    MinReady {
        /// So many have not yet.
        instances: u32,
    },
    /// Requests under way have to end.
    Draining {
        /// On so many instances.
        instances: u32,
        /// So many requests.
        in_flight: u32,
    },
    /// Instances have to end.
    Stopping {
        /// So many have not yet.
        instances: u32,
    },
    /// An instance that exited is started again after a pause.
    Backoff {
        /// Which one.
        instance: InstanceId,
        /// How many times it was started before.
        attempt: u32,
    },
    /// Instances that are unhealthy have to recover, or to be given up.
    Unhealthy {
        /// So many.
        instances: u32,
    },
    /// The stage of the release has to last a while.
    Hold {
        /// Which stage, from 0.
        stage: u32,
    },
    /// Somebody has to let the release go on.
    Gate {
        /// Which stage it is held at, from 0.
        stage: u32,
    },
    /// The old revision is kept for a while, to go back at once.
    KeepOld,
    /// The platform is at work.
    Platform {
        /// Instances of the wanted revision that are ready.
        ready: u32,
        /// Instances wanted.
        wanted: u32,
    },
}

/// Why a rollout will not get any further.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StuckReason {
    /// An instance of the new revision ends again and again.
    CrashLoop {
        /// Which one.
        instance: InstanceId,
        /// Its last exit code.
        code: i32,
        /// How many times it was started.
        attempts: u32,
    },
    /// The platform says that it will not get there.
    Platform {
        /// In its words.
        reason: String,
    },
}

/// Why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The target cannot do what the spec asks for.
    #[error("{target} cannot run {service}: {problems}")]
    Unsupported {
        /// The service.
        service: ServiceName,
        /// The target.
        target: TargetName,
        /// All that it cannot do, with the reasons.
        problems: SpecError,
    },
    /// Services depend on each other in a circle.
    #[error("services depend on each other in a circle: {}", display_cycle(.cycle))]
    Cycle {
        /// The circle; the first depends on the second, the last on the first.
        cycle: Vec<ServiceName>,
    },
    /// The observation is not of the kind that the capabilities declare.
    #[error("{service} was observed in a way that its target's capabilities do not declare")]
    WrongControl {
        /// The service.
        service: ServiceName,
    },
    /// A service is planned twice at once.
    #[error("{service} is planned twice at once")]
    Twice {
        /// The service.
        service: ServiceName,
    },
    /// A plan is not the one that follows from its basis.
    #[error(
        "the plan of {service} is not what this version of deploykit would do: it was changed, or saved by another version; plan again"
    )]
    Unfaithful {
        /// The service.
        service: ServiceName,
    },
    /// The fold of [`next`] came to no end: a defect of deploykit.
    #[error("the plan of {service} came to no end after {rounds} rounds; this is a defect of deploykit")]
    Endless {
        /// The service.
        service: ServiceName,
        /// How many rounds there were.
        rounds: usize,
    },
}

fn display_cycle(cycle: &[ServiceName]) -> String {
    let names = cycle.iter().chain(cycle.first()).map(ServiceName::as_str);
    names.collect::<Vec<_>>().join(" → ")
}

/// The road of several services from what is to what should be, each after those it depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The services, in an order in which each comes after those it waits for.
    pub services: Vec<ServicePlan>,
}

/// The road of one service from what is to what should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    /// What should be.
    pub goal: Goal,
    /// The target.
    pub target: TargetName,
    /// The services of this plan that have to be where they should be before this one begins.
    pub after: Vec<ServiceName>,
    /// What the plan was made from.
    pub basis: Observed,
    /// What differs from the deployment before.
    pub changes: Vec<Change>,
    /// What nobody declared.
    pub drift: Vec<Drift>,
    /// The rounds, in order. None: nothing has to be done.
    pub rounds: Vec<Round>,
    /// How to go back.
    pub rollback: Rollback,
}

/// Steps that may run at once, and what holds after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// What has to happen before the round, if anything.
    pub wait: Option<WaitReason>,
    /// The steps; none in a last round that is only waited for.
    pub steps: Vec<Step>,
    /// What holds once the steps are done; what they started is not ready yet.
    pub after: RoundState,
}

/// What holds after a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundState {
    /// Instances that can take requests, of any revision.
    pub ready: u32,
    /// All instances.
    pub total: u32,
    /// The share of requests that reach the goal's revision; `None` where nothing routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Shares>,
    /// The longest that the wait before the round and its steps may take before the rollout counts as failed.
    #[serde(with = "duration")]
    pub at_most: Duration,
}

/// How to go back once a plan was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rollback {
    /// To this revision.
    To {
        /// The revision.
        revision: Revision,
        /// Its number in the history.
        sequence: u64,
    },
    /// By removing the service: nothing was deployed before.
    Remove,
    /// There is no way back.
    Impossible {
        /// Why.
        reason: String,
    },
}

#[cfg(test)]
mod tests;
