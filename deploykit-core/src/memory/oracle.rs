//! Who breaks the guarantees of a target.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::guarantees::{Guarantees, Violation};
use super::instance::InstanceState;
use super::world::ServiceState;
use crate::action::Action;
use crate::name::ServiceName;
use crate::observed::{InstanceId, Phase};
use crate::revision::Revision;
use crate::time::Timestamp;
use crate::traffic::{RouteChange, Shares};
use crate::units::Share;

/// Watches what calls do.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    watched: Vec<Guarantees>,
    violations: Vec<Violation>,
    /// By service and guarantees, what the last observation that was up to date had, less what was taken away since.
    seen: BTreeMap<(ServiceName, usize), Seen>,
    /// Counts that hold as long as neither time passes nor anything else happens.
    counted: BTreeMap<(ServiceName, usize), (Timestamp, Counted)>,
}

/// What an observation had.
#[derive(Debug, Default)]
struct Seen {
    ready: BTreeSet<InstanceId>,
    available: BTreeSet<InstanceId>,
    working: BTreeSet<InstanceId>,
}

/// How many instances there are now.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    total: u32,
    available: u32,
    working: u32,
}

/// What an action would break, and what it would leave, if it changes something.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    broken: Vec<String>,
    counted: Vec<(usize, Option<Counted>)>,
    /// Revisions that had a share of the requests and nothing to answer them before.
    unserved: BTreeSet<Revision>,
}

/// A service at the moment of a call.
#[derive(Clone, Copy)]
struct Scene<'a> {
    service: &'a ServiceName,
    state: &'a ServiceState,
    routed: bool,
    now: Timestamp,
}

impl<'a> Scene<'a> {
    fn instances(&self) -> impl Iterator<Item = (InstanceId, &'a InstanceState)> {
        let service = self.service;
        self.state.instances(self.now).map(move |(revision, ordinal, instance)| {
            (InstanceId { service: service.clone(), revision: revision.clone(), ordinal }, instance)
        })
    }

    fn is_ready(&self, instance: &InstanceState, min_ready: Duration) -> bool {
        matches!(instance.phase(self.now), Some((Phase::Ready, since)) if self.now >= since.after(min_ready))
    }

    fn is_admitted(&self, id: &InstanceId) -> bool {
        !self.routed || self.state.router.admits(id)
    }

    fn is_available(&self, id: &InstanceId, instance: &InstanceState, min_ready: Duration) -> bool {
        self.is_ready(instance, min_ready) && self.is_admitted(id)
    }

    fn is_working(&self, id: &InstanceId, instance: &InstanceState) -> bool {
        instance.works(self.now) && self.is_admitted(id)
    }

    fn count(&self, rule: &Guarantees) -> Counted {
        let mut counted = Counted::default();
        for (id, instance) in self.instances() {
            counted.total += 1;
            counted.available += u32::from(self.is_available(&id, instance, rule.min_ready));
            counted.working += u32::from(self.is_working(&id, instance));
        }
        counted
    }

    fn see(&self, rule: &Guarantees) -> Seen {
        let mut seen = Seen::default();
        for (id, instance) in self.instances() {
            if self.is_ready(instance, Duration::ZERO) {
                seen.ready.insert(id.clone());
            }
            if self.is_available(&id, instance, rule.min_ready) {
                seen.available.insert(id.clone());
            }
            if self.is_working(&id, instance) {
                seen.working.insert(id);
            }
        }
        seen
    }

    /// Revisions that have a share of the requests, and no instance that is or was seen ready to answer them.
    fn unserved(&self, seen: Option<&Seen>) -> BTreeSet<Revision> {
        let Shares::Weighted(shares) = &self.state.router.split.shares else { return BTreeSet::new() };
        let answers = |revision: &Revision| {
            let Some(running) = self.state.running.get(revision) else { return false };
            running.instances.iter().any(|(ordinal, instance)| {
                let id = InstanceId { service: self.service.clone(), revision: revision.clone(), ordinal: *ordinal };
                let was_ready = seen.is_some_and(|seen| seen.ready.contains(&id));
                (was_ready || self.is_ready(instance, Duration::ZERO)) && self.is_admitted(&id)
            })
        };
        let shares = shares.iter().filter(|(_, share)| **share != Share::NONE);
        shares.map(|(revision, _)| revision).filter(|revision| !answers(revision)).cloned().collect()
    }
}

