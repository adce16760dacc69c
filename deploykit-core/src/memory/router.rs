//! The router of the world: what it was told, and the requests that are still under way.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::action::Applied;
use crate::error::ErrorKind;
use crate::observed::InstanceId;
use crate::time::Timestamp;
use crate::traffic::{Endpoint, RouteChange, Shares, Split};
use crate::units::Share;

/// What the router of the [`World`](super::World) does for one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterState {
    /// How requests are split between revisions.
    #[serde(default)]
    pub split: Split,
    /// Since when they are split so.
    #[serde(default)]
    pub since: Timestamp,
    /// Where requests go, or went until a moment ago.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "endpoint_list")]
    pub endpoints: BTreeMap<InstanceId, EndpointState>,
}

/// One instance, as the router of the [`World`](super::World) sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointState {
    /// Since when it has been admitted, or withdrawn.
    pub since: Timestamp,
    /// Requests under way.
    #[serde(default)]
    pub in_flight: u32,
    /// When the last of them ends; `None` as long as it is admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drained: Option<Timestamp>,
}

impl EndpointState {
    /// Whether new requests are sent to it.
    pub fn is_admitted(&self) -> bool {
        self.drained.is_none()
    }

    /// Requests under way at a time.
    pub fn in_flight(&self, now: Timestamp) -> u32 {
        if self.drained.is_some_and(|drained| drained <= now) { 0 } else { self.in_flight }
    }
}

/// Requests that every admitted instance has under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    pub(super) in_flight: u32,
    /// How long they go on after the instance was withdrawn.
    pub(super) lasting: Duration,
}

impl RouterState {
    /// Whether nothing is routed.
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty() && self.split == Split::default()
    }

    /// Whether new requests are sent to this instance.
    pub fn admits(&self, id: &InstanceId) -> bool {
        self.endpoints.get(id).is_some_and(EndpointState::is_admitted)
    }

    /// Drops what has drained, and the requests of what is gone.
    pub(super) fn settle(&mut self, now: Timestamp, is_there: impl Fn(&InstanceId) -> bool) {
        self.endpoints.retain(|id, endpoint| match endpoint.drained {
            None => true,
            Some(drained) => drained > now && is_there(id),
        });
    }

    /// Carries out a change; the instances it admits are known to exist.
    pub(super) fn change(&mut self, change: &RouteChange, load: Load, now: Timestamp) -> Result<Applied, Refusal> {
        if let Some(split) = &change.split {
            check(split)?;
        }
        let mut applied = Applied::Unchanged;
        for id in change.admit.iter().filter(|id| !change.withdraw.contains(id)) {
            if !self.admits(id) {
                let endpoint = EndpointState { since: now, in_flight: load.in_flight, drained: None };
                self.endpoints.insert(id.clone(), endpoint);
                applied = Applied::Changed;
            }
        }
        for id in &change.withdraw {
            let Some(endpoint) = self.endpoints.get_mut(id).filter(|endpoint| endpoint.is_admitted()) else { continue };
            applied = Applied::Changed;
            if endpoint.in_flight == 0 || load.lasting.is_zero() {
                self.endpoints.remove(id);
            } else {
                *endpoint = EndpointState { since: now, drained: Some(now.after(load.lasting)), ..*endpoint };
            }
        }
        if let Some(split) = change.split.as_ref().filter(|split| **split != self.split) {
            self.split = split.clone();
            self.since = now;
            applied = Applied::Changed;
        }
        Ok(applied)
    }

    /// The endpoints as they are read back.
    pub(super) fn read(&self, now: Timestamp) -> BTreeMap<InstanceId, Endpoint> {
        let read = |endpoint: &EndpointState| Endpoint {
            since: endpoint.since,
            draining: !endpoint.is_admitted(),
            in_flight: endpoint.in_flight(now),
        };
        self.endpoints.iter().map(|(id, endpoint)| (id.clone(), read(endpoint))).collect()
    }
}

fn check(split: &Split) -> Result<(), Refusal> {
    let Shares::Weighted(shares) = &split.shares else { return Ok(()) };
    let pairs = shares.iter().map(|(revision, share)| (revision.clone(), *share));
    Shares::weighted(pairs).map(drop).map_err(|error| Refusal::new(ErrorKind::Invalid).with("split", error))
}

/// The revisions that get a share of the requests, or those of test users.
pub(super) fn is_served(split: &Split, revision: &crate::revision::Revision) -> bool {
    let share = split.shares.of(revision).is_none_or(|share| share != Share::NONE);
    share || split.test_users.as_ref().is_some_and(|test| test.to == *revision)
}

/// JSON has no maps with structured keys: written as a list of pairs.
mod endpoint_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{EndpointState, InstanceId};

    type Map = BTreeMap<InstanceId, EndpointState>;

    pub(super) fn serialize<S: Serializer>(map: &Map, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Map, D::Error> {
        Vec::<(InstanceId, EndpointState)>::deserialize(d).map(Map::from_iter)
    }
}
