use deploykit_core::{Observed, Record, RecordStatus, ServiceName};
use serde_json::{Value, json};

use super::{json, print_json};
use crate::args::DataFormat;
use crate::console::{bold, print, table};
use crate::exit::{Exit, Failure, Verdict};
use crate::session::{Found, Session};

/// Shows the deployments that are kept.
pub(super) async fn history(session: &Session, services: &[ServiceName], format: DataFormat) -> Verdict {
    let found = session.find(&session.executor(None)?, services).await?;
    match format {
        DataFormat::Json => {
            let entries = found.iter().map(|(target, seen)| {
                let records = newest_first(seen).into_iter().map(json).collect::<Result<Vec<_>, _>>()?;
                Ok(json!({ "service": seen.service, "target": target, "records": records }))
            });
            return print_json(&Value::Array(entries.collect::<Result<_, Failure>>()?));
        }
        DataFormat::Text if found.is_empty() => print("there are no services")?,
        DataFormat::Text => print(found.iter().map(page).collect::<Vec<_>>().join("\n\n"))?,
    }
    Ok(Exit::Done)
}

fn page((target, seen): &Found) -> String {
    let title = format!("{} on {target}", bold(&seen.service));
    if seen.records.is_empty() {
        return format!("{title}: nothing is kept");
    }
    let rows: Vec<_> = newest_first(seen).into_iter().map(row).collect();
    format!("{title}\n{}", table(["NUMBER", "REVISION", "STATUS", "AT", "ARTIFACT"], &rows))
}

fn newest_first(seen: &Observed) -> Vec<&Record> {
    let mut records: Vec<_> = seen.records.iter().collect();
    records.sort_by_key(|record| std::cmp::Reverse(record.sequence));
    records
}

fn row(record: &Record) -> [String; 5] {
    let status = match record.status {
        RecordStatus::Deploying => "deploying",
        RecordStatus::Deployed => "deployed",
        RecordStatus::Failed => "failed",
    };
    [
        record.sequence.to_string(),
        record.revision().to_string(),
        status.to_owned(),
        record.at.to_string(),
        record.spec.spec().artifact.reference().to_owned(),
    ]
}
