//! Whatever spec there is, its JSON, YAML and TOML are read back as the same and fit the schema; and no text, however
//! bad, is anything worse than an error.
#![cfg(all(feature = "files", feature = "schema"))]
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use deploykit_core::spec::file::{Format, parse};
use deploykit_core::spec::{
    AddressOf, Architecture, Artifact, BlueGreen, BuildCommand, Canary, EnvValue, Expose, FileSpec, FunctionArtifact,
    Gate, HttpExpose, ImageArtifact, ImageBuild, JarArtifact, MachineArtifact, MatchRule, OnFailure, Port, Probe,
    Protocol, PullPolicy, Rolling, SecretSource, ServiceSpec, Stage, Strategy as Rollout, WarArtifact,
};
use deploykit_core::units::{Amount, Cpu, Memory, Share};
use deploykit_core::{PortName, ServiceName};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

mod schema_check;

fn name() -> impl Strategy<Value = String> {
    "[a-z]([a-z0-9-]{0,6}[a-z0-9])?"
}

/// Texts that could be taken for something else, and any others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "", "yes", "null", "~", "0644", "1e3", "- a", "{a: b}", "a: b", "#", "\"", "'", "\\", "<<", "!!str", "*a"
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
        "([a-z]|\n|\t| ){0,12}",
    ]
}

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9./_-]{1,12}"
}

fn length(most: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![Just(0), 0..most].prop_map(Duration::from_millis)
}

fn build() -> impl Strategy<Value = BuildCommand> {
    (vec(word(), 1..3), option::of(word())).prop_map(|(command, directory)| BuildCommand { command, directory })
}

fn artifact() -> impl Strategy<Value = Artifact> {
    let pull = select(vec![PullPolicy::Missing, PullPolicy::Always, PullPolicy::Never]);
    let image_build = (word(), btree_map("[A-Z]{1,4}", text(), 0..3), option::of(word()))
        .prop_map(|(context, args, target)| ImageBuild { context, dockerfile: "Dockerfile".into(), args, target });
    let reference = "[a-z]{1,5}(/[a-z]{1,5})?(:[a-z0-9][a-z0-9.]{0,4})?";
    let image = (reference, option::of(image_build), pull)
        .prop_map(|(reference, build, pull)| Artifact::Image(ImageArtifact { reference, build, pull }));
    let jar = (word(), option::of(select(vec!["17", ">=17, <22"])), vec(text(), 0..3), option::of(build())).prop_map(
        |(path, java, args, build)| {
            let java = java.map(str::to_owned);
            Artifact::Jar(JarArtifact { path, java, jvm_args: args.clone(), args, build })
        },
    );
    let war = (word(), option::of(build()))
        .prop_map(|(path, build)| Artifact::War(WarArtifact { path, context: "/a".into(), build }));
    let machine =
        (word(), option::of(build())).prop_map(|(image, build)| Artifact::Machine(MachineArtifact { image, build }));
    let function = (word(), option::of(build())).prop_map(|(zip, build)| {
        let (handler, runtime) = (Some("h".to_owned()), Some("r".to_owned()));
        let architecture = Architecture::Arm64;
        Artifact::Function(FunctionArtifact { zip: Some(zip), image: None, handler, runtime, architecture, build })
    });
    prop_oneof![image, jar, war, machine, function]
}

fn ports() -> impl Strategy<Value = BTreeMap<PortName, Port>> {
    let protocols = vec![Protocol::Tcp, Protocol::Http, Protocol::Http2, Protocol::Grpc, Protocol::Udp];
    vec((name(), select(protocols)), 0..4).prop_map(|ports| {
        let numbered = ports.into_iter().zip(8000..);
        numbered.map(|((name, protocol), port)| (name.parse().unwrap(), Port { port, protocol })).collect()
    })
}

fn probe(ports: Vec<PortName>) -> impl Strategy<Value = Probe> {
    let kind = (0..4_u8, any::<Index>(), vec(word(), 1..3)).prop_map(move |(kind, index, command)| {
        if ports.is_empty() {
            return Probe::exec(command);
        }
        let port = index.get(&ports).clone();
        match kind {
            0 => Probe::http(port, "/x"),
            1 => Probe::tcp(port),
            2 => Probe::grpc(port),
            _ => Probe::exec(command),
        }
    });
    (kind, 1..5000_u64, length(5000), 1..9_u32).prop_map(|(probe, period, initial_delay, failures)| Probe {
        period: Duration::from_millis(period),
        initial_delay,
        failures,
        ..probe
    })
}

