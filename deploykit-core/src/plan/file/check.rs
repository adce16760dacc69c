//! What a plan must hold beyond the form of its file.

use std::collections::BTreeSet;

use super::PlanFileError;
use crate::action::Action;
use crate::plan::{Plan, Rollback, ServicePlan};

pub(super) fn check(plan: &Plan) -> Result<(), PlanFileError> {
    let mut earlier = BTreeSet::new();
    for (index, service) in plan.services.iter().enumerate() {
        let at = format!("services[{index}]");
        if let Some(other) = service.after.iter().find(|other| !earlier.contains(other)) {
            return Err(PlanFileError::invalid(at, format!("it comes after {other}, which does not stand before it")));
        }
        let name = service.goal.service();
        if !earlier.insert(name) {
            return Err(PlanFileError::invalid(at, format!("{name} is planned twice")));
        }
        check_service(service, &at)?;
    }
    Ok(())
}

fn check_service(plan: &ServicePlan, at: &str) -> Result<(), PlanFileError> {
    if let Rollback::To { revision, sequence } = &plan.rollback {
        let mut records = plan.basis.records.iter();
        if !records.any(|record| record.revision() == revision && record.sequence == *sequence) {
            let problem = format!("it goes back to {revision}, which has no such record in its basis");
            return Err(PlanFileError::invalid(at, problem));
        }
    }
    // What runs in the end is what was asked for, so no step may bring anything else.
    let wanted = plan.goal.revision();
    for (index, round) in plan.rounds.iter().enumerate() {
        for step in &round.steps {
            let brings = match &step.action {
                Action::Publish { spec } | Action::Start { spec, .. } | Action::Submit { spec, .. } => spec.revision(),
                _ => continue,
            };
            if Some(brings) != wanted {
                let problem = format!("{} is not what the service is brought to", step.action);
                return Err(PlanFileError::invalid(format!("{at}.rounds[{index}]"), problem));
            }
        }
    }
    Ok(())
}
