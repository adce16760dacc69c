use std::collections::BTreeMap;

use super::Found;
use super::artifact::is_url_path;
use super::limits::{positive, short};
use crate::name::PortName;
use crate::spec::text::{enumerate, nearest};
use crate::spec::{Artifact, Expose, HttpExpose, Port, Probe, ProbeKind, Protocol, ServiceSpec};

pub(super) fn check(spec: &ServiceSpec, found: &mut Found<'_>) {
    check_ports(&spec.ports, found);
    let probes = &spec.probes;
    for (name, probe) in [("ready", &probes.ready), ("live", &probes.live), ("startup", &probes.startup)] {
        if let Some(probe) = probe {
            check_probe(&format!("probes.{name}"), probe, spec, found);
        }
    }
    check_expose(spec, found);
}

fn check_ports(ports: &BTreeMap<PortName, Port>, found: &mut Found<'_>) {
    let mut taken: BTreeMap<(u16, bool), &PortName> = BTreeMap::new();
    for (name, port) in ports {
        let path = format!("ports.{name}.port");
        if port.port == 0 {
            found.add(
                path,
                "0 is not a port that something can be reached on",
                "write the one it listens on, like 8080",
            );
        } else if let Some(other) = taken.insert((port.port, port.protocol == Protocol::Udp), name) {
            let hint = "an instance listens on a port once; keep one of the two names";
            found.add(path, format!("{} is the port of `{other}` too", port.port), hint);
        }
    }
}

fn check_probe(path: &str, probe: &Probe, spec: &ServiceSpec, found: &mut Found<'_>) {
    match probe.kinds().count() {
        0 => found.add(path, "it asks nothing", "write one of `http`, `tcp`, `exec` and `grpc` in it"),
        1 => {}
        _ => found.add(path, "it asks several things", "keep one of `http`, `tcp`, `exec` and `grpc`"),
    }
    for kind in probe.kinds() {
        let name = match kind {
            ProbeKind::Http(http) => {
                if !is_url_path(&http.path) {
                    let hint = "write it like `/health`";
                    found.add(format!("{path}.http.path"), "a path begins with `/` and has no spaces", hint);
                }
                "http"
            }
            ProbeKind::Tcp(_) => "tcp",
            ProbeKind::Exec(exec) => {
                found.command(&format!("{path}.exec.command"), &exec.command);
                "exec"
            }
            ProbeKind::Grpc(_) => "grpc",
        };
        if let Some(port) = kind.port() {
            check_named_port(&format!("{path}.{name}.port"), port, spec, found);
        }
    }
    positive(found, &format!("{path}.period"), probe.period, "the instance would be asked without a pause", "1s");
    positive(found, &format!("{path}.timeout"), probe.timeout, "no answer could be in time", "1s");
    short(found, &format!("{path}.initial_delay"), probe.initial_delay);
    if probe.initial_delay >= spec.deadline && !spec.deadline.is_zero() {
        let hint = "write a shorter `initial_delay` or a longer `deadline`";
        found.add(format!("{path}.initial_delay"), "a rollout has failed by its `deadline` before the first try", hint);
    }
    for (name, count) in [("failures", probe.failures), ("successes", probe.successes)] {
        if count == 0 {
            found.add(format!("{path}.{name}"), "0 tries tell nothing", "write at least 1, or take the field out");
        }
    }
}