fn rule() -> impl Strategy<Value = MatchRule> {
    (btree_map("x-[a-z]{1,4}", "[!-:]{1,6}", 1..3), btree_map("[a-z]{1,4}", "[0-9]{1,6}", 0..2))
        .prop_map(|(header, cookie)| MatchRule { header, cookie })
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        (1..9_u32).prop_map(Amount::Count),
        (1..=10_000_u16).prop_map(|points| Amount::Share(Share::from_basis_points(points).unwrap())),
    ]
}

fn rollout() -> impl Strategy<Value = Rollout> {
    let rolling = (amount(), amount(), length(60_000)).prop_map(|(max_surge, max_unavailable, min_ready)| {
        Rollout::Rolling(Rolling { max_surge, max_unavailable, min_ready })
    });
    let gate = || option::of(Just(Gate::Manual));
    let blue_green = (length(60_000), option::of(rule()), gate(), length(60_000)).prop_map(
        |(min_ready, test_users, gate, keep_old)| {
            Rollout::BlueGreen(BlueGreen { min_ready, test_users, gate, keep_old })
        },
    );
    let stage = (option::of(rule()), option::of(amount()), length(60_000), gate());
    let canary = btree_map(0..=10_000_u16, stage, 1..5).prop_map(|stages| {
        let stage = |(share, (test_users, instances, hold, gate))| {
            let share = Share::from_basis_points(share).unwrap();
            Stage { share, test_users, instances, hold, gate }
        };
        Rollout::Canary(Canary { min_ready: Duration::ZERO, stages: stages.into_iter().map(stage).collect() })
    });
    prop_oneof![Just(Rollout::Recreate), rolling, blue_green, canary]
}

fn env_value() -> impl Strategy<Value = EnvValue> {
    let address = (name(), option::of(name())).prop_map(|(service, port)| {
        let address_of = ServiceName::new(format!("other-{service}")).unwrap();
        EnvValue::Address(AddressOf { address_of, port: port.map(|port| port.parse().unwrap()) })
    });
    prop_oneof![text().prop_map(EnvValue::Text), address]
}

fn secret() -> impl Strategy<Value = SecretSource> {
    prop_oneof![
        "[A-Z_]{1,6}".prop_map(SecretSource::Env),
        word().prop_map(SecretSource::File),
        vec(word(), 1..3).prop_map(SecretSource::Command),
        (name(), "[a-z.]{1,6}").prop_map(|(secret, key)| SecretSource::Kubernetes { secret, key }),
        Just(SecretSource::Aws("arn:aws:ssm:eu-central-1:1:parameter/a".into())),
    ]
}

fn spec() -> impl Strategy<Value = ServiceSpec> {
    let head = (name(), artifact(), ports(), btree_map("\\PC{1,9}", "\\PC{1,9}", 0..3), option::of(0..100_u32));
    let values = (
        btree_map("[A-Z][A-Z0-9]{0,4}", env_value(), 0..4),
        btree_map("_[A-Z]{1,4}", secret(), 0..3),
        btree_map("/[a-z]{1,3}/[a-z.]{1,3}x", text(), 0..3),
        (option::of(1..64_000_u64), option::of((4_u64 << 20)..(1_u64 << 40)), option::of(1..1000_u32)),
    );
    let rest = (
        rollout(),
        select(vec![OnFailure::RollBack, OnFailure::Halt, OnFailure::Leave]),
        (length(100_000), length(100_000)),
        btree_set(name().prop_map(|other| format!("other-{other}")), 0..3),
        1..100_u32,
    );
    (head, values, rest).prop_flat_map(|(head, values, rest)| {
        let streams: Vec<_> = head.2.iter().filter(|(_, port)| port.protocol != Protocol::Udp).collect();
        let streams: Vec<PortName> = streams.into_iter().map(|(name, _)| name.clone()).collect();
        let expose = match streams.first() {
            None => Just(Expose::Internal).boxed(),
            Some(port) => {
                let http = HttpExpose { host: Some("a.example".into()), path: "/".into(), port: Some(port.clone()) };
                select(vec![Expose::Internal, Expose::Http(http), Expose::LoadBalancer(true)]).boxed()
            }
        };
        let probes =
            (option::of(probe(streams.clone())), option::of(probe(streams.clone())), option::of(probe(streams)));
        (Just((head, values, rest)), probes, expose).prop_map(|((head, values, rest), probes, expose)| {
            let (name, artifact, ports, labels, replicas) = head;
            let (env, secrets, files, (cpu, memory, pids)) = values;
            let (strategy, on_failure, shutdown, depends_on, history) = rest;
            let mut builder = ServiceSpec::builder(name, artifact).strategy(strategy);
            builder = builder.on_failure(on_failure).shutdown(shutdown.0, shutdown.1).history(history);
            for (name, value) in env {
                builder = builder.env(&name, value);
            }
            for (name, source) in secrets {
                builder = builder.secret(&name, source);
            }
            for (path, content) in files {
                let file = FileSpec { content: Some(content), from: None, mode: "0600".into() };
                builder = builder.file_spec(path, file);
            }
            let mut spec = builder.build().unwrap();
            spec.labels = labels;
            spec.replicas = replicas;
            spec.ports = ports;
            spec.expose = expose;
            (spec.probes.ready, spec.probes.live, spec.probes.startup) = probes;
            spec.resources.cpu = cpu.map(Cpu::from_millis);
            spec.resources.memory = memory.map(Memory::from_bytes);
            spec.resources.pids = pids;
            spec.depends_on = depends_on.iter().map(|name| name.parse().unwrap()).collect::<BTreeSet<_>>();
            spec.check().unwrap();
            spec
        })
    })
}

