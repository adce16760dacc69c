use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::drive::{Drive, Place, observe};
use super::events::{EventStream, Events};
use super::options::Options;
use super::pinning::pin;
use super::run::{Basis, carry_out};
use super::secrets::{LocalSecrets, SecretReader};
use super::targets::Targets;
use super::{Outcome, Report, RunError, Seen, ServiceReport};
use crate::error::{Error, Result, Retry};
use crate::goal::Goal;
use crate::name::{ServiceName, TargetName};
use crate::observed::Observed;
use crate::pin::{DigestKey, PinnedSpec};
use crate::plan::{Plan, PlanInput, plan, rollback_goal};
use crate::spec::ServiceSpec;
use crate::target::Deployer;

/// Carries out plans: looks, decides, acts, and looks again, until all is as it should be.
///
/// It is level-triggered: what to do next follows from what is on the target now and from nothing else. So a run that
/// was cut off, by whatever, is mended by running again.
///
/// Cloning one is cheap and gives the same executor.
#[derive(Clone, Debug)]
pub struct Executor {
    targets: Targets,
    core: Arc<Core>,
}

/// What all runs of an executor share.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) options: Options,
    pub(super) secrets: Arc<dyn SecretReader>,
    pub(super) key: Option<DigestKey>,
    pub(super) events: Arc<Events>,
    /// So many steps of all services may run at once.
    pub(super) slots: Arc<Semaphore>,
    pub(super) stop: CancellationToken,
    pub(super) abort: CancellationToken,
    /// The services that a run of this executor is at work on: they share one lease holder, so that the lease does
    /// not keep them apart.
    at_work: Mutex<BTreeSet<(TargetName, ServiceName)>>,
}

impl Core {
    /// Claims a service for one run; `None` if another run of this executor has it.
    pub(super) fn claim(self: &Arc<Self>, target: &TargetName, service: &ServiceName) -> Option<Claim> {
        let key = (target.clone(), service.clone());
        let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        at_work.insert(key.clone()).then(|| Claim { core: Arc::clone(self), key })
    }
}

impl Core {
    /// Drives one service, unless told to abort.
    pub(super) async fn drive(&self, drive: Drive, goal: &Goal) -> ServiceReport {
        let (target, left_at) = (drive.place.name.clone(), Seen::of(&drive.seen));
        let aborted = || ServiceReport::of_nothing(target, Outcome::Cancelled { left_at });
        self.abort.run_until_cancelled(drive.run(goal)).await.unwrap_or_else(aborted)
    }
}

/// A service that is claimed for one run until this is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    core: Arc<Core>,
    key: (TargetName, ServiceName),
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.core.at_work.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// Puts an [`Executor`] together.
#[derive(Clone, Debug)]
#[must_use]
pub struct ExecutorBuilder {
    targets: Targets,
    options: Options,
    secrets: Arc<dyn SecretReader>,
    key: Option<DigestKey>,
    stop: CancellationToken,
    abort: CancellationToken,
}

impl ExecutorBuilder {
    /// How it goes about its work.
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Who reads the values of secrets. Default: [`LocalSecrets`].
    pub fn with_secrets(mut self, secrets: impl SecretReader) -> Self {
        self.secrets = Arc::new(secrets);
        self
    }

    /// The key under which secrets are digested. Without one, services with secrets are refused.
    pub fn with_digest_key(mut self, key: DigestKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Stops in good order when `stop` is cancelled, and at once when `abort` is; see [`Executor::stop`] and
    /// [`Executor::abort`].
    pub fn with_cancellation(mut self, stop: CancellationToken, abort: CancellationToken) -> Self {
        (self.stop, self.abort) = (stop, abort);
        self
    }

    /// The executor.
    pub fn build(self) -> Executor {
        let Self { targets, options, secrets, key, stop, abort } = self;
        let clock = options.time.map_or_else(Clock::system, Clock::starting_at);
        let events = Arc::new(Events::new(clock, options.event_buffer));
        let slots = Arc::new(Semaphore::new(options.steps_in_all.min(Semaphore::MAX_PERMITS)));
        let at_work = Mutex::default();
        Executor { targets, core: Arc::new(Core { options, secrets, key, events, slots, stop, abort, at_work }) }
    }
}

/// A goal and the target it is for.
type Aim = (Goal, TargetName);

/// How many looks at a target are tried before a run that has not begun is given up.
const TRIES: usize = 5;

impl Executor {
    /// An executor over these targets with the default options.
    pub fn new(targets: Targets) -> Self {
        Self::builder(targets).build()
    }

