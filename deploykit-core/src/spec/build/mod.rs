use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::service::{default_deadline, default_history};
use super::text::{clip, one_line, split_hint};
use super::workload::default_mode;
use super::{
    AddressOf, Artifact, Autoscale, BlueGreen, Canary, EnvValue, Expose, FileSpec, HttpExpose, OnFailure, Port, Probe,
    Probes, Protocol, Resources, Rolling, SecretSource, ServiceSpec, Shutdown, Stage, Strategy,
};
use crate::name::{PortName, ServiceName, TargetName, VarName};
use crate::problem::{Problem, SpecError};
use crate::units::{Amount, Cpu, Memory, Share};

mod written;

use written::Quantity;
pub use written::Written;

/// Builds a [`ServiceSpec`]: everything that a file can say, under the same names.
///
/// Quantities can be given as values or as the texts a file would have: `Duration::from_secs(300)` or `"5m"`. What is
/// wrong is kept as a problem until [`build`](Self::build), which gives all at once.
///
/// ```
/// use deploykit_core::spec::{Artifact, ServiceSpec};
///
/// let error = ServiceSpec::builder("orders", Artifact::image("orders:1"))
///     .memory("256MB")
///     .ready_http("http", "/health")
///     .build()
///     .unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "orders: resources.memory: `256MB` is not an amount of memory; write it in bytes or with a unit, \
///      like 268435456, 256Mi, 1.5Gi or 512M\n\
///      orders: probes.ready.http.port: the service has no port `http`; declare it: `ports: {http: {port: 8080}}`"
/// );
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ServiceBuilder {
    name: String,
    spec: ServiceSpec,
    problems: Vec<Problem>,
}

impl ServiceSpec {
    /// Begins a spec of this name that runs `artifact`, all else at its default.
    pub fn builder(service: impl Into<String>, artifact: Artifact) -> ServiceBuilder {
        let name = service.into();
        let mut problems = Vec::new();
        let service = ServiceName::new(&name).unwrap_or_else(|error| {
            problems.push(Problem::new("service", one_line(&error.to_string())));
            ServiceName::new("unnamed").expect("the name keeps the rule")
        });
        let spec = ServiceSpec {
            service,
            labels: BTreeMap::new(),
            target: None,
            artifact,
            replicas: None,
            autoscale: None,
            resources: Resources::default(),
            env: BTreeMap::new(),
            secrets: BTreeMap::new(),
            files: BTreeMap::new(),
            ports: BTreeMap::new(),
            probes: Probes::default(),
            expose: Expose::default(),
            strategy: Strategy::default(),
            deadline: default_deadline(),
            on_failure: OnFailure::default(),
            shutdown: Shutdown::default(),
            depends_on: BTreeSet::new(),
            history: default_history(),
        };
        ServiceBuilder { name, spec, problems }
    }
}

impl ServiceBuilder {
    /// The value, or a problem with the field at `path`.
    fn keep<T, E: fmt::Display>(&mut self, path: &str, made: Result<T, E>) -> Option<T> {
        made.map_err(|error| {
            let text = one_line(&error.to_string()).into_owned();
            let (message, hint) = split_hint(&text);
            let problem = Problem::new(one_line(path), message);
            let problem = match hint {
                Some(hint) => problem.with_hint(hint),
                None => problem,
            };
            self.problems.push(problem);
        })
        .ok()
    }

