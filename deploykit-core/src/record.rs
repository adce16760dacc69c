//! Records: the specs kept on a target, so that one can go back to them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::pin::PinnedSpec;
use crate::revision::Revision;
use crate::time::Timestamp;

/// A revision's spec, kept on the target under that revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Rises with each deployment of the service; the highest is what it is being brought to. Going back to a revision
    /// gives its record a new number.
    pub sequence: u64,
    /// When the deployment began, by the target's clock.
    pub at: Timestamp,
    /// What became of it.
    pub status: RecordStatus,
    /// Whether it came to its end before: beginning it again does not take that away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proven: bool,
    /// How many gates of the release were opened.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub promoted: u32,
    /// What was deployed.
    pub spec: Arc<PinnedSpec>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Record {
    /// The revision it is kept under.
    pub fn revision(&self) -> &Revision {
        self.spec.revision()
    }

    /// Whether the revision has ever come to its end, so that one can go back to it.
    pub fn is_proven(&self) -> bool {
        self.proven || self.status == RecordStatus::Deployed
    }
}

/// What became of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordStatus {
    /// It has begun.
    Deploying,
    /// It came to its end: the wanted number of instances was available, and released.
    Deployed,
    /// It was given up.
    Failed,
}
