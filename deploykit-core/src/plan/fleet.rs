//! The instances of a service, sorted by what can be done with them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use super::line::Line;
use super::want::Want;
use crate::observed::{Instance, InstanceId, Observed, Phase, State};
use crate::revision::Revision;
use crate::time::Timestamp;
use crate::traffic::{Endpoint, Split};
use crate::units::Share;

/// Whether the router sends requests to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Out,
    In,
    Draining { since: Timestamp, in_flight: u32 },
}

impl Route {
    fn of(endpoint: Option<&Endpoint>) -> Self {
        match endpoint {
            None => Self::Out,
            Some(Endpoint { draining: false, .. }) => Self::In,
            Some(Endpoint { since, in_flight, .. }) => Self::Draining { since: *since, in_flight: *in_flight },
        }
    }
}

/// One instance, wherever it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) phase: Phase,
    pub(super) since: Timestamp,
    pub(super) started: Option<Timestamp>,
    pub(super) attempt: u32,
    pub(super) route: Route,
}

/// An instance that should not be: of another revision, or beyond the wanted number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Other<'a> {
    pub(super) instance: &'a Instance,
    pub(super) member: Member,
}

/// The instances that should be, by ordinal. Each ordinal is in one line.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) members: Vec<Option<Member>>,
    pub(super) missing: Line,
    pub(super) starting: Line,
    /// Ready, but not for long enough.
    pub(super) maturing: Line,
    /// Available, but without requests; only where there is a router.
    pub(super) idle: Line,
    /// Available and, where there is a router, admitted.
    pub(super) serving: Line,
    pub(super) unhealthy: Line,
    pub(super) stopping: Line,
    pub(super) exited: Line,
    /// Admitted although they cannot serve: starting or exited. Beside the other lines.
    pub(super) misrouted: Line,
}

/// The instances that should not be, by their place in the sorted observation. Each is in one line.
#[derive(Debug, Default)]
pub(super) struct Others<'a> {
    pub(super) all: Vec<Other<'a>>,
    /// Live but not available, admitted.
    pub(super) weak_in: Line,
    /// Live but not available, not admitted.
    pub(super) weak_out: Line,
    /// Available and admitted.
    pub(super) strong_in: Line,
    /// Available, not admitted.
    pub(super) strong_out: Line,
    pub(super) stopping: Line,
    pub(super) exited: Line,
    /// Exited or stopping, and still admitted. Beside the other lines.
    pub(super) misrouted: Line,
    /// Ready, but not for long enough. Beside the other lines.
    pub(super) young: Line,
    /// Starting. Beside the other lines.
    pub(super) starting: Line,
}

/// All instances of a service.
#[derive(Debug)]
pub(super) struct Fleet<'a> {
    revision: Option<&'a Revision>,
    pub(super) now: Timestamp,
    pub(super) routed: bool,
    pub(super) min_ready: Duration,
    pub(super) drain: Duration,
    pub(super) split: Split,
    pub(super) split_since: Timestamp,
    pub(super) wanted: Wanted,
    pub(super) others: Others<'a>,
    /// Admitted ids of which there is no instance.
    pub(super) ghosts: Vec<InstanceId>,
    /// Since when the first of the wanted instances has been admitted.
    pub(super) admitted_since: Option<Timestamp>,
    /// Among the revisions that should not be, the one that users are on: of those that can serve the one of the
    /// largest share, else of the most admitted instances.
    pub(super) stable: Option<Revision>,
    /// So many live instances of the stable revision are admitted.
    pub(super) stable_in: u32,
    /// Whether there are instances of a third revision.
    pub(super) thirds: bool,
    /// Whether some instance was observed with requests under way that no new ones follow.
    pub(super) draining: bool,
}

fn cmp_ids(a: &InstanceId, b: &InstanceId) -> Ordering {
    // Equal revisions are mostly one allocation, which `==` notices and `cmp` does not.
    let revision = if a.revision == b.revision { Ordering::Equal } else { a.revision.cmp(&b.revision) };
    revision.then(a.ordinal.cmp(&b.ordinal))
}

