//! What is known of a run, from its events.

use std::collections::BTreeMap;

use deploykit_core::event::Ending;
use deploykit_core::{Counts, Event, EventKind, ServiceName};

/// The services of a run, and where each stands.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) services: BTreeMap<ServiceName, Standing>,
}

/// Where a service stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    counts: Option<Counts>,
    doing: String,
    pub(super) began: bool,
    pub(super) ending: Option<Ending>,
}

impl Model {
    /// Takes in an event; returns the service that stands elsewhere now.
    pub(super) fn update(&mut self, event: &Event) -> Option<ServiceName> {
        if let EventKind::RunStarted { services } = &event.kind {
            for service in services {
                let waiting = Standing { doing: "has not begun".to_owned(), ..Standing::default() };
                self.services.insert(service.clone(), waiting);
            }
            return None;
        }
        let service = event.service.clone()?;
        let standing = self.services.entry(service.clone()).or_default();
        standing.began = true;
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
