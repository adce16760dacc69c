use std::fmt;
use std::time::Duration;

use serde::de::{MapAccess, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::{PortName, ServiceName};
use crate::units::{Cpu, Memory, duration};

/// The value of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvValue {
    /// This text.
    Text(String),
    /// Where another service is reached; the target fills it in.
    Address(AddressOf),
}

/// A reference to where another service is reached: `host:port`, or a URL where the port's protocol is `http`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AddressOf {
    /// The other service.
    pub address_of: ServiceName,
    /// Which of its ports. Default: the only one it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<PortName>,
}

impl From<&str> for EnvValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for EnvValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Serialize for EnvValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Address(address) => address.serialize(serializer),
        }
    }
}

// Not `untagged`: its errors name neither the field nor what is wrong with it.
impl<'de> Deserialize<'de> for EnvValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = EnvValue;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or a map with `address_of`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<EnvValue, E> {
                Ok(EnvValue::Text(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EnvValue, A::Error> {
                AddressOf::deserialize(MapAccessDeserializer::new(map)).map(EnvValue::Address)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for EnvValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EnvValue".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let address = generator.subschema_for::<AddressOf>();
        schemars::json_schema!({
            "description": "The value of an environment variable: a text, or where another service is reached.",
            "anyOf": [{ "type": "string" }, address],
        })
    }
}

/// Where a secret's value comes from. The value is fetched just before it is needed and never kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum SecretSource {
    /// An environment variable of the deploying process.
    Env(String),
    /// A file on the deploying machine; one line end at its end is left out.
    File(String),
    /// What a program prints; one line end at its end is left out. No shell is involved.
    Command(Vec<String>),
    /// A key of a Secret in the cluster and namespace that is deployed to; the target reads it.
    Kubernetes {
        /// The Secret's name.
        secret: String,
        /// The key in it.
        key: String,
    },
    /// The ARN of a Secrets Manager secret or an SSM parameter; the target reads it.
    Aws(String),
}

impl SecretSource {
    /// Whether the target reads the value itself, so that it never passes through the deploying machine.
    pub fn is_read_by_target(&self) -> bool {
        matches!(self, Self::Kubernetes { .. } | Self::Aws(_))
    }
}

/// A file that an instance finds in its file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// The text it holds. This or `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// A file to take the text from, relative to the spec file; read when planning. This or `content`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its permissions in octal. Default: `0644`.
    #[serde(default = "default_mode")]
    pub mode: String,
}

/// Default of [`FileSpec::mode`].
pub(super) fn default_mode() -> String {
    "0644".to_owned()
}

/// A port that an instance listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Its number, 1 to 65535.
    pub port: u16,
    /// What is spoken on it. Default: `tcp`.
    #[serde(default)]
    pub protocol: Protocol,
}

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Any protocol over TCP.
    #[default]
    Tcp,
    /// HTTP/1.1.
    Http,
    /// HTTP/2 without TLS.
    Http2,
    /// gRPC.
    Grpc,
    /// Datagrams.
    Udp,
}

/// What one instance may use at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Processor time. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Memory. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Processes and threads. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids: Option<u32>,
}

impl Resources {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How an instance is brought to its end: users are taken off it, it is asked to stop, at last it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// How long requests under way may take to finish once no new ones come. Default: 10s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub drain: Duration,
    /// How long the instance may take to stop by itself after it was asked. Default: 30s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub grace: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { drain: Duration::from_secs(10), grace: Duration::from_secs(30) }
    }
}

impl Shutdown {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
