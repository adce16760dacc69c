//! From its form to a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::PlanFileError;
use super::form::{
    ActionForm, BasisForm, GoalForm, InstanceForm, PlanForm, RecordForm, RoundForm, ServiceForm, SpecForm, StateForm,
    StepForm, WaitForm,
};
use super::names::Names;
use crate::action::{Action, Step};
use crate::goal::Goal;
use crate::name::ServiceName;
use crate::observed::{Instance, InstanceId, Observed, State};
use crate::pin::PinnedSpec;
use crate::plan::{Plan, Round, RoundState, ServicePlan, WaitReason};
use crate::record::Record;
use crate::traffic::{RouteChange, Traffic};

pub(super) fn plan(form: PlanForm) -> Result<Plan, PlanFileError> {
    let services =
        form.services.into_iter().enumerate().map(|(index, form)| service(form, &format!("services[{index}]")));
    Ok(Plan { services: services.collect::<Result<_, _>>()? })
}

fn service(form: ServiceForm, at: &str) -> Result<ServicePlan, PlanFileError> {
    let service = &form.service;
    let specs = form.specs.into_iter().map(|(key, form)| {
        let at = format!("{at}.specs.{}", key.escape_debug());
        Ok((key, spec(form, service, &at)?))
    });
    let reader =
        Reader { names: Names::new(service, &form.revisions), service, specs: specs.collect::<Result<_, _>>()? };
    let goal = match form.goal {
        GoalForm::Run { spec } => Goal::Run(reader.spec(&spec, at)?),
        GoalForm::RollBack { spec } => Goal::RollBack(reader.spec(&spec, at)?),
        GoalForm::Remove => Goal::Remove(service.clone()),
    };
    let basis = reader.basis(form.basis, &format!("{at}.basis"))?;
    let rounds = form.rounds.into_iter().enumerate();
    let rounds = rounds.map(|(index, round)| reader.round(round, &format!("{at}.rounds[{index}]")));
    Ok(ServicePlan {
        goal,
        target: form.target,
        after: form.after,
        basis,
        changes: form.changes,
        drift: form.drift,
        rounds: rounds.collect::<Result<_, _>>()?,
        rollback: form.rollback,
    })
}

fn spec(form: SpecForm, service: &ServiceName, at: &str) -> Result<Arc<PinnedSpec>, PlanFileError> {
    let spec =
        PinnedSpec::new(form.spec, form.pins).map_err(|problems| PlanFileError::invalid(at, problems.to_string()))?;
    if spec.service() != service {
        return Err(PlanFileError::invalid(at, format!("it is a spec of {}, not of {service}", spec.service())));
    }
    if *spec.revision() != form.revision {
        let problem = format!("it says that it is {}, but it is {}", form.revision, spec.revision());
        return Err(PlanFileError::invalid(at, problem));
    }
    Ok(Arc::new(spec))
}

struct Reader<'a> {
    names: Names<'a>,
    service: &'a ServiceName,
    specs: BTreeMap<String, Arc<PinnedSpec>>,
}

