//! What the verbs work with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use deploykit_core::exec::{Executor, ExecutorBuilder, Options, RunError, SecretError, SecretReader, Targets};
use deploykit_core::spec::SecretSource;
use deploykit_core::spec::file::{Format, load, parse};
use deploykit_core::{DigestKey, Observed, ServiceName, ServiceSpec, SpecError, TargetName};

use crate::args::{Carry, Specs};
use crate::exit::Failure;
use crate::interrupt::Interrupt;

/// What a program has, and what its command line says about it.
pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) command: clap::Command,
    pub(crate) targets: Targets,
    pub(crate) kinds: Vec<&'static str>,
    pub(crate) specs: Vec<ServiceSpec>,
    pub(crate) options: Options,
    pub(crate) secrets: Arc<dyn SecretReader>,
    pub(crate) key: Option<DigestKey>,
    pub(crate) interrupt: Interrupt,
}

/// Why there are no specs.
#[derive(Debug)]
pub(crate) enum Refused {
    /// What is wrong with them.
    Spec(SpecError),
    /// What is wrong besides.
    Other(Failure),
}

impl From<SpecError> for Refused {
    fn from(error: SpecError) -> Self {
        Self::Spec(error)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Spec(error) => error.into(),
            Refused::Other(failure) => failure,
        }
    }
}

/// A service where it was found.
pub(crate) type Found = (TargetName, Observed);

impl Session {
    /// An executor over the targets.
    pub(crate) fn executor(&self, carry: Option<&Carry>) -> Result<Executor, Failure> {
        if self.targets.names().next().is_none() {
            let kinds: Vec<_> = self.kinds.iter().map(|kind| format!("{kind}:..")).collect();
            let hint = format!("give one with --target; there are: {}", kinds.join(", "));
            return Err(Failure::usage("there is no target").with_hint(hint));
        }
        let mut options = self.options.clone().with_holder(holder(&self.name));
        if let Some(carry) = carry {
            options = options.with_steal(carry.take_lease).with_wait_for_lease(carry.wait_lease.unwrap_or_default());
        }
        let Interrupt { stop, abort } = self.interrupt.clone();
        let builder = Executor::builder(self.targets.clone()).with_options(options);
        let builder = builder.with_secrets(Shared(Arc::clone(&self.secrets))).with_cancellation(stop, abort);
        Ok(self.key.clone().into_iter().fold(builder, ExecutorBuilder::with_digest_key).build())
    }

    /// The specs that are meant.
    pub(crate) fn specs(&self, wanted: &Specs) -> Result<Vec<ServiceSpec>, Refused> {
        let mut specs = match wanted.files.as_slice() {
            [] if self.specs.is_empty() => {
                let none = Failure::usage("there are no services to deploy");
                return Err(none.with_hint("name spec files with --file").into());
            }
            [] => self.specs.clone(),
            [only] if only == Path::new("-") => {
                let text = std::io::read_to_string(std::io::stdin())
                    .map_err(|error| Failure::error(format!("cannot read the standard input: {error}")))?;
                parse(&text, "<stdin>", Format::Yaml)?
            }
            files => load(&expand(files)?)?,
        };
        if wanted.services.is_empty() {
            return Ok(specs);
        }
        for name in &wanted.services {
            if !specs.iter().any(|spec| spec.service == *name) {
                let known: Vec<_> = specs.iter().map(|spec| spec.service.as_str()).collect();
                let hint = format!("there are: {}", known.join(", "));
                let unknown = Failure::usage(format!("there is no service {name} in the specs"));
                return Err(unknown.with_hint(hint).into());
            }
        }
        specs.retain(|spec| wanted.services.contains(&spec.service));
        Ok(specs)
    }

    /// What there is of services, or of all if none is named. Each that is named has to be there.
    pub(crate) async fn find(&self, executor: &Executor, wanted: &[ServiceName]) -> Result<Vec<Found>, Failure> {
        let found = executor.status(wanted).await?;
        for name in wanted {
            if !found.iter().any(|(_, seen)| seen.service == *name) {
                let targets = self.targets.names().cloned().collect();
                return Err(RunError::NotFound { service: name.clone(), targets }.into());
            }
        }
        Ok(found)
    }

    /// A service that is on one target.
    pub(crate) async fn find_one(&self, executor: &Executor, wanted: &ServiceName) -> Result<Found, Failure> {
        let mut found = self.find(executor, std::slice::from_ref(wanted)).await?;
        if found.len() > 1 {
            let targets = found.into_iter().map(|(target, _)| target).collect();
            let error = RunError::Ambiguous { service: wanted.clone(), targets };
            return Err(Failure::from(error).with_hint("say which with --target"));
        }
        found.pop().ok_or_else(|| Failure::error(format!("there is no service {wanted}")))
    }
}

/// Files as they are, and of folders the spec files in them.
fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let failed = |error: std::io::Error| Failure::error(format!("cannot list {}: {error}", path.display()));
        let entries = std::fs::read_dir(path).map_err(failed)?;
        let entries = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut found: Vec<_> =
            entries.into_iter().filter(|entry| Format::of_path(entry).is_some() && entry.is_file()).collect();
        if found.is_empty() {
            return Err(Failure::error(format!("there is no spec file in {}", path.display()))
                .with_hint("they are named .yaml, .yml, .json or .toml"));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// The name under which leases are held, for people: `ana with deploykit (process 4711)`.
#[expect(clippy::disallowed_methods, reason = "who runs the program is asked where it starts")]
fn holder(program: &str) -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("USERNAME"));
    let user = user.map(|user| format!("{user} with ")).unwrap_or_default();
    format!("{user}{program} (process {})", std::process::id())
}

/// A reader of secrets that others hold too.
#[derive(Debug)]
struct Shared(Arc<dyn SecretReader>);

#[async_trait]
impl SecretReader for Shared {
    async fn read(&self, source: &SecretSource) -> Result<secrecy::SecretString, SecretError> {
        self.0.read(source).await
    }
}
