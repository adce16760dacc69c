//! What a backend's author provides to have it tested.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::name::ServiceName;
use crate::observed::InstanceId;
use crate::spec::{Artifact, ServiceSpec};
use crate::target::Deployer;

/// A target to test, and what only its author knows of it.
///
/// Tests run at the same time as others, on a target that may be shared: every name that
/// [`service`](Self::service) gives out belongs to this harness alone.
#[async_trait]
pub trait Harness: Send + Sync {
    /// A new handle of the target, as another process would make one.
    async fn deployer(&self) -> Arc<dyn Deployer>;

    /// What runs and gets ready, in version 1 and version 2, which differ.
    fn artifact(&self, version: u32) -> Artifact;

    /// What comes to an end by itself soon after it was started, with a code other than 0. `None`: there is none, and
    /// the cases that need it do not apply.
    fn broken_artifact(&self) -> Option<Artifact> {
        None
    }

    /// A spec that [`Deployer::check`] has to refuse, although the capabilities do not say so. `None`: the target has
    /// no limits beyond its capabilities.
    fn refused_spec(&self, service: &ServiceName) -> Option<ServiceSpec> {
        let _ = service;
        None
    }

    /// A spec of one instance that runs this artifact, with the ports, probes and resources that it needs.
    fn spec(&self, service: &ServiceName, artifact: Artifact) -> ServiceSpec {
        let mut spec = ServiceSpec::builder(service.as_str(), artifact).build().expect("the default of a spec");
        spec.shutdown.drain = Duration::from_secs(1);
        spec.shutdown.grace = Duration::from_secs(5);
        spec
    }

    /// A name for the service of a case, which nobody else uses. `suffix` is at most four characters long.
    fn service(&self, case: &str, suffix: &str) -> ServiceName {
        let case: String = case.replace('_', "-").chars().take(36 - suffix.len()).collect();
        let name = format!("t-{}{suffix}", case.trim_end_matches('-'));
        ServiceName::new(name).expect("the name of a case is the name of a service")
    }

    /// Puts something that is not deploykit's where this instance would be, or, where a platform drives the instances,
    /// where its service would be. `None`: the harness cannot, and the cases that need it do not apply.
    async fn plant_foreign(&self, id: &InstanceId) -> Option<Arc<dyn Foreign>> {
        let _ = id;
        None
    }

    /// Lets a little time pass, so that it makes sense to look again.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    /// So often is looked again before something counts as not happening.
    fn patience(&self) -> u32 {
        300
    }

    /// Takes away what is left of a service after its case; what deploykit can remove is removed already.
    async fn clean(&self, service: &ServiceName) {
        let _ = service;
    }
}

/// Something that is not deploykit's, on the target.
#[async_trait]
pub trait Foreign: Send + Sync {
    /// Whether it is as it was planted.
    async fn is_untouched(&self) -> bool;

    /// Takes it away.
    async fn remove(&self);
}
