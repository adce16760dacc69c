use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use deploykit_core::exec::{SecretError, SecretReader};
use deploykit_core::spec::SecretSource;
use deploykit_core::{DigestKey, Goal};
use secrecy::SecretString;

use super::*;

const VALUE: &str = "hunter2-and-more";

/// Gives out what it holds, which a test may change.
#[derive(Clone, Debug, Default)]
struct Vault(Arc<Mutex<Vec<String>>>);

impl Vault {
    fn new(value: &str) -> Self {
        let vault = Self::default();
        vault.set(value);
        vault
    }

    fn set(&self, value: &str) {
        *self.0.lock().unwrap() = vec![value.to_owned()];
    }
}

#[async_trait]
impl SecretReader for Vault {
    async fn read(&self, source: &SecretSource) -> Result<SecretString, SecretError> {
        let value = self.0.lock().unwrap().first().cloned();
        value.map(SecretString::from).ok_or_else(|| SecretError::new(source, "it is not there"))
    }
}

fn with_secret(mut spec: ServiceSpec) -> ServiceSpec {
    spec.secrets.insert(name("DB_PASSWORD"), SecretSource::Env("DB_PASSWORD".to_owned()));
    spec
}

fn key() -> DigestKey {
    DigestKey::new(*b"0123456789abcdef").unwrap()
}

fn executor(fake: &Fake, vault: &Vault) -> Executor {
    let builder = Executor::builder(Targets::single(fake.clone())).with_options(options());
    builder.with_secrets(vault.clone()).with_digest_key(key()).build()
}

#[tokio::test(start_paused = true)]
async fn a_value_reaches_the_target_and_nobody_else() {
    let (fake, vault) = (Fake::new(), Vault::new(VALUE));
    let executor = executor(&fake, &vault);
    let mut events = executor.events();
    let pinned = executor.pin(vec![with_secret(impatient("crash:1", OnFailure::Leave))]).await.unwrap();
    let plan = executor.plan(pinned.into_iter().map(Goal::Run).collect()).await.unwrap();
    let report = executor.run(&plan).await.unwrap();
    assert_eq!(fake.secrets(), [VALUE]);
    let Outcome::Failed { cause, .. } = outcome(&report) else { panic!("{report}") };
    assert_eq!(cause.logs.last().unwrap(), "my password is ***");
    let mut texts = vec![format!("{plan:?}"), format!("{report:?} {report}"), cause.report(), format!("{executor:?}")];
    texts.push(serde_json::to_string(&report).unwrap());
    texts.push(format!("{:?}", fake.see(&name("web"))));
    drop(executor);
    while let Some(event) = events.next().await {
        texts.push(format!("{event:?} {event} {}", serde_json::to_string(&event).unwrap()));
    }
    // The vault of this test is in the executor's `Debug`, as somebody else's might be.
    texts[3] = texts[3].replace(&format!("{vault:?}"), "");
    let leak = texts.iter().find(|text| text.contains(VALUE));
    assert_eq!(leak, None);
}

#[tokio::test(start_paused = true)]
async fn a_new_value_is_a_new_revision() {
    let (fake, vault) = (Fake::new(), Vault::new(VALUE));
    let executor = executor(&fake, &vault);
    let spec = || with_secret(spec("web", "good:1", 2));
    assert_eq!(outcome(&executor.deploy(vec![spec()]).await.unwrap()), &CHANGED);
    assert_eq!(outcome(&executor.deploy(vec![spec()]).await.unwrap()), &UNCHANGED);
    vault.set("another");
    assert_eq!(outcome(&executor.deploy(vec![spec()]).await.unwrap()), &CHANGED);
    assert_eq!(fake.secrets(), ["another"]);
    assert_eq!(fake.records("web").len(), 2);
    // The value from then is not known any more: going back starts with the present one, and says so.
    let mut events = executor.events();
    assert_eq!(outcome(&executor.rollback(&name("web"), None).await.unwrap()), &CHANGED);
    drop(executor);
    let mut alarms = Vec::new();
    while let Some(event) = events.next().await {
        alarms.extend(event.to_string().contains("DB_PASSWORD has another value").then_some(event));
    }
    assert!(!alarms.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_not_the_planned_one_is_not_used() {
    let (fake, vault) = (Fake::new(), Vault::new(VALUE));
    let executor = executor(&fake, &vault);
    let pinned = executor.pin(vec![with_secret(spec("web", "good:1", 2))]).await.unwrap();
    let plan = executor.plan(pinned.into_iter().map(Goal::Run).collect()).await.unwrap();
    vault.set("another");
    let report = executor.run(&plan).await.unwrap();
    let Outcome::RolledBack { to: None, cause } = outcome(&report) else { panic!("{report}") };
    let text = "web on fake: read secret DB_PASSWORD: its value is not the one that was planned";
    assert_eq!(cause.to_string(), text);
    assert_eq!(fake.count("start"), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_key_secrets_are_refused_with_all_other_problems() {
    let fake = Fake::new();
    let executor = super::executor(&fake);
    let mut other = with_secret(spec("other", "good:1", 1));
    other.target = Some(name("nowhere"));
    let error = executor.deploy(vec![with_secret(spec("web", "good:1", 1)), other]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the specs cannot be used:\n\
         web: secrets: cannot be compared without a digest key; give the executor one with `with_digest_key`; \
         everybody who deploys the service needs the same\n\
         other: target: there is no target `nowhere`; the targets are: fake\n\
         other: secrets: cannot be compared without a digest key; give the executor one with `with_digest_key`; \
         everybody who deploys the service needs the same"
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_target_reads_is_not_read_here() {
    let (fake, vault) = (Fake::new(), Vault::default());
    let executor = executor(&fake, &vault);
    let mut spec = spec("web", "good:1", 1);
    spec.secrets.insert(name("TOKEN"), SecretSource::Aws("arn:aws:ssm:::parameter/x".to_owned()));
    assert!(executor.deploy(vec![spec]).await.unwrap().is_success());
    let error = executor.deploy(vec![with_secret(super::spec("web", "good:2", 1))]).await.unwrap_err();
    let text = "web: secrets.DB_PASSWORD: cannot read the environment variable DB_PASSWORD: it is not there";
    assert!(error.to_string().contains(text), "{error}");
}
