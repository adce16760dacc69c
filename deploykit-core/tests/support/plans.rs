//! Plans of every kind, made by the planner from what was deployed.

use std::collections::BTreeMap;
use std::sync::Arc;

use deploykit_core::plan::{Plan, PlanInput, plan};
use deploykit_core::{
    Capabilities, Control, Counts, Digest, DigestKey, Drift, Endpoint, Goal, Instance, InstanceId, Observed, Phase,
    PinnedSpec, Pins, PlatformState, Record, RecordStatus, Rollout, ServiceName, ServiceSpec, Shares, State, Submitted,
    Timestamp, Traffic, VarName,
};
use serde_json::{Value, json};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// The value of each secret, which must never be seen.
pub(crate) const SECRET: &str = "hunter2-the-secret";

/// A spec with these fields beside its name, each secret pinned.
pub(crate) fn pinned(service: &str, fields: &Value) -> Arc<PinnedSpec> {
    let mut spec = fields.clone();
    spec["service"] = json!(service);
    let spec: ServiceSpec = serde_json::from_value(spec).expect("a spec");
    let key = DigestKey::new(*b"0123456789abcdef").expect("long enough");
    let digest = |name: &VarName| key.digest(&spec.service, name, &SECRET.to_owned().into());
    let secrets = spec.secrets.keys().map(|name| (name.clone(), digest(name))).collect();
    let artifact = spec.secrets.is_empty().then(|| Digest::of(spec.artifact.kind().as_bytes()));
    let artifact = artifact.filter(|_| fields["labels"]["pinned"] == "yes");
    Arc::new(PinnedSpec::new(spec, Pins { artifact, secrets }).expect("a checked spec"))
}

/// An image of this version, with so many instances.
pub(crate) fn image(service: &str, version: &str, replicas: u32) -> Value {
    json!({
        "artifact": {"image": {"reference": format!("localhost:5000/ftgo/{service}:{version}")}},
        "replicas": replicas,
    })
}

/// With more fields.
pub(crate) fn with(mut fields: Value, more: Value) -> Value {
    let (Value::Object(all), Value::Object(more)) = (&mut fields, more) else { panic!("not fields") };
    all.extend(more);
    fields
}

/// The restaurant service, with everything that a service has.
pub(crate) fn restaurant(version: &str, replicas: u32) -> Value {
    let fields = json!({
        "env": {"LOG_LEVEL": "info", "DB_ADDRESS": {"address_of": "restaurant-db", "port": "sql"}},
        "secrets": {"DB_PASSWORD": {"env": "RESTAURANT_DB_PASSWORD"}},
        "files": {"/etc/restaurant/menu.yaml": {"content": "dishes: [soup]\n"}},
        "ports": {"http": {"port": 8080, "protocol": "http"}},
        "probes": {"ready": {"http": {"port": "http", "path": "/health"}}},
        "expose": {"http": {"host": "ftgo.example", "path": "/restaurants"}},
        "depends_on": ["restaurant-db"],
    });
    with(image("restaurant-service", version, replicas), fields)
}

pub(crate) fn id(spec: &PinnedSpec, ordinal: u32) -> InstanceId {
    InstanceId { service: spec.service().clone(), revision: spec.revision().clone(), ordinal }
}

pub(crate) fn record(spec: &Arc<PinnedSpec>, sequence: u64, status: RecordStatus) -> Record {
    Record { sequence, at: NOW, status, proven: false, promoted: 0, spec: Arc::clone(spec) }
}

/// A target that drives instances, with or without a router before them.
pub(crate) fn caps(routed: bool) -> Capabilities {
    let mut caps = Capabilities::new(Control::Instances, ["image"]);
    (caps.records, caps.route, caps.weights, caps.match_rules) = (true, routed, routed, routed);
    caps
}

/// A platform with a rollout engine of its own.
pub(crate) fn platform_caps() -> Capabilities {
    let mut caps = Capabilities::new(Control::Platform, ["image"]);
    (caps.records, caps.autoscale, caps.compare_and_swap) = (true, true, true);
    caps
}

pub(crate) fn nothing(service: &str, routed: bool) -> Observed {
    let service = ServiceName::new(service).expect("a name");
    let mut seen = Observed::empty(service, NOW, State::Instances(Vec::new()));
    seen.traffic = routed.then(Traffic::default);
    seen
}

