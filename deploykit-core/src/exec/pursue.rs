use std::time::Duration;

use tokio::time::Instant;

use super::drive::Drive;
use super::lease::Hold;
use super::options::{Delays, Options};
use super::progress::Progress;
use super::round::RoundEnd;
use super::seen::waiting_for;
use super::{Failure, FailureKind};
use crate::action::Step;
use crate::error::{Error, Retry};
use crate::event::EventKind;
use crate::goal::Goal;
use crate::plan::{Decision, WaitReason, next};
use crate::time::Timestamp;

/// How the pursuit of a goal ended, if it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Converged,
    Paused(u32),
    Cancelled,
}

/// A pursuit so far.
#[derive(Debug)]
pub(super) struct Road {
    pub(super) progress: Progress,
    pub(super) retries: Delays,
    polls: Delays,
    /// The last error that may pass, and what was being done.
    last_error: Option<(String, Error)>,
    /// The steps of the last round, if nothing else was decided since.
    last_round: Option<Vec<Step>>,
    last_wait: Option<WaitReason>,
    /// So many submissions in a row were refused as decided on something older.
    pub(super) conflicts: u32,
}

impl Road {
    pub(super) fn new(options: &Options, progress: Progress) -> Self {
        Self {
            progress,
            retries: options.retries(),
            polls: options.polls(),
            last_error: None,
            last_round: None,
            last_wait: None,
            conflicts: 0,
        }
    }
}

/// A look at the target so soon after the last would seldom show more.
const SETTLE: Duration = Duration::from_millis(50);

enum Go {
    On,
    Stop,
}

impl Drive {
    /// Observe, decide, act, and again, until there is nothing left to do.
    pub(super) async fn pursue(&mut self, goal: &Goal) -> Result<End, Box<Failure>> {
        let mut road = Road::new(&self.core.options, Progress::new(goal, &self.seen));
        loop {
            if self.stop.is_cancelled() {
                return Ok(End::Cancelled);
            }
            if let Go::Stop = self.hold_lease(&road).await? {
                return Ok(End::Cancelled);
            }
            // Before looking, so that what changes meanwhile is not missed.
            self.signal.mark_unchanged();
            match self.look().await {
                None => return Ok(End::Cancelled),
                Some(Err(error)) => {
                    if let Go::Stop = self.look_again(&mut road, error).await? {
                        return Ok(End::Cancelled);
                    }
                    continue;
                }
                Some(Ok(())) => {}
            }
            self.check_bound()?;
            if road.progress.note(&self.seen) {
                road.last_error = None;
                road.polls.reset();
            }
            let decision = next(goal, &self.seen, &self.place.caps);
            match decision.map_err(|error| self.failure("decide what to do", FailureKind::Plan).with_text(error))? {
                Decision::Converged => return Ok(End::Converged),
                Decision::Stuck { why } => {
                    let doing = road.last_wait.as_ref().map_or_else(|| "roll out".to_owned(), waiting_for);
                    let waited = road.progress.waited();
                    return Err(self.failure(doing, FailureKind::Stuck { why }).with_waited(waited));
                }
                Decision::Wait { why: WaitReason::Gate { stage }, .. } => return Ok(End::Paused(stage)),
                Decision::Wait { why, recheck } => {
                    if let Go::Stop = self.wait(&mut road, why, recheck).await? {
                        return Ok(End::Cancelled);
                    }
                }
                Decision::Act(steps) => {
                    if let Go::Stop = self.act(&mut road, goal, steps).await? {
                        return Ok(End::Cancelled);
                    }
                }
            }
        }
    }

    /// Takes a round, unless the target shows the last one not to have arrived yet.
    async fn act(&mut self, road: &mut Road, goal: &Goal, steps: Vec<Step>) -> Result<Go, Box<Failure>> {
        if road.progress.is_overdue(None) {
            return Err(self.overdue(road, "roll out".to_owned()));
        }
        if road.last_round.take().as_ref() == Some(&steps) {
            return self.pause(road.polls.next(), true).await;
        }
        road.last_wait = None;
        match self.take_round(goal, &steps, road).await {
            RoundEnd::Done => {
                road.last_round = Some(steps);
                road.retries.reset();
                road.conflicts = 0;
                Ok(Go::On)
            }
            RoundEnd::Again { doing, error, delay } => {
                road.last_error = Some((doing, error));
                let delay = delay.min(road.progress.overdue_at(None).saturating_duration_since(Instant::now()));
                self.pause(delay, false).await
            }
            RoundEnd::Interrupted => Ok(Go::On),
            RoundEnd::Cancelled => Ok(Go::Stop),
            RoundEnd::Failed(failure) => Err(failure.with_waited(road.progress.waited())),
        }
    }

