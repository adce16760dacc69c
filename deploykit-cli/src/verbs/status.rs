use std::fmt::Write as _;

use deploykit_core::exec::Seen;
use deploykit_core::units::duration;
use deploykit_core::{Observed, Phase, RecordStatus, ServiceName, State, TargetName, Timestamp};
use serde_json::{Value, json};

use super::{json, print_json};
use crate::args::DataFormat;
use crate::console::{print, table};
use crate::exit::{Exit, Failure, Verdict};
use crate::session::{Found, Session};

/// Shows what there is of services.
pub(super) async fn status(session: &Session, services: &[ServiceName], format: DataFormat) -> Verdict {
    let found = session.find(&session.executor(None)?, services).await?;
    match format {
        DataFormat::Json => return print_json(&Value::Array(as_json(&found)?)),
        DataFormat::Text if found.is_empty() => print("there are no services")?,
        DataFormat::Text => print(page(&found, !services.is_empty()))?,
    }
    Ok(Exit::Done)
}

/// Everything that was seen, for programs.
pub(super) fn as_json(found: &[Found]) -> Result<Vec<Value>, Failure> {
    found.iter().map(|(target, seen)| Ok(json!({ "target": target, "observed": json(seen)? }))).collect()
}

/// A row for each service, and under it what is not well; with its instances if asked for.
pub(super) fn page(found: &[Found], instances: bool) -> String {
    let rows: Vec<_> = found.iter().map(|(target, seen)| row(target, seen)).collect();
    let mut text = table(["SERVICE", "TARGET", "STATE", "REVISION", "READY", "TRAFFIC", "SINCE"], &rows);
    for (_, seen) in found {
        for note in Seen::of(seen).notes {
            let _ = write!(text, "\n{}: {note}", seen.service);
        }
    }
    if instances {
        let rows: Vec<_> = found.iter().flat_map(|(_, seen)| instance_rows(seen)).collect();
        if !rows.is_empty() {
            text.push_str("\n\n");
            text.push_str(&table(["INSTANCE", "PHASE", "FOR", "STARTS"], &rows));
        }
    }
    text
}

fn row(target: &TargetName, seen: &Observed) -> [String; 7] {
    let latest = seen.latest_record();
    let counts = seen.counts();
    let (ready, total) = counts.values().fold((0, 0), |(ready, total), one| (ready + one.ready, total + one.total));
    let revision = latest.map(|record| record.revision().to_string()).or_else(|| {
        let running: Vec<_> = counts.keys().map(ToString::to_string).collect();
        (!running.is_empty()).then(|| running.join(", "))
    });
    let traffic = seen.traffic.as_ref().map(|traffic| traffic.split.shares.to_string());
    [
        seen.service.to_string(),
        target.to_string(),
        state(seen).to_owned(),
        revision.unwrap_or_else(|| "-".to_owned()),
        format!("{ready}/{total}"),
        traffic.unwrap_or_else(|| "-".to_owned()),
        latest.map_or_else(|| "-".to_owned(), |record| record.at.to_string()),
    ]
}

/// What became of the latest deployment, in a word.
pub(super) fn state(seen: &Observed) -> &'static str {
    match seen.latest_record().map(|record| record.status) {
        Some(RecordStatus::Deploying) => "deploying",
        Some(RecordStatus::Deployed) => "deployed",
        Some(RecordStatus::Failed) => "failed",
        None if seen.is_empty() => "absent",
        None => "running",
    }
}

fn instance_rows(seen: &Observed) -> Vec<[String; 4]> {
    let State::Instances(instances) = &seen.state else { return Vec::new() };
    let mut instances: Vec<_> = instances.iter().collect();
    instances.sort_by(|a, b| a.id.cmp(&b.id));
    let rows = instances.into_iter().map(|instance| {
        let phase = match (&instance.phase, &instance.note) {
            (Phase::Ready, _) | (_, None) => instance.phase.to_string(),
            (phase, Some(note)) => format!("{phase}: {note}"),
        };
        [instance.id.to_string(), phase, age(seen.at, instance.since), (instance.attempt + 1).to_string()]
    });
    rows.collect()
}

/// How long ago something was, in whole seconds.
fn age(now: Timestamp, then: Timestamp) -> String {
    duration::format(std::time::Duration::from_secs(now.since(then).as_secs())).to_string()
}
