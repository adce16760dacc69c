//! The shape of a saved plan. It is a form of its own, so that the types can change while files stay readable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::Reason;
use crate::diff::Change;
use crate::name::{ServiceName, TargetName};
use crate::observed::{Drift, Phase, PlatformState};
use crate::pin::PinnedSpec;
use crate::plan::{Rollback, RoundState, WaitReason};
use crate::record::RecordStatus;
use crate::revision::Revision;
use crate::time::Timestamp;
use crate::traffic::{Endpoint, Split};
use crate::units::duration;

/// The place of a spec in [`ServiceFile::specs`].
pub(super) type SpecRef = usize;

/// An instance of the service: `revision/ordinal`.
pub(super) type InstanceRef = String;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanFile {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) services: Vec<ServiceFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceFile {
    pub(super) service: ServiceName,
    pub(super) target: TargetName,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) after: Vec<ServiceName>,
    pub(super) goal: GoalFile,
    /// Each spec once; all else refers to them.
    pub(super) specs: Vec<SpecFile>,
    pub(super) changes: Vec<Change>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) drift: Vec<Drift>,
    pub(super) rounds: Vec<RoundFile>,
    pub(super) rollback: Rollback,
    pub(super) basis: BasisFile,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum GoalFile {
    Run(SpecRef),
    RollBack(SpecRef),
    Remove,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpecFile {
    pub(super) revision: Revision,
    pub(super) pinned: Arc<PinnedSpec>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoundFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) wait: Option<WaitReason>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<StepFile>,
    pub(super) after: RoundState,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepFile {
    #[serde(rename = "do")]
    pub(super) action: ActionFile,
    pub(super) why: Reason,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ActionFile {
    Publish(SpecRef),
    Record(RecordFile),
    Start {
        instance: InstanceRef,
        spec: SpecRef,
        #[serde(default, skip_serializing_if = "is_zero")]
        attempt: u32,
    },
    Stop {
        instance: InstanceRef,
        #[serde(with = "duration")]
        grace: Duration,
    },
    Submit {
        spec: SpecRef,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expect: Option<String>,
    },
    Withdraw,
    Route {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        admit: Vec<InstanceRef>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        withdraw: Vec<InstanceRef>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        split: Option<Split>,
    },
    Forget(Revision),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
pub(super) fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordFile {
    pub(super) sequence: u64,
    pub(super) at: Timestamp,
    pub(super) status: RecordStatus,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) proven: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) promoted: u32,
    pub(super) spec: SpecRef,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BasisFile {
    pub(super) at: Timestamp,
    pub(super) state: StateFile,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) traffic: Option<TrafficFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) records: Vec<RecordFile>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) published: BTreeSet<Revision>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) drift: Vec<Drift>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StateFile {
    Instances(Vec<InstanceFile>),
    Platform(PlatformState),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceFile {
    pub(super) instance: InstanceRef,
    pub(super) phase: Phase,
    pub(super) since: Timestamp,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) started: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<Arc<str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrafficFile {
    pub(super) split: Split,
    pub(super) since: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) endpoints: BTreeMap<InstanceRef, Endpoint>,
}
