//! What happens while a plan is carried out, as it happens.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::{Applied, Reason};
use crate::exec::{Failure, Seen};
use crate::lease::FencingToken;
use crate::name::{ServiceName, VarName};
use crate::observed::InstanceId;
use crate::plan::WaitReason;
use crate::target::Progress;
use crate::time::Timestamp;
use crate::units::duration;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Event {
    /// Rises by one from event to event of an executor.
    pub seq: u64,
    /// When, by the executor's clock.
    pub at: Timestamp,
    /// The service it is about; `None` if it is about the run as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// What happened.
    pub kind: EventKind,
}

impl Event {
    pub(crate) fn new(seq: u64, at: Timestamp, service: Option<ServiceName>, kind: EventKind) -> Self {
        Self { seq, at, service, kind }
    }
}

/// `orders: start orders-r1-3f2a9c01be77-0: new revision`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(service) = &self.service {
            write!(f, "{service}: ")?;
        }
        write!(f, "{}", self.kind)
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A run over these services began.
    RunStarted {
        /// The services.
        services: Vec<ServiceName>,
    },
    /// A run came to its end.
    RunFinished {
        /// How many services came to each end.
        outcomes: BTreeMap<Ending, usize>,
    },
    /// The lease of the service was taken.
    LeaseTaken {
        /// By whom.
        holder: String,
        /// Its token.
        token: FencingToken,
    },
    /// The service was looked at, and something about it is new.
    Observed {
        /// What was seen.
        seen: Seen,
    },
    /// The service could not be looked at.
    ObserveFailed {
        /// Why.
        error: String,
        /// When it is tried again; `None` if it is not.
        #[serde(default, with = "maybe", skip_serializing_if = "Option::is_none")]
        retry_in: Option<Duration>,
    },
    /// Steps are taken.
    RoundStarted {
        /// Which round of this run, from 1.
        round: u32,
        /// How many steps it has.
        steps: u32,
    },
    /// A step is taken.
    StepStarted {
        /// The step.
        step: StepName,
    },
    /// A step that takes a while says how far it is.
    StepProgress {
        /// The step.
        step: StepName,
        /// How far it is.
        progress: Progress,
    },
    /// A step was taken.
    StepFinished {
        /// The step.
        step: StepName,
        /// What it did.
        applied: Applied,
    },
    /// A step could not be taken.
    StepFailed {
        /// The step.
        step: StepName,
        /// Why.
        error: String,
        /// When the service is looked at again, to decide again; `None` if it is given up.
        #[serde(default, with = "maybe", skip_serializing_if = "Option::is_none")]
        retry_in: Option<Duration>,
    },
    /// Something has to happen first.
    Waiting {
        /// What.
        why: WaitReason,
        /// When time alone will do, by the target's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// Something that a person may want to know at once.
    Alarm {
        /// What.
        alarm: Alarm,
    },
    /// A rollout failed and is taken back.
    RollbackStarted {
        /// Why it failed.
        cause: Box<Failure>,
        /// To what revision; `None` if what was begun is removed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<crate::revision::Revision>,
    },
    /// New goals of a [`Reconciler`](crate::exec::Reconciler) cannot be planned; those before stay.
    GoalsRefused {
        /// Why.
        error: String,
    },
    /// The service came to its end in this run.
    Finished {
        /// Which end.
        ending: Ending,
        /// More about it, in words.
        detail: String,
    },
    /// The reader was too slow and missed events; the run did not wait for it.
    Lagged {
        /// So many.
        missed: u64,
    },
}

/// A step as it is named in events: without the spec, which can be large.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepName {
    /// The round, from 1.
    pub round: u32,
    /// The step's number in its round, from 1.
    pub number: u32,
    /// What is done, in words: `start orders-r1-3f2a9c01be77-0`.
    pub action: String,
    /// Why.
    pub why: Reason,
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.action)
    }
}

