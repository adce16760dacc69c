//! The example backend passes the conformance suite, and carries deployments.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::sync::Arc;

use async_trait::async_trait;
use deploykit_core::conformance::{self, Foreign, Harness};
use deploykit_core::exec::{Executor, Targets};
use deploykit_core::spec::{Artifact, ServiceSpec};
use deploykit_core::{Deployer, ErrorKind, InstanceId, Outcome, ServiceName, TargetName};

#[expect(dead_code, unreachable_pub, reason = "an example, as a module")]
#[path = "../custom_backend.rs"]
mod custom_backend;

use custom_backend::{Shelf, ShelfTarget};

fn spec(version: &str, replicas: u32) -> ServiceSpec {
    ServiceSpec::builder("kitchen", Artifact::jar(format!("kitchen/{version}.jar"))).replicas(replicas).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_shelf_carries_a_service_all_its_life() {
    let shelf = Shelf::new();
    let target = ShelfTarget::new(TargetName::new("shelf").unwrap(), shelf.clone());
    let executor = Executor::new(Targets::single(target.clone()));
    let kitchen = ServiceName::new("kitchen").unwrap();
    for (version, replicas) in [("1.0", 3), ("1.1", 3), ("1.1", 1)] {
        let report = executor.deploy(vec![spec(version, replicas)]).await.unwrap();
        assert_eq!(report.outcome(&kitchen), Some(&Outcome::Completed { changed: true }), "{version} × {replicas}");
        let seen = target.observe(std::slice::from_ref(&kitchen)).await.unwrap().remove(0);
        assert_eq!(
            seen.counts().values().map(|count| (count.total, count.ready)).collect::<Vec<_>>(),
            [(replicas, replicas)]
        );
    }
    // Another process, which has nothing but the shelf, goes on from there.
    let executor = Executor::new(Targets::single(ShelfTarget::new(TargetName::new("shelf").unwrap(), shelf)));
    let report = executor.rollback(&kitchen, None).await.unwrap();
    assert!(report.is_success(), "{report}");
    let report = executor.remove(vec![kitchen.clone()]).await.unwrap();
    assert!(report.is_success(), "{report}");
    assert!(target.services().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_somebody_elses_stays() {
    let shelf = Shelf::new();
    let target = ShelfTarget::new(TargetName::new("shelf").unwrap(), shelf.clone());
    let executor = Executor::new(Targets::single(target.clone()));
    let pinned = executor.pin(vec![spec("1.0", 1)]).await.unwrap();
    shelf.put_foreign(format!("kitchen-{}-0", pinned[0].revision()));
    let report = executor.deploy(vec![spec("1.0", 1)]).await.unwrap();
    assert!(!report.is_success());
    let text = report.to_string();
    assert!(text.contains(&ErrorKind::Conflict.to_string()), "{text}");
    assert!(target.services().await.unwrap().is_empty());
}

/// What the conformance suite needs to know of a shelf.
struct Shelves(Arc<Shelf>);

#[async_trait]
impl Harness for Shelves {
    async fn deployer(&self) -> Arc<dyn Deployer> {
        Arc::new(ShelfTarget::new(TargetName::new("shelf").unwrap(), self.0.clone()))
    }

    fn artifact(&self, version: u32) -> Artifact {
        Artifact::jar(format!("kitchen/{version}.jar"))
    }

    fn refused_spec(&self, service: &ServiceName) -> Option<ServiceSpec> {
        let spec = ServiceSpec::builder(service.as_str(), self.artifact(1));
        Some(spec.file("/etc/menu", "soup").build().unwrap())
    }

    async fn plant_foreign(&self, id: &InstanceId) -> Option<Arc<dyn Foreign>> {
        self.0.put_foreign(id.to_string());
        Some(Arc::new(Planted(self.0.clone(), id.to_string())))
    }
}

/// A process of somebody else.
struct Planted(Arc<Shelf>, String);

#[async_trait]
impl Foreign for Planted {
    async fn is_untouched(&self) -> bool {
        self.0.has_foreign(&self.1)
    }

    async fn remove(&self) {
        self.0.remove(&self.1);
    }
}

conformance::tests!(
    #[tokio::test(start_paused = true)]
    Shelves(Shelf::new())
);
