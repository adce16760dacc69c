//! The verbs of the command line.

mod apply;
mod back;
mod carry;
mod history;
mod logs;
mod plan;
mod status;
mod validate;
mod watch;

use std::io::Write as _;

use serde_json::Value;

use crate::args::Verb;
use crate::console::print;
use crate::exit::{Exit, Failure, Verdict};
use crate::key;
use crate::session::Session;

/// Does what a verb says.
pub(crate) async fn obey(session: &Session, verb: Verb) -> Verdict {
    match verb {
        Verb::Validate { specs, format } => validate::validate(session, &specs, format),
        Verb::Schema => print_json(&deploykit_core::spec::schema()),
        Verb::Plan { specs, out, exit_code, all_rounds, format } => {
            plan::plan(session, &specs, out.as_deref(), exit_code, all_rounds, format).await
        }
        Verb::Apply { plan, specs, carry } => apply::apply(session, plan.as_deref(), &specs, &carry).await,
        Verb::Status { services, format } => status::status(session, &services, format).await,
        Verb::History { services, format } => history::history(session, &services, format).await,
        Verb::Rollback { to, carry } => back::rollback(session, &to, &carry).await,
        Verb::Promote { service, no_wait, carry } => apply::promote(session, &service, no_wait, &carry).await,
        Verb::Remove { services, carry } => back::remove(session, &services, &carry).await,
        Verb::Logs { of, follow, tail, since, previous } => {
            let options = logs::Wanted { follow, tail, since, previous };
            logs::logs(session, &of, &options).await
        }
        Verb::Watch { services, interval, format } => watch::watch(session, &services, interval, format).await,
        Verb::Keygen { out } => keygen(out.as_deref()),
        Verb::Completions { shell } => completions(session, shell),
    }
}

fn keygen(out: Option<&std::path::Path>) -> Verdict {
    let made = key::generate()?;
    match out {
        Some(path) => key::save(&made, path)?,
        None => print(made)?,
    }
    Ok(Exit::Done)
}

fn completions(session: &Session, shell: clap_complete::Shell) -> Verdict {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut session.command.clone(), &session.name, &mut script);
    let mut out = std::io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// Prints JSON for programs, and for people who read it.
fn print_json(value: &Value) -> Verdict {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::error(format!("cannot write the result as JSON: {error}")))?;
    print(text)?;
    Ok(Exit::Done)
}

/// The JSON of a value.
fn json(value: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::error(format!("cannot write the result as JSON: {error}")))
}
