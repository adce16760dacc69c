//! The changes of a spec.

use super::class::class_of;
use super::leaf::{Leaves, leaves, shown};
use super::{Change, ChangeClass};
use crate::observed::{Observed, State};
use crate::pin::PinnedSpec;

/// Every leaf field that differs, by path; all of them if there is nothing to compare with.
pub(super) fn changes(old: Option<&PinnedSpec>, new: &PinnedSpec) -> Vec<Change> {
    let is_pinned = [old, Some(new)].into_iter().flatten().any(|spec| spec.pins().artifact.is_some());
    let (old, new) = leaves(old, new);
    merge(old, new)
        .into_iter()
        .map(|(path, old, new)| {
            let (class, reason) = class_of(&path, is_pinned);
            let (old, new) = (old.map(|old| shown(&path, old)), new.map(|new| shown(&path, new)));
            Change { path, old, new, class, reason: reason.to_owned() }
        })
        .collect()
}

/// The fields that are in only one of two specs, or have two values.
fn merge(mut old: Leaves, new: Leaves) -> Vec<(String, Option<String>, Option<String>)> {
    let mut differ = Vec::new();
    for (path, value) in new {
        match old.remove(&path) {
            Some(before) if before == value => {}
            before => differ.push((path, before, Some(value))),
        }
    }
    differ.extend(old.into_iter().map(|(path, value)| (path, Some(value), None)));
    differ.sort();
    differ
}

/// The changes where no record tells the spec of what runs: its revision and its digest can be compared, no more.
pub(super) fn changes_without_record(wanted: &PinnedSpec, seen: &Observed) -> Vec<Change> {
    let counts = seen.counts();
    let others: Vec<String> =
        counts.keys().filter(|revision| *revision != wanted.revision()).map(ToString::to_string).collect();
    let whole = |path: &str, old: String, new: String, class, reason: &str| {
        vec![Change { path: path.to_owned(), old: Some(old), new: Some(new), class, reason: reason.to_owned() }]
    };
    if !others.is_empty() {
        let reason = "no record tells the fields of what runs";
        return whole("revision", others.join(", "), wanted.revision().to_string(), ChangeClass::Replaces, reason);
    }
    match &seen.state {
        State::Platform(platform) => match &platform.submitted {
            Some(told) if told.digest == wanted.digest() => Vec::new(),
            Some(told) => {
                let reason = "no record tells the fields of what the platform was told";
                whole("spec", told.digest.to_string(), wanted.digest().to_string(), ChangeClass::InPlace, reason)
            }
            None => changes(None, wanted),
        },
        State::Instances(_) if counts.is_empty() => changes(None, wanted),
        State::Instances(_) => Vec::new(),
    }
}
