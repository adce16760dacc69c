//! From a plan to its form.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::form::{
    ActionForm, AfterForm, BasisForm, GoalForm, InstanceForm, PlanForm, RecordForm, RoundForm, ServiceForm, SpecForm,
    StateForm, StepForm, TrafficForm, WaitForm,
};
use super::names::Names;
use super::{FORMAT, VERSIONS};
use crate::action::Action;
use crate::goal::Goal;
use crate::observed::{InstanceId, Observed, State};
use crate::pin::PinnedSpec;
use crate::plan::{Plan, Round, ServicePlan, WaitReason};
use crate::record::Record;
use crate::revision::Revision;

pub(super) fn form(plan: &Plan) -> PlanForm {
    let services = plan.services.iter().map(service).collect();
    PlanForm { format: FORMAT.to_owned(), version: VERSIONS[VERSIONS.len() - 1], services }
}

fn service(plan: &ServicePlan) -> ServiceForm {
    let revisions = revisions(plan);
    let mut writer = Writer { names: Names::new(plan.goal.service(), &revisions), specs: Vec::new() };
    let goal = match &plan.goal {
        Goal::Run(spec) => GoalForm::Run { spec: writer.key(spec) },
        Goal::RollBack(spec) => GoalForm::RollBack { spec: writer.key(spec) },
        Goal::Remove(_) => GoalForm::Remove,
    };
    let basis = writer.basis(&plan.basis);
    let rounds = plan.rounds.iter().map(|round| writer.round(round)).collect();
    let specs = writer.specs.into_iter().map(|(key, spec)| (key, spec_form(&spec))).collect();
    ServiceForm {
        service: plan.goal.service().clone(),
        target: plan.target.clone(),
        after: plan.after.clone(),
        goal,
        rollback: plan.rollback.clone(),
        changes: plan.changes.clone(),
        drift: plan.drift.clone(),
        specs,
        revisions: revisions.clone(),
        rounds,
        basis,
    }
}

fn spec_form(spec: &PinnedSpec) -> SpecForm {
    SpecForm { revision: spec.revision().clone(), spec: spec.spec().clone(), pins: spec.pins().clone() }
}

/// The revisions of all instances that a plan names.
fn revisions(plan: &ServicePlan) -> BTreeSet<Revision> {
    let mut revisions = BTreeSet::new();
    let mut add = |id: &InstanceId| {
        if !revisions.contains(&id.revision) {
            revisions.insert(id.revision.clone());
        }
    };
    if let State::Instances(instances) = &plan.basis.state {
        for instance in instances {
            add(&instance.id);
        }
    }
    plan.basis.traffic.iter().flat_map(|traffic| traffic.endpoints.keys()).for_each(&mut add);
    for round in &plan.rounds {
        if let Some(WaitReason::Starting { first: id, .. } | WaitReason::Backoff { instance: id, .. }) = &round.wait {
            add(id);
        }
        for step in &round.steps {
            match &step.action {
                Action::Start { id, .. } | Action::Stop { id, .. } => add(id),
                Action::Route { change, .. } => change.admit.iter().chain(&change.withdraw).for_each(&mut add),
                _ => {}
            }
        }
    }
    revisions
}

struct Writer<'a> {
    names: Names<'a>,
    /// The specs so far, by key.
    specs: Vec<(String, Arc<PinnedSpec>)>,
}

