use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::name::PortName;
use crate::units::duration;

/// The questions asked of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Probes {
    /// Can it take requests? Default: it can as soon as it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Probe>,
    /// Is it still working, or should it be replaced? Default: it works as long as it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Probe>,
    /// Has it started? The others are not asked before. Default: not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup: Option<Probe>,
}

impl Probes {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One question, and how often and how patiently it is asked. Exactly one of `http`, `tcp`, `exec` and `grpc` is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// A GET that has to be answered with a status from 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpProbe>,
    /// A connection that has to be accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpProbe>,
    /// A program in the instance that has to exit with 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<ExecProbe>,
    /// The gRPC health check protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcProbe>,
    /// Time from one try to the next. Default: 1s.
    #[serde(default = "one_second", with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub period: Duration,
    /// Time within which a try has to be answered. Default: 1s.
    #[serde(default = "one_second", with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub timeout: Duration,
    /// Time before the first try. Default: none.
    #[serde(default, with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub initial_delay: Duration,
    /// So many failures in a row count. Default: 3.
    #[serde(default = "three")]
    pub failures: u32,
    /// So many successes in a row count, after a failure. Default: 1.
    #[serde(default = "one")]
    pub successes: u32,
}

fn one_second() -> Duration {
    Duration::from_secs(1)
}

fn three() -> u32 {
    3
}

fn one() -> u32 {
    1
}

/// What a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind<'a> {
    /// See [`Probe::http`].
    Http(&'a HttpProbe),
    /// See [`Probe::tcp`].
    Tcp(&'a TcpProbe),
    /// See [`Probe::exec`].
    Exec(&'a ExecProbe),
    /// See [`Probe::grpc`].
    Grpc(&'a GrpcProbe),
}

impl Probe {
    fn bare() -> Self {
        Self {
            http: None,
            tcp: None,
            exec: None,
            grpc: None,
            period: one_second(),
            timeout: one_second(),
            initial_delay: Duration::ZERO,
            failures: three(),
            successes: one(),
        }
    }

    /// Asks for `path` on `port`.
    pub fn http(port: PortName, path: impl Into<String>) -> Self {
        Self { http: Some(HttpProbe { port, path: path.into() }), ..Self::bare() }
    }

    /// Connects to `port`.
    pub fn tcp(port: PortName) -> Self {
        Self { tcp: Some(TcpProbe { port }), ..Self::bare() }
    }

    /// Runs a program in the instance.
    pub fn exec(command: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { exec: Some(ExecProbe { command: command.into_iter().map(Into::into).collect() }), ..Self::bare() }
    }

    /// Asks the gRPC health check protocol on `port` about the server as a whole.
    pub fn grpc(port: PortName) -> Self {
        Self { grpc: Some(GrpcProbe { port, service: None }), ..Self::bare() }
    }

    /// Every question that is asked; a checked spec has exactly one.
    pub fn kinds(&self) -> impl Iterator<Item = ProbeKind<'_>> {
        let http = self.http.iter().map(ProbeKind::Http);
        let tcp = self.tcp.iter().map(ProbeKind::Tcp);
        let exec = self.exec.iter().map(ProbeKind::Exec);
        let grpc = self.grpc.iter().map(ProbeKind::Grpc);
        http.chain(tcp).chain(exec).chain(grpc)
    }
}

impl ProbeKind<'_> {
    /// The port that is asked, if it goes to one.
    pub fn port(&self) -> Option<&PortName> {
        match self {
            Self::Http(probe) => Some(&probe.port),
            Self::Tcp(probe) => Some(&probe.port),
            Self::Grpc(probe) => Some(&probe.port),
            Self::Exec(_) => None,
        }
    }
}

/// An HTTP question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// One of the service's ports.
    pub port: PortName,
    /// The path. Default: `/`.
    #[serde(default = "root")]
    pub path: String,
}

fn root() -> String {
    "/".to_owned()
}

/// A TCP question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TcpProbe {
    /// One of the service's ports.
    pub port: PortName,
}

/// A program to run in the instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExecProbe {
    /// The program and its arguments; no shell is involved.
    pub command: Vec<String>,
}

/// A gRPC health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GrpcProbe {
    /// One of the service's ports.
    pub port: PortName,
    /// The service name to ask about. Default: the server as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}
