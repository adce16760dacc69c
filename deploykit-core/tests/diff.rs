//! The diff of specs and observations.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;

use deploykit_core::diff::{Change, ChangeClass, diff};
use deploykit_core::pin::{DigestKey, SecretDigest};
use deploykit_core::spec::Artifact;
use deploykit_core::{
    Digest, Drift, Endpoint, Goal, Instance, InstanceId, Observed, Phase, PinnedSpec, PlatformState, Record,
    RecordStatus, Rollout, ServiceSpec, State, Submitted, Timestamp, Traffic, VarName,
};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Specs that together use every field there is.
fn full_specs() -> Vec<Value> {
    let artifacts = [
        json!({"image": {
            "reference": "registry.example/web:1", "pull": "missing",
            "build": {"context": ".", "dockerfile": "Dockerfile", "args": {"V": "1"}, "target": "run"},
        }}),
        json!({"jar": {
            "path": "web.jar", "java": ">=17", "jvm_args": ["-Xmx1g"], "args": ["serve"],
            "build": {"command": ["make"], "directory": "src"},
        }}),
        json!({"war": {"path": "web.war", "context": "/web", "build": {"command": ["make"], "directory": "src"}}}),
        json!({"machine": {"image": "web.qcow2", "build": {"command": ["make"], "directory": "src"}}}),
        json!({"function": {
            "zip": "web.zip", "handler": "main", "runtime": "java21", "architecture": "x86_64",
            "build": {"command": ["make"], "directory": "src"},
        }}),
        json!({"function": {"image": "registry.example/web:1", "architecture": "x86_64"}}),
    ];
    let rule = json!({"header": {"x-test": "1"}, "cookie": {"test": "1"}});
    let strategies = [
        json!("recreate"),
        json!({"rolling": {"max_surge": "25%", "max_unavailable": 1, "min_ready": "2s"}}),
        json!({"blue_green": {"min_ready": "2s", "test_users": rule, "gate": "manual", "keep_old": "1m"}}),
        json!({"canary": {"min_ready": "2s", "stages": [
            {"share": "0%", "test_users": rule, "instances": 2, "hold": "1m", "gate": "manual"},
            {"share": "50%", "hold": "5m"},
        ]}}),
    ];
    let exposes =
        [json!({"http": {"host": "web.example", "path": "/web", "port": "http"}}), json!({"node_port": 30080})];
    let spec = |artifact: &Value, strategy: &Value, expose: &Value, scale: (&str, Value)| {
        let mut spec = json!({
            "service": "web", "labels": {"team.example/name": "kitchen"}, "target": "docker", "artifact": artifact,
            "resources": {"cpu": "500m", "memory": "256Mi", "pids": 100},
            "env": {"LOG": "info", "DB": {"address_of": "db", "port": "sql"}},
            "secrets": {
                "ONE": {"env": "ONE"}, "TWO": {"file": "two"}, "THREE": {"command": ["three"]},
                "FOUR": {"kubernetes": {"secret": "four", "key": "k"}}, "FIVE": {"aws": "arn:aws:ssm:eu-central-1:123456789012:parameter/five"},
            },
            "files": {
                "/etc/web.from": {"content": "a: 1", "mode": "0600"},
            },
            "ports": {"http": {"port": 8080, "protocol": "http"}, "admin": {"port": 9090, "protocol": "tcp"}},
            "probes": {
                "ready": {"http": {"port": "http", "path": "/health"}, "period": "2s", "timeout": "2s",
                    "initial_delay": "1s", "failures": 4, "successes": 2},
                "live": {"grpc": {"port": "http", "service": "web"}},
                "startup": {"exec": {"command": ["true"]}},
            },
            "expose": expose, "strategy": strategy, "deadline": "5m", "on_failure": "halt",
            "shutdown": {"drain": "10s", "grace": "30s"}, "depends_on": ["db"], "history": 5,
        });
        spec[scale.0] = scale.1;
        spec
    };
    let mut specs: Vec<_> =
        artifacts.iter().map(|artifact| spec(artifact, &strategies[1], &exposes[0], ("replicas", json!(3)))).collect();
    let scale = || ("autoscale", json!({"min": 2, "max": 5, "cpu": "70%"}));
    specs.extend(strategies.iter().map(|strategy| spec(&artifacts[0], strategy, &exposes[1], scale())));
    specs
}

