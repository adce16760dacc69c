//! Deployments in virtual time, with faults, crashes and rivals, by seed.
//!
//! `DEPLOYKIT_SEEDS=10000` runs so many seeds, `DEPLOYKIT_SEED=17` one again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deploykit_core::exec::{Executor, Options, Outcome, Targets};
use deploykit_core::memory::{Behaviour, Faults, MemoryTarget};
use deploykit_core::plan::preview;
use deploykit_core::spec::{Artifact, BlueGreen, Canary, OnFailure, Rolling, ServiceSpec, Stage, Strategy};
use deploykit_core::units::{Amount, Share};
use deploykit_core::{Control, Deployer, Goal, ServiceName};

mod witness;

use witness::{Law, Witness, running};

/// Splitmix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn number(&mut self, limit: u32) -> u32 {
        u32::try_from(self.below(limit.into())).expect("below the limit")
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    SlowStart,
    NeverReady,
    CrashLoop,
    CrashOnce,
    Flapping,
    LyingProbe,
}

/// All that a seed decides.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a coin of its own")]
struct Scenario {
    seed: u64,
    replicas: u32,
    strategy: Strategy,
    on_failure: OnFailure,
    control: Control,
    router: bool,
    publish: bool,
    changes: bool,
    trouble: Trouble,
    faults: bool,
    stale: bool,
    rival: bool,
    /// Kill the executor after so many milliseconds.
    crash: Option<u64>,
}

impl Scenario {
    fn of(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let router = dice.chance(60);
        let control = if dice.chance(15) { Control::Platform } else { Control::Instances };
        let splits = router;
        let (surge, unavailable) = match dice.below(6) {
            0 => (1, 0),
            1 => (0, 1),
            2 => (1, 1),
            3 => (2, 0),
            4 => (3, 2),
            _ => (2, 1),
        };
        let min_ready = Duration::from_secs(dice.below(2) * 3);
        let strategy = match dice.below(if splits { 8 } else { 5 }) {
            0 => Strategy::Recreate,
            1..=4 => {
                let (max_surge, max_unavailable) = (Amount::Count(surge), Amount::Count(unavailable));
                Strategy::Rolling(Rolling { max_surge, max_unavailable, min_ready })
            }
            5 => Strategy::BlueGreen(BlueGreen { min_ready, ..BlueGreen::default() }),
            _ => {
                let stage = |share, hold| Stage {
                    share: Share::percent(share),
                    hold: Duration::from_secs(hold),
                    ..Stage::default()
                };
                Strategy::Canary(Canary { min_ready, stages: vec![stage(0, 0), stage(20, 5), stage(60, 10)] })
            }
        };
        let trouble = match dice.below(14) {
            0..=4 => Trouble::None,
            5 | 6 => Trouble::SlowStart,
            7 => Trouble::NeverReady,
            8 => Trouble::CrashLoop,
            9 | 10 => Trouble::CrashOnce,
            11 => Trouble::Flapping,
            _ => Trouble::LyingProbe,
        };
        let on_failure = match dice.below(4) {
            0 => OnFailure::Halt,
            1 => OnFailure::Leave,
            _ => OnFailure::RollBack,
        };
        Self {
            seed,
            replicas: 1 + dice.number(5),
            strategy,
            on_failure,
            control,
            router,
            publish: dice.chance(30),
            changes: dice.chance(70),
            trouble,
            faults: dice.chance(50),
            stale: dice.chance(30),
            rival: dice.chance(30),
            crash: dice.chance(40).then(|| dice.below(40_000)),
        }
    }

    /// Nothing lies, nothing dies: the world itself has to keep the guarantees at every moment.
    fn is_clean(&self) -> bool {
        // A platform rolls by itself; what it keeps is its own.
        self.control == Control::Instances
            && !self.faults
            && matches!(self.trouble, Trouble::None | Trouble::SlowStart | Trouble::NeverReady)
    }

    /// Whether the second version can ever run.
    fn is_possible(&self) -> bool {
        // What a platform makes of an instance that crashed is the platform's own.
        let crashes = self.trouble == Trouble::CrashOnce && self.control == Control::Platform;
        !crashes
            && !matches!(
                self.trouble,
                Trouble::NeverReady | Trouble::CrashLoop | Trouble::Flapping | Trouble::LyingProbe
            )
    }

