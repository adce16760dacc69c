use deploykit_core::exec::{Executor, RunError};
use deploykit_core::plan::rollback_goal;
use deploykit_core::{Goal, ServiceName};

use super::carry::carry_out;
use crate::args::Carry;
use crate::exit::{Failure, Verdict};
use crate::session::{Found, Session};

/// Goes back to an earlier deployment.
pub(super) async fn rollback(session: &Session, to: &[String], carry: &Carry) -> Verdict {
    let executor = session.executor(Some(carry))?;
    let (service, revision) = meant(session, &executor, to).await?;
    let (target, seen) = session.find_one(&executor, &service).await?;
    let goal = rollback_goal(&seen, revision).map_err(|reason| RunError::Rollback { service, reason })?;
    let executor = executor.on(&target)?;
    carry_out(session, &executor, async || Ok(executor.plan(vec![goal.clone()]).await?), carry).await
}

/// The service and the revision that are meant: with one service alone, its name need not be said.
async fn meant<'a>(
    session: &Session,
    executor: &Executor,
    to: &'a [String],
) -> Result<(ServiceName, Option<&'a str>), Failure> {
    let name = |text: &str| ServiceName::new(text).map_err(|error| Failure::usage(error.to_string()));
    if let [service, revision] = to {
        return Ok((name(service)?, Some(revision)));
    }
    let mut known: Vec<ServiceName> = session.specs.iter().map(|spec| spec.service.clone()).collect();
    let found = executor.status(&[]).await?;
    known.extend(found.into_iter().map(|(_, seen): Found| seen.service));
    known.sort();
    known.dedup();
    match (to, known.as_slice()) {
        ([one], known) if known.iter().any(|service| service.as_str() == one) => Ok((name(one)?, None)),
        (to, [only]) => Ok((only.clone(), to.first().map(String::as_str))),
        ([one], _) if ServiceName::new(one).is_ok() => Ok((name(one)?, None)),
        (_, known) => {
            let names: Vec<_> = known.iter().map(ServiceName::as_str).collect();
            let hint = match names.as_slice() {
                [] => "there are none".to_owned(),
                names => format!("there are: {}", names.join(", ")),
            };
            Err(Failure::usage("it is not said which service to roll back").with_hint(hint))
        }
    }
}

/// Removes services with all that is kept for them.
pub(super) async fn remove(session: &Session, services: &[ServiceName], carry: &Carry) -> Verdict {
    let executor = session.executor(Some(carry))?;
    let goals = || services.iter().cloned().map(Goal::Remove).collect();
    carry_out(session, &executor, async || Ok(executor.plan(goals()).await?), carry).await
}
