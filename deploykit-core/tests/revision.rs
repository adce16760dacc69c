//! Revisions are forever.
//!
//! The digests below must never be edited. They stand on targets, in labels, names and records of services that run:
//! a digest that changes makes every service out there look changed, and restarts it. If a test here fails, the change
//! of the code is wrong; a new encoding gets a new prefix (`r2-`) beside this one.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::collections::BTreeMap;
use std::time::Duration;

use deploykit_core::spec::{
    AddressOf, Architecture, Artifact, Autoscale, BlueGreen, BuildCommand, EnvValue, Expose, FileSpec,
    FunctionArtifact, ImageArtifact, ImageBuild, JarArtifact, MachineArtifact, OnFailure, Probe, Protocol, PullPolicy,
    SecretSource, ServiceSpec, Strategy, WarArtifact,
};
use deploykit_core::units::{Cpu, Memory, Share};
use deploykit_core::{Digest, PinnedSpec, Pins, Revision};

fn small() -> ServiceSpec {
    ServiceSpec::builder("orders", Artifact::image("registry.example/orders:1.4.0")).build().unwrap()
}

fn large() -> ServiceSpec {
    ServiceSpec::builder("restaurant-service", Artifact::image("localhost:5000/ftgo/restaurant-service:1.2.0"))
        .replicas(3)
        .cpu("500m")
        .memory("256Mi")
        .pids(200)
        .env("LOG_LEVEL", "info")
        .env("GREETING", "grüß \"Gott\"\n")
        .env_address("MENU", "menu")
        .env_address_of_port("DB_ADDRESS", "restaurant-db", "sql")
        .secret("DB_PASSWORD", SecretSource::Env("RESTAURANT_DB_PASSWORD".into()))
        .file("/etc/restaurant/menu.yaml", "dishes:\n- ramen\n")
        .http_port("http", 8080)
        .port_of("stats", 8125, Protocol::Udp)
        .ready_http("http", "/health")
        .live(Probe { period: Duration::from_secs(5), ..Probe::tcp("http".parse().unwrap()) })
        .startup(Probe { failures: 30, ..Probe::exec(["started"]) })
        .shutdown("5s", "20s")
        .build()
        .unwrap()
}

