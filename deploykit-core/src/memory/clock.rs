//! The clock of a target in memory.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

use crate::time::Timestamp;

/// 2026-01-01T00:00:00Z.
pub(super) const DEFAULT_BASE: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Time that begins at a given point and goes on with tokio's clock: virtual where that is paused, real elsewhere.
#[derive(Debug)]
pub(super) struct Clock {
    base: Timestamp,
    /// Set when it is first read, so that a target made outside of a runtime has the time of the runtime it is used in.
    origin: OnceLock<Instant>,
}

impl Clock {
    pub(super) fn new(base: Timestamp) -> Self {
        Self { base, origin: OnceLock::new() }
    }

    pub(super) fn now(&self) -> Timestamp {
        let elapsed = self.origin.get_or_init(Instant::now).elapsed();
        // Rounded down: what is due at a time must not be seen before it.
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(self.base.as_millis().saturating_add(millis))
    }

    /// Returns once the clock shows `at` or more.
    pub(super) async fn sleep_until(&self, at: Timestamp) {
        loop {
            let now = self.now();
            if now >= at {
                return;
            }
            tokio::time::sleep(at.since(now).max(Duration::from_millis(1))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn follows_the_virtual_clock() {
        let clock = Clock::new(DEFAULT_BASE);
        assert_eq!(clock.now().to_string(), "2026-01-01T00:00:00.000Z");
        clock.sleep_until(DEFAULT_BASE.after(Duration::from_mins(1))).await;
        assert_eq!(clock.now().to_string(), "2026-01-01T00:01:00.000Z");
    }
}
