use std::time::Duration;

use super::Found;
use crate::spec::{Autoscale, ServiceSpec};
use crate::units::{Share, duration};

const MOST_INSTANCES: u32 = 100_000;
const MOST_REVISIONS: u32 = 1_000;
const LONGEST_LABEL: usize = 63;

pub(super) fn check(spec: &ServiceSpec, found: &mut Found<'_>) {
    labels(spec, found);
    scale(spec, found);
    positive(found, "deadline", spec.deadline, "a rollout would fail at once", "5m");
    short(found, "shutdown.drain", spec.shutdown.drain);
    short(found, "shutdown.grace", spec.shutdown.grace);
    if spec.depends_on.contains(&spec.service) {
        found.add("depends_on", "the service depends on itself", "take its own name out");
    }
    if spec.history == 0 || spec.history > MOST_REVISIONS {
        let message = format!("{} is not a number of revisions from 1 to {MOST_REVISIONS}", spec.history);
        found.add("history", message, "the running revision counts; write 5 to be able to go back to the last four");
    }
}

fn labels(spec: &ServiceSpec, found: &mut Found<'_>) {
    for (key, value) in &spec.labels {
        for (what, text) in [("key", key), ("value", value)] {
            let length = text.chars().count();
            let path = format!("labels.{key}");
            if length == 0 || length > LONGEST_LABEL {
                let message = format!("a label's {what} has 1 to {LONGEST_LABEL} characters, not {length}");
                found.add(path, message, "shorten it; long texts belong into `env` or `files`");
            } else if text.chars().any(char::is_control) {
                found.add(
                    path,
                    format!("a label's {what} has printable characters only"),
                    "take line ends and tabs out",
                );
            }
        }
    }
}

fn scale(spec: &ServiceSpec, found: &mut Found<'_>) {
    if let Some(replicas) = spec.replicas {
        too_many(found, "replicas", replicas);
    }
    let Some(Autoscale { min, max, cpu }) = spec.autoscale else { return };
    if spec.replicas.is_some() {
        let hint = "keep `replicas` for a fixed number of instances, or `autoscale` to let the target choose it";
        found.add("autoscale", "`replicas` is given too", hint);
    }
    if max == 0 {
        found.add("autoscale.max", "at most 0 instances would never run", "write at least 1");
    } else if min > max {
        found.add(
            "autoscale.min",
            format!("{min} is more than `max`, which is {max}"),
            "write a smaller `min` or a larger `max`",
        );
    }
    too_many(found, "autoscale.max", max);
    if cpu == Share::NONE {
        found.add("autoscale.cpu", "no instance uses 0% of its CPU", "write the use to aim at, like 70%");
    }
}

fn too_many(found: &mut Found<'_>, path: &str, instances: u32) {
    if instances > MOST_INSTANCES {
        let message = format!("{instances} instances are more than the {MOST_INSTANCES} that a service may have");
        found.add(path, message, "check the number of digits");
    }
}

/// Refuses a duration that is not measured in whole milliseconds, or beyond all use.
pub(super) fn short(found: &mut Found<'_>, path: &str, length: Duration) {
    if length > duration::MAX {
        let hint = "check the unit: `5m` is five minutes, `5M` is five months";
        found.add(path, format!("{} is longer than a year", duration::format(length)), hint);
    } else if !length.subsec_nanos().is_multiple_of(1_000_000) {
        let message = format!("{} is not a whole number of milliseconds", duration::format(length));
        found.add(path, message, "nothing is measured finer; round it, like 1ms");
    }
}

/// Refuses a duration of 0 too.
pub(super) fn positive(found: &mut Found<'_>, path: &str, length: Duration, why: &str, example: &str) {
    if length.is_zero() {
        found.add(path, format!("it is 0: {why}"), format!("write a duration like {example}, or take the field out"));
    }
    short(found, path, length);
}