fn pins() -> Pins {
    serde_json::from_str(r#"{"secrets": {"DB_PASSWORD": "k1-000102030405060708090a0b0c0d0e0f"}}"#).unwrap()
}

fn function() -> ServiceSpec {
    let function = FunctionArtifact {
        zip: Some("function.zip".into()),
        image: None,
        handler: Some("bootstrap".into()),
        runtime: Some("provided.al2023".into()),
        architecture: Architecture::Arm64,
        build: None,
    };
    ServiceSpec::builder("thumbnails", Artifact::Function(function)).memory("512M").build().unwrap()
}

fn jar() -> JarArtifact {
    JarArtifact {
        path: "orders.jar".into(),
        java: Some(">=17, <22".into()),
        jvm_args: vec!["-Xmx512m".into()],
        args: vec!["--port".into(), "8080".into()],
        build: None,
    }
}

fn of(artifact: Artifact) -> ServiceSpec {
    ServiceSpec::builder("orders", artifact).build().unwrap()
}

/// Never edit these. See the top of the file.
#[test]
fn golden() {
    let war = WarArtifact { path: "shop.war".into(), context: "/shop".into(), build: None };
    let machine = MachineArtifact { image: "ami-0123456789abcdef0".into(), build: None };
    let by_digest = Pins { artifact: Some(Digest::of(b"content")), ..Pins::default() };
    let none = Pins::default();
    for (name, spec, pins, digest) in [
        ("small", small(), &none, "r1-cfc24154aa35939a64fceb371fe4009a84926c87e4084d6b8d0a000ae18ee8d6"),
        ("large", large(), &pins(), "r1-8ba7b2997f15416497546095198acf1ec3f34686430299d6d619e35e1b525497"),
        ("by digest", small(), &by_digest, "r1-5a469804d18efd2d05d524f8b88458a44a93ef5442647c316c5c5559c7379235"),
        ("jar", of(Artifact::Jar(jar())), &none, "r1-3e6d26318044f86f66bd916ae54ec16d40ed2325ed4815e1d5fd4b00963cd168"),
        ("war", of(Artifact::War(war)), &none, "r1-f4039ee041b93ee8eb3d3cbfbbd3b5b9805b00e73222a3599e3a458823b94e59"),
        (
            "machine",
            of(Artifact::Machine(machine)),
            &none,
            "r1-5f22a06f1b718d9e7d3afd63fcabc8c8b2a929ebc13cbcee9729270804ac5e5b",
        ),
        ("function", function(), &none, "r1-a086ab68b71ba7e8df11660e404648d46455c05118e3979b7d4137148f03cc6a"),
    ] {
        assert_eq!(format!("{:#}", Revision::of(&spec, pins)), digest, "{name}");
    }
}

/// A change with its name.
type Edit = (&'static str, fn(&mut ServiceSpec));

#[test]
fn what_is_changed_in_place_makes_no_revision() {
    let edits: &[Edit] = &[
        ("service", |spec| spec.service = "another".parse().unwrap()),
        ("labels", |spec| drop(spec.labels.insert("team".into(), "kitchen".into()))),
        ("target", |spec| spec.target = Some("docker".parse().unwrap())),
        ("replicas", |spec| spec.replicas = Some(9)),
        ("autoscale", |spec| spec.autoscale = Some(Autoscale { min: 1, max: 9, cpu: Share::percent(50) })),
        ("expose", |spec| spec.expose = Expose::NodePort(30_080)),
        ("strategy", |spec| spec.strategy = Strategy::BlueGreen(BlueGreen::default())),
        ("deadline", |spec| spec.deadline = Duration::from_secs(7)),
        ("on_failure", |spec| spec.on_failure = OnFailure::Halt),
        ("shutdown.drain", |spec| spec.shutdown.drain = Duration::from_secs(99)),
        ("depends_on", |spec| spec.depends_on.extend(["menu".parse().unwrap()])),
        ("history", |spec| spec.history = 9),
        ("secrets: the source", |spec| {
            spec.secrets.insert("DB_PASSWORD".parse().unwrap(), SecretSource::File("password".into()));
        }),
        ("artifact.image.pull", |spec| image(spec).pull = PullPolicy::Always),
        ("artifact.image.build", |spec| {
            let (context, dockerfile) = (".".to_owned(), "Dockerfile".to_owned());
            image(spec).build = Some(ImageBuild { context, dockerfile, args: BTreeMap::new(), target: None });
        }),
    ];
    let before = Revision::of(&large(), &pins());
    for (name, edit) in edits {
        let mut spec = large();
        edit(&mut spec);
        assert_ne!(spec, large(), "{name} was not changed");
        assert_eq!(Revision::of(&spec, &pins()), before, "{name} made a revision");
    }
}

fn image(spec: &mut ServiceSpec) -> &mut ImageArtifact {
    let Artifact::Image(image) = &mut spec.artifact else { panic!("not an image") };
    image
}

fn file(spec: &mut ServiceSpec) -> &mut FileSpec {
    spec.files.values_mut().next().unwrap()
}

fn ready(spec: &mut ServiceSpec) -> &mut Probe {
    spec.probes.ready.as_mut().unwrap()
}

#[test]
fn what_an_instance_gets_makes_a_revision() {
    let edits: &[Edit] = &[
        ("artifact.image.reference", |spec| image(spec).reference.push('1')),
        ("artifact", |spec| spec.artifact = Artifact::jar("localhost:5000/ftgo/restaurant-service:1.2.0")),
        ("resources.cpu", |spec| spec.resources.cpu = Some(Cpu::from_millis(501))),
        ("resources.cpu away", |spec| spec.resources.cpu = None),
        ("resources.memory", |spec| spec.resources.memory = Some(Memory::from_bytes(1 << 30))),
        ("resources.pids", |spec| spec.resources.pids = None),
        ("env", |spec| drop(spec.env.insert("LOG_LEVEL".parse().unwrap(), "debug".into()))),
        ("env: another", |spec| drop(spec.env.insert("NEW".parse().unwrap(), "".into()))),
        ("env: an address's port", |spec| {
            let address = AddressOf { address_of: "menu".parse().unwrap(), port: Some("http".parse().unwrap()) };
            spec.env.insert("MENU".parse().unwrap(), EnvValue::Address(address));
        }),
        ("env: a text like an address", |spec| {
            spec.env.insert("MENU".parse().unwrap(), EnvValue::Text(r#"{"address_of":"menu"}"#.into()));
        }),
        ("files: another path", |spec| {
            let file = file(spec).clone();
            spec.files = [("/etc/menu.yaml".to_owned(), file)].into();
        }),
        ("files: content", |spec| file(spec).content = Some(String::new())),
        ("files: mode", |spec| file(spec).mode = "0600".into()),
        ("ports: number", |spec| spec.ports.values_mut().next().unwrap().port = 81),
        ("ports: protocol", |spec| spec.ports.values_mut().next().unwrap().protocol = Protocol::Http2),
        ("ports: name", |spec| {
            let port = spec.ports.pop_first().unwrap().1;
            spec.ports.insert("web".parse().unwrap(), port);
        }),
        ("probes.ready away", |spec| spec.probes.ready = None),
        ("probes.ready as startup", |spec| spec.probes.startup = spec.probes.ready.clone()),
        ("probes.ready.http.path", |spec| ready(spec).http.as_mut().unwrap().path = "/".into()),
        ("probes.ready.period", |spec| ready(spec).period = Duration::from_millis(1)),
        ("probes.ready.timeout", |spec| ready(spec).timeout = Duration::from_millis(1)),
        ("probes.ready.initial_delay", |spec| ready(spec).initial_delay = Duration::from_millis(1)),
        ("probes.ready.failures", |spec| ready(spec).failures = 4),
        ("probes.ready.successes", |spec| ready(spec).successes = 4),
        ("shutdown.grace", |spec| spec.shutdown.grace = Duration::from_secs(21)),
    ];
    let mut revisions = vec![Revision::of(&large(), &pins())];
    for (name, edit) in edits {
        let mut spec = large();
        edit(&mut spec);
        let revision = Revision::of(&spec, &pins());
        assert!(!revisions.contains(&revision), "{name} made no revision of its own");
        revisions.push(revision);
    }
}

#[test]
fn what_a_jvm_gets_makes_a_revision() {
    let build = BuildCommand { command: vec!["make".into()], directory: None };
    let same = JarArtifact { build: Some(build), ..jar() };
    let revision = |jar: JarArtifact| Revision::of(&of(Artifact::Jar(jar)), &Pins::default());
    let before = revision(jar());
    assert_eq!(revision(same), before, "how it is built");
    let edits: [fn(&mut JarArtifact); 4] = [
        |jar| jar.path.push('x'),
        |jar| jar.java = None,
        |jar| jar.jvm_args.clear(),
        |jar| jar.args = vec!["--port 8080".into()],
    ];
    for edit in edits {
        let mut jar = jar();
        edit(&mut jar);
        assert_ne!(revision(jar.clone()), before, "{jar:?}");
    }
}

#[test]
fn pins_make_a_revision() {
    let before = Revision::of(&large(), &pins());
    let other = serde_json::from_str(r#"{"secrets": {"DB_PASSWORD": "k1-ff"}}"#).unwrap();
    assert_ne!(Revision::of(&large(), &other), before, "a secret's value");
    let pinned = Pins { artifact: Some(Digest::of(b"content")), ..pins() };
    assert_ne!(Revision::of(&large(), &pinned), before, "the image's content");
    let mut moved = large();
    image(&mut moved).reference = "another.example/restaurant-service:latest".into();
    assert_eq!(
        Revision::of(&moved, &pinned),
        Revision::of(&large(), &pinned),
        "the name the same content is found under"
    );
}

#[test]
fn defaults_written_out_make_no_revision() {
    let short = r#"{"service": "a", "artifact": {"image": {"reference": "a"}}, "ports": {"http": {"port": 80}},
        "probes": {"ready": {"http": {"port": "http"}}}, "files": {"/a": {"content": ""}}}"#;
    let long = r#"{"service": "a", "artifact": {"image": {"reference": "a", "pull": "missing"}},
        "ports": {"http": {"port": 80, "protocol": "tcp"}}, "resources": {}, "env": {}, "secrets": {},
        "files": {"/a": {"content": "", "mode": "0644"}}, "shutdown": {"grace": "30s", "drain": "10s"},
        "probes": {"ready": {"http": {"port": "http", "path": "/"}, "period": "1s", "timeout": "1s", "failures": 3,
        "successes": 1, "initial_delay": "0s"}}, "strategy": {"rolling": {}}, "history": 5}"#;
    let revision = |text: &str| Revision::of(&serde_json::from_str(text).unwrap(), &Pins::default());
    assert_eq!(revision(short), revision(long));
    assert_eq!(revision(short), revision(&short.replace(r#""content": """#, r#""content": "", "mode": "644""#)));
}

#[test]
fn a_pinned_spec_read_back_has_the_same_revision() {
    let pinned = PinnedSpec::new(large(), pins()).unwrap();
    let text = serde_json::to_string(&pinned).unwrap();
    let back: PinnedSpec = serde_json::from_str(&text).unwrap();
    assert_eq!(back, pinned);
    assert_eq!(back.revision(), pinned.revision());
    assert_eq!(back.digest(), pinned.digest());
    assert!(!text.contains("r1-"), "the revision follows from the rest and is not written: {text}");
}

#[test]
fn revisions_are_read_back_and_nothing_else_is() {
    let revision = Revision::of(&small(), &Pins::default());
    assert_eq!(Revision::parse(revision.as_str()).unwrap(), revision);
    assert_eq!(revision.short(), &revision.as_str()[..15]);
    assert_eq!(revision.to_string(), revision.short());
    let hex = &revision.as_str()[3..];
    for bad in [
        "",
        "r1-",
        revision.short(),
        &format!("r2-{hex}"),
        &format!("r1-{}", hex.to_uppercase()),
        &format!("r1-{hex}0"),
    ] {
        let error = Revision::parse(bad).unwrap_err().to_string();
        assert!(error.contains("is not a revision"), "{error}");
    }
}
