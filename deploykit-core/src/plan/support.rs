//! What a target cannot do is refused before anything is planned.

use crate::capability::{Capabilities, Control};
use crate::problem::{Problem, SpecError};
use crate::spec::{Scale, ServiceSpec, Strategy};

/// Checks a spec against what a target can do.
///
/// # Errors
/// [`SpecError`] with every field that asks for something else, the reason, and the nearest thing that works.
pub fn support(spec: &ServiceSpec, caps: &Capabilities) -> Result<(), SpecError> {
    let mut problems = Vec::new();
    let mut refuse = |path: &str, message: String, hint: &str| {
        problems.push(Problem::new(path, message).with_hint(hint).with_service(spec.service.as_str()));
    };

    let kind = spec.artifact.kind();
    if !caps.artifacts.contains(kind) {
        let known = caps.artifacts.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        refuse(&format!("artifact.{kind}"), format!("this target cannot run a {kind}"), &format!("it runs: {known}"));
    }
    match spec.scale() {
        Scale::Auto { .. } if !caps.autoscale => {
            refuse("autoscale", "this target does not choose the number of instances".into(), "set `replicas` instead");
        }
        Scale::Fixed(_) if spec.replicas.is_some() && !caps.replicas => {
            refuse("replicas", "this target does not count instances".into(), "leave it out");
        }
        _ => {}
    }
    let most = match spec.scale() {
        Scale::Fixed(replicas) => ("replicas", replicas),
        Scale::Auto { max, .. } => ("autoscale.max", max),
    };
    if let Some(limit) = caps.max_replicas.filter(|limit| most.1 > *limit) {
        refuse(most.0, format!("this target runs at most {limit} instances of a service"), "ask for fewer");
    }
    releases(spec, caps, &mut refuse);
    SpecError::unless_empty(problems)
}

fn releases(spec: &ServiceSpec, caps: &Capabilities, refuse: &mut impl FnMut(&str, String, &str)) {
    let splits = caps.route && caps.weights;
    let rules = |path: String, asked: bool, refuse: &mut dyn FnMut(&str, String, &str)| {
        if asked && !caps.match_rules {
            let message = "this target cannot tell test users' requests from others".to_owned();
            refuse(&path, message, "leave the test users out, or put a router before the service");
        }
    };
    match &spec.strategy {
        Strategy::Recreate if caps.control == Control::Platform && !caps.replicas => {
            let message = "this target has no instances that could be stopped first".to_owned();
            refuse("strategy.recreate", message, "use `rolling`");
        }
        Strategy::BlueGreen(blue_green) => {
            if !splits {
                let message = "this target cannot move users from one revision to another at once".to_owned();
                refuse("strategy.blue_green", message, "use `rolling`, or put a router before the service");
            }
            rules("strategy.blue_green.test_users".to_owned(), blue_green.test_users.is_some(), refuse);
        }
        Strategy::Canary(canary) => {
            if !splits {
                let message = "this target cannot split requests by share".to_owned();
                refuse("strategy.canary", message, "use `rolling`, or put a router before the service");
            }
            for (index, stage) in canary.stages.iter().enumerate() {
                rules(format!("strategy.canary.stages[{index}].test_users"), stage.test_users.is_some(), refuse);
            }
        }
        _ => {}
    }
}
