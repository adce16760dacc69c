//! What a target can do; what it cannot is refused when planning.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Who drives a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// deploykit starts and stops each instance.
    Instances,
    /// The platform has a rollout engine of its own: it is told what should be, and watched.
    Platform,
}

/// What a target can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Capabilities {
    /// Who drives a rollout.
    pub control: Control,
    /// The kinds of artifact it runs: `image`, `jar`, `war`, `machine`, `function`.
    pub artifacts: BTreeSet<String>,
    /// An artifact has to be published before it can run.
    pub publish: bool,
    /// It keeps records of revisions.
    pub records: bool,
    /// It can be told which instances, or revisions, get requests.
    pub route: bool,
    /// It can split requests between revisions by weight.
    pub weights: bool,
    /// It can send requests with a header or a cookie to one revision.
    pub match_rules: bool,
    /// It can choose the number of instances by their load.
    pub autoscale: bool,
    /// It counts instances at all; a serverless target does not.
    pub replicas: bool,
    /// It refuses a submission decided on an older version than it has.
    pub compare_and_swap: bool,
    /// It tells when something has changed, so that it need not be asked all the time.
    pub changes: bool,
    /// The most instances of one service.
    pub max_replicas: Option<u32>,
    /// So many actions at once are welcome, at least 1.
    pub concurrency: u32,
}

impl Capabilities {
    /// A target that does nothing but run artifacts of these kinds.
    pub fn new(control: Control, artifacts: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            control,
            artifacts: artifacts.into_iter().map(str::to_owned).collect(),
            publish: false,
            records: false,
            route: false,
            weights: false,
            match_rules: false,
            autoscale: false,
            replicas: true,
            compare_and_swap: false,
            changes: false,
            max_replicas: None,
            concurrency: 8,
        }
    }
}
