//! The router.

use std::collections::BTreeMap;

use crate::action::Applied;
use crate::conformance::case::{Checked, case, ensure, only_if};
use crate::conformance::trial::{Trial, admit, instance_id, is_admitted, refused, shown, withdraw};
use crate::error::ErrorKind;
use crate::observed::Observed;
use crate::pin::PinnedSpec;
use crate::spec::MatchRule;
use crate::traffic::{RouteChange, Shares, Split, TestUsers, Traffic};
use crate::units::Share;

fn routes_instances(trial: &Trial<'_>) -> Checked {
    only_if(trial.caps.route && trial.drives_instances(), "it has no router for instances")
}

fn weights(trial: &Trial<'_>) -> Checked {
    only_if(trial.caps.route && trial.caps.weights, "it cannot split requests")
}

fn traffic(seen: &Observed) -> Traffic {
    seen.traffic.clone().unwrap_or_default()
}

fn split(one: &PinnedSpec, two: &PinnedSpec, percent: u8) -> Split {
    let share = Share::percent(percent);
    let shares = [(one.revision().clone(), share.rest()), (two.revision().clone(), share)];
    Split { shares: Shares::weighted(shares).unwrap_or_default(), test_users: None }
}

fn only_split(split: Split) -> RouteChange {
    RouteChange { split: Some(split), ..RouteChange::default() }
}

case! {
    /// An instance that was admitted is read back from the router as admitted; others are not.
    async fn admission_reads_back(trial) {
        routes_instances(trial)?;
        let spec = trial.version(1).await?;
        let (id, other) = (trial.run(&spec, 0).await?, trial.run(&spec, 1).await?);
        let applied = trial.route(admit([id.clone()])).await?;
        ensure!(applied == Applied::Changed, "admitting it is {applied:?}");
        let seen = trial.until("that it is admitted", |seen| is_admitted(seen, &id)).await?;
        ensure!(!is_admitted(&seen, &other), "the other is admitted too: {}", shown(&seen));
    }
}

case! {
    /// To admit or withdraw again, or to withdraw what was never admitted, changes nothing.
    async fn routing_twice_changes_nothing(trial) {
        routes_instances(trial)?;
        let spec = trial.version(1).await?;
        let id = trial.run(&spec, 0).await?;
        let never = trial.route(withdraw([id.clone()])).await?;
        ensure!(never == Applied::Unchanged, "withdrawing what was never admitted is {never:?}");
        trial.route(admit([id.clone()])).await?;
        let before = trial.until("that it is admitted", |seen| is_admitted(seen, &id)).await?;
        let again = trial.route(admit([id.clone()])).await?;
        ensure!(again == Applied::Unchanged, "admitting it again is {again:?}");
        let after = trial.observe().await?;
        let since = |seen: &Observed| traffic(seen).endpoints.get(&id).map(|endpoint| endpoint.since);
        ensure!(since(&before) == since(&after), "the time of its admission moved");
        trial.route(withdraw([id.clone()])).await?;
        let again = trial.route(withdraw([id])).await?;
        ensure!(again == Applied::Unchanged, "withdrawing it again is {again:?}");
    }
}

case! {
    /// An instance that was withdrawn gets no new requests, and leaves the router once those under way have ended.
    async fn a_withdrawn_instance_drains(trial) {
        routes_instances(trial)?;
        let spec = trial.version(1).await?;
        let (id, other) = (trial.run(&spec, 0).await?, trial.run(&spec, 1).await?);
        trial.route(admit([id.clone(), other.clone()])).await?;
        let both = |seen: &Observed| is_admitted(seen, &id) && is_admitted(seen, &other);
        let before = trial.until("that both are admitted", both).await?;
        let applied = trial.route(withdraw([id.clone()])).await?;
        ensure!(applied == Applied::Changed, "withdrawing it is {applied:?}");
        let seen = trial.until("that it is withdrawn", |seen| !is_admitted(seen, &id)).await?;
        if let Some(endpoint) = traffic(&seen).endpoints.get(&id) {
            let admitted = traffic(&before).endpoints.get(&id).map(|endpoint| endpoint.since);
            ensure!(Some(endpoint.since) >= admitted, "it drains since before it was admitted");
        }
        ensure!(crate::conformance::trial::phase_of(&seen, &id).is_some(), "it was stopped: {}", shown(&seen));
        let drained = |seen: &Observed| {
            traffic(seen).endpoints.get(&id).is_none_or(|endpoint| endpoint.draining && endpoint.in_flight == 0)
        };
        let seen = trial.until("that its requests end", drained).await?;
        ensure!(is_admitted(&seen, &other), "the other was withdrawn too: {}", shown(&seen));
    }
}

