//! One instance of the world: what was decided when it started, from which everything follows by time alone.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::name::VarName;
use crate::observed::Phase;
use crate::time::Timestamp;
use crate::units::duration;

/// An instance of the [`World`](super::World).
///
/// Its phase is not kept: it follows from these fields and the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct InstanceState {
    /// How many times it was started again.
    #[serde(default)]
    pub attempt: u32,
    /// When the present attempt was started.
    pub started: Timestamp,
    /// When it gets ready; never if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Timestamp>,
    /// When it comes to its end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// It is ready and unhealthy by turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaps: Option<Flaps>,
    /// Its probe fails for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sick: Option<Sick>,
    /// It was asked to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// What it writes to its log when it has started, or before it exits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// The names of the secrets that it was given.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<VarName>,
    /// The log of the attempt before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<Line>,
}

/// An end that an instance comes to by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// When.
    pub at: Timestamp,
    /// With which code.
    pub code: i32,
}

/// Health that comes and goes, from when the instance is ready on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flaps {
    /// Ready for so long,
    #[serde(with = "duration")]
    pub ready: Duration,
    /// then unhealthy for so long.
    #[serde(with = "duration")]
    pub unhealthy: Duration,
}

/// A time in which the probe fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sick {
    /// From then on.
    pub from: Timestamp,
    /// Until then; for ever if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether the instance works all the same: the probe lies.
    #[serde(default)]
    pub works: bool,
}

/// A stop that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// When it was asked for.
    pub since: Timestamp,
    /// When the instance is gone.
    pub until: Timestamp,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// When it was written.
    pub at: Timestamp,
    /// The text.
    pub text: String,
}

/// So many changes of health are told in a log; older ones are left out.
const TOLD_FLAPS: u64 = 16;

impl InstanceState {
    /// An instance that is started now and never gets ready.
    pub fn new(started: Timestamp, attempt: u32) -> Self {
        Self {
            attempt,
            started,
            ready: None,
            exit: None,
            flaps: None,
            sick: None,
            stop: None,
            says: None,
            secrets: BTreeSet::new(),
            previous: Vec::new(),
        }
    }

    /// Its phase at a time, and since when; `None` once it is gone.
    pub fn phase(&self, now: Timestamp) -> Option<(Phase, Timestamp)> {
        if let Some(stop) = self.stop.filter(|stop| stop.since <= now) {
            return (now < stop.until).then_some((Phase::Stopping, stop.since));
        }
        if let Some(exit) = self.exit.filter(|exit| exit.at <= now) {
            return Some((Phase::Exited { code: exit.code }, exit.at));
        }
        let Some(ready) = self.ready.filter(|ready| *ready <= now) else {
            return Some((Phase::Starting, self.started));
        };
        Some(self.health(ready, now))
    }

    fn health(&self, ready: Timestamp, now: Timestamp) -> (Phase, Timestamp) {
        let mut well_since = ready;
        if let Some(sick) = self.sick.filter(|sick| sick.from <= now) {
            match sick.until.filter(|until| *until <= now) {
                None => return (Phase::Unhealthy, sick.from.max(ready)),
                Some(until) => well_since = until.max(ready),
            }
        }
        match self.flaps.filter(|flaps| !flaps.unhealthy.is_zero()) {
            None => (Phase::Ready, well_since),
            Some(flaps) => {
                let (phase, since) = flaps.at(ready, now);
                (phase, since.max(well_since))
            }
        }
    }

    /// Whether it does its work, whatever its probe says.
    pub fn works(&self, now: Timestamp) -> bool {
        match self.phase(now) {
            Some((Phase::Ready, _)) => true,
            Some((Phase::Unhealthy, _)) => self.sick.is_some_and(|sick| sick.works),
            _ => false,
        }
    }

    /// When time alone changes it next, after `now`.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        if let Some(stop) = self.stop {
            return Some(stop.until).filter(|until| *until > now);
        }
        let exit = self.exit.map(|exit| exit.at);
        if exit.is_some_and(|exit| exit <= now) {
            return None;
        }
        let flap = match (self.flaps, self.ready) {
            (Some(flaps), Some(ready)) if ready <= now && !flaps.unhealthy.is_zero() => Some(flaps.next(ready, now)),
            _ => None,
        };
        let sick = self.sick.into_iter().flat_map(|sick| [Some(sick.from), sick.until]).flatten();
        let all = sick.chain(self.ready).chain(exit).chain(flap);
        all.filter(|at| *at > now).min()
    }

    /// The log of the present attempt up to a time, oldest first.
    pub fn log(&self, now: Timestamp) -> Vec<Line> {
        let end = self.exit.map(|exit| exit.at).into_iter().chain(self.stop.map(|stop| stop.since)).min();
        let mut lines = vec![Line { at: self.started, text: format!("started, attempt {}", self.attempt) }];
        let mut say = |at: Timestamp, text: String| lines.push(Line { at, text });
        if let (Some(says), None) = (&self.says, self.exit) {
            say(self.started, says.clone());
        }
        if let Some(ready) = self.ready {
            say(ready, "ready".to_owned());
            if let Some(flaps) = self.flaps.filter(|flaps| !flaps.unhealthy.is_zero()) {
                let until = end.map_or(now, |end| end.min(now));
                for (at, phase) in flaps.changes(ready, until) {
                    say(at, told(phase));
                }
            }
        }
        if let Some(sick) = self.sick {
            say(sick.from, told(Phase::Unhealthy));
            if let Some(until) = sick.until {
                say(until, told(Phase::Ready));
            }
        }
        if let Some(exit) = self.exit.filter(|exit| Some(exit.at) == end) {
            if let Some(says) = &self.says {
                say(exit.at, says.clone());
            }
            say(exit.at, format!("exited with {}", exit.code));
        }
        if let Some(stop) = self.stop.filter(|stop| Some(stop.since) == end) {
            say(stop.since, "asked to stop".to_owned());
        }
        lines.retain(|line| line.at <= now && end.is_none_or(|end| line.at <= end));
        lines.sort_by_key(|line| line.at);
        lines
    }

    /// Begins its end; it is gone at `until`, or when it exits by itself before.
    pub(super) fn ask_to_stop(&mut self, since: Timestamp, until: Timestamp) {
        let until = self.exit.map_or(until, |exit| until.min(exit.at)).max(since);
        self.stop = Some(Stop { since, until });
    }
}

