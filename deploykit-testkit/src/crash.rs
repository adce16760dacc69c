//! Crashes at every point of a deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use deploykit_core::exec::{Outcome, Report};
use deploykit_core::memory::{Faults, Guarantees, MemoryTarget, World};
use deploykit_core::{Observed, Phase, PinnedSpec, Record, RecordStatus, ServiceName, ServiceSpec, State};

use crate::sandbox::{Sandbox, SandboxError, executor, in_virtual_time};

/// Kills a deployment of `after`, where `before` runs, once at each of its effects; see [`Sandbox::crash_everywhere`].
///
/// ```
/// use deploykit_core::spec::{Artifact, ServiceSpec};
/// use deploykit_testkit::crash_everywhere;
///
/// let orders = |image: &str| ServiceSpec::builder("orders", Artifact::image(image)).replicas(2).build();
/// let report = crash_everywhere([orders("shop/orders:1")?], [orders("shop/orders:2")?])?;
/// report.assert_safe();
/// assert!(report.crash_points() > 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SandboxError`] if the specs cannot be used or `before` cannot be deployed.
pub fn crash_everywhere(
    before: impl IntoIterator<Item = ServiceSpec>,
    after: impl IntoIterator<Item = ServiceSpec>,
) -> Result<CrashReport, SandboxError> {
    Sandbox::new().deployed(before).crash_everywhere(after)
}

/// What came of killing a deployment at each of its effects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct CrashReport {
    crash_points: u64,
    failures: Vec<CrashFailure>,
}

impl CrashReport {
    /// How many points there were to be killed at: the effects of the deployment.
    pub fn crash_points(&self) -> u64 {
        self.crash_points
    }

    /// What went wrong, by the point at which the deployment was killed.
    pub fn failures(&self) -> &[CrashFailure] {
        &self.failures
    }

    /// Whether every deployment that was killed got where it should be when it was run again, and no guarantee was
    /// broken on the way.
    pub fn is_safe(&self) -> bool {
        self.failures.is_empty()
    }

    /// Panics with everything that went wrong unless it [is safe](Self::is_safe).
    #[track_caller]
    pub fn assert_safe(&self) {
        assert!(self.is_safe(), "{self}");
    }
}

/// A summary, and a line for each failure.
impl fmt::Display for CrashReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { crash_points, failures } = self;
        write!(f, "killed at {crash_points} points, {} of them with bad ends", failures.len())?;
        failures.iter().try_for_each(|failure| write!(f, "\n{failure}"))
    }
}

/// A deployment that was killed and did not come to a good end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashFailure {
    /// After so many effects the deployment was killed; 0 if it was never killed.
    pub after_effects: u64,
    /// What went wrong.
    pub problems: Vec<String>,
}

impl fmt::Display for CrashFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "killed after effect {}: {}", self.after_effects, self.problems.join("; "))
    }
}

impl Sandbox {
    /// Kills a deployment once after each of its effects, runs it again each time, and looks what became of it.
    ///
    /// A deployment that was killed has to come to the same end as one that was not: the same outcome, instances,
    /// traffic and records; and neither it nor the one after it may break a guarantee of the strategy: never fewer
    /// available instances nor more in all than promised, requests only to what is ready, none cut off.
    ///
    /// # Errors
    /// [`SandboxError`] if the specs cannot be used, or what should be there before cannot be deployed.
    pub fn crash_everywhere(&self, specs: impl IntoIterator<Item = ServiceSpec>) -> Result<CrashReport, SandboxError> {
        let specs: Vec<_> = specs.into_iter().collect();
        let (world, end, crash_points, mut failures) = in_virtual_time(async {
            let target = self.begin(None).await?;
            let world = target.world();
            let target = self.begin(Some(world.clone())).await?;
            watch(&target, &world, &specs).await?;
            let report = executor(&target).deploy(specs.clone()).await?;
            let mut failures = Vec::new();
            let problems = broken(&target, &report);
            if !problems.is_empty() {
                failures.push(CrashFailure { after_effects: 0, problems });
            }
            Ok::<_, SandboxError>((world, End::of(&target, &report).await, target.effects(), failures))
        })?;
        for after_effects in 1..=crash_points {
            // Each in a time of its own: what one left behind must not wait in that of the next.
            let problems = in_virtual_time(self.crash_once(&world, &specs, after_effects, &end))?;
            if !problems.is_empty() {
                failures.push(CrashFailure { after_effects, problems });
            }
        }
        Ok(CrashReport { crash_points, failures })
    }

