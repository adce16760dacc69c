//! Plans of several services.

use std::collections::BTreeMap;

use super::{Plan, PlanError, ServicePlan, order, preview, rollback, support};
use crate::capability::Capabilities;
use crate::diff::diff;
use crate::goal::Goal;
use crate::name::TargetName;
use crate::observed::Observed;

/// What the plan of one service is made from.
#[derive(Clone, Debug)]
pub struct PlanInput {
    /// What should be.
    pub goal: Goal,
    /// Where.
    pub target: TargetName,
    /// What the target can do.
    pub caps: Capabilities,
    /// What is.
    pub seen: Observed,
}

/// Plans services together: each after those it depends on.
///
/// # Errors
/// [`PlanError::Unsupported`] with all that the target of a service cannot do, [`PlanError::Cycle`],
/// [`PlanError::WrongControl`], [`PlanError::Twice`].
pub fn plan(inputs: Vec<PlanInput>) -> Result<Plan, PlanError> {
    let goals: Vec<_> = inputs
        .iter()
        .map(|input| {
            // What is removed is found in its last record.
            let last = || input.seen.latest_record().map(|record| record.spec.spec());
            let spec = input.goal.spec().map(|spec| spec.spec()).or_else(last);
            (&input.goal, spec.map(|spec| &spec.depends_on))
        })
        .collect();
    let after = order::dependencies(&goals);
    if after.len() < goals.len() {
        return Err(twice(&inputs));
    }
    let sorted: Vec<_> = order::sort(&after)?.into_iter().cloned().collect();
    let mut after: BTreeMap<_, Vec<_>> = after
        .iter()
        .map(|(name, before)| ((*name).clone(), before.iter().map(|name| (*name).clone()).collect()))
        .collect();
    let mut by_name: BTreeMap<_, _> = inputs.into_iter().map(|input| (input.goal.service().clone(), input)).collect();
    let services = sorted
        .into_iter()
        .filter_map(|name| Some((by_name.remove(&name)?, after.remove(&name).unwrap_or_default())))
        .map(|(input, after)| plan_service(input, after))
        .collect::<Result<_, _>>()?;
    Ok(Plan { services })
}

fn twice(inputs: &[PlanInput]) -> PlanError {
    let mut names: Vec<_> = inputs.iter().map(|input| input.goal.service()).collect();
    names.sort();
    let double = names.windows(2).find(|pair| pair[0] == pair[1]).map_or(inputs[0].goal.service(), |pair| pair[0]);
    PlanError::Twice { service: double.clone() }
}

impl ServicePlan {
    /// Checks that this is the plan that follows from its basis: a saved plan that was edited, or made by another
    /// version that plans otherwise, would show one thing and do another.
    ///
    /// # Errors
    /// [`PlanError::Unfaithful`], or why no such plan can be made.
    pub fn check_faithful(&self, caps: &Capabilities) -> Result<(), PlanError> {
        let (goal, target, seen) = (self.goal.clone(), self.target.clone(), self.basis.clone());
        let again = plan_service(PlanInput { goal, target, caps: caps.clone(), seen }, self.after.clone())?;
        if again == *self { Ok(()) } else { Err(PlanError::Unfaithful { service: self.goal.service().clone() }) }
    }
}

fn plan_service(input: PlanInput, after: Vec<crate::name::ServiceName>) -> Result<ServicePlan, PlanError> {
    let PlanInput { goal, target, caps, seen } = input;
    if let Some(spec) = goal.spec() {
        support(spec.spec(), &caps).map_err(|problems| PlanError::Unsupported {
            service: spec.service().clone(),
            target: target.clone(),
            problems,
        })?;
    }
    let rounds = preview(&goal, &seen, &caps)?;
    let found = diff(&goal, &seen);
    let rollback = rollback::way_back(&goal, &seen, caps.records, caps.publish);
    Ok(ServicePlan { goal, target, after, basis: seen, changes: found.changes, drift: found.drift, rounds, rollback })
}
