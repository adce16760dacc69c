//! Steps as they are decided on, each with what it would do to the fleet.

use std::sync::Arc;

use super::fleet::{Fleet, Member, Route};
use crate::action::{Action, Reason, Step};
use crate::name::ServiceName;
use crate::observed::{InstanceId, Phase};
use crate::pin::PinnedSpec;
use crate::record::Record;
use crate::revision::Revision;
use crate::time::Timestamp;
use crate::traffic::{RouteChange, Split};

/// What a step does to a fleet when it succeeds.
#[derive(Debug)]
pub(super) enum Move {
    Start { ordinal: u32, attempt: u32 },
    StopWanted(u32),
    StopOther(u32),
    RestartOther { place: u32, attempt: u32 },
    Admit(u32),
    AdmitOther(u32),
    WithdrawWanted(u32),
    WithdrawOther(u32),
    WithdrawGhosts,
    Split(Split),
    Publish,
    Record(Box<Record>),
    Forget(Revision),
    Submit(Arc<PinnedSpec>),
    Withdraw,
}

/// The steps of one round.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) steps: Vec<Step>,
    pub(super) moves: Vec<Move>,
}

/// Most rounds of a large fleet have one step, and there are very many of them: room for one is enough at first.
impl Default for Draft {
    fn default() -> Self {
        Self { steps: Vec::with_capacity(1), moves: Vec::new() }
    }
}

impl Draft {
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(super) fn publish(&mut self, spec: &Arc<PinnedSpec>, why: Reason) {
        self.steps.push(Step::new(Action::Publish { spec: Arc::clone(spec) }, why));
        self.moves.push(Move::Publish);
    }

    pub(super) fn record(&mut self, record: Record, why: Reason) {
        self.steps.push(Step::new(Action::Record { record: Box::new(record.clone()) }, why));
        self.moves.push(Move::Record(Box::new(record)));
    }

    pub(super) fn forget(&mut self, service: &ServiceName, revision: Revision, why: Reason) {
        let action = Action::Forget { service: service.clone(), revision: revision.clone() };
        self.steps.push(Step::new(action, why));
        self.moves.push(Move::Forget(revision));
    }

    pub(super) fn start(&mut self, spec: &Arc<PinnedSpec>, ordinal: u32, attempt: u32, why: Reason) {
        let action = Action::Start { id: wanted_id(spec, ordinal), spec: Arc::clone(spec), attempt };
        self.steps.push(Step::new(action, why));
        self.moves.push(Move::Start { ordinal, attempt });
    }

    pub(super) fn restart_other(&mut self, fleet: &Fleet<'_>, spec: &Arc<PinnedSpec>, place: u32, attempt: u32) {
        let id = fleet.others.all[place as usize].instance.id.clone();
        let action = Action::Start { id, spec: Arc::clone(spec), attempt };
        self.steps.push(Step::new(action, Reason::Exited));
        self.moves.push(Move::RestartOther { place, attempt });
    }

    pub(super) fn stop(&mut self, id: InstanceId, grace: std::time::Duration, why: Reason, then: Move) {
        self.steps.push(Step::new(Action::Stop { id, grace }, why));
        self.moves.push(then);
    }

    pub(super) fn route(&mut self, service: &ServiceName, mut change: RouteChange, why: Reason, moves: Vec<Move>) {
        change.admit.shrink_to_fit();
        change.withdraw.shrink_to_fit();
        let action = Action::Route { service: service.clone(), change: Box::new(change) };
        self.steps.push(Step::new(action, why));
        self.moves.extend(moves);
    }
}

/// A route change as it is put together.
#[derive(Debug, Default)]
pub(super) struct RouteDraft {
    pub(super) change: RouteChange,
    pub(super) moves: Vec<Move>,
}

impl RouteDraft {
    pub(super) fn is_empty(&self) -> bool {
        self.change == RouteChange::default()
    }

