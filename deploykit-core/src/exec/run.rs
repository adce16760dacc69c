use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::task::{Id, JoinSet};
use tracing::Instrument as _;

use super::drive::{Drive, Place};
use super::executor::Core;
use super::seen::Seen;
use super::targets::Targets;
use super::{Failure, FailureKind, Outcome, Report, RunError, ServiceReport};
use crate::event::EventKind;
use crate::name::{ServiceName, TargetName};
use crate::observed::Observed;
use crate::plan::{Plan, ServicePlan};

/// Carries out a plan from what was seen, one observation for each of its services in their order.
pub(super) async fn carry_out(
    core: &Arc<Core>,
    targets: &Targets,
    plan: &Plan,
    seen: Vec<Observed>,
    basis: Basis,
) -> Result<Report, RunError> {
    let places = places(targets, plan)?;
    let names = plan.services.iter().map(|service| service.goal.service().clone()).collect();
    core.events.emit(None, EventKind::RunStarted { services: names });
    let run = Run {
        core,
        basis,
        places,
        planned: plan.services.iter().map(|service| service.goal.service()).collect(),
        waiting: plan.services.iter().zip(seen).collect(),
        running: JoinSet::new(),
        names: BTreeMap::new(),
        report: Report::default(),
    };
    let report = run.finish().await;
    core.events.emit(None, EventKind::RunFinished { outcomes: report.endings() });
    Ok(report)
}

pub(super) fn places(targets: &Targets, plan: &Plan) -> Result<BTreeMap<TargetName, Arc<Place>>, RunError> {
    let mut services: BTreeMap<&TargetName, Vec<ServiceName>> = BTreeMap::new();
    for service in &plan.services {
        services.entry(&service.target).or_default().push(service.goal.service().clone());
    }
    let mut places = BTreeMap::new();
    for (target, services) in services {
        let (name, deployer) = targets.choose(Some(target))?;
        places.insert(name.clone(), Place::new(Arc::clone(deployer), services));
    }
    Ok(places)
}

/// What the plan of a run rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// What was seen a moment ago; nobody has looked at the plan.
    Fresh,
    /// Somebody has looked at the plan, and it holds for what it was made from and nothing else.
    Bound,
}

struct Run<'a> {
    core: &'a Arc<Core>,
    basis: Basis,
    places: BTreeMap<TargetName, Arc<Place>>,
    planned: BTreeSet<&'a ServiceName>,
    waiting: Vec<(&'a ServicePlan, Observed)>,
    running: JoinSet<(ServiceName, ServiceReport)>,
    names: BTreeMap<Id, (ServiceName, TargetName)>,
    report: Report,
}

/// Whether a service may begin.
enum Turn {
    Now,
    Later,
    Never(ServiceName),
}

impl Run<'_> {
    async fn finish(mut self) -> Report {
        loop {
            self.begin_what_may();
            let Some(joined) = self.running.join_next_with_id().await else { break };
            let (service, report) = match joined {
                Ok((id, ended)) => {
                    self.names.remove(&id);
                    ended
                }
                Err(error) => {
                    let Some((service, target)) = self.names.remove(&error.id()) else { continue };
                    let cause = Failure::new(&service, &target, "carry out the plan", FailureKind::Defect);
                    let outcome = Outcome::Failed { cause: cause.with_text(error), rollback_error: None };
                    (service, ServiceReport::of_nothing(target, outcome))
                }
            };
            self.report.services.insert(service, report);
        }
        // Only a plan that somebody put together by hand has circles.
        for (plan, _) in std::mem::take(&mut self.waiting) {
            let by = plan.after.first().unwrap_or(plan.goal.service()).clone();
            self.end(plan, Outcome::Blocked { by });
        }
        self.report
    }

    /// Begins each service whose time has come, until none is left whose time could have.
    fn begin_what_may(&mut self) {
        loop {
            let before = self.waiting.len();
            for (plan, seen) in std::mem::take(&mut self.waiting) {
                match self.turn(plan) {
                    Turn::Later => self.waiting.push((plan, seen)),
                    Turn::Never(by) => self.end(plan, Outcome::Blocked { by }),
                    Turn::Now if self.core.stop.is_cancelled() => {
                        self.end(plan, Outcome::Cancelled { left_at: Seen::of(&seen) });
                    }
                    Turn::Now => self.begin(plan, seen),
                }
            }
            if self.waiting.len() == before {
                return;
            }
        }
    }

    fn turn(&self, plan: &ServicePlan) -> Turn {
        let mut turn = Turn::Now;
        for before in &plan.after {
            match self.report.outcome(before) {
                Some(Outcome::Completed { .. }) => {}
                // Told to stop, nothing after it begins either; that is no fault of what it depends on.
                Some(Outcome::Cancelled { .. }) if self.core.stop.is_cancelled() => {}
                Some(_) => return Turn::Never(before.clone()),
                None if self.planned.contains(before) => turn = Turn::Later,
                None => {}
            }
        }
        turn
    }

    fn begin(&mut self, plan: &ServicePlan, seen: Observed) {
        let Some(place) = self.places.get(&plan.target).map(Arc::clone) else { return };
        let service = plan.goal.service().clone();
        let (core, goal) = (Arc::clone(self.core), plan.goal.clone());
        let revision = goal.revision().map(ToString::to_string);
        let span = tracing::info_span!("service", %service, target = %plan.target, revision);
        let bound = (self.basis == Basis::Bound).then(|| plan.clone());
        let name = service.clone();
        let task = async move {
            let drive = Drive::new(Arc::clone(&core), place, seen).bound_to(bound);
            (name, core.drive(drive, &goal).await)
        };
        let handle = self.running.spawn(task.instrument(span));
        self.names.insert(handle.id(), (service, plan.target.clone()));
    }

    fn end(&mut self, plan: &ServicePlan, outcome: Outcome) {
        let service = plan.goal.service();
        let kind = EventKind::Finished { ending: outcome.ending(), detail: outcome.detail() };
        self.core.events.emit(Some(service), kind);
        self.report.services.insert(service.clone(), ServiceReport::of_nothing(plan.target.clone(), outcome));
    }
}
