//! What the tests of the target in memory have in common.

use std::sync::Arc;
use std::time::Duration;

use deploykit_core::memory::MemoryTarget;
use deploykit_core::plan::{WaitReason, next};
use deploykit_core::spec::{Artifact, ServiceSpec};
use deploykit_core::{
    Action, Applied, Context, Decision, Deployer, FencingToken, Goal, InstanceId, Observed, PinnedSpec, Pins, Result,
    RouteChange, ServiceName,
};

pub(crate) fn spec(version: u32, replicas: u32) -> Arc<PinnedSpec> {
    let image = Artifact::image(format!("shop/orders:{version}"));
    spec_of(image, replicas)
}

pub(crate) fn spec_of(artifact: Artifact, replicas: u32) -> Arc<PinnedSpec> {
    let spec = ServiceSpec::builder("orders", artifact).replicas(replicas).build().unwrap();
    Arc::new(PinnedSpec::new(spec, Pins::default()).unwrap())
}

pub(crate) fn id(spec: &PinnedSpec, ordinal: u32) -> InstanceId {
    InstanceId { service: spec.service().clone(), revision: spec.revision().clone(), ordinal }
}

pub(crate) async fn look(target: &MemoryTarget) -> Observed {
    target.observe(&[ServiceName::new("orders").unwrap()]).await.unwrap().remove(0)
}

pub(crate) async fn act(target: &MemoryTarget, action: Action) -> Result<Applied> {
    target.apply(&action, &Context::new(FencingToken(0))).await
}

pub(crate) async fn start(
    target: &MemoryTarget,
    spec: &Arc<PinnedSpec>,
    ordinal: u32,
    attempt: u32,
) -> Result<Applied> {
    act(target, Action::Start { id: id(spec, ordinal), spec: Arc::clone(spec), attempt }).await
}

pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

pub(crate) fn route(service: &ServiceName, change: RouteChange) -> Action {
    Action::Route { service: service.clone(), change: Box::new(change) }
}

pub(crate) fn admit(ids: impl IntoIterator<Item = InstanceId>) -> RouteChange {
    RouteChange { admit: ids.into_iter().collect(), ..RouteChange::default() }
}

pub(crate) fn withdraw(ids: impl IntoIterator<Item = InstanceId>) -> RouteChange {
    RouteChange { withdraw: ids.into_iter().collect(), ..RouteChange::default() }
}

pub(crate) fn stop(spec: &PinnedSpec, ordinal: u32, grace: u64) -> Action {
    Action::Stop { id: id(spec, ordinal), grace: Duration::from_secs(grace) }
}

/// Observes, decides and acts until there is nothing left to do.
pub(crate) async fn drive(target: &MemoryTarget, goal: &Goal) -> Decision {
    for _ in 0..10_000 {
        match next(goal, &look(target).await, &target.capabilities()).unwrap() {
            Decision::Act(steps) => {
                for step in steps {
                    act(target, step.action).await.unwrap();
                }
            }
            Decision::Wait { why: WaitReason::Gate { .. }, .. } => panic!("no gates here"),
            Decision::Wait { .. } => pass(1).await,
            done => return done,
        }
    }
    panic!("no end: {:?}", look(target).await);
}
