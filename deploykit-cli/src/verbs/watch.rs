use std::io::IsTerminal as _;
use std::time::Duration;

use deploykit_core::{Observed, ServiceName};

use super::status::{as_json, page};
use crate::args::DataFormat;
use crate::console::print;
use crate::exit::{Exit, Failure, Verdict};
use crate::session::{Found, Session};

/// Shows what there is of services whenever it changes.
pub(super) async fn watch(
    session: &Session,
    services: &[ServiceName],
    interval: Duration,
    format: DataFormat,
) -> Verdict {
    let executor = session.executor(None)?;
    let mut before: Vec<Found> = Vec::new();
    let mut first = true;
    loop {
        let found = match session.interrupt.stop.run_until_cancelled(executor.status(services)).await {
            None => return Ok(Exit::Done),
            Some(Err(_)) if session.interrupt.stop.is_cancelled() => return Ok(Exit::Done),
            Some(found) => found?,
        };
        if first || !is_same(&before, &found) {
            show(&before, &found, format)?;
        }
        (first, before) = (false, found);
        if session.interrupt.stop.run_until_cancelled(tokio::time::sleep(interval)).await.is_none() {
            return Ok(Exit::Done);
        }
    }
}

fn show(before: &[Found], found: &[Found], format: DataFormat) -> Result<(), Failure> {
    if format == DataFormat::Json {
        let changed: Vec<_> =
            found.iter().filter(|one| !before.iter().any(|other| is_same_one(one, other))).cloned().collect();
        return as_json(&changed)?.into_iter().try_for_each(print);
    }
    if std::io::stdout().is_terminal() {
        console::Term::stdout().clear_screen()?;
    }
    match found {
        [] => print("there are no services"),
        found => print(page(found, true)),
    }
}

/// Whether the same was seen, be it at another time.
fn is_same(before: &[Found], now: &[Found]) -> bool {
    before.len() == now.len() && before.iter().zip(now).all(|(before, now)| is_same_one(before, now))
}

fn is_same_one((target, before): &Found, (other, now): &Found) -> bool {
    target == other && *before == Observed { at: before.at, ..now.clone() }
}
