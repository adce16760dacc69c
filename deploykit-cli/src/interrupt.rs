//! Being told to stop: once in good order, twice at once.

use tokio_util::sync::CancellationToken;

use crate::console::tell;

/// What signals set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    /// Nothing new is begun.
    pub(crate) stop: CancellationToken,
    /// Nothing is waited for.
    pub(crate) abort: CancellationToken,
}

impl Interrupt {
    /// Listens for Ctrl-C and SIGTERM from now on.
    pub(crate) fn listen() -> Self {
        let interrupt = Self::default();
        let Self { stop, abort } = interrupt.clone();
        tokio::spawn(async move {
            let mut signals = Signals::new();
            signals.next().await;
            stop.cancel();
            signals.next().await;
            abort.cancel();
        });
        interrupt
    }

    /// Says what a signal does, once one comes.
    pub(crate) async fn explain(&self) {
        self.stop.cancelled().await;
        tell("stopping: what has begun may finish; once more stops at once");
        self.abort.cancelled().await;
        tell("stopped at once; running it again goes on from what is there");
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self { interrupt: signal(SignalKind::interrupt()).ok(), terminate: signal(SignalKind::terminate()).ok() }
    }

    async fn next(&mut self) {
        async fn recv(signal: &mut Option<tokio::signal::unix::Signal>) {
            let received = match signal {
                Some(signal) => signal.recv().await,
                None => None,
            };
            if received.is_none() {
                std::future::pending::<()>().await;
            }
        }
        tokio::select! {
            () = recv(&mut self.interrupt) => {}
            () = recv(&mut self.terminate) => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