/// The pins that such a spec needs.
fn pins(pinned: bool) -> Value {
    let key = DigestKey::new(*b"0123456789abcdef").unwrap();
    let service = "web".parse().unwrap();
    let digest = |name: &str| key.digest_reference(&service, &VarName::new(name).unwrap(), "value");
    let secrets: BTreeMap<_, SecretDigest> =
        ["ONE", "TWO", "THREE", "FOUR", "FIVE"].into_iter().map(|name| (name, digest(name))).collect();
    let mut pins = json!({"secrets": secrets});
    if pinned {
        pins["artifact"] = json!(Digest::of(b"1"));
    }
    pins
}

fn load(parts: &Value) -> Arc<PinnedSpec> {
    Arc::new(serde_json::from_value(parts.clone()).unwrap_or_else(|error| panic!("{error} in {parts:#}")))
}

/// Another value in place of this one.
fn mutated(pointer: &str, value: &Value) -> Value {
    let field = pointer.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap();
    let other = |one: &str, two: &str| json!(if value == one { two } else { one });
    match (field, value) {
        ("protocol", _) => other("http", "grpc"),
        ("pull", _) => other("missing", "always"),
        ("architecture", _) => other("x86_64", "arm64"),
        ("on_failure", _) => other("halt", "leave"),
        ("gate", _) => Value::Null,
        ("strategy", _) => json!({"rolling": {}}),
        ("mode", _) => json!("0640"),
        ("path", Value::String(text)) if text.starts_with('/') => json!(format!("{text}/other")),
        ("port", Value::String(text)) if text == "sql" => json!("sql2"),
        ("port", Value::String(_)) => other("http", "admin"),
        ("cpu", Value::String(text)) => json!(if text.ends_with('%') { "60%" } else { "1250m" }),
        ("share", Value::String(text)) => json!(if text == "0%" { "10%" } else { "60%" }),
        ("max_surge", _) => json!("50%"),
        ("memory", _) => json!("512Mi"),
        ("java", _) => json!(">=21"),
        ("artifact", _) => json!(Digest::of(b"2")),
        (_, Value::Number(number)) => json!(number.as_u64().unwrap() + 1),
        (_, Value::String(text)) if text.ends_with(['s', 'm']) && text.as_bytes()[0].is_ascii_digit() => {
            json!(format!("1{text}"))
        }
        (_, Value::String(text)) => json!(format!("{text}2")),
        _ => panic!("no other value for {pointer}: {value}"),
    }
}

fn leaf_pointers(value: &Value, at: String, pointers: &mut Vec<String>) {
    let escape = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| leaf_pointers(value, format!("{at}/{}", escape(name)), pointers));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| leaf_pointers(value, format!("{at}/{index}"), pointers));
        }
        _ => pointers.push(at),
    }
}

fn after(old: &Arc<PinnedSpec>) -> Observed {
    let state = State::Instances(Vec::new());
    let mut seen = Observed::empty(old.service().clone(), NOW, state);
    seen.records.push(Record {
        proven: false,
        sequence: 1,
        at: NOW,
        status: RecordStatus::Deploying,
        promoted: 0,
        spec: Arc::clone(old),
    });
    seen
}

fn changes(old: &Arc<PinnedSpec>, new: &Arc<PinnedSpec>) -> Vec<Change> {
    diff(&Goal::Run(Arc::clone(new)), &after(old)).changes
}

/// Each leaf field, changed alone: exactly one change, and its class says what the revision does.
#[test]
fn the_classes_are_those_of_the_revision() {
    let mut seen = BTreeMap::new();
    for spec in full_specs() {
        for pinned in [false, true] {
            let parts = json!({"spec": spec, "pins": pins(pinned)});
            let old = load(&parts);
            let mut pointers = Vec::new();
            leaf_pointers(&parts, String::new(), &mut pointers);
            for pointer in pointers.iter().filter(|pointer| *pointer != "/spec/service") {
                let mut other = parts.clone();
                let field = other.pointer_mut(pointer).unwrap();
                *field = mutated(pointer, field);
                let new = load(&other);
                let changes = changes(&old, &new);
                let replaces = changes.iter().any(|change| change.class == ChangeClass::Replaces);
                assert_eq!(replaces, old.revision() != new.revision(), "{pointer}, pinned {pinned}: {changes:?}");
                let count = if *pointer == "/spec/strategy" { 4 } else { 1 };
                assert!(changes.len() == count, "{pointer}: {changes:?}");
                seen.entry(changes[0].path.clone()).or_insert(changes[0].class);
            }
        }
    }
    let text: Vec<_> = seen.iter().map(|(path, class)| format!("{path}: {class:?}")).collect();
    insta::assert_snapshot!(text.join("\n"));
}

