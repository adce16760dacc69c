//! One case on its way: a service of its own, a lease on it, and the usual things to do with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Harness;
use super::case::{Checked, broken};
use crate::action::{Action, Applied};
use crate::capability::{Capabilities, Control};
use crate::error::{ErrorKind, Result};
use crate::goal::Goal;
use crate::lease::{FencingToken, Lease, LeaseRequest};
use crate::name::ServiceName;
use crate::observed::{Instance, InstanceId, Observed, Phase, Rollout, State};
use crate::pin::{DigestKey, PinnedSpec, Pins};
use crate::plan::{Decision, next};
use crate::record::{Record, RecordStatus};
use crate::spec::{Artifact, ServiceSpec};
use crate::target::{Context, Deployer};
use crate::traffic::{RouteChange, Split};

/// Who holds the leases of the suite.
pub(super) const HOLDER: &str = "conformance";
const TTL: Duration = Duration::from_mins(10);
/// A grace that every target can wait for.
const GRACE: Duration = Duration::from_secs(5);

/// One case on its way.
pub struct Trial<'a> {
    pub(super) harness: &'a dyn Harness,
    pub(super) deployer: Arc<dyn Deployer>,
    pub(super) caps: Capabilities,
    pub(super) service: ServiceName,
    case: &'static str,
    /// The token of the lease that was taken last.
    token: AtomicU64,
    /// The number of the record that was written last.
    sequence: AtomicU64,
}

impl std::fmt::Debug for Trial<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trial").field("service", &self.service).finish_non_exhaustive()
    }
}

impl<'a> Trial<'a> {
    pub(super) async fn new(harness: &'a dyn Harness, case: &'static str) -> Self {
        let deployer = harness.deployer().await;
        let caps = deployer.capabilities();
        let service = harness.service(case, "");
        Self { harness, deployer, caps, service, case, token: AtomicU64::new(0), sequence: AtomicU64::new(0) }
    }

    /// A service beside the case's own.
    pub(super) fn other_service(&self) -> ServiceName {
        self.harness.service(self.case, "-two")
    }

