//! The rollout engine of the world, for targets that are platforms: it is told what should be, and rolls by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::instance::InstanceState;
use super::router::is_served;
use crate::observed::{Counts, PlatformState, Rollout, Submitted};
use crate::pin::PinnedSpec;
use crate::revision::Revision;
use crate::spec::{Scale, Strategy};
use crate::time::Timestamp;
use crate::traffic::{Shares, Split};
use crate::units::duration;

/// A service on the platform of the [`World`](super::World).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineState {
    /// What it was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted: Option<Arc<PinnedSpec>>,
    /// Rises with each change of what it was told.
    #[serde(default)]
    pub version: u64,
    /// The instances, by revision.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<Revision, Group>,
    /// When something last got better.
    #[serde(default)]
    pub progressed: Timestamp,
    /// Until when it has come.
    #[serde(default)]
    pub reached: Timestamp,
}

/// The instances of one revision on the platform of the [`World`](super::World).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Those that can take requests.
    #[serde(default)]
    pub ready: u32,
    /// Those that will get ready, by when; never under `None`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starting: Vec<Batch>,
    /// Those that will be gone, by when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stopping: Vec<Batch>,
    /// How long an instance takes to get ready; `None`: it never does.
    #[serde(default)]
    pub start_time: Option<Millis>,
    /// When the first of them was started.
    #[serde(default)]
    pub started: Timestamp,
}

/// Instances that change at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// When; never if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How many.
    pub count: u32,
}

/// A duration, as it stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(#[serde(with = "duration")] pub Duration);

impl Group {
    fn starting(&self) -> u32 {
        self.starting.iter().map(|batch| batch.count).sum()
    }

    fn live(&self) -> u32 {
        self.ready + self.starting()
    }

    /// All of its instances.
    pub fn total(&self) -> u32 {
        self.live() + self.stopping.iter().map(|batch| batch.count).sum::<u32>()
    }

    fn next(&self) -> Option<Timestamp> {
        self.starting.iter().chain(&self.stopping).filter_map(|batch| batch.at).min()
    }

    /// Lets come true what is due; returns whether something did.
    fn settle(&mut self, now: Timestamp) -> bool {
        let before = self.starting.len() + self.stopping.len();
        let is_due = |batch: &Batch| batch.at.is_some_and(|at| at <= now);
        self.ready += self.starting.iter().filter(|batch| is_due(batch)).map(|batch| batch.count).sum::<u32>();
        self.starting.retain(|batch| !is_due(batch));
        self.stopping.retain(|batch| !is_due(batch));
        before != self.starting.len() + self.stopping.len()
    }

    fn start(&mut self, count: u32, now: Timestamp) {
        if count > 0 {
            if self.total() == 0 {
                self.started = now;
            }
            let at = self.start_time.map(|Millis(time)| now.after(time));
            self.starting.push(Batch { at, count });
        }
    }

    /// Stops so many, those that are not ready first.
    fn stop(&mut self, count: u32, now: Timestamp, stop_time: Duration) {
        let mut left = count.min(self.live());
        if left > 0 {
            self.stopping.push(Batch { at: Some(now.after(stop_time)), count: left });
        }
        while let Some(batch) = self.starting.last_mut().filter(|_| left > 0) {
            let taken = left.min(batch.count);
            left -= taken;
            batch.count -= taken;
            if batch.count == 0 {
                self.starting.pop();
            }
        }
        self.ready -= left;
    }
}

impl EngineState {
    /// An instance of a group, as far as its log goes.
    pub(super) fn instance(&self, revision: &Revision, ordinal: u32) -> Option<InstanceState> {
        let group = self.groups.get(revision).filter(|group| ordinal < group.total())?;
        let mut instance = InstanceState::new(group.started, 0);
        instance.ready = group.start_time.map(|Millis(time)| group.started.after(time));
        Some(instance)
    }

    /// Whether there is nothing of the service.
    pub fn is_empty(&self) -> bool {
        self.submitted.is_none() && self.groups.is_empty()
    }

    /// Tells it what should be.
    pub(super) fn submit(&mut self, spec: &Arc<PinnedSpec>, start_time: Option<Duration>, now: Timestamp) {
        self.groups.entry(spec.revision().clone()).or_default().start_time = start_time.map(Millis);
        self.submitted = Some(Arc::clone(spec));
        self.version += 1;
        self.progressed = now;
    }

    /// Tells it that nothing should be.
    pub(super) fn withdraw(&mut self, now: Timestamp) {
        self.submitted = None;
        self.version += 1;
        self.progressed = now;
    }

    /// Does all that happens up to a time. `split` is what its router does, if it has one.
    pub(super) fn advance(&mut self, now: Timestamp, split: Option<&Split>, stop_time: Duration) {
        let mut at = self.reached.min(now);
        loop {
            self.reconcile(at, split, stop_time);
            self.groups.retain(|revision, group| {
                group.total() > 0 || self.submitted.as_ref().is_some_and(|spec| spec.revision() == revision)
            });
            let next = self.groups.values().filter_map(Group::next).min().filter(|next| *next <= now);
            let Some(next) = next else { break };
            at = next.max(at);
            for group in self.groups.values_mut() {
                if group.settle(at) {
                    self.progressed = at;
                }
            }
        }
        self.reached = now;
    }

