//! What holds whatever happens: dropped calls, secrets, errors, neighbours.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::action::{Action, Applied};
use crate::conformance::case::{Checked, broken, case, ensure, only_if};
use crate::conformance::trial::{
    SECRET, Trial, admit, instance_id, instances_of, is_admitted, phase_of, record_action, refused, shown,
    start_action, stop_action,
};
use crate::error::{Error, ErrorKind};
use crate::goal::Goal;
use crate::name::VarName;
use crate::observed::Phase;
use crate::record::RecordStatus;
use crate::spec::SecretSource;
use crate::target::{Context, Deployer as _, LogOptions};
use crate::traffic::{RouteChange, Shares, Split};

/// Runs a future up to its first await, and drops it.
async fn drop_early(call: impl Future) {
    let mut call = pin!(call);
    poll_fn(|cx| {
        let _ = call.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

/// Runs a future for a moment, and drops it wherever it is.
async fn drop_late(call: impl Future) {
    let _ = tokio::time::timeout(Duration::from_millis(3), call).await;
}

/// Applies an action that is dropped on the way, twice, and then whole.
async fn apply_dropped(trial: &Trial<'_>, action: &Action) -> Checked<Applied> {
    let context = trial.context().await?;
    drop_early(trial.deployer.apply(action, &context)).await;
    trial.observe().await?;
    drop_late(trial.deployer.apply(action, &context)).await;
    trial.observe().await?;
    trial.apply(action).await
}

case! {
    /// An action may be dropped at any await: done again, it is complete, and nothing is there twice.
    async fn a_dropped_action_is_completed_by_another(trial) {
        let spec = trial.version(1).await?;
        if trial.caps.publish {
            apply_dropped(trial, &Action::Publish { spec: spec.clone() }).await?;
        }
        if trial.caps.records {
            apply_dropped(trial, &record_action(&spec, 1, RecordStatus::Deploying)).await?;
            ensure!(trial.observe().await?.records.len() == 1, "there is not one record");
        }
        if !trial.drives_instances() {
            let expect = trial.platform().await?.version;
            apply_dropped(trial, &Action::Submit { spec: spec.clone(), expect }).await?;
            trial.rolled_out(&spec).await?;
            apply_dropped(trial, &Action::Withdraw { service: trial.service.clone() }).await?;
            trial.until("that it is gone", |seen| seen.counts().is_empty()).await?;
            return Ok(());
        }
        let id = instance_id(&spec, 0);
        apply_dropped(trial, &start_action(&spec, 0, 0)).await?;
        let seen = trial.until("that it is ready", |seen| phase_of(seen, &id) == Some(Phase::Ready)).await?;
        ensure!(instances_of(&seen).len() == 1, "there are several: {}", shown(&seen));
        if trial.caps.route {
            apply_dropped(trial, &trial.route_action(admit([id.clone()]))).await?;
            trial.until("that it is admitted", |seen| is_admitted(seen, &id)).await?;
            apply_dropped(trial, &trial.route_action(crate::conformance::trial::withdraw([id.clone()]))).await?;
            trial.until("that it is withdrawn", |seen| !is_admitted(seen, &id)).await?;
        }
        apply_dropped(trial, &stop_action(&id)).await?;
        trial.until("that it is gone", |seen| instances_of(seen).is_empty()).await?;
    }
}

case! {
    /// The steps of a round may run at once: each has its effect.
    async fn actions_may_run_at_once(trial) {
        only_if(trial.drives_instances(), "the platform drives the instances")?;
        let spec = trial.version(1).await?;
        trial.prepare(&spec).await?;
        let starts = [0, 1, 2].map(|ordinal| start_action(&spec, ordinal, 0));
        let [first, second, third] = &starts;
        let (first, second, third) = tokio::join!(trial.apply(first), trial.apply(second), trial.apply(third));
        for applied in [first?, second?, third?] {
            ensure!(applied == Applied::Changed, "one of three starts is {applied:?}");
        }
        let ready = |seen: &crate::observed::Observed| {
            instances_of(seen).len() == 3 && instances_of(seen).iter().all(|one| one.phase == Phase::Ready)
        };
        trial.until("that all three are ready", ready).await?;
    }
}

case! {
    /// The same action twice at once, as by two deployers, is as good as once.
    async fn the_same_action_twice_at_once_is_done_once(trial) {
        let spec = trial.version(1).await?;
        trial.prepare(&spec).await?;
        let action = if trial.drives_instances() {
            start_action(&spec, 0, 0)
        } else {
            Action::Submit { spec: spec.clone(), expect: trial.platform().await?.version }
        };
        let (one, two) = tokio::join!(trial.apply(&action), trial.apply(&action));
        let changed = [one?, two?].contains(&Applied::Changed);
        ensure!(changed, "neither of two changed anything");
        let ready = |seen: &crate::observed::Observed| seen.counts().values().any(|count| count.ready > 0);
        let seen = trial.until("that it is ready", ready).await?;
        let total: u32 = seen.counts().values().map(|count| count.total).sum();
        ensure!(!trial.caps.replicas || total == 1, "there are {total}: {}", shown(&seen));
    }
}

/// Fails if a text holds the secret.
fn hides(text: &str, what: &str) -> Checked {
    if text.contains(SECRET) { broken(format_args!("the secret stands in {what}")) } else { Ok(()) }
}

fn hides_error(error: &Error, what: &str) -> Checked {
    hides(&format!("{error} {error:?} {} {:?}", error.chain(), error.hint()), what)
}

case! {
    /// The value of a secret is in no observation, record, log or error.
    async fn secrets_stay_secret(trial) {
        let mut spec = trial.harness.spec(&trial.service, trial.artifact(1));
        let name = VarName::new("CONFORMANCE_SECRET").expect("the name of a variable");
        spec.secrets.insert(name.clone(), SecretSource::Env("CONFORMANCE_SECRET".to_owned()));
        let spec = trial.pin(spec).await?;
        let secrets = Arc::new(BTreeMap::from([(name, SECRET.into())]));
        let context = trial.context().await?.with_secrets(secrets);
        hides(&format!("{context:?}"), "the context")?;
        if trial.caps.publish {
            trial.deployer.apply(&Action::Publish { spec: spec.clone() }, &context).await?;
        }
        if trial.caps.records {
            trial.apply(&record_action(&spec, 1, RecordStatus::Deploying)).await?;
        }
        let id = instance_id(&spec, 0);
        if trial.drives_instances() {
            trial.deployer.apply(&start_action(&spec, 0, 0), &context).await?;
            trial.until("that it is ready", |seen| phase_of(seen, &id) == Some(Phase::Ready)).await?;
            let log = super::streams::log_of(trial, &id, LogOptions::default()).await?;
            log.iter().try_for_each(|line| hides(&line.text, "a log"))?;
        } else {
            let expect = trial.platform().await?.version;
            trial.deployer.apply(&Action::Submit { spec: spec.clone(), expect }, &context).await?;
            trial.rolled_out(&spec).await?;
        }
        hides(&shown(&trial.observe().await?), "an observation")?;
        hides(&format!("{:?}", trial.deployer), "the target's Debug form")?;
        // The same call under an old token fails, and its error must not tell either.
        let fresh = trial.acquire("another", true).await?;
        let action = if trial.drives_instances() {
            start_action(&spec, 1, 0)
        } else {
            Action::Withdraw { service: trial.service.clone() }
        };
        let error = trial.deployer.apply(&action, &context).await;
        trial.hold(fresh.token);
        hides_error(&refused(error, ErrorKind::Fenced, "an old token")?, "an error")?;
    }
}

case! {
    /// What the target cannot do is refused as unsupported, and changes nothing.
    async fn what_is_not_declared_is_refused(trial) {
        let spec = trial.version(1).await?;
        let id = trial.run_one(&spec).await?;
        let before = trial.observe().await?;
        let service = || trial.service.clone();
        let split = |split| trial.route_action(RouteChange { split: Some(split), ..RouteChange::default() });
        let mut actions = Vec::new();
        if trial.drives_instances() {
            actions.push(Action::Submit { spec: spec.clone(), expect: None });
            actions.push(Action::Withdraw { service: service() });
        } else {
            actions.push(start_action(&spec, 0, 0));
            actions.push(stop_action(&id));
        }
        if !trial.caps.publish {
            actions.push(Action::Publish { spec: spec.clone() });
        }
        if !trial.caps.records {
            actions.push(record_action(&spec, 1, RecordStatus::Deployed));
        }
        if !trial.caps.route {
            actions.push(trial.route_action(admit([id])));
        }
        if !trial.caps.weights {
            actions.push(split(Split { shares: Shares::all(spec.revision().clone()), test_users: None }));
        }
        for action in actions {
            let answer = trial.try_apply(&action).await?;
            refused(answer, ErrorKind::Unsupported, &format!("`{action}`, which is not declared,"))?;
        }
        let after = trial.observe().await?;
        let same = (&before.state, &before.records) == (&after.state, &after.records);
        ensure!(same, "something changed, from {} to {}", shown(&before), shown(&after));
    }
}

case! {
    /// An error says what was being done, to what and on which target.
    async fn errors_say_what_was_done_to_what(trial) {
        let spec = trial.version(1).await?;
        let old = trial.acquire("another", false).await?;
        let new = trial.acquire("a third", true).await?;
        trial.hold(new.token);
        let action = if trial.drives_instances() {
            start_action(&spec, 0, 0)
        } else {
            Action::Submit { spec: spec.clone(), expect: None }
        };
        let answer = trial.deployer.apply(&action, &Context::new(old.token)).await;
        let error = refused(answer, ErrorKind::Fenced, "an old token")?;
        let text = error.to_string();
        ensure!(text.contains(trial.deployer.target().as_str()), "no target: {text}");
        ensure!(error.subject().contains(trial.service.as_str()), "no subject: {text}");
        ensure!(!error.operation().is_empty() && text.contains(error.operation()), "no operation: {text}");
        ensure!(!text.contains('\n'), "more than one line: {text}");
    }
}

case! {
    /// Services do not disturb each other: what is done to one leaves the other as it is.
    async fn services_do_not_disturb_each_other(trial) {
        let other = trial.with_service(trial.other_service());
        let (own, theirs) = (trial.version(1).await?, other.version(1).await?);
        other.run_one(&theirs).await?;
        let before = other.observe().await?;
        trial.run_one(&own).await?;
        trial.drive(&Goal::Remove(trial.service.clone())).await?;
        let after = other.observe().await?;
        let same = (&before.state, &before.traffic, &before.records)
            == (&after.state, &after.traffic, &after.records);
        ensure!(same, "the other changed, from {} to {}", shown(&before), shown(&after));
        ensure!(trial.deployer.services().await?.contains(&other.service), "the other is not listed any more");
    }
}
