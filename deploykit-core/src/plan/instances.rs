//! What to do next where deploykit starts and stops each instance.
//!
//! The arithmetic is that of Kubernetes' Deployment controller (`pkg/controller/deployment/rolling.go`): start at most
//! `min(n - new, n + surge - occupied)`, where `occupied` counts what stops and what has exited too; stop at most
//! `live - floor - new_unavailable`, those not available first, available ones also at most `available - floor`. Where
//! a router stands before the instances, the same bounds hold for withdrawing, counted over admitted instances, and
//! nothing is stopped before it is withdrawn and drained.

use std::sync::Arc;
use std::time::Duration;

use super::books::Books;
use super::draft::{Draft, Move, RouteDraft, wanted_id};
use super::fleet::{Fleet, Member, Route};
use super::release::Release;
use super::want::Want;
use super::{StuckReason, WaitReason};
use crate::action::Reason;
use crate::name::ServiceName;
use crate::observed::Phase;
use crate::pin::PinnedSpec;
use crate::time::Timestamp;
use crate::traffic::{RouteChange, Shares, Split};
use crate::units::Share;

/// So many restarts of an instance of a revision that never worked are enough to see that it will not.
const CRASH_LOOP: u32 = 5;
/// An instance that ran for so long before it exited is started again as if for the first time, as Kubernetes does.
const RAN_LONG: Duration = Duration::from_mins(10);
/// The longest pause before an instance is started again; Kubernetes' limit.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// What can be done with a fleet.
#[derive(Debug)]
pub(super) enum Verdict {
    Act(Draft),
    Wait { why: WaitReason, recheck: Option<Timestamp> },
    Stuck(StuckReason),
    Converged,
}

/// Things that come true by time alone; the earliest counts.
#[derive(Debug, Default)]
pub(super) struct Timers {
    next: Option<Timestamp>,
}

impl Timers {
    pub(super) fn add(&mut self, at: Timestamp) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.next
    }
}

/// Everything a decision looks at.
#[derive(Debug)]
pub(super) struct Scene<'f, 'o> {
    pub(super) service: &'f ServiceName,
    pub(super) want: &'f Want,
    pub(super) fleet: &'f Fleet<'o>,
    pub(super) books: &'f Books,
}

pub(super) fn decide(scene: &Scene<'_, '_>) -> Verdict {
    match &scene.want.spec {
        Some(spec) => run(scene, spec),
        None => remove(scene),
    }
}

fn run(scene: &Scene<'_, '_>, spec: &Arc<PinnedSpec>) -> Verdict {
    let Scene { service, want, fleet, books } = *scene;
    let release = Release::of(want, fleet, books);
    let settled = is_settled(want, fleet);
    let mut draft = Draft::default();
    if books.begin(spec, settled, fleet.now, &mut draft) {
        return Verdict::Act(draft);
    }
    if let Some(stuck) = crash_loop(scene, spec) {
        return Verdict::Stuck(stuck);
    }

    let mut timers = Timers::default();
    let limit = release.as_ref().map_or(want.replicas, |release| release.instances);
    restart_exited(scene, spec, release.as_ref(), &mut timers, &mut draft);
    let begun = start_missing(scene, spec, limit, &mut draft);

    let mut route = RouteDraft::default();
    let mut why = Reason::Available;
    if fleet.routed {
        withdraw_dead(fleet, spec, &mut route);
        match &release {
            Some(release) => {
                release.route(want, fleet, spec, &mut route);
                why = if route.change.split.is_some() { Reason::Release } else { why };
            }
            None => admit_idle(want, fleet, spec, &mut route, &mut why),
        }
        // Taking away waits for what is added to be confirmed: a round of its own.
        if route.is_empty() {
            withdraw_others(want, fleet, release.as_ref(), &mut route);
            why = Reason::OldRevision;
        }
    }
    repair_unhealthy(want, fleet, spec, begun, &mut route, &mut timers, &mut draft);
    if !route.is_empty() {
        let RouteDraft { change, moves } = route;
        let why =
            if change.admit.is_empty() && change.split.is_none() { withdrawal_reason(&change, spec) } else { why };
        draft.route(service, change, why, moves);
    }
    stop_others(scene, release.as_ref(), &mut timers, &mut draft);
    if !draft.is_empty() {
        return Verdict::Act(draft);
    }
    if settled && release.as_ref().is_none_or(Release::is_over) {
        return if books.complete(service, spec, &mut draft) { Verdict::Act(draft) } else { Verdict::Converged };
    }
    wait(scene, spec, release.as_ref(), timers)
}

