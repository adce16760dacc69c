//! The executor, in virtual time, against a target that does what it is told.
#![expect(clippy::unwrap_used, reason = "a test may fail so")]

mod fake;

use deploykit_core::exec::{Executor, Options, Outcome, Targets};
use deploykit_core::spec::{Artifact, ServiceSpec};
use fake::{Fake, START, name};

fn options() -> Options {
    Options::new().with_jitter(None).with_time(START).with_recorded_steps(true)
}

fn executor(fake: &Fake) -> Executor {
    Executor::builder(Targets::single(fake.clone())).with_options(options()).build()
}

fn spec(service: &str, image: &str, replicas: u32) -> ServiceSpec {
    ServiceSpec::builder(service, Artifact::image(image)).replicas(replicas).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_service_is_deployed_and_replaced() {
    let fake = Fake::new();
    let executor = executor(&fake);
    let report = executor.deploy(vec![spec("web", "good:1", 3)]).await.unwrap();
    assert_eq!(report.outcome(&name("web")), Some(&Outcome::Completed { changed: true }), "{report}");
    assert_eq!(fake.summary("web"), "good:1 3/3");
    let report = executor.deploy(vec![spec("web", "good:2", 3)]).await.unwrap();
    assert!(report.is_success(), "{report}");
    assert_eq!(fake.summary("web"), "good:2 3/3");
    assert_eq!(fake.lease_holder("web"), None);
}
