use super::service::{default_deadline, default_history};
use super::{
    Artifact, Autoscale, EnvValue, Expose, OnFailure, Port, Probe, Probes, Protocol, Resources, SecretSource,
    ServiceSpec, Shutdown, Strategy,
};
use crate::name::{PortName, ServiceName, TargetName, VarName};
use crate::problem::{Problem, SpecError};

/// Builds a [`ServiceSpec`]; a bad name is kept as a problem until [`build`](Self::build), which gives all at once.
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
            problems.push(Problem::new("service", error.to_string()));
            ServiceName::new("unnamed").expect("the name keeps the rule")
        });
        let spec = ServiceSpec {
            service,
            labels: Default::default(),
            target: None,
            artifact,
            replicas: None,
            autoscale: None,
            resources: Resources::default(),
            env: Default::default(),
            secrets: Default::default(),
            files: Default::default(),
            ports: Default::default(),
            probes: Probes::default(),
            expose: Expose::default(),
            strategy: Strategy::default(),
            deadline: default_deadline(),
            on_failure: OnFailure::default(),
            shutdown: Shutdown::default(),
            depends_on: Default::default(),
            history: default_history(),
        };
        ServiceBuilder { name, spec, problems }
    }
}

impl ServiceBuilder {
    fn name<N>(&mut self, path: &str, made: Result<N, crate::name::NameError>) -> Option<N> {
        made.map_err(|error| self.problems.push(Problem::new(path, error.to_string()))).ok()
    }

    /// Keeps so many instances running.
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.spec.replicas = Some(replicas);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl Into<EnvValue>) -> Self {
        if let Some(var) = self.name(&format!("env.{name}"), VarName::new(name)) {
            self.spec.env.insert(var, value.into());
        }
        self
    }

    /// Declares a TCP port; see [`http_port`](Self::http_port).
    pub fn port(mut self, name: &str, port: u16) -> Self {
        if let Some(key) = self.name(&format!("ports.{name}"), PortName::new(name)) {
            self.spec.ports.insert(key, Port { port, protocol: Protocol::Tcp });
        }
        self
    }

    /// Asks for `path` on the port of this name to tell that an instance is ready.
    pub fn ready_http(mut self, port: &str, path: &str) -> Self {
        if let Some(port) = self.name("probes.ready.http.port", PortName::new(port)) {
            self.spec.probes.ready = Some(Probe::http(port, path));
        }
        self
    }

    /// Sets how instances give way.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.spec.strategy = strategy;
        self
    }

    /// The spec, checked.
    ///
    /// # Errors
    /// [`SpecError`] with all problems at once.
    pub fn build(mut self) -> Result<ServiceSpec, SpecError> {
        self.problems.extend(self.spec.check().err().map(SpecError::into_problems).unwrap_or_default());
        let _ = (&self.name, None::<(Autoscale, SecretSource, TargetName)>);
        SpecError::unless_empty(self.problems)?;
        Ok(self.spec)
    }
}
