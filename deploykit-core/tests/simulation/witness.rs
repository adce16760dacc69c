//! A target that watches over the guarantees as it is deployed to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use deploykit_core::memory::MemoryTarget;
use deploykit_core::spec::{ServiceSpec, Strategy};
use deploykit_core::{
    Action, Applied, Capabilities, ChangeStream, Context, Deployer, Digest, Instance, InstanceId, Lease, LeaseRequest,
    LogOptions, LogStream, Observed, Phase, PinnedSpec, Result, ServiceName, Shares, SpecError, State, TargetName,
};

/// What has to hold, of the spec that is deployed.
#[derive(Clone, Debug)]
pub(crate) struct Law {
    replicas: u32,
    surge: u32,
    unavailable: u32,
    min_ready: Duration,
    drain: Duration,
    released: bool,
    recreate: bool,
}

impl Law {
    pub(crate) fn of(spec: &PinnedSpec) -> Self {
        let spec = spec.spec();
        let replicas = spec.replicas.unwrap_or(1);
        let (surge, unavailable, min_ready) = match &spec.strategy {
            Strategy::Rolling(r) => (r.max_surge.up(replicas), r.max_unavailable.down(replicas), r.min_ready),
            Strategy::BlueGreen(blue_green) => (replicas, 0, blue_green.min_ready),
            Strategy::Canary(canary) => (replicas, 0, canary.min_ready),
            _ => (0, replicas, Duration::ZERO),
        };
        let unavailable = if surge + unavailable == 0 { 1 } else { unavailable };
        let released = matches!(&spec.strategy, Strategy::BlueGreen(_) | Strategy::Canary(_));
        let recreate = matches!(&spec.strategy, Strategy::Recreate);
        Self { replicas, surge, unavailable, min_ready, drain: spec.shutdown.drain, released, recreate }
    }

    fn floor(&self) -> usize {
        usize::try_from(self.replicas.saturating_sub(self.unavailable)).expect("few")
    }

    fn ceiling(&self) -> usize {
        usize::try_from(self.replicas + self.surge).expect("few")
    }
}

/// What one deployer saw last, and took away since.
#[derive(Debug, Default)]
struct Sight {
    seen: Option<Observed>,
    stopped: BTreeSet<InstanceId>,
    withdrawn: BTreeSet<InstanceId>,
}

/// One deployer's view of a target in memory. Whatever breaks a guarantee is written down with the seed.
#[derive(Debug)]
pub(crate) struct Witness {
    target: MemoryTarget,
    law: Arc<Mutex<Law>>,
    sight: Mutex<Sight>,
    pub(crate) broken: Arc<Mutex<Vec<String>>>,
    /// Nothing lies here: what is seen is what is.
    clean: bool,
}

impl Witness {
    pub(crate) fn new(
        target: MemoryTarget,
        law: Arc<Mutex<Law>>,
        broken: Arc<Mutex<Vec<String>>>,
        clean: bool,
    ) -> Self {
        Self { target, law, sight: Mutex::default(), broken, clean }
    }

