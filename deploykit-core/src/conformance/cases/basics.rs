//! What a target says of itself, and how it observes.

use crate::capability::Control;
use crate::conformance::case::{broken, case, ensure, only_if};
use crate::conformance::trial::{Trial, phase_of, shown};
use crate::observed::State;
use crate::plan::support;
use crate::target::Deployer as _;

case! {
    /// The name and the capabilities of a target do not change, and every handle tells the same.
    async fn capabilities_are_stable(trial) {
        let again = trial.harness.deployer().await;
        ensure!(again.capabilities() == trial.caps, "another handle declares {:?}", again.capabilities());
        ensure!(trial.deployer.capabilities() == trial.caps, "the second answer differs from the first");
        ensure!(again.target() == trial.deployer.target(), "another handle is called {}", again.target());
        ensure!(trial.caps.concurrency > 0, "no action is welcome");
    }
}

case! {
    /// A spec that the target can run passes its check.
    async fn check_lets_pass_what_runs(trial) {
        let spec = trial.version(1).await?;
        let problems = trial.deployer.check(spec.spec()).and_then(|()| support(spec.spec(), &trial.caps));
        ensure!(problems.is_ok(), "refused: {problems:?}");
    }
}

case! {
    /// A spec beyond the limits of the target is refused by its check, with the field and the reason.
    async fn check_refuses_what_does_not_run(trial) {
        let Some(spec) = trial.harness.refused_spec(&trial.service) else {
            return only_if(false, "the harness knows of no limits beyond the capabilities");
        };
        let Err(error) = trial.deployer.check(&spec) else { return broken("the spec was not refused") };
        ensure!(!error.problems().is_empty(), "it was refused without a problem");
        for problem in error.problems() {
            ensure!(!problem.path.is_empty() && !problem.message.is_empty(), "no field or no reason: {problem:?}");
        }
        ensure!(trial.observe().await?.is_empty(), "the check left something on the target");
    }
}

case! {
    /// A service that is not there is an empty observation, of the kind that the capabilities declare.
    async fn an_unknown_service_is_empty(trial) {
        let seen = trial.observe().await?;
        ensure!(seen.service == trial.service, "{} was observed instead of {}", seen.service, trial.service);
        ensure!(seen.is_empty() && seen.published.is_empty(), "not empty: {}", shown(&seen));
        let control = match seen.state {
            State::Instances(_) => Control::Instances,
            State::Platform(_) => Control::Platform,
        };
        ensure!(control == trial.caps.control, "{control:?} is declared otherwise");
        let routes = seen.traffic.is_some();
        ensure!(routes == trial.caps.route, "a router is {}declared", if routes { "not " } else { "" });
    }
}

case! {
    /// There is one observation for each service that is asked for, in the same order.
    async fn observations_come_in_order(trial) {
        let other = trial.other_service();
        let spec = trial.version(1).await?;
        trial.run_one(&spec).await?;
        for services in [
            vec![trial.service.clone(), other.clone()],
            vec![other.clone(), trial.service.clone()],
            Vec::new(),
        ] {
            let seen = trial.deployer.observe(&services).await?;
            let names: Vec<_> = seen.iter().map(|seen| seen.service.clone()).collect();
            ensure!(names == services, "{services:?} were asked for, {names:?} came");
            let there = seen.iter().filter(|seen| seen.service == trial.service);
            ensure!(there.clone().all(|seen| !seen.is_empty()), "what runs was not seen");
        }
    }
}

case! {
    /// An observation is of now: its time does not go back, and what was done before is in it.
    async fn an_observation_is_of_now(trial) {
        let spec = trial.version(1).await?;
        trial.prepare(&spec).await?;
        let before = trial.observe().await?;
        let there = if trial.drives_instances() {
            let id = trial.start(&spec, 0).await?;
            let seen = trial.observe().await?;
            ensure!(seen.at >= before.at, "{} comes after {}", seen.at, before.at);
            phase_of(&seen, &id).is_some()
        } else {
            trial.submit(&spec).await?;
            trial.platform().await?.submitted.is_some()
        };
        ensure!(there, "what was done a moment ago is not seen: {}", shown(&trial.observe().await?));
    }
}

case! {
    /// The services of a target are those that deploykit has there: each as soon as there is something of it, until
    /// there is nothing.
    async fn services_are_listed_while_they_are_there(trial) {
        let lists = async || trial.deployer.services().await.map(|all| all.contains(&trial.service));
        ensure!(!lists().await?, "it is listed before it is there");
        let spec = trial.version(1).await?;
        trial.run_one(&spec).await?;
        ensure!(lists().await?, "it is not listed although it runs");
        trial.drive(&crate::goal::Goal::Remove(trial.service.clone())).await?;
        ensure!(!lists().await?, "it is listed although it was removed");
    }
}
