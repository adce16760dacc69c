use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::changes::Background;
use super::events::Events;
use super::options::Options;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::event::{Alarm, EventKind};
use crate::lease::{FencingToken, Lease, LeaseRequest};
use crate::name::ServiceName;
use crate::target::Deployer;

/// Where a lease stands.
#[derive(Clone, Debug)]
pub(super) enum Hold {
    /// It is held.
    Held(FencingToken),
    /// It has run out, or nearly, and could not be renewed. Nothing may be begun until it is held again.
    Lapsed,
    /// It is another's.
    Lost(Arc<Error>),
}

/// Whom a lease is asked of, and for what.
#[derive(Clone, Debug)]
pub(super) struct Lessor {
    pub(super) deployer: Arc<dyn Deployer>,
    pub(super) service: ServiceName,
    pub(super) options: Options,
    pub(super) events: Arc<Events>,
}

impl Lessor {
    pub(super) async fn acquire(&self) -> Result<Lease> {
        let Options { holder, lease_ttl: ttl, steal, .. } = &self.options;
        self.ask(LeaseRequest::Acquire { holder: holder.clone(), ttl: *ttl, steal: *steal }).await
    }

    async fn ask(&self, request: LeaseRequest) -> Result<Lease> {
        // A request that takes longer than this would outlive what it asks for.
        let limit = (self.options.lease_ttl / 3).min(self.options.step_timeout);
        let answer = tokio::time::timeout(limit, self.deployer.lease(&self.service, &request)).await;
        let late = || Error::new(ErrorKind::Timeout, "keep the lease of", &self.service, self.deployer.target());
        answer.unwrap_or_else(|_| Err(late()))
    }

    fn alarm(&self, error: &Error) {
        let alarm = Alarm::Lease { error: error.chain() };
        self.events.emit(Some(&self.service), EventKind::Alarm { alarm });
    }
}

/// A lease that is kept in the background until it is given back or dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    lessor: Lessor,
    hold: watch::Receiver<Hold>,
    task: Option<Background>,
}

impl Keeper {
    /// Keeps a lease that was asked for at `asked`.
    pub(super) fn new(lessor: Lessor, lease: &Lease, asked: Instant) -> Self {
        let (sender, hold) = watch::channel(Hold::Held(lease.token));
        let task = Background::spawn(keep(lessor.clone(), lease.token, asked, sender));
        Self { lessor, hold, task: Some(task) }
    }

    pub(super) fn now(&self) -> Hold {
        self.hold.borrow().clone()
    }

    /// A view of it for those who have to notice that it moves from now on.
    pub(super) fn watch(&self) -> watch::Receiver<Hold> {
        let mut hold = self.hold.clone();
        hold.mark_unchanged();
        hold
    }

    /// Gives it back, if it is held.
    pub(super) async fn release(mut self) {
        self.task = None;
        if let Hold::Held(token) = self.now()
            && let Err(error) = self.lessor.ask(LeaseRequest::Release { token }).await
        {
            self.lessor.alarm(&error);
        }
    }
}

impl Drop for Keeper {
    /// Whoever drops a run need not wait for the lease to run out, as long as the program lives.
    fn drop(&mut self) {
        if self.task.take().is_some()
            && let Hold::Held(token) = self.now()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let lessor = self.lessor.clone();
            runtime.spawn(async move { drop(lessor.ask(LeaseRequest::Release { token }).await) });
        }
    }
}

/// Renews a lease after each third of its time. If that does not work for most of it, nothing may be begun until the
/// lease is taken again.
async fn keep(lessor: Lessor, mut token: FencingToken, mut since: Instant, hold: watch::Sender<Hold>) {
    let ttl = lessor.options.lease_ttl;
    let mut delays = lessor.options.retries();
    let mut again = ttl / 3;
    let mut lapsed = false;
    loop {
        let latest = since + ttl.mul_f32(0.8);
        let next = Instant::now() + again;
        tokio::time::sleep_until(if lapsed { next } else { next.min(latest) }).await;
        if !lapsed && Instant::now() >= latest {
            lapsed = true;
            hold.send_replace(Hold::Lapsed);
        }
        let begun = Instant::now();
        let answer = if lapsed {
            let (holder, steal) = (lessor.options.holder.clone(), false);
            lessor.ask(LeaseRequest::Acquire { holder, ttl, steal }).await
        } else {
            let renewal = lessor.ask(LeaseRequest::Renew { token, ttl });
            // Not answered in time is as good as not renewed.
            let late =
                || Error::new(ErrorKind::Timeout, "renew the lease of", &lessor.service, lessor.deployer.target());
            tokio::time::timeout_at(latest, renewal).await.unwrap_or_else(|_| Err(late()))
        };
        match answer {
            Ok(lease) => {
                if lapsed || lease.token != token {
                    hold.send_replace(Hold::Held(lease.token));
                }
                (token, since, lapsed, again) = (lease.token, begun, false, ttl / 3);
                delays.reset();
            }
            Err(error) if is_lost(&error, lapsed) => {
                lessor.alarm(&error);
                hold.send_replace(Hold::Lost(Arc::new(error)));
                return;
            }
            Err(error) => {
                lessor.alarm(&error);
                let after = match error.retry() {
                    Retry::Later { after } => after.unwrap_or_default(),
                    Retry::Never => Duration::ZERO,
                };
                again = delays.next().max(after);
            }
        }
    }
}

fn is_lost(error: &Error, asked_anew: bool) -> bool {
    matches!(error.kind(), ErrorKind::Fenced | ErrorKind::Held) || (asked_anew && error.retry() == Retry::Never)
}
