use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::drive::{Drive, Place, observe};
use super::executor::{Core, Executor};
use super::options::Delays;
use super::{Failure, FailureKind, Outcome, Report, RunError, ServiceReport};
use crate::event::EventKind;
use crate::goal::Goal;
use crate::name::{ServiceName, TargetName};
use crate::observed::Observed;
use crate::plan::{Decision, Plan, WaitReason, next};
use crate::record::RecordStatus;

/// Keeps services as they should be until it is told to stop: deploys them, and mends what goes wrong with them later.
///
/// A service whose rollout failed is left as its failure policy left it, and what that is is kept up, until its goal
/// is another. What fails to be mended is tried again, after longer and longer pauses.
#[derive(Debug)]
#[must_use]
pub struct Reconciler {
    executor: Executor,
    goals: watch::Receiver<Vec<Goal>>,
    interval: Duration,
}

/// All services are looked at not more often than this, however much changes.
const BREATH: Duration = Duration::from_secs(1);

impl Reconciler {
    /// Keeps services at these goals.
    pub fn new(executor: Executor, goals: Vec<Goal>) -> Self {
        Self::following(executor, watch::Sender::new(goals).subscribe())
    }

    /// Keeps services at the goals that come, each time in place of all those before. A service that is no more among
    /// them is left as it is; [`Goal::Remove`] takes one away. Goals of which no plan can be made are refused with an
    /// event, and those before stay.
    pub fn following(executor: Executor, goals: watch::Receiver<Vec<Goal>>) -> Self {
        Self { executor, goals, interval: Duration::from_secs(10) }
    }

    /// How long to wait at most before services are looked at again. Default: 10s.
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Keeps the services until the executor is told to [stop](Executor::stop); returns how each ended last.
    ///
    /// # Errors
    /// [`RunError`] if no plan can be made of the first goals.
    pub async fn run(mut self) -> Result<Report, RunError> {
        let mut keeping = Keeping::new(&self.executor);
        let goals = self.goals.borrow_and_update().clone();
        keeping.plan(goals).await?;
        let stop = keeping.core.stop.clone();
        let mut follows = true;
        while !stop.is_cancelled() {
            // Before looking, so that what changes meanwhile is not missed.
            let mut signals = keeping.signals();
            let looked = Instant::now();
            if stop.run_until_cancelled(keeping.look()).await.is_none() {
                break;
            }
            let wake = keeping.wake(looked + self.interval);
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                changed = self.goals.changed(), if follows => if changed.is_ok() {
                    let goals = self.goals.borrow_and_update().clone();
                    if let Err(error) = keeping.plan(goals).await {
                        let error = error.to_string();
                        keeping.core.events.emit(None, EventKind::GoalsRefused { error });
                    }
                } else {
                    follows = false;
                },
                Some(ended) = keeping.running.join_next_with_id() => keeping.ended(ended),
                () = any(&mut signals) => tokio::time::sleep_until(looked + BREATH).await,
                () = tokio::time::sleep_until(wake) => {}
            }
        }
        while let Some(ended) = keeping.running.join_next_with_id().await {
            keeping.ended(ended);
        }
        Ok(keeping.report)
    }
}

/// Waits until one of them changes.
async fn any(signals: &mut [watch::Receiver<()>]) {
    std::future::poll_fn(|cx| {
        for signal in &mut *signals {
            let changed = std::pin::pin!(signal.changed());
            if changed.poll(cx).is_ready() {
                return std::task::Poll::Ready(());
            }
        }
        std::task::Poll::Pending
    })
    .await;
}

/// The services that are kept.
struct Keeping<'a> {
    executor: &'a Executor,
    core: Arc<Core>,
    places: BTreeMap<TargetName, Arc<Place>>,
    services: BTreeMap<ServiceName, Kept>,
    running: JoinSet<(ServiceName, ServiceReport)>,
    names: BTreeMap<Id, (ServiceName, TargetName)>,
    report: Report,
}

/// One service that is kept.
struct Kept {
    goal: Goal,
    target: TargetName,
    after: Vec<ServiceName>,
    state: State,
    retries: Delays,
    /// Whether it was once as it should be.
    settled: bool,
    /// What became of the goal, if it failed.
    failed: Option<Fate>,
}

#[derive(Clone, Debug)]
enum State {
    Idle,
    Running(CancellationToken),
    Resting(Instant),
}

/// What became of a goal that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is tried again.
    Pending,
    /// What ran before is kept instead.
    RolledBack,
    /// It was removed again.
    Removed,
}

impl Kept {
    fn is_due(&self) -> bool {
        match self.state {
            State::Idle => true,
            State::Running(_) => false,
            State::Resting(until) => Instant::now() >= until,
        }
    }

    /// What to keep up, if anything.
    fn aim(&self, seen: &Observed) -> Option<Goal> {
        let latest = seen.latest_record();
        match self.failed {
            None => Some(self.goal.clone()),
            Some(Fate::Removed) => None,
            Some(Fate::RolledBack) => latest.map(|latest| Goal::RollBack(latest.spec.clone())),
            // A rollout that was given up is for a person to look at; what failed to be mended is tried again.
            Some(Fate::Pending) => {
                let given_up = latest.is_some_and(|latest| {
                    latest.status == RecordStatus::Failed && Some(latest.revision()) == self.goal.revision()
                });
                (!given_up).then(|| self.goal.clone())
            }
        }
    }
}

impl<'a> Keeping<'a> {
    fn new(executor: &'a Executor) -> Self {
        Self {
            executor,
            core: Arc::clone(executor.core()),
            places: BTreeMap::new(),
            services: BTreeMap::new(),
            running: JoinSet::new(),
            names: BTreeMap::new(),
            report: Report::default(),
        }
    }

