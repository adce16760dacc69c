//! What a service should be: the declaration that a person writes, as types.
//!
//! The Rust types and the files say the same things under the same names. Every default is filled in when a spec is
//! made, so that nothing after it has to know one.

mod artifact;
mod build;
mod check;
mod expose;
#[cfg(feature = "files")]
pub mod file;
mod probe;
#[cfg(feature = "schema")]
mod schema;
mod service;
mod strategy;
mod text;
mod workload;

pub use artifact::{
    Architecture, Artifact, BuildCommand, FunctionArtifact, ImageArtifact, ImageBuild, JarArtifact, MachineArtifact,
    PullPolicy, WarArtifact,
};
pub use build::{ServiceBuilder, Written};
pub use check::check_set;
pub use expose::{Expose, HttpExpose};
pub use probe::{ExecProbe, GrpcProbe, HttpProbe, Probe, ProbeKind, Probes, TcpProbe};
#[cfg(feature = "schema")]
pub use schema::schema;
pub(crate) use service::DEFAULT_DEADLINE;
pub use service::{Autoscale, OnFailure, Scale, ServiceSpec};
pub use strategy::{BlueGreen, Canary, Gate, MatchRule, Rolling, Stage, Strategy};
pub use workload::{AddressOf, EnvValue, FileSpec, Port, Protocol, Resources, SecretSource, Shutdown};