/// A JSON value as TOML has it within a line.
fn inline_toml(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(inline_toml).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(key, value)| format!("{} = {}", inline_toml(&key[..].into()), inline_toml(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        // A string's escapes are those of JSON.
        scalar => scalar.to_string().replace('\u{7f}', "\\u007f"),
    }
}

fn to_toml(spec: &Value) -> String {
    spec.as_object().unwrap().iter().fold(String::new(), |mut text, (key, value)| {
        let _ = writeln!(text, "{key} = {}", inline_toml(value));
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_spec_is_read_back_as_it_was(spec in spec()) {
        let value = serde_json::to_value(&spec).unwrap();
        let schema = deploykit_core::spec::schema();
        prop_assert_eq!(schema_check::faults(&schema, &value), Vec::<String>::new());
        for (format, text) in [
            (Format::Json, serde_json::to_string(&spec).unwrap()),
            (Format::Json, serde_json::to_string_pretty(&spec).unwrap()),
            // JSON is YAML, if no character is of those that YAML wants escaped.
            (Format::Yaml, serde_json::to_string(&spec).unwrap()),
            (Format::Yaml, serde_json::to_string_pretty(&spec).unwrap()),
            (Format::Toml, to_toml(&value)),
        ] {
            match parse(&text, "spec", format) {
                Ok(specs) => prop_assert_eq!(&specs[..], std::slice::from_ref(&spec), "{:?}", format),
                Err(error) => prop_assert!(false, "{format:?}: {error}\n{text}"),
            }
        }
    }

    #[test]
    fn no_text_is_worse_than_an_error(text in "\\PC{0,200}") {
        for format in [Format::Yaml, Format::Json, Format::Toml] {
            let _ = parse(&text, "spec", format);
        }
    }

    #[test]
    fn no_mix_of_words_is_worse_than_an_error(words in vec(select(WORDS), 0..60)) {
        let text: String = words.concat();
        for format in [Format::Yaml, Format::Json, Format::Toml] {
            if let Err(error) = parse(&text, "spec", format) {
                prop_assert!(!error.problems().is_empty());
                prop_assert_eq!(error.to_string().lines().count(), error.problems().len());
            }
        }
    }
}

const WORDS: &[&str] = &[
    "service",
    "artifact",
    "image",
    "reference",
    "jar",
    "path",
    "replicas",
    "env",
    "secrets",
    "files",
    "ports",
    "port",
    "probes",
    "ready",
    "http",
    "strategy",
    "rolling",
    "canary",
    "stages",
    "share",
    "max_surge",
    "deadline",
    ": ",
    ":",
    " ",
    "  ",
    "\n",
    "\n  ",
    "\n- ",
    "- ",
    "---\n",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ",",
    "\"",
    "'",
    "a",
    "A",
    "orders",
    "5",
    "5%",
    "10s",
    "0",
    "-1",
    "1e9",
    "null",
    "true",
    "~",
    "&a ",
    "*a",
    "<<",
    "!!str ",
    "| ",
    "> ",
    "? ",
    "#",
    "= ",
    "\t",
    "\r\n",
    "\u{0}",
    "ä",
    "\u{2028}",
    "\\",
    "%",
    "@",
    "\"service\": ",
    "\"a\"",
    "[[",
    "]]",
    "= \"a\"\n",
    "...\n",
];