fn withdrawal_reason(change: &RouteChange, spec: &PinnedSpec) -> Reason {
    match change.withdraw.first() {
        Some(id) if id.revision == *spec.revision() => Reason::AboveReplicas,
        _ => Reason::OldRevision,
    }
}

/// Whether all is as it should be, but for records.
fn is_settled(want: &Want, fleet: &Fleet<'_>) -> bool {
    fleet.wanted.serving.len() == want.replicas
        && fleet.others.occupied() == 0
        && fleet.ghosts.is_empty()
        && fleet.split == Split::default()
}

fn remove(scene: &Scene<'_, '_>) -> Verdict {
    let Scene { service, want, fleet, books } = *scene;
    let mut draft = Draft::default();
    let mut timers = Timers::default();
    let mut route = RouteDraft::default();
    if fleet.routed {
        let others = &fleet.others;
        for place in others.strong_in.iter().chain(others.weak_in.iter()).chain(others.misrouted.iter()) {
            route.withdraw_other(fleet, place);
        }
        withdraw_ghosts(fleet, &mut route);
        if fleet.split != Split::default() {
            route.split(Split::default());
        }
    }
    if !route.is_empty() {
        draft.route(service, route.change, Reason::Removed, route.moves);
    }
    let others = &fleet.others;
    for place in others.exited.iter().chain(others.weak_out.iter()).chain(others.strong_out.iter()) {
        let other = &others.all[place as usize];
        if other.member.route == Route::In {
            continue;
        }
        if fleet.is_drained(&other.member) || !other.member.phase.is_live() {
            draft.stop(other.instance.id.clone(), want.shutdown.grace, Reason::Removed, Move::StopOther(place));
        } else {
            timers.add(drained_at(fleet, &other.member));
        }
    }
    if draft.is_empty() && fleet.others.occupied() == 0 {
        books.forget_all(service, &mut draft);
    }
    if !draft.is_empty() {
        return Verdict::Act(draft);
    }
    if fleet.others.occupied() == 0 {
        return Verdict::Converged;
    }
    let why = draining(fleet).unwrap_or(WaitReason::Stopping { instances: fleet.others.stopping.len().max(1) });
    Verdict::Wait { why, recheck: timers.next }
}

/// How long an exited instance rests before it is started again: not at all, then 1 s, 2 s, 4 s, .. up to 5 minutes.
fn pause_before(attempt: u32) -> Duration {
    match attempt {
        0 | 1 => Duration::ZERO,
        _ => Duration::from_secs(1_u64 << (attempt - 2).min(20)).min(LONGEST_PAUSE),
    }
}

fn next_attempt(member: &Member) -> u32 {
    let ran_long = member.started.is_some_and(|started| member.since.since(started) >= RAN_LONG);
    match (ran_long, member.attempt) {
        // The number has to be another, or the target would take the start for one it has seen.
        (true, 1) => 2,
        (true, _) => 1,
        (false, attempt) => attempt.saturating_add(1),
    }
}

fn crash_loop(scene: &Scene<'_, '_>, spec: &PinnedSpec) -> Option<StuckReason> {
    if scene.books.has_worked(spec.revision()) {
        return None;
    }
    let wanted = &scene.fleet.wanted;
    wanted.exited.iter().find_map(|ordinal| {
        let member = wanted.members[ordinal as usize]?;
        let Phase::Exited { code } = member.phase else { return None };
        let attempts = member.attempt + 1;
        (next_attempt(&member) > CRASH_LOOP).then(|| StuckReason::CrashLoop {
            instance: wanted_id(spec, ordinal),
            code,
            attempts,
        })
    })
}