    fn judge(&self, action: &Action) {
        let mut sight = self.sight.lock().expect("no one panicked");
        let law = self.law.lock().expect("no one panicked").clone();
        let Sight { seen: Some(seen), stopped, withdrawn } = &mut *sight else { return };
        let State::Instances(all) = &seen.state else { return };
        let complain = |what: String| self.broken.lock().expect("no one panicked").push(format!("{action}: {what}"));
        let find = |id: &InstanceId| all.iter().find(|instance| instance.id == *id);
        let ready = |id: &InstanceId| find(id).is_some_and(|instance| instance.phase == Phase::Ready);
        let available = |i: &&Instance| i.phase == Phase::Ready && seen.at >= i.since.after(law.min_ready);
        let endpoint = |id: &InstanceId| seen.traffic.as_ref().and_then(|traffic| traffic.endpoints.get(id));
        let serving = |i: &&Instance| available(i) && endpoint(&i.id).is_some_and(|endpoint| !endpoint.draining);
        match action {
            Action::Stop { id, .. } => {
                if endpoint(id).is_some_and(|endpoint| !endpoint.draining) && find(id).is_some() {
                    complain("it gets requests".into());
                }
                let live = find(id).is_some_and(|instance| instance.phase.is_live());
                if let Some(endpoint) = endpoint(id).filter(|_| live)
                    && endpoint.in_flight > 0
                    && seen.at < endpoint.since.after(law.drain)
                {
                    complain(format!("it has {} requests under way", endpoint.in_flight));
                }
                if find(id).as_ref().is_some_and(available) && stopped.insert(id.clone()) {
                    let left = all.iter().filter(available).filter(|i| !stopped.contains(&i.id)).count();
                    let routed = seen.traffic.is_some() && law.released;
                    if left < law.floor() && !routed {
                        complain(format!("{left} available are left of at least {}", law.floor()));
                    }
                    if left == 0 && law.floor() > 0 {
                        complain("it was the last one available".into());
                    }
                }
            }
            Action::Route { change, .. } => {
                for id in change.admit.iter().filter(|id| !ready(id)) {
                    complain(format!("{id} is not ready"));
                }
                if let Some(Shares::Weighted(shares)) = change.split.as_ref().map(|split| &split.shares) {
                    for revision in shares.keys() {
                        let theirs = |i: &&Instance| i.id.revision == *revision && i.phase == Phase::Ready;
                        let admitted =
                            |i: &Instance| change.admit.contains(&i.id) || endpoint(&i.id).is_some_and(|e| !e.draining);
                        if !all.iter().filter(theirs).any(admitted) {
                            complain(format!("{revision} gets a share and has nothing ready"));
                        }
                    }
                }
                if law.recreate {
                    return;
                }
                for id in &change.withdraw {
                    if !change.admit.is_empty() || change.split.is_some() || !find(id).as_ref().is_some_and(serving) {
                        continue;
                    }
                    withdrawn.insert(id.clone());
                    let left = all.iter().filter(serving).filter(|i| !withdrawn.contains(&i.id)).count();
                    if left < law.floor() {
                        complain(format!("{left} serving are left of at least {}", law.floor()));
                    }
                }
            }
            _ => {}
        }
    }

    /// What the world itself shows after an effect.
    fn inspect(&self, action: &Action) {
        let law = self.law.lock().expect("no one panicked").clone();
        let world = self.target.world();
        let Some(state) = world.services.get(action.service()) else { return };
        let complain =
            |what: String| self.broken.lock().expect("no one panicked").push(format!("after {action}: {what}"));
        let all: Vec<_> = state.instances(world.now).collect();
        if matches!(action, Action::Start { .. }) && all.len() > law.ceiling() {
            complain(format!("{} instances, at most {}", all.len(), law.ceiling()));
        }
        let takes = matches!(action, Action::Stop { .. } | Action::Route { .. });
        if self.clean && takes && !law.recreate {
            let works = all.iter().filter(|(_, _, instance)| instance.works(world.now)).count();
            if works < law.floor() {
                complain(format!("{works} work, at least {}", law.floor()));
            }
        }
    }
}

/// What counts in a summary of a world.
pub(crate) fn running(target: &MemoryTarget, service: &ServiceName) -> BTreeMap<String, usize> {
    let world = target.world();
    let mut counts = BTreeMap::new();
    if let Some(state) = world.services.get(service) {
        for (revision, _, instance) in state.instances(world.now) {
            let state = instance.phase(world.now).map_or_else(String::new, |(phase, _)| phase.to_string());
            *counts.entry(format!("{revision} {state}")).or_default() += 1;
        }
    }
    counts
}

#[async_trait]
impl Deployer for Witness {
    fn target(&self) -> &TargetName {
        self.target.target()
    }
    fn capabilities(&self) -> Capabilities {
        self.target.capabilities()
    }
    fn check(&self, spec: &ServiceSpec) -> Result<(), SpecError> {
        self.target.check(spec)
    }
    async fn pin(&self, spec: &ServiceSpec) -> Result<Option<Digest>> {
        self.target.pin(spec).await
    }
    async fn services(&self) -> Result<BTreeSet<ServiceName>> {
        self.target.services().await
    }
    async fn observe(&self, services: &[ServiceName]) -> Result<Vec<Observed>> {
        let seen = self.target.observe(services).await?;
        *self.sight.lock().expect("no one panicked") = Sight { seen: seen.first().cloned(), ..Sight::default() };
        Ok(seen)
    }
    async fn apply(&self, action: &Action, cx: &Context) -> Result<Applied> {
        self.judge(action);
        let applied = self.target.apply(action, cx).await;
        self.inspect(action);
        applied
    }
    async fn lease(&self, service: &ServiceName, request: &LeaseRequest) -> Result<Lease> {
        self.target.lease(service, request).await
    }
    async fn changes(&self) -> Result<Option<ChangeStream>> {
        self.target.changes().await
    }
    async fn logs(&self, of: &InstanceId, options: &LogOptions) -> Result<LogStream> {
        self.target.logs(of, options).await
    }
}
