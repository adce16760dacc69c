use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::drive::{Drive, Place};
use super::events::Events;
use super::lease::{Hold, Keeper};
use super::pinning::is_pinned;
use super::pursue::Road;
use super::{Failure, FailureKind};
use crate::action::{Action, Applied, Step};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::event::{Alarm, EventKind, StepName};
use crate::goal::Goal;
use crate::name::{ServiceName, VarName};
use crate::observed::InstanceId;
use crate::pin::PinnedSpec;
use crate::record::Record;
use crate::revision::Revision;
use crate::target::Context;

/// How a round ended.
#[derive(Debug)]
pub(super) enum RoundEnd {
    /// Each step was taken.
    Done,
    /// A step failed in a way that may pass: look again after the delay, and decide again.
    Again { doing: String, error: Error, delay: Duration },
    /// The lease lapsed before all steps were taken.
    Interrupted,
    /// It was told to stop.
    Cancelled,
    /// A step failed for good.
    Failed(Box<Failure>),
}

/// So many submissions in a row may be refused because the platform has moved on.
const MOST_CONFLICTS: u32 = 5;

type Values = Arc<BTreeMap<VarName, SecretString>>;

/// The values of secrets by the revision that needs them: a round may also mend what users are on.
type Secrets = BTreeMap<Revision, Values>;

/// What the steps of a round share.
#[derive(Debug)]
struct Share {
    place: Arc<Place>,
    service: ServiceName,
    events: Arc<Events>,
    in_all: Arc<Semaphore>,
    stop: CancellationToken,
    secrets: Secrets,
}

/// What is still open of a round.
struct Open {
    steps: VecDeque<(StepName, Step)>,
    done: Vec<(u32, Step)>,
    failed: Option<RoundEnd>,
}

impl Drive {
    /// Takes the steps of a round, as many at once as allowed.
    pub(super) async fn take_round(&mut self, goal: &Goal, steps: &[Step], road: &mut Road) -> RoundEnd {
        self.tally.rounds += 1;
        let round = self.tally.rounds;
        let count = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        self.emit(EventKind::RoundStarted { round, steps: count });
        self.warn_of_crash_loops(steps);
        let secrets = match self.read_secrets(goal, steps).await {
            Ok(secrets) => secrets,
            Err(failure) => return RoundEnd::Failed(failure),
        };
        let share = Arc::new(Share {
            place: Arc::clone(&self.place),
            service: self.service.clone(),
            events: Arc::clone(&self.core.events),
            in_all: Arc::clone(&self.core.slots),
            stop: self.stop.clone(),
            secrets,
        });
        let named = (1..).zip(steps).map(|(number, step)| {
            let action = step.action.to_string();
            (StepName { round, number, action, why: step.why }, step.clone())
        });
        let mut open = Open { steps: named.collect(), done: Vec::new(), failed: None };
        let begun = Instant::now();
        let end = self.take_steps(&share, &mut open, road).await;
        self.outdate();
        self.excuse_publishing(road, steps, begun.elapsed());
        open.done.sort_by_key(|(number, _)| *number);
        self.tally.steps += u32::try_from(open.done.len()).unwrap_or(u32::MAX);
        if self.core.options.record_steps && !open.done.is_empty() {
            self.tally.done.push(open.done.into_iter().map(|(_, step)| step).collect());
        }
        end
    }

