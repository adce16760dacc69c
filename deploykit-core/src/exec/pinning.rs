use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::task::JoinSet;

use super::options::Options;
use super::secrets::SecretReader;
use super::targets::Targets;
use crate::error::{Error, ErrorKind, Retry};
use crate::name::{ServiceName, VarName};
use crate::pin::{DigestKey, PinnedSpec, Pins, SecretDigest};
use crate::problem::{Problem, SpecError};
use crate::spec::{SecretSource, ServiceSpec, check_set};
use crate::target::Deployer;

/// What is tried again when specs are pinned is tried so many times.
const TRIES: usize = 4;

/// Pins specs: checks each against its target, asks the target what its artifact stands for, and digests its secrets.
///
/// # Errors
/// [`SpecError`] with all problems of all services at once.
pub(super) async fn pin(
    specs: Vec<ServiceSpec>,
    targets: &Targets,
    secrets: &Arc<dyn SecretReader>,
    key: Option<&DigestKey>,
    options: &Options,
) -> Result<Vec<Arc<PinnedSpec>>, SpecError> {
    check_set(&specs)?;
    let mut tasks = JoinSet::new();
    let count = specs.len();
    for (index, spec) in specs.into_iter().enumerate() {
        let chosen = targets.choose(spec.target.as_ref()).map(|(_, deployer)| Arc::clone(deployer));
        let pinning = Pinning { secrets: Arc::clone(secrets), key: key.cloned(), options: options.clone() };
        tasks.spawn(async move { (index, pinning.pin(spec, chosen).await) });
    }
    let mut pinned = vec![None; count];
    let mut problems = vec![Vec::new(); count];
    while let Some(task) = tasks.join_next().await {
        match task {
            Ok((index, Ok(spec))) => pinned[index] = Some(spec),
            Ok((index, Err(found))) => problems[index] = found,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    SpecError::unless_empty(problems.into_iter().flatten().collect())?;
    Ok(pinned.into_iter().flatten().collect())
}

struct Pinning {
    secrets: Arc<dyn SecretReader>,
    key: Option<DigestKey>,
    options: Options,
}

impl Pinning {
    async fn pin(
        &self,
        spec: ServiceSpec,
        target: Result<Arc<dyn Deployer>, SpecError>,
    ) -> Result<Arc<PinnedSpec>, Vec<Problem>> {
        let service = spec.service.clone();
        let mut problems = Vec::new();
        let mut pins = Pins::default();
        match target {
            Err(error) => problems.extend(error.into_problems()),
            Ok(deployer) => match deployer.check(&spec) {
                Err(error) => problems.extend(error.into_problems()),
                Ok(()) => match self.artifact(&*deployer, &spec).await {
                    Ok(digest) => pins.artifact = digest,
                    Err(error) => problems.push(artifact_problem(&error, &spec)),
                },
            },
        }
        if !spec.secrets.is_empty() && self.key.is_none() {
            problems.push(Problem::new("secrets", "cannot be compared without a digest key").with_hint(
                "give the executor one with `with_digest_key`; everybody who deploys the service needs the same",
            ));
        }
        if let Some(key) = &self.key {
            for (name, source) in &spec.secrets {
                match self.digest(key, &service, name, source).await {
                    Ok(digest) => drop(pins.secrets.insert(name.clone(), digest)),
                    Err(message) => problems.push(Problem::new(format!("secrets.{name}"), message)),
                }
            }
        }
        if problems.is_empty() {
            match PinnedSpec::new(spec, pins) {
                Ok(pinned) => return Ok(Arc::new(pinned)),
                Err(error) => problems = error.into_problems(),
            }
        }
        let name_service = |mut problem: Problem| {
            problem.service.get_or_insert_with(|| service.as_str().to_owned());
            problem
        };
        Err(problems.into_iter().map(name_service).collect())
    }

    async fn artifact(&self, deployer: &dyn Deployer, spec: &ServiceSpec) -> crate::Result<Option<crate::Digest>> {
        let mut delays = self.options.retries();
        let limit = self.options.step_timeout;
        let mut tries = 1;
        loop {
            let error = match tokio::time::timeout(limit, deployer.pin(spec)).await {
                Ok(Ok(digest)) => return Ok(digest),
                Ok(Err(error)) => error,
                Err(_) => Error::new(ErrorKind::Timeout, "pin the artifact of", &spec.service, deployer.target()),
            };
            match error.retry() {
                Retry::Later { after } if tries < TRIES => sleep(delays.next().max(after.unwrap_or_default())).await,
                _ => return Err(error),
            }
            tries += 1;
        }
    }

    async fn digest(
        &self,
        key: &DigestKey,
        service: &ServiceName,
        name: &VarName,
        source: &SecretSource,
    ) -> Result<SecretDigest, String> {
        if source.is_read_by_target() {
            let reference = serde_json::to_string(source).map_err(|error| error.to_string())?;
            return Ok(key.digest_reference(service, name, &reference));
        }
        let mut delays = self.options.retries();
        let mut tries = 1;
        loop {
            let error = match self.secrets.read(source).await {
                Ok(value) => return Ok(key.digest(service, name, &value)),
                Err(error) => error,
            };
            match error.retry() {
                Retry::Later { after } if tries < TRIES => sleep(delays.next().max(after.unwrap_or_default())).await,
                _ => return Err(error.to_string()),
            }
            tries += 1;
        }
    }
}

async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

fn artifact_problem(error: &Error, spec: &ServiceSpec) -> Problem {
    let problem = Problem::new(format!("artifact.{}", spec.artifact.kind()), error.chain());
    match error.hint() {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}

/// Whether a secret's value is the one that was pinned.
pub(super) fn is_pinned(spec: &PinnedSpec, key: &DigestKey, name: &VarName, value: &SecretString) -> bool {
    spec.pins().secrets.get(name).is_none_or(|pinned| *pinned == key.digest(spec.service(), name, value))
}
