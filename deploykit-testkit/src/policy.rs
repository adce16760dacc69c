//! Policies: rules that every plan has to keep, checked in tests or before a plan is carried out.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use deploykit_core::ServiceName;
use deploykit_core::plan::{Plan, Rollback, ServicePlan};

use crate::fact::{self, Finding};

type Check = Arc<dyn Fn(&Plan) -> Vec<Violation> + Send + Sync>;

/// A rule that every plan has to keep.
///
/// ```
/// use deploykit_core::spec::{Artifact, ServiceSpec};
/// use deploykit_testkit::{Policy, Violation, check_policies, plan_change};
///
/// let owned = Policy::for_each_service("every service says whose it is", |service| {
///     let spec = service.goal.spec()?.spec();
///     let missing = !spec.labels.contains_key("team");
///     missing.then(|| Violation::new("the label `team` is missing"))
/// });
/// let plan = plan_change([], [ServiceSpec::builder("orders", Artifact::image("shop/orders:1")).build()?])?;
/// let error = check_policies(&plan, &[owned, Policy::never_below(1)]).unwrap_err();
/// assert_eq!(error.to_string(), "orders: every service says whose it is: the label `team` is missing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Policy {
    name: Cow<'static, str>,
    check: Check,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Policy {
    /// A rule of this name, which finds everything that breaks it.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        check: impl Fn(&Plan) -> Vec<Violation> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), check: Arc::new(check) }
    }

    /// A rule about each service alone; what it finds belongs to that service.
    pub fn for_each_service<V: IntoIterator<Item = Violation>>(
        name: impl Into<Cow<'static, str>>,
        check: impl Fn(&ServicePlan) -> V + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, move |plan| {
            let of = |service: &ServicePlan| {
                let name = service.goal.service().clone();
                let found: Vec<_> = check(service).into_iter().collect();
                found.into_iter().map(move |violation| violation.by_default_of(&name))
            };
            plan.services.iter().flat_map(of).collect()
        })
    }

    /// The number of ready instances of a service that is to run never falls below `instances`, and is not below it
    /// at the end.
    pub fn never_below(instances: u32) -> Self {
        let name = match instances {
            1 => "one instance at least".to_owned(),
            _ => format!("{instances} instances at least"),
        };
        Self::for_each_service(name, move |service| {
            let runs = service.goal.spec().is_some();
            runs.then(|| fact::first_below(service, instances)).flatten().map(Violation::from)
        })
    }

    /// There are never more than so many instances of a service.
    pub fn max_total(instances: u32) -> Self {
        Self::for_each_service(format!("{instances} instances at most"), move |service| {
            fact::first_above(service, instances).map(Violation::from)
        })
    }

    /// No service is removed.
    pub fn no_removal() -> Self {
        Self::for_each_service("nothing is removed", |service| {
            let removed = service.goal.spec().is_none() && !service.rounds.is_empty();
            removed.then(|| Violation::new("the service is removed"))
        })
    }

    /// There is a way back wherever running instances are replaced or removed.
    pub fn can_roll_back() -> Self {
        Self::for_each_service("there is a way back", |service| match &service.rollback {
            Rollback::Impossible { reason } if fact::takes_away(service) => Some(Violation::new(reason.clone())),
            _ => None,
        })
    }

    /// Nobody else has changed what is deployed.
    pub fn no_drift() -> Self {
        Self::for_each_service("nobody else changed anything", |service| {
            let words = |drift: &deploykit_core::Drift| {
                Violation::new(format!("{}: {} expected, {} found", drift.subject, drift.expected, drift.found))
            };
            service.drift.iter().map(words).collect::<Vec<_>>()
        })
    }

    /// Its name: the rule, in words.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything in a plan that breaks the rule.
    pub fn violations(&self, plan: &Plan) -> Vec<Violation> {
        (self.check)(plan)
    }
}

/// Something in a plan that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The service, if it is about one.
    pub service: Option<ServiceName>,
    /// The round, from 1, if it is about one.
    pub round: Option<usize>,
    /// What breaks the rule.
    pub message: String,
}

impl Violation {
    /// Something that breaks a rule, in words.
    pub fn new(message: impl Into<String>) -> Self {
        Self { service: None, round: None, message: message.into() }
    }

    /// Says which service it is about.
    #[must_use]
    pub fn of_service(mut self, service: ServiceName) -> Self {
        self.service = Some(service);
        self
    }

    /// Says which round it is about, from 1.
    #[must_use]
    pub fn in_round(mut self, round: usize) -> Self {
        self.round = Some(round);
        self
    }

    fn by_default_of(mut self, service: &ServiceName) -> Self {
        self.service.get_or_insert_with(|| service.clone());
        self
    }
}

impl From<Finding> for Violation {
    fn from(finding: Finding) -> Self {
        Self { service: None, round: finding.round, message: finding.what }
    }
}

/// A plan that breaks rules: all of what breaks them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.lines().join("\n"))]
pub struct PolicyError {
    violations: Vec<(String, Violation)>,
}

impl PolicyError {
    /// Everything that breaks a rule, with the rule's name, in the order of the rules.
    pub fn violations(&self) -> &[(String, Violation)] {
        &self.violations
    }

    fn lines(&self) -> Vec<String> {
        let line = |(policy, violation): &(String, Violation)| {
            let service = violation.service.as_ref().map(|service| format!("{service}: ")).unwrap_or_default();
            let round = violation.round.map(|round| format!("in round {round}, ")).unwrap_or_default();
            format!("{service}{policy}: {round}{}", violation.message)
        };
        self.violations.iter().map(line).collect()
    }
}

/// Checks a plan against rules.
///
/// # Errors
/// [`PolicyError`] with everything that breaks any of them.
pub fn check_policies(plan: &Plan, policies: &[Policy]) -> Result<(), PolicyError> {
    let of = |policy: &Policy| {
        let name = policy.name().to_owned();
        policy.violations(plan).into_iter().map(move |violation| (name.clone(), violation))
    };
    let violations: Vec<_> = policies.iter().flat_map(of).collect();
    if violations.is_empty() { Ok(()) } else { Err(PolicyError { violations }) }
}
