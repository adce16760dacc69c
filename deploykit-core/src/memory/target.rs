//! The deployer of a target in memory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::builder::MemoryBuilder;
use super::faults::{Call, Fate, Fates, Faults};
use super::guarantees::{Guarantees, Violation};
use super::refusal::Refusal;
use super::shared::{Inner, Shared};
use super::stream;
use super::world::World;
use crate::action::{Action, Applied};
use crate::capability::Capabilities;
use crate::error::{Error, ErrorKind, Result};
use crate::lease::{Lease, LeaseRequest};
use crate::name::{ServiceName, TargetName};
use crate::observed::{InstanceId, Observed};
use crate::pin::Digest;
use crate::problem::SpecError;
use crate::spec::ServiceSpec;
use crate::target::{ChangeStream, Context, Deployer, LogOptions, LogStream};
use crate::time::Timestamp;

/// How long a lease lasts that another deployer took over by chance.
const STOLEN_FOR: Duration = Duration::from_secs(30);
/// A target in memory: instances, a router, records, leases, and time that passes as tokio's clock does.
///
/// A clone is another handle of the same target.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use deploykit_core::memory::MemoryTarget;
/// use deploykit_core::{Deployer, ServiceName};
///
/// let target = MemoryTarget::new("memory");
/// let seen = target.observe(&[ServiceName::new("orders")?]).await?;
/// assert!(seen[0].is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MemoryTarget {
    pub(super) shared: Arc<Shared>,
}

impl MemoryTarget {
    /// An empty target that does everything there is to do with instances: it routes by weight and by rule, keeps
    /// records and tells of changes. Nothing has to be published.
    ///
    /// # Panics
    /// If this is not a [`TargetName`].
    pub fn new(name: impl AsRef<str>) -> Self {
        Self::builder(name).build()
    }

    /// A target that does less, or does it otherwise.
    ///
    /// # Panics
    /// If this is not a [`TargetName`].
    pub fn builder(name: impl AsRef<str>) -> MemoryBuilder {
        MemoryBuilder::new(TargetName::new(name).expect("the name of a target"))
    }

    pub(super) fn assemble(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// The time on the target.
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// All there is on the target now.
    pub fn world(&self) -> World {
        // A file that cannot be read is told of by the next call; here, what is known counts.
        drop(self.shared.hold());
        self.shared.with_settled(World::clone)
    }

    /// Changes the world behind deploykit's back.
    ///
    /// # Panics
    /// If the target is kept in a file, and that cannot be read or written.
    pub fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut hold = self.shared.hold().map_err(|refusal| self.error(refusal, "edit")).expect("a world to edit");
        let inner = &mut *hold.inner;
        inner.world.settle(&self.shared.laws);
        let answer = change(&mut inner.world);
        inner.oracle.invalidate();
        inner.keep_history();
        inner.save().map_err(|refusal| self.error(refusal, "edit")).expect("a world to save");
        for service in inner.world.services.keys() {
            self.shared.tell(service);
        }
        answer
    }

    fn error(&self, refusal: Refusal, operation: &'static str) -> Error {
        refusal.into_error(operation, "the world", &self.shared.name)
    }

    /// Lets other things go wrong from now on. Counts of calls begin anew.
    pub fn set_faults(&self, faults: Faults) {
        let mut inner = self.shared.lock();
        inner.fates = Fates::new(faults);
        inner.history.clear();
        inner.keep_history();
        self.shared.crashed.send_replace(false);
    }

    /// Watches from now on what calls do to the instances of a service. New guarantees of the same service take the
    /// place of earlier ones. Only where deploykit drives the instances.
    pub fn watch_guarantees(&self, guarantees: Guarantees) {
        self.shared.lock().oracle.watch(guarantees);
    }

    /// What calls have done that they must not do.
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.lock().oracle.violations().to_vec()
    }

    /// How many effects calls have had: actions that changed something, and leases given out or back. That a lease was
    /// renewed does not count, since it depends on how long things take.
    pub fn effects(&self) -> u64 {
        self.shared.lock().effects
    }

    /// Returns once no call returns any more, because of [`Faults::crash_after`].
    pub async fn crashed(&self) {
        let mut crashed = self.shared.crashed.subscribe();
        // The sender lives as long as this handle.
        let _ = crashed.wait_for(|crashed| *crashed).await;
    }
}

