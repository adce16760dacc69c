use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::observed::{Counts, Observed, Phase, Rollout, State};
use crate::plan::{StuckReason, WaitReason};
use crate::revision::Revision;
use crate::time::Timestamp;
use crate::traffic::Shares;

/// What was seen of a service, in brief.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Seen {
    /// When, by the target's clock.
    pub at: Timestamp,
    /// Instances by revision.
    pub counts: BTreeMap<Revision, Counts>,
    /// How requests were split; `None` where nothing routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<Shares>,
    /// What was not well, in words: `orders-r1-3f2a9c01be77-0 exited with 1: out of memory`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// So many things that are not well are named; more would hide the first.
const MOST_NOTES: usize = 5;

impl Seen {
    /// The brief form of an observation.
    pub fn of(observed: &Observed) -> Self {
        let notes = match &observed.state {
            State::Instances(instances) => {
                let unwell = instances.iter().filter(|instance| {
                    matches!(instance.phase, Phase::Unhealthy | Phase::Exited { .. })
                        || (instance.phase == Phase::Starting && instance.note.is_some())
                });
                let note = |instance: &crate::observed::Instance| match &instance.note {
                    Some(note) => format!("{} {}: {note}", instance.id, instance.phase),
                    None => format!("{} {}", instance.id, instance.phase),
                };
                unwell.take(MOST_NOTES).map(note).collect()
            }
            State::Platform(platform) => match &platform.rollout {
                Rollout::Stalled { reason } => vec![reason.clone()],
                Rollout::Complete | Rollout::Progressing => Vec::new(),
            },
        };
        let shares = observed.traffic.as_ref().map(|traffic| traffic.split.shares.clone());
        Self { at: observed.at, counts: observed.counts(), shares, notes }
    }

    /// Whether the same was seen, be it at another time.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.counts == other.counts && self.shares == other.shares && self.notes == other.notes
    }
}

/// `r1-3f2a9c01be77 1 of 2 ready, r1-77aa01be3f2a 3 of 3 ready; orders-r1-3f2a9c01be77-1 exited with 1`.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.counts.is_empty() {
            f.write_str("no instances")?;
        }
        for (index, (revision, counts)) in self.counts.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{revision} {} of {} ready", counts.ready, counts.total)?;
        }
        if let Some(shares @ Shares::Weighted(_)) = &self.shares {
            write!(f, "; traffic {shares}")?;
        }
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}

/// What is waited for, in words that follow "waiting for".
pub(crate) fn waiting_for(why: &WaitReason) -> String {
    match why {
        WaitReason::Starting { instances: 1, first } => format!("waiting for {first} to become ready"),
        WaitReason::Starting { instances, first } => {
            format!("waiting for {instances} instances to become ready, first {first}")
        }
        WaitReason::MinReady { instances } => {
            format!("waiting for {instances} instances to have been ready for long enough")
        }
        WaitReason::Draining { instances, in_flight } => {
            format!("waiting for {in_flight} requests on {instances} instances to end")
        }
        WaitReason::Stopping { instances } => format!("waiting for {instances} instances to stop"),
        WaitReason::Backoff { instance, attempt } => {
            format!("waiting before {instance} is started again, which was done {attempt} times")
        }
        WaitReason::Unhealthy { instances } => format!("waiting for {instances} unhealthy instances to recover"),
        WaitReason::Hold { stage } => format!("holding stage {stage} of the release"),
        WaitReason::Gate { stage } => format!("waiting for the gate of stage {stage} to be opened"),
        WaitReason::KeepOld => "keeping the old revision for a while".to_owned(),
        WaitReason::Platform { ready, wanted } => {
            format!("waiting for the platform, which has {ready} of {wanted} instances ready")
        }
    }
}

/// Why it will get no further, in words.
pub(super) fn stuck_because(why: &StuckReason) -> String {
    match why {
        StuckReason::CrashLoop { instance, code, attempts } => {
            format!("{instance} was started {attempts} times and exited each time, at last with {code}")
        }
        StuckReason::Platform { reason } => format!("the platform gave up: {reason}"),
    }
}