fn web(replicas: u32) -> Arc<PinnedSpec> {
    let spec = ServiceSpec::builder("web", Artifact::image("web:1")).replicas(replicas).env("LOG", "info");
    Arc::new(PinnedSpec::new(spec.build().unwrap(), deploykit_core::Pins::default()).unwrap())
}

#[test]
fn nothing_differs() {
    assert_eq!(changes(&web(3), &web(3)), []);
    let (old, goal) = (web(3), Goal::Remove("web".parse().unwrap()));
    assert_eq!(diff(&goal, &after(&old)).changes, []);
}

#[test]
fn fields_of_a_new_service_have_no_old_value() {
    let seen = Observed::empty("web".parse().unwrap(), NOW, State::Instances(Vec::new()));
    let changes = diff(&Goal::Run(web(3)), &seen).changes;
    assert!(changes.iter().all(|change| change.old.is_none() && change.new.is_some()));
    let paths: Vec<_> = changes.iter().map(|change| change.path.as_str()).collect();
    insta::assert_snapshot!(paths.join(" "), @"artifact.image.pull artifact.image.reference deadline env.LOG expose history on_failure replicas service shutdown.drain shutdown.grace strategy.rolling.max_surge strategy.rolling.max_unavailable strategy.rolling.min_ready");
}

