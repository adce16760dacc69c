//! Starting and stopping instances.

use crate::action::Applied;
use crate::conformance::case::{Checked, Finding, case, ensure, only_if};
use crate::conformance::trial::{
    Trial, instance_id, instance_of, instances_of, phase_of, refused, shown, start_action, stop_action,
};
use crate::error::ErrorKind;
use crate::observed::Phase;
use crate::target::Deployer as _;

fn drives(trial: &Trial<'_>) -> Checked {
    only_if(trial.drives_instances(), "the platform drives the instances")
}

case! {
    /// An instance that was started is observed under its id, in its first attempt.
    async fn a_started_instance_is_seen(trial) {
        drives(trial)?;
        let spec = trial.version(1).await?;
        trial.prepare(&spec).await?;
        let applied = trial.apply(&start_action(&spec, 3, 0)).await?;
        ensure!(applied == Applied::Changed, "starting it is {applied:?}");
        let seen = trial.observe().await?;
        let ids: Vec<_> = instances_of(&seen).iter().map(|instance| (&instance.id, instance.attempt)).collect();
        ensure!(ids == [(&instance_id(&spec, 3), 0)], "seen: {}", shown(&seen));
    }
}

case! {
    /// To start an instance that runs changes nothing.
    async fn starting_twice_changes_nothing(trial) {
        drives(trial)?;
        let spec = trial.version(1).await?;
        let id = trial.start(&spec, 0).await?;
        let at_once = trial.apply(&start_action(&spec, 0, 0)).await?;
        ensure!(at_once == Applied::Unchanged, "starting it again at once is {at_once:?}");
        let ready = trial.until("that it is ready", |seen| phase_of(seen, &id) == Some(Phase::Ready)).await?;
        let later = trial.apply(&start_action(&spec, 0, 0)).await?;
        ensure!(later == Applied::Unchanged, "starting it again is {later:?}");
        let another = trial.apply(&start_action(&spec, 0, 1)).await?;
        ensure!(another == Applied::Unchanged, "starting another attempt while it runs is {another:?}");
        let seen = trial.observe().await?;
        ensure!(instances_of(&seen).len() == 1, "there are others now: {}", shown(&seen));
        let since = |seen: &crate::observed::Observed| instance_of(seen, &id).map(|instance| instance.since);
        ensure!(since(&seen) == since(&ready), "it was started anew");
    }
}

case! {
    /// What can run gets ready, and tells since when it has been: that time stays.
    async fn a_started_instance_gets_ready(trial) {
        drives(trial)?;
        let spec = trial.version(1).await?;
        let id = trial.run(&spec, 0).await?;
        let first = trial.observe().await?;
        trial.harness.settle().await;
        let later = trial.observe().await?;
        let since = |seen: &crate::observed::Observed| instance_of(seen, &id).map(|instance| instance.since);
        let (then, now) = (since(&first), since(&later));
        ensure!(then == now, "it is ready since {then:?}, then since {now:?}");
        ensure!(since(&first) <= Some(first.at), "it is ready since later than it was seen");
    }
}

case! {
    /// An instance that came to its end by itself is seen with its code, and is replaced by another attempt only.
    async fn what_exited_is_replaced_by_another_attempt(trial) {
        drives(trial)?;
        let Some(artifact) = trial.harness.broken_artifact() else {
            return Err(Finding::NotApplicable("the harness has no artifact that exits".to_owned()));
        };
        let spec = trial.pin(trial.harness.spec(&trial.service, artifact)).await?;
        let id = trial.start(&spec, 0).await?;
        let exited = |seen: &crate::observed::Observed| matches!(phase_of(seen, &id), Some(Phase::Exited { .. }));
        let seen = trial.until("that it exits", exited).await?;
        ensure!(phase_of(&seen, &id) != Some(Phase::Exited { code: 0 }), "it exited with 0: {}", shown(&seen));
        let same = trial.apply(&start_action(&spec, 0, 0)).await?;
        ensure!(same == Applied::Unchanged, "starting the attempt that exited is {same:?}");
        let next = trial.apply(&start_action(&spec, 0, 1)).await?;
        ensure!(next == Applied::Changed, "starting the next attempt is {next:?}");
        let seen = trial.observe().await?;
        let attempts: Vec<_> = instances_of(&seen).iter().map(|instance| (&instance.id, instance.attempt)).collect();
        ensure!(attempts == [(&id, 1)], "seen: {}", shown(&seen));
    }
}

