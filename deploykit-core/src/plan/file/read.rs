//! From files to plans, with everything checked that can be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::PlanFileError;
use super::mirror::{
    ActionFile, BasisFile, GoalFile, InstanceFile, PlanFile, RecordFile, RoundFile, ServiceFile, SpecRef, StateFile,
    StepFile, TrafficFile,
};
use crate::action::{Action, Step};
use crate::goal::Goal;
use crate::name::ServiceName;
use crate::observed::{Instance, InstanceId, Observed, State};
use crate::pin::PinnedSpec;
use crate::plan::{Plan, Round, ServicePlan, WaitReason};
use crate::record::Record;
use crate::revision::Revision;
use crate::traffic::{RouteChange, Traffic};

impl PlanFile {
    pub(super) fn read(self) -> Result<Plan, PlanFileError> {
        let mut before: BTreeSet<ServiceName> = BTreeSet::new();
        let mut services = Vec::with_capacity(self.services.len());
        for file in self.services {
            let name = file.service.clone();
            let broken = |reason: String| PlanFileError::Broken { service: name.to_string(), reason };
            if let Some(other) = file.after.iter().find(|other| !before.contains(*other)) {
                return Err(broken(format!("it comes after {other}, which is not planned before it")));
            }
            services.push(Reader::new(&file).and_then(|reader| reader.service(file)).map_err(broken)?);
            if !before.insert(name.clone()) {
                return Err(PlanFileError::Broken { service: name.to_string(), reason: "it is planned twice".into() });
            }
        }
        Ok(Plan { services })
    }
}

/// Reads what belongs to one service.
struct Reader {
    service: ServiceName,
    specs: Vec<Arc<PinnedSpec>>,
    /// One allocation for each revision, as planning makes it.
    revisions: BTreeMap<String, Revision>,
}

type Read<T> = Result<T, String>;

impl Reader {
    fn new(file: &ServiceFile) -> Read<Self> {
        let mut reader = Self {
            service: file.service.clone(),
            specs: Vec::with_capacity(file.specs.len()),
            revisions: BTreeMap::new(),
        };
        for (place, spec) in file.specs.iter().enumerate() {
            if *spec.pinned.service() != file.service {
                return Err(format!("specs[{place}] is of {}", spec.pinned.service()));
            }
            if *spec.pinned.revision() != spec.revision {
                return Err(format!("specs[{place}] is {} and not {}", spec.pinned.revision(), spec.revision));
            }
            reader.specs.push(Arc::clone(&spec.pinned));
            let revision = spec.pinned.revision();
            reader.revisions.insert(revision.as_str().to_owned(), revision.clone());
        }
        Ok(reader)
    }

    fn service(&self, file: ServiceFile) -> Read<ServicePlan> {
        let goal = match file.goal {
            GoalFile::Run(spec) => Goal::Run(self.spec(spec)?),
            GoalFile::RollBack(spec) => Goal::RollBack(self.spec(spec)?),
            GoalFile::Remove => Goal::Remove(self.service.clone()),
        };
        Ok(ServicePlan {
            goal,
            target: file.target,
            after: file.after,
            basis: self.basis(file.basis)?,
            changes: file.changes,
            drift: file.drift,
            rounds: file.rounds.into_iter().map(|round| self.round(round)).collect::<Read<_>>()?,
            rollback: file.rollback,
        })
    }

    fn spec(&self, place: SpecRef) -> Read<Arc<PinnedSpec>> {
        self.specs.get(place).cloned().ok_or_else(|| format!("there is no specs[{place}]"))
    }

    fn instance(&self, text: &str) -> Read<InstanceId> {
        let bad = || format!("`{}` is not an instance", text.chars().take(100).collect::<String>().escape_debug());
        let (revision, ordinal) = text.split_once('/').ok_or_else(bad)?;
        let revision = match self.revisions.get(revision) {
            Some(known) => known.clone(),
            None => Revision::parse(revision).map_err(|_| bad())?,
        };
        let ordinal: u32 = ordinal.parse().map_err(|_| bad())?;
        let id = InstanceId { service: self.service.clone(), revision, ordinal };
        // `+1` and `01` are numbers too, but not the ones that are written.
        if text.ends_with(&format!("/{ordinal}")) { Ok(id) } else { Err(bad()) }
    }

    fn round(&self, round: RoundFile) -> Read<Round> {
        if let Some(WaitReason::Starting { first: id, .. } | WaitReason::Backoff { instance: id, .. }) = &round.wait {
            if id.service != self.service {
                return Err(format!("it waits for {id}"));
            }
        }
        let steps = round.steps.into_iter().map(|step| self.step(step)).collect::<Read<_>>()?;
        Ok(Round { wait: round.wait, steps, after: round.after })
    }

    fn step(&self, step: StepFile) -> Read<Step> {
        let service = self.service.clone();
        let ids = |list: Vec<String>| list.iter().map(|text| self.instance(text)).collect::<Read<Vec<_>>>();
        let action = match step.action {
            ActionFile::Publish(spec) => Action::Publish { spec: self.spec(spec)? },
            ActionFile::Record(record) => Action::Record { record: Box::new(self.record(record)?) },
            ActionFile::Start { instance, spec, attempt } => {
                let (id, spec) = (self.instance(&instance)?, self.spec(spec)?);
                if id.revision != *spec.revision() {
                    return Err(format!("{id} would be started with {}", spec.revision()));
                }
                Action::Start { id, spec, attempt }
            }
            ActionFile::Stop { instance, grace } => Action::Stop { id: self.instance(&instance)?, grace },
            ActionFile::Submit { spec, expect } => Action::Submit { spec: self.spec(spec)?, expect },
            ActionFile::Withdraw => Action::Withdraw { service },
            ActionFile::Route { admit, withdraw, split } => {
                let change = RouteChange { admit: ids(admit)?, withdraw: ids(withdraw)?, split };
                Action::Route { service, change: Box::new(change) }
            }
            ActionFile::Forget(revision) => Action::Forget { service, revision },
        };
        Ok(Step::new(action, step.why))
    }

    fn record(&self, file: RecordFile) -> Read<Record> {
        let RecordFile { sequence, at, status, proven, promoted, spec } = file;
        Ok(Record { sequence, at, status, proven, promoted, spec: self.spec(spec)? })
    }

    fn basis(&self, file: BasisFile) -> Read<Observed> {
        let state = match file.state {
            StateFile::Platform(platform) => State::Platform(platform),
            StateFile::Instances(all) => {
                State::Instances(all.into_iter().map(|instance| self.observed(instance)).collect::<Read<_>>()?)
            }
        };
        let mut seen = Observed::empty(self.service.clone(), file.at, state);
        seen.traffic = file.traffic.map(|traffic| self.traffic(traffic)).transpose()?;
        seen.records = file.records.into_iter().map(|record| self.record(record)).collect::<Read<_>>()?;
        (seen.published, seen.drift) = (file.published, file.drift);
        Ok(seen)
    }

    fn observed(&self, file: InstanceFile) -> Read<Instance> {
        let InstanceFile { instance, phase, since, attempt, started, note } = file;
        Ok(Instance { id: self.instance(&instance)?, phase, since, attempt, started, note })
    }

    fn traffic(&self, file: TrafficFile) -> Read<Traffic> {
        let TrafficFile { split, since, endpoints } = file;
        let endpoints = endpoints.into_iter().map(|(text, endpoint)| Ok((self.instance(&text)?, endpoint)));
        Ok(Traffic { split, since, endpoints: endpoints.collect::<Read<_>>()? })
    }
}
