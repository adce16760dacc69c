//! Whether a plan still fits what is on the targets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Plan, ServicePlan};
use crate::name::ServiceName;
use crate::observed::{Instance, InstanceId, Observed, Phase, PlatformState, State};
use crate::record::{Record, RecordStatus};
use crate::revision::Revision;
use crate::traffic::{Split, Traffic};

/// One thing that is not any more as it was when a plan was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moved {
    /// What: `instances.orders-r1-3f2a9c01be77-0`, `platform.version`.
    pub path: String,
    /// What it was when the plan was made.
    pub then: String,
    /// What it is now.
    pub now: String,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, now {}", self.path, self.then, self.now)
    }
}

/// A plan that does not fit any more: something moved since it was made, so nothing of it was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StalePlan {
    moved: Vec<(ServiceName, Moved)>,
}

impl StalePlan {
    /// Everything that moved, by service.
    pub fn moved(&self) -> &[(ServiceName, Moved)] {
        &self.moved
    }
}

impl std::error::Error for StalePlan {}

/// So many lines at most: what moved, and the first and last line.
const LINES: usize = 20;

impl fmt::Display for StalePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.moved.len();
        let (things, have) = if count == 1 { ("thing", "has") } else { ("things", "have") };
        writeln!(f, "the plan is out of date: {count} {things} {have} changed since it was made; nothing was done")?;
        let fits = if count + 2 <= LINES { count } else { LINES - 3 };
        for (service, moved) in &self.moved[..fits] {
            writeln!(f, "  {service}: {moved}")?;
        }
        if fits < count {
            writeln!(f, "  and {} more", count - fits)?;
        }
        f.write_str("plan again, and look at the new plan before applying it")
    }
}

impl Plan {
    /// Checks that each service is as it was when the plan was made; see [`ServicePlan::moved`].
    ///
    /// # Errors
    /// [`StalePlan`] with everything that moved. A service without an observation in `now` counts as moved.
    pub fn check_basis(&self, now: &[Observed]) -> Result<(), StalePlan> {
        let by_name: BTreeMap<_, _> = now.iter().map(|seen| (&seen.service, seen)).collect();
        let mut moved = Vec::new();
        for plan in &self.services {
            let service = plan.goal.service();
            let differs = match by_name.get(service) {
                Some(now) => plan.moved(now),
                None => vec![change("observation", "there was one", "there is none")],
            };
            moved.extend(differs.into_iter().map(|moved| (service.clone(), moved)));
        }
        if moved.is_empty() { Ok(()) } else { Err(StalePlan { moved }) }
    }
}

impl ServicePlan {
    /// What has moved since the plan was made, as far as the plan rests on it.
    ///
    /// Instances that came, went, became ready or are not ready any more; records; how requests are split and which
    /// instances get them; what a platform was told and counts; artifacts that were published. Time, notes, requests
    /// under way and how far an instance has drained do not count.
    pub fn moved(&self, now: &Observed) -> Vec<Moved> {
        let then = &self.basis;
        let mut moved = Vec::new();
        match (&then.state, &now.state) {
            (State::Instances(then), State::Instances(now)) => {
                compare("instances.", &phases(then), &phases(now), ["nothing", "gone"], &mut moved);
            }
            (State::Platform(then), State::Platform(now)) => {
                compare("platform.", &platform(then), &platform(now), ["nothing", "nothing"], &mut moved);
            }
            (State::Instances(_), State::Platform(_)) => {
                moved.push(change("state", "driven by instances", "driven by the platform"));
            }
            (State::Platform(_), State::Instances(_)) => {
                moved.push(change("state", "driven by the platform", "driven by instances"));
            }
        }
        records(&then.records, &now.records, &mut moved);
        traffic(then.traffic.as_ref(), now.traffic.as_ref(), &mut moved);
        let (then, now) = (published(then), published(now));
        compare("published.", &then, &now, ["not there", "not there"], &mut moved);
        moved
    }
}

fn published(seen: &Observed) -> Facts<&Revision, &'static str> {
    seen.published.iter().map(|revision| (revision, "there")).collect()
}

