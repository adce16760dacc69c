//! Each assertion holds where it should, and fails with what a person needs to know.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use deploykit_core::plan::Plan;
use deploykit_core::spec::{Artifact, Rolling, ServiceBuilder, ServiceSpec, Strategy};
use deploykit_core::units::Amount;
use deploykit_testkit::{Expect, Policy, Sandbox, Violation, check_policies, expect, name_digests, plan_change};

fn orders() -> ServiceBuilder {
    ServiceSpec::builder("orders", Artifact::image("shop/orders:1")).replicas(3).env("LOG_LEVEL", "info")
}

fn same() -> Plan {
    plan_change([orders().build().unwrap()], [orders().build().unwrap()]).unwrap()
}

fn new() -> Plan {
    plan_change([], [orders().build().unwrap()]).unwrap()
}

fn replaced() -> Plan {
    plan_change([orders().build().unwrap()], [orders().env("LOG_LEVEL", "debug").build().unwrap()]).unwrap()
}

fn scaled(replicas: u32) -> Plan {
    plan_change([orders().build().unwrap()], [orders().replicas(replicas).build().unwrap()]).unwrap()
}

fn recreated() -> Plan {
    let build = |image: &str| {
        let spec = ServiceSpec::builder("orders", Artifact::image(image)).replicas(3);
        spec.strategy(Strategy::Recreate).build().unwrap()
    };
    plan_change([build("shop/orders:1")], [build("shop/orders:2")]).unwrap()
}

/// The message with which an assertion fails, without the plan's text.
fn failure<'a>(plan: &'a Plan, assert: impl FnOnce(Expect<'a>) -> Expect<'a>) -> String {
    let failed = catch_unwind(AssertUnwindSafe(|| assert(expect(plan)))).expect_err("it holds");
    let message = *failed.downcast::<String>().unwrap();
    let (message, text) = message.split_once("\n\nthe plan:\n").expect("the plan's text");
    assert!(!text.is_empty());
    name_digests(message)
}

#[test]
fn what_holds_passes() {
    expect(&same()).unchanged().only_in_place().does_not_replace().touches_only::<&str>([]).never_below(3).max_total(0);
    expect(&new()).does_not_replace().never_below(3).max_total(3).rolls_back_by_removal().touches_only(["orders"]);
    expect(&scaled(5)).only_in_place().does_not_replace().never_below(3).max_total(5);
    expect(&scaled(1)).only_in_place().never_below(1);
    let replaced = replaced();
    let old = replaced.services[0].basis.latest_record().unwrap().revision().clone();
    expect(&replaced).replaces("env.LOG_LEVEL").replaces("env").never_below(3).max_total(4).can_roll_back();
    expect(&replaced).service("orders").rolls_back_to(old.short()).rolls_back_to(old.as_str());
    expect(&replaced.services[0]).finishes_within(Duration::from_hours(1));
    expect(&recreated()).replaces("artifact.image").max_total(3);
}

