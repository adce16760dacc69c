//! The steps of a round, as lines of a verb, what it is about, and why.

use std::fmt::Write as _;

use super::value::single;
use crate::action::{Action, Reason, Step};
use crate::observed::InstanceId;
use crate::pin::PinnedSpec;
use crate::record::{Record, RecordStatus};
use crate::revision::Revision;
use crate::spec::{Artifact, MatchRule};
use crate::traffic::{RouteChange, Shares, Split};

/// One line. Steps that do the same to several instances of a revision share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) verb: &'static str,
    pub(super) what: String,
    pub(super) why: String,
}

/// What a step does, in parts: a change of routing has up to three.
#[derive(Clone, Debug)]
pub(super) enum Part<'a> {
    /// Something done to instances of one revision.
    Instances {
        verb: &'static str,
        why: Reason,
        attempt: u32,
        revision: &'a Revision,
        ordinals: Vec<u32>,
    },
    Split {
        why: Reason,
        split: &'a Split,
    },
    Other {
        why: Reason,
        action: &'a Action,
    },
}

/// The parts of a round's steps, those of the same kind together.
pub(super) fn parts(steps: &[Step]) -> Vec<Part<'_>> {
    let mut parts = Vec::with_capacity(1);
    for Step { action, why } in steps {
        let why = *why;
        match action {
            Action::Start { id, attempt, .. } => add(&mut parts, "start", why, *attempt, id),
            Action::Stop { id, .. } => add(&mut parts, "stop", why, 0, id),
            Action::Route { change, .. } => {
                let RouteChange { admit, withdraw, split } = change.as_ref();
                for id in admit {
                    add(&mut parts, "admit", why, 0, id);
                }
                for id in withdraw {
                    add(&mut parts, "drain", why, 0, id);
                }
                parts.extend(split.as_ref().map(|split| Part::Split { why, split }));
            }
            _ => parts.push(Part::Other { why, action }),
        }
    }
    parts
}

fn add<'a>(parts: &mut Vec<Part<'a>>, verb: &'static str, why: Reason, attempt: u32, id: &'a InstanceId) {
    let same = parts.iter_mut().find_map(|part| match part {
        Part::Instances { verb: v, why: w, attempt: a, revision, ordinals }
            if (*v, *w, *a) == (verb, why, attempt) && **revision == id.revision =>
        {
            Some(ordinals)
        }
        _ => None,
    });
    match same {
        Some(ordinals) => ordinals.push(id.ordinal),
        None => {
            parts.push(Part::Instances { verb, why, attempt, revision: &id.revision, ordinals: vec![id.ordinal] });
        }
    }
}

/// The lines of a round's steps.
pub(super) fn lines(steps: &[Step], wanted: Option<&Revision>) -> Vec<Line> {
    parts(steps).into_iter().flat_map(|part| part_lines(part, wanted)).collect()
}

fn part_lines(part: Part<'_>, wanted: Option<&Revision>) -> Vec<Line> {
    let (verb, what, why) = match part {
        Part::Instances { verb, why, attempt, revision, ordinals } => {
            let why = match (verb, why, attempt) {
                // The reason of a change of routing is that of what it admits.
                ("drain", Reason::Available, _) => String::new(),
                (.., 0) => why.to_string(),
                (.., attempt) => format!("{why}, restart {attempt}"),
            };
            (verb, instances(revision, ordinals), why)
        }
        Part::Other { why, action } => (action.verb(), subject(action), why.to_string()),
        Part::Split { why, split } => {
            let shares = Line { verb: "split", what: shares_words(&split.shares, wanted), why: why.to_string() };
            let test_users = split.test_users.as_ref().map(|test| {
                let what = format!("{} to {}", rule_words(&test.rule), test.to);
                Line { verb: "send", what, why: "test users".to_owned() }
            });
            return std::iter::once(shares).chain(test_users).collect();
        }
    };
    vec![Line { verb, what, why }]
}

