//! What becomes of a service, in one line.

use super::wait::count;
use crate::goal::Goal;
use crate::observed::State;
use crate::plan::ServicePlan;
use crate::record::{Record, RecordStatus};
use crate::revision::Revision;
use crate::spec::Scale;

/// What a plan does to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It is deployed for the first time.
    Deploy,
    /// Another revision takes over.
    Roll,
    /// An earlier revision takes over again.
    RollBack,
    /// A deployment that was begun comes to its end.
    Finish,
    /// There will be more or fewer instances.
    Scale,
    /// Fields change that need no new instances.
    Change,
    /// What broke is mended.
    Repair,
    /// It is taken away.
    Remove,
    /// There is nothing to do.
    Unchanged,
}

impl Kind {
    pub(super) fn of(plan: &ServicePlan) -> Self {
        let basis = &plan.basis;
        let Some(wanted) = plan.goal.revision() else {
            return if plan.rounds.is_empty() { Self::Unchanged } else { Self::Remove };
        };
        let latest = basis.latest_record();
        let others = basis.counts().iter().any(|(revision, counts)| revision != wanted && counts.total > 0);
        let changes = |path: &str| plan.changes.iter().any(|change| change.path.split('.').next() == Some(path));
        match latest {
            _ if plan.rounds.is_empty() => Self::Unchanged,
            _ if matches!(plan.goal, Goal::RollBack(_)) => Self::RollBack,
            None if basis.is_empty() => Self::Deploy,
            Some(latest) if latest.revision() != wanted => Self::Roll,
            Some(latest) if latest.status != RecordStatus::Deployed && plan.changes.is_empty() => Self::Finish,
            _ if others => Self::Roll,
            _ if changes("replicas") || changes("autoscale") => Self::Scale,
            _ if !plan.changes.is_empty() => Self::Change,
            _ => Self::Repair,
        }
    }

    /// How a service of this kind is counted: `2 to roll`.
    pub(super) fn counted(self) -> &'static str {
        match self {
            Self::Deploy => "new",
            Self::Roll => "to roll",
            Self::RollBack => "to roll back",
            Self::Finish => "to finish",
            Self::Scale => "to scale",
            Self::Change => "to change in place",
            Self::Repair => "to repair",
            Self::Remove => "to remove",
            Self::Unchanged => "unchanged",
        }
    }
}

/// What becomes of a service, without its name: `roll r1-3f2a9c01be77 → r1-9b10c2d3e4f5`.
pub(super) fn undertaking(plan: &ServicePlan, kind: Kind) -> String {
    let wanted = plan.goal.revision().map(ToString::to_string).unwrap_or_default();
    let from = || origin(plan).map(|from| format!("{from} → ")).unwrap_or_default();
    match kind {
        Kind::Deploy => format!("deploy {wanted}"),
        Kind::Roll => format!("roll {}{wanted}", from()),
        Kind::RollBack => format!("roll back {}{wanted}", from()),
        Kind::Finish => format!("finish {}{wanted}", from()),
        Kind::Scale => format!("scale {wanted}"),
        Kind::Change => format!("change {wanted} in place"),
        Kind::Repair => format!("repair {wanted}"),
        Kind::Remove => "remove".to_owned(),
        Kind::Unchanged if plan.goal.revision().is_none() => "not there".to_owned(),
        Kind::Unchanged => format!("unchanged, {wanted}"),
    }
}

/// The revision that gives way: the one with the most instances, else the one that was deployed last.
fn origin(plan: &ServicePlan) -> Option<Revision> {
    let wanted = plan.goal.revision()?;
    let counts = plan.basis.counts();
    let running = counts.into_iter().filter(|(revision, counts)| revision != wanted && counts.total > 0);
    let most = running.max_by_key(|(_, counts)| (counts.ready, counts.total)).map(|(revision, _)| revision);
    let latest = || plan.basis.latest_record().map(Record::revision).filter(|revision| *revision != wanted);
    most.or_else(|| latest().cloned())
}

/// How many instances there are and will be: `3 → 4 instances`; nothing where they are not counted.
pub(super) fn scale(plan: &ServicePlan) -> Option<String> {
    let now: u64 = plan.basis.counts().values().map(|counts| u64::from(counts.total)).sum();
    let Some(spec) = plan.goal.spec().map(|spec| spec.spec()) else {
        return (now > 0).then(|| count(now, "instance", "instances"));
    };
    if !is_counted(plan) {
        return None;
    }
    Some(match spec.scale() {
        Scale::Fixed(wanted) if u64::from(wanted) == now || now == 0 => count(wanted, "instance", "instances"),
        Scale::Fixed(wanted) => format!("{now} → {}", count(wanted, "instance", "instances")),
        Scale::Auto { min, max } => format!("{min} to {max} instances"),
    })
}

/// Whether the target counts instances: a serverless platform has none, and a spec for it says no number.
pub(super) fn is_counted(plan: &ServicePlan) -> bool {
    let spec = plan.goal.spec().map(|spec| spec.spec());
    let is_declared = spec.is_none_or(|spec| spec.replicas.is_some() || spec.autoscale.is_some());
    match &plan.basis.state {
        State::Instances(_) => true,
        State::Platform(platform) => is_declared || !platform.groups.is_empty(),
    }
}
