//! A service's plan as it is shown, whatever the format.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::fold::{Stretch, fold};
use super::headline::{self, Kind};
use super::step::{Line, Part, artifact, instances, lines, parts, runs};
use super::value::single;
use super::wait::{count, wait_words};
use crate::plan::{Rollback, Round, ServicePlan, WaitReason};
use crate::revision::Revision;
use crate::spec::{Expose, ServiceSpec};
use crate::traffic::Shares;
use crate::units::duration;

/// One row of a schedule.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// `4`, or `6 to 29` for rounds that are not shown.
    pub(super) number: String,
    /// What is waited for before it.
    pub(super) wait: Option<String>,
    pub(super) body: Body,
    /// `3`, or `3–4` for several rounds.
    pub(super) ready: String,
    pub(super) total: String,
    pub(super) traffic: String,
    pub(super) at_most: String,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Steps(Vec<Line>),
    /// In words.
    Words(String),
}

/// What becomes of a service: `roll r1-3f2a9c01be77 → r1-9b10c2d3e4f5, 3 → 4 instances`.
pub(super) fn headline(plan: &ServicePlan) -> String {
    let undertaking = headline::undertaking(plan, Kind::of(plan));
    let scale = headline::scale(plan).map(|scale| format!(", {scale}"));
    format!("{undertaking}{}", scale.unwrap_or_default())
}

/// The rows of a schedule, what repeats shown once unless all are asked for.
pub(super) fn rows(plan: &ServicePlan, all: bool) -> Vec<Row> {
    let stretches = if all { (0..plan.rounds.len()).map(Stretch::Round).collect() } else { fold(&plan.rounds) };
    stretches
        .into_iter()
        .map(|stretch| match stretch {
            Stretch::Round(index) => round_row(plan, index),
            Stretch::Repeat { rounds, of } => repeat_row(plan, rounds, &of),
        })
        .collect()
}

fn round_row(plan: &ServicePlan, index: usize) -> Row {
    let round = &plan.rounds[index];
    let wanted = plan.goal.revision();
    let wait = round.wait.as_ref().map(|why| match why {
        WaitReason::Platform { .. } if !headline::is_counted(plan) => "waits until the platform is done".to_owned(),
        _ => format!("waits {}", wait_words(why, spec(plan))),
    });
    let number = (index + 1).to_string();
    if round.steps.is_empty() {
        // A last wait that the plan cannot look beyond.
        return row(plan, number, None, Body::Words(wait.unwrap_or_default()), std::slice::from_ref(round));
    }
    row(plan, number, wait, Body::Steps(lines(&round.steps, wanted)), std::slice::from_ref(round))
}

fn repeat_row(plan: &ServicePlan, rounds: Range<usize>, of: &Range<usize>) -> Row {
    let span = |range: &Range<usize>| {
        if range.len() == 1 { format!("{}", range.end) } else { format!("{} to {}", range.start + 1, range.end) }
    };
    let hidden = &plan.rounds[rounds.clone()];
    let words = format!("as {}, for {}", span(of), touched(hidden));
    row(plan, span(&rounds), None, Body::Words(words), hidden)
}

fn row(plan: &ServicePlan, number: String, wait: Option<String>, body: Body, rounds: &[Round]) -> Row {
    let range = |numbers: &dyn Fn(&Round) -> u32| {
        let low = rounds.iter().map(numbers).min().unwrap_or_default();
        let high = rounds.iter().map(numbers).max().unwrap_or_default();
        if low == high { low.to_string() } else { format!("{low}–{high}") }
    };
    let is_counted = headline::is_counted(plan);
    let counts = |numbers: &dyn Fn(&Round) -> u32| if is_counted { range(numbers) } else { String::new() };
    let at_most = rounds.iter().fold(Duration::ZERO, |sum, round| sum.saturating_add(round.after.at_most));
    let traffic = rounds.last().and_then(|round| round.after.traffic.as_ref());
    Row {
        number,
        wait,
        body,
        ready: counts(&|round| round.after.ready),
        total: counts(&|round| round.after.total),
        traffic: traffic.map(|shares| traffic_words(shares, plan.goal.revision())).unwrap_or_default(),
        at_most: at_most_words(at_most),
    }
}