    async fn take_steps(&mut self, share: &Arc<Share>, open: &mut Open, road: &mut Road) -> RoundEnd {
        let Some(mut lease) = self.lease.as_ref().map(Keeper::watch) else { return RoundEnd::Interrupted };
        let told = self.stop.clone();
        let limit = self.core.options.steps_per_service;
        // Set when nobody waits any more.
        let unwanted = CancellationToken::new();
        let mut running = JoinSet::new();
        let mut finish_by: Option<Instant> = None;
        loop {
            let hold = lease.borrow_and_update().clone();
            if let Hold::Lost(error) = &hold {
                running.shutdown().await;
                return RoundEnd::Failed(self.lease_lost(error));
            }
            while let Hold::Held(token) = hold
                && open.failed.is_none()
                && finish_by.is_none()
                && running.len() < limit
                && let Some((name, step)) = open.steps.pop_front()
            {
                let cx = Context::new(token)
                    .with_secrets(values_for(&step.action, &share.secrets))
                    .with_cancellation(unwanted.clone());
                let time = self.core.options.limit_of(&step.action);
                let task = take_step(Arc::clone(share), cx, name, step, time);
                running.spawn(task.in_current_span());
            }
            if running.is_empty() {
                return self.close(open, finish_by.is_some());
            }
            tokio::select! {
                biased;
                Some(joined) = running.join_next() => match joined {
                    Ok(None) => {}
                    Ok(Some((name, step, result))) => {
                        if let Some(fenced) = self.finish(open, road, name, step, result) {
                            running.shutdown().await;
                            return RoundEnd::Failed(fenced);
                        }
                    }
                    Err(error) => {
                        let failure = self.failure("take a step", FailureKind::Defect).with_text(error);
                        open.failed = Some(RoundEnd::Failed(failure));
                    }
                },
                () = told.cancelled(), if finish_by.is_none() => {
                    unwanted.cancel();
                    finish_by = Some(Instant::now() + self.core.options.finish_within);
                }
                Ok(()) = lease.changed() => {}
                () = sleep_until(finish_by), if finish_by.is_some() => {
                    running.shutdown().await;
                    return RoundEnd::Cancelled;
                }
            }
        }
    }

    fn close(&self, open: &mut Open, stopped: bool) -> RoundEnd {
        match open.failed.take() {
            Some(failed @ RoundEnd::Failed(_)) => failed,
            _ if stopped || self.stop.is_cancelled() => RoundEnd::Cancelled,
            Some(end) => end,
            None if open.steps.is_empty() => RoundEnd::Done,
            None => RoundEnd::Interrupted,
        }
    }

    /// Takes note of a step that came to its end; returns the failure that ends everything, if it was that.
    fn finish(
        &mut self,
        open: &mut Open,
        road: &mut Road,
        name: StepName,
        step: Step,
        result: Result<Applied>,
    ) -> Option<Box<Failure>> {
        let error = match result {
            Ok(applied) => {
                self.tally.changed |= applied == Applied::Changed;
                if let (Action::Stop { id, .. }, Applied::Changed) = (&step.action, applied) {
                    self.tally.cut_requests += self.in_flight(id);
                }
                open.done.push((name.number, step));
                self.emit(EventKind::StepFinished { step: name, applied });
                return None;
            }
            Err(error) => error,
        };
        let doing = name.action.clone();
        let failed = |retry_in| EventKind::StepFailed { step: name, error: error.chain(), retry_in };
        if error.kind() == ErrorKind::Fenced {
            self.emit(failed(None));
            return Some(self.failure(doing, FailureKind::LeaseLost).with_error(&error));
        }
        let outdated = error.kind() == ErrorKind::Conflict
            && matches!(&step.action, Action::Submit { expect: Some(_), .. })
            && road.conflicts < MOST_CONFLICTS;
        let retry = if outdated { Retry::Later { after: None } } else { error.retry() };
        match (retry, &mut open.failed) {
            (Retry::Later { after }, failed_before @ (None | Some(RoundEnd::Again { .. }))) => {
                road.conflicts += u32::from(outdated);
                let before = match failed_before {
                    Some(RoundEnd::Again { delay, .. }) => *delay,
                    _ => road.retries.next(),
                };
                let delay = before.max(after.unwrap_or_default());
                self.emit(failed(Some(delay)));
                open.failed = Some(RoundEnd::Again { doing, error, delay });
            }
            (Retry::Later { .. }, _) => self.emit(failed(None)),
            (_, before) => {
                let first = !matches!(before, Some(RoundEnd::Failed(_)));
                self.emit(failed(None));
                if first {
                    let failure = self.failure(doing, FailureKind::Step { error: error.kind() });
                    open.failed = Some(RoundEnd::Failed(failure.with_error(&error)));
                }
            }
        }
        None
    }

    fn in_flight(&self, id: &InstanceId) -> u32 {
        let endpoint = self.seen.traffic.as_ref().and_then(|traffic| traffic.endpoints.get(id));
        endpoint.map_or(0, |endpoint| endpoint.in_flight)
    }

    fn warn_of_crash_loops(&self, steps: &[Step]) {
        for step in steps {
            if let Action::Start { id, attempt: attempt @ 2.., .. } = &step.action {
                let alarm = Alarm::CrashLoop { instance: id.clone(), attempt: *attempt };
                self.emit(EventKind::Alarm { alarm });
            }
        }
    }