/// Starts again what exited: of the wanted revision, and of the one that users are on as long as it has to keep running.
fn restart_exited(
    scene: &Scene<'_, '_>,
    spec: &Arc<PinnedSpec>,
    release: Option<&Release>,
    timers: &mut Timers,
    draft: &mut Draft,
) {
    let fleet = scene.fleet;
    // What gets requests is taken off the router first.
    let rests = |member: &Member| !(fleet.routed && member.route == Route::In);
    let wanted = fleet.wanted.exited.iter();
    let wanted = wanted.filter_map(|ordinal| Some((ordinal, fleet.wanted.members[ordinal as usize]?)));
    for (ordinal, member) in wanted.filter(|(_, member)| rests(member)) {
        let attempt = next_attempt(&member);
        if is_rested(fleet, &member, attempt, timers) {
            draft.start(spec, ordinal, attempt, Reason::Exited);
        }
    }
    let Some(stable) = release.and_then(|release| release.tended(scene.books)) else { return };
    let others = fleet.others.exited.iter().filter(|place| fleet.is_stable(*place));
    for (place, member) in others.map(|place| (place, fleet.others.all[place as usize].member)) {
        let attempt = next_attempt(&member);
        if rests(&member) && is_rested(fleet, &member, attempt, timers) {
            draft.restart_other(fleet, stable, place, attempt);
        }
    }
}

fn is_rested(fleet: &Fleet<'_>, member: &Member, attempt: u32, timers: &mut Timers) -> bool {
    let due = member.since.after(pause_before(attempt));
    if fleet.now < due {
        timers.add(due);
    }
    fleet.now >= due
}

/// So many more instances may exist.
fn room(want: &Want, fleet: &Fleet<'_>) -> u32 {
    (want.replicas + want.surge).saturating_sub(fleet.occupied())
}

/// Starts what is missing; returns how many.
fn start_missing(scene: &Scene<'_, '_>, spec: &Arc<PinnedSpec>, limit: u32, draft: &mut Draft) -> u32 {
    let Scene { want, fleet, .. } = *scene;
    if want.recreate && fleet.others.occupied() > 0 {
        return 0;
    }
    let present = want.replicas - fleet.wanted.missing.len();
    let room = room(want, fleet);
    let start = limit.saturating_sub(present).min(room);
    let replaces = fleet.others.live() > 0;
    for ordinal in fleet.wanted.missing.iter().take(start as usize) {
        let why = if replaces { Reason::NewRevision } else { Reason::BelowReplicas };
        draft.start(spec, ordinal, 0, why);
    }
    start.min(fleet.wanted.missing.len())
}

fn withdraw_ghosts(fleet: &Fleet<'_>, route: &mut RouteDraft) {
    if !fleet.ghosts.is_empty() {
        route.change.withdraw.extend(fleet.ghosts.iter().cloned());
        route.moves.push(Move::WithdrawGhosts);
    }
}

/// Requests go to nothing that cannot serve: what exited, what starts again, what is not there at all.
fn withdraw_dead(fleet: &Fleet<'_>, spec: &PinnedSpec, route: &mut RouteDraft) {
    for ordinal in fleet.wanted.misrouted.iter() {
        route.withdraw_wanted(spec, ordinal);
    }
    for place in fleet.others.misrouted.iter() {
        route.withdraw_other(fleet, place);
    }
    withdraw_ghosts(fleet, route);
}

/// Admits what is available, and takes back a split that a release left: to all users if the wanted revision can take
/// them, else to an even one, in which revisions that had no share still get none.
fn admit_idle(want: &Want, fleet: &Fleet<'_>, spec: &PinnedSpec, route: &mut RouteDraft, why: &mut Reason) {
    if fleet.split != Split::default() {
        let able = fleet.wanted.available() >= want.floor().max(1);
        let all = Split { shares: Shares::all(spec.revision().clone()), test_users: None };
        let wanted = if able && fleet.others.occupied() > 0 { all } else { Split::default() };
        if fleet.split != wanted {
            if wanted.shares == Shares::Even {
                withdraw_dark(fleet, route);
            }
            route.split(wanted);
            *why = Reason::RollBack;
        }
    }
    for ordinal in fleet.wanted.idle.iter() {
        route.admit(spec, ordinal);
    }
}