/// What an action is about that is about no single instance.
fn subject(action: &Action) -> String {
    match action {
        Action::Publish { spec } => artifact(spec),
        Action::Record { record } => record_words(record),
        Action::Submit { spec, .. } => spec.revision().to_string(),
        Action::Forget { revision, .. } => format!("the record of {revision}"),
        Action::Start { id, .. } | Action::Stop { id, .. } => id.to_string(),
        Action::Withdraw { service } | Action::Route { service, .. } => service.to_string(),
    }
}

/// `r1-3f2a9c01be77 as deployment 4`.
fn record_words(record: &Record) -> String {
    let status = match record.status {
        RecordStatus::Deploying => "under way",
        RecordStatus::Deployed => "complete",
        RecordStatus::Failed => "failed",
    };
    format!("{} as deployment {}, {status}", record.revision(), record.sequence)
}

/// `image web:1.2.0`.
pub(super) fn artifact(spec: &PinnedSpec) -> String {
    let artifact = &spec.spec().artifact;
    let name = match artifact {
        Artifact::Image(image) => &image.reference,
        Artifact::Jar(jar) => &jar.path,
        Artifact::War(war) => &war.path,
        Artifact::Machine(machine) => &machine.image,
        Artifact::Function(function) => function.zip.as_ref().or(function.image.as_ref()).map_or("", |name| name),
    };
    format!("{} {}", artifact.kind(), single(name, 80))
}

/// `r1-3f2a9c01be77-0 to -4`.
pub(super) fn instances(revision: &Revision, mut ordinals: Vec<u32>) -> String {
    ordinals.sort_unstable();
    format!("{revision}-{}", runs(&ordinals, " to -", ", -"))
}

/// Sorted numbers as runs; at most a few of them.
pub(super) fn runs(numbers: &[u32], to: &str, and: &str) -> String {
    const MOST: usize = 5;
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            Some((_, last)) if last == number => {}
            _ => runs.push((*number, *number)),
        }
    }
    let mut text = String::new();
    for (index, (first, last)) in runs.iter().take(MOST).enumerate() {
        let begin = if index == 0 { "" } else { and };
        let _ = match last - first {
            0 => write!(text, "{begin}{first}"),
            1 => write!(text, "{begin}{first}{and}{last}"),
            _ => write!(text, "{begin}{first}{to}{last}"),
        };
    }
    if runs.len() > MOST {
        let _ = write!(text, ", .. ({} in all)", numbers.len());
    }
    text
}

/// `25% to r1-3f2a9c01be77, 75% to r1-9b10c2d3e4f5`, the wanted revision first.
fn shares_words(shares: &Shares, wanted: Option<&Revision>) -> String {
    let Shares::Weighted(shares) = shares else { return "evenly between instances".to_owned() };
    let mut shares: Vec<_> = shares.iter().collect();
    shares.sort_by_key(|(revision, _)| Some(*revision) != wanted);
    let shares: Vec<_> = shares.iter().map(|(revision, share)| format!("{share} to {revision}")).collect();
    shares.join(", ")
}

/// `header x-test: 1 or cookie beta=1`.
pub(super) fn rule_words(rule: &MatchRule) -> String {
    let headers = rule.header.iter().map(|(name, value)| format!("header {}: {}", single(name, 30), single(value, 30)));
    let cookies = rule.cookie.iter().map(|(name, value)| format!("cookie {}={}", single(name, 30), single(value, 30)));
    let rules: Vec<_> = headers.chain(cookies).collect();
    if rules.is_empty() { "no requests".to_owned() } else { rules.join(" or ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_runs() {
        assert_eq!(runs(&[0, 1, 2, 5, 7, 8], " to -", ", -"), "0 to -2, -5, -7, -8");
        assert_eq!(runs(&[u32::MAX], " to ", ", "), "4294967295");
        let odd: Vec<u32> = (0..20).map(|n| 2 * n).collect();
        assert_eq!(runs(&odd, " to ", ", "), "0, 2, 4, 6, 8, .. (20 in all)");
    }
}
