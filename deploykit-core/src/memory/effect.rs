//! What the calls of a deployer do to the world.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::behaviour::{Behaviours, Started};
use super::refusal::Refusal;
use super::router::Load;
use super::world::{Running, ServiceState, World};
use crate::action::{Action, Applied};
use crate::capability::{Capabilities, Control};
use crate::error::ErrorKind;
use crate::lease::FencingToken;
use crate::name::{ServiceName, VarName};
use crate::observed::{Instance, InstanceId, Observed, Phase, State};
use crate::pin::{Digest, PinnedSpec};
use crate::record::Record;
use crate::revision::Revision;
use crate::spec::ServiceSpec;
use crate::time::Timestamp;
use crate::traffic::{RouteChange, Shares, Split, Traffic};

/// How the world works.
#[derive(Clone, Debug)]
pub(super) struct Laws {
    pub(super) caps: Capabilities,
    pub(super) behaviours: Behaviours,
    pub(super) stop_time: Duration,
    pub(super) load: Load,
}

type Outcome = Result<Applied, Refusal>;

const FOREIGN: &str = "remove or rename it, or give the service another name";

fn changed(is_changed: bool) -> Applied {
    if is_changed { Applied::Changed } else { Applied::Unchanged }
}

fn unsupported(why: &'static str) -> Refusal {
    Refusal::new(ErrorKind::Unsupported).with("reason", why)
}

impl Laws {
    /// Whether there is a router that is told of each instance.
    pub(super) fn routes_instances(&self) -> bool {
        self.caps.route && self.caps.control == Control::Instances
    }

    fn split<'a>(&self, state: &'a ServiceState) -> Option<&'a Split> {
        self.caps.route.then_some(&state.router.split)
    }

    fn supports(&self, action: &Action) -> Result<(), Refusal> {
        let by_platform = self.caps.control == Control::Platform;
        match action {
            Action::Start { .. } | Action::Stop { .. } if by_platform => {
                Err(unsupported("the platform starts and stops instances"))
            }
            Action::Submit { .. } | Action::Withdraw { .. } if !by_platform => {
                Err(unsupported("there is no rollout engine"))
            }
            Action::Publish { .. } if !self.caps.publish => Err(unsupported("nothing has to be published")),
            Action::Record { .. } | Action::Forget { .. } if !self.caps.records => {
                Err(unsupported("it keeps no records"))
            }
            Action::Route { .. } if !self.caps.route => Err(unsupported("it has no router")),
            Action::Route { change, .. } => self.supports_change(change, by_platform),
            _ => Ok(()),
        }
    }

    fn supports_change(&self, change: &RouteChange, by_platform: bool) -> Result<(), Refusal> {
        if by_platform && !(change.admit.is_empty() && change.withdraw.is_empty()) {
            return Err(unsupported("the platform sends requests to what is ready"));
        }
        match &change.split {
            Some(split) if split.shares != Shares::Even && !self.caps.weights => {
                Err(unsupported("it cannot split requests"))
            }
            Some(split) if split.test_users.is_some() && !self.caps.match_rules => {
                Err(unsupported("it cannot tell test users' requests from others"))
            }
            _ => Ok(()),
        }
    }
}

impl World {
    /// Moves time on; what that brings about comes true service by service, when it is looked at.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// Lets everything come true that is due.
    pub(super) fn settle(&mut self, laws: &Laws) {
        let now = self.now;
        for state in self.services.values_mut() {
            state.advance(now, laws);
            state.settle(now);
        }
    }

    pub(super) fn names(&self) -> BTreeSet<ServiceName> {
        let there = self.services.iter().filter(|(_, state)| state.exists(self.now));
        there.map(|(service, _)| service.clone()).collect()
    }

    pub(super) fn pin(&self, spec: &ServiceSpec) -> Option<Digest> {
        self.registry.get(spec.artifact.reference()).cloned()
    }

    pub(super) fn observe(&mut self, service: &ServiceName, laws: &Laws) -> Observed {
        let now = self.now;
        match self.services.get_mut(service) {
            Some(state) => {
                state.advance(now, laws);
                state.settle(now);
                state.observe(service, now, laws)
            }
            None => ServiceState::default().observe(service, now, laws),
        }
    }

