use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{Amount, Share, duration};

/// How instances of one revision give way to those of the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Strategy {
    /// All old ones stop before the first new one starts: for services that must not run twice.
    Recreate,
    /// A few at a time.
    Rolling(Rolling),
    /// All new ones start beside the old ones; then users move over at once.
    BlueGreen(BlueGreen),
    /// Users move over in stages.
    Canary(Canary),
}

impl Default for Strategy {
    fn default() -> Self {
        Self::Rolling(Rolling::default())
    }
}

/// Bounds of a rolling update. Both written as 0 would leave nothing that could ever be replaced, and is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Rolling {
    /// So many more than wanted may exist; a share is rounded up. Default: 1.
    pub max_surge: Amount,
    /// So many fewer than wanted may be available; a share is rounded down. Default: 0.
    pub max_unavailable: Amount,
    /// An instance has to be ready for so long before it counts as available. Default: 0s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub min_ready: Duration,
}

impl Default for Rolling {
    fn default() -> Self {
        Self { max_surge: Amount::Count(1), max_unavailable: Amount::Count(0), min_ready: Duration::ZERO }
    }
}

/// A blue-green update: the new revision runs in full beside the old one before users see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct BlueGreen {
    /// An instance has to be ready for so long before it counts as available. Default: 0s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub min_ready: Duration,
    /// Requests that reach the new revision before all others do. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_users: Option<MatchRule>,
    /// What has to happen before users move over. Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// How long the old revision is kept running after users moved over, to go back at once. Default: 0s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub keep_old: Duration,
}

/// A release in stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// An instance has to be ready for so long before it counts as available. Default: 0s.
    #[serde(default, with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub min_ready: Duration,
    /// The stages, in order; their shares must rise. A last one of 100% is added if it is left out.
    pub stages: Vec<Stage>,
}

/// One stage of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Stage {
    /// The share of all requests that go to the new revision. Default: 0%, which is dark.
    pub share: Share,
    /// Requests that go to the new revision whatever the share. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_users: Option<MatchRule>,
    /// How many instances of the new revision run. Default: as many as the share needs, at least one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<Amount>,
    /// How long the stage lasts at least. Default: 0s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub hold: Duration,
    /// What has to happen before the next stage. Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
}

impl Stage {
    /// How many instances of the new revision this stage needs, of `replicas` in all.
    pub fn instances(&self, replicas: u32) -> u32 {
        let for_share = self.share.of_up(replicas);
        let wanted = self.instances.map_or(for_share, |amount| amount.up(replicas).max(for_share));
        wanted.clamp(1.min(replicas), replicas)
    }
}

/// What must hold before a release goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Gate {
    /// Somebody says so: `deploykit promote`.
    Manual,
}

/// Which requests are meant, by a header or a cookie that has to have this value. At least one is given; one that
/// matches is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MatchRule {
    /// Header names and values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, String>,
    /// Cookie names and values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cookie: BTreeMap<String, String>,
}
