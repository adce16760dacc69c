//! The executor, in virtual time, against a target that does what it is told.
#![expect(clippy::unwrap_used, reason = "a test may fail so")]

mod cancel;
mod events;
mod failure;
mod fake;
mod lease;
mod many;
mod reconcile;
mod retry;
mod rollout;
mod secrets;

use std::time::Duration;

use deploykit_core::exec::{Executor, Options, Outcome, Report, Targets};
use deploykit_core::spec::{Artifact, OnFailure, ServiceSpec};
use fake::{Fake, START, name};

fn options() -> Options {
    Options::new().with_jitter(None).with_time(START).with_recorded_steps(true)
}

fn executor(fake: &Fake) -> Executor {
    executor_with(fake, options())
}

fn executor_with(fake: &Fake, options: Options) -> Executor {
    Executor::builder(Targets::single(fake.clone())).with_options(options).build()
}

fn spec(service: &str, image: &str, replicas: u32) -> ServiceSpec {
    ServiceSpec::builder(service, Artifact::image(image)).replicas(replicas).build().unwrap()
}

/// A spec whose rollout fails after a minute without progress.
fn impatient(image: &str, on_failure: OnFailure) -> ServiceSpec {
    let mut spec = spec("web", image, 2);
    (spec.deadline, spec.on_failure) = (Duration::from_mins(1), on_failure);
    spec
}

const UNCHANGED: Outcome = Outcome::Completed { changed: false };
const CHANGED: Outcome = Outcome::Completed { changed: true };

fn outcome(report: &Report) -> &Outcome {
    report.outcome(&name("web")).unwrap()
}

/// A fake on which `good:1` runs in two instances, with nothing to do.
async fn deployed() -> Fake {
    let fake = Fake::new();
    let report = executor(&fake).deploy(vec![spec("web", "good:1", 2)]).await.unwrap();
    assert_eq!(outcome(&report), &CHANGED);
    fake.clear_calls();
    fake
}
