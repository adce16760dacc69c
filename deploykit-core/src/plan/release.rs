//! The stages of a release: where it stands, read off the router, and where it may go.

use std::sync::Arc;

use super::WaitReason;
use super::books::Books;
use super::draft::RouteDraft;
use super::fleet::Fleet;
use super::instances::Timers;
use super::want::Want;
use crate::pin::PinnedSpec;
use crate::revision::Revision;
use crate::spec::Stage;
use crate::time::Timestamp;
use crate::traffic::{Shares, Split, TestUsers};
use crate::units::Share;

/// A release that is under way, or about to begin.
#[derive(Debug)]
pub(super) struct Release {
    /// The revision that users come from.
    stable: Revision,
    position: Position,
    /// So many instances of the wanted revision have to run.
    pub(super) instances: u32,
}

/// Where a release stands among its stages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// This stage comes next, as soon as its instances are available.
    Before(usize),
    /// This stage lasts.
    At(usize, Pause),
    /// The last stage is over.
    Over,
}

/// What a stage lasts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// Its instances are not all available.
    Capacity,
    Hold(Timestamp),
    Gate,
}

/// Finds where a release stands. `entered` is `None` if no stage has been entered.
pub(super) fn position(
    stages: &[Stage],
    entered: Option<(usize, Timestamp)>,
    promoted: u32,
    now: Timestamp,
    has_capacity: impl Fn(&Stage) -> bool,
) -> Position {
    let Some((at, since)) = entered else { return Position::Before(0) };
    let stage = &stages[at];
    let over = since.after(stage.hold);
    let gates = stages[..=at].iter().filter(|stage| stage.gate.is_some()).count();
    let is_open = stage.gate.is_none() || u32::try_from(gates).is_ok_and(|gates| promoted >= gates);
    if !has_capacity(stage) {
        Position::At(at, Pause::Capacity)
    } else if now < over {
        Position::At(at, Pause::Hold(over))
    } else if !is_open {
        Position::At(at, Pause::Gate)
    } else if at + 1 < stages.len() {
        Position::Before(at + 1)
    } else {
        Position::Over
    }
}

/// The stage that a split stands for: the last one of the same share and test users, else the last one of no larger
/// share that is more than none.
pub(super) fn stage_of(stages: &[Stage], split: &Split, revision: &Revision) -> Option<usize> {
    let share = split.shares.of(revision)?;
    let rule = split.test_users.as_ref().filter(|test| test.to == *revision).map(|test| &test.rule);
    let same = |stage: &Stage| stage.share == share && stage.test_users.as_ref() == rule;
    let passed = |stage: &Stage| stage.share != Share::NONE && stage.share <= share;
    stages.iter().rposition(same).or_else(|| stages.iter().rposition(passed))
}

/// The split of a stage.
pub(super) fn split_of(stage: &Stage, revision: &Revision, stable: &Revision) -> Split {
    let shares = [(revision.clone(), stage.share), (stable.clone(), stage.share.rest())];
    let test_users = stage.test_users.clone().map(|rule| Box::new(TestUsers { rule, to: revision.clone() }));
    // A share and its rest add up.
    Split { shares: Shares::weighted(shares).unwrap_or_default(), test_users }
}

impl Release {
    /// The release, unless the goal goes straight there or there is nobody to take users from.
    pub(super) fn of(want: &Want, fleet: &Fleet<'_>, books: &Books) -> Option<Self> {
        if want.stages.is_empty() || want.replicas == 0 || fleet.others.occupied() == 0 {
            return None;
        }
        let spec = want.spec.as_ref()?;
        let stable = fleet.stable.clone()?;
        let entered = fleet.admitted_since.and_then(|admitted| {
            let stage = stage_of(&want.stages, &fleet.split, spec.revision())?;
            Some((stage, admitted.max(fleet.split_since)))
        });
        let promoted = books.promoted(spec.revision());
        let has_capacity = |stage: &Stage| fleet.wanted.available() >= stage.instances(want.replicas);
        let position = position(&want.stages, entered, promoted, fleet.now, has_capacity);
        let reached = match position {
            Position::Before(stage) | Position::At(stage, _) => stage,
            Position::Over => want.stages.len() - 1,
        };
        let instances = want.stages[..=reached].iter().map(|stage| stage.instances(want.replicas)).max();
        Some(Self { stable, position, instances: instances.unwrap_or(want.replicas) })
    }

