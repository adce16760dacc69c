//! Whole deployments, as the planner decides on them.

use std::sync::Arc;

use crate::conformance::case::{Checked, case, ensure, only_if};
use crate::conformance::trial::{Trial, shown};
use crate::goal::Goal;
use crate::observed::{Counts, Observed};
use crate::pin::PinnedSpec;
use crate::plan::preview;
use crate::record::RecordStatus;
use crate::spec::{Canary, Stage, Strategy};
use crate::target::Deployer as _;
use crate::units::Share;

/// Fails unless so many instances of a spec run, and nothing else.
fn runs(trial: &Trial<'_>, spec: &PinnedSpec, replicas: u32, seen: &Observed) -> Checked {
    let counts = seen.counts();
    let wanted = Counts { total: replicas, ready: replicas };
    let found = counts.get(spec.revision()).copied();
    ensure!(counts.len() <= 1, "others run beside it: {}", shown(seen));
    ensure!(!trial.caps.replicas || found == Some(wanted), "{found:?} run of {replicas}: {}", shown(seen));
    if trial.caps.records {
        let latest = seen.latest_record();
        let ended = latest
            .is_some_and(|latest| latest.status == RecordStatus::Deployed && latest.spec.digest() == spec.digest());
        ensure!(ended, "its record is not the latest: {}", shown(seen));
    }
    Ok(())
}

/// Deploys a spec, and makes sure that there is nothing left to do.
async fn deploy(trial: &Trial<'_>, spec: &Arc<PinnedSpec>, replicas: u32) -> Checked {
    let goal = Goal::Run(Arc::clone(spec));
    let seen = trial.drive(&goal).await?;
    runs(trial, spec, replicas, &seen)?;
    let left = preview(&goal, &trial.observe().await?, &trial.caps)?;
    ensure!(left.is_empty(), "there is still something to do: {left:?}");
    Ok(())
}

case! {
    /// A service is deployed, and removed without a trace.
    async fn removing_leaves_nothing(trial) {
        let spec = trial.version_of(1, 2).await?;
        deploy(trial, &spec, 2).await?;
        let seen = trial.drive(&Goal::Remove(trial.service.clone())).await?;
        ensure!(seen.is_empty() && seen.published.is_empty(), "left: {}", shown(&seen));
        ensure!(!trial.deployer.services().await?.contains(&trial.service), "it is still listed");
    }
}

case! {
    /// A service grows and shrinks without its other instances being touched.
    async fn scaling_touches_only_the_difference(trial) {
        only_if(trial.caps.replicas, "it does not count instances")?;
        for replicas in [1, 3, 1] {
            let spec = trial.version_of(1, replicas).await?;
            let before = trial.observe().await?;
            deploy(trial, &spec, replicas).await?;
            let after = trial.observe().await?;
            let kept = |seen: &Observed| {
                crate::conformance::trial::instances_of(seen).iter().find(|i| i.id.ordinal == 0).map(|i| i.since)
            };
            ensure!(kept(&before).is_none_or(|since| Some(since) == kept(&after)), "the first one was replaced");
        }
    }
}

case! {
    /// The next revision takes the place of the one before, and the one before that of the next.
    async fn revisions_take_each_others_place(trial) {
        let (one, two) = (trial.version_of(1, 2).await?, trial.version_of(2, 2).await?);
        for spec in [&one, &two, &one] {
            deploy(trial, spec, 2).await?;
        }
    }
}

case! {
    /// One goes back to the record of an earlier revision.
    async fn rolling_back_goes_to_a_record(trial) {
        only_if(trial.caps.records, "it keeps no records")?;
        let (one, two) = (trial.version_of(1, 2).await?, trial.version_of(2, 2).await?);
        deploy(trial, &one, 2).await?;
        deploy(trial, &two, 2).await?;
        let seen = trial.observe().await?;
        let record = seen.records.iter().find(|record| record.revision() == one.revision());
        let Some(record) = record else {
            return crate::conformance::case::broken(format_args!("there is no record of it: {}", shown(&seen)));
        };
        let seen = trial.drive(&Goal::RollBack(Arc::clone(&record.spec))).await?;
        runs(trial, &one, 2, &seen)?;
    }
}

case! {
    /// Users move to the next revision in stages, as the router is told.
    async fn users_move_in_stages(trial) {
        only_if(trial.caps.route && trial.caps.weights, "it cannot split requests")?;
        let stages = [10, 50].map(|percent| Stage { share: Share::percent(percent), ..Stage::default() });
        let canary = Strategy::Canary(Canary { min_ready: std::time::Duration::ZERO, stages: stages.to_vec() });
        let of = async |version| {
            let mut spec = trial.version_of(version, 2).await?.spec().clone();
            spec.strategy = canary.clone();
            trial.pin(spec).await
        };
        let (one, two) = (of(1).await?, of(2).await?);
        deploy(trial, &one, 2).await?;
        deploy(trial, &two, 2).await?;
    }
}
