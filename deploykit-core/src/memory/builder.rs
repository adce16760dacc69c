//! Targets in memory that do less, or do it otherwise.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::behaviour::{Behaviour, Behaviours};
use super::clock::DEFAULT_BASE;
use super::effect::Laws;
use super::faults::Faults;
use super::router::Load;
use super::save::{WorldFile, WorldFileError};
use super::shared::{Check, Shared, Start};
use super::target::MemoryTarget;
use super::world::World;
use crate::capability::{Capabilities, Control};
use crate::name::TargetName;
use crate::problem::SpecError;
use crate::spec::ServiceSpec;
use crate::time::Timestamp;

/// Builds a [`MemoryTarget`].
#[must_use]
pub struct MemoryBuilder {
    name: TargetName,
    laws: Laws,
    check: Check,
    base: Timestamp,
    faults: Faults,
    world: World,
}

impl std::fmt::Debug for MemoryBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

fn capabilities() -> Capabilities {
    let mut caps = Capabilities::new(Control::Instances, ["image", "jar", "war", "machine", "function"]);
    caps.records = true;
    caps.route = true;
    caps.weights = true;
    caps.match_rules = true;
    caps.changes = true;
    caps
}

impl MemoryBuilder {
    pub(super) fn new(name: TargetName) -> Self {
        Self {
            name,
            laws: Laws {
                caps: capabilities(),
                behaviours: Behaviours { start_time: Duration::from_secs(1), rules: Vec::new() },
                stop_time: Duration::ZERO,
                load: Load::default(),
            },
            check: Arc::new(|_| Ok(())),
            base: DEFAULT_BASE,
            faults: Faults::none(),
            world: World::new(),
        }
    }

    /// Calls it something else.
    pub fn name(mut self, name: TargetName) -> Self {
        self.name = name;
        self
    }

    /// Says who drives a rollout. A platform refuses submissions decided on an older version, and has no router unless
    /// it is given one.
    pub fn control(mut self, control: Control) -> Self {
        self.laws.caps.control = control;
        self.laws.caps.compare_and_swap = control == Control::Platform;
        self.router(control == Control::Instances)
    }

    /// Says whether it has a router. Default: with instances, yes; on a platform, no.
    pub fn router(mut self, router: bool) -> Self {
        self.laws.caps.route = router;
        self.laws.caps.weights = router;
        self.laws.caps.match_rules = router;
        self
    }

    /// Says whether artifacts have to be published before they run. Default: no.
    pub fn publish(mut self, publish: bool) -> Self {
        self.laws.caps.publish = publish;
        self
    }

    /// Says whether it tells of changes. Default: yes.
    pub fn changes(mut self, changes: bool) -> Self {
        self.laws.caps.changes = changes;
        self
    }

    /// Declares other capabilities. What is no longer declared is refused when it is asked for.
    pub fn capabilities(mut self, change: impl FnOnce(&mut Capabilities)) -> Self {
        change(&mut self.laws.caps);
        self
    }

    /// Refuses specs beyond what capabilities can say, as [`Deployer::check`](crate::Deployer::check) does.
    pub fn check(mut self, check: impl Fn(&ServiceSpec) -> Result<(), SpecError> + Send + Sync + 'static) -> Self {
        self.check = Arc::new(check);
        self
    }

    /// How long an instance takes to get ready. Default: 1s.
    pub fn start_time(mut self, time: Duration) -> Self {
        self.laws.behaviours.start_time = time;
        self
    }

    /// How long an instance takes to stop, at most its grace. Default: none.
    pub fn stop_time(mut self, time: Duration) -> Self {
        self.laws.stop_time = time;
        self
    }

    /// Every admitted instance has so many requests under way, which go on for so long after it was withdrawn.
    /// Default: none.
    pub fn in_flight(mut self, requests: u32, lasting: Duration) -> Self {
        self.laws.load = Load { in_flight: requests, lasting };
        self
    }

    /// Adds a rule of how instances behave.
    pub fn behaviour(mut self, behaviour: Behaviour) -> Self {
        self.laws.behaviours.rules.push(behaviour);
        self
    }

    /// Lets things go wrong.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Begins with this world. Its time counts if it is later than [`base`](Self::base).
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// What time it is at the start. Default: 2026-01-01T00:00:00Z, so that tests do the same each time.
    pub fn base(mut self, base: Timestamp) -> Self {
        self.base = base;
        self
    }

    /// The target, kept in memory alone.
    pub fn build(self) -> MemoryTarget {
        self.assemble(None)
    }

    /// The target, kept in a file: whoever opens the same file next finds it as it was left. If there is no such
    /// file, it begins with the given world and is written with the first change.
    ///
    /// Each change is written beside the file and moved into place, so that a process that is killed leaves the world
    /// before or after its last change. Processes that use the file at the same time take turns.
    ///
    /// # Errors
    /// [`WorldFileError`] if the file cannot be read, or holds something else than a world, and is left as it is.
    pub fn open(mut self, path: impl AsRef<Path>) -> Result<MemoryTarget, WorldFileError> {
        let (file, found) = WorldFile::open(path.as_ref())?;
        self.world = found.unwrap_or(self.world);
        Ok(self.assemble(Some(file)))
    }

    fn assemble(self, file: Option<WorldFile>) -> MemoryTarget {
        let Self { name, laws, check, base, faults, world } = self;
        MemoryTarget::assemble(Shared::new(name, laws, check, base, Start { world, faults, file }))
    }
}
