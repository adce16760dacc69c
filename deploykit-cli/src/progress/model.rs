//! What is known of a run, from its events.

use deploykit_core::event::Ending;
use deploykit_core::{Counts, Event, EventKind, ServiceName};

/// The services of a run in the order of the plan, and where each stands.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) services: Vec<(ServiceName, Standing)>,
}

/// Where a service stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    counts: Option<Counts>,
    doing: String,
    pub(super) ending: Option<Ending>,
}

impl Model {
    /// Takes in an event; returns the service that stands elsewhere now.
    pub(super) fn update(&mut self, event: &Event) -> Option<ServiceName> {
        if let EventKind::RunStarted { services } = &event.kind {
            for service in services {
                *self.of(service) = Standing { doing: "has not begun".to_owned(), ..Standing::default() };
            }
            return None;
        }
        let service = event.service.clone()?;
        let standing = self.of(&service);
        match &event.kind {
            EventKind::Observed { seen } => {
                let add = |sum: Counts, counts: &Counts| {
                    let (total, ready) = (sum.total + counts.total, sum.ready + counts.ready);
                    Counts { total, ready }
                };
                standing.counts = Some(seen.counts.values().fold(Counts::default(), add));
            }
            EventKind::StepFinished { .. } | EventKind::RoundStarted { .. } | EventKind::Alarm { .. } => {}
            EventKind::Finished { ending, detail } => {
                standing.ending = Some(*ending);
                let detail = detail.lines().next().unwrap_or_default();
                let colon = if detail.is_empty() { "" } else { ": " };
                standing.doing = format!("{ending}{colon}{detail}");
            }
            kind => standing.doing = kind.to_string(),
        }
        Some(service)
    }

    fn of(&mut self, service: &ServiceName) -> &mut Standing {
        let known = self.services.iter().position(|(name, _)| name == service);
        let index = known.unwrap_or_else(|| {
            self.services.push((service.clone(), Standing::default()));
            self.services.len() - 1
        });
        &mut self.services[index].1
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(Counts { total, ready }) = self.counts {
            write!(f, "{ready}/{total} ready  ")?;
        }
        f.write_str(&self.doing)
    }
}

/// What is worth a line of its own above those that change in place.
pub(super) fn note(event: &Event) -> Option<String> {
    let is_notable = matches!(
        event.kind,
        EventKind::Alarm { .. }
            | EventKind::StepFailed { .. }
            | EventKind::ObserveFailed { .. }
            | EventKind::RollbackStarted { .. }
            | EventKind::GoalsRefused { .. }
            | EventKind::Lagged { .. }
    );
    is_notable.then(|| event.to_string())
}

/// The line that an event is worth where there is one for each.
pub(super) fn line(event: &Event) -> Option<String> {
    let is_detail = matches!(
        event.kind,
        EventKind::LeaseTaken { .. }
            | EventKind::RoundStarted { .. }
            | EventKind::StepStarted { .. }
            | EventKind::RunStarted { .. }
            | EventKind::RunFinished { .. }
    );
    (!is_detail).then(|| event.to_string())
}

#[cfg(test)]
mod tests {
    use deploykit_core::exec::{Executor, Targets};
    use deploykit_core::memory::MemoryTarget;
    use deploykit_core::spec::{Artifact, ServiceSpec};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn services_stand_where_their_events_say() {
        let executor = Executor::new(Targets::single(MemoryTarget::new("memory")));
        let spec = |name: &str| ServiceSpec::builder(name, Artifact::image("shop/orders:1")).replicas(2);
        let specs = vec![spec("api").depends_on("orders").build().unwrap(), spec("orders").build().unwrap()];
        let mut events = executor.events();
        assert!(executor.deploy(specs).await.unwrap().is_success());
        drop(executor);

        let mut model = Model::default();
        let mut seen = Vec::new();
        while let Some(event) = events.next().await {
            model.update(&event);
            let now = model.services.iter().map(|(name, standing)| format!("{name}: {standing}"));
            seen.push(now.collect::<Vec<_>>().join("; "));
        }
        assert_eq!(seen[0], "orders: has not begun; api: has not begun");
        assert!(seen.iter().any(|line| line.contains("orders: 0/2 ready  waiting for 2 instances")), "{seen:#?}");
        assert_eq!(seen.last().unwrap(), "orders: 2/2 ready  completed; api: 2/2 ready  completed");
    }
}