impl Oracle {
    /// Begins to watch; what is taken away is judged from the next observation on.
    pub(super) fn watch(&mut self, guarantees: Guarantees) {
        self.counted.clear();
        self.seen.clear();
        self.watched.retain(|other| other.service != guarantees.service);
        self.watched.push(guarantees);
    }

    pub(super) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Notes that a service was observed as it is now.
    pub(super) fn observed(&mut self, service: &ServiceName, state: &ServiceState, routed: bool, now: Timestamp) {
        let scene = Scene { service, state, routed, now };
        for (index, rule) in self.watched.iter().enumerate().filter(|(_, rule)| rule.applies(service)) {
            self.seen.insert((service.clone(), index), scene.see(rule));
        }
    }

    /// Forgets counts, since something happened that it does not follow.
    pub(super) fn invalidate(&mut self) {
        self.counted.clear();
    }

    /// Looks at what an action is about to do.
    pub(super) fn judge(
        &mut self,
        action: &Action,
        state: Option<&ServiceState>,
        routed: bool,
        now: Timestamp,
    ) -> Judgement {
        let mut judgement = Judgement::default();
        let (service, nothing) = (action.service(), ServiceState::default());
        let scene = Scene { service, state: state.unwrap_or(&nothing), routed, now };
        for (index, rule) in self.watched.iter().enumerate().filter(|(_, rule)| rule.applies(service)) {
            let key = (service.clone(), index);
            let seen = self.seen.get(&key);
            let cached = self.counted.get(&key).filter(|(at, _)| *at == now).map(|(_, counted)| *counted);
            let mut counted = cached.unwrap_or_else(|| scene.count(rule));
            let counted = match action {
                Action::Start { id, .. } => {
                    counted.total += u32::from(scene.state.instance(id, now).is_none());
                    judge_start(rule, action, counted, &mut judgement);
                    Some(counted)
                }
                Action::Stop { id, .. } => {
                    judge_stop(rule, &scene, id, &mut judgement);
                    judge_taken(rule, &scene, seen, action, [id], &mut counted, &mut judgement);
                    Some(counted)
                }
                Action::Route { change, .. } => {
                    judge_admitted(rule, &scene, seen, change, &mut judgement);
                    judge_taken(rule, &scene, seen, action, &change.withdraw, &mut counted, &mut judgement);
                    if routed && rule.ready_traffic {
                        judgement.unserved.extend(scene.unserved(seen));
                    }
                    change.admit.is_empty().then_some(counted)
                }
                _ => Some(counted),
            };
            judgement.counted.push((index, counted));
        }
        judgement
    }

    /// Writes down what the action has broken, now that it had its effect.
    pub(super) fn note(
        &mut self,
        action: &Action,
        judgement: Judgement,
        state: &ServiceState,
        routed: bool,
        now: Timestamp,
    ) {
        let service = action.service();
        let scene = Scene { service, state, routed, now };
        let mut broken = judgement.broken;
        for (index, counted) in judgement.counted {
            let key = (service.clone(), index);
            if routed && self.watched[index].ready_traffic && matches!(action, Action::Route { .. }) {
                let unserved = scene.unserved(self.seen.get(&key));
                broken.extend(unserved.difference(&judgement.unserved).map(|revision| {
                    format!("{action}: requests go to {revision}, of which no instance is ready and admitted")
                }));
            }
            if let Some(seen) = self.seen.get_mut(&key) {
                seen.take(action);
            }
            self.counted.remove(&key);
            let counted = counted.and_then(|counted| follow(counted, action, state, now));
            self.counted.extend(counted.map(|counted| (key, (now, counted))));
        }
        let violation = |what| Violation { at: now, service: service.clone(), what };
        self.violations.extend(broken.into_iter().map(violation));
    }
}

impl Seen {
    /// Takes out what an action has taken away.
    fn take(&mut self, action: &Action) {
        let ids = match action {
            Action::Stop { id, .. } => std::slice::from_ref(id),
            Action::Route { change, .. } => &change.withdraw,
            _ => return,
        };
        for id in ids {
            self.available.remove(id);
            self.working.remove(id);
        }
    }
}

