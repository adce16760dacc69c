use deploykit_core::ErrorKind;
use deploykit_core::exec::RunError;

use super::fake::Fault;
use super::*;

fn after(mut spec: ServiceSpec, others: &[&str]) -> ServiceSpec {
    spec.depends_on = others.iter().map(|other| name(other)).collect();
    spec
}

/// The services in the order in which their first instance was started, or stopped.
fn order(fake: &Fake, verb: &str) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    for call in fake.calls() {
        let (_, what) = call.split_once(' ').unwrap();
        if let Some(id) = what.strip_prefix(verb) {
            let service = id.trim_start().split("-r1-").next().unwrap().to_owned();
            if !order.contains(&service) {
                order.push(service);
            }
        }
    }
    order
}

fn shop() -> Vec<ServiceSpec> {
    vec![
        after(spec("web", "good:1", 1), &["api"]),
        after(spec("api", "good:1", 1), &["db", "elsewhere"]),
        spec("db", "good:1", 1),
    ]
}

#[tokio::test(start_paused = true)]
async fn services_come_after_those_they_depend_on_and_go_before_them() {
    let fake = Fake::new();
    let executor = executor(&fake);
    assert!(executor.deploy(shop()).await.unwrap().is_success());
    assert_eq!(order(&fake, "start"), ["db", "api", "web"]);
    let names = ["db", "api", "web"].map(name).to_vec();
    assert!(executor.remove(names).await.unwrap().is_success());
    assert_eq!(order(&fake, "stop"), ["web", "api", "db"]);
}

#[tokio::test(start_paused = true)]
async fn services_whose_dependency_failed_are_blocked() {
    let fake = Fake::new();
    fake.fault("start api", usize::MAX, Fault::Fail(ErrorKind::Denied, None));
    let mut specs = shop();
    specs.push(spec("other", "good:1", 1));
    let report = executor(&fake).deploy(specs).await.unwrap();
    let outcome = |service: &str| report.outcome(&name(service)).unwrap();
    assert_eq!(outcome("db"), &CHANGED);
    assert_eq!(outcome("other"), &CHANGED);
    assert!(matches!(outcome("api"), Outcome::RolledBack { to: None, .. }), "{report}");
    assert_eq!(outcome("web"), &Outcome::Blocked { by: name("api") });
    assert_eq!(fake.summary("web"), "");
    assert!(!report.is_success());
}

#[tokio::test(start_paused = true)]
async fn one_look_for_all_services_of_a_target() {
    let (a, b) = (Fake::new().named("a"), Fake::new().named("b"));
    let targets = Targets::new().with(a.clone()).with(b.clone());
    let executor = Executor::builder(targets).with_options(options()).build();
    let on = |service: &str, target: &str| {
        let mut spec = spec(service, "good:1", 1);
        spec.target = Some(name(target));
        spec
    };
    let specs = || vec![on("one", "a"), on("two", "a"), on("three", "b")];
    assert!(executor.deploy(specs()).await.unwrap().is_success());
    a.clear_calls();
    b.clear_calls();
    let report = executor.deploy(specs()).await.unwrap();
    assert!(report.services.values().all(|service| service.outcome == UNCHANGED), "{report}");
    assert_eq!((a.count("observe one two"), a.count("observe")), (1, 1));
    assert_eq!(b.count("observe"), 1);

    // A service is found where it is.
    assert!(executor.remove(vec![name("three"), name("one")]).await.unwrap().is_success());
    let left = executor.status(&[]).await.unwrap();
    let left: Vec<_> = left.iter().map(|(target, seen)| (target.as_str(), seen.service.as_str())).collect();
    assert_eq!(left, [("a", "two")]);

    let only_b = executor.on(&name("b")).unwrap();
    assert!(matches!(only_b.rollback(&name("two"), None).await.unwrap_err(), RunError::NotFound { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_target_is_a_problem_with_a_suggestion() {
    let targets = Targets::new().with(Fake::new().named("docker")).with(Fake::new().named("kubernetes"));
    let executor = Executor::builder(targets).with_options(options()).build();
    let mut wrong = spec("web", "good:1", 1);
    wrong.target = Some(name("dokcer"));
    let error = executor.deploy(vec![wrong, spec("api", "good:1", 1)]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the specs cannot be used:\n\
         web: target: there is no target `dokcer`; did you mean `docker`? the targets are: docker, kubernetes\n\
         api: target: is not given, and there is more than one; use one of: docker, kubernetes"
    );
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_services_that_have_not_begun_do_not() {
    let fake = Fake::new();
    let executor = executor(&fake);
    let running = executor.clone();
    let begun = tokio::spawn(async move { running.deploy(shop()).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    executor.stop();
    let report = begun.await.unwrap().unwrap();
    assert!(report.services.values().all(|service| matches!(service.outcome, Outcome::Cancelled { .. })), "{report}");
    assert_eq!(order(&fake, "start"), ["db"]);
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_panics_fails_one_service() {
    let fake = Fake::new();
    fake.fault("start api", 1, Fault::Panic);
    let report = executor(&fake).deploy(vec![spec("api", "good:1", 1), spec("db", "good:1", 1)]).await.unwrap();
    assert_eq!(report.outcome(&name("db")), Some(&CHANGED));
    assert!(matches!(report.outcome(&name("api")), Some(Outcome::RolledBack { to: None, .. })), "{report}");
}
