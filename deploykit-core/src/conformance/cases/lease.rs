//! Leases and fencing.

use std::time::Duration;

use crate::action::Action;
use crate::conformance::case::{Checked, broken, case, ensure};
use crate::conformance::trial::{
    HOLDER, Trial, admit, instance_id, record_action, refused, shown, start_action, stop_action,
};
use crate::error::ErrorKind;
use crate::lease::{FencingToken, LeaseRequest};
use crate::record::RecordStatus;
use crate::target::{Context, Deployer as _};

const TTL: Duration = Duration::from_mins(10);
const SHORT: Duration = Duration::from_secs(2);

fn renew(token: FencingToken, ttl: Duration) -> LeaseRequest {
    LeaseRequest::Renew { token, ttl }
}

case! {
    /// A lease is held by one: whoever else asks is told who holds it.
    async fn a_lease_is_held_by_one(trial) {
        let lease = trial.acquire(HOLDER, false).await?;
        ensure!(lease.holder == HOLDER, "it is held by {}", lease.holder);
        let error = refused(trial.acquire("another", false).await, ErrorKind::Held, "a second holder")?;
        let told = error.context().iter().any(|(_, value)| value.contains(HOLDER));
        ensure!(told, "the holder is not in the context: {error}");
        // Another handle is as good as another process.
        let other = trial.harness.deployer().await;
        let request = LeaseRequest::Acquire { holder: "another".to_owned(), ttl: TTL, steal: false };
        refused(other.lease(&trial.service, &request).await, ErrorKind::Held, "a second holder elsewhere")?;
    }
}

case! {
    /// Who holds a lease gets it again, with a token that is not older.
    async fn a_holder_gets_its_lease_again(trial) {
        let first = trial.acquire(HOLDER, false).await?;
        let again = trial.acquire(HOLDER, false).await?;
        ensure!(again.token >= first.token, "the token fell from {:?} to {:?}", first.token, again.token);
        ensure!(again.expires >= first.expires, "it ends earlier than before");
        trial.lease(renew(again.token, TTL)).await?;
    }
}

case! {
    /// A lease lasts as long as it was asked for, by the target's clock, and longer when it is renewed.
    async fn renewing_makes_a_lease_last(trial) {
        let before = trial.observe().await?.at;
        let request = LeaseRequest::Acquire { holder: HOLDER.to_owned(), ttl: Duration::from_mins(1), steal: false };
        let lease = trial.lease(request).await?;
        let lasts = lease.expires.since(before);
        ensure!(lasts >= Duration::from_secs(59) && lasts < Duration::from_mins(2), "it lasts {lasts:?}");
        let renewed = trial.lease(renew(lease.token, TTL)).await?;
        ensure!(renewed.expires > lease.expires, "renewed, it still ends at {}", renewed.expires);
        ensure!(renewed.token == lease.token && renewed.holder == HOLDER, "renewed, it is {renewed:?}");
    }
}

case! {
    /// A lease that was taken over has a higher token, and whoever had it is fenced when it renews.
    async fn taking_over_fences_the_holder(trial) {
        let old = trial.acquire("another", false).await?;
        let new = trial.acquire(HOLDER, true).await?;
        ensure!(new.token > old.token, "the token went from {:?} to {:?}", old.token, new.token);
        ensure!(new.holder == HOLDER, "it is held by {}", new.holder);
        refused(trial.lease(renew(old.token, TTL)).await, ErrorKind::Fenced, "renewing what was taken over")?;
        trial.lease(renew(new.token, TTL)).await?;
    }
}

case! {
    /// A lease that was given back can be taken by another, with a higher token; nobody gives back another's.
    async fn a_released_lease_is_free(trial) {
        let first = trial.acquire("another", false).await?;
        trial.lease(LeaseRequest::Release { token: first.token }).await?;
        let second = trial.acquire(HOLDER, false).await?;
        ensure!(second.token > first.token, "the token went from {:?} to {:?}", first.token, second.token);
        trial.lease(LeaseRequest::Release { token: first.token }).await?;
        refused(trial.acquire("another", false).await, ErrorKind::Held, "a lease that only an old holder gave back")?;
    }
}

