use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::clock::Clock;
use crate::event::{Event, EventKind};
use crate::name::ServiceName;
use crate::time::Timestamp;

/// Where events go: to whoever reads them, and to `tracing`. Nobody who reads can hold up a run.
#[derive(Debug)]
pub(super) struct Events {
    clock: Clock,
    next: Mutex<u64>,
    sender: broadcast::Sender<Event>,
}

impl Events {
    pub(super) fn new(clock: Clock, buffer: usize) -> Self {
        Self { clock, next: Mutex::new(0), sender: broadcast::Sender::new(buffer) }
    }

    pub(super) fn emit(&self, service: Option<&ServiceName>, kind: EventKind) {
        trace(service, &kind);
        // Held while sending, so that events arrive in the order of their numbers.
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let event = Event::new(*next, self.clock.now(), service.cloned(), kind);
        *next += 1;
        // An error means that nobody reads.
        let _ = self.sender.send(event);
    }

    pub(super) fn subscribe(&self) -> EventStream {
        EventStream { state: receive(self.sender.subscribe()), last: None }
    }
}

fn trace(service: Option<&ServiceName>, kind: &EventKind) {
    let service = service.map(ServiceName::as_str);
    match kind {
        EventKind::Alarm { .. }
        | EventKind::GoalsRefused { .. }
        | EventKind::StepFailed { .. }
        | EventKind::ObserveFailed { .. } => {
            tracing::warn!(service, "{kind}");
        }
        EventKind::Observed { .. } | EventKind::StepProgress { .. } => tracing::debug!(service, "{kind}"),
        EventKind::RollbackStarted { cause, .. } => tracing::warn!(service, %cause, "{kind}"),
        _ => tracing::info!(service, "{kind}"),
    }
}

type Received = (Result<Event, RecvError>, broadcast::Receiver<Event>);

fn receive(mut receiver: broadcast::Receiver<Event>) -> Pin<Box<dyn Future<Output = Received> + Send>> {
    Box::pin(async move { (receiver.recv().await, receiver) })
}

/// The events of an executor from the moment it was asked for; it ends with the executor.
///
/// A reader that is too slow finds [`EventKind::Lagged`] in place of the oldest events.
#[must_use = "events are lost unless the stream is read"]
pub struct EventStream {
    state: Pin<Box<dyn Future<Output = Received> + Send>>,
    last: Option<(u64, Timestamp)>,
}

impl EventStream {
    /// The next event; `None` once the executor is gone.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for EventStream {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let (event, receiver) = ready!(self.state.as_mut().poll(cx));
        self.state = receive(receiver);
        let event = match event {
            Ok(event) => event,
            Err(RecvError::Closed) => return Poll::Ready(None),
            Err(RecvError::Lagged(missed)) => {
                let (seq, at) = self.last.unwrap_or_default();
                Event::new(seq.saturating_add(missed), at, None, EventKind::Lagged { missed })
            }
        };
        self.last = Some((event.seq, event.at));
        Poll::Ready(Some(event))
    }
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream").field("last", &self.last).finish_non_exhaustive()
    }
}
