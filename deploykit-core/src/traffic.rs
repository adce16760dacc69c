//! Which instances users' requests reach.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::observed::InstanceId;
use crate::revision::Revision;
use crate::spec::MatchRule;
use crate::time::Timestamp;
use crate::units::Share;

/// What a router does for one service, read back from it and not assumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// How requests are split between revisions.
    #[serde(default)]
    pub split: Split,
    /// Since when they are split so.
    #[serde(default)]
    pub since: Timestamp,
    /// The instances that requests are, or were until a moment ago, sent to.
    #[serde(default, with = "endpoint_list")]
    pub endpoints: BTreeMap<InstanceId, Endpoint>,
}

impl Traffic {
    /// Whether nothing is routed.
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty() && self.split == Split::default()
    }
}

/// One instance, as the router sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Since when it has been admitted, or withdrawn.
    pub since: Timestamp,
    /// Whether new requests are kept from it while those under way end.
    pub draining: bool,
    /// Requests under way, where the router can count them.
    pub in_flight: u32,
}

impl Endpoint {
    /// An endpoint that takes new requests since then.
    pub fn admitted(since: Timestamp) -> Self {
        Self { since, draining: false, in_flight: 0 }
    }
}

/// How requests are split between revisions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The shares.
    #[serde(default)]
    pub shares: Shares,
    /// Requests that reach one revision whatever the shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_users: Option<Box<TestUsers>>,
}

/// Requests that reach one revision whatever the shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestUsers {
    /// Which requests.
    pub rule: MatchRule,
    /// Where they go.
    pub to: Revision,
}

/// The share of requests of each revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "RawShares", into = "RawShares")]
pub enum Shares {
    /// Each admitted instance gets as much as any other.
    #[default]
    Even,
    /// Each revision gets its share, which its instances divide evenly; the shares add up to 100%.
    Weighted(BTreeMap<Revision, Share>),
}

/// Shares that do not add up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shares add up to {}.{:02}% and not to 100%", .0 / 100, .0 % 100)]
pub struct SharesError(u32);

impl Shares {
    /// Shares by revision; those of nothing are left out.
    ///
    /// # Errors
    /// [`SharesError`] unless they add up to 10,000 basis points.
    pub fn weighted(shares: impl IntoIterator<Item = (Revision, Share)>) -> Result<Self, SharesError> {
        let shares: BTreeMap<_, _> = shares.into_iter().filter(|(_, share)| *share != Share::NONE).collect();
        match shares.values().map(|share| u32::from(share.basis_points())).sum() {
            10_000 => Ok(Self::Weighted(shares)),
            sum => Err(SharesError(sum)),
        }
    }

    /// Everything to one revision.
    pub fn all(revision: Revision) -> Self {
        Self::Weighted(BTreeMap::from([(revision, Share::ALL)]))
    }

    /// The share of a revision; `None` if it follows from the number of instances.
    pub fn of(&self, revision: &Revision) -> Option<Share> {
        match self {
            Self::Even => None,
            Self::Weighted(shares) => Some(shares.get(revision).copied().unwrap_or_default()),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawShares {
    Even,
    Weighted(BTreeMap<Revision, Share>),
}

impl TryFrom<RawShares> for Shares {
    type Error = SharesError;
    fn try_from(raw: RawShares) -> Result<Self, SharesError> {
        match raw {
            RawShares::Even => Ok(Self::Even),
            RawShares::Weighted(shares) => Self::weighted(shares),
        }
    }
}

impl From<Shares> for RawShares {
    fn from(shares: Shares) -> Self {
        match shares {
            Shares::Even => Self::Even,
            Shares::Weighted(shares) => Self::Weighted(shares),
        }
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Even => f.pad("even"),
            Self::Weighted(shares) => {
                let parts: Vec<_> = shares.iter().map(|(revision, share)| format!("{revision} {share}")).collect();
                f.pad(&parts.join(", "))
            }
        }
    }
}

/// A change of what a router does for one service. Doing it twice does nothing more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteChange {
    /// Instances to send new requests to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admit: Vec<InstanceId>,
    /// Instances to send no new requests to; those under way go on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdraw: Vec<InstanceId>,
    /// How to split requests from now on. `None`: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
}

/// JSON has no maps with structured keys: written as a list of pairs.
mod endpoint_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Endpoint, InstanceId};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<InstanceId, Endpoint>, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<InstanceId, Endpoint>, D::Error> {
        Vec::<(InstanceId, Endpoint)>::deserialize(d).map(BTreeMap::from_iter)
    }
}