/// The counts after an action, as far as they are known without counting again.
fn follow(mut counted: Counted, action: &Action, state: &ServiceState, now: Timestamp) -> Option<Counted> {
    match action {
        Action::Start { id, .. } => {
            let ready = state.instance(id, now).and_then(|instance| instance.ready);
            ready.is_none_or(|ready| ready > now).then_some(counted)
        }
        Action::Stop { id, .. } => {
            counted.total = counted.total.saturating_sub(u32::from(state.instance(id, now).is_none()));
            Some(counted)
        }
        _ => Some(counted),
    }
}

fn judge_start(rule: &Guarantees, action: &Action, counted: Counted, judgement: &mut Judgement) {
    if let Some(most) = rule.max_total.filter(|most| counted.total > *most) {
        judgement.broken.push(format!("{action}: {} instances where at most {most} may be", counted.total));
    }
}

fn judge_stop(rule: &Guarantees, scene: &Scene<'_>, id: &InstanceId, judgement: &mut Judgement) {
    let Some(endpoint) = scene.state.router.endpoints.get(id).filter(|_| scene.routed) else { return };
    let phase = scene.state.instance(id, scene.now).and_then(|instance| instance.phase(scene.now));
    if !matches!(phase, Some((Phase::Ready | Phase::Unhealthy, _))) {
        return;
    }
    let in_flight = endpoint.in_flight(scene.now);
    if endpoint.is_admitted() {
        judgement.broken.push(format!("stop {id}: requests are sent to it"));
    } else if in_flight > 0 && scene.now < endpoint.since.after(rule.drain) {
        judgement.broken.push(format!("stop {id}: {in_flight} requests are under way and have time left to end"));
    }
}

fn judge_taken<'a>(
    rule: &Guarantees,
    scene: &Scene<'_>,
    seen: Option<&Seen>,
    action: &Action,
    ids: impl IntoIterator<Item = &'a InstanceId>,
    counted: &mut Counted,
    judgement: &mut Judgement,
) {
    let count = |of: fn(&Seen) -> &BTreeSet<InstanceId>| {
        seen.map_or(0, |seen| u32::try_from(of(seen).len()).unwrap_or(u32::MAX))
    };
    let (mut available, mut working) = (count(|seen| &seen.available), count(|seen| &seen.working));
    for id in ids {
        let Some(instance) = scene.state.instance(id, scene.now) else { continue };
        let is_available = scene.is_available(id, instance, rule.min_ready);
        let is_working = scene.is_working(id, instance);
        counted.available = counted.available.saturating_sub(u32::from(is_available));
        counted.working = counted.working.saturating_sub(u32::from(is_working));
        // What was not there to be relied on, nobody takes away.
        if seen.is_some_and(|seen| seen.available.contains(id)) {
            available -= 1;
            if available.max(counted.available) < rule.min_available {
                let (left, least) = (counted.available, rule.min_available);
                judgement.broken.push(format!("{action}: leaves {left} available where at least {least} must be"));
            }
        }
        if seen.is_some_and(|seen| seen.working.contains(id)) {
            working -= 1;
            if working.max(counted.working) < rule.min_working {
                let (left, least) = (counted.working, rule.min_working);
                judgement.broken.push(format!("{action}: leaves {left} that work where at least {least} must"));
            }
        }
    }
}

fn judge_admitted(
    rule: &Guarantees,
    scene: &Scene<'_>,
    seen: Option<&Seen>,
    change: &RouteChange,
    judgement: &mut Judgement,
) {
    for id in change.admit.iter().filter(|_| rule.ready_traffic) {
        let Some(instance) = scene.state.instance(id, scene.now) else { continue };
        let was_ready = seen.is_some_and(|seen| seen.ready.contains(id));
        if !was_ready && !scene.is_ready(instance, Duration::ZERO) {
            let phase = instance.phase(scene.now).map_or_else(|| "gone".to_owned(), |(phase, _)| phase.to_string());
            judgement.broken.push(format!("route {}: admits {id}, which is {phase}", id.service));
        }
    }
}