    async fn wait(&mut self, road: &mut Road, why: WaitReason, until: Option<Timestamp>) -> Result<Go, Box<Failure>> {
        if road.progress.is_overdue(Some(&why)) {
            return Err(self.overdue(road, waiting_for(&why)));
        }
        road.last_round = None;
        road.retries.reset();
        if road.last_wait.as_ref().is_none_or(|last| !is_same_wait(last, &why)) {
            self.emit(EventKind::Waiting { why: why.clone(), until });
            road.polls.reset();
        }
        let begun = Instant::now();
        let poll = if self.place.changes.is_open() { self.core.options.safety_net } else { road.polls.next() };
        let mut wake = begun + poll;
        if let Some(until) = until {
            wake = wake.min(self.seen_at + until.since(self.seen.at));
        }
        wake = wake.min(road.progress.overdue_at(Some(&why))).max(begun + SETTLE);
        let go = self.pause(wake.saturating_duration_since(begun), true).await?;
        road.progress.excuse_wait(&why, begun.elapsed());
        road.last_wait = Some(why);
        Ok(go)
    }

    /// Waits until the target may be looked at again after it could not be.
    async fn look_again(&mut self, road: &mut Road, error: Error) -> Result<Go, Box<Failure>> {
        let left = road.progress.overdue_at(None).saturating_duration_since(Instant::now());
        let delay = match error.retry() {
            Retry::Later { after } if !left.is_zero() => road.retries.next().max(after.unwrap_or_default()).min(left),
            _ => {
                self.emit(EventKind::ObserveFailed { error: error.chain(), retry_in: None });
                let failure = self.failure("observe", FailureKind::Observe { error: error.kind() });
                return Err(failure.with_error(&error).with_waited(road.progress.waited()));
            }
        };
        self.emit(EventKind::ObserveFailed { error: error.chain(), retry_in: Some(delay) });
        road.last_error = Some(("observe".to_owned(), error));
        self.pause(delay, false).await
    }

    /// Waits while the lease has lapsed.
    async fn hold_lease(&self, road: &Road) -> Result<Go, Box<Failure>> {
        let Some(mut lease) = self.lease.as_ref().map(super::lease::Keeper::watch) else { return Ok(Go::On) };
        loop {
            match &*lease.borrow_and_update() {
                Hold::Held(_) => return Ok(Go::On),
                Hold::Lost(error) => return Err(self.lease_lost(error)),
                Hold::Lapsed => {}
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(Go::Stop),
                changed = lease.changed() => if changed.is_err() { return Ok(Go::Stop) },
                () = tokio::time::sleep_until(road.progress.overdue_at(None)) => {
                    let waited = road.progress.waited();
                    return Err(self.failure("renew the lease", FailureKind::LeaseLost).with_waited(waited));
                }
            }
        }
    }

    /// Sleeps for so long, or until something changes, the lease moves or it is told to stop.
    async fn pause(&mut self, time: Duration, or_changes: bool) -> Result<Go, Box<Failure>> {
        let Some(mut lease) = self.lease.as_ref().map(super::lease::Keeper::watch) else { return Ok(Go::Stop) };
        if let Hold::Lost(error) = &*lease.borrow() {
            return Err(self.lease_lost(error));
        }
        let settled = self.seen_at + SETTLE;
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(Go::Stop),
            moved = lease.changed() => {
                if let (Ok(()), Hold::Lost(error)) = (moved, &*lease.borrow()) {
                    return Err(self.lease_lost(error));
                }
            }
            Ok(()) = self.signal.changed(), if or_changes => tokio::time::sleep_until(settled).await,
            () = tokio::time::sleep(time) => {}
        }
        Ok(Go::On)
    }

    fn overdue(&self, road: &Road, doing: String) -> Box<Failure> {
        let limit = road.progress.limit();
        let failure = match &road.last_error {
            Some((doing, error)) => self.failure(doing, FailureKind::Deadline { limit }).with_error(error),
            None => self.failure(doing, FailureKind::Deadline { limit }),
        };
        failure.with_waited(road.progress.waited())
    }
}

/// Whether a person would call it the same wait: requests under way go up and down.
fn is_same_wait(a: &WaitReason, b: &WaitReason) -> bool {
    match (a, b) {
        (WaitReason::Draining { instances: a, .. }, WaitReason::Draining { instances: b, .. }) => a == b,
        _ => a == b,
    }
}