/// What there is when `spec` was deployed and all is well.
pub(crate) fn deployed(spec: &Arc<PinnedSpec>, routed: bool) -> Observed {
    let replicas = spec.spec().replicas.unwrap_or(1);
    let instances = (0..replicas).map(|n| Instance::new(id(spec, n), Phase::Ready, NOW)).collect();
    let mut seen = Observed::empty(spec.service().clone(), NOW, State::Instances(instances));
    if routed {
        let endpoints: BTreeMap<_, _> = (0..replicas).map(|n| (id(spec, n), Endpoint::admitted(NOW))).collect();
        seen.traffic = Some(Traffic { endpoints, ..Traffic::default() });
    }
    seen.records = vec![record(spec, 4, RecordStatus::Deployed)];
    seen
}

/// The same on a platform.
pub(crate) fn on_platform(spec: &Arc<PinnedSpec>) -> Observed {
    let replicas = spec.spec().replicas.unwrap_or(1);
    let platform = PlatformState {
        submitted: Some(Submitted { revision: spec.revision().clone(), digest: spec.digest() }),
        replicas,
        groups: BTreeMap::from([(spec.revision().clone(), Counts { total: replicas, ready: replicas })]),
        rollout: Rollout::Complete,
        version: Some("17".to_owned()),
    };
    let mut seen = Observed::empty(spec.service().clone(), NOW, State::Platform(platform));
    seen.records = vec![record(spec, 4, RecordStatus::Deployed)];
    seen
}

pub(crate) fn input(goal: Goal, seen: Observed, caps: Capabilities) -> PlanInput {
    PlanInput { goal, target: "memory".parse().expect("a name"), caps, seen }
}

pub(crate) fn planned(goal: Goal, seen: Observed, caps: Capabilities) -> Plan {
    plan(vec![input(goal, seen, caps)]).expect("a plan")
}

pub(crate) fn rolled(old: &Arc<PinnedSpec>, new: Arc<PinnedSpec>, routed: bool) -> Plan {
    planned(Goal::Run(new), deployed(old, routed), caps(routed))
}

pub(crate) fn first_deployment() -> Plan {
    let spec = pinned("restaurant-service", &restaurant("1.2.0", 3));
    planned(Goal::Run(spec), nothing("restaurant-service", true), caps(true))
}

pub(crate) fn roll_with_router() -> Plan {
    let old = pinned("restaurant-service", &restaurant("1.2.0", 3));
    let more = json!({
        "env": {"LOG_LEVEL": "debug", "TIME_ZONE": "UTC"},
        "files": {"/etc/restaurant/menu.yaml": {"content": "dishes: [soup, bread]\n"}},
    });
    let new = pinned("restaurant-service", &with(restaurant("1.3.0", 4), more));
    rolled(&old, new, true)
}

pub(crate) fn long_roll() -> Plan {
    let spec = |version| pinned("orders", &image("orders", version, 25));
    rolled(&spec("7"), spec("8"), false)
}

pub(crate) fn scale() -> Plan {
    let spec = |replicas| pinned("orders", &image("orders", "7", replicas));
    rolled(&spec(2), spec(5), true)
}

pub(crate) fn in_place() -> Plan {
    let more = |deadline| {
        json!({
            "deadline": deadline,
            "shutdown": {"drain": "30s"},
            "labels": {"team": "kitchen"},
        })
    };
    let old = pinned("orders", &image("orders", "7", 2));
    rolled(&old, pinned("orders", &with(image("orders", "7", 2), more("10m"))), true)
}

pub(crate) fn remove() -> Plan {
    let old = pinned("orders", &image("orders", "7", 2));
    planned(Goal::Remove(old.service().clone()), deployed(&old, true), caps(true))
}

pub(crate) fn no_change() -> Plan {
    let old = pinned("orders", &image("orders", "7", 2));
    rolled(&old.clone(), old, true)
}

pub(crate) fn two_services() -> Plan {
    let db = pinned("restaurant-db", &image("restaurant-db", "16", 1));
    let old = pinned("restaurant-service", &restaurant("1.2.0", 2));
    let new = pinned("restaurant-service", &restaurant("1.3.0", 2));
    let web = pinned("web", &with(image("web", "2", 1), json!({"depends_on": ["restaurant-service"]})));
    plan(vec![
        input(Goal::Run(web), nothing("web", true), caps(true)),
        input(Goal::Run(new), deployed(&old, true), caps(true)),
        input(Goal::Run(db.clone()), deployed(&db, true), caps(true)),
    ])
    .expect("a plan")
}