    pub(super) fn admit(&mut self, spec: &PinnedSpec, ordinal: u32) {
        self.change.admit.push(wanted_id(spec, ordinal));
        self.moves.push(Move::Admit(ordinal));
    }

    pub(super) fn admit_other(&mut self, fleet: &Fleet<'_>, place: u32) {
        self.change.admit.push(fleet.others.all[place as usize].instance.id.clone());
        self.moves.push(Move::AdmitOther(place));
    }

    pub(super) fn withdraw_wanted(&mut self, spec: &PinnedSpec, ordinal: u32) {
        self.change.withdraw.push(wanted_id(spec, ordinal));
        self.moves.push(Move::WithdrawWanted(ordinal));
    }

    pub(super) fn withdraw_other(&mut self, fleet: &Fleet<'_>, place: u32) {
        self.change.withdraw.push(fleet.others.all[place as usize].instance.id.clone());
        self.moves.push(Move::WithdrawOther(place));
    }

    pub(super) fn split(&mut self, split: Split) {
        self.change.split = Some(split.clone());
        self.moves.push(Move::Split(split));
    }
}

pub(super) fn wanted_id(spec: &PinnedSpec, ordinal: u32) -> InstanceId {
    InstanceId { service: spec.service().clone(), revision: spec.revision().clone(), ordinal }
}