    /// Puts an executor over these targets together.
    pub fn builder(targets: Targets) -> ExecutorBuilder {
        ExecutorBuilder {
            targets,
            options: Options::default(),
            secrets: Arc::new(LocalSecrets::default()),
            key: None,
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
        }
    }

    /// The same executor, with one of its targets alone.
    ///
    /// # Errors
    /// [`RunError::Spec`] with the nearest name if there is no such target.
    pub fn on(&self, target: &TargetName) -> Result<Self, RunError> {
        let (_, deployer) = self.targets.choose(Some(target))?;
        Ok(Self { targets: Targets::single(Arc::clone(deployer)), core: Arc::clone(&self.core) })
    }

    /// The targets.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// What happens from now on, as it happens. Reading it is nobody's duty: a slow reader misses events and holds up
    /// nothing.
    pub fn events(&self) -> EventStream {
        self.core.events.subscribe()
    }

    /// Stops all runs in good order: nothing new is begun, steps that run may finish for a few seconds, and leases are
    /// given back.
    pub fn stop(&self) {
        self.core.stop.cancel();
    }

    /// Stops all runs at once, as a crash would; running again goes on from there.
    pub fn abort(&self) {
        self.core.stop.cancel();
        self.core.abort.cancel();
    }

    /// Pins specs: checks each against its target, asks what its artifact stands for now, and digests its secrets.
    ///
    /// # Errors
    /// [`RunError::Spec`] with all problems of all services at once.
    pub async fn pin(&self, specs: Vec<ServiceSpec>) -> Result<Vec<Arc<PinnedSpec>>, RunError> {
        let Core { secrets, key, options, .. } = &*self.core;
        let pinning = pin(specs, &self.targets, secrets, key.as_ref(), options);
        self.unless_stopped(async { Ok(pinning.await?) }).await
    }

    /// Plans how to get to these goals from what is there now, with one look at each target. Changes nothing.
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn plan(&self, goals: Vec<Goal>) -> Result<Plan, RunError> {
        let aims = self.aims(goals).await?;
        self.plan_aims(aims).await
    }

    /// Carries out a plan, provided that what it was made from is still what is there.
    ///
    /// # Errors
    /// [`RunError::Stale`] if not, [`RunError::Plan`] if the plan is not what would be done; nothing was changed then. How each service ended is in the report.
    pub async fn run(&self, plan: &Plan) -> Result<Report, RunError> {
        let services = plan.services.iter().map(|service| (service.goal.service().clone(), service.target.clone()));
        let mut fresh = self.unless_stopped(self.look_at(services.collect())).await?;
        let in_order: Vec<Observed> =
            plan.services.iter().filter_map(|service| fresh.remove(service.goal.service())).collect();
        plan.check_basis(&in_order).map_err(RunError::Stale)?;
        for service in &plan.services {
            if let Some(deployer) = self.targets.get(&service.target) {
                service.check_faithful(&deployer.capabilities())?;
            }
        }
        carry_out(&self.core, &self.targets, plan, in_order, Basis::Bound).await
    }

    /// Deploys services: pins their specs, plans, and carries out the plan.
    ///
    /// # Errors
    /// [`RunError`] if nothing was begun. How each service ended is in the report.
    pub async fn deploy(&self, specs: Vec<ServiceSpec>) -> Result<Report, RunError> {
        let pinned = self.pin(specs).await?;
        self.reach(pinned.into_iter().map(Goal::Run).collect()).await
    }

    /// Removes services with all that was kept for them. One that is not there is as it should be.
    ///
    /// # Errors
    /// [`RunError`] if nothing was begun. How each service ended is in the report.
    pub async fn remove(&self, services: Vec<ServiceName>) -> Result<Report, RunError> {
        self.reach(services.into_iter().map(Goal::Remove).collect()).await
    }

