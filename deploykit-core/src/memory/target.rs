//! The deployer of a target in memory.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

use super::builder::MemoryBuilder;
use super::clock::Clock;
use super::effect::Laws;
use super::faults::{Call, Failure, Fate, Fates, Faults, Moment};
use super::instance::InstanceState;
use super::refusal::Refusal;
use super::save::{Locked, WorldFile};
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

/// A call that hangs is over after this time.
const HANG: Duration = Duration::from_hours(24);
/// How long a lease lasts that another deployer took over by chance.
const STOLEN_FOR: Duration = Duration::from_secs(30);
/// So many effects may wait for a slow reader of changes; it is told of all services if it misses some.
const CHANGES: usize = 1024;

pub(super) type Check = Arc<dyn Fn(&ServiceSpec) -> Result<(), SpecError> + Send + Sync>;

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

/// What the handles of one target share.
pub(super) struct Shared {
    name: TargetName,
    laws: Laws,
    check: Check,
    clock: Clock,
    state: Mutex<Inner>,
    changes: broadcast::Sender<ServiceName>,
    crashed: watch::Sender<bool>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}

struct Inner {
    world: World,
    fates: Fates,
    file: Option<WorldFile>,
    /// Earlier worlds, for observations that are out of date.
    history: VecDeque<World>,
    effects: u64,
}

/// The one who holds the state, and keeps other processes from it.
struct Hold<'a> {
    inner: MutexGuard<'a, Inner>,
    _locked: Option<Locked>,
}

impl Shared {
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) async fn sleep_until(&self, at: Timestamp) {
        self.clock.sleep_until(at).await;
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<ServiceName> {
        self.changes.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the state as it is now, with what other processes made of it.
    fn hold(&self) -> Result<Hold<'_>, Refusal> {
        let mut inner = self.lock();
        let mut locked = None;
        if let Some(file) = &mut inner.file {
            let broken = |error: super::WorldFileError| Refusal::new(ErrorKind::Unavailable).with("file", error);
            locked = Some(file.lock().map_err(broken)?);
            if let Some(world) = file.reload().map_err(broken)? {
                inner.world = world;
            }
        }
        inner.world.advance(self.now());
        Ok(Hold { inner, _locked: locked })
    }

    /// Looks at the world after all that is due has come true.
    pub(super) fn with_settled<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        let mut inner = self.lock();
        inner.world.advance(self.now());
        inner.world.settle(&self.laws);
        look(&inner.world)
    }

    pub(super) fn look_at(&self, id: &InstanceId) -> (Timestamp, Option<InstanceState>) {
        let mut inner = self.lock();
        inner.world.advance(self.now());
        (inner.world.now, inner.world.instance(id).cloned())
    }

    /// One call: it takes its time, may fail on the way in or out, and has its effect at once in between.
    async fn call<T>(
        &self,
        call: Call,
        operation: &'static str,
        subject: &str,
        effect: impl FnOnce(&mut Inner, &Fate) -> Result<T, Refusal> + Send,
    ) -> Result<T> {
        let fate = {
            let mut inner = self.lock();
            inner.world.requests.count(call);
            inner.fates.draw(call)
        };
        if !fate.latency.is_zero() {
            tokio::time::sleep(fate.latency).await;
        }
        if *self.crashed.borrow() {
            std::future::pending::<()>().await;
        }
        self.meet(fate.failure, Moment::Before, operation, subject).await?;
        let answer = {
            let mut hold = self.hold().map_err(|refusal| refusal.into_error(operation, subject, &self.name))?;
            let answer = effect(&mut hold.inner, &fate);
            if hold.inner.fates.faults.is_over_after(hold.inner.effects) {
                self.crashed.send_replace(true);
            }
            answer
        };
        if *self.crashed.borrow() {
            std::future::pending::<()>().await;
        }
        self.meet(fate.failure, Moment::After, operation, subject).await?;
        answer.map_err(|refusal| refusal.into_error(operation, subject, &self.name))
    }

    async fn meet(
        &self,
        failure: Option<(Failure, Moment)>,
        moment: Moment,
        operation: &'static str,
        subject: &str,
    ) -> Result<()> {
        match failure.filter(|(_, when)| *when == moment) {
            None => Ok(()),
            Some((Failure::Error(kind, retry), _)) => {
                let error = Error::new(kind, operation, subject, &self.name).with_context("cause", "an injected fault");
                Err(retry.into_iter().fold(error, Error::with_retry))
            }
            Some((Failure::Hang, _)) => {
                tokio::time::sleep(HANG).await;
                Err(Error::new(ErrorKind::Timeout, operation, subject, &self.name))
            }
        }
    }

    /// Writes down that a call had an effect, and tells whoever listens.
    fn note(&self, inner: &mut Inner, service: &ServiceName) -> Result<(), Refusal> {
        inner.effects += 1;
        inner.keep_history();
        inner.save()?;
        // Nobody has to listen.
        let _ = self.changes.send(service.clone());
        Ok(())
    }
}

impl Inner {
    fn save(&mut self) -> Result<(), Refusal> {
        match &mut self.file {
            None => Ok(()),
            Some(file) => {
                file.save(&self.world).map_err(|error| Refusal::new(ErrorKind::Unavailable).with("file", error))
            }
        }
    }

    fn keep_history(&mut self) {
        let Some(age) = self.fates.faults.keeps_history() else { return };
        let now = self.world.now;
        // The last one before the oldest age shows what was then.
        while self.history.get(1).is_some_and(|second| now.since(second.now) >= age) {
            self.history.pop_front();
        }
        self.history.push_back(self.world.clone());
    }

    /// The world as it was some time ago, if that is known.
    fn past(&self, age: Duration) -> Option<World> {
        let then = Timestamp::from_millis(self.world.now.as_millis().saturating_sub(millis(age)));
        let mut past = self.history.iter().rev().find(|world| world.now <= then)?.clone();
        past.advance(then);
        Some(past)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
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

    pub(super) fn assemble(
        name: TargetName,
        laws: Laws,
        check: Check,
        base: Timestamp,
        faults: Faults,
        world: World,
        file: Option<WorldFile>,
    ) -> Self {
        let clock = Clock::new(base.max(world.now));
        let fates = Fates::new(faults);
        let state = Mutex::new(Inner { world, fates, file, history: VecDeque::new(), effects: 0 });
        let (changes, _) = broadcast::channel(CHANGES);
        let (crashed, _) = watch::channel(false);
        Self { shared: Arc::new(Shared { name, laws, check, clock, state, changes, crashed }) }
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
        inner.keep_history();
        inner.save().map_err(|refusal| self.error(refusal, "edit")).expect("a world to save");
        for service in inner.world.services.keys() {
            let _ = self.shared.changes.send(service.clone());
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
        let look = |inner: &mut Inner, fate: &Fate| match fate.age.and_then(|age| inner.past(age)) {
            Some(mut past) => Ok(services.iter().map(|service| past.observe(service, laws)).collect()),
            None => Ok(services.iter().map(|service| inner.world.observe(service, laws)).collect()),
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
            let applied = inner.world.apply(action, cx.token, &secrets, &shared.laws)?;
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