case! {
    /// An instance that is not there cannot be admitted: that fails as not found, and changes nothing.
    async fn an_unknown_instance_cannot_be_admitted(trial) {
        routes_instances(trial)?;
        let spec = trial.version(1).await?;
        let id = trial.run(&spec, 0).await?;
        let change = admit([id.clone(), instance_id(&spec, 9)]);
        let answer = trial.try_apply(&trial.route_action(change)).await?;
        refused(answer, ErrorKind::NotFound, "admitting an instance that is not there")?;
        let seen = trial.observe().await?;
        ensure!(traffic(&seen).endpoints.is_empty(), "a part of it was done: {}", shown(&seen));
    }
}

case! {
    /// Shares of requests are read back from the router as they were told, with the time of the change.
    async fn shares_read_back(trial) {
        weights(trial)?;
        let (one, two) = trial.two_routed().await?;
        for percent in [1, 25, 100, 0] {
            let before = trial.observe().await?;
            let wanted = split(&one, &two, percent);
            let applied = trial.route(only_split(wanted.clone())).await?;
            ensure!(applied == Applied::Changed, "splitting {percent}% is {applied:?}");
            let seen = trial.until("the split", |seen| traffic(seen).split == wanted).await?;
            ensure!(traffic(&seen).since >= traffic(&before).since, "the time of the split went back");
            ensure!(traffic(&seen).since <= seen.at, "the time of the split is yet to come");
        }
    }
}

case! {
    /// A split lasts from when it was made: to make the same one again, or to change instances, leaves its time.
    async fn the_time_of_a_split_stays(trial) {
        weights(trial)?;
        let (one, two) = trial.two_routed().await?;
        let wanted = split(&one, &two, 10);
        trial.route(only_split(wanted.clone())).await?;
        let before = trial.until("the split", |seen| traffic(seen).split == wanted).await?;
        trial.harness.settle().await;
        let again = trial.route(only_split(wanted.clone())).await?;
        ensure!(again == Applied::Unchanged, "the same split again is {again:?}");
        if trial.drives_instances() {
            let id = trial.run(&two, 1).await?;
            trial.route(admit([id])).await?;
        }
        let after = trial.observe().await?;
        ensure!(traffic(&before).since == traffic(&after).since, "its time moved to {}", traffic(&after).since);
    }
}

case! {
    /// Shares that do not add up to 100% are refused as invalid, and nothing changes.
    async fn shares_must_add_up(trial) {
        weights(trial)?;
        let (one, two) = trial.two_routed().await?;
        let before = traffic(&trial.observe().await?).split;
        let shares = BTreeMap::from([
            (one.revision().clone(), Share::percent(50)),
            (two.revision().clone(), Share::percent(20)),
        ]);
        let change = only_split(Split { shares: Shares::Weighted(shares), test_users: None });
        refused(trial.try_apply(&trial.route_action(change)).await?, ErrorKind::Invalid, "a split of 70%")?;
        let after = traffic(&trial.observe().await?).split;
        ensure!(after == before, "it is {after:?} now");
    }
}

case! {
    /// The rule for test users is read back, beside the shares of all others, and can be taken back.
    async fn test_users_read_back(trial) {
        weights(trial)?;
        only_if(trial.caps.match_rules, "it cannot tell test users from others")?;
        let (one, two) = trial.two_routed().await?;
        let header = BTreeMap::from([("x-test-user".to_owned(), "yes".to_owned())]);
        let rule = MatchRule { header, cookie: BTreeMap::new() };
        let test_users = Some(Box::new(TestUsers { rule, to: two.revision().clone() }));
        let with = Split { test_users, ..split(&one, &two, 0) };
        trial.route(only_split(with.clone())).await?;
        trial.until("the rule", |seen| traffic(seen).split == with).await?;
        let without = split(&one, &two, 0);
        trial.route(only_split(without.clone())).await?;
        trial.until("the split without the rule", |seen| traffic(seen).split == without).await?;
    }
}
