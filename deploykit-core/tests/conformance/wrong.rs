//! A deployer around a target in memory that breaks one clause of the contract.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use deploykit_core::memory::MemoryTarget;
use deploykit_core::{
    Action, Applied, Capabilities, ChangeStream, Context, Deployer, Digest, Drift, Error, ErrorKind, InstanceId, Lease,
    LeaseRequest, LogOptions, LogStream, Observed, Result, ServiceName, ServiceSpec, SpecError, TargetName,
};
use secrecy::ExposeSecret as _;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    IgnoresFencing,
    AdoptsForeign,
    StopsForeign,
    ForgetsDrain,
    RestartsWhatRuns,
    StopsNeighbours,
    LosesPromotions,
    KeepsRecordsToItself,
    GivesLeasesToAll,
    NeverEndsLeases,
    KeepsTokens,
    ShowsSecrets,
    IsSilent,
    SortsObservations,
    ListsLeases,
    IsOutOfDate,
    MovesSplits,
    AcceptsAnything,
    BreaksWhenDropped,
    IgnoresTails,
    SwapsWithoutComparing,
    ForgetsInstances,
    RoutesByHalves,
    IsAnonymous,
    AcceptsAllSpecs,
    TakesBrokenForComplete,
    LeavesArtifacts,
}

#[derive(Debug)]
pub(crate) struct Wrong {
    memory: MemoryTarget,
    flaw: Flaw,
    /// What this handle keeps to itself.
    own: Mutex<Own>,
}

#[derive(Debug, Default)]
struct Own {
    seen: Option<Vec<Observed>>,
    records: Vec<deploykit_core::Record>,
    secrets: Vec<String>,
    half_done: BTreeSet<String>,
}

impl Wrong {
    pub(crate) fn new(memory: MemoryTarget, flaw: Flaw) -> Self {
        Self { memory, flaw, own: Mutex::default() }
    }

    fn own(&self) -> std::sync::MutexGuard<'_, Own> {
        self.own.lock().expect("no test panics while it holds this")
    }

    fn clean_foreign(&self, id: &InstanceId) {
        self.memory.edit(|world| world.foreign.remove(&id.to_string()));
    }

    async fn twice(&self, first: Action, second: &Action, cx: &Context) -> Result<Applied> {
        let _ = self.memory.apply(&first, cx).await;
        self.memory.apply(second, cx).await
    }

    /// What is done otherwise; `None`: nothing.
    async fn instead(&self, action: &Action, cx: &Context) -> Option<Result<Applied>> {
        let grace = Duration::ZERO;
        match (self.flaw, action) {
            (Flaw::IgnoresFencing, _) => {
                let world = self.memory.world();
                let token = world.services.get(action.service()).map(|state| state.lease.highest).unwrap_or_default();
                Some(self.memory.apply(action, &Context::new(token.max(cx.token))).await)
            }
            (Flaw::AdoptsForeign, Action::Start { id, .. }) | (Flaw::StopsForeign, Action::Stop { id, .. }) => {
                self.clean_foreign(id);
                None
            }
            (Flaw::ForgetsDrain, Action::Route { change, .. }) if !change.withdraw.is_empty() => {
                Some(Ok(Applied::Changed))
            }
            (Flaw::RestartsWhatRuns, Action::Start { id, .. }) => {
                let stop = Action::Stop { id: id.clone(), grace };
                Some(self.twice(stop, action, cx).await)
            }
            (Flaw::StopsNeighbours, Action::Stop { id, grace }) => {
                let next = InstanceId { ordinal: id.ordinal + 1, ..id.clone() };
                Some(self.twice(Action::Stop { id: next, grace: *grace }, action, cx).await)
            }
            (Flaw::LosesPromotions, Action::Record { record }) => {
                let record = deploykit_core::Record { promoted: 0, ..(**record).clone() };
                Some(self.memory.apply(&Action::Record { record: Box::new(record) }, cx).await)
            }
            (Flaw::KeepsRecordsToItself, Action::Record { record }) => {
                let records = &mut self.own().records;
                let known = records.contains(record);
                records.retain(|other| other.revision() != record.revision());
                records.push((**record).clone());
                Some(Ok(if known { Applied::Unchanged } else { Applied::Changed }))
            }
            (Flaw::ShowsSecrets, _) => {
                let values = cx.secrets.values().map(|value| value.expose_secret().to_owned());
                self.own().secrets.extend(values);
                None
            }
            (Flaw::AcceptsAnything, _) => {
                let answer = self.memory.apply(action, cx).await;
                Some(answer.or_else(|error| match error.kind() {
                    ErrorKind::Unsupported => Ok(Applied::Unchanged),
                    _ => Err(error),
                }))
            }
            (Flaw::BreaksWhenDropped, Action::Start { id, .. }) => {
                // A name is taken first, and never given back if the call is dropped before the instance is there.
                if !self.own().half_done.insert(id.to_string()) {
                    return Some(Err(Error::new(ErrorKind::Conflict, "start", id, self.target())));
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
                let answer = self.memory.apply(action, cx).await;
                self.own().half_done.remove(&id.to_string());
                Some(answer)
            }
            (Flaw::SwapsWithoutComparing, Action::Submit { spec, .. }) => {
                let world = self.memory.world();
                let engine = world.services.get(spec.service()).map(|state| &state.engine);
                let expect = engine.filter(|engine| engine.submitted.is_some()).map(|e| e.version.to_string());
                Some(self.memory.apply(&Action::Submit { spec: Arc::clone(spec), expect }, cx).await)
            }
            (Flaw::ForgetsInstances, Action::Forget { service, revision }) => {
                for id in self.memory.world().ids(service).into_iter().filter(|id| id.revision == *revision) {
                    let _ = self.memory.apply(&Action::Stop { id, grace }, cx).await;
                }
                None
            }
            (Flaw::RoutesByHalves, Action::Route { service, change }) => {
                let mut known = (**change).clone();
                let ids = self.memory.world().ids(service);
                known.admit.retain(|id| ids.contains(id));
                let half = Action::Route { service: service.clone(), change: Box::new(known) };
                Some(self.twice(half, action, cx).await)
            }
            (Flaw::IsAnonymous, _) => {
                let answer = self.memory.apply(action, cx).await;
                Some(answer.map_err(|error| Error::new(error.kind(), "apply", "something", "somewhere")))
            }
            (Flaw::LeavesArtifacts, Action::Forget { service, revision }) => {
                let answer = self.memory.apply(action, cx).await;
                self.memory.edit(|world| {
                    let state = world.services.get_mut(service);
                    state.map(|state| state.published.insert(revision.clone()));
                });
                Some(answer)
            }
            _ => None,
        }
    }

    fn distort(&self, seen: &mut Observed) {
        let own = self.own();
        match self.flaw {
            Flaw::KeepsRecordsToItself => {
                let records = own.records.iter().filter(|record| *record.spec.service() == seen.service);
                seen.records = records.cloned().collect();
            }
            Flaw::ShowsSecrets => seen.drift.extend(own.secrets.iter().map(|secret| Drift {
                subject: "env".to_owned(),
                expected: secret.clone(),
                found: secret.clone(),
                by: None,
            })),
            Flaw::MovesSplits => {
                if let Some(traffic) = &mut seen.traffic {
                    traffic.since = seen.at;
                }
            }
            Flaw::TakesBrokenForComplete => {
                if let deploykit_core::State::Platform(platform) = &mut seen.state {
                    platform.rollout = deploykit_core::Rollout::Complete;
                }
            }
            _ => {}
        }
    }
}

