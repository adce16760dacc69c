use std::time::Duration;

use super::Found;
use super::limits::short;
use crate::spec::{BlueGreen, Canary, MatchRule, Rolling, ServiceSpec, Stage, Strategy};
use crate::units::{Amount, Share, duration};

const MOST_STAGES: usize = 20;
const MOST_RULES: usize = 20;

pub(super) fn check(spec: &ServiceSpec, found: &mut Found<'_>) {
    match &spec.strategy {
        Strategy::Recreate => {}
        Strategy::Rolling(rolling) => check_rolling(rolling, spec, found),
        Strategy::BlueGreen(blue_green) => check_blue_green(blue_green, spec, found),
        Strategy::Canary(canary) => check_canary(canary, spec, found),
    }
}

fn check_rolling(rolling: &Rolling, spec: &ServiceSpec, found: &mut Found<'_>) {
    if rolling.max_surge.is_zero() && rolling.max_unavailable.is_zero() {
        let message = "`max_surge` and `max_unavailable` are both 0, so that nothing could ever be replaced";
        found.add(
            "strategy.rolling",
            message,
            "write `max_surge: 1` to start one more, or `max_unavailable: 1` to stop one first",
        );
    }
    check_min_ready("strategy.rolling.min_ready", rolling.min_ready, spec, found);
}

fn check_blue_green(blue_green: &BlueGreen, spec: &ServiceSpec, found: &mut Found<'_>) {
    check_min_ready("strategy.blue_green.min_ready", blue_green.min_ready, spec, found);
    short(found, "strategy.blue_green.keep_old", blue_green.keep_old);
    if let Some(rule) = &blue_green.test_users {
        check_rule("strategy.blue_green.test_users", rule, found);
    }
}

fn check_min_ready(path: &str, min_ready: Duration, spec: &ServiceSpec, found: &mut Found<'_>) {
    short(found, path, min_ready);
    if min_ready >= spec.deadline && !spec.deadline.is_zero() {
        let message = format!(
            "an instance would have to be ready for {}, but a rollout without progress fails after {}",
            duration::format(min_ready),
            duration::format(spec.deadline)
        );
        found.add(path, message, "write a shorter `min_ready` or a longer `deadline`");
    }
}

fn check_canary(canary: &Canary, spec: &ServiceSpec, found: &mut Found<'_>) {
    let path = "strategy.canary.stages";
    check_min_ready("strategy.canary.min_ready", canary.min_ready, spec, found);
    match canary.stages.len() {
        0 => found.add(path, "there is no stage", "write at least one, like `[{share: 10%, hold: 5m}]`"),
        1..=MOST_STAGES => {}
        count => found.add(path, format!("{count} stages are more than {MOST_STAGES}"), "leave some out"),
    }
    for (index, stage) in canary.stages.iter().enumerate() {
        check_stage(&format!("{path}[{index}]"), stage, found);
        let before = index.checked_sub(1).and_then(|before| canary.stages.get(before));
        if let Some(before) = before {
            check_rise(&format!("{path}[{index}].share"), before, stage, found);
        }
    }
}

fn check_stage(path: &str, stage: &Stage, found: &mut Found<'_>) {
    short(found, &format!("{path}.hold"), stage.hold);
    if let Some(rule) = &stage.test_users {
        check_rule(&format!("{path}.test_users"), rule, found);
    }
    if stage.instances.is_some_and(Amount::is_zero) {
        let hint = "write at least 1, or take the field out for as many as the share needs";
        found.add(format!("{path}.instances"), "a stage without instances tests nothing", hint);
    }
}

/// Shares rise; only stages of 0% may follow each other, if other test users come with the next one.
fn check_rise(path: &str, before: &Stage, stage: &Stage, found: &mut Found<'_>) {
    if before.share == Share::ALL {
        let hint = "make 100% the last stage, or leave it out: it is added";
        found.add(path, "a stage after the one of 100% would take users away again", hint);
    } else if stage.share < before.share {
        let message = format!("{} is less than the {} of the stage before", stage.share, before.share);
        found.add(path, message, "put the stages in the order of their shares");
    } else if stage.share == before.share && (stage.share != Share::NONE || stage.test_users == before.test_users) {
        let message = format!("the stage before has {} too", before.share);
        found.add(path, message, "write a larger share, or make one stage of the two");
    }
}

fn check_rule(path: &str, rule: &MatchRule, found: &mut Found<'_>) {
    let count = rule.header.len() + rule.cookie.len();
    if count == 0 {
        let hint = "write a header or a cookie, like `{header: {x-test-user: \"1\"}}`";
        found.add(path, "the rule matches no request", hint);
    } else if count > MOST_RULES {
        found.add(
            path,
            format!("{count} headers and cookies are more than {MOST_RULES}"),
            "one is enough: mark test users by it",
        );
    }
    for (kind, pairs) in [("header", &rule.header), ("cookie", &rule.cookie)] {
        for (name, value) in pairs {
            let path = format!("{path}.{kind}.{name}");
            if !is_token(name) {
                let message = format!("`{}` is not the name of a {kind}", name.escape_debug());
                found.add(&path, message, "a name has letters, digits and `-`, like `x-test-user`");
            }
            // Anything else is changed on its way or cannot be sent.
            let fits = |c: char| c.is_ascii_graphic() || (kind == "header" && c == ' ');
            if value.is_empty()
                || value.trim() != value
                || !value.chars().all(fits)
                || (kind == "cookie" && value.contains(';'))
            {
                let hint = "write printable ASCII characters, without spaces around them";
                found.add(path, format!("a request cannot carry this value in a {kind}"), hint);
            }
        }
    }
}

/// A token of RFC 9110, 5.6.2.
fn is_token(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
