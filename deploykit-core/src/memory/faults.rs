//! Things that go wrong with a target in memory, by chance from a seed or as scripted.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::random::Random;
use crate::error::{ErrorKind, Retry};

/// Which method of a deployer is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Call {
    /// `observe`.
    Observe,
    /// `apply`.
    Apply,
    /// `lease`.
    Lease,
    /// `pin`.
    Pin,
    /// `services`.
    Services,
    /// `changes`.
    Changes,
    /// `logs`.
    Logs,
}

/// What goes wrong, and how often. The same seed and the same calls in the same order give the same faults.
///
/// ```
/// use std::time::Duration;
/// use deploykit_core::memory::{Faults, MemoryTarget};
///
/// let faults = Faults::seeded(7).before(10).after(10).latency(Duration::from_millis(5)..Duration::from_millis(50));
/// let target = MemoryTarget::builder("memory").faults(faults).build();
/// # let _ = target;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Faults {
    seed: u64,
    before: u8,
    after: u8,
    hang: u8,
    throttle: (u8, Duration),
    stale: (u8, Duration),
    lose_lease: u8,
    latency: Range<Duration>,
    script: BTreeMap<(Call, u64), (ErrorKind, Moment)>,
    crash_after: Option<u64>,
}

/// Whether a call fails before or after it had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    After,
}

impl Faults {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// Nothing goes wrong yet; chance follows this seed.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// So many percent of all calls fail before they have an effect, as unavailable.
    pub fn before(mut self, percent: u8) -> Self {
        self.before = percent;
        self
    }

    /// So many percent of all calls have their effect, and fail all the same.
    pub fn after(mut self, percent: u8) -> Self {
        self.after = percent;
        self
    }

    /// So many percent of all calls never return, half of them after their effect. They are over, as timed out, after
    /// a day, so that a test that forgot to give up comes to an end.
    pub fn hang(mut self, percent: u8) -> Self {
        self.hang = percent;
        self
    }

    /// So many percent of all calls are refused because there are too many, with this time to wait.
    pub fn throttle(mut self, percent: u8, after: Duration) -> Self {
        self.throttle = (percent, after);
        self
    }

    /// So many percent of all observations show what was some time ago, at most this long. They say so: their time is
    /// that of what they show.
    pub fn stale(mut self, percent: u8, at_most: Duration) -> Self {
        self.stale = (percent, at_most);
        self
    }

    /// In so many percent of all actions, another deployer takes the service's lease over just before.
    pub fn lose_lease(mut self, percent: u8) -> Self {
        self.lose_lease = percent;
        self
    }

    /// Each call takes this long, before it has its effect.
    pub fn latency(mut self, range: Range<Duration>) -> Self {
        self.latency = range;
        self
    }

    /// The `n`th action, from 1, fails before it has an effect.
    pub fn fail_nth(self, n: u64, kind: ErrorKind) -> Self {
        self.fail_nth_call(Call::Apply, n, kind)
    }

    /// The `n`th action, from 1, has its effect, and fails all the same.
    pub fn fail_nth_after(mut self, n: u64, kind: ErrorKind) -> Self {
        self.script.insert((Call::Apply, n), (kind, Moment::After));
        self
    }

    /// The `n`th call of a method, from 1, fails before it has an effect.
    pub fn fail_nth_call(mut self, call: Call, n: u64, kind: ErrorKind) -> Self {
        self.script.insert((call, n), (kind, Moment::Before));
        self
    }

    /// Once so many effects were had, no call returns any more, not even the one that had the last effect: whoever
    /// deploys is as good as killed. [`MemoryTarget::crashed`](super::MemoryTarget::crashed) tells when, and
    /// [`MemoryTarget::effects`](super::MemoryTarget::effects) how many effects a whole run has.
    pub fn crash_after(mut self, effects: u64) -> Self {
        self.crash_after = Some(effects);
        self
    }

    pub(super) fn keeps_history(&self) -> Option<Duration> {
        (self.stale.0 > 0).then_some(self.stale.1)
    }

