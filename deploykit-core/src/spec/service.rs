use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Artifact, EnvValue, Expose, FileSpec, Port, Probes, Resources, SecretSource, Shutdown, Strategy};
use crate::name::{PortName, ServiceName, TargetName, VarName};
use crate::units::{Share, duration};

/// A service as it should be.
///
/// A few of its fields make up the *template*: the artifact, and what an instance gets when it starts. A change of one
/// of those needs new instances and makes a new [`Revision`](crate::Revision); a change of any other field is made in
/// place. [`field_class`](crate::diff::field_class) tells which is which, and why.
///
/// ```
/// use deploykit_core::spec::{Artifact, ServiceSpec};
///
/// let spec = ServiceSpec::builder("orders", Artifact::image("registry.example/orders:1.4.0"))
///     .replicas(3)
///     .env("LOG_LEVEL", "info")
///     .port("http", 8080)
///     .ready_http("http", "/health")
///     .build()?;
/// assert_eq!(spec.service.as_str(), "orders");
/// # Ok::<(), deploykit_core::SpecError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ServiceSpec {
    /// The service's name.
    pub service: ServiceName,
    /// Free labels for people and queries; kept on the target where it can hold them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Which of the program's targets to deploy to. Default: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetName>,
    /// What is run.
    pub artifact: Artifact,
    /// How many instances to keep running. Default: 1; not together with `autoscale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// Let the target choose the number of instances; only where it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscale: Option<Autoscale>,
    /// What one instance may use at most. Default: no limit.
    #[serde(default, skip_serializing_if = "Resources::is_default")]
    pub resources: Resources,
    /// Environment variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<VarName, EnvValue>,
    /// Secret environment variables, by where their values come from; the values are never part of a spec.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<VarName, SecretSource>,
    /// Files that an instance finds at these absolute paths.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, FileSpec>,
    /// Ports that an instance listens on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<PortName, Port>,
    /// How to tell that an instance is ready, and that it is still alive.
    #[serde(default, skip_serializing_if = "Probes::is_default")]
    pub probes: Probes,
    /// Who can reach the service. Default: other services only.
    #[serde(default, skip_serializing_if = "Expose::is_default")]
    pub expose: Expose,
    /// How instances of one revision give way to those of the next. Default: rolling, one more at a time, none less.
    #[serde(default)]
    pub strategy: Strategy,
    /// A rollout that makes no progress for so long has failed. Default: 5m.
    #[serde(default = "default_deadline", with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub deadline: Duration,
    /// What to do with a failed rollout. Default: go back to the revision that worked last.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// How an instance is brought to its end.
    #[serde(default, skip_serializing_if = "Shutdown::is_default")]
    pub shutdown: Shutdown,
    /// Services that have to run before this one is deployed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub depends_on: BTreeSet<ServiceName>,
    /// How many revisions to keep on the target, so that one can go back to them; the running one counts. Default: 5.
    #[serde(default = "default_history")]
    pub history: u32,
}

/// Default of [`ServiceSpec::deadline`].
pub(super) fn default_deadline() -> Duration {
    Duration::from_mins(5)
}

/// Default of [`ServiceSpec::history`].
pub(super) fn default_history() -> u32 {
    5
}

impl ServiceSpec {
    /// How many instances to run, whoever chooses.
    pub fn scale(&self) -> Scale {
        match self.autoscale {
            Some(Autoscale { min, max, .. }) => Scale::Auto { min, max },
            None => Scale::Fixed(self.replicas.unwrap_or(1)),
        }
    }
}

/// How many instances a service should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// This number.
    Fixed(u32),
    /// A number in these bounds that the target chooses.
    Auto {
        /// At least so many.
        min: u32,
        /// At most so many.
        max: u32,
    },
}

/// Bounds in which the target chooses the number of instances by their load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Autoscale {
    /// At least so many instances.
    pub min: u32,
    /// At most so many instances.
    pub max: u32,
    /// The CPU use to aim at, as a share of what an instance asked for. Default: 70%.
    #[serde(default = "default_cpu")]
    pub cpu: Share,
}

fn default_cpu() -> Share {
    Share::percent(70)
}

/// What to do when a rollout has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Go back to the revision that worked last; a first deployment is taken away again.
    #[default]
    RollBack,
    /// Start nothing more, take users off the new revision where that is possible, and leave its instances to look at.
    Halt,
    /// Leave everything as it is.
    Leave,
}
