use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::goal::Goal;
use crate::observed::{Counts, Observed, Rollout, State};
use crate::pin::Digest;
use crate::plan::WaitReason;
use crate::record::RecordStatus;
use crate::spec::{Scale, ServiceSpec, Shutdown, Strategy};
use crate::traffic::Shares;
use crate::units::Share;

/// How far a service has come, in numbers of which each is better the higher it is.
type Measure = [i64; 14];

/// Whether a service gets any nearer to its goal.
///
/// Each number has an upper bound, and only a new best counts. So a service cannot make progress for ever without
/// getting there, however it flaps.
#[derive(Debug)]
pub(super) struct Progress {
    goal: Goal,
    digest: Option<Digest>,
    patience: Patience,
    best: Option<Measure>,
    /// When it last made progress.
    since: Instant,
    /// Time since then that does not count.
    excused: Duration,
    spent: BTreeMap<Excuse, Duration>,
}

/// Waits that are bounded by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Excuse {
    MinReady,
    Hold(u32),
    KeepOld,
    Draining,
    Stopping,
}

/// How long things may take by what was declared.
#[derive(Clone, Debug)]
struct Patience {
    deadline: Duration,
    min_ready: Duration,
    keep_old: Duration,
    holds: Vec<Duration>,
    shutdown: Shutdown,
}

impl Patience {
    fn of(spec: Option<&ServiceSpec>) -> Self {
        let mut patience = Self {
            deadline: spec.map_or(crate::spec::DEFAULT_DEADLINE, |spec| spec.deadline),
            min_ready: Duration::ZERO,
            keep_old: Duration::ZERO,
            holds: Vec::new(),
            shutdown: spec.map(|spec| spec.shutdown).unwrap_or_default(),
        };
        match spec.map(|spec| &spec.strategy) {
            Some(Strategy::Rolling(rolling)) => patience.min_ready = rolling.min_ready,
            Some(Strategy::BlueGreen(blue_green)) => {
                patience.min_ready = blue_green.min_ready;
                patience.keep_old = blue_green.keep_old;
            }
            Some(Strategy::Canary(canary)) => {
                patience.min_ready = canary.min_ready;
                patience.holds = canary.stages.iter().map(|stage| stage.hold).collect();
                patience.keep_old = patience.holds.last().copied().unwrap_or_default();
            }
            Some(Strategy::Recreate) | None => {}
        }
        patience
    }

    fn excuse(&self, why: &WaitReason) -> Option<(Excuse, Duration)> {
        Some(match why {
            WaitReason::MinReady { .. } => (Excuse::MinReady, self.min_ready),
            WaitReason::Hold { stage } => {
                let hold = usize::try_from(*stage).ok().and_then(|stage| self.holds.get(stage));
                (Excuse::Hold(*stage), hold.copied().unwrap_or_default())
            }
            WaitReason::KeepOld => (Excuse::KeepOld, self.keep_old),
            WaitReason::Draining { .. } => (Excuse::Draining, self.shutdown.drain),
            WaitReason::Stopping { .. } => (Excuse::Stopping, self.shutdown.grace),
            _ => return None,
        })
    }
}

impl Progress {
    pub(super) fn new(goal: &Goal, seen: &Observed) -> Self {
        let last = || seen.latest_record().map(|record| &record.spec);
        let spec = goal.spec().or_else(last);
        Self {
            goal: goal.clone(),
            digest: goal.spec().map(|spec| spec.digest()),
            patience: Patience::of(spec.map(|spec| spec.spec())),
            best: None,
            since: Instant::now(),
            excused: Duration::ZERO,
            spent: BTreeMap::new(),
        }
    }

    /// Takes note of what was seen; returns whether it is better than anything before.
    pub(super) fn note(&mut self, seen: &Observed) -> bool {
        let measure = self.measure(seen);
        let Some(best) = &mut self.best else {
            self.best = Some(measure);
            return false;
        };
        let mut better = false;
        for (best, now) in best.iter_mut().zip(measure) {
            better |= now > *best;
            *best = now.max(*best);
        }
        if better {
            self.since = Instant::now();
            self.excused = Duration::ZERO;
            self.spent.clear();
        }
        better
    }

