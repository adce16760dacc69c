//! A whole plan in one line.

use std::collections::BTreeMap;
use std::time::Duration;

use super::headline::Kind;
use super::outline::at_most_words;
use super::wait::count;
use crate::name::ServiceName;
use crate::plan::{Plan, ServicePlan, WaitReason};

/// `2 services: 1 to roll, 1 unchanged; 12 rounds, 31 steps, at most 14m`.
pub(super) fn summary(plan: &Plan) -> String {
    let services = count(plan.services.len(), "service", "services");
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    for service in &plan.services {
        *kinds.entry(Kind::of(service)).or_default() += 1;
    }
    if kinds.keys().all(|kind| *kind == Kind::Unchanged) {
        return format!("{services}: nothing to do");
    }
    let kinds: Vec<_> = kinds.iter().map(|(kind, number)| format!("{number} {}", kind.counted())).collect();
    let rounds = plan.services.iter().map(|service| service.rounds.len()).sum::<usize>();
    let steps = plan.services.iter().map(steps).sum::<usize>();
    let gates = plan.services.iter().filter(|service| is_gated(service)).count();
    let beyond = if gates == 0 { "" } else { " up to a gate" };
    format!(
        "{services}: {}; {}, {}, at most {}{beyond}",
        kinds.join(", "),
        count(rounds, "round", "rounds"),
        count(steps, "step", "steps"),
        at_most_words(longest(plan))
    )
}

/// The number of steps of a service.
pub(super) fn steps(plan: &ServicePlan) -> usize {
    plan.rounds.iter().map(|round| round.steps.len()).sum()
}

fn is_gated(plan: &ServicePlan) -> bool {
    plan.rounds.last().is_some_and(|round| matches!(round.wait, Some(WaitReason::Gate { .. })))
}

/// The longest that one service may take.
pub(super) fn at_most(plan: &ServicePlan) -> Duration {
    plan.rounds.iter().fold(Duration::ZERO, |sum, round| sum.saturating_add(round.after.at_most))
}

/// The longest that all may take: services wait for those they come after, and go at once otherwise.
fn longest(plan: &Plan) -> Duration {
    let mut done: BTreeMap<&ServiceName, Duration> = BTreeMap::new();
    for service in &plan.services {
        let begin = service.after.iter().filter_map(|name| done.get(name)).max().copied().unwrap_or_default();
        done.insert(service.goal.service(), begin.saturating_add(at_most(service)));
    }
    done.into_values().max().unwrap_or_default()
}
