use tokio::time::Instant;

use crate::time::Timestamp;

/// Wall-clock time that moves with tokio's clock, so that it stands still when a test makes that one stand still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    zero: Instant,
    base: Timestamp,
}

impl Clock {
    /// A clock that shows `base` now.
    pub(super) fn starting_at(base: Timestamp) -> Self {
        Self { zero: Instant::now(), base }
    }

    /// A clock that shows the time of day.
    #[expect(clippy::disallowed_methods, reason = "the one place where the executor learns the time of day")]
    pub(super) fn system() -> Self {
        Self::starting_at(std::time::SystemTime::now().into())
    }

    pub(super) fn now(&self) -> Timestamp {
        self.base.after(self.zero.elapsed())
    }
}