    /// Goes back: to the record whose number is `to` or whose revision begins with it, or without it to the last
    /// deployment before the latest that came to its end.
    ///
    /// # Errors
    /// [`RunError::Rollback`] if there is nothing to go back to; [`RunError`] if nothing was begun.
    pub async fn rollback(&self, service: &ServiceName, to: Option<&str>) -> Result<Report, RunError> {
        let (target, seen) = self.find(service).await?;
        let goal =
            rollback_goal(&seen, to).map_err(|reason| RunError::Rollback { service: service.clone(), reason })?;
        let plan = self.plan_seen(vec![(goal, target)], &BTreeMap::from([(service.clone(), seen)]))?;
        self.carry_out_fresh(&plan).await
    }

    /// Opens the gate that a release waits at, and returns its stage; the next [`deploy`](Self::deploy) goes on.
    ///
    /// # Errors
    /// [`RunError::NotAtGate`] if it does not wait at one; [`RunError`].
    pub async fn promote(&self, service: &ServiceName) -> Result<u32, RunError> {
        let (target, seen) = self.find(service).await?;
        let (_, deployer) = self.targets.choose(Some(&target))?;
        let place = Place::new(Arc::clone(deployer), [service.clone()]);
        let promoting = Drive::new(Arc::clone(&self.core), place, seen).promote();
        self.core.abort.run_until_cancelled(promoting).await.unwrap_or(Err(RunError::Cancelled))
    }

    /// What there is of these services, or of all if none is named; a service may be on more than one target.
    ///
    /// # Errors
    /// [`RunError::Target`].
    pub async fn status(&self, services: &[ServiceName]) -> Result<Vec<(TargetName, Observed)>, RunError> {
        let mut found = Vec::new();
        for (name, deployer) in self.targets.iter() {
            let all = self.unless_stopped(self.ask(deployer, Ask::Services)).await?.services;
            let wanted: Vec<_> =
                all.into_iter().filter(|service| services.is_empty() || services.contains(service)).collect();
            if wanted.is_empty() {
                continue;
            }
            let seen = self.unless_stopped(self.ask(deployer, Ask::Observe(&wanted))).await?.seen;
            found.extend(seen.into_values().map(|seen| (name.clone(), seen)));
        }
        Ok(found)
    }

    /// Gets to goals from wherever services are.
    pub(super) async fn reach(&self, goals: Vec<Goal>) -> Result<Report, RunError> {
        let plan = self.plan(goals).await?;
        self.carry_out_fresh(&plan).await
    }

