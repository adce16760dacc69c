//! Assertions about plans.

use std::fmt::Write as _;
use std::time::Duration;

use deploykit_core::plan::{Plan, Rollback, ServicePlan};

use crate::fact::{self, Finding};
use crate::text::PlanText;

/// What a test expects of a plan; see [`expect`].
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    subject: Subject<'a>,
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
enum Subject<'a> {
    Plan(&'a Plan),
    Service(&'a ServicePlan),
}

/// A plan, or the part of one that is about one service.
pub trait Expectable {
    /// The assertions about it.
    fn expect(&self) -> Expect<'_>;
}

impl Expectable for Plan {
    fn expect(&self) -> Expect<'_> {
        Expect { subject: Subject::Plan(self) }
    }
}

impl Expectable for ServicePlan {
    fn expect(&self) -> Expect<'_> {
        Expect { subject: Subject::Service(self) }
    }
}

/// Begins to say what a test expects of a plan.
///
/// Each assertion holds for every service of the plan; [`service`](Expect::service) narrows it to one. One that does
/// not hold panics with what was expected, what the plan does, in which round, and the plan's text.
///
/// ```
/// use std::time::Duration;
///
/// use deploykit_core::spec::{Artifact, ServiceSpec};
/// use deploykit_testkit::{expect, plan_change};
///
/// let orders = |level: &str| {
///     let spec = ServiceSpec::builder("orders", Artifact::image("shop/orders:1")).replicas(3);
///     spec.env("LOG_LEVEL", level).build()
/// };
/// let plan = plan_change([orders("info")?], [orders("debug")?])?;
/// expect(&plan).touches_only(["orders"]).finishes_within(Duration::from_hours(1));
/// expect(&plan).service("orders").replaces("env.LOG_LEVEL").never_below(3).max_total(4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it asserts nothing until it is asked to"]
pub fn expect(plan: &impl Expectable) -> Expect<'_> {
    plan.expect()
}

