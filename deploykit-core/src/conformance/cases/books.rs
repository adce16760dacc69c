//! Publishing and records.

use crate::action::{Action, Applied};
use crate::conformance::case::{Checked, case, ensure, only_if};
use crate::conformance::trial::{
    Trial, instances_of, platform_of, record_action, record_of, refused, shown, start_action,
};
use crate::error::ErrorKind;
use crate::record::{Record, RecordStatus};
use crate::target::Deployer as _;

fn keeps_records(trial: &Trial<'_>) -> Checked {
    only_if(trial.caps.records, "it keeps no records")
}

case! {
    /// What was published is observed as published, and publishing it again changes nothing.
    async fn publishing_twice_changes_nothing(trial) {
        only_if(trial.caps.publish, "nothing has to be published")?;
        let spec = trial.version(1).await?;
        let publish = Action::Publish { spec: spec.clone() };
        // The first may find the content there under another name.
        trial.apply(&publish).await?;
        let seen = trial.observe().await?;
        ensure!(seen.published.contains(spec.revision()), "it is not seen as published: {}", shown(&seen));
        let again = trial.apply(&publish).await?;
        ensure!(again == Applied::Unchanged, "publishing it again is {again:?}");
        if trial.caps.records {
            trial.apply(&record_action(&spec, 1, RecordStatus::Failed)).await?;
        }
    }
}

case! {
    /// Nothing runs that was not published: to start it fails as not found.
    async fn nothing_runs_unpublished(trial) {
        only_if(trial.caps.publish, "nothing has to be published")?;
        let spec = trial.version(1).await?;
        let action = if trial.drives_instances() {
            start_action(&spec, 0, 0)
        } else {
            Action::Submit { spec, expect: None }
        };
        refused(trial.try_apply(&action).await?, ErrorKind::NotFound, "what is not published")?;
    }
}

case! {
    /// A record is read back exactly as it was written.
    async fn a_record_reads_back_exactly(trial) {
        keeps_records(trial)?;
        let spec = trial.version(1).await?;
        trial.prepare(&spec).await?;
        let record = Record { promoted: 2, proven: true, ..record_of(&spec, 7, RecordStatus::Failed) };
        let applied = trial.apply(&Action::Record { record: Box::new(record.clone()) }).await?;
        ensure!(applied == Applied::Changed, "writing it is {applied:?}");
        let seen = trial.observe().await?;
        ensure!(seen.records == [record], "it reads back as {}", shown(&seen));
    }
}

case! {
    /// A record is on the target: another handle reads it too.
    async fn a_record_outlives_its_handle(trial) {
        keeps_records(trial)?;
        let spec = trial.version(1).await?;
        trial.prepare(&spec).await?;
        let record = record_of(&spec, 2, RecordStatus::Deployed);
        trial.apply(&record_action(&spec, 2, RecordStatus::Deployed)).await?;
        let other = trial.harness.deployer().await;
        let seen = other.observe(std::slice::from_ref(&trial.service)).await?;
        let found: Vec<_> = seen.iter().flat_map(|seen| &seen.records).collect();
        ensure!(found == [&record], "another handle reads {found:?}");
    }
}

case! {
    /// There is one record of a revision: writing it again replaces it, and the same one changes nothing.
    async fn a_record_is_replaced(trial) {
        keeps_records(trial)?;
        let spec = trial.version(1).await?;
        trial.prepare(&spec).await?;
        for (sequence, status) in [(1, RecordStatus::Deployed), (5, RecordStatus::Deploying)] {
            let action = record_action(&spec, sequence, status);
            trial.apply(&action).await?;
            let again = trial.apply(&action).await?;
            ensure!(again == Applied::Unchanged, "the same record again is {again:?}");
            let seen = trial.observe().await?;
            ensure!(seen.records == [record_of(&spec, sequence, status)], "it reads back as {}", shown(&seen));
        }
    }
}

case! {
    /// Forgetting a revision takes its record and its artifact away and no others; again, it changes nothing.
    async fn forgetting_takes_one_record_away(trial) {
        keeps_records(trial)?;
        let (one, two) = (trial.version(1).await?, trial.version(2).await?);
        trial.prepare(&one).await?;
        trial.prepare(&two).await?;
        let forget = Action::Forget { service: trial.service.clone(), revision: one.revision().clone() };
        let applied = trial.apply(&forget).await?;
        ensure!(applied == Applied::Changed, "forgetting is {applied:?}");
        let seen = trial.observe().await?;
        let kept: Vec<_> = seen.records.iter().map(Record::revision).collect();
        ensure!(kept == [two.revision()], "these are left: {}", shown(&seen));
        ensure!(!seen.published.contains(one.revision()), "its artifact is still there");
        ensure!(!trial.caps.publish || seen.published.contains(two.revision()), "the other's artifact is gone");
        let again = trial.apply(&forget).await?;
        ensure!(again == Applied::Unchanged, "forgetting it again is {again:?}");
    }
}

case! {
    /// Forgetting a revision never ends its instances; a target that cannot keep them refuses as a conflict.
    async fn forgetting_spares_what_runs(trial) {
        keeps_records(trial)?;
        let spec = trial.version(1).await?;
        trial.run_one(&spec).await?;
        let forget = Action::Forget { service: trial.service.clone(), revision: spec.revision().clone() };
        if let Err(error) = trial.try_apply(&forget).await? {
            ensure!(error.kind() == ErrorKind::Conflict, "it failed: {}", error.chain());
        }
        trial.harness.settle().await;
        let seen = trial.observe().await?;
        let running = instances_of(&seen).len() + platform_of(&seen).map_or(0, |platform| platform.groups.len());
        ensure!(running == 1, "it does not run any more: {}", shown(&seen));
    }
}