    pub(super) fn is_over(&self) -> bool {
        self.position == Position::Over
    }

    /// So many admitted instances of the stable revision may go: all once the release is over, until then those beyond
    /// the wanted number.
    pub(super) fn may_leave(&self, want: &Want, fleet: &Fleet<'_>) -> u32 {
        if self.is_over() { u32::MAX } else { fleet.stable_in.saturating_sub(want.replicas) }
    }

    /// Instances of the stable revision that are available and could take requests again, if there are too few.
    fn returning<'f>(&self, want: &Want, fleet: &'f Fleet<'_>) -> impl Iterator<Item = u32> + 'f {
        let short = if self.is_over() { 0 } else { want.replicas.saturating_sub(fleet.stable_serving()) };
        let idle = fleet.others.strong_out.iter();
        idle.filter(|place| fleet.is_stable(*place)).take(short as usize)
    }

    /// Whether an instance that has no requests is about to get some.
    pub(super) fn is_returning(&self, want: &Want, fleet: &Fleet<'_>, place: u32) -> bool {
        self.returning(want, fleet).any(|other| other == place)
    }

    /// What the stable revision runs, while it has to keep running.
    pub(super) fn tended<'b>(&self, books: &'b Books) -> Option<&'b Arc<PinnedSpec>> {
        if self.is_over() { None } else { books.spec(&self.stable) }
    }

    /// Enters the next stage when its instances are available; meanwhile third revisions lose their users.
    pub(super) fn route(&self, want: &Want, fleet: &Fleet<'_>, spec: &PinnedSpec, route: &mut RouteDraft) {
        let revision = spec.revision();
        let enters = match self.position {
            Position::Before(stage) if fleet.wanted.available() >= want.stages[stage].instances(want.replicas) => {
                Some(&want.stages[stage])
            }
            _ => None,
        };
        let begun = fleet.admitted_since.is_some();
        let wanted = match enters {
            Some(stage) => split_of(stage, revision, &self.stable),
            None if fleet.thirds && !self.is_pure(&fleet.split, revision) => {
                let share = fleet.split.shares.of(revision).unwrap_or_default();
                split_of(&Stage { share, ..Stage::default() }, revision, &self.stable)
            }
            None => fleet.split.clone(),
        };
        if enters.is_some() || begun {
            for ordinal in fleet.wanted.idle.iter() {
                route.admit(spec, ordinal);
            }
        }
        for place in self.returning(want, fleet) {
            route.admit_other(fleet, place);
        }
        if wanted != fleet.split {
            route.split(wanted);
        }
    }

    /// Whether only the wanted and the stable revision have users.
    fn is_pure(&self, split: &Split, revision: &Revision) -> bool {
        let theirs = |other: &Revision| other == revision || *other == self.stable;
        split.test_users.as_ref().is_none_or(|test| theirs(&test.to))
            && matches!(&split.shares, Shares::Weighted(shares) if shares.keys().all(theirs))
    }

    pub(super) fn wait(&self, want: &Want, timers: &mut Timers) -> Option<WaitReason> {
        let Position::At(stage, pause) = self.position else { return None };
        let number = u32::try_from(stage).unwrap_or(u32::MAX);
        match pause {
            Pause::Capacity => None,
            Pause::Gate => Some(WaitReason::Gate { stage: number }),
            Pause::Hold(until) => {
                timers.add(until);
                let last = stage + 1 == want.stages.len();
                Some(if last { WaitReason::KeepOld } else { WaitReason::Hold { stage: number } })
            }
        }
    }
}
