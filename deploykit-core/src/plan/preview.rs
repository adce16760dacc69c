//! One decision, and the whole road: the same function on what is, and folded over what would be.

use std::time::Duration;

use super::books::Books;
use super::draft::Draft;
use super::fleet::Fleet;
use super::instances::{self, Scene, Verdict};
use super::platform::Platform;
use super::want::Want;
use super::{Decision, PlanError, Round, RoundState, WaitReason};
use crate::action::{Action, Step};
use crate::capability::{Capabilities, Control};
use crate::goal::Goal;
use crate::observed::{Observed, State};
use crate::time::Timestamp;
use crate::traffic::Shares;

/// What one step may take at most: the executor's own limit, unless it is told another.
pub const STEP_LIMIT: Duration = Duration::from_mins(1);
/// What publishing may take at most.
pub const PUBLISH_LIMIT: Duration = Duration::from_mins(30);

/// What to do next about one service.
///
/// A pure function: the same arguments give the same decision.
///
/// # Errors
/// [`PlanError::WrongControl`] if the observation is not of the kind that the capabilities declare. What the target
/// cannot do is refused before, by [`support`](super::support).
pub fn next(goal: &Goal, seen: &Observed, caps: &Capabilities) -> Result<Decision, PlanError> {
    let want = Want::of(goal, seen);
    let model = Model::new(goal, &want, seen, caps)?;
    Ok(match model.decide() {
        Verdict::Act(draft) => Decision::Act(draft.steps),
        Verdict::Wait { why, recheck } => Decision::Wait { why, recheck },
        Verdict::Stuck(why) => Decision::Stuck { why },
        Verdict::Converged => Decision::Converged,
    })
}

/// The whole road of one service: [`next`] folded over a model in which each step succeeds.
///
/// # Errors
/// As [`next`]; [`PlanError::Endless`] if the fold came to no end, which would be a defect of deploykit.
pub fn preview(goal: &Goal, seen: &Observed, caps: &Capabilities) -> Result<Vec<Round>, PlanError> {
    let want = Want::of(goal, seen);
    let mut model = Model::new(goal, &want, seen, caps)?;
    // An instance takes a few rounds: it is started, admitted, and one before it withdrawn and stopped.
    let limit = 64 + 16 * (model.size() + want.stages.len());
    let mut rounds = Vec::with_capacity(model.rounds().min(limit));
    let mut waited: Option<Waited> = None;
    // Each round is preceded by a few waits at most.
    for _ in 0..limit.saturating_mul(8) {
        match model.decide() {
            Verdict::Act(draft) => {
                let at_most =
                    waited.as_ref().map_or(Duration::ZERO, |waited| waited.at_most) + step_time(&draft.steps, &want);
                model.assume(&draft);
                let after = model.state(at_most);
                rounds.push(Round { wait: waited.take().map(|waited| waited.why), steps: draft.steps, after });
                if rounds.len() > limit {
                    break;
                }
            }
            Verdict::Wait { why, recheck } => {
                let at_most = wait_time(&why, recheck, model.now(), &want);
                let first = waited.get_or_insert(Waited { why, at_most: Duration::ZERO });
                first.at_most = first.at_most.saturating_add(at_most);
                if !model.settle(recheck) {
                    // A gate, or what only a person can mend: the plan ends with what it waits for.
                    return Ok(finish(rounds, waited, &model));
                }
            }
            Verdict::Stuck(_) | Verdict::Converged => return Ok(finish(rounds, waited, &model)),
        }
    }
    Err(PlanError::Endless { service: goal.service().clone(), rounds: rounds.len() })
}

struct Waited {
    why: WaitReason,
    at_most: Duration,
}

fn finish(mut rounds: Vec<Round>, waited: Option<Waited>, model: &Model<'_>) -> Vec<Round> {
    if let Some(Waited { why, at_most }) = waited {
        rounds.push(Round { wait: Some(why), steps: Vec::new(), after: model.state(at_most) });
    }
    rounds
}

fn step_time(steps: &[Step], want: &Want) -> Duration {
    let time = |step: &Step| match &step.action {
        Action::Publish { .. } => PUBLISH_LIMIT,
        Action::Stop { .. } => want.shutdown.grace,
        _ => STEP_LIMIT,
    };
    steps.iter().map(time).max().unwrap_or_default()
}

