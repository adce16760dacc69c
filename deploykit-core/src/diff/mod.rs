//! What differs between what is wanted and what there is, field by field.

use serde::{Deserialize, Serialize};

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

/// TEMP
#[derive(Default)]
pub struct Diff {
    /// .
    pub changes: Vec<Change>,
    /// .
    pub drift: Vec<crate::observed::Drift>,
}
/// TEMP
pub fn diff(_: &crate::goal::Goal, _: &crate::observed::Observed) -> Diff {
    Diff::default()
}
