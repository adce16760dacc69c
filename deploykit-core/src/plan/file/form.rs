//! What a plan's file looks like, version 1.
//!
//! Types of their own, so that a change of the types that are worked with does not change files by accident. An
//! instance is written by its name on the target, a spec by its key in the table of its service.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::Reason;
use crate::diff::Change;
use crate::name::{ServiceName, TargetName};
use crate::observed::{Drift, Phase, PlatformState};
use crate::pin::Pins;
use crate::plan::Rollback;
use crate::record::RecordStatus;
use crate::revision::Revision;
use crate::spec::ServiceSpec;
use crate::time::Timestamp;
use crate::traffic::{Endpoint, Shares, Split};

/// What tells whether the rest can be read; other fields are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    pub(super) format: Option<String>,
    pub(super) version: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanForm {
    pub(super) format: String,
    pub(super) version: u64,
    pub(super) services: Vec<ServiceForm>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceForm {
    pub(super) service: ServiceName,
    pub(super) target: TargetName,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) after: Vec<ServiceName>,
    pub(super) goal: GoalForm,
    pub(super) rollback: Rollback,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) changes: Vec<Change>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) drift: Vec<Drift>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) specs: BTreeMap<String, SpecForm>,
    /// The whole revisions of the instances that are named below.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) revisions: BTreeSet<Revision>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) rounds: Vec<RoundForm>,
    pub(super) basis: BasisForm,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum GoalForm {
    Run { spec: String },
    RollBack { spec: String },
    Remove,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpecForm {
    pub(super) revision: Revision,
    pub(super) spec: ServiceSpec,
    #[serde(default)]
    pub(super) pins: Pins,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoundForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) wait: Option<WaitForm>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<StepForm>,
    pub(super) after: AfterForm,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum WaitForm {
    Starting { instances: u32, first: String },
    MinReady { instances: u32 },
    Draining { instances: u32, in_flight: u32 },
    Stopping { instances: u32 },
    Backoff { instance: String, attempt: u32 },
    Unhealthy { instances: u32 },
    Hold { stage: u32 },
    Gate { stage: u32 },
    KeepOld,
    Platform { ready: u32, wanted: u32 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepForm {
    pub(super) action: ActionForm,
    pub(super) why: Reason,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ActionForm {
    Publish {
        spec: String,
    },
    Record(RecordForm),
    Start {
        instance: String,
        spec: String,
        #[serde(default, skip_serializing_if = "is_zero")]
        attempt: u32,
    },
    Stop {
        instance: String,
        #[serde(with = "span")]
        grace: Duration,
    },
    Submit {
        spec: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expect: Option<String>,
    },
    Withdraw,
    Route {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        admit: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        withdraw: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        split: Option<Split>,
    },
    Forget {
        revision: Revision,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordForm {
    pub(super) sequence: u64,
    pub(super) at: Timestamp,
    pub(super) status: RecordStatus,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) proven: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) promoted: u32,
    pub(super) spec: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AfterForm {
    pub(super) ready: u32,
    pub(super) total: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) traffic: Option<Shares>,
    #[serde(with = "span")]
    pub(super) at_most: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BasisForm {
    pub(super) at: Timestamp,
    pub(super) state: StateForm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) traffic: Option<TrafficForm>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) records: Vec<RecordForm>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) published: BTreeSet<Revision>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) drift: Vec<Drift>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StateForm {
    Instances(Vec<InstanceForm>),
    Platform(PlatformState),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceForm {
    pub(super) name: String,
    pub(super) phase: Phase,
    pub(super) since: Timestamp,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) started: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrafficForm {
    pub(super) split: Split,
    pub(super) since: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) endpoints: BTreeMap<String, Endpoint>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Durations of any length: sums of those in a spec may be longer than a spec allows.
mod span {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*span))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text)
            .map_err(|_| serde::de::Error::custom("this is not a duration; write it like 500ms, 10s or 5m"))
    }
}