impl Reader<'_> {
    fn spec(&self, key: &str, at: &str) -> Result<Arc<PinnedSpec>, PlanFileError> {
        self.specs.get(key).cloned().ok_or_else(|| {
            let key: String = key.chars().take(120).collect();
            PlanFileError::invalid(at, format!("there is no spec `{}`", key.escape_debug()))
        })
    }

    fn ids(&self, names: &[String], at: &str) -> Result<Vec<InstanceId>, PlanFileError> {
        names.iter().map(|name| self.names.id(name, at)).collect()
    }

    fn basis(&self, form: BasisForm, at: &str) -> Result<Observed, PlanFileError> {
        let state = match form.state {
            StateForm::Platform(platform) => State::Platform(platform),
            StateForm::Instances(forms) => {
                let instances = forms.into_iter().map(|form| self.instance(form, at));
                State::Instances(instances.collect::<Result<_, _>>()?)
            }
        };
        let mut seen = Observed::empty(self.service.clone(), form.at, state);
        if let Some(traffic) = form.traffic {
            let endpoints = traffic.endpoints.into_iter();
            let endpoints = endpoints.map(|(name, endpoint)| Ok((self.names.id(&name, at)?, endpoint)));
            let endpoints = endpoints.collect::<Result<_, PlanFileError>>()?;
            seen.traffic = Some(Traffic { split: traffic.split, since: traffic.since, endpoints });
        }
        let records = form.records.into_iter().map(|record| self.record(record, at));
        seen.records = records.collect::<Result<_, _>>()?;
        (seen.published, seen.drift) = (form.published, form.drift);
        Ok(seen)
    }

    fn instance(&self, form: InstanceForm, at: &str) -> Result<Instance, PlanFileError> {
        let InstanceForm { name, phase, since, attempt, started, note } = form;
        let mut instance = Instance::new(self.names.id(&name, at)?, phase, since).with_attempt(attempt);
        instance.started = started;
        instance.note = note.map(Into::into);
        Ok(instance)
    }

    fn record(&self, form: RecordForm, at: &str) -> Result<Record, PlanFileError> {
        let RecordForm { sequence, at: began, status, proven, promoted, spec } = form;
        Ok(Record { sequence, at: began, status, proven, promoted, spec: self.spec(&spec, at)? })
    }

    fn round(&self, form: RoundForm, at: &str) -> Result<Round, PlanFileError> {
        let wait = form.wait.map(|why| self.wait(why, at)).transpose()?;
        let steps = form.steps.into_iter().map(|StepForm { action, why }| Ok(Step::new(self.action(action, at)?, why)));
        let after = form.after;
        let after =
            RoundState { ready: after.ready, total: after.total, traffic: after.traffic, at_most: after.at_most };
        Ok(Round { wait, steps: steps.collect::<Result<_, PlanFileError>>()?, after })
    }

    fn wait(&self, form: WaitForm, at: &str) -> Result<WaitReason, PlanFileError> {
        Ok(match form {
            WaitForm::Starting { instances, first } => {
                WaitReason::Starting { instances, first: self.names.id(&first, at)? }
            }
            WaitForm::MinReady { instances } => WaitReason::MinReady { instances },
            WaitForm::Draining { instances, in_flight } => WaitReason::Draining { instances, in_flight },
            WaitForm::Stopping { instances } => WaitReason::Stopping { instances },
            WaitForm::Backoff { instance, attempt } => {
                WaitReason::Backoff { instance: self.names.id(&instance, at)?, attempt }
            }
            WaitForm::Unhealthy { instances } => WaitReason::Unhealthy { instances },
            WaitForm::Hold { stage } => WaitReason::Hold { stage },
            WaitForm::Gate { stage } => WaitReason::Gate { stage },
            WaitForm::KeepOld => WaitReason::KeepOld,
            WaitForm::Platform { ready, wanted } => WaitReason::Platform { ready, wanted },
        })
    }

    fn action(&self, form: ActionForm, at: &str) -> Result<Action, PlanFileError> {
        let service = || self.service.clone();
        Ok(match form {
            ActionForm::Publish { spec } => Action::Publish { spec: self.spec(&spec, at)? },
            ActionForm::Record(record) => Action::Record { record: Box::new(self.record(record, at)?) },
            ActionForm::Start { instance, spec, attempt } => {
                let (id, spec) = (self.names.id(&instance, at)?, self.spec(&spec, at)?);
                if id.revision != *spec.revision() {
                    let problem = format!("{id} is started with the spec of {}", spec.revision());
                    return Err(PlanFileError::invalid(at, problem));
                }
                Action::Start { id, spec, attempt }
            }
            ActionForm::Stop { instance, grace } => Action::Stop { id: self.names.id(&instance, at)?, grace },
            ActionForm::Submit { spec, expect } => Action::Submit { spec: self.spec(&spec, at)?, expect },
            ActionForm::Withdraw => Action::Withdraw { service: service() },
            ActionForm::Route { admit, withdraw, split } => {
                let change = RouteChange { admit: self.ids(&admit, at)?, withdraw: self.ids(&withdraw, at)?, split };
                Action::Route { service: service(), change: Box::new(change) }
            }
            ActionForm::Forget { revision } => Action::Forget { service: service(), revision },
        })
    }
}