    fn target(&self) -> MemoryTarget {
        let second = |behaviour: Behaviour| behaviour.of_reference(":2");
        let builder = MemoryTarget::builder("memory")
            .control(self.control)
            .router(self.router)
            .publish(self.publish)
            .changes(self.changes)
            .in_flight(3, Duration::from_secs(self.seed % 15));
        let builder = match self.trouble {
            Trouble::None => builder,
            Trouble::SlowStart => {
                builder.behaviour(second(Behaviour::new()).start_time(Duration::from_secs(25)).ordinals(1..))
            }
            Trouble::NeverReady => builder.behaviour(second(Behaviour::new()).never_ready()),
            Trouble::CrashLoop => builder.behaviour(second(Behaviour::new()).exits(Duration::from_secs(2), 1)),
            Trouble::CrashOnce => {
                builder.behaviour(second(Behaviour::new()).attempts(0..1).exits(Duration::from_secs(4), 137))
            }
            Trouble::Flapping => {
                builder.behaviour(second(Behaviour::new()).flaps(Duration::from_secs(4), Duration::from_secs(3)))
            }
            Trouble::LyingProbe => {
                builder.behaviour(second(Behaviour::new()).lying_probe(Duration::from_secs(3), None))
            }
        };
        builder.build()
    }

    fn faults(&self) -> Faults {
        if !self.faults {
            return Faults::none();
        }
        let faults = Faults::seeded(self.seed)
            .before(5)
            .after(5)
            .throttle(2, Duration::from_secs(2))
            .hang(1)
            .latency(Duration::ZERO..Duration::from_millis(300));
        if self.stale { faults.stale(5, Duration::from_secs(2)) } else { faults }
    }

    fn spec(&self, version: u32) -> ServiceSpec {
        let spec = ServiceSpec::builder("web", Artifact::image(format!("web:{version}"))).replicas(self.replicas);
        let mut spec = spec.strategy(self.strategy.clone()).build().expect("a spec");
        spec.on_failure = self.on_failure;
        spec.deadline = Duration::from_mins(2);
        spec
    }
}

struct Stage2 {
    target: MemoryTarget,
    law: Arc<Mutex<Law>>,
    broken: Arc<Mutex<Vec<String>>>,
    clean: bool,
}

impl Stage2 {
    fn executor(&self, holder: &str) -> Executor {
        let witness = Witness::new(self.target.clone(), Arc::clone(&self.law), Arc::clone(&self.broken), self.clean);
        let options = Options::new()
            .with_holder(holder)
            .with_jitter(None)
            .with_wait_for_lease(Duration::from_mins(20))
            .with_recorded_steps(true);
        Executor::builder(Targets::single(witness)).with_options(options).build()
    }
}

/// Longer than any run may last by its own deadlines.
const FOR_EVER: Duration = Duration::from_hours(6);