    async fn crash_once(
        &self,
        world: &World,
        specs: &[ServiceSpec],
        after_effects: u64,
        wanted: &End,
    ) -> Result<Vec<String>, SandboxError> {
        let target = self.begin(Some(world.clone())).await?;
        watch(&target, world, specs).await?;
        target.set_faults(Faults::none().crash_after(after_effects));
        let killed = executor(&target);
        tokio::select! {
            biased;
            () = target.crashed() => {}
            _ = killed.deploy(specs.to_vec()) => {}
        }
        drop(killed);
        target.set_faults(Faults::none());
        let report = executor(&target).deploy(specs.to_vec()).await?;
        let mut problems = broken(&target, &report);
        let end = End::of(&target, &report).await;
        problems.extend(wanted.differences(&end));
        Ok(problems)
    }
}

/// Guarantees that were broken.
fn broken(target: &MemoryTarget, report: &Report) -> Vec<String> {
    let cut = report.services.iter().filter(|(_, service)| service.cut_requests > 0);
    let cut = cut.map(|(name, service)| format!("{name}: {} requests were cut off", service.cut_requests));
    target.violations().iter().map(ToString::to_string).chain(cut).collect()
}

/// Watches what the change of these services promises.
async fn watch(target: &MemoryTarget, world: &World, specs: &[ServiceSpec]) -> Result<(), SandboxError> {
    for after in executor(target).pin(specs.to_vec()).await? {
        let state = world.services.get(after.service());
        let running = state.and_then(|state| state.records.values().max_by_key(|record| record.sequence));
        target.watch_guarantees(guarantees(running.map(|record| &*record.spec), &after));
    }
    Ok(())
}

/// What the change from what runs to a spec promises: the stricter floor and the looser ceiling of the two, since the
/// number of instances may change with it.
fn guarantees(before: Option<&PinnedSpec>, after: &PinnedSpec) -> Guarantees {
    let after = Guarantees::of(after);
    let Some(before) = before.map(Guarantees::of) else { return after.min_available(0) };
    let ceiling = before.max_total.max(after.max_total).unwrap_or(u32::MAX);
    let floor = before.min_available.min(after.min_available);
    after.max_total(ceiling).min_available(floor)
}

/// What can be seen of services at the end, apart from when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End(BTreeMap<ServiceName, ServiceEnd>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct ServiceEnd {
    outcome: String,
    instances: BTreeSet<String>,
    traffic: String,
    records: Vec<String>,
}

impl End {
    async fn of(target: &MemoryTarget, report: &Report) -> Self {
        let mut services = BTreeMap::new();
        for (name, service) in &report.services {
            let seen = deploykit_core::Deployer::observe(target, std::slice::from_ref(name)).await;
            let seen = seen.ok().and_then(|mut seen| seen.pop());
            let outcome = match &service.outcome {
                Outcome::Completed { .. } => "completed".to_owned(),
                other => other.to_string(),
            };
            services.insert(name.clone(), ServiceEnd::of(outcome, seen.as_ref()));
        }
        Self(services)
    }

    fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for (name, wanted) in &self.0 {
            let Some(got) = other.0.get(name) else {
                differences.push(format!("{name} is not in the report"));
                continue;
            };
            let pairs = [
                ("the outcome", &wanted.outcome, &got.outcome),
                ("instances", &format!("{:?}", wanted.instances), &format!("{:?}", got.instances)),
                ("traffic", &wanted.traffic, &got.traffic),
                ("records", &wanted.records.join(", "), &got.records.join(", ")),
            ];
            let differing = pairs.iter().filter(|(_, wanted, got)| wanted != got);
            differences.extend(differing.map(|(what, wanted, got)| format!("{name}: {what}: {got}, and not {wanted}")));
        }
        differences
    }
}

impl ServiceEnd {
    fn of(outcome: String, seen: Option<&Observed>) -> Self {
        let Some(seen) = seen else {
            return Self { outcome, instances: BTreeSet::new(), traffic: String::new(), records: Vec::new() };
        };
        let instances = match &seen.state {
            State::Instances(instances) => {
                let live = instances.iter().filter(|instance| instance.phase != Phase::Stopping);
                live.map(|instance| format!("{} {}", instance.id, instance.phase)).collect()
            }
            State::Platform(_) => {
                let counts = seen.counts();
                counts.iter().map(|(revision, count)| format!("{revision} {}/{}", count.ready, count.total)).collect()
            }
        };
        let traffic = seen.traffic.as_ref().map(|traffic| {
            let admitted = traffic.endpoints.iter().filter(|(_, endpoint)| !endpoint.draining);
            let admitted: Vec<_> = admitted.map(|(id, _)| id.to_string()).collect();
            format!("{} to {}", traffic.split.shares, admitted.join(", "))
        });
        let mut records: Vec<&Record> = seen.records.iter().collect();
        records.sort_by_key(|record| record.sequence);
        let records = records.iter().map(|record| {
            let status = match record.status {
                RecordStatus::Deploying => "deploying",
                RecordStatus::Deployed => "deployed",
                RecordStatus::Failed => "failed",
            };
            format!("{} {status}", record.revision())
        });
        Self { outcome, instances, traffic: traffic.unwrap_or_default(), records: records.collect() }
    }
}
