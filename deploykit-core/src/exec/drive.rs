use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::changes::ChangeHub;
use super::executor::Core;
use super::lease::{Keeper, Lessor};
use super::pursue::End;
use super::seen::Seen;
use super::{Failure, FailureKind, Outcome, ServiceReport};
use crate::action::Step;
use crate::capability::Capabilities;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::event::{Alarm, EventKind};
use crate::goal::Goal;
use crate::name::{ServiceName, TargetName};
use crate::observed::Observed;
use crate::plan::{Decision, ServicePlan, WaitReason, next};
use crate::target::Deployer;
use crate::time::Timestamp;

/// A target, as the services of a run share it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) name: TargetName,
    pub(super) deployer: Arc<dyn Deployer>,
    pub(super) caps: Capabilities,
    pub(super) changes: ChangeHub,
    /// So many actions at once are welcome.
    pub(super) slots: Arc<Semaphore>,
}

impl Place {
    pub(super) fn new(deployer: Arc<dyn Deployer>, services: impl IntoIterator<Item = ServiceName>) -> Arc<Self> {
        let caps = deployer.capabilities();
        let slots = usize::try_from(caps.concurrency.max(1)).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            name: deployer.target().clone(),
            deployer,
            caps,
            changes: ChangeHub::new(services),
            slots: Arc::new(Semaphore::new(slots)),
        })
    }
}

/// What was done so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) rounds: u32,
    pub(super) steps: u32,
    pub(super) cut_requests: u32,
    pub(super) changed: bool,
    pub(super) done: Vec<Vec<Step>>,
}

/// One service on its way.
#[derive(Debug)]
pub(super) struct Drive {
    pub(super) core: Arc<Core>,
    pub(super) place: Arc<Place>,
    pub(super) service: ServiceName,
    /// What was seen last, and when that came in.
    pub(super) seen: Observed,
    pub(super) seen_at: Instant,
    /// What a look has to be no older than, by the target's clock.
    fresh_from: Timestamp,
    /// What the target's clock showed, and when.
    clock: (Timestamp, Instant),
    pub(super) told: Option<Seen>,
    pub(super) lease: Option<Keeper>,
    pub(super) signal: watch::Receiver<()>,
    pub(super) tally: Tally,
    /// Set when nothing new may be begun.
    pub(super) stop: CancellationToken,
    /// The plan that has to hold still when the lease is taken.
    bound: Option<ServicePlan>,
}

impl Drive {
    pub(super) fn new(core: Arc<Core>, place: Arc<Place>, first: Observed) -> Self {
        let stop = core.stop.child_token();
        Self {
            core,
            place,
            service: first.service.clone(),
            fresh_from: first.at,
            clock: (first.at, Instant::now()),
            seen: first,
            seen_at: Instant::now(),
            told: None,
            lease: None,
            signal: watch::Sender::new(()).subscribe(),
            tally: Tally::default(),
            stop,
            bound: None,
        }
    }

    /// What stops this service alone.
    pub(super) fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Refuses to begin if another deployer has moved what this plan rests on.
    pub(super) fn bound_to(mut self, plan: Option<ServicePlan>) -> Self {
        self.bound = plan;
        self
    }

    /// Looks, under the lease, whether another deployer came first.
    pub(super) fn check_bound(&mut self) -> Result<(), Box<Failure>> {
        let Some(plan) = self.bound.take() else { return Ok(()) };
        // An instance that became unhealthy meanwhile, perhaps because of a service that this one comes after, is no
        // reason not to go on.
        let decisive = ["records.", "platform.submitted.", "traffic.shares", "traffic.test_users"];
        let moved = plan.moved(&self.seen).into_iter();
        let mut moved = moved.filter(|moved| decisive.iter().any(|path| moved.path.starts_with(path)));
        let Some(first) = moved.next() else { return Ok(()) };
        Err(self.failure("begin", FailureKind::Stale).with_text(first))
    }

