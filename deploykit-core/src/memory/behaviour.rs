//! How instances behave once they are started.

use std::fmt;
use std::ops::RangeBounds;
use std::sync::Arc;
use std::time::Duration;

use super::instance::{Exit, Flaps, InstanceState, Sick};
use crate::observed::InstanceId;
use crate::spec::ServiceSpec;
use crate::time::Timestamp;

/// What is started, for a rule to look at.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Started<'a> {
    /// The instance.
    pub id: &'a InstanceId,
    /// How many times it was started before.
    pub attempt: u32,
    /// What it runs.
    pub spec: &'a ServiceSpec,
}

impl Started<'_> {
    /// The reference of its artifact: the image's, or the file's path.
    pub fn reference(&self) -> &str {
        self.spec.artifact.reference()
    }
}

type Predicate = Arc<dyn Fn(&Started<'_>) -> bool + Send + Sync>;

/// A rule: which instances, and how they behave. All conditions of a rule have to hold; of several rules that match,
/// a later one counts where it says something else than an earlier one.
///
/// ```
/// use std::time::Duration;
/// use deploykit_core::memory::{Behaviour, MemoryTarget};
///
/// let target = MemoryTarget::builder("memory")
///     .behaviour(Behaviour::new().of_reference("broken").never_ready())
///     .behaviour(Behaviour::new().of_reference(":flaky").attempts(..2).exits(Duration::from_secs(3), 1))
///     .build();
/// # let _ = target;
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Behaviour {
    conditions: Vec<Predicate>,
    start_time: Option<Duration>,
    never_ready: bool,
    exit: Option<(Duration, i32)>,
    flaps: Option<Flaps>,
    sick: Option<(Duration, Option<Duration>, bool)>,
    says: Option<String>,
}

impl fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behaviour")
            .field("conditions", &self.conditions.len())
            .field("start_time", &self.start_time)
            .field("never_ready", &self.never_ready)
            .field("exit", &self.exit)
            .finish_non_exhaustive()
    }
}

impl Behaviour {
    /// A rule for all instances, which says nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only those for which this holds.
    pub fn when(mut self, condition: impl Fn(&Started<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.conditions.push(Arc::new(condition));
        self
    }

    /// Only those whose artifact's reference contains this.
    pub fn of_reference(self, part: impl Into<String>) -> Self {
        let part = part.into();
        self.when(move |started| started.reference().contains(&part))
    }

    /// Only those of this service.
    pub fn of_service(self, service: impl Into<String>) -> Self {
        let service = service.into();
        self.when(move |started| started.id.service.as_str() == service)
    }

    /// Only those with these ordinals.
    pub fn ordinals(self, ordinals: impl RangeBounds<u32> + Send + Sync + 'static) -> Self {
        self.when(move |started| ordinals.contains(&started.id.ordinal))
    }

    /// Only these attempts; the first is 0.
    pub fn attempts(self, attempts: impl RangeBounds<u32> + Send + Sync + 'static) -> Self {
        self.when(move |started| attempts.contains(&started.attempt))
    }

    /// They get ready so long after they were started.
    pub fn start_time(mut self, time: Duration) -> Self {
        self.start_time = Some(time);
        self
    }

    /// They run and never get ready.
    pub fn never_ready(mut self) -> Self {
        self.never_ready = true;
        self
    }

    /// They come to an end by themselves so long after they were started. Without a condition on the attempt, that is
    /// a crash loop.
    pub fn exits(mut self, after: Duration, code: i32) -> Self {
        self.exit = Some((after, code));
        self
    }

    /// Once ready, they are so long ready and so long unhealthy, by turns.
    pub fn flaps(mut self, ready: Duration, unhealthy: Duration) -> Self {
        self.flaps = Some(Flaps { ready, unhealthy });
        self
    }

    /// They get sick so long after they were started, and recover after `lasting` if that is given.
    pub fn sick(mut self, after: Duration, lasting: Option<Duration>) -> Self {
        self.sick = Some((after, lasting, false));
        self
    }

    /// Their probe lies: it fails from so long after they were started on, although they work.
    pub fn lying_probe(mut self, after: Duration, lasting: Option<Duration>) -> Self {
        self.sick = Some((after, lasting, true));
        self
    }

    /// They write this to their log: right before they exit, if they do, else when they start.
    pub fn says(mut self, text: impl Into<String>) -> Self {
        self.says = Some(text.into());
        self
    }

    fn matches(&self, started: &Started<'_>) -> bool {
        self.conditions.iter().all(|condition| condition(started))
    }
}

/// The rules of a target, and what holds where none says something else.
#[derive(Clone, Debug)]
pub(super) struct Behaviours {
    pub(super) start_time: Duration,
    pub(super) rules: Vec<Behaviour>,
}

impl Behaviours {
    /// What becomes of an instance that is started now.
    pub(super) fn start(&self, started: &Started<'_>, now: Timestamp) -> InstanceState {
        let mut instance = InstanceState::new(now, started.attempt);
        instance.ready = Some(now.after(self.start_time));
        for rule in self.rules.iter().filter(|rule| rule.matches(started)) {
            if let Some(time) = rule.start_time {
                instance.ready = Some(now.after(time));
            }
            if rule.never_ready {
                instance.ready = None;
            }
            if let Some((after, code)) = rule.exit {
                instance.exit = Some(Exit { at: now.after(after), code });
            }
            if let Some((after, lasting, works)) = rule.sick {
                let from = now.after(after);
                instance.sick = Some(Sick { from, until: lasting.map(|lasting| from.after(lasting)), works });
            }
            instance.flaps = rule.flaps.or(instance.flaps);
            instance.says = rule.says.clone().or(instance.says);
        }
        instance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pin::{PinnedSpec, Pins};
    use crate::spec::Artifact;

    #[test]
    fn later_rules_count_where_they_differ() {
        let spec = ServiceSpec::builder("orders", Artifact::image("shop/orders:broken")).build().unwrap();
        let spec = PinnedSpec::new(spec, Pins::default()).unwrap();
        let behaviours = Behaviours {
            start_time: Duration::from_secs(1),
            rules: vec![
                Behaviour::new().of_reference("broken").exits(Duration::from_secs(5), 3).says("no database"),
                Behaviour::new().ordinals(1..).start_time(Duration::from_secs(2)),
                Behaviour::new().of_service("other").never_ready(),
                Behaviour::new().attempts(1..).exits(Duration::from_secs(9), 4),
            ],
        };
        let start = |ordinal, attempt| {
            let id = InstanceId { service: spec.service().clone(), revision: spec.revision().clone(), ordinal };
            let instance = behaviours.start(&Started { id: &id, attempt, spec: spec.spec() }, Timestamp::EPOCH);
            (instance.ready.map(Timestamp::as_millis), instance.exit.map(|exit| (exit.at.as_millis(), exit.code)))
        };
        assert_eq!(start(0, 0), (Some(1000), Some((5000, 3))));
        assert_eq!(start(1, 0), (Some(2000), Some((5000, 3))));
        assert_eq!(start(0, 1), (Some(1000), Some((9000, 4))));
    }
}
