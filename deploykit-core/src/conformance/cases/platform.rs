//! Platforms with a rollout engine of their own.

use crate::action::{Action, Applied};
use crate::conformance::case::{Checked, Finding, case, ensure, only_if};
use crate::conformance::trial::{Trial, instance_id, platform_of, refused, shown};
use crate::error::ErrorKind;
use crate::observed::{Counts, Rollout, Submitted};

fn by_platform(trial: &Trial<'_>) -> Checked {
    only_if(!trial.drives_instances(), "deploykit drives the instances")
}

case! {
    /// What was submitted is read back by revision and digest, and is rolled out in the end.
    async fn a_submission_rolls_out(trial) {
        by_platform(trial)?;
        let spec = trial.version_of(1, 2).await?;
        let applied = trial.submit(&spec).await?;
        ensure!(applied == Applied::Changed, "submitting it is {applied:?}");
        let told = Submitted { revision: spec.revision().clone(), digest: spec.digest() };
        let platform = trial.platform().await?;
        ensure!(platform.submitted == Some(told), "it reads back as {:?}", platform.submitted);
        let seen = trial.roll_out(&spec).await?;
        let counts = platform_of(&seen).and_then(|platform| platform.groups.get(spec.revision()).copied());
        let wanted = Counts { total: 2, ready: 2 };
        ensure!(!trial.caps.replicas || counts == Some(wanted), "complete with {counts:?}");
    }
}

case! {
    /// To submit the same again changes nothing, whichever version it was decided on.
    async fn submitting_twice_changes_nothing(trial) {
        by_platform(trial)?;
        let spec = trial.version(1).await?;
        let before = trial.platform().await?.version;
        trial.roll_out(&spec).await?;
        let after = trial.platform().await?.version;
        // As whoever comes after a lost answer does it: decided on what was before.
        for expect in [before, after.clone()] {
            let again = trial.apply(&Action::Submit { spec: spec.clone(), expect }).await?;
            ensure!(again == Applied::Unchanged, "submitting it again is {again:?}");
        }
        let version = trial.platform().await?.version;
        ensure!(version == after, "its version moved from {after:?} to {version:?}");
    }
}

case! {
    /// A field that is changed in place moves the digest, and not the revision.
    async fn a_change_in_place_is_submitted(trial) {
        by_platform(trial)?;
        only_if(trial.caps.replicas, "it does not count instances")?;
        let (one, three) = (trial.version_of(1, 1).await?, trial.version_of(1, 3).await?);
        trial.roll_out(&one).await?;
        let applied = trial.submit(&three).await?;
        ensure!(applied == Applied::Changed, "submitting more instances is {applied:?}");
        let seen = trial.roll_out(&three).await?;
        let told = platform_of(&seen).and_then(|platform| platform.submitted.as_ref());
        ensure!(told.is_some_and(|told| told.digest == three.digest()), "the digest is the old one");
        let counts = platform_of(&seen).and_then(|platform| platform.groups.get(one.revision()).copied());
        ensure!(counts == Some(Counts { total: 3, ready: 3 }), "there are {counts:?} of the same revision");
    }
}

case! {
    /// A submission that was decided on an older version than there is fails as a conflict, and changes nothing.
    async fn an_outdated_submission_conflicts(trial) {
        by_platform(trial)?;
        only_if(trial.caps.compare_and_swap, "it does not compare versions")?;
        let (one, two) = (trial.version(1).await?, trial.version(2).await?);
        let before = {
            trial.roll_out(&one).await?;
            trial.platform().await?.version
        };
        ensure!(before.is_some(), "there is no version to compare");
        trial.roll_out(&two).await?;
        let outdated = Action::Submit { spec: one, expect: before };
        refused(trial.try_apply(&outdated).await?, ErrorKind::Conflict, "an outdated submission")?;
        let told = trial.platform().await?.submitted;
        ensure!(told.is_some_and(|told| told.revision == *two.revision()), "it was taken all the same");
    }
}

case! {
    /// The next revision takes the place of the one before.
    async fn the_next_revision_takes_over(trial) {
        by_platform(trial)?;
        only_if(!trial.caps.route, "revisions run side by side as long as they are routed to")?;
        let (one, two) = (trial.version(1).await?, trial.version(2).await?);
        trial.roll_out(&one).await?;
        let seen = trial.roll_out(&two).await?;
        let groups: Vec<_> = platform_of(&seen).into_iter().flat_map(|platform| platform.groups.keys()).collect();
        ensure!(groups == [two.revision()], "complete with {}", shown(&seen));
    }
}

case! {
    /// What does not work is never taken for complete.
    async fn what_does_not_work_is_not_complete(trial) {
        by_platform(trial)?;
        let Some(artifact) = trial.harness.broken_artifact() else {
            return Err(Finding::NotApplicable("the harness has no artifact that does not work".to_owned()));
        };
        let mut spec = trial.harness.spec(&trial.service, artifact);
        spec.deadline = std::time::Duration::from_secs(10);
        let spec = trial.pin(spec).await?;
        trial.submit(&spec).await?;
        let is_stalled = |rollout: &Rollout| matches!(rollout, Rollout::Stalled { .. });
        for _ in 0..trial.harness.patience() {
            let rollout = trial.platform().await?.rollout;
            ensure!(rollout != Rollout::Complete, "it is complete");
            if is_stalled(&rollout) {
                return Ok(());
            }
            trial.harness.settle().await;
        }
        ensure!(false, "it never says that it will not get there");
    }
}

case! {
    /// What was withdrawn is gone in the end; to withdraw it again changes nothing.
    async fn a_withdrawn_service_goes(trial) {
        by_platform(trial)?;
        let withdraw = Action::Withdraw { service: trial.service.clone() };
        let never = trial.apply(&withdraw).await?;
        ensure!(never == Applied::Unchanged, "withdrawing what never was is {never:?}");
        let spec = trial.version(1).await?;
        trial.roll_out(&spec).await?;
        let applied = trial.apply(&withdraw).await?;
        ensure!(applied == Applied::Changed, "withdrawing it is {applied:?}");
        let gone = |seen: &crate::observed::Observed| {
            platform_of(seen).is_some_and(|platform| platform.submitted.is_none() && platform.groups.is_empty())
        };
        trial.until("that it is gone", gone).await?;
        let again = trial.apply(&withdraw).await?;
        ensure!(again == Applied::Unchanged, "withdrawing it again is {again:?}");
    }
}

case! {
    /// Something foreign under the name of a service is a conflict when submitting and withdrawing, and stays.
    async fn a_foreign_service_conflicts(trial) {
        by_platform(trial)?;
        let spec = trial.version(1).await?;
        trial.prepare(&spec).await?;
        let foreign = super::instances::plant(trial, &instance_id(&spec, 0)).await?;
        let submit = Action::Submit { spec, expect: None };
        let withdraw = Action::Withdraw { service: trial.service.clone() };
        for action in [submit, withdraw] {
            let answer = trial.try_apply(&action).await?;
            ensure!(foreign.is_untouched().await, "it was changed or taken away by `{action}`");
            refused(answer, ErrorKind::Conflict, action.verb())?;
        }
        let platform = trial.platform().await?;
        ensure!(platform.submitted.is_none() && platform.groups.is_empty(), "it was adopted: {platform:?}");
        foreign.remove().await;
    }
}