pub(crate) fn drift() -> Plan {
    let old = pinned("orders", &image("orders", "7", 3));
    let mut seen = deployed(&old, true);
    let State::Instances(all) = &mut seen.state else { panic!("instances") };
    all[0] = Instance::new(id(&old, 0), Phase::Exited { code: 137 }, NOW).with_note("out of memory");
    all[2] = Instance::new(id(&old, 2), Phase::Unhealthy, NOW).with_note("GET /health: 503");
    let by = Some("kubectl-edit".to_owned());
    let (subject, expected, found) = ("env.LOG_LEVEL".to_owned(), "info".to_owned(), "debug".to_owned());
    seen.drift.push(Drift { subject, expected, found, by });
    planned(Goal::Run(old), seen, caps(true))
}

fn canary(version: &str) -> Arc<PinnedSpec> {
    let strategy = json!({"strategy": {"canary": {"min_ready": "5s", "stages": [
        {"share": "0%", "test_users": {"header": {"x-test": "1"}}, "hold": "1m"},
        {"share": "25%", "hold": "10m"},
        {"share": "50%", "gate": "manual"},
    ]}}});
    pinned("orders", &with(image("orders", version, 4), strategy))
}

pub(crate) fn canary_to_its_gate() -> Plan {
    rolled(&canary("7"), canary("8"), true)
}

pub(crate) fn canary_after_its_gate() -> Plan {
    let (old, new) = (canary("7"), canary("8"));
    let mut seen = deployed(&old, true);
    let more = deployed(&new, true);
    let (State::Instances(all), State::Instances(two)) = (&mut seen.state, more.state) else { panic!("instances") };
    all.extend(two.into_iter().take(2));
    let traffic = seen.traffic.as_mut().expect("a router");
    traffic.endpoints.extend(more.traffic.expect("a router").endpoints.into_iter().take(2));
    let half = |spec: &PinnedSpec| (spec.revision().clone(), "50%".parse().expect("a share"));
    traffic.split.shares = Shares::weighted([half(&old), half(&new)]).expect("shares");
    seen.records.push(Record { promoted: 1, ..record(&new, 5, RecordStatus::Deploying) });
    planned(Goal::Run(new), seen, caps(true))
}

pub(crate) fn blue_green() -> Plan {
    let strategy = json!({"strategy": {"blue_green": {
        "test_users": {"cookie": {"beta": "yes"}}, "keep_old": "10m",
    }}});
    let spec = |version| pinned("orders", &with(image("orders", version, 2), strategy.clone()));
    rolled(&spec("7"), spec("8"), true)
}

pub(crate) fn platform() -> Plan {
    let old = pinned("orders", &image("orders", "7", 3));
    let new = pinned("orders", &image("orders", "8", 5));
    planned(Goal::Run(new), on_platform(&old), platform_caps())
}

pub(crate) fn platform_without_counts() -> Plan {
    let spec = |version| {
        let mut fields = image("orders", version, 1);
        fields.as_object_mut().expect("fields").remove("replicas");
        pinned("orders", &fields)
    };
    let old = spec("7");
    let mut seen = on_platform(&old);
    let State::Platform(platform) = &mut seen.state else { panic!("a platform") };
    (platform.replicas, platform.groups) = (0, BTreeMap::new());
    let mut caps = platform_caps();
    (caps.replicas, caps.autoscale) = (false, false);
    planned(Goal::Run(spec("8")), seen, caps)
}

pub(crate) fn rollback_impossible() -> Plan {
    let spec = |version| pinned("orders", &with(image("orders", version, 1), json!({"history": 1})));
    rolled(&spec("7"), spec("8"), false)
}

pub(crate) fn roll_back() -> Plan {
    let spec = |version| pinned("orders", &image("orders", version, 1));
    let (old, new) = (spec("7"), spec("8"));
    let mut seen = deployed(&new, true);
    seen.records.push(record(&old, 3, RecordStatus::Deployed));
    planned(Goal::RollBack(old), seen, caps(true))
}

/// Every kind of plan, by name.
pub(crate) fn all() -> Vec<(&'static str, Plan)> {
    vec![
        ("first_deployment", first_deployment()),
        ("roll_with_router", roll_with_router()),
        ("long_roll", long_roll()),
        ("scale", scale()),
        ("in_place", in_place()),
        ("remove", remove()),
        ("no_change", no_change()),
        ("two_services", two_services()),
        ("drift", drift()),
        ("canary_to_its_gate", canary_to_its_gate()),
        ("canary_after_its_gate", canary_after_its_gate()),
        ("blue_green", blue_green()),
        ("platform", platform()),
        ("platform_without_counts", platform_without_counts()),
        ("rollback_impossible", rollback_impossible()),
        ("roll_back", roll_back()),
    ]
}