    /// Sets a label.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.spec.labels.insert(key.into(), value.into());
        self
    }

    /// Deploys to the target that the program gave this name.
    pub fn target(mut self, target: &str) -> Self {
        self.spec.target = self.keep("target", TargetName::new(target));
        self
    }

    /// Keeps so many instances running.
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.spec.replicas = Some(replicas);
        self
    }

    /// Lets the target choose the number of instances, to keep each at this use of its CPU.
    pub fn autoscale(mut self, min: u32, max: u32, cpu: impl Into<Written<Share>>) -> Self {
        if let Some(cpu) = self.keep("autoscale.cpu", Quantity::of(cpu.into())) {
            self.spec.autoscale = Some(Autoscale { min, max, cpu });
        }
        self
    }

    /// Limits the processor time of an instance.
    pub fn cpu(mut self, cpu: impl Into<Written<Cpu>>) -> Self {
        self.spec.resources.cpu = self.keep("resources.cpu", Quantity::of(cpu.into()));
        self
    }

    /// Limits the memory of an instance.
    pub fn memory(mut self, memory: impl Into<Written<Memory>>) -> Self {
        self.spec.resources.memory = self.keep("resources.memory", Quantity::of(memory.into()));
        self
    }

    /// Limits the processes and threads of an instance.
    pub fn pids(mut self, pids: u32) -> Self {
        self.spec.resources.pids = Some(pids);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl Into<EnvValue>) -> Self {
        if let Some(var) = self.keep(&format!("env.{name}"), VarName::new(name)) {
            self.spec.env.insert(var, value.into());
        }
        self
    }

    /// Sets an environment variable to where another service is reached, on its only port.
    pub fn env_address(self, name: &str, service: &str) -> Self {
        self.address(name, service, None)
    }

    /// Sets an environment variable to where another service is reached on the port of this name.
    pub fn env_address_of_port(self, name: &str, service: &str, port: &str) -> Self {
        self.address(name, service, Some(port))
    }

    fn address(mut self, name: &str, service: &str, port: Option<&str>) -> Self {
        let path = format!("env.{name}");
        let address_of = self.keep(&format!("{path}.address_of"), ServiceName::new(service));
        let port = port.map(|port| self.keep(&format!("{path}.port"), PortName::new(port)));
        let (Some(address_of), Some(port)) = (address_of, port.map_or(Some(None), |port| port.map(Some))) else {
            return self;
        };
        self.env(name, EnvValue::Address(AddressOf { address_of, port }))
    }

    /// Sets a secret environment variable, by where its value comes from.
    pub fn secret(mut self, name: &str, source: SecretSource) -> Self {
        if let Some(var) = self.keep(&format!("secrets.{name}"), VarName::new(name)) {
            self.spec.secrets.insert(var, source);
        }
        self
    }

    /// Puts a file with this text at an absolute path.
    pub fn file(mut self, path: impl Into<String>, content: impl Into<String>) -> Self {
        let file = FileSpec { content: Some(content.into()), from: None, mode: default_mode() };
        self.spec.files.insert(path.into(), file);
        self
    }

    /// Puts a file at an absolute path; for one with other permissions, or whose text is still to be read.
    pub fn file_spec(mut self, path: impl Into<String>, file: FileSpec) -> Self {
        self.spec.files.insert(path.into(), file);
        self
    }

    /// Declares a port of any protocol over TCP.
    pub fn port(self, name: &str, port: u16) -> Self {
        self.port_of(name, port, Protocol::Tcp)
    }

    /// Declares a port on which HTTP/1.1 is spoken.
    pub fn http_port(self, name: &str, port: u16) -> Self {
        self.port_of(name, port, Protocol::Http)
    }

    /// Declares a port on which this protocol is spoken.
    pub fn port_of(mut self, name: &str, port: u16, protocol: Protocol) -> Self {
        if let Some(key) = self.keep(&format!("ports.{name}"), PortName::new(name)) {
            self.spec.ports.insert(key, Port { port, protocol });
        }
        self
    }

    /// Asks for `path` on the port of this name to tell that an instance is ready.
    pub fn ready_http(mut self, port: &str, path: &str) -> Self {
        if let Some(port) = self.keep("probes.ready.http.port", PortName::new(port)) {
            self.spec.probes.ready = Some(Probe::http(port, path));
        }
        self
    }

    /// Connects to the port of this name to tell that an instance is ready.
    pub fn ready_tcp(mut self, port: &str) -> Self {
        if let Some(port) = self.keep("probes.ready.tcp.port", PortName::new(port)) {
            self.spec.probes.ready = Some(Probe::tcp(port));
        }
        self
    }

    /// Sets how to tell that an instance is ready.
    pub fn ready(mut self, probe: Probe) -> Self {
        self.spec.probes.ready = Some(probe);
        self
    }

    /// Sets how to tell that an instance still works.
    pub fn live(mut self, probe: Probe) -> Self {
        self.spec.probes.live = Some(probe);
        self
    }

    /// Sets how to tell that an instance has started.
    pub fn startup(mut self, probe: Probe) -> Self {
        self.spec.probes.startup = Some(probe);
        self
    }

    /// Sets who can reach the service.
    pub fn expose(mut self, expose: Expose) -> Self {
        self.spec.expose = expose;
        self
    }

    /// Lets everybody reach the service over HTTP at this host, below this path.
    pub fn expose_http(self, host: impl Into<String>, path: impl Into<String>) -> Self {
        self.expose(Expose::Http(HttpExpose { host: Some(host.into()), path: path.into(), port: None }))
    }

    /// Sets how instances give way.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.spec.strategy = strategy;
        self
    }

    /// Lets instances give way a few at a time.
    pub fn rolling(
        mut self,
        max_surge: impl Into<Written<Amount>>,
        max_unavailable: impl Into<Written<Amount>>,
    ) -> Self {
        let max_surge = self.keep("strategy.rolling.max_surge", Quantity::of(max_surge.into()));
        let max_unavailable = self.keep("strategy.rolling.max_unavailable", Quantity::of(max_unavailable.into()));
        if let (Some(max_surge), Some(max_unavailable)) = (max_surge, max_unavailable) {
            self.spec.strategy = Strategy::Rolling(Rolling { max_surge, max_unavailable, ..Rolling::default() });
        }
        self
    }

    /// Moves users at once when all new instances run beside the old ones.
    pub fn blue_green(self) -> Self {
        self.strategy(Strategy::BlueGreen(BlueGreen::default()))
    }

    /// Moves users over in stages.
    pub fn canary(self, stages: impl IntoIterator<Item = Stage>) -> Self {
        let stages = stages.into_iter().collect();
        self.strategy(Strategy::Canary(Canary { min_ready: Duration::ZERO, stages }))
    }

    /// Sets how long an instance has to be ready before it counts as available; after the strategy.
    pub fn min_ready(mut self, min_ready: impl Into<Written<Duration>>) -> Self {
        let Some(min_ready) = self.keep("strategy.min_ready", Quantity::of(min_ready.into())) else { return self };
        match &mut self.spec.strategy {
            Strategy::Rolling(rolling) => rolling.min_ready = min_ready,
            Strategy::BlueGreen(blue_green) => blue_green.min_ready = min_ready,
            Strategy::Canary(canary) => canary.min_ready = min_ready,
            Strategy::Recreate => self.problems.push(
                Problem::new("strategy.min_ready", "`recreate` has no `min_ready`")
                    .with_hint("all instances are stopped first, so none waits for another"),
            ),
        }
        self
    }

    /// Counts a rollout as failed that makes no progress for so long.
    pub fn deadline(mut self, deadline: impl Into<Written<Duration>>) -> Self {
        if let Some(deadline) = self.keep("deadline", Quantity::of(deadline.into())) {
            self.spec.deadline = deadline;
        }
        self
    }

    /// Sets what to do with a failed rollout.
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.spec.on_failure = on_failure;
        self
    }

    /// Sets how long requests under way, and then the instance itself, may take to end.
    pub fn shutdown(mut self, drain: impl Into<Written<Duration>>, grace: impl Into<Written<Duration>>) -> Self {
        let drain = self.keep("shutdown.drain", Quantity::of(drain.into()));
        let grace = self.keep("shutdown.grace", Quantity::of(grace.into()));
        if let (Some(drain), Some(grace)) = (drain, grace) {
            self.spec.shutdown = Shutdown { drain, grace };
        }
        self
    }

    /// Deploys this service after another.
    pub fn depends_on(mut self, service: &str) -> Self {
        let service = self.keep("depends_on", ServiceName::new(service));
        self.spec.depends_on.extend(service);
        self
    }

    /// Keeps so many revisions on the target.
    pub fn history(mut self, revisions: u32) -> Self {
        self.spec.history = revisions;
        self
    }

    /// The spec, checked.
    ///
    /// # Errors
    /// [`SpecError`] with all problems at once.
    pub fn build(mut self) -> Result<ServiceSpec, SpecError> {
        self.problems.extend(self.spec.check().err().map(SpecError::into_problems).unwrap_or_default());
        for problem in &mut self.problems {
            problem.service = Some(clip(&self.name));
        }
        SpecError::unless_empty(self.problems)?;
        Ok(self.spec)
    }
}