    pub(super) fn apply(
        &mut self,
        action: &Action,
        token: FencingToken,
        secrets: &BTreeSet<VarName>,
        laws: &Laws,
    ) -> Outcome {
        laws.supports(action)?;
        let now = self.now;
        let service = action.service();
        let foreign = &self.foreign;
        let state = self.services.entry(service.clone()).or_default();
        state.lease.admit(token)?;
        state.advance(now, laws);
        let refuse_foreign = |name: &dyn std::fmt::Display| {
            let name = name.to_string();
            if foreign.contains(&name) {
                return Err(Refusal::new(ErrorKind::Conflict).with("found", "something foreign").hint(FOREIGN));
            }
            Ok(())
        };
        let applied = match action {
            Action::Start { id, .. } | Action::Stop { id, .. } => refuse_foreign(id),
            Action::Submit { .. } | Action::Withdraw { .. } => refuse_foreign(service),
            _ => Ok(()),
        }
        .and_then(|()| match action {
            Action::Publish { spec } => {
                needs_secrets(spec, secrets)?;
                Ok(changed(state.published.insert(spec.revision().clone())))
            }
            Action::Record { record } => Ok(state.record(record)),
            Action::Start { id, spec, attempt } => {
                state.start(&Started { id, attempt: *attempt, spec: spec.spec() }, spec, secrets, laws, now)
            }
            Action::Stop { id, grace } => Ok(state.stop(id, laws.stop_time.min(*grace), now)),
            Action::Submit { spec, expect } => state.submit(spec, expect.as_deref(), secrets, laws, now),
            Action::Withdraw { .. } => Ok(state.withdraw(laws, now)),
            Action::Route { change, .. } => state.route(service, change, laws, now),
            Action::Forget { revision, .. } => state.forget(revision, now),
        })?;
        if applied == Applied::Changed {
            state.advance(now, laws);
            self.writes += 1;
        }
        Ok(applied)
    }
}

fn needs_secrets(spec: &PinnedSpec, given: &BTreeSet<VarName>) -> Result<(), Refusal> {
    let mut own = spec.spec().secrets.iter().filter(|(_, source)| !source.is_read_by_target());
    match own.find(|(name, _)| !given.contains(*name)) {
        Some((name, _)) => Err(Refusal::new(ErrorKind::Invalid).with("secret without a value", name)),
        None => Ok(()),
    }
}

impl ServiceState {
    pub(super) fn advance(&mut self, now: Timestamp, laws: &Laws) {
        if !self.engine.is_empty() {
            self.engine.advance(now, laws.split(self).cloned().as_ref(), laws.stop_time);
        }
    }

    fn observe(&self, service: &ServiceName, now: Timestamp, laws: &Laws) -> Observed {
        let state = match laws.caps.control {
            Control::Instances => State::Instances(self.read_instances(service, now)),
            Control::Platform => State::Platform(self.engine.read(now, laws.split(self))),
        };
        let mut seen = Observed::empty(service.clone(), now, state);
        seen.traffic = laws.caps.route.then(|| Traffic {
            split: self.router.split.clone(),
            since: self.router.since,
            endpoints: self.router.read(now),
        });
        seen.records = self.records.values().cloned().collect();
        seen.published.clone_from(&self.published);
        seen.drift.clone_from(&self.drift);
        seen
    }

    fn read_instances(&self, service: &ServiceName, now: Timestamp) -> Vec<Instance> {
        let read = |(revision, ordinal, instance): (&Revision, u32, &super::instance::InstanceState)| {
            let (phase, since) = instance.phase(now)?;
            let id = InstanceId { service: service.clone(), revision: revision.clone(), ordinal };
            let seen = Instance::new(id, phase, since).with_attempt(instance.attempt).with_started(instance.started);
            Some(match (phase, &instance.says) {
                (Phase::Unhealthy, _) => seen.with_note("the probe fails"),
                (Phase::Exited { .. }, Some(says)) => seen.with_note(says),
                _ => seen,
            })
        };
        self.instances(now).filter_map(read).collect()
    }

    fn record(&mut self, record: &Record) -> Applied {
        if self.records.get(record.revision()) == Some(record) {
            return Applied::Unchanged;
        }
        self.records.insert(record.revision().clone(), record.clone());
        Applied::Changed
    }

    fn needs_published(&self, spec: &PinnedSpec, laws: &Laws) -> Result<(), Refusal> {
        if laws.caps.publish && !self.published.contains(spec.revision()) {
            return Err(Refusal::new(ErrorKind::NotFound).with("missing", "the published artifact"));
        }
        Ok(())
    }