fn told(phase: Phase) -> String {
    match phase {
        Phase::Unhealthy => "the probe fails".to_owned(),
        _ => "the probe succeeds again".to_owned(),
    }
}

impl Flaps {
    fn lengths(self) -> (u64, u64) {
        let millis = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX).max(1);
        (millis(self.ready), millis(self.unhealthy))
    }

    fn at(self, ready: Timestamp, now: Timestamp) -> (Phase, Timestamp) {
        let (well, ill) = self.lengths();
        let period = well.saturating_add(ill);
        let time = now.as_millis() - ready.as_millis();
        let begun = now.as_millis() - time % period;
        if time % period < well {
            (Phase::Ready, Timestamp::from_millis(begun))
        } else {
            (Phase::Unhealthy, Timestamp::from_millis(begun + well))
        }
    }

    fn next(self, ready: Timestamp, now: Timestamp) -> Timestamp {
        let (well, ill) = self.lengths();
        let (phase, since) = self.at(ready, now);
        let length = if phase == Phase::Ready { well } else { ill };
        Timestamp::from_millis(since.as_millis().saturating_add(length))
    }

    /// The last changes of health up to a time.
    fn changes(self, ready: Timestamp, until: Timestamp) -> Vec<(Timestamp, Phase)> {
        let (well, ill) = self.lengths();
        let period = well.saturating_add(ill);
        let over = until.since(ready).as_millis() / u128::from(period);
        let first = u64::try_from(over).unwrap_or(0).saturating_sub(TOLD_FLAPS);
        let mut at = ready.after(Duration::from_millis(first.saturating_mul(period)));
        let mut changes = Vec::new();
        while at <= until {
            let (phase, _) = self.at(ready, at);
            if at > ready {
                changes.push((at, phase));
            }
            at = self.next(ready, at);
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn phases(instance: &InstanceState, until: u64) -> Vec<(u64, Option<Phase>)> {
        let mut now = Timestamp::EPOCH;
        let mut all = vec![(0, instance.phase(now).map(|(phase, _)| phase))];
        while let Some(next) = instance.next_change(now).filter(|next| *next <= at(until)) {
            now = next;
            let standing = instance.phase(now);
            assert!(standing.is_none_or(|(_, since)| since == now), "since is when the phase began: {standing:?}");
            all.push((now.as_millis() / 1000, standing.map(|(phase, _)| phase)));
        }
        all
    }

    #[test]
    fn a_phase_follows_from_the_time() {
        let mut instance = InstanceState::new(at(0), 0);
        assert_eq!(phases(&instance, 99), [(0, Some(Phase::Starting))]);
        instance.ready = Some(at(3));
        instance.exit = Some(Exit { at: at(9), code: 7 });
        let ready = [(0, Some(Phase::Starting)), (3, Some(Phase::Ready)), (9, Some(Phase::Exited { code: 7 }))];
        assert_eq!(phases(&instance, 99), ready);
        instance.ask_to_stop(at(5), at(30));
        assert_eq!(instance.phase(at(8)), Some((Phase::Stopping, at(5))));
        assert_eq!(instance.phase(at(9)), None, "it exits before its grace is over");
    }

    #[test]
    fn health_comes_and_goes() {
        let mut instance = InstanceState::new(at(0), 0);
        instance.ready = Some(at(1));
        instance.flaps = Some(Flaps { ready: Duration::from_secs(4), unhealthy: Duration::from_secs(2) });
        let (ready, ill) = (Some(Phase::Ready), Some(Phase::Unhealthy));
        assert_eq!(phases(&instance, 12), [(0, Some(Phase::Starting)), (1, ready), (5, ill), (7, ready), (11, ill)]);
        let texts: Vec<_> = instance.log(at(7)).into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["started, attempt 0", "ready", "the probe fails", "the probe succeeds again"]);
    }

    #[test]
    fn a_lie_ends() {
        let mut instance = InstanceState::new(at(0), 0);
        instance.ready = Some(at(1));
        instance.sick = Some(Sick { from: at(2), until: Some(at(4)), works: true });
        let (ready, ill) = (Some(Phase::Ready), Some(Phase::Unhealthy));
        assert_eq!(phases(&instance, 12), [(0, Some(Phase::Starting)), (1, ready), (2, ill), (4, ready)]);
        assert!(instance.works(at(3)), "only the probe fails");
    }
}
