//! The whole truth of a target in memory, as data.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::engine::EngineState;
use super::faults::Call;
use super::instance::{Exit, InstanceState, Sick};
use super::lease::LeaseState;
use super::router::RouterState;
use crate::name::ServiceName;
use crate::observed::{Drift, InstanceId};
use crate::pin::{Digest, PinnedSpec};
use crate::record::Record;
use crate::revision::Revision;
use crate::time::Timestamp;

/// All there is on a target in memory.
///
/// Nothing in it happens but by a call or by time: what is due follows from the data and [`now`](Self::now).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct World {
    /// The version of this form.
    pub version: Version,
    /// The time.
    #[serde(default)]
    pub now: Timestamp,
    /// What there is of each service, and what has to be remembered of those that are gone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<ServiceName, ServiceState>,
    /// Names of instances, or of services of a platform, that somebody else has.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub foreign: BTreeSet<String>,
    /// What the names of artifacts stand for now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub registry: BTreeMap<String, Digest>,
    /// How many calls have changed something.
    #[serde(default)]
    pub writes: u64,
    /// How many calls there were.
    #[serde(default)]
    pub requests: Requests,
}

/// The version of the form of a [`World`]: 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
#[non_exhaustive]
pub struct Version;

impl TryFrom<u32> for Version {
    type Error = String;
    fn try_from(number: u32) -> Result<Self, String> {
        if number == 1 { Ok(Self) } else { Err(format!("this is version {number} of the form, and only 1 is known")) }
    }
}

impl From<Version> for u32 {
    fn from(_: Version) -> Self {
        1
    }
}

/// How many calls there were, by method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Requests {
    /// Of `observe`.
    pub observe: u64,
    /// Of `apply`.
    pub apply: u64,
    /// Of `lease`.
    pub lease: u64,
    /// Of `pin`, `services`, `changes` and `logs`.
    pub other: u64,
}

impl Requests {
    pub(super) fn count(&mut self, call: Call) {
        let count = match call {
            Call::Observe => &mut self.observe,
            Call::Apply => &mut self.apply,
            Call::Lease => &mut self.lease,
            Call::Pin | Call::Services | Call::Changes | Call::Logs => &mut self.other,
        };
        *count += 1;
    }
}

/// What there is of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ServiceState {
    /// What runs, by revision.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub running: BTreeMap<Revision, Running>,
    /// What runs where the platform drives it.
    #[serde(skip_serializing_if = "EngineState::is_empty")]
    pub engine: EngineState,
    /// What the router does.
    #[serde(skip_serializing_if = "RouterState::is_empty")]
    pub router: RouterState,
    /// The records, by revision.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<Revision, Record>,
    /// Revisions whose artifact was published.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub published: BTreeSet<Revision>,
    /// What somebody else changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// Who may change it.
    pub lease: LeaseState,
}

/// The instances of one revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Running {
    /// What they run.
    pub spec: Arc<PinnedSpec>,
    /// The instances, by ordinal.
    pub instances: BTreeMap<u32, InstanceState>,
}

impl Running {
    pub(super) fn new(spec: Arc<PinnedSpec>) -> Self {
        Self { spec, instances: BTreeMap::new() }
    }
}

impl ServiceState {
    /// Every instance that is there at a time, in order.
    pub fn instances(&self, now: Timestamp) -> impl Iterator<Item = (&Revision, u32, &InstanceState)> {
        let all = self.running.iter().flat_map(|(revision, running)| {
            running.instances.iter().map(move |(ordinal, instance)| (revision, *ordinal, instance))
        });
        all.filter(move |(_, _, instance)| instance.phase(now).is_some())
    }

    /// An instance, if it is there.
    pub fn instance(&self, id: &InstanceId, now: Timestamp) -> Option<&InstanceState> {
        let instance = self.running.get(&id.revision)?.instances.get(&id.ordinal)?;
        instance.phase(now).is_some().then_some(instance)
    }

    /// An instance, to be changed.
    pub fn instance_mut(&mut self, id: &InstanceId) -> Option<&mut InstanceState> {
        self.running.get_mut(&id.revision)?.instances.get_mut(&id.ordinal)
    }