    /// Brings the service to its goal, or to another end.
    pub(super) async fn run(mut self, goal: &Goal) -> ServiceReport {
        let begun = Instant::now();
        let outcome = self.end(goal).await;
        if let Some(lease) = self.lease.take() {
            lease.release().await;
        }
        self.emit(EventKind::Finished { ending: outcome.ending(), detail: outcome.detail() });
        let Tally { rounds, steps, cut_requests, done, .. } = self.tally;
        let elapsed = Duration::from_millis(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
        ServiceReport { target: self.place.name.clone(), outcome, rounds, steps, cut_requests, elapsed, done }
    }

    async fn end(&mut self, goal: &Goal) -> Outcome {
        // What is as it should be is not touched, and takes no lease.
        match next(goal, &self.seen, &self.place.caps) {
            Ok(Decision::Converged) => return Outcome::Completed { changed: false },
            Ok(Decision::Wait { why: WaitReason::Gate { stage }, .. }) => return Outcome::Paused { stage },
            Ok(_) => {}
            Err(error) => {
                let cause = self.failure("decide what to do", FailureKind::Plan).with_text(error);
                return Outcome::Failed { cause, rollback_error: None };
            }
        }
        let Some(_claim) = self.core.claim(&self.place.name, &self.service) else {
            let cause = self.failure("take the lease", FailureKind::Held);
            return Outcome::Halted { cause: cause.with_text("this executor is at work on the service already") };
        };
        self.place.changes.open(&self.place.deployer, &self.core.options, &self.core.events).await;
        self.signal = self.place.changes.of(&self.service);
        match self.take_lease().await {
            Ok(true) => {}
            Ok(false) => return self.cancelled(),
            Err(cause) if cause.forbids_changes() => return Outcome::Halted { cause },
            Err(cause) => return Outcome::Failed { cause, rollback_error: None },
        }
        let basis = self.seen.clone();
        match self.pursue(goal).await {
            Ok(End::Converged) => Outcome::Completed { changed: self.tally.changed },
            Ok(End::Paused(stage)) => Outcome::Paused { stage },
            Ok(End::Cancelled) => self.cancelled(),
            Err(cause) => self.after_failure(goal, &basis, cause).await,
        }
    }

    pub(super) fn cancelled(&self) -> Outcome {
        Outcome::Cancelled { left_at: Seen::of(&self.seen) }
    }

    pub(super) fn failure(&self, doing: impl Into<String>, kind: FailureKind) -> Box<Failure> {
        Failure::new(&self.service, &self.place.name, doing, kind).with_seen(Some(Seen::of(&self.seen)))
    }

    pub(super) fn emit(&self, kind: EventKind) {
        self.core.events.emit(Some(&self.service), kind);
    }

    /// Takes the lease; `false` if told to stop meanwhile.
    pub(super) async fn take_lease(&mut self) -> Result<bool, Box<Failure>> {
        let lessor = Lessor {
            deployer: Arc::clone(&self.place.deployer),
            service: self.service.clone(),
            options: self.core.options.clone(),
            events: Arc::clone(&self.core.events),
        };
        let begun = Instant::now();
        let (mut polls, mut retries) = (self.core.options.polls(), self.core.options.retries());
        let patience = self.core.options.wait_for_lease;
        let mut alarmed = None;
        loop {
            let asked = Instant::now();
            let Some(answer) = self.stop.run_until_cancelled(lessor.acquire()).await else { return Ok(false) };
            let error = match answer {
                Ok(lease) => {
                    self.emit(EventKind::LeaseTaken { holder: lease.holder.clone(), token: lease.token });
                    self.lease = Some(Keeper::new(lessor, &lease, asked));
                    return Ok(true);
                }
                Err(error) => error,
            };
            let waited = begun.elapsed();
            let held = error.kind() == ErrorKind::Held;
            if !held || waited < patience {
                self.alarm_once(&mut alarmed, &error);
            }
            let delay = match error.retry() {
                _ if held && waited < patience => polls.next().min(patience.saturating_sub(waited)),
                Retry::Later { after } if !held && waited < self.core.options.step_timeout => {
                    retries.next().max(after.unwrap_or_default())
                }
                _ => {
                    let kind = if held { FailureKind::Held } else { FailureKind::Step { error: error.kind() } };
                    return Err(self.failure("take the lease", kind).with_error(&error).with_waited(waited));
                }
            };
            if self.stop.run_until_cancelled(tokio::time::sleep(delay)).await.is_none() {
                return Ok(false);
            }
        }
    }

    /// Says that the lease cannot be had yet, once for each kind of reason.
    fn alarm_once(&self, alarmed: &mut Option<ErrorKind>, error: &Error) {
        if alarmed.replace(error.kind()) != Some(error.kind()) {
            self.emit(EventKind::Alarm { alarm: Alarm::Lease { error: error.chain() } });
        }
    }

    pub(super) fn lease_lost(&self, error: &Error) -> Box<Failure> {
        self.failure("keep the lease", FailureKind::LeaseLost).with_error(error)
    }

    /// From now on, a look that shows what was before now is out of date.
    pub(super) fn outdate(&mut self) {
        self.fresh_from = self.target_time();
    }

    /// The time by the target's clock, or a little earlier.
    fn target_time(&self) -> Timestamp {
        let (at, then) = self.clock;
        at.after(then.elapsed())
    }

    /// Looks at the service. `None` if told to stop meanwhile.
    pub(super) async fn look(&mut self) -> Option<Result<()>> {
        let looked = observe_fresh(&self.place, &self.service, self.core.options.step_timeout, self.fresh_from);
        let seen = match self.stop.run_until_cancelled(looked).await? {
            Ok(seen) => seen,
            Err(error) => return Some(Err(error)),
        };
        // The look that took least time on the way tells the time best; one out of date tells that the clock was set.
        if seen.at > self.target_time() || seen.at < self.fresh_from {
            self.clock = (seen.at, Instant::now());
        }
        self.fresh_from = seen.at;
        let brief = Seen::of(&seen);
        if self.told.as_ref().is_none_or(|told| !told.is_like(&brief)) {
            self.emit(EventKind::Observed { seen: brief.clone() });
            self.told = Some(brief);
        }
        self.seen = seen;
        self.seen_at = Instant::now();
        Some(Ok(()))
    }
}

/// A target whose answers stay out of date for longer than this has a clock that went back.
const OUT_OF_DATE: Duration = Duration::from_secs(10);
/// The pause before a target that answered with what is out of date is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Looks at one service, again and again while the answer shows what was before `from`: what was done since then must
/// not be decided on a second time.
async fn observe_fresh(place: &Place, service: &ServiceName, limit: Duration, from: Timestamp) -> Result<Observed> {
    let begun = Instant::now();
    loop {
        let seen = observe(&place.deployer, std::slice::from_ref(service), limit).await?;
        let seen = seen.into_values().next().ok_or_else(|| unanswered(&*place.deployer, service))?;
        if seen.at >= from || begun.elapsed() >= OUT_OF_DATE {
            return Ok(seen);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Looks at some services of one target, once, and checks that the answer is about those.
pub(super) async fn observe(
    deployer: &Arc<dyn Deployer>,
    services: &[ServiceName],
    limit: Duration,
) -> Result<BTreeMap<ServiceName, Observed>> {
    let first = || services.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(", ");
    let late = |_| Error::new(ErrorKind::Timeout, "observe", first(), deployer.target());
    let seen = tokio::time::timeout(limit, deployer.observe(services)).await.map_err(late)??;
    let seen: BTreeMap<_, _> = seen.into_iter().map(|seen| (seen.service.clone(), seen)).collect();
    match services.iter().find(|service| !seen.contains_key(service)) {
        Some(missing) => Err(unanswered(&**deployer, missing)),
        None => Ok(seen),
    }
}

fn unanswered(deployer: &dyn Deployer, service: &ServiceName) -> Error {
    Error::new(ErrorKind::Unexpected, "observe", service, deployer.target())
        .with_context("reason", "the backend's answer leaves the service out")
}
