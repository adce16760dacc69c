//! What files say, Rust says too, and files in one format what those in another do.
#![cfg(feature = "files")]
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::time::Duration;

use deploykit_core::spec::file::{Format, load, load_with_sources, parse};
use deploykit_core::spec::{
    Artifact, BlueGreen, Canary, Expose, Gate, HttpExpose, ImageArtifact, ImageBuild, MatchRule, OnFailure, Probe,
    Protocol, PullPolicy, Rolling, SecretSource, ServiceBuilder, ServiceSpec, Stage, Strategy,
};
use deploykit_core::units::{Amount, Share};
use deploykit_core::{Location, Pins, Problem, Revision, SpecError};

fn restaurant() -> ServiceBuilder {
    let build = ImageBuild {
        context: "tests/specs/restaurant-service".into(),
        dockerfile: "Dockerfile".into(),
        args: [("VERSION".to_owned(), "1.2.0".to_owned())].into(),
        target: None,
    };
    let reference = "localhost:5000/ftgo/restaurant-service:1.2.0".into();
    let artifact = Artifact::Image(ImageArtifact { reference, build: Some(build), pull: PullPolicy::Missing });
    ServiceSpec::builder("restaurant-service", artifact)
        .label("team", "kitchen")
        .target("docker")
        .replicas(3)
        .cpu("500m")
        .memory("256Mi")
        .env("LOG_LEVEL", "info")
        .env_address_of_port("DB_ADDRESS", "restaurant-db", "sql")
        .secret("DB_PASSWORD", SecretSource::Env("RESTAURANT_DB_PASSWORD".into()))
        .file("/etc/restaurant/menu.yaml", "dishes:\n- ramen\n")
        .http_port("http", 8080)
        .ready_http("http", "/health")
        .live(Probe { period: Duration::from_secs(5), ..Probe::tcp("http".parse().unwrap()) })
        .expose_http("ftgo.example", "/restaurants")
        .rolling(1, 0)
        .min_ready("2s")
        .deadline("5m")
        .on_failure(OnFailure::RollBack)
        .shutdown("10s", Duration::from_secs(30))
        .depends_on("restaurant-db")
        .history(5)
}

#[test]
fn the_builder_says_what_the_files_say() {
    let built = restaurant().build().unwrap();
    for file in ["restaurant.yaml", "restaurant.json", "restaurant.toml"] {
        let loaded = load(&[format!("tests/specs/{file}")]).unwrap();
        assert_eq!(loaded, std::slice::from_ref(&built), "{file}");
    }
}

/// Everything that the example leaves out.
#[test]
fn the_builder_can_say_the_rest_too() {
    let text = r#"
service: shop
artifact: {image: {reference: shop/shop}}
autoscale: {min: 2, max: 10, cpu: 75%}
resources: {pids: 100}
env: {MENU: {address_of: menu}}
ports: {http: {port: 80}, rpc: {port: 81, protocol: grpc}}
probes:
  ready: {grpc: {port: rpc}}
  live: {exec: {command: [check, --fast]}}
  startup: {tcp: {port: http}}
expose: {http: {port: rpc}}
strategy:
  canary:
    min_ready: 5s
    stages:
    - {test_users: {header: {x-test-user: "1"}}, gate: manual}
    - {share: 5%, instances: 1, hold: 10m}
    - {share: 50%, hold: 1h}
on_failure: halt
"#;
    let tester = MatchRule { header: [("x-test-user".into(), "1".into())].into(), ..MatchRule::default() };
    let stages = [
        Stage { test_users: Some(tester), gate: Some(Gate::Manual), ..Stage::default() },
        Stage {
            share: Share::percent(5),
            instances: Some(Amount::Count(1)),
            hold: Duration::from_mins(10),
            ..Stage::default()
        },
        Stage { share: Share::percent(50), hold: Duration::from_hours(1), ..Stage::default() },
    ];
    let port = |name: &str| name.parse().unwrap();
    let built = ServiceSpec::builder("shop", Artifact::image("shop/shop"))
        .autoscale(2, 10, "75%")
        .pids(100)
        .env_address("MENU", "menu")
        .port("http", 80)
        .port_of("rpc", 81, Protocol::Grpc)
        .ready(Probe::grpc(port("rpc")))
        .live(Probe::exec(["check", "--fast"]))
        .startup(Probe::tcp(port("http")))
        .expose(Expose::Http(HttpExpose { host: None, path: "/".into(), port: Some(port("rpc")) }))
        .canary(stages)
        .min_ready("5s")
        .on_failure(OnFailure::Halt)
        .build()
        .unwrap();
    assert_eq!(parse(text, "shop.yaml", Format::Yaml).unwrap(), [built]);
}