#[test]
fn what_does_not_hold_says_what_is_done_instead() {
    insta::assert_snapshot!(failure(&scaled(4), Expect::unchanged), @r"
    expected: nothing to be done
         but: in round 1, orders takes 4 steps; the first round: record orders [revision-1]
    ");
    insta::assert_snapshot!(failure(&replaced(), Expect::only_in_place), @r"
    expected: changes in place alone
         but: env.LOG_LEVEL (info → debug) takes new instances of orders: environment is fixed when an instance starts
    ");
    insta::assert_snapshot!(failure(&new(), Expect::only_in_place), @r"
    expected: changes in place alone
         but: artifact.image.reference (shop/orders:1, which is new) takes new instances of orders: an instance keeps what it was started with
    ");
    insta::assert_snapshot!(failure(&recreated(), Expect::does_not_replace), @r"
    expected: no running instance to be replaced
         but: in round 3, stop orders-[revision-1]-0: gives way to the new revision
    ");
    insta::assert_snapshot!(failure(&scaled(4), |plan| plan.replaces("env.LOG_LEVEL")), @r"
    expected: a change of env.LOG_LEVEL that replaces instances
         but: replicas (3 → 4), in place
    ");
    insta::assert_snapshot!(failure(&same(), |plan| plan.replaces("env.LOG_LEVEL")), @r"
    expected: a change of env.LOG_LEVEL that replaces instances
         but: no field changes
    ");
    insta::assert_snapshot!(failure(&recreated(), |plan| plan.never_below(1)), @r"
    expected: never fewer than 1 ready instances
         but: in round 3, orders has 0 ready instances after: stop orders-[revision-1]-0, stop orders-[revision-1]-1, stop orders-[revision-1]-2
    ");
    insta::assert_snapshot!(failure(&scaled(1), |plan| plan.never_below(2)), @r"
    expected: never fewer than 2 ready instances
         but: in round 3, orders has 1 ready instances after: stop orders-[revision-1]-1, stop orders-[revision-1]-2
    ");
    insta::assert_snapshot!(failure(&replaced(), |plan| plan.max_total(3)), @r"
    expected: never more than 3 instances
         but: in round 2, orders has 4 instances after: start orders-[revision-1]-0
    ");
    insta::assert_snapshot!(failure(&new(), |plan| plan.touches_only(["menu"])), @r"
    expected: nothing to be done but for menu
         but: in round 1, orders takes 6 steps; the first round: record orders [revision-1]
    ");
    insta::assert_snapshot!(failure(&new(), |plan| plan.rolls_back_to("r1-0")), @r"
    expected: a way back to r1-0
         but: orders goes back by removing the service
    ");
    insta::assert_snapshot!(failure(&same(), Expect::can_roll_back), @r"
    expected: a way back
         but: orders goes back impossible: no other revision is kept
    ");
    insta::assert_snapshot!(failure(&replaced(), Expect::rolls_back_by_removal), @r"
    expected: a way back by removing the service
         but: orders goes back to [revision-1], deployment 1
    ");
    insta::assert_snapshot!(failure(&replaced(), |plan| plan.finishes_within(Duration::from_secs(1))), @r"
    expected: an end within 1s
         but: it may take up to 1650s
    ");
    insta::assert_snapshot!(failure(&replaced(), |plan| plan.service("menu")), @r"
    expected: the service menu in the plan
         but: it is about: orders
    ");
}

#[test]
fn one_less_is_no_less_than_allowed() {
    let rolling = Rolling { max_surge: Amount::Count(0), max_unavailable: Amount::Count(1), ..Rolling::default() };
    let build = |level: &str| orders().env("LOG_LEVEL", level).strategy(Strategy::Rolling(rolling)).build().unwrap();
    let plan = plan_change([build("info")], [build("debug")]).unwrap();
    expect(&plan).never_below(2).max_total(3);
    assert!(failure(&plan, |plan| plan.never_below(3)).contains("in round "));
}

#[test]
fn services_that_wait_for_each_other_take_longer_together() {
    let menu = ServiceSpec::builder("menu", Artifact::image("shop/menu:1")).build().unwrap();
    let orders = orders().depends_on("menu").build().unwrap();
    let plan = plan_change([], [orders, menu]).unwrap();
    let alone = plan.services.iter().map(|service| {
        let rounds = service.rounds.iter().map(|round| round.after.at_most);
        rounds.sum::<Duration>()
    });
    let together: Duration = alone.sum();
    expect(&plan).finishes_within(together);
    failure(&plan, |plan| plan.finishes_within(together.checked_sub(Duration::from_millis(1)).unwrap()));
    expect(&plan).touches_only(["menu", "orders"]);
}

#[test]
fn policies_find_everything() {
    let policies = [
        Policy::never_below(2),
        Policy::max_total(3),
        Policy::no_removal(),
        Policy::no_drift(),
        Policy::can_roll_back(),
        Policy::new("never on a Friday", |plan| {
            let service = plan.services[0].goal.service().clone();
            vec![Violation::new("it is Friday"), Violation::new("still").of_service(service).in_round(2)]
        }),
    ];
    let error = check_policies(&recreated(), &policies).unwrap_err();
    assert_eq!(error.violations().len(), 3);
    insta::assert_snapshot!(name_digests(&error.to_string()), @r"
    orders: 2 instances at least: in round 3, orders has 0 ready instances after: stop orders-[revision-1]-0, stop orders-[revision-1]-1, stop orders-[revision-1]-2
    never on a Friday: it is Friday
    orders: never on a Friday: in round 2, still
    ");
    let removal = Sandbox::new().deployed([orders().build().unwrap()]).plan_removal(["orders"]).unwrap();
    let error = check_policies(&removal, &policies[..5]).unwrap_err();
    insta::assert_snapshot!(error, @r"
    orders: nothing is removed: the service is removed
    orders: there is a way back: a removed service leaves no records; deploy its spec again
    ");
    assert_eq!(check_policies(&scaled(2), &policies[..5]).map_err(|error| error.to_string()), Ok(()));
}