    /// Takes an instance away.
    pub(super) fn take(&mut self, id: &InstanceId) -> Option<InstanceState> {
        let running = self.running.get_mut(&id.revision)?;
        let taken = running.instances.remove(&id.ordinal);
        if running.instances.is_empty() {
            self.running.remove(&id.revision);
        }
        taken
    }

    /// Whether there is anything of it at a time.
    pub fn exists(&self, now: Timestamp) -> bool {
        let kept = !self.records.is_empty() || !self.published.is_empty() || !self.router.is_empty();
        kept || !self.engine.is_empty() || self.instances(now).next().is_some()
    }

    /// Drops what is gone by a time.
    pub(super) fn settle(&mut self, now: Timestamp) {
        for running in self.running.values_mut() {
            running.instances.retain(|_, instance| instance.phase(now).is_some());
        }
        self.running.retain(|_, running| !running.instances.is_empty());
        let running = &self.running;
        let is_there = |id: &InstanceId| {
            running.get(&id.revision).is_some_and(|running| running.instances.contains_key(&id.ordinal))
        };
        self.router.settle(now, is_there);
    }

    /// When time alone changes something next, after `now`.
    pub(super) fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let instances = self.running.values().flat_map(|running| running.instances.values());
        let instances = instances.filter_map(|instance| instance.next_change(now));
        let drained = self.router.endpoints.values().filter_map(|endpoint| endpoint.drained);
        instances.chain(drained.filter(|at| *at > now)).chain(self.engine.next_change(now)).min()
    }
}

impl Default for World {
    fn default() -> Self {
        Self {
            version: Version,
            now: Timestamp::EPOCH,
            services: BTreeMap::new(),
            foreign: BTreeSet::new(),
            registry: BTreeMap::new(),
            writes: 0,
            requests: Requests::default(),
        }
    }
}

/// What can be done behind deploykit's back.
impl World {
    /// A world with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// An instance, if it is there.
    pub fn instance(&self, id: &InstanceId) -> Option<&InstanceState> {
        self.services.get(&id.service)?.instance(id, self.now)
    }

    /// An instance, to be changed.
    pub fn instance_mut(&mut self, id: &InstanceId) -> Option<&mut InstanceState> {
        self.services.get_mut(&id.service)?.instance_mut(id)
    }

    /// The ids of the instances of a service that are there, in order.
    pub fn ids(&self, service: &ServiceName) -> Vec<InstanceId> {
        let state = self.services.get(service);
        let instances = state.into_iter().flat_map(|state| state.instances(self.now));
        let id = |(revision, ordinal): (&Revision, u32)| InstanceId {
            service: service.clone(),
            revision: revision.clone(),
            ordinal,
        };
        instances.map(|(revision, ordinal, _)| id((revision, ordinal))).collect()
    }

    /// Lets an instance exit now; returns whether there was one that ran.
    pub fn kill(&mut self, id: &InstanceId, code: i32) -> bool {
        let now = self.now;
        let instance = self.instance_mut(id).filter(|instance| instance.phase(now).is_some_and(|(p, _)| p.is_live()));
        instance.map(|instance| instance.exit = Some(Exit { at: now, code })).is_some()
    }

    /// Lets the probe of an instance fail from now on; returns whether there was such an instance.
    pub fn make_sick(&mut self, id: &InstanceId) -> bool {
        let sick = Sick { from: self.now, until: None, works: false };
        self.instance_mut(id).map(|instance| instance.sick = Some(sick)).is_some()
    }

    /// Takes an instance away without a trace; returns whether there was one.
    pub fn vanish(&mut self, id: &InstanceId) -> bool {
        self.services.get_mut(&id.service).and_then(|service| service.take(id)).is_some()
    }

    /// Puts something that is not deploykit's under a name.
    pub fn add_foreign(&mut self, name: impl fmt::Display) {
        self.foreign.insert(name.to_string());
    }

    /// Lets a name of an artifact stand for this content from now on.
    pub fn publish(&mut self, reference: impl Into<String>, digest: Digest) {
        self.registry.insert(reference.into(), digest);
    }

    /// Deletes the router's table of a service.
    pub fn clear_routes(&mut self, service: &ServiceName) {
        if let Some(state) = self.services.get_mut(service) {
            state.router = RouterState::default();
        }
    }

    /// When time alone changes something next.
    pub fn next_change(&self) -> Option<Timestamp> {
        self.services.values().filter_map(|service| service.next_change(self.now)).min()
    }
}