    /// Publishing has a limit of its own, and may take longer than a rollout may stand still. What exceeds the limit
    /// of other steps does not count, so that publishing again and again still ends.
    fn excuse_publishing(&self, road: &mut Road, steps: &[Step], took: Duration) {
        if steps.iter().any(|step| matches!(step.action, Action::Publish { .. })) {
            road.progress.excuse(took.saturating_sub(self.core.options.step_timeout));
        }
    }

    /// The values of the secrets that steps need, read just before they are taken.
    async fn read_secrets(&self, goal: &Goal, steps: &[Step]) -> Result<Secrets, Box<Failure>> {
        let mut secrets = Secrets::new();
        for spec in steps.iter().filter_map(|step| spec_with_secrets(&step.action)) {
            if !secrets.contains_key(spec.revision()) {
                secrets.insert(spec.revision().clone(), self.read_values(goal, spec).await?);
            }
        }
        Ok(secrets)
    }

    async fn read_values(&self, goal: &Goal, spec: &PinnedSpec) -> Result<Values, Box<Failure>> {
        let mut values = BTreeMap::new();
        for (name, source) in spec.spec().secrets.iter().filter(|(_, source)| !source.is_read_by_target()) {
            let fail = |why: String| self.failure(format!("read secret {name}"), FailureKind::Secret).with_text(why);
            let reading = tokio::time::timeout(self.core.options.step_timeout, self.core.secrets.read(source));
            let value = reading.await.map_err(|_| fail("it took too long".to_owned()))?;
            let value = value.map_err(|error| fail(error.to_string()))?;
            if self.core.key.as_ref().is_some_and(|key| !is_pinned(spec, key, name, &value)) {
                // What worked before is not given up because a value from then is not known any more.
                let is_new = matches!(goal, Goal::Run(_)) && goal.revision() == Some(spec.revision());
                let worked = |record: &Record| record.revision() == spec.revision() && record.is_proven();
                if is_new && !self.seen.records.iter().any(worked) {
                    return Err(fail("its value is not the one that was planned".to_owned()));
                }
                self.emit(EventKind::Alarm { alarm: Alarm::SecretChanged { name: name.clone() } });
            }
            values.insert(name.clone(), value);
        }
        Ok(Arc::new(values))
    }
}

fn spec_with_secrets(action: &Action) -> Option<&Arc<PinnedSpec>> {
    match action {
        Action::Start { spec, .. } | Action::Submit { spec, .. } | Action::Publish { spec } => {
            Some(spec).filter(|spec| !spec.spec().secrets.is_empty())
        }
        _ => None,
    }
}

fn values_for(action: &Action, secrets: &Secrets) -> Values {
    let values = spec_with_secrets(action).and_then(|spec| secrets.get(spec.revision()));
    values.map(Arc::clone).unwrap_or_default()
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Takes one step; `None` if it was told to stop before it began.
async fn take_step(
    share: Arc<Share>,
    cx: Context,
    name: StepName,
    step: Step,
    limit: Duration,
) -> Option<(StepName, Step, Result<Applied>)> {
    // The target's own first, so that one that is slow does not hold up the others.
    let slots = async { (share.place.slots.acquire().await, share.in_all.acquire().await) };
    let _slots = share.stop.run_until_cancelled(slots).await?;
    share.events.emit(Some(&share.service), EventKind::StepStarted { step: name.clone() });
    let sink = {
        let (share, name) = (Arc::clone(&share), name.clone());
        move |progress| {
            let kind = EventKind::StepProgress { step: name.clone(), progress };
            share.events.emit(Some(&share.service), kind);
        }
    };
    let cx = cx.with_progress(sink);
    let applied = tokio::time::timeout(limit, share.place.deployer.apply(&step.action, &cx)).await;
    let late = |_| {
        let subject = name.action.strip_prefix(step.action.verb()).unwrap_or(&name.action).trim_start();
        Error::new(ErrorKind::Timeout, step.action.verb(), subject, &share.place.name)
            .with_context("limit", crate::units::duration::format(limit))
    };
    let result = applied.map_err(late).and_then(std::convert::identity);
    Some((name, step, result))
}