fn withdraw_dark(fleet: &Fleet<'_>, route: &mut RouteDraft) {
    let others = &fleet.others;
    for place in others.strong_in.iter().chain(others.weak_in.iter()) {
        if fleet.split.shares.of(&others.all[place as usize].instance.id.revision) == Some(Share::NONE) {
            route.withdraw_other(fleet, place);
        }
    }
}

/// Takes users off instances that should not be, as far as the floor allows.
fn withdraw_others(want: &Want, fleet: &Fleet<'_>, release: Option<&Release>, route: &mut RouteDraft) {
    let (wanted, others) = (&fleet.wanted, &fleet.others);
    let serving = wanted.serving.len() + others.strong_in.len();
    let new_unavailable = wanted.live() - wanted.available();
    // What is on its way out already is no capacity any more, unless it could still serve.
    let live = wanted.live() + others.live() - others.weak_out.len();
    let mut may_leave = live.saturating_sub(want.floor()).saturating_sub(new_unavailable);
    let mut may_drop = serving.saturating_sub(want.floor());
    let mut stable = release.map_or(u32::MAX, |release| release.may_leave(want, fleet));
    let mut leaves = |place: &u32| {
        let is_stable = release.is_some() && fleet.is_stable(*place);
        let leaves = !is_stable || stable > 0;
        stable = stable.saturating_sub(u32::from(is_stable));
        leaves
    };
    // What does not work must not keep out what is to take its place.
    let is_blocked = room(want, fleet) == 0 && !wanted.missing.is_empty();
    for place in others.weak_in.iter().filter(|place| leaves(place) || is_blocked) {
        if may_leave == 0 {
            return;
        }
        may_leave -= 1;
        route.withdraw_other(fleet, place);
    }
    for place in others.strong_in.iter().filter(&mut leaves) {
        if may_leave == 0 || may_drop == 0 {
            return;
        }
        may_leave -= 1;
        may_drop -= 1;
        route.withdraw_other(fleet, place);
    }
}

/// Stops what should not be, once it has no requests, as far as the floor allows.
fn stop_others(scene: &Scene<'_, '_>, release: Option<&Release>, timers: &mut Timers, draft: &mut Draft) {
    let Scene { want, fleet, books, .. } = *scene;
    let tended = release.and_then(|release| release.tended(books));
    let (wanted, others) = (&fleet.wanted, &fleet.others);
    let why = |place: u32| match &want.spec {
        Some(spec) if others.all[place as usize].instance.id.revision == *spec.revision() => Reason::AboveReplicas,
        _ => Reason::OldRevision,
    };
    let mut stop = |place: u32, why: Reason| {
        let id = others.all[place as usize].instance.id.clone();
        draft.stop(id, want.shutdown.grace, why, Move::StopOther(place));
    };
    let is_tended = |place| tended.is_some() && fleet.is_stable(place);
    let dead = others.exited.iter().filter(|place| others.all[*place as usize].member.route != Route::In);
    dead.filter(|place| !is_tended(*place)).for_each(|place| stop(place, Reason::Exited));

    let new_unavailable = wanted.live() - wanted.available();
    let live = wanted.live() + others.live();
    let available = wanted.available() + others.strong_in.len() + others.strong_out.len();
    let mut may_stop = live.saturating_sub(want.floor()).saturating_sub(new_unavailable);
    let mut may_drop = available.saturating_sub(want.floor());
    for (line, is_available) in [(&others.weak_out, false), (&others.strong_out, true)] {
        for place in line.iter() {
            // While a release keeps its users on one revision, a third one without users is nobody's capacity.
            let is_third = release.is_some() && !fleet.is_stable(place);
            if !is_third && (may_stop == 0 || (is_available && may_drop == 0)) {
                if release.is_some() {
                    continue;
                }
                break;
            }
            let member = &others.all[place as usize].member;
            if release.is_some_and(|release| release.is_returning(want, fleet, place)) {
                continue;
            }
            if !fleet.is_drained(member) {
                timers.add(drained_at(fleet, member));
                continue;
            }
            may_stop = may_stop.saturating_sub(1);
            may_drop = may_drop.saturating_sub(u32::from(is_available));
            stop(place, why(place));
        }
    }
}

