use serde::{Deserialize, Serialize};

/// Who can reach a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Expose {
    /// Other services of the same target.
    #[default]
    Internal,
    /// Everybody, over HTTP.
    Http(HttpExpose),
    /// Everybody who reaches a node, on this port of it.
    NodePort(u16),
    /// Everybody, through a load balancer of the platform; `true` is the only value.
    LoadBalancer(bool),
}

impl Expose {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which HTTP requests belong to a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HttpExpose {
    /// Requests to this host. Default: any host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Requests whose path begins with this. Default: `/`.
    #[serde(default = "root")]
    pub path: String,
    /// The port of the service that answers them. Default: its only one, or the one called `http`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<crate::name::PortName>,
}

fn root() -> String {
    "/".to_owned()
}