fn wait_time(why: &WaitReason, recheck: Option<Timestamp>, now: Timestamp, want: &Want) -> Duration {
    match why {
        WaitReason::Draining { .. } => want.shutdown.drain,
        WaitReason::Stopping { .. } => want.shutdown.grace,
        // A gate may stay closed for ever; its time is a person's.
        WaitReason::Gate { .. } => Duration::ZERO,
        WaitReason::MinReady { .. } | WaitReason::Hold { .. } | WaitReason::KeepOld | WaitReason::Backoff { .. } => {
            recheck.map_or(want.deadline, |at| at.since(now))
        }
        WaitReason::Starting { .. } | WaitReason::Unhealthy { .. } | WaitReason::Platform { .. } => want.deadline,
    }
}

/// A service as far as deciding goes, whoever drives it.
struct Model<'a> {
    service: &'a crate::name::ServiceName,
    want: &'a Want,
    books: Books,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Instances(Box<Fleet<'a>>),
    Platform(Box<Platform>),
}

impl<'a> Model<'a> {
    fn new(goal: &'a Goal, want: &'a Want, seen: &'a Observed, caps: &Capabilities) -> Result<Self, PlanError> {
        let kind = match (&seen.state, caps.control) {
            (State::Instances(_), Control::Instances) => Kind::Instances(Box::new(Fleet::new(want, seen))),
            (State::Platform(state), Control::Platform) => {
                let traffic = seen.traffic.as_ref();
                Kind::Platform(Box::new(Platform::new(want, state, traffic, seen.at, caps.compare_and_swap)))
            }
            _ => return Err(PlanError::WrongControl { service: goal.service().clone() }),
        };
        Ok(Self { service: goal.service(), want, books: Books::new(goal, seen, caps), kind })
    }

    fn decide(&self) -> Verdict {
        match &self.kind {
            Kind::Instances(fleet) => {
                instances::decide(&Scene { service: self.service, want: self.want, fleet, books: &self.books })
            }
            Kind::Platform(platform) => platform.decide(self.service, self.want, &self.books),
        }
    }

    fn assume(&mut self, draft: &Draft) {
        for made in &draft.moves {
            self.books.assume(made);
            match &mut self.kind {
                Kind::Instances(fleet) => fleet.assume(made),
                Kind::Platform(platform) => platform.assume(made, self.want.replicas),
            }
        }
    }

    fn settle(&mut self, recheck: Option<Timestamp>) -> bool {
        match &mut self.kind {
            Kind::Instances(fleet) => fleet.settle(recheck),
            Kind::Platform(platform) => platform.settle(recheck),
        }
    }

    fn now(&self) -> Timestamp {
        match &self.kind {
            Kind::Instances(fleet) => fleet.now,
            Kind::Platform(platform) => platform.now,
        }
    }

    fn size(&self) -> usize {
        match &self.kind {
            Kind::Instances(fleet) => fleet.wanted.members.len() + fleet.others.all.len(),
            Kind::Platform(_) => 1,
        }
    }

    /// About so many rounds will be needed.
    fn rounds(&self) -> usize {
        match &self.kind {
            Kind::Instances(fleet) => {
                let at_once = (self.want.surge + self.want.unavailable).max(1);
                let each = if fleet.routed { 4 } else { 2 };
                8 + each * fleet.others.live().div_ceil(at_once) as usize
            }
            Kind::Platform(_) => 8,
        }
    }

    fn state(&self, at_most: Duration) -> RoundState {
        let (ready, total, traffic) = match &self.kind {
            Kind::Instances(fleet) => {
                (fleet.ready(), fleet.occupied(), fleet.routed.then(|| fleet.split.shares.clone()))
            }
            Kind::Platform(platform) => {
                let groups = platform.state.groups.values();
                let (ready, total) =
                    groups.fold((0, 0), |(ready, total), group| (ready + group.ready, total + group.total));
                let shares: Option<Shares> = platform.split.as_ref().map(|(split, _)| split.shares.clone());
                (ready, total, shares)
            }
        };
        RoundState { ready, total, traffic, at_most }
    }
}
