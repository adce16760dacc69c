//! The canonical form of a template, version 1.
//!
//! A mirror of the fields that make up a template, made for hashing alone: JSON with the keys of every object in
//! alphabetical order and fields at their default left out, so that a field added later keeps the digests of all
//! specs that do not use it. What is written here must never change; a change is a new version.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::name::{PortName, VarName};
use crate::pin::{Pins, SecretDigest};
use crate::spec::{
    Architecture, Artifact, EnvValue, FileSpec, Port, Probe, ProbeKind, Probes, Protocol, Resources, ServiceSpec,
    Shutdown,
};

pub(super) fn encode(spec: &ServiceSpec, pins: &Pins) -> Vec<u8> {
    serde_json::to_vec(&Template::of(spec, pins)).unwrap_or_default()
}

#[derive(Serialize)]
struct Template<'a> {
    artifact: BTreeMap<&'static str, Field<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<&'a VarName, Field<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    files: BTreeMap<&'a str, BTreeMap<&'static str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grace_ms: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    ports: BTreeMap<&'a PortName, BTreeMap<&'static str, Field<'a>>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    probes: BTreeMap<&'static str, BTreeMap<&'static str, Field<'a>>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    resources: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    secrets: BTreeMap<&'a VarName, &'a SecretDigest>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Field<'a> {
    Number(u64),
    Text(&'a str),
    List(&'a [String]),
    Map(BTreeMap<&'static str, Field<'a>>),
}

impl<'a> Template<'a> {
    fn of(spec: &'a ServiceSpec, pins: &'a Pins) -> Self {
        Self {
            artifact: artifact(&spec.artifact, pins),
            env: spec.env.iter().map(|(name, value)| (name, env_value(value))).collect(),
            files: spec.files.iter().map(|(path, file)| (path.as_str(), file_fields(file))).collect(),
            grace_ms: (spec.shutdown.grace != Shutdown::default().grace).then(|| millis(spec.shutdown.grace)),
            ports: spec.ports.iter().map(|(name, port)| (name, port_fields(*port))).collect(),
            probes: probes(&spec.probes),
            resources: resources(spec.resources),
            secrets: pins.secrets.iter().collect(),
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn artifact<'a>(artifact: &'a Artifact, pins: &'a Pins) -> BTreeMap<&'static str, Field<'a>> {
    let mut fields = BTreeMap::from([("kind", Field::Text(artifact.kind()))]);
    // The content, where it is known, is the identity; the name it was found under is not.
    let mut content = |name| match &pins.artifact {
        Some(digest) => fields.insert("digest", Field::Text(digest.as_str())),
        None => fields.insert("reference", Field::Text(name)),
    };
    match artifact {
        Artifact::Image(image) => content(&image.reference),
        Artifact::Jar(jar) => content(&jar.path),
        Artifact::War(war) => content(&war.path),
        Artifact::Machine(machine) => content(&machine.image),
        Artifact::Function(function) => content(function.zip.as_ref().or(function.image.as_ref()).map_or("", |s| s)),
    };
    match artifact {
        Artifact::Image(_) | Artifact::Machine(_) => {}
        Artifact::Jar(jar) => {
            fields.extend(jar.java.as_deref().map(|java| ("java", Field::Text(java))));
            fields.extend((!jar.jvm_args.is_empty()).then_some(("jvm_args", Field::List(&jar.jvm_args))));
            fields.extend((!jar.args.is_empty()).then_some(("args", Field::List(&jar.args))));
        }
        Artifact::War(war) => {
            fields.extend((war.context != "/").then_some(("context", Field::Text(&war.context))));
        }
        Artifact::Function(function) => {
            fields.extend(function.handler.as_deref().map(|handler| ("handler", Field::Text(handler))));
            fields.extend(function.runtime.as_deref().map(|runtime| ("runtime", Field::Text(runtime))));
            let arm = function.architecture == Architecture::Arm64;
            fields.extend(arm.then_some(("architecture", Field::Text("arm64"))));
        }
    }
    fields
}

fn env_value(value: &EnvValue) -> Field<'_> {
    match value {
        EnvValue::Text(text) => Field::Text(text),
        EnvValue::Address(address) => {
            let port = address.port.as_ref().map(|port| ("port", Field::Text(port.as_str())));
            let service = ("address_of", Field::Text(address.address_of.as_str()));
            Field::Map(port.into_iter().chain([service]).collect())
        }
    }
}

fn file_fields(file: &FileSpec) -> BTreeMap<&'static str, &str> {
    let content = file.content.as_deref().unwrap_or_default();
    // `644` and `0644` are one mode.
    let mode = file.mode.trim_start_matches('0');
    let mode = (mode != "644").then_some(("mode", mode));
    mode.into_iter().chain([("content", content)]).collect()
}

fn port_fields(port: Port) -> BTreeMap<&'static str, Field<'static>> {
    let protocol = match port.protocol {
        Protocol::Tcp => None,
        Protocol::Http => Some("http"),
        Protocol::Http2 => Some("http2"),
        Protocol::Grpc => Some("grpc"),
        Protocol::Udp => Some("udp"),
    };
    let protocol = protocol.map(|protocol| ("protocol", Field::Text(protocol)));
    protocol.into_iter().chain([("port", Field::Number(port.port.into()))]).collect()
}

fn resources(resources: Resources) -> BTreeMap<&'static str, u64> {
    let cpu = resources.cpu.map(|cpu| ("cpu_millis", cpu.as_millis()));
    let memory = resources.memory.map(|memory| ("memory_bytes", memory.as_bytes()));
    let pids = resources.pids.map(|pids| ("pids", pids.into()));
    cpu.into_iter().chain(memory).chain(pids).collect()
}