    /// The same trial with another service.
    pub(super) fn with_service(&self, service: ServiceName) -> Trial<'a> {
        Trial {
            harness: self.harness,
            deployer: Arc::clone(&self.deployer),
            caps: self.caps.clone(),
            service,
            case: self.case,
            token: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
        }
    }

    pub(super) fn drives_instances(&self) -> bool {
        self.caps.control == Control::Instances
    }

    // Leases.

    pub(super) async fn lease(&self, request: LeaseRequest) -> Result<Lease> {
        self.deployer.lease(&self.service, &request).await
    }

    pub(super) async fn acquire(&self, holder: &str, steal: bool) -> Result<Lease> {
        self.lease(LeaseRequest::Acquire { holder: holder.to_owned(), ttl: TTL, steal }).await
    }

    /// A context with the token of the trial's lease, which is taken the first time.
    pub(super) async fn context(&self) -> Checked<Context> {
        if self.token.load(Ordering::Relaxed) == 0 {
            let lease = self.acquire(HOLDER, true).await?;
            self.hold(lease.token);
        }
        Ok(Context::new(FencingToken(self.token.load(Ordering::Relaxed))))
    }

    /// Goes on under another token.
    pub(super) fn hold(&self, token: FencingToken) {
        self.token.store(token.0, Ordering::Relaxed);
    }

    // Specs.

    pub(super) fn artifact(&self, version: u32) -> Artifact {
        self.harness.artifact(version)
    }

    pub(super) async fn pin(&self, spec: ServiceSpec) -> Checked<Arc<PinnedSpec>> {
        let artifact = self.deployer.pin(&spec).await?;
        let key = DigestKey::new(*b"the key of the conformance suite").expect("it is long enough");
        let digest = |name: &crate::name::VarName| key.digest(&spec.service, name, &SECRET.into());
        let secrets: BTreeMap<_, _> = spec.secrets.keys().map(|name| (name.clone(), digest(name))).collect();
        Ok(Arc::new(PinnedSpec::new(spec, Pins { artifact, secrets })?))
    }

    /// One instance of a version.
    pub(super) async fn version(&self, version: u32) -> Checked<Arc<PinnedSpec>> {
        self.pin(self.harness.spec(&self.service, self.artifact(version))).await
    }

    /// So many instances of a version, where the target counts them.
    pub(super) async fn version_of(&self, version: u32, replicas: u32) -> Checked<Arc<PinnedSpec>> {
        let mut spec = self.harness.spec(&self.service, self.artifact(version));
        if self.caps.replicas {
            spec.replicas = Some(replicas);
        }
        self.pin(spec).await
    }

    // Calls.

    pub(super) async fn try_apply(&self, action: &Action) -> Checked<Result<Applied>> {
        let context = self.context().await?;
        Ok(self.deployer.apply(action, &context).await)
    }

    pub(super) async fn apply(&self, action: &Action) -> Checked<Applied> {
        Ok(self.try_apply(action).await??)
    }

    pub(super) async fn observe(&self) -> Checked<Observed> {
        let mut all = self.deployer.observe(std::slice::from_ref(&self.service)).await?;
        match (all.pop(), all.is_empty()) {
            (Some(seen), true) => Ok(seen),
            _ => broken("observing one service gave another number of observations"),
        }
    }

    /// Looks again until something holds.
    pub(super) async fn until(&self, what: &str, holds: impl Fn(&Observed) -> bool) -> Checked<Observed> {
        for _ in 0..self.harness.patience() {
            let seen = self.observe().await?;
            if holds(&seen) {
                return Ok(seen);
            }
            self.harness.settle().await;
        }
        broken(format_args!("{what} did not come true; last seen: {}", shown(&self.observe().await?)))
    }

    /// What has to be there before a revision can run.
    pub(super) async fn prepare(&self, spec: &Arc<PinnedSpec>) -> Checked {
        if self.caps.publish {
            self.apply(&Action::Publish { spec: Arc::clone(spec) }).await?;
        }
        if self.caps.records {
            let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
            self.apply(&record_action(spec, sequence, RecordStatus::Deploying)).await?;
        }
        Ok(())
    }

    pub(super) async fn start(&self, spec: &Arc<PinnedSpec>, ordinal: u32) -> Checked<InstanceId> {
        self.prepare(spec).await?;
        self.apply(&start_action(spec, ordinal, 0)).await?;
        Ok(instance_id(spec, ordinal))
    }

    /// Starts an instance and waits until it is ready.
    pub(super) async fn run(&self, spec: &Arc<PinnedSpec>, ordinal: u32) -> Checked<InstanceId> {
        let id = self.start(spec, ordinal).await?;
        self.until("that the instance is ready", |seen| phase_of(seen, &id) == Some(Phase::Ready)).await?;
        Ok(id)
    }

    pub(super) async fn submit(&self, spec: &Arc<PinnedSpec>) -> Checked<Applied> {
        self.prepare(spec).await?;
        let expect = self.platform().await?.version;
        self.apply(&Action::Submit { spec: Arc::clone(spec), expect }).await
    }

    /// Submits and waits until the platform is done.
    pub(super) async fn roll_out(&self, spec: &Arc<PinnedSpec>) -> Checked<Observed> {
        self.submit(spec).await?;
        self.rolled_out(spec).await
    }

    /// Waits until the platform is done with what was submitted.
    pub(super) async fn rolled_out(&self, spec: &PinnedSpec) -> Checked<Observed> {
        self.until("that the rollout is complete", |seen| {
            platform_of(seen).is_some_and(|state| {
                let submitted = state.submitted.as_ref().map(|told| &told.revision);
                state.rollout == Rollout::Complete && submitted == Some(spec.revision())
            })
        })
        .await
    }

    pub(super) async fn platform(&self) -> Checked<crate::observed::PlatformState> {
        match self.observe().await?.state {
            State::Platform(state) => Ok(state),
            State::Instances(_) => broken("a platform was observed as instances"),
        }
    }

    /// Gets one instance of a spec to run, whoever drives it.
    pub(super) async fn run_one(&self, spec: &Arc<PinnedSpec>) -> Checked<InstanceId> {
        if self.drives_instances() {
            return self.run(spec, 0).await;
        }
        self.roll_out(spec).await?;
        Ok(instance_id(spec, 0))
    }

    pub(super) async fn route(&self, change: RouteChange) -> Checked<Applied> {
        self.apply(&self.route_action(change)).await
    }

    pub(super) fn route_action(&self, change: RouteChange) -> Action {
        Action::Route { service: self.service.clone(), change: Box::new(change) }
    }

    /// Two revisions that run, the first with users.
    pub(super) async fn two_routed(&self) -> Checked<(Arc<PinnedSpec>, Arc<PinnedSpec>)> {
        let (one, two) = (self.version(1).await?, self.version(2).await?);
        let all = Split { shares: crate::traffic::Shares::all(one.revision().clone()), test_users: None };
        if self.drives_instances() {
            let ids = vec![self.run(&one, 0).await?, self.run(&two, 0).await?];
            self.route(RouteChange { admit: ids, split: Some(all), ..RouteChange::default() }).await?;
        } else {
            self.roll_out(&one).await?;
            self.route(RouteChange { split: Some(all), ..RouteChange::default() }).await?;
            self.roll_out(&two).await?;
        }
        Ok((one, two))
    }

    /// Goes where a goal is, by deciding and acting until nothing is left to do.
    pub(super) async fn drive(&self, goal: &Goal) -> Checked<Observed> {
        let mut left = self.harness.patience();
        loop {
            let seen = self.observe().await?;
            match next(goal, &seen, &self.caps)? {
                Decision::Converged => return Ok(seen),
                Decision::Act(steps) => {
                    for step in steps {
                        self.apply(&step.action).await?;
                    }
                }
                Decision::Wait { .. } => self.harness.settle().await,
                Decision::Stuck { why } => return broken(format_args!("it got stuck: {why:?}; {}", shown(&seen))),
            }
            left = match left.checked_sub(1) {
                Some(left) => left,
                None => return broken(format_args!("it did not get there; last seen: {}", shown(&seen))),
            };
        }
    }

    /// Takes away what is left of the trial's services.
    pub(super) async fn clean(&self) {
        for service in [self.service.clone(), self.other_service()] {
            let trial = self.with_service(service);
            // What cannot be removed is for the harness.
            let _ = trial.drive(&Goal::Remove(trial.service.clone())).await;
            if let Ok(context) = trial.context().await {
                let _ = trial.lease(LeaseRequest::Release { token: context.token }).await;
            }
            self.harness.clean(&trial.service).await;
        }
    }
}

