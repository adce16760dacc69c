//! Showing how a run goes, as it goes.
//!
//! ```
//! use deploykit_cli::progress::{self, Style};
//! use deploykit_core::exec::{Executor, Targets};
//! use deploykit_core::memory::MemoryTarget;
//! use deploykit_core::spec::{Artifact, ServiceSpec};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let executor = Executor::new(Targets::single(MemoryTarget::new("memory")));
//! let spec = ServiceSpec::builder("orders", Artifact::image("shop/orders:1")).replicas(2).build()?;
//! let report = progress::while_running(&executor, Style::Lines, executor.deploy(vec![spec])).await?;
//! assert!(report.is_success());
//! # Ok(())
//! # }
//! ```

mod live;
mod model;

use std::future::Future;
use std::io::{self, IsTerminal as _, Write};

use deploykit_core::exec::{EventStream, Executor};
use deploykit_core::{Event, EventKind};
use futures_util::FutureExt as _;

use live::Live;

/// How a run is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Style {
    /// [`Live`](Self::Live) where both outputs are a terminal, else [`Lines`](Self::Lines).
    #[default]
    Auto,
    /// A line for each service, kept up to date in place.
    Live,
    /// A line for each thing that happens.
    Lines,
    /// A JSON object for each event, on a line of its own.
    Json,
}

/// Shows events until a run is over, or the executor is gone.
///
/// Live progress goes to the standard error output, lines and JSON to the standard output.
pub async fn show(mut events: EventStream, style: Style) {
    let mut shown = Shown::new(style, End::Keep);
    while let Some(event) = events.next().await {
        shown.show(&event);
        if matches!(event.kind, EventKind::RunFinished { .. }) {
            break;
        }
    }
    shown.finish();
}

/// Does some work with an executor, and shows what happens until it is done.
pub async fn while_running<T>(executor: &Executor, style: Style, work: impl Future<Output = T>) -> T {
    follow(executor, style, End::Keep, work).await
}

/// What becomes of live lines at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Keep,
    Clear,
}

pub(crate) async fn follow<T>(executor: &Executor, style: Style, end: End, work: impl Future<Output = T>) -> T {
    let mut events = executor.events();
    let mut shown = Shown::new(style, end);
    let mut work = std::pin::pin!(work);
    let done = loop {
        tokio::select! {
            biased;
            Some(event) = events.next() => shown.show(&event),
            done = &mut work => break done,
        }
    };
    // What happened at the very end has been told by now, but not read.
    while let Some(Some(event)) = events.next().now_or_never() {
        shown.show(&event);
    }
    shown.finish();
    done
}

/// Where events are shown.
enum Shown {
    Live(Live),
    Lines(Box<dyn Write + Send>),
    Json(Box<dyn Write + Send>),
    /// Nobody reads the output any more, which is no reason to stop deploying.
    Nowhere,
}

impl Shown {
    fn new(style: Style, end: End) -> Self {
        match style {
            Style::Auto if is_live() => Self::Live(Live::new(end)),
            Style::Live => Self::Live(Live::new(end)),
            Style::Auto | Style::Lines => Self::Lines(Box::new(anstream::stdout())),
            Style::Json => Self::Json(Box::new(io::stdout())),
        }
    }

    fn show(&mut self, event: &Event) {
        let written = match self {
            Self::Live(live) => {
                live.show(event);
                return;
            }
            Self::Lines(to) => {
                model::line(event).map_or(Ok(()), |line| writeln!(to, "{line}").and_then(|()| to.flush()))
            }
            Self::Json(to) => match serde_json::to_string(event) {
                Ok(json) => writeln!(to, "{json}").and_then(|()| to.flush()),
                Err(error) => Err(error.into()),
            },
            Self::Nowhere => return,
        };
        if written.is_err() {
            *self = Self::Nowhere;
        }
    }

    fn finish(self) {
        if let Self::Live(live) = self {
            live.finish();
        }
    }
}

fn is_live() -> bool {
    io::stdout().is_terminal() && console::Term::stderr().features().is_attended()
}
