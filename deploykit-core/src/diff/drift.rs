//! What is not as the deployment before left it.

use crate::observed::{Drift, Instance, Observed, Phase, PlatformState, Rollout, State};
use crate::record::{Record, RecordStatus};
use crate::revision::Revision;
use crate::spec::Scale;
use crate::traffic::Traffic;

/// What the target found, and what can be told from the observation alone; sorted.
pub(super) fn drift(seen: &Observed) -> Vec<Drift> {
    let mut drift = seen.drift.clone();
    let latest = seen.latest_record();
    // While a deployment is under way, the fleet is on its way too.
    let settled = latest.filter(|record| record.status == RecordStatus::Deployed);
    match &seen.state {
        State::Instances(instances) => {
            drift.extend(instances.iter().filter_map(broken));
            drift.extend(foreign(instances, &seen.records, settled));
            drift.extend(settled.and_then(|record| miscounted(instances, record)));
            if let Some(traffic) = &seen.traffic {
                drift.extend(misrouted(instances, traffic, settled));
            }
        }
        State::Platform(platform) => {
            drift.extend(stalled(platform));
            drift.extend(settled.into_iter().flat_map(|record| changed(platform, record)));
        }
    }
    drift.sort();
    drift.dedup();
    drift
}

fn found(subject: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Drift {
    Drift { subject: subject.into(), expected: expected.into(), found: found.into(), by: None }
}

fn broken(instance: &Instance) -> Option<Drift> {
    let expected = match instance.phase {
        Phase::Exited { .. } => "running",
        Phase::Unhealthy => "ready",
        _ => return None,
    };
    let note = instance.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    Some(found(instance.id.to_string(), expected, format!("{}{note}", instance.phase)))
}

/// Instances of revisions that should not run.
fn foreign(instances: &[Instance], records: &[Record], settled: Option<&Record>) -> Vec<Drift> {
    if records.is_empty() {
        return Vec::new();
    }
    let tell = |instance: &Instance| {
        let revision = &instance.id.revision;
        if settled.is_some_and(|record| record.revision() == revision) {
            return None;
        }
        if !records.iter().any(|record| record.revision() == revision) {
            let what = format!("{}, of a revision without one", instance.phase);
            return Some(found(instance.id.to_string(), "only revisions with a record", what));
        }
        let record = settled.filter(|_| instance.phase.is_live())?;
        Some(found(instance.id.to_string(), format!("only {} runs", record.revision()), instance.phase.to_string()))
    };
    instances.iter().filter_map(tell).collect()
}

fn miscounted(instances: &[Instance], record: &Record) -> Option<Drift> {
    let (min, max) = match record.spec.spec().scale() {
        Scale::Fixed(replicas) => (replicas, replicas),
        Scale::Auto { min, max } => (min, max),
    };
    let counts = |instance: &&Instance| instance.id.revision == *record.revision() && instance.phase != Phase::Stopping;
    let count = instances.iter().filter(counts).count();
    let expected = if min == max { instances_of(min) } else { format!("{min} to {max} instances") };
    let fits = u32::try_from(count).is_ok_and(|count| (min..=max).contains(&count));
    (!fits).then(|| found("replicas", expected, count.to_string()))
}

fn instances_of(count: u32) -> String {
    if count == 1 { "1 instance".to_owned() } else { format!("{count} instances") }
}

/// Endpoints of instances that do not exist, and instances without an endpoint.
fn misrouted(instances: &[Instance], traffic: &Traffic, settled: Option<&Record>) -> Vec<Drift> {
    // Most often, each instance is admitted, and both are in order.
    let mut pairs = instances.iter().zip(&traffic.endpoints);
    if instances.len() == traffic.endpoints.len()
        && pairs.all(|(instance, (id, endpoint))| instance.id == *id && !endpoint.draining)
    {
        return Vec::new();
    }
    let mut revisions: Vec<&Revision> = Vec::new();
    let mut number = |revision| {
        revisions.iter().position(|known| *known == revision).unwrap_or_else(|| {
            revisions.push(revision);
            revisions.len() - 1
        })
    };
    // There are few revisions and many instances: compared by numbers.
    let mut running: Vec<_> = instances.iter().map(|of| (number(&of.id.revision), of.id.ordinal)).collect();
    running.sort_unstable();
    let mut admitted = Vec::with_capacity(traffic.endpoints.len());
    let mut drift = Vec::new();
    for (id, endpoint) in &traffic.endpoints {
        let key = (number(&id.revision), id.ordinal);
        if endpoint.draining {
            continue;
        }
        admitted.push(key);
        if running.binary_search(&key).is_err() {
            drift.push(found(id.to_string(), "no requests", "the router sends it requests, but it does not exist"));
        }
    }
    if let Some(record) = settled {
        admitted.sort_unstable();
        let wanted = number(record.revision());
        let left_out = |of: &&Instance| {
            of.phase == Phase::Ready
                && of.id.revision == *record.revision()
                && admitted.binary_search(&(wanted, of.id.ordinal)).is_err()
        };
        let tell = |of: &Instance| found(of.id.to_string(), "requests", "ready, but the router sends it none");
        drift.extend(instances.iter().filter(left_out).map(tell));
    }
    drift
}

/// What a platform was told by somebody else.
fn changed(platform: &PlatformState, record: &Record) -> Vec<Drift> {
    let mut drift = Vec::new();
    let spec = record.spec.as_ref();
    match &platform.submitted {
        None => drift.push(found("revision", record.revision().to_string(), "nothing is deployed")),
        Some(told) if told.revision != *record.revision() => {
            drift.push(found("revision", record.revision().to_string(), told.revision.to_string()));
        }
        Some(told) => {
            if told.digest != spec.digest() {
                drift.push(found("spec", "what was deployed", "the platform was told something else"));
            }
            // Serverless platforms have no count; nothing was declared there.
            if let Some(replicas) = spec.spec().replicas.filter(|replicas| *replicas != platform.replicas) {
                drift.push(found("replicas", instances_of(replicas), platform.replicas.to_string()));
            }
        }
    }
    drift
}

fn stalled(platform: &PlatformState) -> Option<Drift> {
    match &platform.rollout {
        Rollout::Stalled { reason } => Some(found("rollout", "complete", format!("stalled: {reason}"))),
        Rollout::Complete | Rollout::Progressing => None,
    }
}
