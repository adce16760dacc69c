//! The order of services that depend on each other.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanError;
use crate::goal::Goal;
use crate::name::ServiceName;

/// For each goal, the services of the same plan that have to be where they should be before it begins.
///
/// A service that runs comes after those it depends on; one that is removed, after those that depend on it.
pub(super) fn dependencies<'a>(
    goals: &'a [(&'a Goal, Option<&'a BTreeSet<ServiceName>>)],
) -> BTreeMap<&'a ServiceName, BTreeSet<&'a ServiceName>> {
    let by_name: BTreeMap<&ServiceName, &Goal> = goals.iter().map(|(goal, _)| (goal.service(), *goal)).collect();
    let mut after: BTreeMap<&ServiceName, BTreeSet<&ServiceName>> =
        by_name.keys().map(|name| (*name, BTreeSet::new())).collect();
    for (goal, depends_on) in goals {
        for other in depends_on.iter().flat_map(|names| names.iter()) {
            let Some((other, other_goal)) = by_name.get_key_value(other) else { continue };
            // What depends on it goes first when it is taken away.
            let removed = matches!(other_goal, Goal::Remove(_));
            let (first, second) = if removed { (goal.service(), *other) } else { (*other, goal.service()) };
            if let Some(before) = after.get_mut(second) {
                before.insert(first);
            }
        }
    }
    after
}

/// The names in an order in which each comes after all those it has to; alphabetical where that leaves a choice.
pub(super) fn sort<'a>(
    after: &BTreeMap<&'a ServiceName, BTreeSet<&'a ServiceName>>,
) -> Result<Vec<&'a ServiceName>, PlanError> {
    let mut open: BTreeMap<&ServiceName, usize> = after.iter().map(|(name, before)| (*name, before.len())).collect();
    let mut unlocks: BTreeMap<&ServiceName, Vec<&'a ServiceName>> = BTreeMap::new();
    for (name, before) in after {
        for other in before {
            unlocks.entry(*other).or_default().push(*name);
        }
    }
    let mut ready: BTreeSet<&'a ServiceName> =
        after.iter().filter(|(_, b)| b.is_empty()).map(|(name, _)| *name).collect();
    let mut sorted = Vec::with_capacity(after.len());
    while let Some(name) = ready.pop_first() {
        sorted.push(name);
        open.remove(name);
        for unlocked in unlocks.get(name).into_iter().flatten() {
            if let Some(count) = open.get_mut(unlocked) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(*unlocked);
                }
            }
        }
    }
    if sorted.len() == after.len() { Ok(sorted) } else { Err(PlanError::Cycle { cycle: circle(after, &open) }) }
}

/// A circle among the names that are left: follow what each waits for until one comes again.
fn circle(
    after: &BTreeMap<&ServiceName, BTreeSet<&ServiceName>>,
    open: &BTreeMap<&ServiceName, usize>,
) -> Vec<ServiceName> {
    let mut path: Vec<&ServiceName> = Vec::new();
    let mut place: BTreeMap<&ServiceName, usize> = BTreeMap::new();
    let mut at = open.keys().next().copied();
    while let Some(name) = at {
        if let Some(first) = place.get(name) {
            return path[*first..].iter().map(|name| (*name).clone()).collect();
        }
        place.insert(name, path.len());
        path.push(name);
        at = after[name].iter().find(|other| open.contains_key(*other)).copied();
    }
    Vec::new()
}
