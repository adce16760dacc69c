//! The way back.

use crate::goal::Goal;
use crate::observed::Observed;
use crate::record::{Record, RecordStatus};
use crate::revision::Revision;

use super::Rollback;

/// Why one cannot go back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RollbackError {
    /// The target keeps no records, or none is left.
    #[error("there is no record of an earlier deployment to go back to")]
    NoRecords,
    /// There is no record of the revision.
    #[error("there is no record of {revision}; the ones kept are: {}", .kept.join(", "))]
    Unknown {
        /// What was asked for.
        revision: String,
        /// What there is.
        kept: Vec<String>,
    },
    /// More than one revision begins like that.
    #[error("{revision} may be {}; write more of it", .matches.join(" or "))]
    Ambiguous {
        /// What was asked for.
        revision: String,
        /// What it may be.
        matches: Vec<String>,
    },
    /// It is what runs.
    #[error("{revision} is what is deployed already")]
    Current {
        /// The revision.
        revision: Revision,
    },
}

/// The goal that goes back: to the record whose revision begins with `to`, or without it to the last deployment before
/// the latest that came to its end.
///
/// # Errors
/// [`RollbackError`] if there is no such record.
pub fn rollback_goal(seen: &Observed, to: Option<&str>) -> Result<Goal, RollbackError> {
    let record = match to {
        None => last_deployed(seen).ok_or(RollbackError::NoRecords)?,
        Some(to) => find(seen, to)?,
    };
    Ok(Goal::RollBack(record.spec.clone()))
}

/// The goal that undoes a deployment that failed: back to the last one that came to its end, or, if there was none,
/// the removal of what was begun.
pub fn undo_goal(seen: &Observed) -> Goal {
    last_deployed(seen).map_or_else(|| Goal::Remove(seen.service.clone()), |record| Goal::RollBack(record.spec.clone()))
}

fn last_deployed(seen: &Observed) -> Option<&Record> {
    let latest = seen.latest_record()?;
    let earlier = seen.records.iter().filter(|record| record.revision() != latest.revision());
    earlier.filter(|record| record.is_proven()).max_by_key(|record| record.sequence)
}

fn find<'a>(seen: &'a Observed, to: &str) -> Result<&'a Record, RollbackError> {
    let by_number =
        to.parse().ok().and_then(|number: u64| seen.records.iter().find(|record| record.sequence == number));
    let begins = |record: &&Record| record.revision().as_str().starts_with(to);
    let mut matches: Vec<&Record> = match by_number {
        Some(record) => vec![record],
        None => seen.records.iter().filter(begins).collect(),
    };
    matches.sort_by_key(|record| record.sequence);
    match *matches {
        [] if seen.records.is_empty() => Err(RollbackError::NoRecords),
        [] => {
            let kept = seen.records.iter().map(|record| record.revision().to_string()).collect();
            Err(RollbackError::Unknown { revision: to.to_owned(), kept })
        }
        [record] => {
            let is_current = seen.latest_record().is_some_and(|latest| {
                latest.revision() == record.revision() && latest.status == RecordStatus::Deployed
            });
            if is_current { Err(RollbackError::Current { revision: record.revision().clone() }) } else { Ok(record) }
        }
        [..] => {
            let matches = matches.iter().map(|record| record.revision().as_str().to_owned()).collect();
            Err(RollbackError::Ambiguous { revision: to.to_owned(), matches })
        }
    }
}

/// How to go back once a goal is reached.
pub(super) fn way_back(goal: &Goal, seen: &Observed, keeps_records: bool, needs_publishing: bool) -> Rollback {
    let Some(wanted) = goal.revision() else {
        let reason = "a removed service leaves no records; deploy its spec again".to_owned();
        return Rollback::Impossible { reason };
    };
    if !keeps_records {
        return Rollback::Impossible {
            reason: "this target keeps no records; deploy the earlier spec again".to_owned(),
        };
    }
    let earlier = seen.records.iter().filter(|record| record.revision() != wanted);
    let Some(record) = earlier.filter(|record| record.is_proven()).max_by_key(|r| r.sequence) else {
        let redeploys = seen.records.iter().any(|record| record.revision() == wanted);
        return if redeploys {
            Rollback::Impossible { reason: "no other revision is kept".to_owned() }
        } else {
            Rollback::Remove
        };
    };
    let newer = seen.records.iter().filter(|other| other.sequence > record.sequence && other.revision() != wanted);
    let kept = goal.spec().is_none_or(|spec| newer.count() + 1 < spec.spec().history.max(1) as usize);
    if !kept {
        return Rollback::Impossible {
            reason: "`history` keeps no record of it; keep more to be able to go back".to_owned(),
        };
    }
    if needs_publishing && !seen.published.contains(record.revision()) {
        let reason = format!("the artifact of {} is not on the target any more", record.revision());
        return Rollback::Impossible { reason };
    }
    Rollback::To { revision: record.revision().clone(), sequence: record.sequence }
}