case! {
    /// To stop what is not there changes nothing.
    async fn stopping_what_is_missing_changes_nothing(trial) {
        drives(trial)?;
        let spec = trial.version(1).await?;
        let missing = trial.apply(&stop_action(&instance_id(&spec, 0))).await?;
        ensure!(missing == Applied::Unchanged, "stopping what never was is {missing:?}");
        ensure!(trial.observe().await?.is_empty(), "stopping left something");
    }
}

case! {
    /// An instance that was stopped is not taken for one that runs, and is gone in the end.
    async fn a_stopped_instance_goes(trial) {
        drives(trial)?;
        let spec = trial.version(1).await?;
        let id = trial.run(&spec, 0).await?;
        let applied = trial.apply(&stop_action(&id)).await?;
        ensure!(applied == Applied::Changed, "stopping it is {applied:?}");
        let phase = phase_of(&trial.observe().await?, &id);
        ensure!(matches!(phase, None | Some(Phase::Stopping)), "right after, it is {phase:?}");
        trial.until("that it is gone", |seen| instances_of(seen).is_empty()).await?;
        let again = trial.apply(&stop_action(&id)).await?;
        ensure!(again == Applied::Unchanged, "stopping it again is {again:?}");
    }
}

case! {
    /// A stop ends the instance that it names, and no other of its revision or its ordinal.
    async fn a_stop_ends_only_the_one_it_names(trial) {
        drives(trial)?;
        let (one, two) = (trial.version(1).await?, trial.version(2).await?);
        let (first, second) = (trial.run(&one, 0).await?, trial.run(&one, 1).await?);
        let other = trial.run(&two, 0).await?;
        trial.apply(&stop_action(&first)).await?;
        let gone = |seen: &crate::observed::Observed| phase_of(seen, &first).is_none();
        let seen = trial.until("that it is gone", gone).await?;
        for id in [second, other] {
            ensure!(phase_of(&seen, &id) == Some(Phase::Ready), "{id} is touched: {}", shown(&seen));
        }
    }
}

case! {
    /// Something foreign under the name of an instance is a conflict when starting, is not seen, and stays as it is.
    async fn a_foreign_name_conflicts_with_a_start(trial) {
        drives(trial)?;
        let spec = trial.version(1).await?;
        trial.prepare(&spec).await?;
        let foreign = plant(trial, &instance_id(&spec, 0)).await?;
        refused(trial.try_apply(&start_action(&spec, 0, 0)).await?, ErrorKind::Conflict, "a start in its place")?;
        let seen = trial.observe().await?;
        ensure!(instances_of(&seen).is_empty(), "it was adopted: {}", shown(&seen));
        ensure!(foreign.is_untouched().await, "it was changed or taken away");
        foreign.remove().await;
    }
}

case! {
    /// Something foreign under the name of an instance is not stopped: that is a conflict too.
    async fn a_foreign_name_conflicts_with_a_stop(trial) {
        drives(trial)?;
        let spec = trial.version(1).await?;
        let id = instance_id(&spec, 0);
        let foreign = plant(trial, &id).await?;
        let stopped = trial.try_apply(&stop_action(&id)).await?;
        ensure!(foreign.is_untouched().await, "it was stopped or taken away");
        refused(stopped, ErrorKind::Conflict, "to stop it")?;
        ensure!(!trial.deployer.services().await?.contains(&trial.service), "its service is listed as deploykit's");
        foreign.remove().await;
    }
}

pub(super) async fn plant(
    trial: &Trial<'_>,
    id: &crate::observed::InstanceId,
) -> Checked<std::sync::Arc<dyn crate::conformance::Foreign>> {
    let cannot = || Finding::NotApplicable("the harness cannot plant something foreign".to_owned());
    trial.harness.plant_foreign(id).await.ok_or_else(cannot)
}
