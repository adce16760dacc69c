//! Logs and changes.

use std::future::poll_fn;

use crate::action::Action;
use crate::conformance::case::{Checked, Finding, broken, case, ensure, only_if};
use crate::conformance::trial::{Trial, instance_id, refused, start_action, stop_action};
use crate::error::ErrorKind;
use crate::observed::InstanceId;
use crate::target::{ChangeStream, Deployer as _, LogLine, LogOptions};

/// The lines of a log that ends.
pub(super) async fn log_of(trial: &Trial<'_>, id: &InstanceId, options: LogOptions) -> Checked<Vec<LogLine>> {
    let mut stream = trial.deployer.logs(id, &options).await?;
    let mut lines = Vec::new();
    while let Some(line) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        lines.push(line?);
    }
    Ok(lines)
}

case! {
    /// The log of an instance is there, oldest line first, and ends unless it is followed.
    async fn a_log_is_there(trial) {
        let spec = trial.version(1).await?;
        let id = trial.run_one(&spec).await?;
        let mut lines = Vec::new();
        for _ in 0..trial.harness.patience() {
            lines = log_of(trial, &id, LogOptions::default()).await?;
            if !lines.is_empty() {
                break;
            }
            trial.harness.settle().await;
        }
        ensure!(!lines.is_empty(), "it stays empty");
        let times: Vec<_> = lines.iter().filter_map(|line| line.at).collect();
        ensure!(times.is_sorted(), "its lines are not in the order of their times: {times:?}");
        ensure!(lines.iter().all(|line| !line.text.ends_with('\n')), "a line has its line end");
    }
}

case! {
    /// Of a log, only the last lines are given if so many are asked for.
    async fn a_log_can_be_cut(trial) {
        let spec = trial.version(1).await?;
        let id = trial.run_one(&spec).await?;
        let all = log_of(trial, &id, LogOptions::default()).await?;
        ensure!(!all.is_empty(), "there is no line");
        for tail in [0, 1, all.len()] {
            let lines = log_of(trial, &id, LogOptions { tail: Some(tail), ..LogOptions::default() }).await?;
            ensure!(lines.len() <= tail.max(1) && lines.len() >= tail.min(1), "{tail} asked for, {} came", lines.len());
        }
    }
}

case! {
    /// There is no log of an instance that is not there: to ask for it fails as not found.
    async fn an_unknown_instance_has_no_log(trial) {
        let spec = trial.version(1).await?;
        let id = instance_id(&spec, 0);
        let answer = trial.deployer.logs(&id, &LogOptions::default()).await;
        refused(answer.map(drop), ErrorKind::NotFound, "the log of an instance that is not there")?;
    }
}

case! {
    /// Whether the target tells of changes is as declared.
    async fn changes_are_told_where_declared(trial) {
        let tells = trial.deployer.changes().await?.is_some();
        ensure!(tells == trial.caps.changes, "declared: {}, found: {tells}", trial.caps.changes);
    }
}

/// Waits until a change of the trial's service is told.
async fn told(trial: &Trial<'_>, changes: &mut ChangeStream) -> Checked {
    let mut patience = trial.harness.patience();
    loop {
        let next = poll_fn(|cx| changes.as_mut().poll_next(cx));
        tokio::select! {
            biased;
            service = next => match service {
                Some(service) if service == trial.service => return Ok(()),
                Some(_) => {}
                None => return broken("the stream of changes ended"),
            },
            () = trial.harness.settle() => {}
        }
        patience = match patience.checked_sub(1) {
            Some(left) => left,
            None => return broken("the service was not named after a change"),
        };
    }
}

case! {
    /// Whoever listens is told of a service after each change of it.
    async fn changes_name_the_service(trial) {
        only_if(trial.caps.changes, "it does not tell of changes")?;
        let spec = trial.version(1).await?;
        trial.prepare(&spec).await?;
        let listen = async || {
            let changes = trial.deployer.changes().await?;
            changes.ok_or_else(|| Finding::Broken("there is no stream of changes".to_owned()))
        };
        let mut changes = listen().await?;
        if trial.drives_instances() {
            trial.apply(&start_action(&spec, 0, 0)).await?;
            told(trial, &mut changes).await?;
            let mut changes = listen().await?;
            trial.apply(&stop_action(&instance_id(&spec, 0))).await?;
            told(trial, &mut changes).await?;
        } else {
            trial.submit(&spec).await?;
            told(trial, &mut changes).await?;
            let mut changes = listen().await?;
            trial.apply(&Action::Withdraw { service: trial.service.clone() }).await?;
            told(trial, &mut changes).await?;
        }
    }
}
