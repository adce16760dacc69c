//! What a plan does, as questions that assertions and policies share.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deploykit_core::diff::{Change, ChangeClass};
use deploykit_core::plan::{Plan, Rollback, Round, ServicePlan};
use deploykit_core::{Action, Reason, ServiceName};

/// Something that a plan does and should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The round, from 1.
    pub(crate) round: Option<usize>,
    /// What is done, in words.
    pub(crate) what: String,
}

impl Finding {
    fn overall(what: impl Into<String>) -> Self {
        Self { round: None, what: what.into() }
    }

    fn in_round(index: usize, what: impl Into<String>) -> Self {
        Self { round: Some(index + 1), what: what.into() }
    }
}

/// Something is done.
pub(crate) fn first_work(plan: &ServicePlan) -> Option<Finding> {
    let first = plan.rounds.first()?;
    let steps: usize = plan.rounds.iter().map(|round| round.steps.len()).sum();
    let what = format!("{} takes {steps} steps; the first round: {}", plan.goal.service(), steps_of(first));
    Some(Finding::in_round(0, what))
}

/// A running instance gives way to one of another revision.
pub(crate) fn first_replacement(plan: &ServicePlan) -> Option<Finding> {
    plan.rounds.iter().enumerate().find_map(|(index, round)| {
        let step = round.steps.iter().find(|step| match &step.action {
            Action::Stop { .. } => step.why == Reason::OldRevision,
            Action::Submit { spec, .. } => plan.basis.counts().keys().any(|revision| revision != spec.revision()),
            _ => false,
        })?;
        Some(Finding::in_round(index, format!("{}: {}", step.action, step.why)))
    })
}

/// Whether what runs is replaced or removed.
pub(crate) fn takes_away(plan: &ServicePlan) -> bool {
    let removes = plan.goal.spec().is_none() && !plan.rounds.is_empty();
    removes || first_replacement(plan).is_some()
}

/// A field changed that takes new instances, or instances are replaced for whatever reason.
pub(crate) fn first_not_in_place(plan: &ServicePlan) -> Option<Finding> {
    let replacing = plan.changes.iter().find(|change| change.class == ChangeClass::Replaces);
    let field = replacing.map(|change| {
        let field = field_in_words(change);
        Finding::overall(format!("{field} takes new instances of {}: {}", plan.goal.service(), change.reason))
    });
    field.or_else(|| first_replacement(plan))
}

/// Whether the change of a field at this path, or under it, replaces instances.
pub(crate) fn replaces(plan: &ServicePlan, path: &str) -> bool {
    plan.changes.iter().any(|change| change.class == ChangeClass::Replaces && is_under(&change.path, path))
}

/// Every changed field, for a message.
pub(crate) fn changes_in_words(plan: &ServicePlan) -> String {
    let words = |change: &Change| {
        let class = match change.class {
            ChangeClass::InPlace => "in place",
            ChangeClass::Replaces => "replaces instances",
        };
        format!("{}, {class}", field_in_words(change))
    };
    let all: Vec<_> = plan.changes.iter().map(words).collect();
    if all.is_empty() { "no field changes".to_owned() } else { all.join("; ") }
}

/// Fewer instances than `floor` are ready, or a smaller number falls, at some point; or at the end.
///
/// A service that begins with fewer is not blamed for that, only for getting worse or not getting there.
pub(crate) fn first_below(plan: &ServicePlan, floor: u32) -> Option<Finding> {
    let mut kept: u32 = plan.basis.counts().values().map(|counts| counts.ready).sum();
    let service = plan.goal.service();
    for (index, round) in plan.rounds.iter().enumerate() {
        let ready = round.after.ready;
        if ready < kept.min(floor) {
            let what = format!("{service} has {ready} ready instances after: {}", steps_of(round));
            return Some(Finding::in_round(index, what));
        }
        kept = kept.max(ready);
    }
    let at_end = plan.rounds.last().map_or(kept, |round| round.after.ready);
    (at_end < floor).then(|| Finding::overall(format!("{service} has {at_end} ready instances at the end")))
}

/// There are more instances than `ceiling` at some point.
pub(crate) fn first_above(plan: &ServicePlan, ceiling: u32) -> Option<Finding> {
    let above = plan.rounds.iter().enumerate().find(|(_, round)| round.after.total > ceiling);
    above.map(|(index, round)| {
        let what = format!("{} has {} instances after: {}", plan.goal.service(), round.after.total, steps_of(round));
        Finding::in_round(index, what)
    })
}

/// The services for which something is done.
pub(crate) fn touched<'a>(services: impl IntoIterator<Item = &'a ServicePlan>) -> BTreeSet<&'a ServiceName> {
    let touched = services.into_iter().filter(|service| !service.rounds.is_empty());
    touched.map(|service| service.goal.service()).collect()
}

/// The longest that the services may take, each beginning once those it comes after are done.
pub(crate) fn at_most(plan: &Plan) -> Duration {
    let mut ends: BTreeMap<&ServiceName, Duration> = BTreeMap::new();
    for service in &plan.services {
        let begin = service.after.iter().filter_map(|before| ends.get(before)).max().copied().unwrap_or_default();
        ends.insert(service.goal.service(), begin.saturating_add(time_of(service)));
    }
    ends.values().max().copied().unwrap_or_default()
}

/// The longest that the rounds of one service may take.
pub(crate) fn time_of(service: &ServicePlan) -> Duration {
    service.rounds.iter().map(|round| round.after.at_most).fold(Duration::ZERO, Duration::saturating_add)
}

/// The way back, in words.
pub(crate) fn rollback_in_words(rollback: &Rollback) -> String {
    match rollback {
        Rollback::To { revision, sequence } => format!("to {revision}, deployment {sequence}"),
        Rollback::Remove => "by removing the service".to_owned(),
        Rollback::Impossible { reason } => format!("impossible: {reason}"),
    }
}

fn steps_of(round: &Round) -> String {
    let steps: Vec<_> = round.steps.iter().map(|step| step.action.to_string()).collect();
    if steps.is_empty() { "nothing but a wait".to_owned() } else { steps.join(", ") }
}

fn field_in_words(change: &Change) -> String {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("{} ({old} → {new})", change.path),
        (None, Some(new)) => format!("{} ({new}, which is new)", change.path),
        (Some(old), None) => format!("{} ({old}, which goes away)", change.path),
        (None, None) => change.path.clone(),
    }
}

fn is_under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_covers_what_is_under_it() {
        assert!(is_under("env.LOG_LEVEL", "env.LOG_LEVEL"));
        assert!(is_under("env.LOG_LEVEL", "env"));
        assert!(!is_under("env.LOG_LEVEL_2", "env.LOG_LEVEL"));
        assert!(!is_under("environment", "env"));
    }
}
