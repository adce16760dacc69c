//! What can be done to a target, as data.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::name::ServiceName;
use crate::observed::InstanceId;
use crate::pin::PinnedSpec;
use crate::record::Record;
use crate::revision::Revision;
use crate::traffic::RouteChange;
use crate::units::duration;

/// One change of a target. Every action is idempotent: doing it again when it is done changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Action {
    /// Bring the artifact to where the target takes it from: build, tag, push, upload.
    Publish {
        /// What is deployed.
        spec: Arc<PinnedSpec>,
    },
    /// Write a record, or replace the one of the same revision.
    Record {
        /// The record.
        record: Box<Record>,
    },
    /// Start an instance. One that has exited is replaced if its attempt is another; one that runs is left alone.
    Start {
        /// Which one.
        id: InstanceId,
        /// What it runs.
        spec: Arc<PinnedSpec>,
        /// How many times it was started again after it had exited, less those before it ran for long.
        #[serde(default)]
        attempt: u32,
    },
    /// Ask an instance to stop, and take it away once it has ended or the grace is over.
    Stop {
        /// Which one.
        id: InstanceId,
        /// How long it may take to stop by itself.
        #[serde(with = "duration")]
        grace: Duration,
    },
    /// Tell the platform what should be.
    Submit {
        /// What should be.
        spec: Arc<PinnedSpec>,
        /// The platform's version this was decided on; if it moved, the action fails with
        /// [`Conflict`](crate::ErrorKind::Conflict).
        expect: Option<String>,
    },
    /// Tell the platform that the service should not be any more.
    Withdraw {
        /// The service.
        service: ServiceName,
    },
    /// Change what the router does.
    Route {
        /// The service.
        service: ServiceName,
        /// The change.
        change: Box<RouteChange>,
    },
    /// Take away a record, and what was kept for it alone.
    Forget {
        /// The service.
        service: ServiceName,
        /// The revision.
        revision: Revision,
    },
}

impl Action {
    /// The service that is changed.
    pub fn service(&self) -> &ServiceName {
        match self {
            Self::Publish { spec } | Self::Submit { spec, .. } => spec.service(),
            Self::Record { record } => record.spec.service(),
            Self::Start { id, .. } | Self::Stop { id, .. } => &id.service,
            Self::Withdraw { service } | Self::Route { service, .. } | Self::Forget { service, .. } => service,
        }
    }

    /// The name of its kind: `start`, `route`.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "publish",
            Self::Record { .. } => "record",
            Self::Start { .. } => "start",
            Self::Stop { .. } => "stop",
            Self::Submit { .. } => "submit",
            Self::Withdraw { .. } => "withdraw",
            Self::Route { .. } => "route",
            Self::Forget { .. } => "forget",
        }
    }
}

/// `start orders-r1-3f2a9c01be77-0`.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb())?;
        match self {
            Self::Publish { spec } | Self::Submit { spec, .. } => write!(f, " {} {}", spec.service(), spec.revision()),
            Self::Record { record } => write!(f, " {} {}", record.spec.service(), record.revision()),
            Self::Start { id, .. } | Self::Stop { id, .. } => write!(f, " {id}"),
            Self::Withdraw { service } => write!(f, " {service}"),
            Self::Route { service, change } => {
                write!(f, " {service}")?;
                if !change.admit.is_empty() {
                    write!(f, ", admit {}", change.admit.len())?;
                }
                if !change.withdraw.is_empty() {
                    write!(f, ", withdraw {}", change.withdraw.len())?;
                }
                change.split.as_ref().map_or(Ok(()), |split| write!(f, ", split {}", split.shares))
            }
            Self::Forget { service, revision } => write!(f, " {service} {revision}"),
        }
    }
}

/// An action, and why it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Why.
    pub why: Reason,
}

impl Step {
    /// This action for this reason.
    pub fn new(action: Action, why: Reason) -> Self {
        Self { action, why }
    }
}

/// Why a step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The service is new, or there are fewer instances than wanted.
    BelowReplicas,
    /// There are more instances than wanted.
    AboveReplicas,
    /// An instance of the new revision takes the place of one of another.
    NewRevision,
    /// An instance of another revision gives way.
    OldRevision,
    /// It came to its end by itself.
    Exited,
    /// It runs but does not work.
    Unhealthy,
    /// It is available and gets its requests.
    Available,
    /// Users move to the next stage of the release.
    Release,
    /// Users move back.
    RollBack,
    /// Fields changed that need no new instances.
    InPlace,
    /// The template changed.
    SpecChanged,
    /// The platform has something else than what it was told.
    Drifted,
    /// The deployment begins and has to be known to whoever comes after a crash.
    Begin,
    /// The deployment is complete.
    Complete,
    /// The deployment was given up.
    GivenUp,
    /// More records are kept than wanted.
    History,
    /// The service is removed.
    Removed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BelowReplicas => "fewer than wanted",
            Self::AboveReplicas => "more than wanted",
            Self::NewRevision => "new revision",
            Self::OldRevision => "gives way to the new revision",
            Self::Exited => "has exited",
            Self::Unhealthy => "is unhealthy",
            Self::Available => "is available",
            Self::Release => "next stage of the release",
            Self::RollBack => "users go back",
            Self::InPlace => "changed in place",
            Self::SpecChanged => "the template changed",
            Self::Drifted => "is not as declared",
            Self::Begin => "deployment begins",
            Self::Complete => "deployment is complete",
            Self::GivenUp => "deployment was given up",
            Self::History => "beyond the history limit",
            Self::Removed => "the service is removed",
        })
    }
}

/// What an action did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// It changed the target.
    Changed,
    /// All was as it should be.
    Unchanged,
}
