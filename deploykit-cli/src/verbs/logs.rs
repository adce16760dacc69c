use std::pin::Pin;
use std::time::Duration;

use deploykit_core::exec::Executor;
use deploykit_core::target::{LogLine, LogOptions};
use deploykit_core::{InstanceId, State, TargetName, Timestamp};
use futures_util::stream::{self, Stream, StreamExt as _};

use crate::console::print;
use crate::exit::{Exit, Failure, Verdict};
use crate::session::{Found, Session};

/// Which lines are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) follow: bool,
    pub(super) tail: Option<usize>,
    pub(super) since: Option<Duration>,
    pub(super) previous: bool,
}

/// A line, and the instance it comes from.
type Lines = Pin<Box<dyn Stream<Item = (String, deploykit_core::Result<LogLine>)> + Send>>;

/// Prints logs.
pub(super) async fn logs(session: &Session, of: &str, wanted: &Wanted) -> Verdict {
    let executor = session.executor(None)?;
    let found = executor.status(&[]).await?;
    let instances = instances(&found, of);
    if instances.is_empty() {
        return Err(not_found(&found, of));
    }
    let several = instances.len() > 1;
    let mut lines: Vec<Lines> = Vec::new();
    for (target, id, now) in instances {
        lines.push(open(&executor, &target, id, now, wanted).await?);
    }
    let mut lines = stream::select_all(lines);
    // Whoever stops a log that goes on has seen what there was to see.
    while let Some(Some((id, line))) = session.interrupt.stop.run_until_cancelled(lines.next()).await {
        let line = line.map_err(|error| Failure::error(error.chain()))?;
        let name = if several { format!("{id}  ") } else { String::new() };
        print(format!("{name}{}", line.text))?;
    }
    Ok(Exit::Done)
}

/// The instances that are meant: one by its name, or all of a service.
fn instances(found: &[Found], of: &str) -> Vec<(TargetName, InstanceId, Timestamp)> {
    let mut meant = Vec::new();
    for (target, seen) in found {
        let mut ids: Vec<InstanceId> = match &seen.state {
            State::Instances(instances) => instances.iter().map(|instance| instance.id.clone()).collect(),
            // A platform gives its instances names of its own; their logs are those of the revision.
            State::Platform(platform) => {
                let of = |revision: &deploykit_core::Revision| InstanceId {
                    service: seen.service.clone(),
                    revision: revision.clone(),
                    ordinal: 0,
                };
                platform.groups.keys().map(of).collect()
            }
        };
        ids.retain(|id| seen.service.as_str() == of || id.to_string() == of);
        ids.sort();
        meant.extend(ids.into_iter().map(|id| (target.clone(), id, seen.at)));
    }
    meant
}

fn not_found(found: &[Found], of: &str) -> Failure {
    let names: Vec<_> = found.iter().map(|(_, seen)| seen.service.as_str()).collect();
    if names.contains(&of) {
        return Failure::error(format!("{of} has no instances"));
    }
    let hint =
        if names.is_empty() { "there are no services".to_owned() } else { format!("there are: {}", names.join(", ")) };
    Failure::error(format!("there is no service or instance {of}")).with_hint(hint)
}

async fn open(
    executor: &Executor,
    target: &TargetName,
    id: InstanceId,
    now: Timestamp,
    wanted: &Wanted,
) -> Result<Lines, Failure> {
    let Wanted { follow, tail, since, previous } = *wanted;
    let since = since.map(|ago| {
        let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(now.as_millis().saturating_sub(ago))
    });
    let options = LogOptions { follow, since, tail, previous };
    let (_, deployer) = executor.targets().choose(Some(target))?;
    let lines = deployer.logs(&id, &options).await.map_err(|error| Failure::error(error.chain()))?;
    let name = id.to_string();
    Ok(Box::pin(lines.map(move |line| (name.clone(), line))))
}