/// A secret's value that must not turn up anywhere.
pub(super) const SECRET: &str = "s3cr3t-that-nobody-may-see";

pub(super) fn instance_id(spec: &PinnedSpec, ordinal: u32) -> InstanceId {
    InstanceId { service: spec.service().clone(), revision: spec.revision().clone(), ordinal }
}

pub(super) fn start_action(spec: &Arc<PinnedSpec>, ordinal: u32, attempt: u32) -> Action {
    Action::Start { id: instance_id(spec, ordinal), spec: Arc::clone(spec), attempt }
}

pub(super) fn stop_action(id: &InstanceId) -> Action {
    Action::Stop { id: id.clone(), grace: GRACE }
}

pub(super) fn record_of(spec: &Arc<PinnedSpec>, sequence: u64, status: RecordStatus) -> Record {
    let at = crate::time::Timestamp::from_millis(1_767_225_600_000);
    Record { sequence, at, status, promoted: 0, proven: false, spec: Arc::clone(spec) }
}

pub(super) fn record_action(spec: &Arc<PinnedSpec>, sequence: u64, status: RecordStatus) -> Action {
    Action::Record { record: Box::new(record_of(spec, sequence, status)) }
}

pub(super) fn admit(ids: impl IntoIterator<Item = InstanceId>) -> RouteChange {
    RouteChange { admit: ids.into_iter().collect(), ..RouteChange::default() }
}

pub(super) fn withdraw(ids: impl IntoIterator<Item = InstanceId>) -> RouteChange {
    RouteChange { withdraw: ids.into_iter().collect(), ..RouteChange::default() }
}

pub(super) fn instances_of(seen: &Observed) -> &[Instance] {
    match &seen.state {
        State::Instances(instances) => instances,
        State::Platform(_) => &[],
    }
}

pub(super) fn instance_of<'s>(seen: &'s Observed, id: &InstanceId) -> Option<&'s Instance> {
    instances_of(seen).iter().find(|instance| instance.id == *id)
}

pub(super) fn phase_of(seen: &Observed, id: &InstanceId) -> Option<Phase> {
    instance_of(seen, id).map(|instance| instance.phase)
}

pub(super) fn platform_of(seen: &Observed) -> Option<&crate::observed::PlatformState> {
    match &seen.state {
        State::Platform(state) => Some(state),
        State::Instances(_) => None,
    }
}

pub(super) fn is_admitted(seen: &Observed, id: &InstanceId) -> bool {
    let endpoint = seen.traffic.as_ref().and_then(|traffic| traffic.endpoints.get(id));
    endpoint.is_some_and(|endpoint| !endpoint.draining)
}

/// An observation in a finding.
pub(super) fn shown(seen: &Observed) -> String {
    serde_json::to_string(seen).unwrap_or_else(|error| error.to_string())
}

/// Fails unless a call failed with this kind.
pub(super) fn refused<T>(answer: Result<T>, kind: ErrorKind, what: &str) -> Checked<crate::error::Error> {
    match answer {
        Err(error) if error.kind() == kind => Ok(error),
        Err(error) => broken(format_args!("{what} failed with another kind than {kind:?}: {}", error.chain())),
        Ok(_) => broken(format_args!("{what} was accepted")),
    }
}
