//! What to do next where the platform has a rollout engine of its own: tell it once, then watch.

use std::sync::Arc;

use super::books::Books;
use super::draft::{Draft, Move, RouteDraft};
use super::instances::{Timers, Verdict};
use super::release::{Pause, Position, position, split_of, stage_of};
use super::want::Want;
use super::{StuckReason, WaitReason};
use crate::action::{Action, Reason, Step};
use crate::name::ServiceName;
use crate::observed::{Counts, PlatformState, Rollout, Submitted};
use crate::pin::{Digest, PinnedSpec};
use crate::record::RecordStatus;
use crate::revision::Revision;
use crate::spec::Stage;
use crate::time::Timestamp;
use crate::traffic::{Shares, Split, Traffic};
use crate::units::Share;

/// A service on a platform, as far as deciding goes.
#[derive(Clone, Debug)]
pub(super) struct Platform {
    pub(super) now: Timestamp,
    pub(super) state: PlatformState,
    /// How users are split, where the platform can be told.
    pub(super) split: Option<(Split, Timestamp)>,
    compare_and_swap: bool,
    digest: Option<Digest>,
}

impl Platform {
    pub(super) fn new(
        want: &Want,
        state: &PlatformState,
        traffic: Option<&Traffic>,
        now: Timestamp,
        compare_and_swap: bool,
    ) -> Self {
        Self {
            now,
            state: state.clone(),
            split: traffic.map(|traffic| (traffic.split.clone(), traffic.since)),
            compare_and_swap,
            digest: want.spec.as_ref().map(|spec| spec.digest()),
        }
    }

    pub(super) fn decide(&self, service: &ServiceName, want: &Want, books: &Books) -> Verdict {
        match &want.spec {
            Some(spec) => self.run(service, want, spec, books),
            None => self.remove(service, books),
        }
    }

    fn has(&self, spec: &PinnedSpec) -> bool {
        let told = self.state.submitted.as_ref();
        told.is_some_and(|told| told.revision == *spec.revision() && Some(&told.digest) == self.digest.as_ref())
    }

    fn run(&self, service: &ServiceName, want: &Want, spec: &Arc<PinnedSpec>, books: &Books) -> Verdict {
        let mut draft = Draft::default();
        let released = self.split.as_ref().is_none_or(|(split, _)| *split == all(spec.revision()));
        let settled = self.has(spec) && self.state.rollout == Rollout::Complete && released;
        if books.begin(spec, settled, self.now, &mut draft) {
            return Verdict::Act(draft);
        }
        if !self.has(spec) {
            self.submit(spec, books, &mut draft);
            return Verdict::Act(draft);
        }
        match &self.state.rollout {
            Rollout::Stalled { reason } => return Verdict::Stuck(StuckReason::Platform { reason: reason.clone() }),
            Rollout::Progressing => {
                let ready = self.state.groups.get(spec.revision()).map_or(0, |group| group.ready);
                let why = WaitReason::Platform { ready, wanted: self.state.replicas };
                return Verdict::Wait { why, recheck: None };
            }
            Rollout::Complete => {}
        }
        if let Some(verdict) = self.release(service, want, spec, books) {
            return verdict;
        }
        if books.complete(service, spec, &mut draft) { Verdict::Act(draft) } else { Verdict::Converged }
    }

    fn submit(&self, spec: &Arc<PinnedSpec>, books: &Books, draft: &mut Draft) {
        let told = self.state.submitted.as_ref();
        let why = match told {
            None => Reason::BelowReplicas,
            Some(told) if told.revision != *spec.revision() => Reason::SpecChanged,
            Some(_) if books.latest_status() == Some(RecordStatus::Deployed) => Reason::Drifted,
            Some(_) => Reason::InPlace,
        };
        let expect = if self.compare_and_swap { self.state.version.clone() } else { None };
        draft.steps.push(Step::new(Action::Submit { spec: Arc::clone(spec), expect }, why));
        draft.moves.push(Move::Submit(Arc::clone(spec)));
    }