async fn simulate(scenario: &Scenario) -> Result<(), String> {
    let service = ServiceName::new("web").expect("a name");
    let target = scenario.target();
    let pinned = |version| {
        let (target, spec) = (target.clone(), scenario.spec(version));
        async move {
            let pins = deploykit_core::Pins { artifact: target.pin(&spec).await.expect("pins"), ..Default::default() };
            Arc::new(deploykit_core::PinnedSpec::new(spec, pins).expect("all pinned"))
        }
    };
    let (first, second) = (pinned(1).await, pinned(2).await);
    let law = Arc::new(Mutex::new(Law::of(&first)));
    let broken = Arc::new(Mutex::new(Vec::new()));
    let stage = Stage2 { target: target.clone(), law, broken: Arc::clone(&broken), clean: scenario.is_clean() };
    let verdict = || {
        let broken = broken.lock().expect("no one panicked");
        if broken.is_empty() { Ok(()) } else { Err(broken.join("\n  ")) }
    };

    // The first version, when nothing goes wrong: what is shown is what is done.
    let executor = stage.executor("first");
    let plan = executor.plan(vec![Goal::Run(first.clone())]).await.map_err(|error| error.to_string())?;
    let shown: Vec<_> =
        plan.services[0].rounds.iter().map(|round| round.steps.clone()).filter(|s| !s.is_empty()).collect();
    let report = in_time(executor.run(&plan)).await?.map_err(|error| error.to_string())?;
    let done = &report.services[&service].done;
    if scenario.control == Control::Instances && *done != shown {
        return Err(format!("shown {shown:?}\n  done {done:?}"));
    }
    if !report.is_success() {
        return Err(format!("the first version ended {:?}", report.services[&service].outcome));
    }

    // The second one, with all that the seed brings.
    target.set_faults(scenario.faults());
    let goal = Goal::Run(second.clone());
    let (one, other) = (stage.executor("one"), stage.executor("other"));
    let run = |executor: Executor, goal: Goal| async move {
        let plan = executor.plan(vec![goal]).await;
        match plan {
            Ok(plan) => executor.run(&plan).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    };
    let rival = scenario.rival.then(|| tokio::spawn(run(other, goal.clone())));
    let mine = run(one, goal.clone());
    let mut outcome = match scenario.crash {
        Some(after) => tokio::time::timeout(Duration::from_millis(after), mine).await.ok(),
        None => Some(in_time(mine).await?),
    };
    if let Some(rival) = rival {
        let theirs = in_time(rival).await?.map_err(|error| error.to_string())?;
        outcome = outcome.or(Some(theirs));
    }
    verdict()?;

    // Once nothing goes wrong any more, running again ends at the goal, or goes back in good order.
    target.set_faults(Faults::none());
    let again = stage.executor("again");
    let plan = again.plan(vec![goal.clone()]).await.map_err(|error| error.to_string())?;
    let report = in_time(again.run(&plan)).await?.map_err(|error| error.to_string())?;
    verdict()?;
    let ended = &report.services[&service].outcome;
    let counts = running(&target, &service);
    let is_all = |version: &deploykit_core::PinnedSpec| {
        let name = format!("{} ready", version.revision());
        counts.len() == 1 && counts.get(&name).copied() == Some(scenario.replicas as usize)
    };
    let instances = scenario.control == Control::Instances;
    match ended {
        Outcome::Completed { .. } if instances && !is_all(&second) && scenario.is_possible() => {
            Err(format!("completed, but there is {counts:?}; before: {outcome:?}"))
        }
        Outcome::Completed { .. } => Ok(()),
        Outcome::RolledBack { to: Some(to), .. } if *to == *first.revision() && (!instances || is_all(&first)) => {
            possible(scenario, ended)
        }
        Outcome::RolledBack { to: None, .. } if counts.is_empty() => possible(scenario, ended),
        // What had come to its end before it went bad is mended and not rolled back.
        Outcome::Halted { .. } | Outcome::Failed { .. }
            if scenario.on_failure != OnFailure::RollBack || has_worked(&target, &second) =>
        {
            possible(scenario, ended)
        }
        ended => Err(format!("ended {ended} with {counts:?}; before: {outcome:?}")),
    }
}

fn has_worked(target: &MemoryTarget, spec: &deploykit_core::PinnedSpec) -> bool {
    let world = target.world();
    let records = world.services.get(spec.service()).map(|state| &state.records);
    records.and_then(|records| records.get(spec.revision())).is_some_and(deploykit_core::Record::is_proven)
}

fn possible(scenario: &Scenario, ended: &Outcome) -> Result<(), String> {
    if scenario.is_possible() { Err(format!("nothing was wrong, but it ended {ended}")) } else { Ok(()) }
}

async fn in_time<T>(what: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(FOR_EVER, what).await.map_err(|_| "it hangs".to_owned())
}

fn run(seed: u64) -> Result<(), String> {
    let scenario = Scenario::of(seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(simulate(&scenario)).map_err(|what| format!("seed {seed}: {what}\n{scenario:#?}"))
}

#[expect(clippy::disallowed_methods, reason = "how many seeds to run is told by the environment")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number of seeds"))
}

#[test]
fn guarantees_hold_whatever_happens() {
    if let Some(seed) = number("DEPLOYKIT_SEED") {
        run(seed).unwrap_or_else(|what| panic!("{what}"));
        return;
    }
    let seeds = number("DEPLOYKIT_SEEDS").unwrap_or(1000);
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers as u64)
            .map(|worker| {
                scope.spawn(move || (worker..seeds).step_by(workers).filter_map(|s| run(s).err()).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a worker")).collect()
    });
    println!("{seeds} seeds, {} failed", failures.len());
    assert!(failures.is_empty(), "{}", failures.iter().take(5).cloned().collect::<Vec<_>>().join("\n\n"));
}

/// `preview` and the run of a whole rollout are the same steps in the same rounds, for each strategy.
#[tokio::test(start_paused = true)]
async fn what_is_shown_is_what_is_done() {
    for seed in 0..300 {
        let scenario = Scenario { trouble: Trouble::None, control: Control::Instances, ..Scenario::of(seed) };
        let builder =
            MemoryTarget::builder("memory").router(scenario.router).publish(scenario.publish).changes(scenario.changes);
        let target = builder.build();
        let options = Options::new().with_recorded_steps(true).with_jitter(None);
        let executor = Executor::builder(Targets::single(target.clone())).with_options(options).build();
        for version in [1, 2, 1] {
            let specs = executor.pin(vec![scenario.spec(version)]).await.expect("pins");
            let goal = Goal::Run(specs[0].clone());
            let plan = executor.plan(vec![goal.clone()]).await.expect("plans");
            let shown = preview(&goal, &plan.services[0].basis, &target.capabilities()).expect("plans");
            let shown: Vec<_> = shown.into_iter().map(|round| round.steps).filter(|steps| !steps.is_empty()).collect();
            let report = executor.run(&plan).await.expect("runs");
            let service = report.services.values().next().expect("one service");
            assert_eq!(shown, service.done, "seed {seed}, version {version}");
        }
    }
}
