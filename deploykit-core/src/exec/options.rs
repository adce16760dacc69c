use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use crate::action::Action;
use crate::plan::{PUBLISH_LIMIT, STEP_LIMIT};
use crate::time::Timestamp;

/// How an [`Executor`](super::Executor) goes about its work. The defaults suit a deployment by a person or a pipeline.
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(super) steps_per_service: usize,
    pub(super) steps_in_all: usize,
    pub(super) step_timeout: Duration,
    pub(super) publish_timeout: Duration,
    pub(super) poll: Pace,
    pub(super) safety_net: Duration,
    pub(super) retry: Pace,
    pub(super) jitter: Option<u64>,
    pub(super) lease_ttl: Duration,
    pub(super) holder: String,
    pub(super) steal: bool,
    pub(super) wait_for_lease: Duration,
    pub(super) finish_within: Duration,
    pub(super) record_steps: bool,
    pub(super) event_buffer: usize,
    pub(super) time: Option<Timestamp>,
}

/// A delay that doubles from `shortest` up to `longest`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    shortest: Duration,
    longest: Duration,
}

impl Pace {
    const fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest }
    }
}

/// The delays of a pace, one after the other.
#[derive(Debug)]
pub(super) struct Delays {
    builder: ExponentialBuilder,
    left: ExponentialBackoff,
    longest: Duration,
}

impl Delays {
    pub(super) fn next(&mut self) -> Duration {
        self.left.next().unwrap_or(self.longest)
    }

    pub(super) fn reset(&mut self) {
        self.left = self.builder.build();
    }
}

impl Default for Options {
    fn default() -> Self {
        // Two executors of one process are two holders, or they would share a lease.
        static EXECUTORS: AtomicU64 = AtomicU64::new(1);
        let number = EXECUTORS.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        Self {
            steps_per_service: 8,
            steps_in_all: 32,
            step_timeout: STEP_LIMIT,
            publish_timeout: PUBLISH_LIMIT,
            poll: Pace::new(Duration::from_millis(200), Duration::from_secs(5)),
            safety_net: Duration::from_secs(30),
            retry: Pace::new(Duration::from_millis(500), Duration::from_secs(30)),
            jitter: Some(u64::from(process).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number)),
            lease_ttl: Duration::from_secs(30),
            holder: format!("deploykit (process {process}, executor {number})"),
            steal: false,
            wait_for_lease: Duration::ZERO,
            finish_within: Duration::from_secs(10),
            record_steps: false,
            event_buffer: 4096,
            time: None,
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many steps of one service may run at once. Default: 8; a target may ask for fewer.
    pub fn with_steps_per_service(mut self, steps: usize) -> Self {
        self.steps_per_service = steps.max(1);
        self
    }

    /// How many steps of all services together may run at once. Default: 32.
    pub fn with_steps_in_all(mut self, steps: usize) -> Self {
        self.steps_in_all = steps.max(1);
        self
    }

    /// How long a step, a look or any other single request may take. Default: 1m.
    pub fn with_step_timeout(mut self, timeout: Duration) -> Self {
        self.step_timeout = timeout;
        self
    }

    /// How long publishing an artifact may take. Default: 30m.
    pub fn with_publish_timeout(mut self, timeout: Duration) -> Self {
        self.publish_timeout = timeout;
        self
    }

    /// How long to wait before a target that does not tell of changes is asked again: `first`, then twice as long each
    /// time as long as nothing is new, up to `longest`. Default: 200ms to 5s.
    pub fn with_poll(mut self, first: Duration, longest: Duration) -> Self {
        self.poll = Pace::new(first, longest);
        self
    }

    /// How long to wait at most before a target that tells of changes is asked all the same. Default: 30s.
    pub fn with_safety_net(mut self, interval: Duration) -> Self {
        self.safety_net = interval;
        self
    }

    /// How long to wait before what failed is tried again: `first`, then twice as long each time, up to `longest`.
    /// Default: 500ms to 30s.
    pub fn with_retry(mut self, first: Duration, longest: Duration) -> Self {
        self.retry = Pace::new(first, longest);
        self
    }

    /// Lengthens each delay before a retry by up to as much again, at random from this seed; `None` does not, so that
    /// tests are exact. Default: seeded by the process.
    pub fn with_jitter(mut self, seed: Option<u64>) -> Self {
        self.jitter = seed;
        self
    }

    /// How long a lease lasts that is not renewed; it is renewed after a third of that. Default: 30s.
    pub fn with_lease_ttl(mut self, ttl: Duration) -> Self {
        self.lease_ttl = ttl;
        self
    }

    /// The name under which leases are held, for people: `ci@build-7 (pid 4711)`. It must be another for each executor.
    pub fn with_holder(mut self, holder: impl Into<String>) -> Self {
        self.holder = holder.into();
        self
    }

    /// Takes leases from whoever holds them. Default: no.
    pub fn with_steal(mut self, steal: bool) -> Self {
        self.steal = steal;
        self
    }

    /// How long to wait for another deployer to give back its lease. Default: not at all.
    pub fn with_wait_for_lease(mut self, time: Duration) -> Self {
        self.wait_for_lease = time;
        self
    }

    /// How long steps that run may take to finish once the executor is told to stop. Default: 10s.
    pub fn with_finish_within(mut self, time: Duration) -> Self {
        self.finish_within = time;
        self
    }

    /// Keeps the steps that were taken in the report. Default: no.
    pub fn with_recorded_steps(mut self, record: bool) -> Self {
        self.record_steps = record;
        self
    }

    /// How many events are kept for a reader that is slow; the oldest go first. Default: 4096.
    pub fn with_event_buffer(mut self, events: usize) -> Self {
        self.event_buffer = events.max(1);
        self
    }

    /// The time of day at which the executor's clock starts. Default: the system's.
    pub fn with_time(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }

    pub(super) fn limit_of(&self, action: &Action) -> Duration {
        if matches!(action, Action::Publish { .. }) { self.publish_timeout } else { self.step_timeout }
    }

    pub(super) fn retries(&self) -> Delays {
        delays(self.retry, self.jitter)
    }

    pub(super) fn polls(&self) -> Delays {
        delays(self.poll, None)
    }
}

fn delays(pace: Pace, jitter: Option<u64>) -> Delays {
    let mut builder =
        ExponentialBuilder::new().with_min_delay(pace.shortest).with_max_delay(pace.longest).without_max_times();
    if let Some(seed) = jitter {
        builder = builder.with_jitter().with_jitter_seed(seed);
    }
    Delays { builder, left: builder.build(), longest: pace.longest }
}

/// How long to wait before something is tried again that a person may have to mend first.
pub(super) fn slow_retries() -> Delays {
    delays(Pace::new(Duration::from_secs(5), Duration::from_mins(5)), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_start_again() {
        let mut polls = Options::new().polls();
        let millis: Vec<_> = (0..7).map(|_| polls.next().as_millis()).collect();
        assert_eq!(millis, [200, 400, 800, 1600, 3200, 5000, 5000]);
        polls.reset();
        assert_eq!(polls.next().as_millis(), 200);
    }

    #[test]
    fn a_seed_makes_jitter_repeatable() {
        let draw = |seed| {
            let mut retries = Options::new().with_jitter(seed).retries();
            (0..5).map(|_| retries.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(Some(7)), draw(Some(7)));
        assert_ne!(draw(Some(7)), draw(Some(8)));
        assert_eq!(draw(None)[1], Duration::from_secs(1));
    }

    #[test]
    fn two_executors_are_two_holders() {
        assert_ne!(Options::new().holder, Options::new().holder);
    }
}
