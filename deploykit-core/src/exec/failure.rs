use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Seen;
use super::seen::stuck_because;
use crate::error::ErrorKind;
use crate::name::{ServiceName, TargetName};
use crate::observed::InstanceId;
use crate::plan::StuckReason;
use crate::units::duration;

/// Why a service did not get where it should: what was being done, to what, where, what was last seen, and what to do.
///
/// Its text is one line; [`report`](Self::report) says everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Failure {
    /// The service.
    pub service: ServiceName,
    /// The target.
    pub target: TargetName,
    /// What was being done: `start orders-r1-3f2a9c01be77-0`, `waiting for 2 instances to stop`.
    pub doing: String,
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// The error with its sources, if one was met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What was last seen, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Seen>,
    /// How long nothing had moved on.
    #[serde(with = "duration")]
    pub waited: Duration,
    /// The instance whose log lines follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs_of: Option<InstanceId>,
    /// Its last log lines; values of secrets are blotted out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<String>,
    /// What can be done next, without danger.
    pub hint: String,
}

/// Kinds of failure of a service in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// Nothing moved on for so long.
    Deadline {
        /// The limit: the spec's `deadline`.
        #[serde(with = "duration")]
        limit: Duration,
    },
    /// It will not get any further by itself.
    Stuck {
        /// Why.
        why: StuckReason,
    },
    /// A step failed in a way that does not pass.
    Step {
        /// The kind of error.
        error: ErrorKind,
    },
    /// The target could not be looked at.
    Observe {
        /// The kind of error.
        error: ErrorKind,
    },
    /// Another deployer holds the lease.
    Held,
    /// The lease was lost; nothing was changed after that.
    LeaseLost,
    /// What the plan was made from is not what is there any more.
    Stale,
    /// A secret could not be read, or is not what was planned.
    Secret,
    /// No decision could be made.
    Plan,
    /// There is nothing to go back to.
    NoWayBack,
    /// deploykit or a backend of it has a defect.
    Defect,
}

impl Failure {
    pub(super) fn new(
        service: &ServiceName,
        target: &TargetName,
        doing: impl Into<String>,
        kind: FailureKind,
    ) -> Box<Self> {
        Box::new(Self {
            hint: hint(&kind, service),
            service: service.clone(),
            target: target.clone(),
            doing: doing.into(),
            kind,
            error: None,
            last_seen: None,
            waited: Duration::ZERO,
            logs_of: None,
            logs: Vec::new(),
        })
    }

    pub(super) fn with_error(mut self: Box<Self>, error: &crate::Error) -> Box<Self> {
        self.error = Some(error.chain());
        if let Some(hint) = error.hint() {
            hint.clone_into(&mut self.hint);
        }
        self
    }

    pub(super) fn with_text(mut self: Box<Self>, error: impl fmt::Display) -> Box<Self> {
        self.error = Some(error.to_string());
        self
    }

    pub(super) fn with_seen(mut self: Box<Self>, seen: Option<Seen>) -> Box<Self> {
        self.last_seen = seen;
        self
    }

    pub(super) fn with_waited(mut self: Box<Self>, waited: Duration) -> Box<Self> {
        self.waited = Duration::from_millis(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Whether nothing may be changed any more, not even back.
    pub(super) fn forbids_changes(&self) -> bool {
        matches!(self.kind, FailureKind::LeaseLost | FailureKind::Held | FailureKind::Stale)
    }

    /// Everything, over several lines.
    pub fn report(&self) -> String {
        let mut lines = vec![self.to_string()];
        if let Some(seen) = &self.last_seen {
            lines.push(format!("last seen: {seen}"));
        }
        if !self.waited.is_zero() {
            lines.push(format!("without progress for {}", duration::format(self.waited)));
        }
        if let Some(instance) = &self.logs_of {
            lines.push(format!("last log lines of {instance}:"));
            lines.extend(self.logs.iter().map(|line| format!("    {line}")));
        }
        lines.push(format!("next: {}", self.hint));
        lines.join("\n")
    }
}

/// `orders on docker: start orders-r1-3f2a9c01be77-0: cannot start ..: permission denied`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}: {}", self.service, self.target, self.doing)?;
        match &self.kind {
            FailureKind::Deadline { limit } => write!(f, ": no progress for {}", duration::format(*limit))?,
            FailureKind::Stuck { why } => write!(f, ": {}", stuck_because(why))?,
            FailureKind::LeaseLost => f.write_str(": the lease was lost to another deployer")?,
            FailureKind::Held => f.write_str(": another deployer is at work")?,
            FailureKind::Stale => f.write_str(": the plan is out of date")?,
            FailureKind::NoWayBack => f.write_str(": there is nothing to go back to")?,
            FailureKind::Step { .. }
            | FailureKind::Observe { .. }
            | FailureKind::Secret
            | FailureKind::Plan
            | FailureKind::Defect => {}
        }
        self.error.as_ref().map_or(Ok(()), |error| write!(f, ": {error}"))
    }
}

impl std::error::Error for Failure {}

fn hint(kind: &FailureKind, service: &ServiceName) -> String {
    match kind {
        FailureKind::Deadline { .. } | FailureKind::Stuck { .. } => {
            format!("`deploykit logs {service}` and `deploykit status {service}` show what is wrong")
        }
        FailureKind::Held => {
            format!("wait until the other deployer is done; `deploykit status {service}` shows how far it is")
        }
        FailureKind::LeaseLost => {
            format!("another deployer has taken over; `deploykit status {service}` shows how far it is")
        }
        FailureKind::Stale => "plan again, and look at the new plan before applying it".to_owned(),
        FailureKind::Secret => "mend the secret's source and plan again".to_owned(),
        FailureKind::Step { .. } | FailureKind::Observe { .. } | FailureKind::Plan | FailureKind::Defect => {
            format!("`deploykit status {service}` shows what is there; deploying again goes on from that")
        }
        FailureKind::NoWayBack => format!("deploy a spec that works; `deploykit status {service}` shows what is there"),
    }
}
