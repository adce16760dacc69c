use std::path::Path;

use deploykit_core::plan::Plan;
use deploykit_core::{Goal, ServiceName};

use super::carry::{carry_out, carry_out_once, confirm, run};
use super::plan::plan_specs;
use crate::args::{Carry, DataFormat, Specs};
use crate::console::{print, tell};
use crate::exit::{Exit, Failure, Verdict};
use crate::session::Session;

/// Deploys what the specs say, or carries out a plan that was saved.
pub(super) async fn apply(session: &Session, saved: Option<&Path>, wanted: &Specs, carry: &Carry) -> Verdict {
    let executor = session.executor(Some(carry))?;
    match saved {
        Some(path) => carry_out_once(session, &executor, &read(path)?, carry).await,
        None => carry_out(session, &executor, async || plan_specs(session, &executor, wanted).await, carry).await,
    }
}

fn read(path: &Path) -> Result<Plan, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::error(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(&format!("cannot read it: {error}")))?;
    Plan::from_json(&text).map_err(|error| failed(&error))
}

/// Opens the gate that a release waits at, and goes on with it.
pub(super) async fn promote(session: &Session, service: &ServiceName, no_wait: bool, carry: &Carry) -> Verdict {
    let executor = session.executor(Some(carry))?;
    let (target, seen) = session.find_one(&executor, service).await?;
    let executor = executor.on(&target)?;
    let goal = seen.latest_record().map(|record| Goal::Run(record.spec.clone()));
    if carry.dry_run {
        tell("--dry-run: the gate stays closed");
        return Ok(Exit::Done);
    }
    if !carry.yes {
        confirm(session, &format!("Open the gate that the release of {service} on {target} waits at?")).await?;
    }
    let stage = executor.promote(service).await?;
    let opened = format!("the gate of stage {stage} of {service} is open");
    match carry.format {
        DataFormat::Text => print(opened)?,
        DataFormat::Json => tell(opened),
    }
    let Some(goal) = goal.filter(|_| !no_wait) else { return Ok(Exit::Done) };
    let plan = executor.plan(vec![goal]).await?;
    run(session, &executor, &plan, carry).await
}
