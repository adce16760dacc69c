//! A world in which every step succeeds, as observations alone: what `preview` folds over, written a second time.

use deploykit_core::{
    Action, Endpoint, Instance, Observed, Phase, PlatformState, Rollout, State, Step, Submitted, Timestamp,
    observed::Counts,
};

/// Carries out the steps of a round at once.
pub(crate) fn carry_out(seen: &mut Observed, steps: &[Step]) {
    for step in steps {
        carry_out_one(seen, &step.action);
    }
    sweep(seen);
}

fn carry_out_one(seen: &mut Observed, action: &Action) {
    let now = seen.at;
    match action {
        Action::Publish { spec } => {
            seen.published.insert(spec.revision().clone());
        }
        Action::Record { record } => {
            seen.records.retain(|kept| kept.revision() != record.revision());
            seen.records.push((**record).clone());
        }
        Action::Forget { revision, .. } => seen.records.retain(|kept| kept.revision() != revision),
        Action::Start { id, attempt, .. } => {
            let all = instances(seen);
            all.retain(|instance| instance.id != *id);
            all.push(Instance::new(id.clone(), Phase::Starting, now).with_attempt(*attempt).with_started(now));
        }
        Action::Stop { id, .. } => instances(seen).retain(|instance| instance.id != *id),
        Action::Route { change, .. } => {
            let traffic = seen.traffic.as_mut().expect("routed only where something routes");
            for id in &change.admit {
                traffic.endpoints.insert(id.clone(), Endpoint::admitted(now));
            }
            for id in &change.withdraw {
                traffic.endpoints.remove(id);
            }
            if let Some(split) = &change.split {
                (traffic.split, traffic.since) = (split.clone(), now);
            }
        }
        Action::Submit { spec, .. } => {
            let replicas = spec.spec().replicas.unwrap_or(1);
            let platform = platform(seen);
            platform.submitted = Some(Submitted { revision: spec.revision().clone(), digest: spec.digest() });
            (platform.replicas, platform.rollout) = (replicas, Rollout::Progressing);
        }
        Action::Withdraw { .. } => *platform(seen) = PlatformState::default(),
        other => unreachable!("an action this world does not know: {other}"),
    }
}

/// An endpoint that drains goes with its instance.
fn sweep(seen: &mut Observed) {
    let State::Instances(all) = &seen.state else { return };
    let ids: std::collections::BTreeSet<_> = all.iter().map(|instance| instance.id.clone()).collect();
    if let Some(traffic) = &mut seen.traffic {
        traffic.endpoints.retain(|id, endpoint| !endpoint.draining || ids.contains(id));
    }
}

pub(crate) fn instances(seen: &mut Observed) -> &mut Vec<Instance> {
    match &mut seen.state {
        State::Instances(all) => all,
        State::Platform(_) => panic!("a platform has no instances of ours"),
    }
}

fn platform(seen: &mut Observed) -> &mut PlatformState {
    match &mut seen.state {
        State::Platform(platform) => platform,
        State::Instances(_) => panic!("not a platform"),
    }
}

/// Lets come true what is under way, one kind of thing at a time; returns whether anything was.
pub(crate) fn settle(seen: &mut Observed, recheck: Option<Timestamp>) -> bool {
    let now = seen.at;
    if let State::Platform(platform) = &mut seen.state {
        if platform.rollout == Rollout::Progressing {
            platform.rollout = Rollout::Complete;
            let counts = Counts { total: platform.replicas, ready: platform.replicas };
            if let Some(told) = &platform.submitted {
                if seen.traffic.is_none() {
                    platform.groups.clear();
                }
                platform.groups.insert(told.revision.clone(), counts);
            }
            return true;
        }
    } else {
        let all = instances(seen);
        let before = all.len();
        all.retain(|instance| instance.phase != Phase::Stopping);
        if all.len() < before {
            sweep(seen);
            return true;
        }
        if let Some(traffic) = &mut seen.traffic {
            let busy = |endpoint: &&mut Endpoint| endpoint.draining && endpoint.in_flight > 0;
            let mut any = false;
            for endpoint in traffic.endpoints.values_mut().filter(busy) {
                endpoint.in_flight = 0;
                any = true;
            }
            if any {
                return true;
            }
        }
        let mut any = false;
        for instance in instances(seen).iter_mut().filter(|instance| instance.phase == Phase::Starting) {
            (instance.phase, instance.since) = (Phase::Ready, now);
            any = true;
        }
        if any {
            return true;
        }
    }
    match recheck {
        Some(at) if at > now => {
            seen.at = at;
            true
        }
        _ => false,
    }
}
