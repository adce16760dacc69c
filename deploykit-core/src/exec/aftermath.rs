//! What becomes of a service whose rollout failed.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::drive::Drive;
use super::progress::Progress;
use super::pursue::{End, Road};
use super::round::RoundEnd;
use super::{Failure, FailureKind, Outcome};
use crate::action::{Action, Reason, Step};
use crate::event::{Alarm, EventKind};
use crate::goal::Goal;
use crate::observed::{Instance, InstanceId, Observed, Phase, Rollout, State};
use crate::plan::{StuckReason, undo_goal};
use crate::record::{Record, RecordStatus};
use crate::revision::Revision;
use crate::spec::OnFailure;
use crate::target::LogOptions;
use crate::traffic::{RouteChange, Shares, Split};

/// So many log lines go with a failure.
const LOG_LINES: usize = 10;
/// A failure waits so long for log lines at most.
const LOG_PATIENCE: Duration = Duration::from_secs(5);
/// So many times it is tried to write down what became of a deployment.
const TRIES: usize = 4;

impl Drive {
    /// Does what the service's failure policy says.
    pub(super) async fn after_failure(&mut self, goal: &Goal, basis: &Observed, cause: Box<Failure>) -> Outcome {
        if cause.forbids_changes() {
            return Outcome::Halted { cause };
        }
        // The last look may be from before the steps that failed.
        if self.look().await.is_none() {
            return self.cancelled();
        }
        let cause = self.with_logs(goal, cause).await;
        if !self.is_rollout(goal, basis) {
            return Outcome::Failed { cause, rollback_error: None };
        }
        match (goal, goal.spec().map(|spec| spec.spec().on_failure)) {
            (Goal::Run(_), Some(OnFailure::RollBack)) => self.roll_back(goal, basis, cause).await,
            (Goal::Run(_), Some(OnFailure::Halt)) => {
                let retreat = self.retreat(goal);
                self.insist(goal, retreat).await;
                self.give_up(goal).await;
                Outcome::Halted { cause }
            }
            _ => {
                self.give_up(goal).await;
                Outcome::Failed { cause, rollback_error: None }
            }
        }
    }

    /// Whether this run was to bring something new, rather than to mend what had worked before.
    fn is_rollout(&self, goal: &Goal, basis: &Observed) -> bool {
        let Some(revision) = goal.revision() else { return false };
        if self.place.caps.records {
            let latest = self.seen.latest_record();
            return latest
                .is_some_and(|latest| latest.revision() == revision && latest.status == RecordStatus::Deploying);
        }
        self.tally.changed && !basis.counts().contains_key(revision)
    }

    async fn roll_back(&mut self, goal: &Goal, basis: &Observed, cause: Box<Failure>) -> Outcome {
        let back = self.way_back(goal, basis);
        let to = back.as_ref().and_then(|back| back.revision().cloned());
        if back.is_some() {
            self.emit(EventKind::RollbackStarted { cause: cause.clone(), to: to.clone() });
        }
        self.give_up(goal).await;
        let Some(back) = back else {
            let error = self.failure("go back", FailureKind::NoWayBack);
            return Outcome::Failed { cause, rollback_error: Some(error) };
        };
        match self.pursue(&back).await {
            Ok(End::Converged) => Outcome::RolledBack { to, cause },
            Ok(End::Cancelled) => self.cancelled(),
            // Going back has no gates.
            Ok(End::Paused(stage)) => Outcome::Paused { stage },
            Err(error) => {
                if !error.forbids_changes() {
                    self.give_up(&back).await;
                }
                Outcome::Failed { cause, rollback_error: Some(error) }
            }
        }
    }

    /// The goal to go back to. Nothing that worked when the run began is ever removed.
    fn way_back(&self, goal: &Goal, basis: &Observed) -> Option<Goal> {
        let before = basis.latest_record().filter(|before| before.status == RecordStatus::Deployed);
        if let Some(before) = before {
            return Some(Goal::RollBack(before.spec.clone()));
        }
        let back = undo_goal(&self.seen);
        let counts = basis.counts();
        let ready = |revision: &Revision| counts.get(revision).is_some_and(|counts| counts.ready > 0);
        let has_only_new = goal.revision().is_some_and(ready) && !back.revision().is_some_and(ready);
        let was_proven = self.seen.latest_record().is_some_and(Record::is_proven);
        let is_impossible = match &back {
            Goal::Remove(_) => worked(basis) || !(self.place.caps.records || basis.is_empty()),
            // A deployer was cut off in a change in place of what had worked; no older revision is any better.
            _ => back.revision() == goal.revision() || (has_only_new && was_proven),
        };
        (!is_impossible).then_some(back)
    }

    /// Writes down that a deployment was given up.
    async fn give_up(&mut self, goal: &Goal) {
        let latest = self.seen.latest_record();
        let open = latest
            .filter(|latest| Some(latest.revision()) == goal.revision() && latest.status == RecordStatus::Deploying);
        let Some(open) = open.filter(|_| self.place.caps.records) else { return };
        let record = Box::new(Record { status: RecordStatus::Failed, ..open.clone() });
        let step = Step::new(Action::Record { record }, Reason::GivenUp);
        if self.insist(goal, Some(step)).await {
            // So that what is decided next does not have to wait for another look.
            let _ = self.look().await;
        }
    }

