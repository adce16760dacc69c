use std::time::Duration;

use deploykit_core::exec::{Executor, Report, ServiceReport};
use deploykit_core::plan::Plan;
use deploykit_core::units::duration;
use deploykit_core::{Outcome, ServiceName};
use serde_json::json;

use super::json;
use super::plan::has_work;
use crate::args::{Carry, DataFormat};
use crate::console::{ask, can_ask, plan_text, print, table, tell};
use crate::exit::{Exit, Failure, Verdict};
use crate::progress::{End, Style, follow};
use crate::session::Session;

/// A plan that nobody was asked about is made again so many times at most.
const TRIES: usize = 5;

/// Makes a plan, shows it, asks whether to carry it out, and does.
///
/// If nobody is asked, a plan that is out of date by the time its turn comes, after a wait for another deployer, is made
/// and shown again. What somebody has said yes to is carried out as it was, or not at all.
pub(super) async fn carry_out(
    session: &Session,
    executor: &Executor,
    make: impl AsyncFn() -> Result<Plan, Failure>,
    carry: &Carry,
) -> Verdict {
    for _ in 1..TRIES {
        let done = carry_out_once(session, executor, &make().await?, carry).await;
        let stale = matches!(done, Ok(Exit::Stale) | Err(Failure { exit: Exit::Stale, .. }));
        if !(stale && carry.yes) {
            return done;
        }
        tell("the plan is made again");
    }
    carry_out_once(session, executor, &make().await?, carry).await
}

/// Shows a plan, asks whether to carry it out, and does.
pub(super) async fn carry_out_once(session: &Session, executor: &Executor, plan: &Plan, carry: &Carry) -> Verdict {
    show(plan, carry)?;
    if carry.dry_run || !has_work(plan) {
        return Ok(Exit::Done);
    }
    if !carry.yes {
        confirm(session, "Carry out this plan?").await?;
    }
    run(session, executor, plan, carry).await
}

/// The plan, where a person reads it: not in the way of events for programs.
fn show(plan: &Plan, carry: &Carry) -> Result<(), Failure> {
    match carry.format {
        DataFormat::Text => print(plan_text(plan, carry.all_rounds)),
        DataFormat::Json if carry.yes && !carry.dry_run => Ok(()),
        DataFormat::Json => {
            tell(plan_text(plan, carry.all_rounds));
            Ok(())
        }
    }
}

/// Asks, and fails unless the answer is yes.
pub(super) async fn confirm(session: &Session, question: &str) -> Result<(), Failure> {
    if !can_ask() {
        let refused = Failure::usage("nothing was done: there is nobody to ask whether to go on");
        return Err(refused.with_hint("--yes goes on without asking"));
    }
    let answer = session.interrupt.stop.run_until_cancelled(ask(question)).await;
    if answer == Some(true) { Ok(()) } else { Err(Failure::new(Exit::Cancelled, "nothing was done")) }
}

/// Carries out a plan, shows how it goes, and what came of it.
pub(super) async fn run(session: &Session, executor: &Executor, plan: &Plan, carry: &Carry) -> Verdict {
    let style = if carry.format == DataFormat::Json { Style::Json } else { Style::Auto };
    let work = follow(executor, style, End::Clear, executor.run(plan));
    let report = tokio::select! {
        biased;
        report = work => report?,
        () = session.interrupt.explain() => return Ok(Exit::Cancelled),
    };
    let exit = Exit::of(&report);
    // The run is what counts, whether somebody reads about it or not.
    match carry.format {
        DataFormat::Json => drop(print(json!({ "report": json(&report)? }))),
        DataFormat::Text => {
            drop(print(summary(plan, &report)));
            failures(&session.name, &report).into_iter().for_each(tell);
        }
    }
    Ok(exit)
}

/// A row for each service.
fn summary(plan: &Plan, report: &Report) -> String {
    let in_order = plan.services.iter().filter_map(|service| report.services.get_key_value(service.goal.service()));
    let rows = in_order.map(|(name, service)| {
        [
            name.to_string(),
            service.target.to_string(),
            service.outcome.ending().to_string(),
            service.rounds.to_string(),
            service.steps.to_string(),
            took(service.elapsed),
        ]
    });
    table(["SERVICE", "TARGET", "OUTCOME", "ROUNDS", "STEPS", "TOOK"], &rows.collect::<Vec<_>>())
}

/// A time as a person wants to know it: tenths of seconds do not matter where there are minutes.
fn took(time: Duration) -> String {
    if time < Duration::from_mins(1) {
        return format!("{:.1}s", time.as_secs_f32());
    }
    duration::format(Duration::from_secs(time.as_secs())).to_string()
}

/// What there is to say of services that did not get where they should.
fn failures(program: &str, report: &Report) -> Vec<String> {
    let of = |(name, service): (&ServiceName, &ServiceReport)| {
        let outcome = &service.outcome;
        match outcome.cause() {
            Some(cause) => Some(format!("\n{name}: {}\n{}", outcome.ending(), cause.report())),
            None if matches!(outcome, Outcome::Paused { .. }) => {
                Some(format!("\n{name}: {outcome}\nnext: `{program} promote {name}` opens it"))
            }
            None if outcome.is_success() => None,
            None => Some(format!("\n{name}: {outcome}")),
        }
    };
    report.services.iter().filter_map(of).collect()
}
