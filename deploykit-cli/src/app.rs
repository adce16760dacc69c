//! A program with a command line.

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, FromArgMatches as _};
use deploykit_core::exec::{LocalSecrets, Options, SecretReader, Targets};
use deploykit_core::{Deployer, DigestKey, ServiceSpec, TargetName};

use crate::args::{Cli, Color};
use crate::console::{tell, tell_failure};
use crate::exit::{Exit, Failure, Verdict};
use crate::interrupt::Interrupt;
use crate::open::{self, Open, OpenError};
use crate::session::Session;
use crate::verbs;

/// A program that deploys: some targets, maybe some services, and a command line over them.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use deploykit_cli::App;
/// use deploykit_core::memory::MemoryTarget;
/// use deploykit_core::spec::{Artifact, ServiceSpec};
///
/// fn main() -> ExitCode {
///     let version = option_env!("VERSION").unwrap_or("1.0.0");
///     let orders = ServiceSpec::builder("orders", Artifact::image(format!("shop/orders:{version}")))
///         .replicas(3)
///         .port("http", 8080)
///         .ready_http("http", "/health")
///         .build();
///     let orders = match orders {
///         Ok(spec) => spec,
///         Err(error) => return deploykit_cli::fail(&error),
///     };
///     App::new("deploy").target(MemoryTarget::new("memory")).specs([orders]).main()
/// }
/// ```
///
/// This program has the verbs `plan`, `apply`, `status`, `history`, `rollback` and all the others of `deploykit`.
#[must_use = "it does nothing until it is run"]
pub struct App {
    name: String,
    about: Option<String>,
    version: Option<String>,
    targets: Targets,
    kinds: Vec<(&'static str, Open)>,
    specs: Vec<ServiceSpec>,
    options: Options,
    secrets: Arc<dyn SecretReader>,
    key: Option<DigestKey>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let specs: Vec<_> = self.specs.iter().map(|spec| &spec.service).collect();
        f.debug_struct("App")
            .field("name", &self.name)
            .field("targets", &self.targets)
            .field("specs", &specs)
            .finish_non_exhaustive()
    }
}

impl App {
    /// A program of this name, without targets and services.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            about: None,
            version: None,
            targets: Targets::new(),
            kinds: Vec::new(),
            specs: Vec::new(),
            options: Options::default().with_event_buffer(1 << 16),
            secrets: Arc::new(LocalSecrets::new()),
            key: None,
        }
    }

    /// What it does, for its help.
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = Some(about.into());
        self
    }

    /// Its version, for `--version`. Default: that of deploykit.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Adds a target. All that it has are used unless `--target` names some.
    pub fn target(mut self, deployer: impl Deployer) -> Self {
        self.targets = self.targets.with(deployer);
        self
    }

    /// Adds a kind of target that `--target KIND:..` opens: from what stands after the colon, and the name it gets.
    pub fn target_kind<D: Deployer>(
        mut self,
        kind: &'static str,
        open: impl Fn(&str, TargetName) -> Result<D, OpenError> + Send + Sync + 'static,
    ) -> Self {
        let open = move |rest: &str, name: TargetName| open(rest, name).map(|opened| Arc::new(opened) as Arc<_>);
        self.kinds.push((kind, Arc::new(open)));
        self
    }

    /// Adds the kind `memory`: `memory:` is a new world, `memory:FILE` one that is kept in a file.
    ///
    /// Options after a `?`, with `&` between them, make it slow or misbehave: `start_time=5s`, `stop_time=1s`,
    /// `latency=100ms` of each call; `never_ready=TEXT` and `exits=TEXT` are about instances whose artifact's name
    /// contains the text.
    pub fn memory_targets(mut self) -> Self {
        self.kinds.push(("memory", Arc::new(open::memory)));
        self
    }

    /// Adds services to deploy. They count unless `--file` names others.
    pub fn specs(mut self, specs: impl IntoIterator<Item = ServiceSpec>) -> Self {
        self.specs.extend(specs);
        self
    }

    /// How the executor goes about its work.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Who reads the values of secrets. Default: [`LocalSecrets`].
    pub fn secrets(mut self, secrets: impl SecretReader) -> Self {
        self.secrets = Arc::new(secrets);
        self
    }

    /// The key under which secrets are compared, unless the command line or the environment gives another.
    pub fn digest_key(mut self, key: DigestKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Does what the command line says, in a runtime of its own.
    pub fn main(self) -> ExitCode {
        match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(self.run()),
            Err(error) => {
                tell_failure(&Failure::error(format!("cannot start: {error}")));
                Exit::Failed.into()
            }
        }
    }

    /// Does what the command line says.
    pub async fn run(self) -> ExitCode {
        self.run_with(std::env::args_os()).await.into()
    }

    /// Does what these arguments say; the first is the program's name.
    pub async fn run_with<T: Into<OsString> + Clone>(self, arguments: impl IntoIterator<Item = T>) -> Exit {
        let command = self.command();
        let parsed = command.clone().try_get_matches_from(arguments).and_then(|found| Cli::from_arg_matches(&found));
        let cli = match parsed {
            Ok(cli) => cli,
            Err(error) => {
                // Help and version go to the standard output, all else is an error.
                let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
                return error.print().map_or(Exit::Pipe, |()| exit);
            }
        };
        match self.obey(cli, command).await {
            Ok(exit) => exit,
            Err(failure) => {
                tell_failure(&failure);
                failure.exit
            }
        }
    }

    fn command(&self) -> clap::Command {
        let own = self.targets.names().map(ToString::to_string);
        let kinds = self.kinds.iter().map(|(kind, _)| format!("{kind}:.. or NAME={kind}:.."));
        let known: Vec<_> = own.chain(kinds).collect();
        let help = format!("A target; may be given more than once. There are: {}", known.join(", "));
        let mut command = Cli::command().name(self.name.clone()).bin_name(self.name.clone());
        command = command.mut_arg("targets", |argument| argument.help(help));
        if let Some(about) = &self.about {
            command = command.about(about.clone());
        }
        if let Some(version) = &self.version {
            command = command.version(version.clone());
        }
        command
    }

    async fn obey(self, cli: Cli, command: clap::Command) -> Verdict {
        match cli.global.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        let key = crate::key::find(cli.global.digest_key.as_deref())?.or(self.key);
        let session = Session {
            targets: open::open(&cli.global.targets, &self.targets, &self.kinds)?,
            command,
            name: self.name,
            kinds: self.kinds.iter().map(|(kind, _)| *kind).collect(),
            specs: self.specs,
            options: self.options,
            secrets: self.secrets,
            key,
            interrupt: Interrupt::listen(),
        };
        verbs::obey(&session, cli.verb).await
    }
}

/// Tells an error as the command line does, and gives the exit code for it.
pub fn fail(error: &dyn std::error::Error) -> ExitCode {
    tell_failure(&Failure::error(error.to_string()));
    let mut source = error.source();
    while let Some(error) = source {
        tell(format!("  {error}"));
        source = error.source();
    }
    Exit::Failed.into()
}
