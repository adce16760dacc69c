use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Failure, Seen};
use crate::action::Step;
use crate::event::Ending;
use crate::name::{ServiceName, TargetName};
use crate::revision::Revision;
use crate::units::duration;

/// How a service ended in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[must_use]
#[non_exhaustive]
pub enum Outcome {
    /// All is as it should be.
    Completed {
        /// Whether anything had to be changed.
        changed: bool,
    },
    /// It failed, and what it had changed was taken back.
    RolledBack {
        /// The revision that runs again; `None` if what was begun was removed.
        to: Option<Revision>,
        /// Why it failed.
        cause: Box<Failure>,
    },
    /// It stopped where it was: the policy is `halt`, or it was not allowed to change anything.
    Halted {
        /// Why.
        cause: Box<Failure>,
    },
    /// It failed and was left as it was, or could not be taken back.
    Failed {
        /// Why it failed.
        cause: Box<Failure>,
        /// Why it could not be taken back, if that was tried.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rollback_error: Option<Box<Failure>>,
    },
    /// It waits for somebody to let it go on; where it stands is kept on the target.
    Paused {
        /// The stage of the release whose gate is closed, from 0.
        stage: u32,
    },
    /// It was told to stop.
    Cancelled {
        /// What was last seen. The next run goes on from there.
        left_at: Seen,
    },
    /// It did not begin.
    Blocked {
        /// The service it depends on that did not complete.
        by: ServiceName,
    },
}

impl Outcome {
    /// Whether it is where it should be, or waits for somebody as it should.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Paused { .. })
    }

    /// Which end it is, without the rest.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Completed { .. } => Ending::Completed,
            Self::RolledBack { .. } => Ending::RolledBack,
            Self::Halted { .. } => Ending::Halted,
            Self::Failed { .. } => Ending::Failed,
            Self::Paused { .. } => Ending::Paused,
            Self::Cancelled { .. } => Ending::Cancelled,
            Self::Blocked { .. } => Ending::Blocked,
        }
    }

    /// Why it did not get where it should, if it failed.
    pub fn cause(&self) -> Option<&Failure> {
        match self {
            Self::RolledBack { cause, .. } | Self::Halted { cause } | Self::Failed { cause, .. } => Some(cause),
            _ => None,
        }
    }

    /// What there is to say beyond which end it is.
    pub(super) fn detail(&self) -> String {
        match self {
            Self::Completed { changed: true } => String::new(),
            Self::Completed { changed: false } => "nothing had to be done".to_owned(),
            Self::RolledBack { to: Some(to), cause } => format!("{to} runs again: {cause}"),
            Self::RolledBack { to: None, cause } => format!("what was begun is removed: {cause}"),
            Self::Halted { cause } | Self::Failed { cause, rollback_error: None } => cause.to_string(),
            Self::Failed { cause, rollback_error: Some(error) } => format!("{cause}; going back failed too: {error}"),
            Self::Paused { stage } => format!("stage {stage} waits for its gate to be opened"),
            Self::Cancelled { left_at } => format!("left at: {left_at}"),
            Self::Blocked { by } => format!("{by} did not complete"),
        }
    }
}

/// `failed: orders on docker: ..`.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = self.detail();
        let colon = if detail.is_empty() { "" } else { ": " };
        write!(f, "{}{colon}{detail}", self.ending())
    }
}

/// What one service took, and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ServiceReport {
    /// Where.
    pub target: TargetName,
    /// How it ended.
    pub outcome: Outcome,
    /// How many rounds were taken.
    pub rounds: u32,
    /// How many steps were taken, rollback included.
    pub steps: u32,
    /// How many requests were under way on instances when those were stopped, as far as the router counts them.
    pub cut_requests: u32,
    /// How long it took.
    #[serde(with = "duration")]
    pub elapsed: Duration,
    /// The steps that were taken, by round; only with [`Options::with_recorded_steps`](super::Options).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<Vec<Step>>,
}

impl ServiceReport {
    pub(super) fn of_nothing(target: TargetName, outcome: Outcome) -> Self {
        Self { target, outcome, rounds: 0, steps: 0, cut_requests: 0, elapsed: Duration::ZERO, done: Vec::new() }
    }
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use]
#[non_exhaustive]
pub struct Report {
    /// Every service of the run.
    pub services: BTreeMap<ServiceName, ServiceReport>,
}

impl Report {
    /// Whether every service is where it should be, or waits for somebody as it should.
    pub fn is_success(&self) -> bool {
        self.services.values().all(|service| service.outcome.is_success())
    }

    /// The report as an error unless it [is a success](Self::is_success).
    ///
    /// # Errors
    /// [`RunFailed`] with the report.
    pub fn into_result(self) -> Result<Self, RunFailed> {
        if self.is_success() { Ok(self) } else { Err(RunFailed(Box::new(self))) }
    }

    /// How one service ended.
    pub fn outcome(&self, service: &ServiceName) -> Option<&Outcome> {
        self.services.get(service).map(|service| &service.outcome)
    }

    pub(super) fn endings(&self) -> BTreeMap<Ending, usize> {
        let mut endings = BTreeMap::new();
        for service in self.services.values() {
            *endings.entry(service.outcome.ending()).or_insert(0) += 1;
        }
        endings
    }
}

/// One line per service.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, service)) in self.services.iter().enumerate() {
            let line_end = if index > 0 { "\n" } else { "" };
            write!(f, "{line_end}{name}: {}", service.outcome)?;
        }
        Ok(())
    }
}

/// A run in which not every service got where it should.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFailed(Box<Report>);

impl RunFailed {
    /// The report.
    pub fn report(&self) -> &Report {
        &self.0
    }
}

/// One line per service that did not.
impl fmt::Display for RunFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.0.services.iter().filter(|(_, service)| !service.outcome.is_success());
        for (index, (name, service)) in failed.enumerate() {
            let line_end = if index > 0 { "\n" } else { "" };
            write!(f, "{line_end}{name}: {}", service.outcome)?;
        }
        Ok(())
    }
}

impl std::error::Error for RunFailed {}