    /// Carries out a plan that was made a moment ago: its basis is what was seen.
    pub(super) async fn carry_out_fresh(&self, plan: &Plan) -> Result<Report, RunError> {
        let seen = plan.services.iter().map(|service| service.basis.clone()).collect();
        carry_out(&self.core, &self.targets, plan, seen, Basis::Fresh).await
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The target of each goal: what a spec names; for a removal, where the service is.
    async fn aims(&self, goals: Vec<Goal>) -> Result<Vec<Aim>, RunError> {
        let mut aims = Vec::new();
        let mut problems = Vec::new();
        for goal in goals {
            let chosen = match (goal.spec(), self.targets.only()) {
                (Some(spec), _) => self.targets.choose(spec.spec().target.as_ref()).map(|(name, _)| name.clone()),
                (None, Some(only)) => Ok(only.clone()),
                (None, None) => match self.places(goal.service()).await?.as_slice() {
                    [one] => Ok(one.clone()),
                    // Nowhere is as good as anywhere: there is nothing to remove.
                    [] => self.targets.names().next().cloned().ok_or_else(|| {
                        crate::SpecError::from(crate::Problem::new("target", "the program has no targets"))
                    }),
                    several => {
                        let service = goal.service().clone();
                        return Err(RunError::Ambiguous { service, targets: several.to_vec() });
                    }
                },
            };
            match chosen {
                Ok(target) => aims.push((goal, target)),
                Err(error) => {
                    let named = |problem: crate::Problem| problem.with_service(goal.service().as_str());
                    problems.extend(error.into_problems().into_iter().map(named));
                }
            }
        }
        crate::SpecError::unless_empty(problems)?;
        Ok(aims)
    }

    /// The targets that have a service.
    async fn places(&self, service: &ServiceName) -> Result<Vec<TargetName>, RunError> {
        let mut places = Vec::new();
        for (name, deployer) in self.targets.iter() {
            if self.unless_stopped(self.ask(deployer, Ask::Services)).await?.services.contains(service) {
                places.push(name.clone());
            }
        }
        Ok(places)
    }

    /// The one target that has a service, and what there is of it.
    pub(super) async fn find(&self, service: &ServiceName) -> Result<(TargetName, Observed), RunError> {
        let mut places = match self.targets.only() {
            Some(only) => vec![only.clone()],
            None => self.places(service).await?,
        };
        let targets = || self.targets.names().cloned().collect();
        let not_found = || RunError::NotFound { service: service.clone(), targets: targets() };
        let place = places.pop().ok_or_else(not_found)?;
        if !places.is_empty() {
            places.push(place);
            places.sort();
            return Err(RunError::Ambiguous { service: service.clone(), targets: places });
        }
        let looked = self.look_at(vec![(service.clone(), place.clone())]);
        let seen = self.unless_stopped(looked).await?.remove(service);
        let seen = seen.filter(|seen| !seen.is_empty()).ok_or_else(not_found)?;
        Ok((place, seen))
    }

    async fn plan_aims(&self, aims: Vec<Aim>) -> Result<Plan, RunError> {
        let services = aims.iter().map(|(goal, target)| (goal.service().clone(), target.clone())).collect();
        let seen = self.unless_stopped(self.look_at(services)).await?;
        self.plan_seen(aims, &seen)
    }

    fn plan_seen(&self, aims: Vec<Aim>, seen: &BTreeMap<ServiceName, Observed>) -> Result<Plan, RunError> {
        let mut inputs = Vec::new();
        for (goal, target) in aims {
            // A goal that comes twice is refused by the planner.
            let Some(seen) = seen.get(goal.service()).cloned() else { continue };
            let (_, deployer) = self.targets.choose(Some(&target))?;
            inputs.push(PlanInput { goal, target, caps: deployer.capabilities(), seen });
        }
        Ok(plan(inputs)?)
    }

    /// Looks at services, all of a target at once.
    async fn look_at(
        &self,
        services: Vec<(ServiceName, TargetName)>,
    ) -> Result<BTreeMap<ServiceName, Observed>, RunError> {
        let mut by_target: BTreeMap<TargetName, Vec<ServiceName>> = BTreeMap::new();
        for (service, target) in services {
            by_target.entry(target).or_default().push(service);
        }
        let mut looks = JoinSet::new();
        for (target, mut services) in by_target {
            services.sort();
            services.dedup();
            let (_, deployer) = self.targets.choose(Some(&target))?;
            let (this, deployer) = (self.clone(), Arc::clone(deployer));
            looks.spawn(async move { Ok(this.ask(&deployer, Ask::Observe(&services)).await?.seen) });
        }
        let mut seen = BTreeMap::new();
        while let Some(look) = looks.join_next().await {
            match look {
                Ok(found) => seen.extend(found.map_err(|error: RunError| error)?),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        Ok(seen)
    }

    /// Asks a target before anything is begun, a few times if it does not answer.
    async fn ask(&self, deployer: &Arc<dyn Deployer>, what: Ask<'_>) -> Result<Answer, RunError> {
        let limit = self.core.options.step_timeout;
        let mut delays = self.core.options.retries();
        let mut tries = 1;
        loop {
            let answer = match what {
                Ask::Services => match tokio::time::timeout(limit, deployer.services()).await {
                    Ok(services) => services.map(|services| Answer { services, ..Answer::default() }),
                    Err(_) => Err(Error::new(crate::ErrorKind::Timeout, "list", "services", deployer.target())),
                },
                Ask::Observe(services) => {
                    observe(deployer, services, limit).await.map(|seen| Answer { seen, ..Answer::default() })
                }
            };
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match error.retry() {
                Retry::Later { after } if tries < TRIES => {
                    tokio::time::sleep(delays.next().max(after.unwrap_or_default())).await;
                }
                _ => return Err(error.into()),
            }
            tries += 1;
        }
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T, RunError>>) -> Result<T, RunError> {
        self.core.stop.run_until_cancelled(work).await.unwrap_or(Err(RunError::Cancelled))
    }
}

#[derive(Clone, Copy)]
enum Ask<'a> {
    Services,
    Observe(&'a [ServiceName]),
}

#[derive(Default)]
struct Answer {
    services: BTreeSet<ServiceName>,
    seen: BTreeMap<ServiceName, Observed>,
}