pub(super) fn at_most_words(at_most: Duration) -> String {
    if at_most.is_zero() { "–".to_owned() } else { duration::format(at_most).to_string() }
}

/// The share of requests that reach the wanted revision: `25% new`.
fn traffic_words(shares: &Shares, wanted: Option<&Revision>) -> String {
    match wanted.and_then(|wanted| shares.of(wanted)) {
        Some(share) => format!("{share} new"),
        None if *shares == Shares::Even => "even".to_owned(),
        None => "by share".to_owned(),
    }
}

/// Which instances these rounds are about: `ordinals 1 to 6`, if they are the same of each revision.
fn touched(rounds: &[Round]) -> String {
    let mut touched: BTreeMap<&Revision, Vec<u32>> = BTreeMap::new();
    for round in rounds {
        for part in parts(&round.steps) {
            if let Part::Instances { revision, mut ordinals, .. } = part {
                touched.entry(revision).or_default().append(&mut ordinals);
            }
        }
    }
    for ordinals in touched.values_mut() {
        ordinals.sort_unstable();
        ordinals.dedup();
    }
    let mut values = touched.values();
    match values.next() {
        None => "the same".to_owned(),
        Some(first) if values.all(|other| other == first) => {
            let name = if first.len() == 1 { "ordinal" } else { "ordinals" };
            format!("{name} {}", runs(first, " to ", ", "))
        }
        Some(_) => {
            let names = touched.into_iter().map(|(revision, ordinals)| instances(revision, ordinals));
            names.collect::<Vec<_>>().join(" and ")
        }
    }
}

fn spec(plan: &ServicePlan) -> Option<&ServiceSpec> {
    plan.goal.spec().map(|spec| spec.spec())
}

/// Whether all fields are new because the service is.
pub(super) fn is_new(plan: &ServicePlan) -> bool {
    plan.basis.latest_record().is_none() && plan.changes.iter().all(|change| change.old.is_none())
}

/// A new service in a few words: what it runs and what it gets.
pub(super) fn contents(plan: &ServicePlan) -> Vec<String> {
    let Some(pinned) = plan.goal.spec() else { return Vec::new() };
    let spec = pinned.spec();
    let mut words = vec![artifact(pinned)];
    let mut tell = |number: usize, one: &str, many: &str| {
        if number > 0 {
            words.push(count(number, one, many));
        }
    };
    tell(spec.env.len(), "variable", "variables");
    tell(spec.secrets.len(), "secret", "secrets");
    tell(spec.files.len(), "file", "files");
    let ports: Vec<_> = spec.ports.iter().map(|(name, port)| format!("{name} {}", port.port)).collect();
    if !ports.is_empty() {
        words.push(format!("{} {}", if ports.len() == 1 { "port" } else { "ports" }, ports.join(" and ")));
    }
    match &spec.expose {
        Expose::Internal => {}
        Expose::Http(http) => {
            let host = http.host.as_deref().unwrap_or_default();
            words.push(format!("at http://{}", single(&format!("{host}{}", http.path), 60)));
        }
        Expose::NodePort(port) => words.push(format!("at port {port} of each node")),
        Expose::LoadBalancer(_) => words.push("behind a load balancer".to_owned()),
    }
    words
}

/// How to go back, as the rest of a sentence that begins with `rollback`.
pub(super) fn rollback_words(rollback: &Rollback) -> String {
    match rollback {
        Rollback::To { revision, sequence } => format!("to {revision} (deployment {sequence})"),
        Rollback::Remove => "by removing the service; nothing was deployed before".to_owned(),
        Rollback::Impossible { reason } => format!("impossible: {}", single(reason, 200)),
    }
}

/// What comes after a plan that ends at a gate.
pub(super) fn beyond(plan: &ServicePlan) -> Option<&'static str> {
    let last = plan.rounds.last().filter(|round| round.steps.is_empty())?;
    matches!(last.wait, Some(WaitReason::Gate { .. }))
        .then_some("what follows is planned once somebody opens the gate: promote the service")
}