fn change(path: impl Into<String>, then: impl Into<String>, now: impl Into<String>) -> Moved {
    Moved { path: path.into(), then: then.into(), now: now.into() }
}

type Facts<K = String, V = String> = BTreeMap<K, V>;

/// Adds what differs between two sets of facts; `absent` says what it was, and is, where there is none.
fn compare<K: Ord + fmt::Display, V: PartialEq + AsRef<str>>(
    at: &str,
    then: &Facts<K, V>,
    now: &Facts<K, V>,
    absent: [&str; 2],
    moved: &mut Vec<Moved>,
) {
    let names: BTreeSet<&K> = then.keys().chain(now.keys()).collect();
    for name in names {
        let (before, after) = (then.get(name), now.get(name));
        if before != after {
            let before = before.map_or(absent[0], V::as_ref);
            moved.push(change(format!("{at}{name}"), before, after.map_or(absent[1], V::as_ref)));
        }
    }
}

fn phases(instances: &[Instance]) -> Facts<&InstanceId, &'static str> {
    let phase = |phase| if phase == Phase::Ready { "ready" } else { "not ready" };
    instances.iter().map(|instance| (&instance.id, phase(instance.phase))).collect()
}

fn platform(state: &PlatformState) -> Facts {
    let mut facts = Facts::from([("replicas".to_owned(), state.replicas.to_string())]);
    let mut tell = |name: &str, value: String| facts.insert(name.to_owned(), value);
    if let Some(told) = &state.submitted {
        tell("submitted.revision", told.revision.to_string());
        tell("submitted.digest", told.digest.to_string());
    }
    if let Some(version) = &state.version {
        tell("version", version.escape_debug().to_string());
    }
    for (revision, counts) in &state.groups {
        tell(&format!("groups.{revision}"), format!("{} of {} ready", counts.ready, counts.total));
    }
    facts
}

fn records(then: &[Record], now: &[Record], moved: &mut Vec<Moved>) {
    let words = |record: &Record| {
        let promoted =
            if record.promoted == 0 { String::new() } else { format!(", gates opened: {}", record.promoted) };
        let status = match record.status {
            RecordStatus::Deploying => "under way",
            RecordStatus::Deployed => "deployed",
            RecordStatus::Failed => "failed",
        };
        let is_news = record.is_proven() && record.status != RecordStatus::Deployed;
        let proven = if is_news { ", worked before" } else { "" };
        format!("deployment {}, {status}{proven}{promoted}", record.sequence)
    };
    let facts = |records: &[Record]| records.iter().map(|r| (r.revision().to_string(), words(r))).collect::<Facts>();
    compare("records.", &facts(then), &facts(now), ["nothing", "gone"], moved);
    for before in then {
        let after = now.iter().find(|after| after.revision() == before.revision());
        if after.is_some_and(|after| after.spec != before.spec) {
            moved.push(change(format!("records.{}.spec", before.revision()), "as planned", "another"));
        }
    }
}

fn traffic(then: Option<&Traffic>, now: Option<&Traffic>, moved: &mut Vec<Moved>) {
    let (then, now) = match (then, now) {
        (Some(then), Some(now)) => (then, now),
        (None, None) => return,
        (Some(_), None) => return moved.push(change("traffic", "routed", "nothing routes")),
        (None, Some(_)) => return moved.push(change("traffic", "nothing routes", "routed")),
    };
    let split = |split: &Split| {
        let test_users = split.test_users.as_ref().map(|test| {
            let rule = serde_json::to_string(&test.rule).unwrap_or_default();
            ("test_users".to_owned(), format!("{rule} to {}", test.to))
        });
        [("shares".to_owned(), split.shares.to_string())].into_iter().chain(test_users).collect::<Facts>()
    };
    compare("traffic.", &split(&then.split), &split(&now.split), ["none", "none"], moved);
    compare("traffic.endpoints.", &admitted(then), &admitted(now), ["no requests", "no requests"], moved);
}

fn admitted(traffic: &Traffic) -> Facts<&InstanceId, &'static str> {
    let open = traffic.endpoints.iter().filter(|(_, endpoint)| !endpoint.draining);
    open.map(|(id, _)| (id, "gets requests")).collect()
}