    fn start(
        &mut self,
        started: &Started<'_>,
        spec: &Arc<PinnedSpec>,
        secrets: &BTreeSet<VarName>,
        laws: &Laws,
        now: Timestamp,
    ) -> Outcome {
        let id = started.id;
        if id.revision != *spec.revision() || id.service != *spec.service() {
            return Err(Refusal::new(ErrorKind::Invalid).with("spec's revision", spec.revision()));
        }
        let present = self.instance(id, now);
        let is_replaced = match present.map(|instance| (instance.phase(now), instance.attempt)) {
            None => false,
            Some((Some((Phase::Exited { .. }, _)), attempt)) if attempt != started.attempt => true,
            Some(_) => return Ok(Applied::Unchanged),
        };
        self.needs_published(spec, laws)?;
        needs_secrets(spec, secrets)?;
        let mut instance = laws.behaviours.start(started, now);
        instance.secrets.clone_from(secrets);
        if is_replaced {
            instance.previous = present.map(|present| present.log(now)).unwrap_or_default();
        }
        let running = self.running.entry(id.revision.clone()).or_insert_with(|| Running::new(Arc::clone(spec)));
        running.instances.insert(id.ordinal, instance);
        Ok(Applied::Changed)
    }

    fn stop(&mut self, id: &InstanceId, time: Duration, now: Timestamp) -> Applied {
        let Some((phase, _)) = self.instance(id, now).and_then(|instance| instance.phase(now)) else {
            return Applied::Unchanged;
        };
        match phase {
            Phase::Stopping => return Applied::Unchanged,
            Phase::Exited { .. } => drop(self.take(id)),
            _ if time.is_zero() => drop(self.take(id)),
            _ => {
                if let Some(instance) = self.instance_mut(id) {
                    instance.ask_to_stop(now, now.after(time));
                }
            }
        }
        Applied::Changed
    }

    fn submit(
        &mut self,
        spec: &Arc<PinnedSpec>,
        expect: Option<&str>,
        secrets: &BTreeSet<VarName>,
        laws: &Laws,
        now: Timestamp,
    ) -> Outcome {
        if self.engine.submitted.as_ref() == Some(spec) {
            return Ok(Applied::Unchanged);
        }
        let version = self.engine.submitted.as_ref().map(|_| self.engine.version.to_string());
        if laws.caps.compare_and_swap && version.as_deref() != expect {
            let shown = |version: Option<&str>| version.unwrap_or("none").to_owned();
            return Err(Refusal::new(ErrorKind::Conflict)
                .with("expected version", shown(expect))
                .with("found", shown(version.as_deref()))
                .hint("look again, and decide anew"));
        }
        self.needs_published(spec, laws)?;
        needs_secrets(spec, secrets)?;
        let id = InstanceId { service: spec.service().clone(), revision: spec.revision().clone(), ordinal: 0 };
        let sample = laws.behaviours.start(&Started { id: &id, attempt: 0, spec: spec.spec() }, now);
        // What exits again and again never counts as ready.
        let ready = sample.ready.filter(|_| sample.exit.is_none());
        self.engine.submit(spec, ready.map(|ready| ready.since(now)), now);
        Ok(Applied::Changed)
    }

    fn withdraw(&mut self, laws: &Laws, now: Timestamp) -> Applied {
        if self.engine.submitted.is_none() {
            return Applied::Unchanged;
        }
        self.engine.withdraw(now);
        self.router = super::router::RouterState::default();
        self.advance(now, laws);
        Applied::Changed
    }

    fn route(&mut self, service: &ServiceName, change: &RouteChange, laws: &Laws, now: Timestamp) -> Outcome {
        let unknown = change.admit.iter().find(|id| id.service != *service || self.instance(id, now).is_none());
        if let Some(unknown) = unknown {
            return Err(Refusal::new(ErrorKind::NotFound).with("instance", unknown));
        }
        if let (Control::Platform, Some(split)) = (laws.caps.control, &change.split) {
            let shares = match &split.shares {
                Shares::Even => None,
                Shares::Weighted(shares) => Some(shares.keys()),
            };
            let mut wanted = shares.into_iter().flatten().chain(split.test_users.as_ref().map(|test| &test.to));
            if let Some(revision) = wanted.find(|revision| !self.engine.groups.contains_key(*revision)) {
                return Err(Refusal::new(ErrorKind::NotFound).with("revision", revision));
            }
        }
        let running = &self.running;
        let is_there = |id: &InstanceId| {
            let running = running.get(&id.revision).and_then(|running| running.instances.get(&id.ordinal));
            running.is_some_and(|instance| instance.phase(now).is_some())
        };
        self.router.settle(now, is_there);
        self.router.change(change, laws.load, now)
    }

    fn forget(&mut self, revision: &Revision, now: Timestamp) -> Outcome {
        let runs = self.instances(now).any(|(running, _, _)| running == revision);
        let on_platform = self.engine.groups.contains_key(revision);
        if runs || on_platform {
            return Err(Refusal::new(ErrorKind::Conflict).with("found", "instances of it"));
        }
        let (record, artifact) = (self.records.remove(revision), self.published.remove(revision));
        Ok(changed(record.is_some() || artifact))
    }
}
