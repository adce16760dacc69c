//! What differs between what is wanted and what there is, field by field.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod class;
mod drift;
mod leaf;
mod spec;

use crate::goal::Goal;
use crate::observed::{Drift, Observed};

pub use class::field_class;

/// One difference between the wanted spec and the one that was deployed last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The field: `env.LOG_LEVEL`, `strategy.rolling.max_surge`.
    pub path: String,
    /// What was deployed; `None` if the field is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// What is wanted; `None` if the field goes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
    /// What the change takes.
    pub class: ChangeClass,
    /// Why it takes that.
    pub reason: String,
}

/// What a change takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeClass {
    /// Running instances are left alone.
    InPlace,
    /// Each instance is replaced.
    Replaces,
}

/// What differs, and what nobody declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// The fields of the wanted spec that are not as they were deployed last, by path.
    pub changes: Vec<Change>,
    /// What is not as the deployment before left it.
    pub drift: Vec<Drift>,
}

/// Compares what is wanted with what was deployed last, and that with what there is.
///
/// The changes are those of the wanted spec against the latest record; every field of a new service is one without an
/// old value. A goal of removing has none. Drift is told against the latest record alone, whatever is wanted now.
pub fn diff(goal: &Goal, seen: &Observed) -> Diff {
    let changes = match (goal.spec(), seen.latest_record()) {
        (None, _) => Vec::new(),
        (Some(wanted), Some(last)) if Arc::ptr_eq(wanted, &last.spec) || **wanted == *last.spec => Vec::new(),
        (Some(wanted), Some(last)) => spec::changes(Some(&last.spec), wanted),
        (Some(wanted), None) => spec::changes_without_record(wanted, seen),
    };
    Diff { changes, drift: drift::drift(seen) }
}