#[expect(clippy::return_self_not_must_use, reason = "an assertion is made for its panic")]
impl<'a> Expect<'a> {
    fn services(self) -> &'a [ServicePlan] {
        match self.subject {
            Subject::Plan(plan) => &plan.services,
            Subject::Service(service) => std::slice::from_ref(service),
        }
    }

    /// Narrows to one service, which has to be in the plan.
    #[track_caller]
    #[must_use = "it asserts nothing until it is asked to"]
    pub fn service(self, name: &str) -> Self {
        if let Some(service) = self.services().iter().find(|service| service.goal.service().as_str() == name) {
            return Self { subject: Subject::Service(service) };
        }
        let known: Vec<_> = self.services().iter().map(|service| service.goal.service().as_str()).collect();
        let finding = Finding { round: None, what: format!("it is about: {}", known.join(", ")) };
        self.fail(&format!("the service {name} in the plan"), &finding)
    }

    /// Nothing is done.
    #[track_caller]
    pub fn unchanged(self) -> Self {
        self.none("nothing to be done", fact::first_work)
    }

    /// Every change is made in place: no field changes that takes new instances, and none is replaced. A service that
    /// is new is not one that changes in place.
    #[track_caller]
    pub fn only_in_place(self) -> Self {
        self.none("changes in place alone", fact::first_not_in_place)
    }

    /// The change of this field, or of one under it, replaces instances: `env.LOG_LEVEL`, or `env` for any variable.
    #[track_caller]
    pub fn replaces(self, path: &str) -> Self {
        if self.services().iter().any(|service| fact::replaces(service, path)) {
            return self;
        }
        let changes: Vec<_> = self.services().iter().map(fact::changes_in_words).collect();
        let expected = format!("a change of {path} that replaces instances");
        self.fail(&expected, &Finding { round: None, what: changes.join("; ") })
    }

    /// No running instance gives way to one of another revision.
    #[track_caller]
    pub fn does_not_replace(self) -> Self {
        self.none("no running instance to be replaced", fact::first_replacement)
    }

    /// The number of ready instances never falls below `instances`, and is not below it at the end.
    ///
    /// The count is the one that holds after a round if nothing that the round started is ready yet. A service that has
    /// fewer to begin with, such as a new one, may not lose any of them and has to get there.
    #[track_caller]
    pub fn never_below(self, instances: u32) -> Self {
        let expected = format!("never fewer than {instances} ready instances");
        self.none(&expected, |service| fact::first_below(service, instances))
    }

    /// There are never more than so many instances in all, of any revision and whatever they are doing.
    #[track_caller]
    pub fn max_total(self, instances: u32) -> Self {
        let expected = format!("never more than {instances} instances");
        self.none(&expected, |service| fact::first_above(service, instances))
    }

    /// Something is done for no other services than these.
    #[track_caller]
    pub fn touches_only<S: AsRef<str>>(self, services: impl IntoIterator<Item = S>) -> Self {
        let allowed: Vec<String> = services.into_iter().map(|name| name.as_ref().to_owned()).collect();
        let touched = fact::touched(self.services());
        let other = touched.iter().find(|name| !allowed.iter().any(|allowed| allowed == name.as_str()));
        let found = other.and_then(|name| self.services().iter().find(|service| service.goal.service() == *name));
        match found.and_then(fact::first_work) {
            Some(finding) => {
                let expected = match allowed.as_slice() {
                    [] => "nothing to be done".to_owned(),
                    names => format!("nothing to be done but for {}", names.join(", ")),
                };
                self.fail(&expected, &finding)
            }
            None => self,
        }
    }

    /// One can go back to this revision, or to one that begins like that.
    #[track_caller]
    pub fn rolls_back_to(self, revision: impl AsRef<str>) -> Self {
        let revision = revision.as_ref();
        let expected = format!("a way back to {revision}");
        self.rolls_back(
            &expected,
            |rollback| matches!(rollback, Rollback::To { revision: to, .. } if to.as_str().starts_with(revision)),
        )
    }

    /// Going back means removing the service: nothing was deployed before.
    #[track_caller]
    pub fn rolls_back_by_removal(self) -> Self {
        self.rolls_back("a way back by removing the service", |rollback| matches!(rollback, Rollback::Remove))
    }

    /// There is a way back.
    #[track_caller]
    pub fn can_roll_back(self) -> Self {
        self.rolls_back("a way back", |rollback| !matches!(rollback, Rollback::Impossible { .. }))
    }

    /// It is done, or has failed, within this time: the sum of the limits of all rounds, and of the services that come
    /// one after the other.
    #[track_caller]
    pub fn finishes_within(self, limit: Duration) -> Self {
        let at_most = match self.subject {
            Subject::Plan(plan) => fact::at_most(plan),
            Subject::Service(service) => fact::time_of(service),
        };
        if at_most <= limit {
            return self;
        }
        let expected = format!("an end within {limit:?}");
        self.fail(&expected, &Finding { round: None, what: format!("it may take up to {at_most:?}") })
    }

    #[track_caller]
    fn rolls_back(self, expected: &str, is_so: impl Fn(&Rollback) -> bool) -> Self {
        self.none(expected, |service| {
            let what =
                || format!("{} goes back {}", service.goal.service(), fact::rollback_in_words(&service.rollback));
            (!is_so(&service.rollback)).then(|| Finding { round: None, what: what() })
        })
    }

    /// Fails with what is found in the first service in which something is.
    #[track_caller]
    fn none(self, expected: &str, find: impl Fn(&ServicePlan) -> Option<Finding>) -> Self {
        match self.services().iter().find_map(find) {
            Some(finding) => self.fail(expected, &finding),
            None => self,
        }
    }

    #[track_caller]
    fn fail(self, expected: &str, finding: &Finding) -> ! {
        let mut message = format!("expected: {expected}\n     but: ");
        if let Some(round) = finding.round {
            let _ = write!(message, "in round {round}, ");
        }
        let text = match self.subject {
            Subject::Plan(plan) => plan.plan_text(),
            Subject::Service(service) => service.plan_text(),
        };
        let _ = write!(message, "{}\n\nthe plan:\n{text}", finding.what);
        panic!("{message}")
    }
}