    pub(super) fn is_over_after(&self, effects: u64) -> bool {
        self.crash_after.is_some_and(|limit| effects >= limit)
    }
}

/// What is wrong with one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) latency: Duration,
    pub(super) failure: Option<(Failure, Moment)>,
    /// How old the observation is.
    pub(super) age: Option<Duration>,
    pub(super) loses_lease: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Error(ErrorKind, Option<Retry>),
    Hang,
}

/// Draws the fate of each call.
#[derive(Debug)]
pub(super) struct Fates {
    pub(super) faults: Faults,
    random: Random,
    calls: BTreeMap<Call, u64>,
}

impl Fates {
    pub(super) fn new(faults: Faults) -> Self {
        let random = Random::new(faults.seed);
        Self { faults, random, calls: BTreeMap::new() }
    }

    pub(super) fn draw(&mut self, call: Call) -> Fate {
        let number = self.calls.entry(call).or_default();
        *number += 1;
        let scripted = self.faults.script.get(&(call, *number)).copied();
        let (faults, random) = (&self.faults, &mut self.random);
        // Everything is drawn each time, so that one fault does not shift all others.
        let [before, after, hangs, throttled] =
            [faults.before, faults.after, faults.hang, faults.throttle.0].map(|percent| random.percent(percent));
        let late = random.percent(50);
        let stale = random.percent(faults.stale.0);
        let age = random.below(millis(faults.stale.1).saturating_add(1));
        let loses_lease = random.percent(faults.lose_lease);
        let spread = faults.latency.end.saturating_sub(faults.latency.start);
        let latency = faults.latency.start + Duration::from_millis(random.below(millis(spread)));
        let failure = if let Some((kind, moment)) = scripted {
            Some((Failure::Error(kind, None), moment))
        } else if hangs {
            Some((Failure::Hang, if late { Moment::After } else { Moment::Before }))
        } else if throttled {
            let retry = Retry::Later { after: Some(faults.throttle.1) };
            Some((Failure::Error(ErrorKind::RateLimited, Some(retry)), Moment::Before))
        } else if before {
            Some((Failure::Error(ErrorKind::Unavailable, None), Moment::Before))
        } else if after {
            Some((Failure::Error(ErrorKind::Unavailable, None), Moment::After))
        } else {
            None
        };
        Fate {
            latency,
            failure,
            age: (stale && call == Call::Observe).then_some(Duration::from_millis(age)),
            loses_lease: loses_lease && call == Call::Apply,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw_all(faults: Faults) -> Vec<Fate> {
        let mut fates = Fates::new(faults);
        (0..1000).map(|_| fates.draw(Call::Apply)).collect()
    }

    #[test]
    fn a_seed_gives_the_same_faults_again() {
        let faults = |seed| Faults::seeded(seed).before(20).after(20).hang(5).lose_lease(3);
        assert_eq!(draw_all(faults(1)), draw_all(faults(1)));
        assert_ne!(draw_all(faults(1)), draw_all(faults(2)));
        assert!(draw_all(Faults::seeded(1)).iter().all(|fate| fate.failure.is_none() && !fate.loses_lease));
    }

    #[test]
    fn faults_are_about_as_frequent_as_asked_for() {
        let failed = draw_all(Faults::seeded(3).before(30)).iter().filter(|fate| fate.failure.is_some()).count();
        assert!((250..350).contains(&failed), "{failed} of 1000");
    }

    #[test]
    fn a_script_is_exact() {
        let fates = draw_all(Faults::none().fail_nth(2, ErrorKind::Denied).fail_nth_after(4, ErrorKind::Timeout));
        let failed: Vec<_> = fates.iter().enumerate().filter_map(|(at, fate)| Some((at + 1, fate.failure?))).collect();
        let error = |kind| Failure::Error(kind, None);
        let scripted =
            [(2, (error(ErrorKind::Denied), Moment::Before)), (4, (error(ErrorKind::Timeout), Moment::After))];
        assert_eq!(failed, scripted);
    }
}