/// How a service ended in a run; the [`Outcome`](crate::exec::Outcome) says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ending {
    /// All is as it should be.
    Completed,
    /// It failed and was taken back.
    RolledBack,
    /// It stopped where it was.
    Halted,
    /// It failed.
    Failed,
    /// Somebody has to let it go on.
    Paused,
    /// It was told to stop.
    Cancelled,
    /// What it depends on did not complete.
    Blocked,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Completed => "completed",
            Self::RolledBack => "rolled back",
            Self::Halted => "halted",
            Self::Failed => "failed",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Blocked => "blocked",
        })
    }
}

/// Something that a person may want to know at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Alarm {
    /// An instance ends again and again.
    CrashLoop {
        /// Which one.
        instance: InstanceId,
        /// How many times it was started again.
        attempt: u32,
    },
    /// The lease could not be renewed, or given back.
    Lease {
        /// Why.
        error: String,
    },
    /// An old revision is started with a secret's present value: the one it had is not known any more.
    SecretChanged {
        /// Which secret.
        name: VarName,
    },
    /// What became of the deployment could not be written down.
    NotRecorded {
        /// Why.
        error: String,
    },
    /// The target does not tell of changes although it should; it is asked instead.
    Changes {
        /// Why.
        error: String,
    },
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrashLoop { instance, attempt } => write!(f, "{instance} ended again; start {attempt} follows"),
            Self::Lease { error } | Self::Changes { error } => f.write_str(error),
            Self::SecretChanged { name } => {
                write!(f, "secret {name} has another value now than when this revision was deployed")
            }
            Self::NotRecorded { error } => write!(f, "what became of the deployment was not recorded: {error}"),
        }
    }
}

/// One line, without the service.
impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let retry = |f: &mut fmt::Formatter<'_>, retry_in: &Option<Duration>| match retry_in {
            Some(delay) => write!(f, "; again in {}", duration::format(whole_millis(*delay))),
            None => Ok(()),
        };
        match self {
            Self::RunStarted { services } => write!(f, "run of {} services started", services.len()),
            Self::RunFinished { outcomes } => {
                let parts: Vec<_> = outcomes.iter().map(|(ending, count)| format!("{count} {ending}")).collect();
                write!(f, "run finished: {}", parts.join(", "))
            }
            Self::LeaseTaken { holder, token } => write!(f, "lease {} taken by {holder}", token.0),
            Self::Observed { seen } => write!(f, "{seen}"),
            Self::ObserveFailed { error, retry_in } | Self::StepFailed { error, retry_in, .. } => {
                f.write_str(error)?;
                retry(f, retry_in)
            }
            Self::RoundStarted { round, steps } => write!(f, "round {round} of {steps} steps"),
            Self::StepStarted { step } => write!(f, "{step}: {}", step.why),
            Self::StepProgress { step, progress } => {
                write!(f, "{step}: {} {}", progress.message, progress.done)?;
                progress.total.map_or(Ok(()), |total| write!(f, "/{total}"))
            }
            Self::StepFinished { step, applied: Applied::Changed } => write!(f, "{step}: done"),
            Self::StepFinished { step, applied: Applied::Unchanged } => write!(f, "{step}: was done already"),
            Self::GoalsRefused { error } => write!(f, "new goals are refused: {error}"),
            Self::Waiting { why, .. } => f.write_str(&crate::exec::waiting_for(why)),
            Self::Alarm { alarm } => write!(f, "{alarm}"),
            Self::RollbackStarted { to: Some(to), .. } => write!(f, "going back to {to}"),
            Self::RollbackStarted { to: None, .. } => f.write_str("taking away what was begun"),
            Self::Finished { ending, detail } if detail.is_empty() => write!(f, "{ending}"),
            Self::Finished { ending, detail } => write!(f, "{ending}: {detail}"),
            Self::Lagged { missed } => write!(f, "{missed} events missed"),
        }
    }
}

fn whole_millis(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// A duration that may be missing, for `#[serde(with = "maybe")]`.
mod maybe {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::units::duration;

    #[expect(clippy::ref_option, reason = "serde hands over a reference")]
    pub(super) fn serialize<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => duration::serialize(&super::whole_millis(*time), serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| duration::parse(&text).map_err(serde::de::Error::custom)).transpose()
    }
}
