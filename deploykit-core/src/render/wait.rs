//! What a plan waits for, in words.

use super::step::rule_words;
use crate::plan::WaitReason;
use crate::spec::{ServiceSpec, Stage, Strategy};
use crate::units::{Share, duration};

/// What has to happen before a round, as the rest of a sentence that begins with `waits`.
pub(super) fn wait_words(why: &WaitReason, spec: Option<&ServiceSpec>) -> String {
    match why {
        WaitReason::Starting { instances: 1, first } => {
            format!("until {}-{} is ready", first.revision, first.ordinal)
        }
        WaitReason::Starting { instances, .. } => format!("until {instances} instances are ready"),
        WaitReason::MinReady { instances } => {
            let long = spec.and_then(min_ready).unwrap_or_else(|| "long enough".to_owned());
            format!("until {} been ready for {long}", count(*instances, "instance has", "instances have"))
        }
        WaitReason::Draining { instances, .. } => {
            format!("until requests under way on {} have ended", count(*instances, "instance", "instances"))
        }
        WaitReason::Stopping { instances } => {
            format!("until {} ended", count(*instances, "instance has", "instances have"))
        }
        WaitReason::Backoff { instance, .. } => {
            format!("until {}-{} may be started again", instance.revision, instance.ordinal)
        }
        WaitReason::Unhealthy { instances } => {
            let recover = count(*instances, "unhealthy instance recovers or is", "unhealthy instances recover or are");
            format!("until {recover} given up")
        }
        WaitReason::Hold { stage } => match spec.and_then(|spec| stage_of(spec, *stage)) {
            Some(found) => format!("{} at {}", duration::format(found.stage.hold), found.words),
            None => format!("as long as stage {} of the release lasts", stage.saturating_add(1)),
        },
        WaitReason::Gate { stage } => {
            let found = spec.and_then(|spec| stage_of(spec, *stage));
            let words = found.map_or_else(|| format!("stage {}", stage.saturating_add(1)), |found| found.words);
            format!("until somebody opens the gate after {words}")
        }
        WaitReason::KeepOld => match spec.and_then(keep_old) {
            Some(long) => format!("{long}, in which the old revision is kept to go back at once"),
            None => "while the old revision is kept to go back at once".to_owned(),
        },
        WaitReason::Platform { wanted: 0, .. } => "until the platform is done".to_owned(),
        WaitReason::Platform { wanted, .. } => {
            format!("until the platform has {} ready", count(*wanted, "instance", "instances"))
        }
    }
}

/// `1 instance`, `2 instances`.
pub(super) fn count(number: impl TryInto<u64>, one: &str, many: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {}", if number == 1 { one } else { many })
}

fn min_ready(spec: &ServiceSpec) -> Option<String> {
    let long = match &spec.strategy {
        Strategy::Recreate => return None,
        Strategy::Rolling(rolling) => rolling.min_ready,
        Strategy::BlueGreen(blue_green) => blue_green.min_ready,
        Strategy::Canary(canary) => canary.min_ready,
    };
    (!long.is_zero()).then(|| duration::format(long).to_string())
}

fn keep_old(spec: &ServiceSpec) -> Option<String> {
    let long = match &spec.strategy {
        Strategy::BlueGreen(blue_green) => blue_green.keep_old,
        Strategy::Canary(canary) => canary.stages.last().filter(|stage| stage.share == Share::ALL)?.hold,
        _ => return None,
    };
    Some(duration::format(long).to_string())
}

struct Found {
    words: String,
    stage: Stage,
}

/// A stage by its number, from 0, and in words: `stage 2 of 4 (25% of requests)`.
fn stage_of(spec: &ServiceSpec, number: u32) -> Option<Found> {
    let index = usize::try_from(number).ok()?;
    let (stage, all) = match &spec.strategy {
        Strategy::BlueGreen(blue_green) if index == 0 => {
            let test_users = blue_green.test_users.clone();
            (Stage { test_users, gate: blue_green.gate, ..Stage::default() }, 2)
        }
        Strategy::Canary(canary) => {
            let last_is_added = canary.stages.last().is_none_or(|stage| stage.share != Share::ALL);
            (canary.stages.get(index)?.clone(), canary.stages.len() + usize::from(last_is_added))
        }
        _ => return None,
    };
    let who = match &stage.test_users {
        Some(rule) if stage.share == Share::NONE => format!("only {}", rule_words(rule)),
        None if stage.share == Share::NONE => "no requests".to_owned(),
        _ => format!("{} of requests", stage.share),
    };
    Some(Found { words: format!("stage {} of {all} ({who})", index + 1), stage })
}