/// A port that a connection is made to has to be declared, and not to be for datagrams.
fn check_named_port(path: &str, name: &PortName, spec: &ServiceSpec, found: &mut Found<'_>) {
    match spec.ports.get(name) {
        Some(port) if port.protocol == Protocol::Udp => {
            found.add(path, format!("`{name}` is a port for datagrams"), "name a port of another protocol than `udp`");
        }
        Some(_) => {}
        None => {
            let hint = match nearest(name.as_str(), spec.ports.keys().map(PortName::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None if spec.ports.is_empty() => format!("declare it: `ports: {{{name}: {{port: 8080}}}}`"),
                None => format!("declare it in `ports`, or name one of {}", port_names(&spec.ports)),
            };
            found.add(path, format!("the service has no port `{name}`"), hint);
        }
    }
}

/// The names of ports, for a message.
pub(super) fn port_names(ports: &BTreeMap<PortName, Port>) -> String {
    enumerate(&ports.keys().map(PortName::as_str).collect::<Vec<_>>(), "and")
}

fn check_expose(spec: &ServiceSpec, found: &mut Found<'_>) {
    match &spec.expose {
        Expose::Internal => {}
        Expose::Http(http) => check_http(http, spec, found),
        Expose::NodePort(port) => {
            if !(30_000..=32_767).contains(port) {
                let hint = "write one from 30000 to 32767, which is what clusters keep free for this";
                found.add("expose.node_port", format!("{port} is not a port that a node offers"), hint);
            }
            check_public_port("expose.node_port", spec, found);
        }
        Expose::LoadBalancer(true) => {
            if spec.ports.is_empty() && !is_function(spec) {
                no_ports("expose.load_balancer", found);
            }
        }
        Expose::LoadBalancer(false) => {
            let hint = "write `expose: internal`, or take `expose` out";
            found.add("expose.load_balancer", "`true` is the only value", hint);
        }
    }
}

fn check_http(http: &HttpExpose, spec: &ServiceSpec, found: &mut Found<'_>) {
    if let Some(host) = &http.host
        && !is_host(host)
    {
        let hint = "write a name like `shop.example` or `*.shop.example`, without a scheme, port or path";
        found.add("expose.http.host", format!("`{}` is not a host", host.escape_debug()), hint);
    }
    if !is_url_path(&http.path) {
        found.add("expose.http.path", "a path begins with `/` and has no spaces", "write it like `/orders`");
    }
    match &http.port {
        Some(port) => check_named_port("expose.http.port", port, spec, found),
        None => check_public_port("expose.http", spec, found),
    }
}

/// Without a name, the port is the only one, or the one called `http`.
fn check_public_port(path: &str, spec: &ServiceSpec, found: &mut Found<'_>) {
    if is_function(spec) || spec.public_port().is_some() {
        return;
    }
    let streams: Vec<_> = spec.ports.iter().filter(|(_, port)| port.protocol != Protocol::Udp).collect();
    if streams.is_empty() {
        return no_ports(path, found);
    }
    let names = enumerate(&streams.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), "and");
    let hint = if path == "expose.http" { "name it: `port: ..`, or call it `http`" } else { "call it `http`" };
    found.add(path, format!("it is not clear which of the ports {names} is meant"), hint);
}

fn no_ports(path: &str, found: &mut Found<'_>) {
    let hint = "declare one: `ports: {http: {port: 8080, protocol: http}}`";
    found.add(path, "the service has no port that could be reached", hint);
}

fn is_function(spec: &ServiceSpec) -> bool {
    matches!(spec.artifact, Artifact::Function(_))
}

fn is_host(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

impl ServiceSpec {
    /// The port that users from outside reach: the one that `expose.http` names, else the only one, else the one called
    /// `http`. Ports for datagrams do not count.
    pub fn public_port(&self) -> Option<(&PortName, Port)> {
        let named = if let Expose::Http(HttpExpose { port, .. }) = &self.expose { port.as_ref() } else { None };
        let mut ports = self.ports.iter().filter(|(_, port)| port.protocol != Protocol::Udp);
        let (name, port) = match (named, ports.clone().count()) {
            (Some(named), _) => ports.find(|(name, _)| *name == named)?,
            (None, 1) => ports.next()?,
            (None, _) => ports.find(|(name, _)| name.as_str() == "http")?,
        };
        Some((name, *port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for good in ["a", "shop.example", "*.shop.example", "10.0.0.1", "Shop.Example"] {
            assert!(is_host(good), "{good}");
        }
        for bad in ["", ".", "a..b", "http://a", "a:80", "a/b", "a b", "-a.b", "*", "a.*.b", &"a".repeat(64)] {
            assert!(!is_host(bad), "{bad:?} was taken");
        }
    }
}