    /// Moves users over, stage by stage; `None` once all are.
    fn release(&self, service: &ServiceName, want: &Want, spec: &Arc<PinnedSpec>, books: &Books) -> Option<Verdict> {
        let (split, since) = self.split.as_ref()?;
        let revision = spec.revision();
        let stable = match &split.shares {
            Shares::Even => None,
            Shares::Weighted(shares) => {
                let others = shares.iter().filter(|(other, _)| *other != revision);
                others.max_by_key(|(_, share)| **share).map(|(other, _)| other)
            }
        };
        let last = [Stage { share: Share::ALL, ..Stage::default() }];
        let stages = if want.stages.is_empty() { &last[..] } else { &want.stages[..] };
        if *split == all(revision) && stages.last().is_none_or(|stage| stage.hold.is_zero()) {
            return None;
        }
        let Some(stable) = stable.or((*split == all(revision)).then_some(revision)) else {
            return Some(route(service, all(revision), Reason::Available));
        };
        // A dark stage without test users is where a submission leaves the platform; it counts from the deployment on.
        let since = books.latest_at().map_or(*since, |at| at.max(*since));
        let entered = stage_of(stages, split, revision).map(|stage| (stage, since));
        let mut timers = Timers::default();
        match position(stages, entered, books.promoted(revision), self.now, |_| true) {
            Position::Over => None,
            Position::Before(stage) => {
                Some(route(service, split_of(&stages[stage], revision, stable), Reason::Release))
            }
            Position::At(stage, pause) => {
                let number = u32::try_from(stage).unwrap_or(u32::MAX);
                let why = match pause {
                    Pause::Gate => WaitReason::Gate { stage: number },
                    Pause::Capacity => return None,
                    Pause::Hold(until) => {
                        timers.add(until);
                        if stage + 1 == stages.len() { WaitReason::KeepOld } else { WaitReason::Hold { stage: number } }
                    }
                };
                Some(Verdict::Wait { why, recheck: timers.next() })
            }
        }
    }

    fn remove(&self, service: &ServiceName, books: &Books) -> Verdict {
        let mut draft = Draft::default();
        if self.state.submitted.is_some() {
            let action = Action::Withdraw { service: service.clone() };
            draft.steps.push(Step::new(action, Reason::Removed));
            draft.moves.push(Move::Withdraw);
            return Verdict::Act(draft);
        }
        let left: u32 = self.state.groups.values().map(|group| group.total).sum();
        if left > 0 {
            return Verdict::Wait { why: WaitReason::Stopping { instances: left }, recheck: None };
        }
        books.forget_all(service, &mut draft);
        if draft.is_empty() { Verdict::Converged } else { Verdict::Act(draft) }
    }

    /// Changes the platform as a step that succeeds would.
    pub(super) fn assume(&mut self, made: &Move, replicas: u32) {
        match made {
            Move::Submit(spec) => {
                self.state.submitted = Some(Submitted { revision: spec.revision().clone(), digest: spec.digest() });
                self.state.replicas = replicas;
                self.state.rollout = Rollout::Progressing;
            }
            Move::Withdraw => {
                self.state.submitted = None;
                self.state.rollout = Rollout::Complete;
                self.state.groups.clear();
            }
            Move::Split(split) => self.split = Some((split.clone(), self.now)),
            _ => {}
        }
    }

    /// Lets come true what is under way: the rollout, then time.
    pub(super) fn settle(&mut self, timer: Option<Timestamp>) -> bool {
        if self.state.rollout == Rollout::Progressing {
            self.state.rollout = Rollout::Complete;
            if let Some(told) = &self.state.submitted {
                let replicas = self.state.replicas;
                let counts = Counts { total: replicas, ready: replicas };
                if self.split.is_none() {
                    self.state.groups.clear();
                }
                self.state.groups.insert(told.revision.clone(), counts);
            }
            return true;
        }
        if self.state.submitted.is_none() && !self.state.groups.is_empty() {
            self.state.groups.clear();
            return true;
        }
        match timer {
            Some(timer) if timer > self.now => {
                self.now = timer;
                true
            }
            _ => false,
        }
    }
}

fn all(revision: &Revision) -> Split {
    Split { shares: Shares::all(revision.clone()), test_users: None }
}

fn route(service: &ServiceName, split: Split, why: Reason) -> Verdict {
    let mut route = RouteDraft::default();
    route.split(split);
    let mut draft = Draft::default();
    draft.route(service, route.change, why, route.moves);
    Verdict::Act(draft)
}