impl<'a> Fleet<'a> {
    pub(super) fn new(want: &'a Want, seen: &'a Observed) -> Self {
        let revision = want.spec.as_ref().map(|spec| spec.revision());
        let mut fleet = Self {
            revision,
            now: seen.at,
            routed: seen.traffic.is_some(),
            min_ready: want.min_ready,
            drain: want.shutdown.drain,
            split: seen.traffic.as_ref().map(|traffic| traffic.split.clone()).unwrap_or_default(),
            split_since: seen.traffic.as_ref().map(|traffic| traffic.since).unwrap_or_default(),
            wanted: Wanted { members: vec![None; want.replicas as usize], ..Wanted::default() },
            others: Others::default(),
            ghosts: Vec::new(),
            admitted_since: None,
            stable: None,
            stable_in: 0,
            thirds: false,
            draining: false,
        };
        let State::Instances(instances) = &seen.state else { return fleet };
        let mut instances: Vec<&Instance> = instances.iter().collect();
        instances.sort_by(|a, b| cmp_ids(&a.id, &b.id));

        let mut endpoints = seen.traffic.iter().flat_map(|traffic| &traffic.endpoints).peekable();
        for instance in instances {
            while let Some((id, endpoint)) = endpoints.next_if(|(id, _)| cmp_ids(id, &instance.id).is_lt()) {
                fleet.add_ghost(id, endpoint);
            }
            let endpoint = endpoints.next_if(|(id, _)| cmp_ids(id, &instance.id).is_eq()).map(|(_, endpoint)| endpoint);
            let member = Member {
                phase: instance.phase,
                since: instance.since,
                started: instance.started,
                attempt: instance.attempt,
                route: Route::of(endpoint),
            };
            fleet.draining |= matches!(member.route, Route::Draining { in_flight: 1.., .. });
            let slot = (revision == Some(&instance.id.revision))
                .then(|| fleet.wanted.members.get_mut(instance.id.ordinal as usize))
                .flatten();
            if let Some(slot @ None) = slot {
                *slot = Some(member);
                let serves = |endpoint: &&Endpoint| !endpoint.draining && member.phase == Phase::Ready;
                if let Some(endpoint) = endpoint.filter(serves) {
                    let since = fleet.admitted_since.map_or(endpoint.since, |since| since.min(endpoint.since));
                    fleet.admitted_since = Some(since);
                }
                fleet.file_wanted(instance.id.ordinal);
            } else {
                let place = u32::try_from(fleet.others.all.len()).unwrap_or(u32::MAX);
                fleet.others.all.push(Other { instance, member });
                fleet.file_other(place);
            }
        }
        for (id, endpoint) in endpoints {
            fleet.add_ghost(id, endpoint);
        }
        for ordinal in 0..want.replicas {
            if fleet.wanted.members[ordinal as usize].is_none() {
                fleet.wanted.missing.insert(ordinal);
            }
        }
        fleet.find_stable();
        fleet
    }