#[test]
fn a_name_alone_is_the_variant_with_its_defaults() {
    let parsed = |fields: &str| {
        let text =
            format!("service: a\nartifact: {{image: {{reference: a}}}}\nports: {{http: {{port: 80}}}}\n{fields}\n");
        parse(&text, "a.yaml", Format::Yaml).unwrap().remove(0)
    };
    assert_eq!(parsed("strategy: rolling").strategy, Strategy::Rolling(Rolling::default()));
    assert_eq!(parsed("strategy: blue_green").strategy, Strategy::BlueGreen(BlueGreen::default()));
    assert_eq!(parsed("strategy: recreate").strategy, Strategy::Recreate);
    assert_eq!(parsed("expose: http").expose, parsed("expose: {http: {}}").expose);
}

#[test]
fn paths_are_relative_to_the_file() {
    let specs = load(&["tests/specs/shop/all-kinds.yaml"]).unwrap();
    let artifacts: Vec<_> = specs.iter().map(|spec| serde_json::to_string(&spec.artifact).unwrap()).collect();
    insta::assert_snapshot!(artifacts.join("\n"), @r#"
    {"jar":{"path":"tests/specs/shop/target/jar.jar","java":">=17","build":{"command":["make","jar"],"directory":"tests/specs/shop"}}}
    {"war":{"path":"/absolute/war.war","context":"/shop","build":{"command":["make"],"directory":"tests/specs/shop/../war"}}}
    {"machine":{"image":"tests/specs/shop/machine.qcow2","build":{"command":["make","disk"],"directory":"tests/specs/shop"}}}
    {"machine":{"image":"ami-0123456789abcdef0"}}
    {"function":{"zip":"tests/specs/shop/function","handler":"bootstrap","runtime":"provided.al2023","architecture":"arm64"}}
    {"image":{"reference":"shop/image","build":{"context":"tests/specs/shop","dockerfile":"Dockerfile"},"pull":"missing"}}
    "#);
    let image = &specs[5];
    insta::assert_json_snapshot!(image.secrets, @r#"
    {
      "A": {
        "file": "tests/specs/shop/a.secret"
      },
      "B": {
        "command": [
          "./print-secret"
        ]
      }
    }
    "#);
    insta::assert_json_snapshot!(image.files, @r#"
    {
      "/etc/greeting": {
        "content": "hello, shop\n",
        "mode": "0600"
      },
      "/etc/inline": {
        "content": "inline\n",
        "mode": "0644"
      }
    }
    "#);
}

#[test]
fn what_is_found_later_has_its_place_too() {
    let (specs, sources) = load_with_sources(&["tests/specs/aliases.yaml", "tests/specs/restaurant.toml"]).unwrap();
    assert_eq!(specs.len(), 3);
    let problem = |service: &str, path: &str| Problem::new(path, "not here").with_service(service);
    let elsewhere = problem("one", "env.B").with_location(Location { file: "x".into(), line: 1, column: 1 });
    let error = SpecError::new(vec![
        problem("restaurant-service", "strategy.rolling.max_surge"),
        problem("two", "strategy.recreate"),
        problem("one", "probes.live.period"),
        problem("unknown", "service"),
        elsewhere,
        Problem::new("service", "whose"),
    ]);
    insta::assert_snapshot!(sources.locate(error), @r"
    tests/specs/restaurant.toml:47:13: restaurant-service: strategy.rolling.max_surge: not here
    tests/specs/aliases.yaml:13:11: two: strategy.recreate: not here
    tests/specs/aliases.yaml:8:59: one: probes.live.period: not here
    unknown: service: not here
    x:1:1: one: env.B: not here
    service: whose
    ");
}

#[test]
fn files_in_the_working_folder_are_left_as_they_are() {
    // Nothing is read, so that `from` stays.
    let text = std::fs::read_to_string("tests/specs/restaurant.yaml").unwrap();
    let spec = parse(&text, "restaurant.yaml", Format::Yaml).unwrap().remove(0);
    assert_eq!(spec.files["/etc/restaurant/menu.yaml"].from.as_deref(), Some("./menu.yaml"));
}

#[test]
fn aliases_stand_for_what_they_name() {
    let specs = load(&["tests/specs/aliases.yaml"]).unwrap();
    assert_eq!(specs.len(), 2);
    assert_eq!(specs[0].env.values().next(), specs[0].env.values().last());
    assert_eq!(specs[0].probes.ready, specs[0].probes.live);
    assert_eq!(
        specs[0].probes.ready,
        Some(Probe { period: Duration::from_secs(2), ..Probe::exec(["check", "hello"]) })
    );
}

#[test]
fn several_files_are_checked_together() {
    let error = load(&["tests/specs/restaurant.yaml", "tests/specs/aliases.yaml", "tests/specs/restaurant.toml"]);
    insta::assert_snapshot!(error.unwrap_err(), @r"
    tests/specs/restaurant.toml:1:11: restaurant-service: service: a service of this name is declared at tests/specs/restaurant.yaml:2:10 already; give one of the two another name
    ");
}

#[test]
fn problems_come_all_at_once_and_in_the_order_of_the_files() {
    let files = ["set-twice.yaml", "several-at-once.yaml", "syntax-several.toml", "check-limits.yaml"];
    let error = load(&files.map(|file| format!("tests/bad_specs/{file}"))).unwrap_err();
    let places: Vec<_> = error.problems().iter().map(|problem| problem.at.clone().unwrap()).collect();
    assert!(places.len() > 15, "only {} problems", places.len());
    let order = |file: &str| files.iter().position(|name| file.ends_with(name)).unwrap();
    let keys: Vec<_> = places.iter().map(|at| (order(&at.file), at.line, at.column)).collect();
    assert!(keys.is_sorted(), "{keys:?}");
    assert_eq!(keys.iter().map(|(file, ..)| *file).collect::<std::collections::BTreeSet<_>>().len(), 4);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_taken() {
    let text = "\u{feff}service: a\r\nartifact:\r\n  image: {reference: a}\r\n";
    assert_eq!(parse(text, "a.yaml", Format::Yaml).unwrap()[0].service.as_str(), "a");
    let text = "\u{feff}service = \"a\"\r\nartifact.image.reference = \"a\"\r\n";
    assert_eq!(parse(text, "a.toml", Format::Toml).unwrap()[0].service.as_str(), "a");
    let text = "\u{feff}{\"service\": \"a\",\r\n \"artifact\": {\"image\": {\"reference\": \"a\"}}}\r\n";
    assert_eq!(parse(text, "a.json", Format::Json).unwrap()[0].service.as_str(), "a");
}

#[test]
fn the_format_of_a_file_does_not_make_a_revision() {
    let revisions = ["restaurant.yaml", "restaurant.json", "restaurant.toml"].map(|file| {
        let spec = load(&[format!("tests/specs/{file}")]).unwrap().remove(0);
        Revision::of(&spec, &Pins::default())
    });
    assert_eq!(revisions[0], revisions[1]);
    assert_eq!(revisions[0], revisions[2]);
}

/// The builder's canary has to be one that a file can hold.
#[test]
fn a_canary_without_stages_is_refused_by_the_builder_too() {
    let error = restaurant().strategy(Strategy::Canary(Canary { min_ready: Duration::ZERO, stages: vec![] })).build();
    insta::assert_snapshot!(error.unwrap_err(), @r"
    restaurant-service: strategy.canary.stages: there is no stage; write at least one, like `[{share: 10%, hold: 5m}]`
    ");
}

#[test]
fn the_builder_gives_all_problems_at_once() {
    let error = ServiceSpec::builder("Shop", Artifact::image(""))
        .env("A-B", "x")
        .env_address("C", "Menu")
        .port("", 80)
        .memory("256MB")
        .deadline("5")
        .depends_on("X")
        .strategy(Strategy::Recreate)
        .min_ready("1s")
        .replicas(1_000_000)
        .build()
        .unwrap_err();
    insta::assert_snapshot!(error, @r"
    Shop: service: `Shop` is not a service name: it must have 1 to 40 characters of a-z, 0-9 and `-`, begin with a letter and not end with `-`
    Shop: env.A-B: `A-B` is not a variable name: it must have 1 to 200 letters, digits and `_`, and not begin with a digit
    Shop: env.C.address_of: `Menu` is not a service name: it must have 1 to 40 characters of a-z, 0-9 and `-`, begin with a letter and not end with `-`
    Shop: ports.: `` is not a port name: it must have 1 to 15 characters of a-z, 0-9 and `-`, begin with a letter and not end with `-`
    Shop: resources.memory: `256MB` is not an amount of memory; write it in bytes or with a unit, like 268435456, 256Mi, 1.5Gi or 512M
    Shop: deadline: `5` is not a duration; write it with a unit, like 500ms, 10s, 1m 30s or 1h
    Shop: depends_on: `X` is not a service name: it must have 1 to 40 characters of a-z, 0-9 and `-`, begin with a letter and not end with `-`
    Shop: strategy.min_ready: `recreate` has no `min_ready`; all instances are stopped first, so none waits for another
    Shop: replicas: 1000000 instances are more than the 100000 that a service may have; check the number of digits
    Shop: artifact.image.reference: the image's reference is empty; write it like `registry.example/team/name:1.2.0`
    ");
}
