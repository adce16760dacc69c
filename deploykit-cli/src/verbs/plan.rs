use std::path::Path;

use deploykit_core::Goal;
use deploykit_core::exec::Executor;
use deploykit_core::plan::Plan;

use crate::args::{PlanFormat, Specs};
use crate::console::{plan_text, print, write_file};
use crate::exit::{Exit, Failure, Verdict};
use crate::session::Session;

/// Shows how to get to what the specs say.
pub(super) async fn plan(
    session: &Session,
    wanted: &Specs,
    out: Option<&Path>,
    exit_code: bool,
    all_rounds: bool,
    format: PlanFormat,
) -> Verdict {
    let plan = plan_specs(session, &session.executor(None)?, wanted).await?;
    if let Some(path) = out {
        write_file(path, &plan.to_json())?;
    }
    let text = match format {
        PlanFormat::Text => plan_text(&plan, all_rounds),
        PlanFormat::Json => plan.to_json(),
        PlanFormat::Markdown => plan.markdown(),
        PlanFormat::Mermaid => plan.mermaid(),
    };
    print(text.trim_end())?;
    Ok(if exit_code && has_work(&plan) { Exit::Changes } else { Exit::Done })
}

/// Plans to deploy the specs that are meant.
pub(super) async fn plan_specs(session: &Session, executor: &Executor, wanted: &Specs) -> Result<Plan, Failure> {
    let pinned = executor.pin(session.specs(wanted)?).await?;
    Ok(executor.plan(pinned.into_iter().map(Goal::Run).collect()).await?)
}

/// Whether a plan does anything.
pub(super) fn has_work(plan: &Plan) -> bool {
    plan.services.iter().any(|service| !service.rounds.is_empty())
}