    /// When it has failed if nothing is better by then, while it waits for `why`.
    pub(super) fn overdue_at(&self, why: Option<&WaitReason>) -> Instant {
        let patience = why.map_or(Duration::ZERO, |why| self.left(why));
        let limit = self.patience.deadline.saturating_add(self.excused).saturating_add(patience);
        // Far enough away not to be reached.
        self.since.checked_add(limit).unwrap_or_else(|| self.since + Duration::from_hours(24 * 366))
    }

    pub(super) fn is_overdue(&self, why: Option<&WaitReason>) -> bool {
        Instant::now() >= self.overdue_at(why)
    }

    /// Does not count time that was spent waiting for what is bounded by itself.
    pub(super) fn excuse_wait(&mut self, why: &WaitReason, waited: Duration) {
        let left = self.left(why);
        if let Some((excuse, _)) = self.patience.excuse(why) {
            let excused = waited.min(left);
            *self.spent.entry(excuse).or_default() += excused;
            self.excused += excused;
        }
    }

    /// Does not count time that is bounded elsewhere.
    pub(super) fn excuse(&mut self, time: Duration) {
        self.excused += time;
    }

    pub(super) fn limit(&self) -> Duration {
        self.patience.deadline
    }

    /// How long nothing has been better.
    pub(super) fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    fn left(&self, why: &WaitReason) -> Duration {
        self.patience.excuse(why).map_or(Duration::ZERO, |(excuse, bound)| {
            bound.saturating_sub(self.spent.get(&excuse).copied().unwrap_or_default())
        })
    }

    fn measure(&self, seen: &Observed) -> Measure {
        let revision = self.goal.revision();
        let is_wanted = |other: &crate::Revision| Some(other) == revision;
        let counts = seen.counts();
        let own = revision.and_then(|revision| counts.get(revision)).copied().unwrap_or_default();
        let others = counts.iter().filter(|(other, _)| !is_wanted(other)).map(|(_, counts)| i64::from(counts.total));
        let spec = self.goal.spec();
        let wanted = spec.map_or(0, |spec| match spec.spec().scale() {
            Scale::Fixed(replicas) => replicas,
            Scale::Auto { max, .. } => max,
        });
        let Counts { total, ready } = own;

        let endpoints = || seen.traffic.iter().flat_map(|traffic| &traffic.endpoints);
        let admitted = |own: bool| {
            let admitted = endpoints().filter(|(id, endpoint)| !endpoint.draining && is_wanted(&id.revision) == own);
            count(admitted.count())
        };
        let split = seen.traffic.as_ref().map(|traffic| &traffic.split);
        let share = split.zip(revision).and_then(|(split, revision)| split.shares.of(revision));
        let is_even = split.is_some_and(|split| split.shares == Shares::Even);
        let tested = split.and_then(|split| split.test_users.as_ref()).is_some_and(|test| is_wanted(&test.to));

        let record = seen.records.iter().find(|record| is_wanted(record.revision()));
        let status = record.map_or(0, |record| match record.status {
            _ if spec != Some(&record.spec) => 1,
            RecordStatus::Failed => 2,
            RecordStatus::Deploying => 3,
            RecordStatus::Deployed => 4,
        });
        let (told, settled) = match &seen.state {
            State::Instances(_) => (0, 0),
            State::Platform(platform) => {
                let told = platform.submitted.as_ref().map(|told| &told.digest) == self.digest.as_ref();
                (i64::from(told), i64::from(told && platform.rollout == Rollout::Complete))
            }
        };
        [
            i64::from(ready.min(wanted)),
            i64::from(total.min(wanted)),
            -i64::from(total.saturating_sub(wanted)),
            -others.sum::<i64>(),
            admitted(true),
            -admitted(false),
            -count(endpoints().count()),
            i64::from(share.unwrap_or(Share::NONE).basis_points()) + i64::from(is_even),
            i64::from(tested),
            status,
            i64::from(record.map_or(0, |record| record.promoted)),
            i64::from(revision.is_some_and(|revision| seen.published.contains(revision))),
            told + settled,
            -count(seen.records.len()),
        ]
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