#[async_trait]
impl Deployer for MemoryTarget {
    fn target(&self) -> &TargetName {
        &self.shared.name
    }

    fn capabilities(&self) -> Capabilities {
        self.shared.laws.caps.clone()
    }

    fn check(&self, spec: &ServiceSpec) -> Result<(), SpecError> {
        (self.shared.check)(spec)
    }

    async fn pin(&self, spec: &ServiceSpec) -> Result<Option<Digest>> {
        let pin = |inner: &mut Inner, _: &Fate| Ok(inner.world.pin(spec));
        self.shared.call(Call::Pin, "pin", spec.service.as_str(), pin).await
    }

    async fn services(&self) -> Result<BTreeSet<ServiceName>> {
        let laws = &self.shared.laws;
        let list = |inner: &mut Inner, _: &Fate| {
            inner.world.settle(laws);
            Ok(inner.world.names())
        };
        self.shared.call(Call::Services, "list", "services", list).await
    }

    async fn observe(&self, services: &[ServiceName]) -> Result<Vec<Observed>> {
        let laws = &self.shared.laws;
        let look = |inner: &mut Inner, fate: &Fate| {
            let mut past = fate.age.and_then(|age| inner.past(age));
            let is_told = past.is_none() && fate.failure.is_none();
            let now = inner.world.now;
            let world = past.as_mut().unwrap_or(&mut inner.world);
            let mut seen = Vec::with_capacity(services.len());
            for service in services {
                seen.push(world.observe(service, laws));
                if let Some(state) = world.services.get(service).filter(|_| is_told) {
                    inner.oracle.observed(service, state, laws.routes_instances(), now);
                }
            }
            Ok(seen)
        };
        let names: Vec<_> = services.iter().map(ServiceName::as_str).collect();
        self.shared.call(Call::Observe, "observe", &names.join(", "), look).await
    }

    async fn apply(&self, action: &Action, cx: &Context) -> Result<Applied> {
        let secrets = cx.secrets.keys().cloned().collect();
        let shared = &self.shared;
        let act = |inner: &mut Inner, fate: &Fate| {
            if fate.loses_lease {
                let until = inner.world.now.after(STOLEN_FOR);
                let state = inner.world.services.entry(action.service().clone()).or_default();
                state.lease.steal("another deployer", until);
            }
            let applied = inner.apply(action, cx.token, &secrets, &shared.laws)?;
            if applied == Applied::Changed {
                shared.note(inner, action.service())?;
            }
            Ok(applied)
        };
        let text = action.to_string();
        let subject = text.strip_prefix(action.verb()).unwrap_or(&text).trim_start();
        self.shared.call(Call::Apply, action.verb(), subject, act).await
    }

    async fn lease(&self, service: &ServiceName, request: &LeaseRequest) -> Result<Lease> {
        let shared = &self.shared;
        let answer = |inner: &mut Inner, _: &Fate| {
            let now = inner.world.now;
            let state = inner.world.services.entry(service.clone()).or_default();
            let (lease, applied) = state.lease.answer(request, now)?;
            match applied {
                Applied::Changed => shared.note(inner, service)?,
                Applied::Unchanged => inner.save()?,
            }
            Ok(lease)
        };
        let operation = match request {
            LeaseRequest::Acquire { .. } => "lease",
            LeaseRequest::Renew { .. } => "renew the lease of",
            LeaseRequest::Release { .. } => "release the lease of",
        };
        self.shared.call(Call::Lease, operation, service.as_str(), answer).await
    }

    async fn changes(&self) -> Result<Option<ChangeStream>> {
        let ready = |_: &mut Inner, _: &Fate| Ok(self.shared.laws.caps.changes);
        let tells = self.shared.call(Call::Changes, "watch", "services", ready).await?;
        Ok(tells.then(|| stream::changes(Arc::clone(&self.shared))))
    }

    async fn logs(&self, of: &InstanceId, options: &LogOptions) -> Result<LogStream> {
        let subject = of.to_string();
        self.shared.call(Call::Logs, "read the log of", &subject, |_, _| Ok(())).await?;
        stream::logs(Arc::clone(&self.shared), of, options)
            .ok_or_else(|| Refusal::new(ErrorKind::NotFound).into_error("read the log of", &subject, &self.shared.name))
    }
}