fn probes(probes: &Probes) -> BTreeMap<&'static str, BTreeMap<&'static str, Field<'_>>> {
    let named = [("live", &probes.live), ("ready", &probes.ready), ("startup", &probes.startup)];
    named.into_iter().filter_map(|(name, probe)| Some((name, probe_fields(probe.as_ref()?)))).collect()
}

fn probe_fields(probe: &Probe) -> BTreeMap<&'static str, Field<'_>> {
    let mut fields = BTreeMap::new();
    for kind in probe.kinds() {
        let (name, asked) = match kind {
            ProbeKind::Http(http) => {
                ("http", vec![("path", Field::Text(&http.path)), ("port", Field::Text(http.port.as_str()))])
            }
            ProbeKind::Tcp(tcp) => ("tcp", vec![("port", Field::Text(tcp.port.as_str()))]),
            ProbeKind::Exec(exec) => ("exec", vec![("command", Field::List(&exec.command))]),
            ProbeKind::Grpc(grpc) => {
                let service = grpc.service.as_deref().map(|service| ("service", Field::Text(service)));
                ("grpc", service.into_iter().chain([("port", Field::Text(grpc.port.as_str()))]).collect())
            }
        };
        fields.insert(name, Field::Map(asked.into_iter().collect()));
    }
    let numbers = [
        ("failures", u64::from(probe.failures), 3),
        ("initial_delay_ms", millis(probe.initial_delay), 0),
        ("period_ms", millis(probe.period), 1000),
        ("successes", u64::from(probe.successes), 1),
        ("timeout_ms", millis(probe.timeout), 1000),
    ];
    for (name, value, default) in numbers {
        if value != default {
            fields.insert(name, Field::Number(value));
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// A spec in which every field of the template differs from its default.
    fn full() -> (ServiceSpec, Pins) {
        let text = r#"{
            "service": "orders",
            "artifact": {"jar": {"path": "orders.jar", "java": ">=17", "jvm_args": ["-Xmx1g"], "args": ["--fast"]}},
            "resources": {"cpu": "1500m", "memory": "1Gi", "pids": 100},
            "env": {"Z": "last", "A": "first", "DB": {"address_of": "db", "port": "sql"}, "ANY": {"address_of": "db"}},
            "secrets": {"TOKEN": {"env": "TOKEN"}},
            "files": {"/etc/b": {"content": "x\n"}, "/etc/a": {"content": "", "mode": "0600"}},
            "ports": {"http": {"port": 8080, "protocol": "http"}, "admin": {"port": 9090}},
            "probes": {
                "startup": {"exec": {"command": ["check", "--all"]}, "initial_delay": "3s"},
                "ready": {"http": {"port": "http", "path": "/health"}, "period": "2s", "successes": 2},
                "live": {"grpc": {"port": "admin", "service": "x"}, "timeout": "500ms", "failures": 9}
            },
            "shutdown": {"grace": "1m"}
        }"#;
        let secrets = r#"{"secrets": {"TOKEN": "k1-00"}}"#;
        (serde_json::from_str(text).unwrap(), serde_json::from_str(secrets).unwrap())
    }

    fn text(spec: &ServiceSpec, pins: &Pins) -> String {
        String::from_utf8(encode(spec, pins)).unwrap()
    }

    /// Whether the keys of every object in this JSON text stand in alphabetical order and no white space is between.
    fn is_sorted(text: &str) -> bool {
        // Values of serde_json keep their keys sorted, so that writing them again sorts.
        let value: Value = serde_json::from_str(text).unwrap();
        serde_json::to_string(&value).unwrap() == text
    }

    #[test]
    fn keys_are_sorted_and_nothing_is_between() {
        let (spec, pins) = full();
        let text = text(&spec, &pins);
        assert!(is_sorted(&text), "{text}");
        assert!(!is_sorted(r#"{"b":1,"a":2}"#), "the test itself cannot tell");
    }

    #[test]
    fn the_canonical_form() {
        let (spec, pins) = full();
        insta::assert_snapshot!(text(&spec, &pins).replace("},", "},\n"), @r#"
        {"artifact":{"args":["--fast"],"java":">=17","jvm_args":["-Xmx1g"],"kind":"jar","reference":"orders.jar"},
        "env":{"A":"first","ANY":{"address_of":"db"},
        "DB":{"address_of":"db","port":"sql"},
        "Z":"last"},
        "files":{"/etc/a":{"content":"","mode":"600"},
        "/etc/b":{"content":"x\n"}},
        "grace_ms":60000,"ports":{"admin":{"port":9090},
        "http":{"port":8080,"protocol":"http"}},
        "probes":{"live":{"failures":9,"grpc":{"port":"admin","service":"x"},
        "timeout_ms":500},
        "ready":{"http":{"path":"/health","port":"http"},
        "period_ms":2000,"successes":2},
        "startup":{"exec":{"command":["check","--all"]},
        "initial_delay_ms":3000}},
        "resources":{"cpu_millis":1500,"memory_bytes":1073741824,"pids":100},
        "secrets":{"TOKEN":"k1-00"}}
        "#);
    }

    #[test]
    fn defaults_are_left_out() {
        let spec = ServiceSpec::builder("orders", Artifact::image("orders:1")).build().unwrap();
        let short = text(&spec, &Pins::default());
        assert_eq!(short, r#"{"artifact":{"kind":"image","reference":"orders:1"}}"#);
    }
}
