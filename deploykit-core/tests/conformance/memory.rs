//! The target in memory keeps every clause, in each variant as far as it applies.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deploykit_core::conformance::{self, Foreign, Harness};
use deploykit_core::memory::{Behaviour, Faults, MemoryBuilder, MemoryTarget};
use deploykit_core::spec::{Artifact, ServiceSpec};
use deploykit_core::{Control, Deployer, InstanceId, Problem, ServiceName, SpecError};

/// A target in memory, and the deployer that reaches it.
pub(crate) struct Memory {
    pub(crate) memory: MemoryTarget,
    pub(crate) deployer: Arc<dyn Fn(MemoryTarget) -> Arc<dyn Deployer> + Send + Sync>,
}

pub(crate) fn builder() -> MemoryBuilder {
    MemoryTarget::builder("memory")
        .behaviour(Behaviour::new().of_reference(":broken").exits(Duration::from_millis(500), 3))
        .check(|spec| match spec.resources.memory {
            Some(memory) if memory.as_bytes() > 1 << 40 => {
                Err(SpecError::from(Problem::new("resources.memory", "there is not so much")))
            }
            _ => Ok(()),
        })
}

pub(crate) fn harness(builder: MemoryBuilder) -> Memory {
    Memory { memory: builder.build(), deployer: Arc::new(|memory| Arc::new(memory)) }
}

#[async_trait]
impl Harness for Memory {
    async fn deployer(&self) -> Arc<dyn Deployer> {
        (self.deployer)(self.memory.clone())
    }

    fn artifact(&self, version: u32) -> Artifact {
        Artifact::image(format!("registry.example/test:{version}"))
    }

    fn broken_artifact(&self) -> Option<Artifact> {
        Some(Artifact::image("registry.example/test:broken"))
    }

    fn refused_spec(&self, service: &ServiceName) -> Option<ServiceSpec> {
        let mut spec = self.spec(service, self.artifact(1));
        spec.resources.memory = Some(deploykit_core::units::Memory::from_bytes(1 << 50));
        Some(spec)
    }

    async fn plant_foreign(&self, id: &InstanceId) -> Option<Arc<dyn Foreign>> {
        let by_platform = self.memory.capabilities().control == Control::Platform;
        let name = if by_platform { id.service.to_string() } else { id.to_string() };
        self.memory.edit(|world| world.add_foreign(&name));
        Some(Arc::new(Planted { memory: self.memory.clone(), name }))
    }
}

struct Planted {
    memory: MemoryTarget,
    name: String,
}

#[async_trait]
impl Foreign for Planted {
    async fn is_untouched(&self) -> bool {
        self.memory.world().foreign.contains(&self.name)
    }

    async fn remove(&self) {
        self.memory.edit(|world| world.foreign.remove(&self.name));
    }
}

/// Everything there is to do with instances.
fn full() -> Memory {
    harness(builder().publish(true).in_flight(3, Duration::from_secs(1)).stop_time(Duration::from_millis(300)))
}

fn slow() -> Memory {
    let latency = Duration::from_millis(1)..Duration::from_millis(20);
    harness(builder().faults(Faults::seeded(1).latency(latency)))
}

fn full_platform() -> Memory {
    let platform = builder().control(Control::Platform).router(true).publish(true);
    harness(platform.stop_time(Duration::from_millis(300)))
}

fn bare() -> Memory {
    harness(builder().router(false).changes(false).capabilities(|caps| caps.records = false))
}

mod with_everything {
    use super::*;
    conformance::tests!(
        #[tokio::test(start_paused = true)]
        full()
    );
}

mod with_latency {
    use super::*;
    conformance::tests!(
        #[tokio::test(start_paused = true)]
        slow()
    );
}

mod without_a_router {
    use super::*;
    conformance::tests!(
        #[tokio::test(start_paused = true)]
        harness(builder().router(false))
    );
}

mod without_anything {
    use super::*;
    conformance::tests!(
        #[tokio::test(start_paused = true)]
        bare()
    );
}

mod platform {
    use super::*;
    conformance::tests!(
        #[tokio::test(start_paused = true)]
        harness(builder().control(Control::Platform))
    );
}

mod platform_with_everything {
    use super::*;
    conformance::tests!(
        #[tokio::test(start_paused = true)]
        full_platform()
    );
}

/// The reasons why cases do not apply, each with how many there are.
async fn not_applicable(harness: &Memory) -> Vec<(String, usize)> {
    let report = conformance::run(harness, |_| true).await;
    assert!(report.is_kept(), "{report}");
    let mut reasons: Vec<(String, usize)> = Vec::new();
    for result in report.not_applicable() {
        let conformance::Verdict::NotApplicable { reason } = &result.verdict else { unreachable!() };
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, count)) => *count += 1,
            None => reasons.push((reason.clone(), 1)),
        }
    }
    reasons
}

#[tokio::test(start_paused = true)]
async fn only_what_a_variant_lacks_is_left_out() {
    let reasons = |list: &[(&str, usize)]| list.iter().map(|(text, n)| ((*text).to_owned(), *n)).collect::<Vec<_>>();
    let drives = ("deploykit drives the instances", 8);
    assert_eq!(not_applicable(&full()).await, reasons(&[drives]));
    assert_eq!(
        not_applicable(&bare()).await,
        reasons(&[
            ("nothing has to be published", 2),
            ("it keeps no records", 6),
            ("it has no router for instances", 4),
            ("it cannot split requests", 5),
            drives,
            ("it does not tell of changes", 1),
        ])
    );
    assert_eq!(
        not_applicable(&full_platform()).await,
        reasons(&[
            ("the platform drives the instances", 10),
            ("it has no router for instances", 4),
            ("revisions run side by side as long as they are routed to", 1),
        ])
    );
}

#[test]
fn every_case_has_a_clause_and_a_name_of_its_own() {
    let cases = conformance::cases();
    let names: std::collections::BTreeSet<_> = cases.iter().map(conformance::Case::name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= 55, "{}", cases.len());
    for case in cases {
        assert!(case.clause().ends_with('.') && case.clause().len() > 30, "{case:?}: {}", case.clause());
    }
}