    /// Takes over new goals, in the order that a plan of them has.
    async fn plan(&mut self, goals: Vec<Goal>) -> Result<(), RunError> {
        let plan: Plan = self.executor.plan(goals).await?;
        let places = super::run::places(self.executor.targets(), &plan)?;
        let mut before = std::mem::take(&mut self.services);
        for service in plan.services {
            let name = service.goal.service().clone();
            let kept = match before.remove(&name) {
                Some(kept) if kept.goal == service.goal && kept.target == service.target => {
                    Kept { after: service.after, ..kept }
                }
                old => {
                    let state = old.map_or(State::Idle, |kept| kept.state);
                    stop(&state);
                    Kept {
                        goal: service.goal,
                        target: service.target,
                        after: service.after,
                        state,
                        retries: super::options::slow_retries(),
                        settled: false,
                        failed: None,
                    }
                }
            };
            self.services.insert(name, kept);
        }
        for kept in before.values() {
            stop(&kept.state);
        }
        for place in places.values() {
            place.changes.open(&place.deployer, &self.core.options, &self.core.events).await;
        }
        self.places = places;
        Ok(())
    }

    fn signals(&self) -> Vec<watch::Receiver<()>> {
        let idle = self.services.iter().filter(|(_, kept)| kept.is_due());
        idle.filter_map(|(name, kept)| Some(self.places.get(&kept.target)?.changes.of(name))).collect()
    }

    /// When to look again at the latest.
    fn wake(&self, latest: Instant) -> Instant {
        let rests = self.services.values().filter_map(|kept| match kept.state {
            State::Resting(until) => Some(until),
            State::Idle | State::Running(_) => None,
        });
        rests.fold(latest, Instant::min)
    }

    /// Looks at all services that nobody is at work on, once for each target, and begins what has to be done.
    async fn look(&mut self) {
        for (target, place) in self.places.clone() {
            let idle = self.services.iter().filter(|(_, kept)| kept.target == target && kept.is_due());
            let idle: Vec<ServiceName> = idle.map(|(name, _)| name.clone()).collect();
            if idle.is_empty() {
                continue;
            }
            match observe(&place.deployer, &idle, self.core.options.step_timeout).await {
                Ok(seen) => seen.into_values().for_each(|seen| self.keep(&place, seen)),
                Err(error) => {
                    let kind = EventKind::ObserveFailed { error: error.chain(), retry_in: None };
                    self.core.events.emit(None, kind);
                }
            }
        }
    }

    /// Begins what has to be done for a service, if it may begin.
    fn keep(&mut self, place: &Arc<Place>, seen: Observed) {
        let Some(kept) = self.services.get(&seen.service) else { return };
        let is_settled = |name: &ServiceName| self.services.get(name).is_none_or(|kept| kept.settled);
        if !kept.settled && !kept.after.iter().all(is_settled) {
            return;
        }
        let Some(goal) = kept.aim(&seen) else { return };
        let decision = next(&goal, &seen, &place.caps);
        let converged = matches!(decision, Ok(Decision::Converged));
        let waits = matches!(decision, Ok(Decision::Wait { why: WaitReason::Gate { .. }, .. }));
        let Some(kept) = self.services.get_mut(&seen.service) else { return };
        if converged && kept.failed.is_none() {
            kept.settled = true;
        }
        if converged || waits {
            kept.state = State::Idle;
            return;
        }
        let (service, core) = (seen.service.clone(), Arc::clone(&self.core));
        let revision = goal.revision().map(ToString::to_string);
        let span = tracing::info_span!("service", %service, target = %place.name, revision);
        let drive = Drive::new(Arc::clone(&core), Arc::clone(place), seen);
        kept.state = State::Running(drive.stopper());
        let (name, target) = (service.clone(), place.name.clone());
        let task = async move { (name, core.drive(drive, &goal).await) };
        let handle = self.running.spawn(task.instrument(span));
        self.names.insert(handle.id(), (service, target));
    }

    /// Takes note of how the work on a service ended.
    fn ended(&mut self, ended: Result<(Id, (ServiceName, ServiceReport)), JoinError>) {
        let (service, report) = match ended {
            Ok((id, ended)) => {
                self.names.remove(&id);
                ended
            }
            Err(error) => {
                let Some((service, target)) = self.names.remove(&error.id()) else { return };
                let cause = Failure::new(&service, &target, "keep the service", FailureKind::Defect);
                let outcome = Outcome::Failed { cause: cause.with_text(error), rollback_error: None };
                (service, ServiceReport::of_nothing(target, outcome))
            }
        };
        if let Some(kept) = self.services.get_mut(&service) {
            // A goal that was replaced meanwhile has not failed.
            let replaced = matches!(&kept.state, State::Running(stop) if stop.is_cancelled());
            kept.state = State::Idle;
            match &report.outcome {
                _ if replaced => {}
                Outcome::Completed { .. } => {
                    kept.settled |= kept.failed.is_none();
                    kept.retries.reset();
                }
                Outcome::RolledBack { to: Some(_), .. } => kept.failed = Some(Fate::RolledBack),
                Outcome::RolledBack { to: None, .. } => kept.failed = Some(Fate::Removed),
                Outcome::Halted { .. } | Outcome::Failed { .. } => {
                    kept.failed.get_or_insert(Fate::Pending);
                    kept.state = State::Resting(Instant::now() + kept.retries.next());
                }
                Outcome::Paused { .. } | Outcome::Cancelled { .. } | Outcome::Blocked { .. } => {}
            }
        }
        self.report.services.insert(service, report);
    }
}

fn stop(state: &State) {
    if let State::Running(stop) = state {
        stop.cancel();
    }
}
