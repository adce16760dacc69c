//! Streams of a target in memory: changes as they happen, and logs as they are written.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::broadcast::{self, error::RecvError};

use super::instance::{InstanceState, Line};
use super::shared::Shared;
use crate::error::Result;
use crate::name::ServiceName;
use crate::observed::{InstanceId, Phase};
use crate::target::{ChangeStream, LogLine, LogOptions, LogStream};
use crate::time::Timestamp;

/// A stream made of a state and a step from one item to the next.
struct Unfold<F, Fut> {
    step: F,
    running: Option<Pin<Box<Fut>>>,
}

fn unfold<S, T, F, Fut>(state: S, mut step: F) -> impl Stream<Item = T> + Send
where
    F: FnMut(S) -> Fut + Send + Unpin,
    Fut: Future<Output = Option<(T, S)>> + Send,
    S: Send,
    T: Send,
{
    let running = Some(Box::pin(step(state)));
    Unfold { step, running }
}

impl<S, T, F, Fut> Stream for Unfold<F, Fut>
where
    F: FnMut(S) -> Fut + Unpin,
    Fut: Future<Output = Option<(T, S)>>,
{
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        let Some(running) = &mut this.running else { return Poll::Ready(None) };
        let Poll::Ready(answer) = running.as_mut().poll(cx) else { return Poll::Pending };
        let (item, state) = answer.unzip();
        this.running = state.map(|state| Box::pin((this.step)(state)));
        Poll::Ready(item)
    }
}

struct Changes {
    shared: Arc<Shared>,
    effects: broadcast::Receiver<ServiceName>,
    /// When time alone will change each service next.
    timers: BTreeMap<ServiceName, Timestamp>,
    due: VecDeque<ServiceName>,
}

/// The names of services as something changes with them, by a call or by time.
pub(super) fn changes(shared: Arc<Shared>) -> ChangeStream {
    let mut state = Changes { effects: shared.subscribe(), timers: BTreeMap::new(), due: VecDeque::new(), shared };
    state.look();
    Box::pin(unfold(state, |mut state: Changes| async move {
        loop {
            if let Some(service) = state.due.pop_front() {
                return Some((service, state));
            }
            let next = state.look();
            let timer = async {
                match next {
                    Some(next) => state.shared.sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                effect = state.effects.recv() => match effect {
                    Ok(service) => return Some((service, state)),
                    Err(RecvError::Lagged(_)) => {
                        let all = state.shared.with_settled(|world| world.services.keys().cloned().collect::<Vec<_>>());
                        state.due.extend(all);
                    }
                    Err(RecvError::Closed) => return None,
                },
                () = timer => {}
            }
        }
    }))
}

impl Changes {
    /// Notes what time has changed since the last look; returns when it will change something next.
    fn look(&mut self) -> Option<Timestamp> {
        let (now, timers) = self.shared.with_settled(|world| {
            let timers = world.services.iter().filter_map(|(name, state)| {
                let next = state.next_change(world.now)?;
                Some((name.clone(), next))
            });
            (world.now, timers.collect::<BTreeMap<_, _>>())
        });
        let before = std::mem::replace(&mut self.timers, timers);
        self.due.extend(before.into_iter().filter(|(_, at)| *at <= now).map(|(service, _)| service));
        if self.due.is_empty() { self.timers.values().min().copied() } else { Some(now) }
    }
}

struct Log {
    shared: Arc<Shared>,
    effects: broadcast::Receiver<ServiceName>,
    id: InstanceId,
    started: Timestamp,
    /// The time of the last line that was told, and how many there were of that time.
    told: (Timestamp, usize),
    waiting: VecDeque<LogLine>,
    follow: bool,
}

impl From<Line> for LogLine {
    fn from(line: Line) -> Self {
        Self { at: Some(line.at), text: line.text }
    }
}

/// The log of an instance; `None` if there is no such instance.
pub(super) fn logs(shared: Arc<Shared>, id: &InstanceId, options: &LogOptions) -> Option<LogStream> {
    let (now, instance) = shared.look_at(id);
    let instance = instance?;
    let lines = if options.previous { instance.previous.clone() } else { instance.log(now) };
    let told = last_of(&lines);
    let mut waiting: VecDeque<LogLine> = lines
        .into_iter()
        .filter(|line| options.since.is_none_or(|since| line.at >= since))
        .map(LogLine::from)
        .collect();
    while options.tail.is_some_and(|tail| waiting.len() > tail) {
        waiting.pop_front();
    }
    let state = Log {
        effects: shared.subscribe(),
        id: id.clone(),
        started: instance.started,
        told,
        waiting,
        follow: options.follow && !options.previous,
        shared,
    };
    Some(Box::pin(unfold(state, |mut state: Log| async move {
        loop {
            if let Some(line) = state.waiting.pop_front() {
                return Some((Ok(line) as Result<LogLine>, state));
            }
            if !state.follow {
                return None;
            }
            let (now, instance) = state.shared.look_at(&state.id);
            let instance = instance.filter(|instance| instance.started == state.started)?;
            if state.note(&instance, now) {
                continue;
            }
            if matches!(instance.phase(now), Some((Phase::Exited { .. }, _))) {
                return None;
            }
            let next = instance.next_change(now);
            let timer = async {
                match next {
                    Some(next) => state.shared.sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                effect = state.effects.recv() => {
                    if effect == Err(RecvError::Closed) {
                        return None;
                    }
                }
                () = timer => {}
            }
        }
    })))
}

impl Log {
    /// Notes what was written since; returns whether something was.
    fn note(&mut self, instance: &InstanceState, now: Timestamp) -> bool {
        let mut lines = instance.log(now);
        let (at, count) = self.told;
        let told = last_of(&lines);
        lines.retain(|line| line.at >= at);
        let old = lines.iter().take_while(|line| line.at == at).count().min(count);
        self.told = told.max(self.told);
        self.waiting.extend(lines.into_iter().skip(old).map(LogLine::from));
        !self.waiting.is_empty()
    }
}

fn last_of(lines: &[Line]) -> (Timestamp, usize) {
    let at = lines.last().map_or(Timestamp::EPOCH, |line| line.at);
    (at, lines.iter().filter(|line| line.at == at).count())
}