    fn reconcile(&mut self, now: Timestamp, split: Option<&Split>, stop_time: Duration) {
        let Some(spec) = self.submitted.clone() else {
            for group in self.groups.values_mut() {
                group.stop(group.live(), now, stop_time);
            }
            return;
        };
        let wanted = replicas(&spec);
        let revision = spec.revision();
        if let Some(split) = split.filter(|split| split.shares != Shares::Even) {
            for (other, group) in &mut self.groups {
                if other != revision && !is_served(split, other) {
                    group.stop(group.live(), now, stop_time);
                }
            }
            let group = self.groups.entry(revision.clone()).or_default();
            group.start(wanted.saturating_sub(group.live()), now);
            group.stop(group.live().saturating_sub(wanted), now, stop_time);
            return;
        }
        self.roll(&spec, wanted, now, stop_time);
    }

    /// A few at a time, as the strategy allows.
    fn roll(&mut self, spec: &PinnedSpec, wanted: u32, now: Timestamp, stop_time: Duration) {
        let revision = spec.revision();
        let (surge, unavailable) = match &spec.spec().strategy {
            Strategy::Recreate => (0, wanted),
            Strategy::Rolling(rolling) => match (rolling.max_surge.up(wanted), rolling.max_unavailable.down(wanted)) {
                (0, 0) => (0, 1),
                bounds => bounds,
            },
            _ => (wanted, 0),
        };
        let others = |groups: &BTreeMap<Revision, Group>, count: fn(&Group) -> u32| {
            groups.iter().filter(|(other, _)| *other != revision).map(|(_, group)| count(group)).sum::<u32>()
        };
        let recreate = spec.spec().strategy == Strategy::Recreate;
        let occupied: u32 = self.groups.values().map(Group::total).sum();
        let old = others(&self.groups, Group::total);
        let old_live = others(&self.groups, Group::live);
        let old_ready = others(&self.groups, |group| group.ready);
        let own = self.groups.entry(revision.clone()).or_default();
        own.stop(own.live().saturating_sub(wanted), now, stop_time);
        if !recreate || old == 0 {
            let room = (wanted + surge).saturating_sub(occupied);
            own.start(wanted.saturating_sub(own.live()).min(room), now);
        }
        let floor = if recreate { 0 } else { wanted.saturating_sub(unavailable) };
        let new_unready = own.starting();
        let live = own.live() + old_live;
        let mut may_stop = live.saturating_sub(floor).saturating_sub(if recreate { 0 } else { new_unready });
        let mut may_drop = (own.ready + old_ready).saturating_sub(floor);
        for (_, group) in self.groups.iter_mut().filter(|(other, _)| *other != revision) {
            let unready = group.starting().min(may_stop);
            let ready = group.ready.min(may_stop - unready).min(may_drop);
            // Those that are not ready go first, so some may be left only if no ready one goes.
            let ready = if unready < group.starting() { 0 } else { ready };
            group.stop(unready + ready, now, stop_time);
            may_stop -= unready + ready;
            may_drop -= ready;
        }
    }

    /// How far it has come.
    pub fn rollout(&self, now: Timestamp, split: Option<&Split>) -> Rollout {
        let is_kept =
            |revision: &Revision| split.is_some_and(|split| split.shares != Shares::Even && is_served(split, revision));
        let Some(spec) = &self.submitted else {
            return if self.groups.is_empty() { Rollout::Complete } else { Rollout::Progressing };
        };
        let wanted = replicas(spec);
        let mut complete = wanted == 0;
        for (revision, group) in &self.groups {
            if revision == spec.revision() {
                complete = group.ready == wanted && group.total() == wanted;
            } else if !is_kept(revision) {
                return self.not_complete(spec, now);
            }
        }
        if complete { Rollout::Complete } else { self.not_complete(spec, now) }
    }

    fn not_complete(&self, spec: &PinnedSpec, now: Timestamp) -> Rollout {
        if now < self.stalls(spec) {
            return Rollout::Progressing;
        }
        let group = self.groups.get(spec.revision());
        let (ready, total) = group.map_or((0, 0), |group| (group.ready, group.total()));
        let reason = format!(
            "no progress for {}: {ready} of {total} instances of {} are ready",
            duration::format(spec.spec().deadline),
            spec.revision()
        );
        Rollout::Stalled { reason }
    }

    fn stalls(&self, spec: &PinnedSpec) -> Timestamp {
        self.progressed.after(spec.spec().deadline)
    }

    /// When time alone changes it next, after `now`.
    pub(super) fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let batches = self.groups.values().filter_map(Group::next);
        let stall = self.submitted.as_ref().map(|spec| self.stalls(spec));
        batches.chain(stall).filter(|at| *at > now).min()
    }

    /// The platform as it is read back.
    pub(super) fn read(&self, now: Timestamp, split: Option<&Split>) -> PlatformState {
        let counts = |group: &Group| Counts { total: group.total(), ready: group.ready };
        let groups = self.groups.iter().filter(|(_, group)| group.total() > 0);
        PlatformState {
            submitted: self
                .submitted
                .as_ref()
                .map(|spec| Submitted { revision: spec.revision().clone(), digest: spec.digest() }),
            replicas: self.submitted.as_ref().map_or(0, |spec| replicas(spec)),
            groups: groups.map(|(revision, group)| (revision.clone(), counts(group))).collect(),
            rollout: self.rollout(now, split),
            version: self.submitted.as_ref().map(|_| self.version.to_string()),
        }
    }
}

fn replicas(spec: &PinnedSpec) -> u32 {
    match spec.spec().scale() {
        Scale::Fixed(replicas) => replicas,
        Scale::Auto { min, .. } => min,
    }
}
