//! What is on a target now, as [`Deployer::observe`](crate::Deployer::observe) saw it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::name::ServiceName;
use crate::pin::Digest;
use crate::record::Record;
use crate::revision::Revision;
use crate::time::Timestamp;
use crate::traffic::Traffic;

/// Everything of one service on one target, at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// The service.
    pub service: ServiceName,
    /// When this was seen, by the target's clock.
    pub at: Timestamp,
    /// What runs.
    pub state: State,
    /// What the router was found to do; `None` where nothing routes to this service's instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// The revisions one can go back to, in no particular order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Record>,
    /// Revisions whose artifact is where the target takes it from. Not used by targets without a publishing step.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub published: BTreeSet<Revision>,
    /// What the target found changed by somebody else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
}

impl Observed {
    /// An observation of nothing, on a target with this kind of state.
    pub fn empty(service: ServiceName, at: Timestamp, state: State) -> Self {
        Self { service, at, state, traffic: None, records: Vec::new(), published: BTreeSet::new(), drift: Vec::new() }
    }

    /// Instances by revision, whoever drives them.
    pub fn counts(&self) -> BTreeMap<Revision, Counts> {
        match &self.state {
            State::Platform(platform) => platform.groups.clone(),
            State::Instances(instances) => {
                let mut counts: BTreeMap<Revision, Counts> = BTreeMap::new();
                for instance in instances {
                    let count = counts.entry(instance.id.revision.clone()).or_default();
                    count.total += 1;
                    count.ready += u32::from(instance.phase == Phase::Ready);
                }
                counts
            }
        }
    }

    /// The record that was written last: what the service is, or was, being brought to.
    pub fn latest_record(&self) -> Option<&Record> {
        self.records.iter().max_by_key(|record| record.sequence)
    }

    /// Whether there is nothing of the service on the target.
    pub fn is_empty(&self) -> bool {
        let nothing_runs = match &self.state {
            State::Instances(instances) => instances.is_empty(),
            State::Platform(platform) => platform.submitted.is_none() && platform.groups.is_empty(),
        };
        nothing_runs && self.records.is_empty() && self.traffic.as_ref().is_none_or(Traffic::is_empty)
    }
}

/// What runs, by who drives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// deploykit starts and stops each instance.
    Instances(Vec<Instance>),
    /// The platform does; it is told what should be, and watched.
    Platform(PlatformState),
}

/// The identity of an instance, and its name on the target: `orders-r1-3f2a9c01be77-0`.
///
/// The name is deterministic, so that a start that is repeated meets itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceId {
    /// The service.
    pub service: ServiceName,
    /// The revision that it runs.
    pub revision: Revision,
    /// Its number among those of its revision, from 0.
    pub ordinal: u32,
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}-{}", self.service, self.revision.short(), self.ordinal))
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One running copy of a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Instance {
    /// Which one.
    pub id: InstanceId,
    /// What it is doing.
    pub phase: Phase,
    /// Since when it has been doing that.
    pub since: Timestamp,
    /// How many times it was started again after it had come to its end by itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// When the present attempt was started, where the target knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// What a person should know about its phase: the last answer of a probe, why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Instance {
    /// An instance in this phase since this time, in its first attempt.
    pub fn new(id: InstanceId, phase: Phase, since: Timestamp) -> Self {
        Self { id, phase, since, attempt: 0, started: None, note: None }
    }

    /// Says how many times it was started again.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// Says when the present attempt was started.
    #[must_use]
    pub fn with_started(mut self, started: Timestamp) -> Self {
        self.started = Some(started);
        self
    }

    /// Says what a person should know.
    #[must_use]
    pub fn with_note(mut self, note: impl AsRef<str>) -> Self {
        self.note = Some(note.as_ref().into());
        self
    }
}

/// What an instance is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It was started and is not ready yet.
    Starting,
    /// It can take requests.
    Ready,
    /// It runs, but was ready and is not any more, or its liveness probe fails.
    Unhealthy,
    /// It was asked to stop and has not ended yet.
    Stopping,
    /// It came to its end by itself and is still there to be looked at.
    Exited {
        /// Its exit code; 128 and the signal's number where a signal ended it.
        code: i32,
    },
}

impl Phase {
    /// Whether it runs and was not asked to stop.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Starting | Self::Ready | Self::Unhealthy)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.pad("starting"),
            Self::Ready => f.pad("ready"),
            Self::Unhealthy => f.pad("unhealthy"),
            Self::Stopping => f.pad("stopping"),
            Self::Exited { code } => f.pad(&format!("exited with {code}")),
        }
    }
}

/// How many instances there are of a revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// All of them.
    pub total: u32,
    /// Those that can take requests.
    pub ready: u32,
}

/// A service on a platform with a rollout engine of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformState {
    /// What the platform was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted: Option<Submitted>,
    /// How many instances the platform aims at.
    pub replicas: u32,
    /// How many instances there are, by revision.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<Revision, Counts>,
    /// How far the platform has come.
    pub rollout: Rollout,
    /// The platform's version of what it was told, for compare and swap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a platform was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submitted {
    /// The revision.
    pub revision: Revision,
    /// The digest of the whole spec: [`PinnedSpec::digest`](crate::PinnedSpec::digest).
    pub digest: Digest,
}

/// How far a platform's rollout has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rollout {
    /// Everything is as it was told, or it was told nothing.
    #[default]
    Complete,
    /// It is at work.
    Progressing,
    /// It will not get there by itself.
    Stalled {
        /// Why, in words.
        reason: String,
    },
}

/// Something that nobody declared, or that somebody else changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// What it is about: a field's path, or an instance's name.
    pub subject: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// Who changed it, where the target knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
