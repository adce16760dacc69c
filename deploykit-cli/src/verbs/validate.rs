use deploykit_core::plan::support;
use deploykit_core::{Problem, ServiceSpec, SpecError};
use serde_json::{Value, json};

use super::print_json;
use crate::args::{DataFormat, Specs};
use crate::console::print;
use crate::exit::{Exit, Verdict};
use crate::session::{Refused, Session};

/// Checks specs, and against their targets if there are any.
pub(super) fn validate(session: &Session, wanted: &Specs, format: DataFormat) -> Verdict {
    let checked = match session.specs(wanted) {
        Ok(specs) => check(session, &specs).map(|()| specs),
        // A problem of the command line or of reading is told as such.
        Err(Refused::Other(failure)) => return Err(failure),
        Err(Refused::Spec(error)) => Err(error),
    };
    match (checked, format) {
        (Ok(specs), DataFormat::Text) => {
            let names: Vec<_> = specs.iter().map(|spec| spec.service.as_str()).collect();
            let subject = if names.len() == 1 { "service is" } else { "services are" };
            print(format!("{} {subject} valid: {}", names.len(), names.join(", ")))?;
            Ok(Exit::Done)
        }
        (Ok(specs), DataFormat::Json) => {
            let names: Vec<_> = specs.iter().map(|spec| spec.service.as_str()).collect();
            print_json(&json!({ "services": names, "problems": [] }))
        }
        (Err(error), DataFormat::Text) => Err(error.into()),
        (Err(error), DataFormat::Json) => {
            let problems: Vec<_> = error.problems().iter().map(problem).collect();
            print_json(&json!({ "problems": problems }))?;
            Ok(Exit::Failed)
        }
    }
}

/// Checks specs against what their targets can do.
fn check(session: &Session, specs: &[ServiceSpec]) -> Result<(), SpecError> {
    if session.targets.names().next().is_none() {
        return Ok(());
    }
    let mut problems = Vec::new();
    for spec in specs {
        let checked = session.targets.choose(spec.target.as_ref()).and_then(|(_, deployer)| {
            support(spec, &deployer.capabilities())?;
            deployer.check(spec)
        });
        let named = |mut problem: Problem| {
            problem.service.get_or_insert_with(|| spec.service.to_string());
            problem
        };
        problems.extend(checked.err().into_iter().flat_map(SpecError::into_problems).map(named));
    }
    SpecError::unless_empty(problems)
}

fn problem(problem: &Problem) -> Value {
    let at = problem.at.as_ref().map(|at| json!({ "file": at.file, "line": at.line, "column": at.column }));
    json!({
        "at": at,
        "service": problem.service,
        "path": problem.path,
        "message": problem.message,
        "hint": problem.hint,
    })
}
