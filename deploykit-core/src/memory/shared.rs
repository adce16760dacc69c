//! The state that the handles of a target in memory share, and what a call goes through.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, watch};

use super::clock::Clock;
use super::effect::Laws;
use super::faults::{Call, Failure, Fate, Fates, Faults, Moment};
use super::instance::InstanceState;
use super::oracle::Oracle;
use super::refusal::Refusal;
use super::save::{Locked, WorldFile};
use super::world::World;
use crate::action::{Action, Applied};
use crate::error::{Error, ErrorKind, Result};
use crate::lease::FencingToken;
use crate::name::{ServiceName, TargetName, VarName};
use crate::observed::InstanceId;
use crate::problem::SpecError;
use crate::spec::ServiceSpec;
use crate::time::Timestamp;

/// A call that hangs is over after this time.
const HANG: Duration = Duration::from_hours(24);
/// So many effects may wait for a slow reader of changes; it is told of all services if it misses some.
const CHANGES: usize = 256;

pub(super) type Check = Arc<dyn Fn(&ServiceSpec) -> Result<(), SpecError> + Send + Sync>;

/// What a target begins with.
pub(super) struct Start {
    pub(super) world: World,
    pub(super) faults: Faults,
    pub(super) file: Option<WorldFile>,
}

/// What the handles of one target share.
pub(super) struct Shared {
    pub(super) name: TargetName,
    pub(super) laws: Laws,
    pub(super) check: Check,
    clock: Clock,
    state: Mutex<Inner>,
    changes: broadcast::Sender<ServiceName>,
    pub(super) crashed: watch::Sender<bool>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The state of a target.
pub(super) struct Inner {
    pub(super) world: World,
    pub(super) fates: Fates,
    pub(super) oracle: Oracle,
    file: Option<WorldFile>,
    /// Earlier worlds, for observations that are out of date.
    pub(super) history: VecDeque<World>,
    pub(super) effects: u64,
}

/// The one who holds the state, and keeps other processes from it.
pub(super) struct Hold<'a> {
    pub(super) inner: MutexGuard<'a, Inner>,
    _locked: Option<Locked>,
}

impl Shared {
    pub(super) fn new(name: TargetName, laws: Laws, check: Check, base: Timestamp, start: Start) -> Self {
        let Start { world, faults, file } = start;
        let clock = Clock::new(base.max(world.now));
        let (fates, oracle) = (Fates::new(faults), Oracle::default());
        let mut inner = Inner { world, fates, oracle, file, history: VecDeque::new(), effects: 0 };
        inner.keep_history();
        let state = Mutex::new(inner);
        let (changes, _) = broadcast::channel(CHANGES);
        let (crashed, _) = watch::channel(false);
        Self { name, laws, check, clock, state, changes, crashed }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) async fn sleep_until(&self, at: Timestamp) {
        self.clock.sleep_until(at).await;
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<ServiceName> {
        self.changes.subscribe()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the state as it is now, with what other processes made of it.
    pub(super) fn hold(&self) -> Result<Hold<'_>, Refusal> {
        let mut inner = self.lock();
        let mut locked = None;
        if let Some(file) = &mut inner.file {
            let broken = |error: super::WorldFileError| Refusal::new(ErrorKind::Unavailable).with("file", error);
            locked = Some(file.lock().map_err(broken)?);
            if let Some(world) = file.reload().map_err(broken)? {
                inner.world = world;
                inner.oracle.invalidate();
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

    /// An instance, whoever drives it, and the time.
    pub(super) fn look_at(&self, id: &InstanceId) -> (Timestamp, Option<InstanceState>) {
        self.with_settled(|world| {
            let driven = || world.services.get(&id.service)?.engine.instance(&id.revision, id.ordinal);
            (world.now, world.instance(id).cloned().or_else(driven))
        })
    }

    /// One call: it takes its time, may fail on the way in or out, and has its effect at once in between.
    pub(super) async fn call<T>(
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
    pub(super) fn note(&self, inner: &mut Inner, service: &ServiceName) -> Result<(), Refusal> {
        inner.effects += 1;
        inner.keep_history();
        inner.save()?;
        self.tell(service);
        Ok(())
    }

    /// Tells whoever listens; nobody has to.
    pub(super) fn tell(&self, service: &ServiceName) {
        let _ = self.changes.send(service.clone());
    }
}

impl Inner {
    /// Applies an action under the eyes of the oracle.
    pub(super) fn apply(
        &mut self,
        action: &Action,
        token: FencingToken,
        secrets: &BTreeSet<VarName>,
        laws: &Laws,
    ) -> Result<Applied, Refusal> {
        let (now, service) = (self.world.now, action.service());
        let routed = laws.routes_instances();
        let judgement = self.oracle.judge(action, self.world.services.get(service), routed, now);
        let applied = self.world.apply(action, token, secrets, laws)?;
        if let (Applied::Changed, Some(state)) = (applied, self.world.services.get(service)) {
            self.oracle.note(action, judgement, state, routed, now);
        }
        Ok(applied)
    }

    pub(super) fn save(&mut self) -> Result<(), Refusal> {
        match &mut self.file {
            None => Ok(()),
            Some(file) => {
                file.save(&self.world).map_err(|error| Refusal::new(ErrorKind::Unavailable).with("file", error))
            }
        }
    }

    pub(super) fn keep_history(&mut self) {
        let Some(age) = self.fates.faults.keeps_history() else { return };
        let now = self.world.now;
        // The last one before the oldest age shows what was then.
        while self.history.get(1).is_some_and(|second| now.since(second.now) >= age) {
            self.history.pop_front();
        }
        self.history.push_back(self.world.clone());
    }

    /// The world as it was some time ago, if that is known.
    pub(super) fn past(&self, age: Duration) -> Option<World> {
        let then = Timestamp::from_millis(self.world.now.as_millis().saturating_sub(millis(age)));
        let mut past = self.history.iter().rev().find(|world| world.now <= then)?.clone();
        past.advance(then);
        Some(past)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
