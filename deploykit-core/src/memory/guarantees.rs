//! What must hold on a target at any time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::name::ServiceName;
use crate::pin::PinnedSpec;
use crate::spec::{Scale, Strategy};
use crate::time::Timestamp;

/// What calls must not do to the instances of a service.
///
/// What is taken away is judged by what could be known: it breaks a guarantee only if it does so both now and by the
/// last observation that was up to date. An instance that crashes by itself breaks nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct Guarantees {
    /// The service; all if `None`.
    pub service: Option<ServiceName>,
    /// At most so many instances, whatever they are doing.
    pub max_total: Option<u32>,
    /// At least so many available instances are left when one is taken away: ready for
    /// [`min_ready`](Self::min_ready) and, where there is a router, admitted.
    pub min_available: u32,
    /// At least so many instances that work, whatever their probes say, are left when one is taken away.
    pub min_working: u32,
    /// How long an instance has to be ready before it counts as available.
    pub min_ready: Duration,
    /// How long requests under way may go on before an instance that is alive may be stopped.
    pub drain: Duration,
    /// Requests are sent only to what is ready, and no share of them to a revision without such an instance.
    pub ready_traffic: bool,
}

/// A guarantee that was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Violation {
    /// When.
    pub at: Timestamp,
    /// Of which service.
    pub service: ServiceName,
    /// By which action, and how.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.at, self.service, self.what)
    }
}

impl Default for Guarantees {
    fn default() -> Self {
        Self {
            service: None,
            max_total: None,
            min_available: 0,
            min_working: 0,
            min_ready: Duration::ZERO,
            drain: Duration::ZERO,
            ready_traffic: true,
        }
    }
}

impl Guarantees {
    /// Requests are sent only to what is ready; nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a rollout to this spec promises, to a service that is at most as large as the spec wants it.
    ///
    /// A recreated service promises no floor.
    pub fn of(spec: &PinnedSpec) -> Self {
        let replicas = match spec.spec().scale() {
            Scale::Fixed(replicas) => replicas,
            Scale::Auto { min, .. } => min,
        };
        let (surge, unavailable, min_ready) = match &spec.spec().strategy {
            Strategy::Recreate => (0, replicas, Duration::ZERO),
            Strategy::Rolling(rolling) => {
                let bounds = (rolling.max_surge.up(replicas), rolling.max_unavailable.down(replicas));
                let (surge, unavailable) = if bounds == (0, 0) { (0, 1) } else { bounds };
                (surge, unavailable, rolling.min_ready)
            }
            Strategy::BlueGreen(blue_green) => (replicas, 0, blue_green.min_ready),
            Strategy::Canary(canary) => (replicas, 0, canary.min_ready),
        };
        Self::new()
            .of_service(spec.service().clone())
            .max_total(replicas + surge)
            .min_available(replicas.saturating_sub(unavailable))
            .min_ready(min_ready)
            .drain(spec.spec().shutdown.drain)
    }

    pub(super) fn applies(&self, service: &ServiceName) -> bool {
        self.service.as_ref().is_none_or(|only| only == service)
    }

    /// Only this service.
    pub fn of_service(mut self, service: ServiceName) -> Self {
        self.service = Some(service);
        self
    }

    /// At most so many instances.
    pub fn max_total(mut self, instances: u32) -> Self {
        self.max_total = Some(instances);
        self
    }

    /// So many available instances are left when one is taken away; with 1, the last one is never taken.
    pub fn min_available(mut self, instances: u32) -> Self {
        self.min_available = instances;
        self
    }

    /// So many instances that work are left when one is taken away, however many probes lie.
    pub fn min_working(mut self, instances: u32) -> Self {
        self.min_working = instances;
        self
    }

    /// An instance has to be ready for so long before it counts as available.
    pub fn min_ready(mut self, time: Duration) -> Self {
        self.min_ready = time;
        self
    }

    /// Requests under way may go on for so long.
    pub fn drain(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }
}