impl Fleet<'_> {
    /// Changes the fleet as a step that succeeds would; what concerns records and artifacts is left to the caller.
    pub(super) fn assume(&mut self, made: &Move) {
        match made {
            Move::Start { ordinal, attempt } => {
                self.wanted.missing.remove(*ordinal);
                self.wanted.exited.remove(*ordinal);
                let now = self.now;
                self.wanted.members[*ordinal as usize] = Some(Member {
                    phase: Phase::Starting,
                    since: now,
                    started: Some(now),
                    attempt: *attempt,
                    route: Route::Out,
                });
                self.wanted.starting.insert(*ordinal);
            }
            Move::StopWanted(ordinal) => {
                self.wanted.unhealthy.remove(*ordinal);
                self.wanted.members[*ordinal as usize] = None;
                self.wanted.missing.insert(*ordinal);
            }
            Move::StopOther(place) => self.take_other(*place),
            Move::Admit(ordinal) => {
                self.admitted_since.get_or_insert(self.now);
                self.reroute_wanted(*ordinal, Route::In);
            }
            Move::WithdrawWanted(ordinal) => self.reroute_wanted(*ordinal, Route::Out),
            Move::RestartOther { place, attempt } => {
                let now = self.now;
                self.take_other(*place);
                let started = Some(now);
                let (phase, route) = (Phase::Starting, Route::Out);
                self.others.all[*place as usize].member =
                    Member { phase, since: now, started, attempt: *attempt, route };
                self.file_other(*place);
            }
            Move::AdmitOther(place) => self.reroute_other(*place, Route::In),
            Move::WithdrawOther(place) => self.reroute_other(*place, Route::Out),
            Move::WithdrawGhosts => self.ghosts.clear(),
            Move::Split(split) => {
                self.split = split.clone();
                self.split_since = self.now;
            }
            Move::Publish | Move::Record(_) | Move::Forget(_) | Move::Submit(_) | Move::Withdraw => {}
        }
    }

    fn reroute_wanted(&mut self, ordinal: u32, route: Route) {
        if let Some(member) = &mut self.wanted.members[ordinal as usize] {
            member.route = route;
            self.take_wanted(ordinal);
            self.file_wanted(ordinal);
        }
    }

    fn reroute_other(&mut self, place: u32, route: Route) {
        let member = &mut self.others.all[place as usize].member;
        let was = std::mem::replace(&mut member.route, route);
        let is_live = member.phase.is_live();
        let is_stable = is_live && self.is_stable(place);
        if is_stable {
            self.stable_in = match (was, route) {
                (Route::In, Route::Out) => self.stable_in.saturating_sub(1),
                (Route::Out | Route::Draining { .. }, Route::In) => self.stable_in + 1,
                _ => self.stable_in,
            };
        }
        self.take_other(place);
        self.file_other(place);
        if is_stable && self.stable_in == 0 {
            self.find_stable();
        }
    }

    fn take_wanted(&mut self, ordinal: u32) {
        let wanted = &mut self.wanted;
        for line in [
            &mut wanted.starting,
            &mut wanted.maturing,
            &mut wanted.idle,
            &mut wanted.serving,
            &mut wanted.unhealthy,
            &mut wanted.stopping,
            &mut wanted.exited,
            &mut wanted.misrouted,
        ] {
            line.remove(ordinal);
        }
    }

    fn take_other(&mut self, place: u32) {
        let others = &mut self.others;
        for line in [
            &mut others.weak_in,
            &mut others.weak_out,
            &mut others.strong_in,
            &mut others.strong_out,
            &mut others.stopping,
            &mut others.exited,
            &mut others.misrouted,
            &mut others.young,
            &mut others.starting,
        ] {
            line.remove(place);
        }
    }

    /// Lets come true what is under way, one kind of thing at a time as it would come true if all goes well: first
    /// what stops is gone, then what drains is drained, what starts is ready, and at last time passes. Returns
    /// whether anything was under way.
    pub(super) fn settle(&mut self, timer: Option<Timestamp>) -> bool {
        let gone: Vec<u32> = self.others.stopping.take();
        let ended: Vec<u32> = self.wanted.stopping.take();
        if !gone.is_empty() || !ended.is_empty() {
            for place in gone {
                self.take_other(place);
            }
            for ordinal in ended {
                self.take_wanted(ordinal);
                self.wanted.members[ordinal as usize] = None;
                self.wanted.missing.insert(ordinal);
            }
            return true;
        }
        if std::mem::take(&mut self.draining) && self.drain_all() {
            return true;
        }
        let started = self.wanted.starting.take();
        let others_started = self.others.starting.take();
        if !started.is_empty() || !others_started.is_empty() {
            for place in &others_started {
                let member = &mut self.others.all[*place as usize].member;
                (member.phase, member.since) = (Phase::Ready, self.now);
                self.take_other(*place);
                self.file_other(*place);
            }
            if !others_started.is_empty() {
                self.find_stable();
            }
            for ordinal in started {
                if let Some(member) = &mut self.wanted.members[ordinal as usize] {
                    (member.phase, member.since) = (Phase::Ready, self.now);
                }
                self.wanted.misrouted.remove(ordinal);
                self.file_wanted(ordinal);
            }
            return true;
        }
        match timer {
            Some(timer) if timer > self.now => {
                self.now = timer;
                for ordinal in self.wanted.maturing.take() {
                    self.file_wanted(ordinal);
                }
                let young = self.others.young.take();
                for place in &young {
                    self.take_other(*place);
                    self.file_other(*place);
                }
                if !young.is_empty() {
                    self.find_stable();
                }
                true
            }
            _ => false,
        }
    }

    fn drain_all(&mut self) -> bool {
        let mut any = false;
        let places: Vec<u32> = self.others.strong_out.iter().chain(self.others.weak_out.iter()).collect();
        for place in places {
            any |= finish_drain(&mut self.others.all[place as usize].member);
        }
        let ordinals: Vec<u32> = self.wanted.unhealthy.iter().collect();
        for ordinal in ordinals {
            if let Some(member) = &mut self.wanted.members[ordinal as usize] {
                any |= finish_drain(member);
            }
        }
        any
    }
}

fn finish_drain(member: &mut Member) -> bool {
    match &mut member.route {
        Route::Draining { in_flight: in_flight @ 1.., .. } => {
            *in_flight = 0;
            true
        }
        _ => false,
    }
}
