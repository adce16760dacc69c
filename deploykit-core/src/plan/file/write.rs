//! From plans to files.

use std::sync::Arc;

use super::mirror::{
    ActionFile, BasisFile, GoalFile, InstanceFile, InstanceRef, PlanFile, RecordFile, RoundFile, ServiceFile, SpecFile,
    SpecRef, StateFile, StepFile, TrafficFile,
};
use super::{FORMAT, VERSION};
use crate::action::{Action, Step};
use crate::goal::Goal;
use crate::observed::{Instance, InstanceId, Observed, State};
use crate::pin::PinnedSpec;
use crate::plan::{Plan, ServicePlan};
use crate::record::Record;

impl From<&Plan> for PlanFile {
    fn from(plan: &Plan) -> Self {
        let services = plan.services.iter().map(service).collect();
        Self { format: FORMAT.to_owned(), version: VERSION, services }
    }
}

/// The specs of a service, in the order in which they are first met.
#[derive(Default)]
struct Specs(Vec<Arc<PinnedSpec>>);

impl Specs {
    fn place(&mut self, spec: &Arc<PinnedSpec>) -> SpecRef {
        let known = self.0.iter().position(|known| Arc::ptr_eq(known, spec));
        known.or_else(|| self.0.iter().position(|known| known == spec)).unwrap_or_else(|| {
            self.0.push(Arc::clone(spec));
            self.0.len() - 1
        })
    }
}

fn service(plan: &ServicePlan) -> ServiceFile {
    let mut specs = Specs::default();
    let goal = match &plan.goal {
        Goal::Run(spec) => GoalFile::Run(specs.place(spec)),
        Goal::RollBack(spec) => GoalFile::RollBack(specs.place(spec)),
        Goal::Remove(_) => GoalFile::Remove,
    };
    let basis = basis(&plan.basis, &mut specs);
    let rounds = plan.rounds.iter().map(|round| RoundFile {
        wait: round.wait.clone(),
        steps: round.steps.iter().map(|step| step_file(step, &mut specs)).collect(),
        after: round.after.clone(),
    });
    let rounds = rounds.collect();
    let pinned = specs.0.into_iter().map(|pinned| SpecFile { revision: pinned.revision().clone(), pinned });
    ServiceFile {
        service: plan.goal.service().clone(),
        target: plan.target.clone(),
        after: plan.after.clone(),
        goal,
        specs: pinned.collect(),
        changes: plan.changes.clone(),
        drift: plan.drift.clone(),
        rounds,
        rollback: plan.rollback.clone(),
        basis,
    }
}

fn instance_ref(id: &InstanceId) -> InstanceRef {
    format!("{}/{}", id.revision.as_str(), id.ordinal)
}

fn step_file(step: &Step, specs: &mut Specs) -> StepFile {
    let refs = |ids: &[InstanceId]| ids.iter().map(instance_ref).collect();
    let action = match &step.action {
        Action::Publish { spec } => ActionFile::Publish(specs.place(spec)),
        Action::Record { record } => ActionFile::Record(record_file(record, specs)),
        Action::Start { id, spec, attempt } => {
            ActionFile::Start { instance: instance_ref(id), spec: specs.place(spec), attempt: *attempt }
        }
        Action::Stop { id, grace } => ActionFile::Stop { instance: instance_ref(id), grace: *grace },
        Action::Submit { spec, expect } => ActionFile::Submit { spec: specs.place(spec), expect: expect.clone() },
        Action::Withdraw { .. } => ActionFile::Withdraw,
        Action::Route { change, .. } => ActionFile::Route {
            admit: refs(&change.admit),
            withdraw: refs(&change.withdraw),
            split: change.split.clone(),
        },
        Action::Forget { revision, .. } => ActionFile::Forget(revision.clone()),
    };
    StepFile { action, why: step.why }
}

fn record_file(record: &Record, specs: &mut Specs) -> RecordFile {
    let Record { sequence, at, status, proven, promoted, spec } = record;
    let (sequence, at, status, proven, promoted) = (*sequence, *at, *status, *proven, *promoted);
    RecordFile { sequence, at, status, proven, promoted, spec: specs.place(spec) }
}

fn basis(seen: &Observed, specs: &mut Specs) -> BasisFile {
    let state = match &seen.state {
        State::Platform(platform) => StateFile::Platform(platform.clone()),
        State::Instances(all) => StateFile::Instances(all.iter().map(instance_file).collect()),
    };
    let traffic = seen.traffic.as_ref().map(|traffic| TrafficFile {
        split: traffic.split.clone(),
        since: traffic.since,
        endpoints: traffic.endpoints.iter().map(|(id, endpoint)| (instance_ref(id), *endpoint)).collect(),
    });
    BasisFile {
        at: seen.at,
        state,
        traffic,
        records: seen.records.iter().map(|record| record_file(record, specs)).collect(),
        published: seen.published.clone(),
        drift: seen.drift.clone(),
    }
}

fn instance_file(instance: &Instance) -> InstanceFile {
    let Instance { id, phase, since, attempt, started, note } = instance.clone();
    InstanceFile { instance: instance_ref(&id), phase, since, attempt, started, note }
}