case! {
    /// A lease that is not renewed runs out, and can then be taken by another, with a higher token.
    async fn a_lease_runs_out(trial) {
        let request = LeaseRequest::Acquire { holder: "another".to_owned(), ttl: SHORT, steal: false };
        let first = trial.lease(request).await?;
        refused(trial.acquire(HOLDER, false).await, ErrorKind::Held, "a lease that has just been taken")?;
        for _ in 0..trial.harness.patience() {
            trial.harness.settle().await;
            match trial.acquire(HOLDER, false).await {
                Ok(second) => {
                    ensure!(second.token > first.token, "the token stayed {:?}", second.token);
                    refused(trial.lease(renew(first.token, TTL)).await, ErrorKind::Fenced, "renewing it then")?;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Held => {}
                Err(error) => return Err(error.into()),
            }
        }
        ensure!(false, "it never runs out");
    }
}

case! {
    /// A lease can be taken before there is anything of the service, and is not a part of it.
    async fn a_lease_is_not_a_service(trial) {
        trial.acquire(HOLDER, false).await?;
        let seen = trial.observe().await?;
        ensure!(seen.is_empty(), "there is something now: {}", shown(&seen));
        ensure!(!trial.deployer.services().await?.contains(&trial.service), "it is listed as a service");
    }
}

case! {
    /// Every action with an older token than the target has seen is fenced, and changes nothing.
    async fn an_older_token_is_refused_for_every_action(trial) {
        let old = trial.acquire("another", false).await?;
        trial.hold(old.token);
        let (spec, next) = (trial.version(1).await?, trial.version(2).await?);
        trial.run_one(&spec).await?;
        if trial.caps.publish {
            trial.apply(&Action::Publish { spec: next.clone() }).await?;
        }
        if trial.caps.records {
            trial.apply(&record_action(&next, 9, RecordStatus::Failed)).await?;
        }
        let version = if trial.drives_instances() { None } else { trial.platform().await?.version };
        let new = trial.acquire(HOLDER, true).await?;
        let before = trial.observe().await?;
        for action in every_action(trial, &spec, &next, version) {
            let answer = trial.deployer.apply(&action, &Context::new(old.token)).await;
            refused(answer, ErrorKind::Fenced, &format!("`{action}` with an old token"))?;
        }
        let after = trial.observe().await?;
        let same = (&before.state, &before.traffic, &before.records, &before.published)
            == (&after.state, &after.traffic, &after.records, &after.published);
        ensure!(same, "something changed, from {} to {}", shown(&before), shown(&after));
        trial.hold(new.token);
    }
}

/// One of each that the target can do, none of which is done yet.
fn every_action(
    trial: &Trial<'_>,
    spec: &std::sync::Arc<crate::pin::PinnedSpec>,
    next: &std::sync::Arc<crate::pin::PinnedSpec>,
    version: Option<String>,
) -> Vec<Action> {
    let service = || trial.service.clone();
    let mut actions = Vec::new();
    if trial.caps.publish {
        actions.push(Action::Publish { spec: next.clone() });
    }
    if trial.caps.records {
        actions.push(record_action(spec, 8, RecordStatus::Deployed));
        actions.push(Action::Forget { service: service(), revision: next.revision().clone() });
    }
    if trial.drives_instances() {
        if trial.caps.route {
            actions.push(trial.route_action(admit([instance_id(spec, 0)])));
        }
        actions.push(start_action(next, 0, 0));
        actions.push(stop_action(&instance_id(spec, 0)));
    } else {
        actions.push(Action::Submit { spec: next.clone(), expect: version });
        actions.push(Action::Withdraw { service: service() });
    }
    actions
}

case! {
    /// A token stays too old when the lease that fenced it was given back, or ran out.
    async fn a_fenced_token_stays_fenced(trial) {
        let old = trial.acquire("another", false).await?;
        let new = trial.acquire(HOLDER, true).await?;
        let spec = trial.version(1).await?;
        trial.hold(new.token);
        trial.run_one(&spec).await?;
        trial.lease(LeaseRequest::Release { token: new.token }).await?;
        let action = if trial.drives_instances() {
            stop_action(&instance_id(&spec, 0))
        } else {
            Action::Withdraw { service: trial.service.clone() }
        };
        let answer = trial.deployer.apply(&action, &Context::new(old.token)).await;
        refused(answer, ErrorKind::Fenced, "an old token after the lease was given back")?;
        check_still_there(trial).await?;
    }
}

async fn check_still_there(trial: &Trial<'_>) -> Checked {
    let seen = trial.observe().await?;
    let there = seen.counts().values().any(|count| count.ready > 0);
    if there { Ok(()) } else { broken(format_args!("it was taken away: {}", shown(&seen))) }
}