    /// The step that takes users off the wanted revision, where they are split by weight and another can take them.
    fn retreat(&self, goal: &Goal) -> Option<Step> {
        let revision = goal.revision()?;
        let split = &self.seen.traffic.as_ref()?.split;
        let Shares::Weighted(shares) = &split.shares else { return None };
        let counts = self.seen.counts();
        let is_able = |other: &Revision| counts.get(other).is_none_or(|counts| counts.ready > 0);
        let others = shares.keys().filter(|other| *other != revision && is_able(other));
        let before = others.max_by_key(|other| shares.get(other))?;
        let all = Split { shares: Shares::all(before.clone()), test_users: None };
        let change = Box::new(RouteChange { split: Some(all), ..RouteChange::default() });
        (*split != *change.split.as_ref()?)
            .then(|| Step::new(Action::Route { service: self.service.clone(), change }, Reason::RollBack))
    }

    /// Takes a step of the failure policy, a few times if it fails; returns whether it was taken.
    async fn insist(&mut self, goal: &Goal, step: Option<Step>) -> bool {
        let Some(step) = step else { return false };
        let mut road = Road::new(&self.core.options, Progress::new(goal, &self.seen));
        let mut error = String::new();
        for _ in 0..TRIES {
            match self.take_round(goal, std::slice::from_ref(&step), &mut road).await {
                RoundEnd::Done => return true,
                RoundEnd::Again { error: again, delay, .. } => {
                    error = again.chain();
                    self.stop.run_until_cancelled(tokio::time::sleep(delay)).await;
                }
                RoundEnd::Interrupted | RoundEnd::Cancelled => break,
                RoundEnd::Failed(failure) => {
                    error = failure.to_string();
                    break;
                }
            }
        }
        if !error.is_empty() {
            self.emit(EventKind::Alarm { alarm: Alarm::NotRecorded { error } });
        }
        false
    }

    /// Adds the last log lines of the instance that is worst off.
    async fn with_logs(&self, goal: &Goal, mut cause: Box<Failure>) -> Box<Failure> {
        let Some((instance, previous)) = worst(goal, &self.seen, &cause) else { return cause };
        let options = LogOptions { follow: false, since: None, tail: Some(LOG_LINES), previous };
        let Some(values) = self.values_to_blot(goal).await else { return cause };
        let mut lines: Vec<String> = Vec::new();
        let reading = async {
            let mut stream = self.place.deployer.logs(&instance, &options).await.ok()?;
            while let Some(Ok(line)) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                if lines.len() == LOG_LINES {
                    lines.remove(0);
                }
                lines.push(line.text);
            }
            Some(())
        };
        // Best effort: a failure without log lines is better than none.
        let reading = tokio::time::timeout(LOG_PATIENCE, reading);
        self.stop.run_until_cancelled(reading).await;
        if !lines.is_empty() {
            cause.logs = lines.iter().map(|line| blot(line, &values)).collect();
            cause.logs_of = Some(instance);
        }
        cause
    }

    /// The values that a service may have logged and that nobody should read; `None` if they cannot be told.
    async fn values_to_blot(&self, goal: &Goal) -> Option<Vec<secrecy::SecretString>> {
        let secrets = goal.spec().map(|spec| &spec.spec().secrets);
        let mut values = Vec::new();
        for source in secrets.into_iter().flat_map(|secrets| secrets.values()) {
            // A value that only the target reads cannot be looked for.
            if source.is_read_by_target() {
                return None;
            }
            let reading = tokio::time::timeout(LOG_PATIENCE, self.core.secrets.read(source));
            values.push(reading.await.ok()?.ok()?);
        }
        Some(values)
    }
}

fn blot(line: &str, values: &[secrecy::SecretString]) -> String {
    let mut line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
    for value in values {
        for part in value.expose_secret().lines().filter(|part| !part.is_empty()) {
            line = line.replace(part, "***");
        }
    }
    line
}

/// Whether something worked when this was seen.
fn worked(basis: &Observed) -> bool {
    let complete = match &basis.state {
        State::Instances(_) => false,
        State::Platform(platform) => platform.submitted.is_some() && platform.rollout == Rollout::Complete,
    };
    complete || basis.counts().values().any(|counts| counts.ready > 0)
}

/// The instance whose log says most about a failure, and whether the log of its run before does.
fn worst(goal: &Goal, seen: &Observed, cause: &Failure) -> Option<(InstanceId, bool)> {
    let State::Instances(instances) = &seen.state else {
        let revision = goal.revision()?.clone();
        return Some((InstanceId { service: seen.service.clone(), revision, ordinal: 0 }, false));
    };
    let is_restarted = |instance: &Instance| instance.phase == Phase::Starting && instance.attempt > 0;
    if let FailureKind::Stuck { why: StuckReason::CrashLoop { instance: id, .. } } = &cause.kind {
        let instance = instances.iter().find(|instance| instance.id == *id);
        return Some((id.clone(), instance.is_some_and(is_restarted)));
    }
    let badness = |instance: &&Instance| match instance.phase {
        Phase::Exited { .. } => 4,
        Phase::Starting if instance.attempt > 0 => 3,
        Phase::Unhealthy => 2,
        Phase::Starting => 1,
        Phase::Ready | Phase::Stopping => 0,
    };
    let own = instances.iter().filter(|instance| Some(&instance.id.revision) == goal.revision());
    let mut own: Vec<_> = own.filter(|instance| badness(instance) > 0).collect();
    own.sort_by(|a, b| badness(b).cmp(&badness(a)).then_with(|| a.id.cmp(&b.id)));
    own.first().map(|instance| (instance.id.clone(), is_restarted(instance)))
}