impl Writer<'_> {
    /// The key of a spec: its revision, with a number where another spec has the same one.
    fn key(&mut self, spec: &Arc<PinnedSpec>) -> String {
        let same = |(_, other): &&(String, Arc<PinnedSpec>)| Arc::ptr_eq(other, spec) || *other == *spec;
        if let Some((key, _)) = self.specs.iter().find(same) {
            return key.clone();
        }
        let short = spec.revision().short();
        let taken = self.specs.iter().filter(|(_, other)| other.revision().short() == short).count();
        let key = if taken == 0 { short.to_owned() } else { format!("{short}#{}", taken + 1) };
        self.specs.push((key.clone(), Arc::clone(spec)));
        key
    }

    fn all(&self, ids: &[InstanceId]) -> Vec<String> {
        ids.iter().map(|id| self.names.name(id)).collect()
    }

    fn basis(&mut self, seen: &Observed) -> BasisForm {
        let state = match &seen.state {
            State::Platform(platform) => StateForm::Platform(platform.clone()),
            State::Instances(instances) => StateForm::Instances(
                instances
                    .iter()
                    .map(|instance| InstanceForm {
                        name: self.names.name(&instance.id),
                        phase: instance.phase,
                        since: instance.since,
                        attempt: instance.attempt,
                        started: instance.started,
                        note: instance.note.as_deref().map(str::to_owned),
                    })
                    .collect(),
            ),
        };
        let traffic = seen.traffic.as_ref().map(|traffic| {
            let endpoints: BTreeMap<_, _> =
                traffic.endpoints.iter().map(|(id, endpoint)| (self.names.name(id), *endpoint)).collect();
            TrafficForm { split: traffic.split.clone(), since: traffic.since, endpoints }
        });
        BasisForm {
            at: seen.at,
            state,
            traffic,
            records: seen.records.iter().map(|record| self.record(record)).collect(),
            published: seen.published.clone(),
            drift: seen.drift.clone(),
        }
    }

    fn record(&mut self, record: &Record) -> RecordForm {
        let Record { sequence, at, status, proven, promoted, ref spec } = *record;
        RecordForm { sequence, at, status, proven, promoted, spec: self.key(spec) }
    }

    fn round(&mut self, round: &Round) -> RoundForm {
        let wait = round.wait.as_ref().map(|why| self.wait(why));
        let mut steps = Vec::with_capacity(round.steps.len());
        for step in &round.steps {
            steps.push(StepForm { action: self.action(&step.action), why: step.why });
        }
        let after = &round.after;
        let after = AfterForm {
            ready: after.ready,
            total: after.total,
            traffic: after.traffic.clone(),
            at_most: after.at_most,
        };
        RoundForm { wait, steps, after }
    }

    fn wait(&self, why: &WaitReason) -> WaitForm {
        match *why {
            WaitReason::Starting { instances, ref first } => {
                WaitForm::Starting { instances, first: self.names.name(first) }
            }
            WaitReason::MinReady { instances } => WaitForm::MinReady { instances },
            WaitReason::Draining { instances, in_flight } => WaitForm::Draining { instances, in_flight },
            WaitReason::Stopping { instances } => WaitForm::Stopping { instances },
            WaitReason::Backoff { ref instance, attempt } => {
                WaitForm::Backoff { instance: self.names.name(instance), attempt }
            }
            WaitReason::Unhealthy { instances } => WaitForm::Unhealthy { instances },
            WaitReason::Hold { stage } => WaitForm::Hold { stage },
            WaitReason::Gate { stage } => WaitForm::Gate { stage },
            WaitReason::KeepOld => WaitForm::KeepOld,
            WaitReason::Platform { ready, wanted } => WaitForm::Platform { ready, wanted },
        }
    }

    fn action(&mut self, action: &Action) -> ActionForm {
        match action {
            Action::Publish { spec } => ActionForm::Publish { spec: self.key(spec) },
            Action::Record { record } => ActionForm::Record(self.record(record)),
            Action::Start { id, spec, attempt } => {
                ActionForm::Start { instance: self.names.name(id), spec: self.key(spec), attempt: *attempt }
            }
            Action::Stop { id, grace } => ActionForm::Stop { instance: self.names.name(id), grace: *grace },
            Action::Submit { spec, expect } => ActionForm::Submit { spec: self.key(spec), expect: expect.clone() },
            Action::Withdraw { .. } => ActionForm::Withdraw,
            Action::Route { change, .. } => ActionForm::Route {
                admit: self.all(&change.admit),
                withdraw: self.all(&change.withdraw),
                split: change.split.clone(),
            },
            Action::Forget { revision, .. } => ActionForm::Forget { revision: revision.clone() },
        }
    }
}