    pub(super) fn find_stable(&mut self) {
        let wanted = self.revision;
        // Whether any can serve, the share of users, how many can serve, how many there are.
        let mut admitted: BTreeMap<&Revision, (bool, Share, u32, u32)> = BTreeMap::new();
        let strong = self.others.strong_in.iter().map(|place| (place, 1));
        for (place, serving) in strong.chain(self.others.weak_in.iter().map(|place| (place, 0))) {
            let revision = &self.others.all[place as usize].instance.id.revision;
            if wanted != Some(revision) {
                let share = self.split.shares.of(revision).unwrap_or_default();
                let (able, _, strong, all) = admitted.entry(revision).or_insert((false, share, 0, 0));
                *able |= serving > 0;
                *strong += serving;
                *all += 1;
            }
        }
        let stable = admitted.into_iter().max_by_key(|(_, weight)| *weight);
        self.stable_in = stable.map_or(0, |(_, (.., count))| count);
        let stable = stable.map(|(revision, _)| revision.clone());
        let is_third = |other: &Other<'_>| {
            let revision = &other.instance.id.revision;
            Some(revision) != stable.as_ref() && Some(revision) != wanted
        };
        self.thirds = self.others.all.iter().any(is_third);
        self.stable = stable;
    }

    /// Whether an instance that should not be is of the revision that users are on.
    pub(super) fn is_stable(&self, place: u32) -> bool {
        self.stable.as_ref() == Some(&self.others.all[place as usize].instance.id.revision)
    }

    /// So many available instances of the stable revision are admitted.
    pub(super) fn stable_serving(&self) -> u32 {
        if !self.thirds {
            return self.others.strong_in.len();
        }
        u32::try_from(self.others.strong_in.iter().filter(|place| self.is_stable(*place)).count()).unwrap_or(u32::MAX)
    }

    fn add_ghost(&mut self, id: &InstanceId, endpoint: &Endpoint) {
        if !endpoint.draining {
            self.ghosts.push(id.clone());
        }
    }

    pub(super) fn matures_at(&self, member: &Member) -> Timestamp {
        member.since.after(self.min_ready)
    }

    fn is_available(&self, member: &Member) -> bool {
        member.phase == Phase::Ready && self.now >= self.matures_at(member)
    }

    /// Whether an instance that gets no new requests has none under way any more, or had its time to end them.
    pub(super) fn is_drained(&self, member: &Member) -> bool {
        match member.route {
            Route::In => false,
            Route::Out => true,
            Route::Draining { since, in_flight } => in_flight == 0 || self.now >= since.after(self.drain),
        }
    }

    /// Puts a wanted instance in its line.
    pub(super) fn file_wanted(&mut self, ordinal: u32) {
        let Some(member) = self.wanted.members[ordinal as usize] else {
            self.wanted.missing.insert(ordinal);
            return;
        };
        let available = self.is_available(&member);
        let misrouted = member.route == Route::In;
        let wanted = &mut self.wanted;
        match member.phase {
            Phase::Starting => wanted.starting.insert(ordinal),
            Phase::Ready if !available => wanted.maturing.insert(ordinal),
            Phase::Ready if self.routed && member.route != Route::In => wanted.idle.insert(ordinal),
            Phase::Ready => wanted.serving.insert(ordinal),
            Phase::Unhealthy => wanted.unhealthy.insert(ordinal),
            Phase::Stopping => wanted.stopping.insert(ordinal),
            Phase::Exited { .. } => wanted.exited.insert(ordinal),
        }
        if misrouted && matches!(member.phase, Phase::Starting | Phase::Stopping | Phase::Exited { .. }) {
            wanted.misrouted.insert(ordinal);
        }
    }

    /// Puts an instance that should not be in its line.
    pub(super) fn file_other(&mut self, place: u32) {
        let member = self.others.all[place as usize].member;
        let available = self.is_available(&member);
        let others = &mut self.others;
        match (member.phase, member.route) {
            (Phase::Stopping, _) => others.stopping.insert(place),
            (Phase::Exited { .. }, _) => others.exited.insert(place),
            (_, Route::In) if available => others.strong_in.insert(place),
            (_, Route::In) => others.weak_in.insert(place),
            _ if available => others.strong_out.insert(place),
            _ => others.weak_out.insert(place),
        }
        if member.route == Route::In && !member.phase.is_live() {
            others.misrouted.insert(place);
        }
        if member.phase == Phase::Ready && !available {
            others.young.insert(place);
        }
        if member.phase == Phase::Starting {
            others.starting.insert(place);
        }
    }

    /// All instances, whatever they are doing: each takes up room until it is gone.
    pub(super) fn occupied(&self) -> u32 {
        let wanted = &self.wanted;
        let replicas = u32::try_from(wanted.members.len()).unwrap_or(u32::MAX);
        replicas - wanted.missing.len() + self.others.occupied()
    }

    pub(super) fn ready(&self) -> u32 {
        let wanted = &self.wanted;
        let others = self.others.strong_in.len() + self.others.strong_out.len() + self.others.young.len();
        wanted.maturing.len() + wanted.available() + others
    }
}

impl Wanted {
    pub(super) fn available(&self) -> u32 {
        self.idle.len() + self.serving.len()
    }

    pub(super) fn live(&self) -> u32 {
        self.starting.len() + self.maturing.len() + self.available() + self.unhealthy.len()
    }
}

impl Others<'_> {
    pub(super) fn live(&self) -> u32 {
        self.weak_in.len() + self.weak_out.len() + self.strong_in.len() + self.strong_out.len()
    }

    pub(super) fn occupied(&self) -> u32 {
        self.live() + self.stopping.len() + self.exited.len()
    }
}