/// Replaces what is unhealthy, a few at a time, so that a probe that lies cannot empty the fleet.
fn repair_unhealthy(
    want: &Want,
    fleet: &Fleet<'_>,
    spec: &PinnedSpec,
    begun: u32,
    route: &mut RouteDraft,
    timers: &mut Timers,
    draft: &mut Draft,
) {
    let wanted = &fleet.wanted;
    let down = begun + wanted.starting.len() + wanted.maturing.len() + wanted.stopping.len() + wanted.exited.len();
    let budget = want.unavailable.max(1).saturating_sub(down);
    for ordinal in wanted.unhealthy.iter().take(budget as usize) {
        let Some(member) = wanted.members[ordinal as usize] else { continue };
        if fleet.routed && member.route == Route::In {
            route.withdraw_wanted(spec, ordinal);
        } else if fleet.is_drained(&member) {
            let id = wanted_id(spec, ordinal);
            draft.stop(id, want.shutdown.grace, Reason::Unhealthy, Move::StopWanted(ordinal));
        } else {
            timers.add(drained_at(fleet, &member));
        }
    }
}

fn drained_at(fleet: &Fleet<'_>, member: &Member) -> Timestamp {
    match member.route {
        Route::Draining { since, .. } => since.after(fleet.drain),
        _ => fleet.now,
    }
}

fn draining(fleet: &Fleet<'_>) -> Option<WaitReason> {
    if !fleet.draining {
        return None;
    }
    let others = fleet.others.strong_out.iter().chain(fleet.others.weak_out.iter());
    let others = others.map(|place| fleet.others.all[place as usize].member);
    let wanted = fleet.wanted.unhealthy.iter().filter_map(|ordinal| fleet.wanted.members[ordinal as usize]);
    let (mut instances, mut in_flight) = (0_u32, 0_u32);
    for member in others.chain(wanted).filter(|member| !fleet.is_drained(member)) {
        if let Route::Draining { in_flight: requests, .. } = member.route {
            instances += 1;
            in_flight = in_flight.saturating_add(requests);
        }
    }
    (instances > 0).then_some(WaitReason::Draining { instances, in_flight })
}

fn wait(scene: &Scene<'_, '_>, spec: &PinnedSpec, release: Option<&Release>, mut timers: Timers) -> Verdict {
    let fleet = scene.fleet;
    let wanted = &fleet.wanted;
    let members = wanted.maturing.iter().filter_map(|ordinal| wanted.members[ordinal as usize]);
    let young = fleet.others.young.iter().map(|place| fleet.others.all[place as usize].member);
    for member in members.chain(young) {
        timers.add(fleet.matures_at(&member));
    }
    let stopping = wanted.stopping.len() + fleet.others.stopping.len();
    let tended = fleet.others.exited.first().or(fleet.others.starting.first());
    let why = if let Some(first) = wanted.starting.first() {
        WaitReason::Starting { instances: wanted.starting.len(), first: wanted_id(spec, first) }
    } else if !wanted.maturing.is_empty() {
        WaitReason::MinReady { instances: wanted.maturing.len() }
    } else if let Some(why) = draining(fleet) {
        why
    } else if stopping > 0 {
        WaitReason::Stopping { instances: stopping }
    } else if let Some(first) = wanted.exited.first() {
        let attempt = wanted.members[first as usize].map_or(0, |member| member.attempt);
        WaitReason::Backoff { instance: wanted_id(spec, first), attempt }
    } else if !wanted.unhealthy.is_empty() {
        WaitReason::Unhealthy { instances: wanted.unhealthy.len() }
    } else if let Some(why) = release.and_then(|release| release.wait(scene.want, &mut timers)) {
        why
    } else if let Some(place) = tended {
        let other = &fleet.others.all[place as usize];
        WaitReason::Backoff { instance: other.instance.id.clone(), attempt: other.member.attempt }
    } else {
        WaitReason::MinReady { instances: fleet.others.young.len() }
    };
    Verdict::Wait { why, recheck: timers.next }
}
