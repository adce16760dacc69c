use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::events::Events;
use super::options::Options;
use crate::error::{Error, ErrorKind};
use crate::event::{Alarm, EventKind};
use crate::name::ServiceName;
use crate::target::Deployer;

/// A task that ends when nobody holds it any more.
#[derive(Debug)]
pub(super) struct Background(JoinHandle<()>);

impl Background {
    pub(super) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether the target tells of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Unknown,
    Open,
    Closed,
}

/// One stream of a target's changes, shared by all services of a run.
#[derive(Debug)]
pub(super) struct ChangeHub {
    shared: Arc<Shared>,
    task: Mutex<Option<Background>>,
}

#[derive(Debug)]
struct Shared {
    signals: BTreeMap<ServiceName, watch::Sender<()>>,
    line: watch::Sender<Line>,
}

impl Shared {
    fn signal_all(&self) {
        for signal in self.signals.values() {
            signal.send_replace(());
        }
    }
}

/// Longer than this nobody waits for the stream before the first look.
const OPENING: Duration = Duration::from_secs(5);

impl ChangeHub {
    pub(super) fn new(services: impl IntoIterator<Item = ServiceName>) -> Self {
        let signals = services.into_iter().map(|service| (service, watch::Sender::new(()))).collect();
        Self { shared: Arc::new(Shared { signals, line: watch::Sender::new(Line::Unknown) }), task: Mutex::new(None) }
    }

    /// Opens the stream, unless somebody has. By the time this returns, it is open or known not to be, so that nothing
    /// that is looked at afterwards changes unnoticed.
    pub(super) async fn open(&self, deployer: &Arc<dyn Deployer>, options: &Options, events: &Arc<Events>) {
        if deployer.capabilities().changes {
            let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
            task.get_or_insert_with(|| {
                let (shared, deployer) = (Arc::clone(&self.shared), Arc::clone(deployer));
                Background::spawn(follow(shared, deployer, options.clone(), Arc::clone(events)))
            });
        } else {
            self.shared.line.send_replace(Line::Closed);
        }
        let mut line = self.shared.line.subscribe();
        let known = line.wait_for(|line| *line != Line::Unknown);
        let _ = tokio::time::timeout(OPENING, known).await;
    }

    /// Changes of a service from now on.
    pub(super) fn of(&self, service: &ServiceName) -> watch::Receiver<()> {
        let signal = self.shared.signals.get(service);
        signal.map_or_else(|| watch::Sender::new(()).subscribe(), watch::Sender::subscribe)
    }

    /// Whether changes are told of now.
    pub(super) fn is_open(&self) -> bool {
        *self.shared.line.borrow() == Line::Open
    }
}

async fn follow(shared: Arc<Shared>, deployer: Arc<dyn Deployer>, options: Options, events: Arc<Events>) {
    let mut delays = options.retries();
    loop {
        let opened = tokio::time::timeout(options.step_timeout, deployer.changes()).await;
        let opened = opened.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, "watch", "the changes of services", deployer.target()))
        });
        match opened {
            Ok(None) => {
                shared.line.send_replace(Line::Closed);
                return;
            }
            Ok(Some(mut stream)) => {
                if shared.line.send_replace(Line::Open) == Line::Closed {
                    // What changed while the stream was closed is not told.
                    shared.signal_all();
                }
                while let Some(service) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                    delays.reset();
                    if let Some(signal) = shared.signals.get(&service) {
                        signal.send_replace(());
                    }
                }
                // Whoever relied on it has to look more often from now on.
                shared.line.send_replace(Line::Closed);
                shared.signal_all();
            }
            Err(error) => {
                shared.line.send_replace(Line::Closed);
                let alarm = Alarm::Changes { error: error.chain() };
                events.emit(None, EventKind::Alarm { alarm });
            }
        }
        tokio::time::sleep(delays.next()).await;
    }
}
