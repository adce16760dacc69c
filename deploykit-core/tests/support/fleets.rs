//! Fleets of any size that run one version and should run the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use deploykit_core::spec::{Artifact, Rolling, Strategy};
use deploykit_core::{
    Capabilities, Control, Endpoint, Goal, Instance, InstanceId, Observed, Phase, PinnedSpec, Pins, Record,
    RecordStatus, ServiceSpec, State, Timestamp, Traffic,
};

pub(crate) struct Fleet {
    pub(crate) goal: Goal,
    pub(crate) seen: Observed,
    pub(crate) caps: Capabilities,
}

pub(crate) fn fleet(name: &str, instances: u32, surge: &str, routed: bool) -> Fleet {
    let version = |version: u32| {
        let max_surge = surge.parse().expect("an amount");
        let spec = ServiceSpec::builder(name, Artifact::image(format!("registry.example/{name}:{version}")))
            .replicas(instances)
            .strategy(Strategy::Rolling(Rolling { max_surge, ..Rolling::default() }));
        Arc::new(PinnedSpec::new(spec.build().expect("a spec"), Pins::default()).expect("all pinned"))
    };
    let (old, new) = (version(1), version(2));
    let id = |ordinal| InstanceId { service: old.service().clone(), revision: old.revision().clone(), ordinal };
    let running = (0..instances).map(|ordinal| Instance::new(id(ordinal), Phase::Ready, Timestamp::EPOCH)).collect();
    let now = Timestamp::from_millis(1_767_225_600_000);
    let mut seen = Observed::empty(old.service().clone(), now, State::Instances(running));
    if routed {
        let endpoints: BTreeMap<_, _> = (0..instances).map(|ordinal| (id(ordinal), Endpoint::admitted(now))).collect();
        seen.traffic = Some(Traffic { endpoints, ..Traffic::default() });
    }
    let status = RecordStatus::Deployed;
    seen.records = vec![Record { sequence: 1, at: now, status, proven: false, promoted: 0, spec: Arc::clone(&old) }];
    let mut caps = Capabilities::new(Control::Instances, ["image"]);
    (caps.records, caps.route) = (true, routed);
    Fleet { goal: Goal::Run(new), seen, caps }
}