#[test]
fn a_section_at_its_default_has_no_fields_that_seem_to_appear() {
    let base = json!({"spec": {"service": "web", "artifact": {"image": {"reference": "web:1"}}, "ports": {"http": {"port": 80}}}});
    let mut other = base.clone();
    other["spec"]["shutdown"] = json!({"drain": "20s"});
    other["spec"]["expose"] = json!({"node_port": 30080});
    let changes = changes(&load(&base), &load(&other));
    let text: Vec<_> = changes.iter().map(|c| format!("{} {:?} {:?}", c.path, c.old, c.new)).collect();
    insta::assert_snapshot!(text.join("\n"), @r#"
    expose Some("internal") None
    expose.node_port None Some("30080")
    shutdown.drain Some("10s") Some("20s")
    "#);
}

#[test]
fn what_may_be_secret_is_a_digest() {
    let mut parts = json!({"spec": full_specs()[0], "pins": pins(true)});
    let old = load(&parts);
    parts["spec"]["files"]["/etc/web.from"]["content"] = json!("password: hunter2");
    parts["pins"]["secrets"]["ONE"] = json!("k1-00112233445566778899aabbccddeeff");
    let changes = changes(&old, &load(&parts));
    let text: Vec<_> = changes.iter().map(|c| format!("{}\n{:?}\n{:?}\n{}", c.path, c.old, c.new, c.reason)).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn without_a_record_only_revisions_and_digests_can_be_compared() {
    let wanted = web(3);
    let told = |revision: &PinnedSpec, digest| {
        let submitted = Some(Submitted { revision: revision.revision().clone(), digest });
        let mut platform = PlatformState { submitted, ..PlatformState::default() };
        platform.groups.insert(revision.revision().clone(), deploykit_core::Counts { total: 3, ready: 3 });
        Observed::empty(wanted.service().clone(), NOW, State::Platform(platform))
    };
    let changes = |seen: &Observed| {
        let changes = diff(&Goal::Run(Arc::clone(&wanted)), seen).changes;
        changes.iter().map(|change| (change.path.clone(), change.class)).collect::<Vec<_>>()
    };
    assert_eq!(changes(&told(&wanted, wanted.digest())), []);
    assert_eq!(changes(&told(&wanted, Digest::of(b"other"))), [("spec".to_owned(), ChangeClass::InPlace)]);
    let other = load(&json!({"spec": {"service": "web", "artifact": {"image": {"reference": "web:2"}}}}));
    assert_eq!(changes(&told(&other, other.digest())), [("revision".to_owned(), ChangeClass::Replaces)]);
}

fn id(spec: &PinnedSpec, ordinal: u32) -> InstanceId {
    InstanceId { service: spec.service().clone(), revision: spec.revision().clone(), ordinal }
}

/// Three ready instances of a completed deployment, with a router before them.
fn settled() -> (Arc<PinnedSpec>, Observed) {
    let spec = web(3);
    let mut seen = after(&spec);
    seen.records[0].status = RecordStatus::Deployed;
    seen.state = State::Instances((0..3).map(|n| Instance::new(id(&spec, n), Phase::Ready, NOW)).collect());
    let endpoints = (0..3).map(|n| (id(&spec, n), Endpoint::admitted(NOW))).collect();
    seen.traffic = Some(Traffic { endpoints, ..Traffic::default() });
    (spec, seen)
}

fn drift(seen: &Observed) -> String {
    let line = |drift: Drift| format!("{}: expected {}, found {}", drift.subject, drift.expected, drift.found);
    diff(&Goal::Remove("web".parse().unwrap()), seen).drift.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_as_declared_does_not_drift() {
    assert_eq!(drift(&settled().1), "");
}

#[test]
fn drift_of_instances() {
    let (spec, mut seen) = settled();
    let other = load(&json!({"spec": {"service": "web", "artifact": {"image": {"reference": "web:2"}}}}));
    let State::Instances(all) = &mut seen.state else { unreachable!() };
    all[1].phase = Phase::Unhealthy;
    all[2].phase = Phase::Exited { code: 137 };
    all[2] = all[2].clone().with_note("out of memory");
    all.push(Instance::new(id(&spec, 3), Phase::Ready, NOW));
    all.push(Instance::new(id(&other, 0), Phase::Starting, NOW));
    let endpoints = &mut seen.traffic.as_mut().unwrap().endpoints;
    endpoints.insert(id(&spec, 7), Endpoint::admitted(NOW));
    endpoints.insert(id(&spec, 8), Endpoint { draining: true, ..Endpoint::admitted(NOW) });
    let by = Some("somebody".to_owned());
    let expected = "info".to_owned();
    seen.drift.push(Drift { subject: "env.LOG".to_owned(), expected, found: "debug".to_owned(), by });
    insta::assert_snapshot!(drift(&seen), @"
    env.LOG: expected info, found debug
    replicas: expected 3 instances, found 4
    web-r1-9569c4f2f964-0: expected only revisions with a record, found starting, of a revision without one
    web-r1-dcd183bcb5ec-1: expected ready, found unhealthy
    web-r1-dcd183bcb5ec-2: expected running, found exited with 137: out of memory
    web-r1-dcd183bcb5ec-3: expected requests, found ready, but the router sends it none
    web-r1-dcd183bcb5ec-7: expected no requests, found the router sends it requests, but it does not exist
    ");
    seen.records.push(Record { proven: false, sequence: 0, spec: other, ..seen.records[0].clone() });
    assert!(drift(&seen).contains("-0: expected only r1-"), "{}", drift(&seen));
}

#[test]
fn a_fleet_on_its_way_does_not_drift() {
    let (_, mut seen) = settled();
    seen.records[0].status = RecordStatus::Deploying;
    let State::Instances(all) = &mut seen.state else { unreachable!() };
    all.pop();
    seen.traffic.as_mut().unwrap().endpoints.clear();
    assert_eq!(drift(&seen), "");
}

#[test]
fn drift_of_a_platform() {
    let (spec, mut seen) = settled();
    seen.traffic = None;
    let told = Submitted { revision: spec.revision().clone(), digest: Digest::of(b"edited") };
    let rollout = Rollout::Stalled { reason: "no such image".to_owned() };
    seen.state = State::Platform(PlatformState { submitted: Some(told), replicas: 5, rollout, ..Default::default() });
    insta::assert_snapshot!(drift(&seen), @"
    replicas: expected 3 instances, found 5
    rollout: expected complete, found stalled: no such image
    spec: expected what was deployed, found the platform was told something else
    ");
    seen.state = State::Platform(PlatformState::default());
    assert_eq!(drift(&seen), format!("revision: expected {}, found nothing is deployed", spec.revision()));
}
