//! A place to try things out: a target in memory, in virtual time.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use deploykit_core::exec::{Executor, Options, Report, RunError, SecretError, SecretReader, Targets};
use deploykit_core::memory::{MemoryBuilder, MemoryTarget, World};
use deploykit_core::plan::Plan;
use deploykit_core::spec::SecretSource;
use deploykit_core::{DigestKey, Goal, ServiceName, ServiceSpec};
use secrecy::SecretString;

/// A target in memory with what was deployed to it, to plan on and to deploy to, in virtual time.
///
/// It can be used in any test, with or without a runtime, and takes no more than the time to compute. Secrets have made
/// up values, so none has to be set: the same for the same source.
///
/// ```
/// use deploykit_core::spec::{Artifact, ServiceSpec};
/// use deploykit_core::memory::MemoryTarget;
/// use deploykit_testkit::{Sandbox, expect};
///
/// let orders = |image: &str| ServiceSpec::builder("orders", Artifact::image(image)).replicas(2).build();
/// let sandbox = Sandbox::new()
///     .on(|| MemoryTarget::builder("engine").router(false))
///     .deployed([orders("shop/orders:1")?])
///     .deployed([orders("shop/orders:2")?]);
/// expect(&sandbox.plan([orders("shop/orders:3")?])?).replaces("artifact").never_below(2);
/// expect(&sandbox.plan_rollback("orders", None)?).replaces("artifact");
/// expect(&sandbox.plan_removal(["orders"])?).touches_only(["orders"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Sandbox {
    target: Arc<dyn Fn() -> MemoryBuilder + Send + Sync>,
    before: Vec<Vec<ServiceSpec>>,
}

/// Why a sandbox has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// No plan can be made, or nothing could be begun.
    #[error(transparent)]
    Run(#[from] RunError),
    /// What should have been there before could not be deployed.
    #[error("what should be there before cannot be deployed: {0}")]
    Before(Report),
    /// A name is none of a service.
    #[error(transparent)]
    Name(#[from] deploykit_core::NameError),
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("before", &self.before.len()).finish_non_exhaustive()
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

/// Plans the change from one set of specs to another: what would be done if `after` were deployed where `before` runs.
///
/// # Errors
/// [`SandboxError`] if specs cannot be used, or `before` cannot be deployed.
pub fn plan_change(
    before: impl IntoIterator<Item = ServiceSpec>,
    after: impl IntoIterator<Item = ServiceSpec>,
) -> Result<Plan, SandboxError> {
    Sandbox::new().deployed(before).plan(after)
}

impl Sandbox {
    /// A target in memory that can do everything, with nothing on it.
    pub fn new() -> Self {
        Self { target: Arc::new(|| MemoryTarget::builder("memory")), before: Vec::new() }
    }

    /// A target like this in place of one that can do everything.
    pub fn on(mut self, target: impl Fn() -> MemoryBuilder + Send + Sync + 'static) -> Self {
        self.target = Arc::new(target);
        self
    }

    /// These services are deployed first; again, after those of an earlier call.
    pub fn deployed(mut self, specs: impl IntoIterator<Item = ServiceSpec>) -> Self {
        self.before.push(specs.into_iter().collect());
        self
    }

    /// Plans to deploy these services.
    ///
    /// # Errors
    /// [`SandboxError`].
    pub fn plan(&self, specs: impl IntoIterator<Item = ServiceSpec>) -> Result<Plan, SandboxError> {
        let specs: Vec<_> = specs.into_iter().collect();
        in_virtual_time(async {
            let executor = executor(&self.begin(None).await?);
            let goals = executor.pin(specs).await?.into_iter().map(Goal::Run).collect();
            Ok(executor.plan(goals).await?)
        })
    }

    /// Plans to remove these services.
    ///
    /// # Errors
    /// [`SandboxError`].
    pub fn plan_removal<S: AsRef<str>>(&self, services: impl IntoIterator<Item = S>) -> Result<Plan, SandboxError> {
        let goals = services.into_iter().map(|name| ServiceName::new(name).map(Goal::Remove));
        let goals: Vec<_> = goals.collect::<Result<_, _>>()?;
        in_virtual_time(async { Ok(executor(&self.begin(None).await?).plan(goals).await?) })
    }

    /// Plans to go back: to the revision that begins with `to` or has this number, or else to the last one that was
    /// deployed before the present one.
    ///
    /// # Errors
    /// [`SandboxError`].
    pub fn plan_rollback(&self, service: &str, to: Option<&str>) -> Result<Plan, SandboxError> {
        let service = ServiceName::new(service)?;
        in_virtual_time(async {
            let executor = executor(&self.begin(None).await?);
            let not_there = || RunError::NotFound { service: service.clone(), targets: Vec::new() };
            let (_, seen) = executor.status(std::slice::from_ref(&service)).await?.pop().ok_or_else(not_there)?;
            let goal = deploykit_core::plan::rollback_goal(&seen, to)
                .map_err(|reason| RunError::Rollback { service: service.clone(), reason })?;
            Ok(executor.plan(vec![goal]).await?)
        })
    }

    /// The target with all on it that was deployed before; or one that begins with a world that is known already.
    pub(crate) async fn begin(&self, world: Option<World>) -> Result<MemoryTarget, SandboxError> {
        let builder = (self.target)();
        let Some(world) = world else {
            let target = builder.build();
            for specs in &self.before {
                let report = executor(&target).deploy(specs.clone()).await?;
                if !report.is_success() {
                    return Err(SandboxError::Before(report));
                }
            }
            return Ok(target);
        };
        Ok(builder.world(world).build())
    }
}

/// An executor that does the same each time.
pub(crate) fn executor(target: &MemoryTarget) -> Executor {
    let options = Options::new().with_jitter(None).with_time(target.now());
    Executor::builder(Targets::single(target.clone()))
        .with_options(options.with_wait_for_lease(std::time::Duration::from_mins(10)))
        .with_secrets(MadeUp)
        .with_digest_key(DigestKey::new(*b"a key for tests alone").expect("it is long enough"))
        .build()
}

/// Secrets whose values are made up from where they come from.
#[derive(Clone, Copy, Debug)]
struct MadeUp;

#[async_trait]
impl SecretReader for MadeUp {
    async fn read(&self, source: &SecretSource) -> Result<SecretString, SecretError> {
        Ok(SecretString::from(format!("{source:?}")))
    }
}

/// Runs this to its end on a clock of its own, which jumps to the next thing that is waited for.
///
/// In a thread of its own, so that a test may have a runtime and need not.
pub(crate) fn in_virtual_time<T: Send>(work: impl Future<Output = T> + Send) -> T {
    let run = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().expect("a runtime without I/O can be built");
        runtime.block_on(work)
    };
    let done = std::thread::scope(|scope| scope.spawn(run).join());
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
