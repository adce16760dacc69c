//! What a goal asks for, in numbers.

use std::sync::Arc;
use std::time::Duration;

use crate::goal::Goal;
use crate::observed::Observed;
use crate::pin::PinnedSpec;
use crate::spec::{Scale, Shutdown, Stage, Strategy};
use crate::units::{Amount, Share};

/// What a goal asks for.
#[derive(Clone, Debug)]
pub(super) struct Want {
    /// What should run; `None` to remove the service.
    pub(super) spec: Option<Arc<PinnedSpec>>,
    /// How many instances.
    pub(super) replicas: u32,
    /// How many more may exist meanwhile.
    pub(super) surge: u32,
    /// How many fewer may be available meanwhile.
    pub(super) unavailable: u32,
    /// How long an instance has to be ready before it counts as available.
    pub(super) min_ready: Duration,
    /// Whether all others have to be gone before the first one starts.
    pub(super) recreate: bool,
    /// The stages of the release, the last one with all users; empty to go straight there.
    pub(super) stages: Vec<Stage>,
    pub(super) shutdown: Shutdown,
    pub(super) deadline: Duration,
}

impl Want {
    pub(super) fn of(goal: &Goal, seen: &Observed) -> Self {
        match goal {
            Goal::Run(spec) => Self::run(spec, true),
            Goal::RollBack(spec) => Self::run(spec, false),
            Goal::Remove(_) => {
                let last = seen.latest_record().map(|record| record.spec.spec());
                Self {
                    spec: None,
                    replicas: 0,
                    surge: 0,
                    unavailable: 0,
                    min_ready: Duration::ZERO,
                    recreate: false,
                    stages: Vec::new(),
                    shutdown: last.map(|spec| spec.shutdown).unwrap_or_default(),
                    deadline: last.map_or(crate::spec::DEFAULT_DEADLINE, |spec| spec.deadline),
                }
            }
        }
    }

    fn run(pinned: &Arc<PinnedSpec>, in_stages: bool) -> Self {
        let spec = pinned.spec();
        let replicas = match spec.scale() {
            Scale::Fixed(replicas) => replicas,
            Scale::Auto { min, .. } => min,
        };
        let mut want = Self {
            spec: Some(Arc::clone(pinned)),
            replicas,
            surge: 0,
            unavailable: 0,
            min_ready: Duration::ZERO,
            recreate: false,
            stages: Vec::new(),
            shutdown: spec.shutdown,
            deadline: spec.deadline,
        };
        match &spec.strategy {
            Strategy::Recreate => {
                want.recreate = true;
                want.unavailable = replicas;
            }
            Strategy::Rolling(rolling) => {
                (want.surge, want.unavailable) = bounds(rolling.max_surge, rolling.max_unavailable, replicas);
                want.min_ready = rolling.min_ready;
            }
            Strategy::BlueGreen(blue_green) => {
                want.surge = replicas;
                want.min_ready = blue_green.min_ready;
                want.stages.push(Stage {
                    share: Share::NONE,
                    test_users: blue_green.test_users.clone(),
                    instances: Some(Amount::Share(Share::ALL)),
                    hold: Duration::ZERO,
                    gate: blue_green.gate,
                });
                want.stages.push(Stage { share: Share::ALL, hold: blue_green.keep_old, ..Stage::default() });
            }
            Strategy::Canary(canary) => {
                want.surge = replicas;
                want.min_ready = canary.min_ready;
                want.stages.clone_from(&canary.stages);
                if want.stages.last().is_none_or(|stage| stage.share != Share::ALL) {
                    want.stages.push(Stage { share: Share::ALL, ..Stage::default() });
                }
            }
        }
        if !in_stages {
            want.stages.clear();
        }
        want
    }

    /// The fewest available instances that may be left when something is taken away.
    pub(super) fn floor(&self) -> u32 {
        self.replicas.saturating_sub(self.unavailable)
    }
}

/// Surge rounds up and unavailable down, as Kubernetes does; if that leaves nothing to move with, one may be missing.
fn bounds(surge: Amount, unavailable: Amount, replicas: u32) -> (u32, u32) {
    let (surge, unavailable) = (surge.up(replicas), unavailable.down(replicas));
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_never_leaves_nothing_to_move_with() {
        let share = |percent| Amount::Share(Share::percent(percent));
        assert_eq!(bounds(share(25), share(25), 10), (3, 2));
        assert_eq!(bounds(share(25), share(25), 3), (1, 0));
        assert_eq!(bounds(Amount::Count(0), share(25), 3), (0, 1));
        assert_eq!(bounds(Amount::Count(5), Amount::Count(9), 3), (5, 3));
    }
}