#[async_trait]
impl Deployer for Wrong {
    fn target(&self) -> &TargetName {
        self.memory.target()
    }

    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    fn check(&self, spec: &ServiceSpec) -> Result<(), SpecError> {
        if self.flaw == Flaw::AcceptsAllSpecs { Ok(()) } else { self.memory.check(spec) }
    }

    async fn pin(&self, spec: &ServiceSpec) -> Result<Option<Digest>> {
        self.memory.pin(spec).await
    }

    async fn services(&self) -> Result<BTreeSet<ServiceName>> {
        let world = self.memory.world();
        match self.flaw {
            Flaw::ListsLeases => Ok(world.services.into_keys().collect()),
            _ => self.memory.services().await,
        }
    }

    async fn observe(&self, services: &[ServiceName]) -> Result<Vec<Observed>> {
        let mut seen = self.memory.observe(services).await?;
        for seen in &mut seen {
            self.distort(seen);
        }
        match self.flaw {
            Flaw::SortsObservations => seen.sort_by(|a, b| a.service.cmp(&b.service)),
            Flaw::IsOutOfDate => {
                let before = self.own().seen.replace(seen.clone());
                let same = |before: &Vec<Observed>| before.iter().map(|seen| &seen.service).eq(services);
                return Ok(before.filter(same).unwrap_or(seen));
            }
            _ => {}
        }
        Ok(seen)
    }

    async fn apply(&self, action: &Action, cx: &Context) -> Result<Applied> {
        match self.instead(action, cx).await {
            Some(answer) => answer,
            None => self.memory.apply(action, cx).await,
        }
    }

    async fn lease(&self, service: &ServiceName, request: &LeaseRequest) -> Result<Lease> {
        let mut request = request.clone();
        match (self.flaw, &mut request) {
            (Flaw::GivesLeasesToAll, LeaseRequest::Acquire { steal, .. }) => *steal = true,
            (Flaw::NeverEndsLeases, LeaseRequest::Acquire { ttl, .. }) => *ttl += Duration::from_hours(1000),
            (Flaw::KeepsTokens, _) => {
                let lease = self.memory.lease(service, &request).await?;
                let token = deploykit_core::FencingToken(1);
                self.memory.edit(|world| {
                    let state = world.services.get_mut(service).map(|state| &mut state.lease);
                    if let Some(state) = state {
                        state.highest = token;
                        state.lease.iter_mut().for_each(|lease| lease.token = token);
                    }
                });
                return Ok(Lease { token, ..lease });
            }
            _ => {}
        }
        self.memory.lease(service, &request).await
    }

    async fn changes(&self) -> Result<Option<ChangeStream>> {
        match self.flaw {
            Flaw::IsSilent => Ok(Some(Box::pin(futures_util::stream::pending()))),
            _ => self.memory.changes().await,
        }
    }

    async fn logs(&self, of: &InstanceId, options: &LogOptions) -> Result<LogStream> {
        let mut options = options.clone();
        if self.flaw == Flaw::IgnoresTails {
            options.tail = None;
        }
        self.memory.logs(of, &options).await
    }
}
