//! deploykit inside a program of one's own: a platform that keeps services deployed.
//!
//! `cargo run --example platform` starts a [`Reconciler`] over a target in memory and hands it two services. It
//! deploys them, and from then on looks at them whenever the target tells of a change, and every few seconds in any
//! case. One sees
//!
//! 1. both services come up, one after the other, as the second depends on the first;
//! 2. an instance killed behind deploykit's back, and another started in its place;
//! 3. more instances asked for, and started;
//! 4. the reconciler told to stop: it begins nothing new and ends in good order, and the services run on.
//!
//! A real platform would take the goals from its database or from a folder of spec files, send the events to its
//! users, and stop at SIGTERM. Nothing has to be kept between two runs of it: the truth is on the target.

use std::io::{self, Write};
use std::time::Duration;

use deploykit_core::exec::{EventStream, Executor, Options, Reconciler, Targets};
use deploykit_core::memory::MemoryTarget;
use deploykit_core::spec::{Artifact, ServiceSpec};
use deploykit_core::{Deployer as _, EventKind, Goal, Phase, ServiceName, SpecError, State};
use tokio::sync::watch;

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    demo(&mut io::stdout()).await
}

/// What the platform is asked to run.
fn wanted(gateways: u32) -> Result<Vec<ServiceSpec>, SpecError> {
    let orders = ServiceSpec::builder("orders", Artifact::image("registry.example/ftgo/orders:1.0.0")).replicas(2);
    let gateway = ServiceSpec::builder("gateway", Artifact::image("registry.example/ftgo/gateway:1.0.0"));
    Ok(vec![orders.build()?, gateway.replicas(gateways).depends_on("orders").build()?])
}

/// The whole demo, written to `out`.
pub async fn demo(out: &mut impl Write) -> Result<(), Failed> {
    let target = MemoryTarget::builder("memory").start_time(Duration::from_millis(300)).build();
    let executor = Executor::builder(Targets::single(target.clone()))
        .with_options(Options::new().with_holder("the demo platform"))
        .build();
    let mut events = executor.events();

    // Goals are sent to the reconciler; each time, they replace all those before.
    let goals = |specs| async {
        let pinned = executor.pin(specs).await?;
        Ok::<_, Failed>(pinned.into_iter().map(Goal::Run).collect::<Vec<_>>())
    };
    let (send, follow) = watch::channel(goals(wanted(1)?).await?);
    let reconciler = Reconciler::following(executor.clone(), follow).with_interval(Duration::from_secs(2));
    let running = tokio::spawn(reconciler.run());

    writeln!(out, "1. Two services come up")?;
    until_ready(out, &mut events, &target, &[("orders", 2), ("gateway", 1)]).await?;

    writeln!(out, "2. An instance is killed")?;
    let killed = target.edit(|world| {
        let first = world.ids(&ServiceName::new("orders").ok()?).into_iter().next()?;
        world.kill(&first, 137).then_some(first)
    });
    writeln!(out, "      killed {}", killed.ok_or("there is no instance to kill")?)?;
    until_ready(out, &mut events, &target, &[("orders", 2), ("gateway", 1)]).await?;

    writeln!(out, "3. More instances are asked for")?;
    send.send(goals(wanted(3)?).await?)?;
    until_ready(out, &mut events, &target, &[("orders", 2), ("gateway", 3)]).await?;

    writeln!(out, "4. The platform is told to stop")?;
    executor.stop();
    let report = running.await??;
    for (service, last) in &report.services {
        writeln!(out, "      {service}: last {}", last.outcome.ending())?;
    }
    writeln!(out, "      the services run on: {}", ready(&target).await?)?;
    Ok(())
}

/// Shows what happens until so many instances of each service are ready.
async fn until_ready(
    out: &mut impl Write,
    events: &mut EventStream,
    target: &MemoryTarget,
    wanted: &[(&str, usize)],
) -> Result<(), Failed> {
    let wanted: Vec<_> = wanted.iter().map(|(service, count)| format!("{service} {count}")).collect();
    // An event says that something was done; whether it is enough is seen on the target.
    while let Some(event) = tokio::time::timeout(Duration::from_secs(30), events.next()).await? {
        match &event.kind {
            EventKind::StepStarted { .. } | EventKind::Alarm { .. } => writeln!(out, "      {event}")?,
            EventKind::Finished { .. } => {
                writeln!(out, "      {event}")?;
                let now = ready(target).await?;
                if wanted.iter().all(|wanted| now.split(", ").any(|now| now == wanted)) {
                    return Ok(());
                }
            }
            _ => {}
        }
    }
    Err("the events ended too early".into())
}

/// How many instances of each service are ready: `gateway 1, orders 2`.
async fn ready(target: &MemoryTarget) -> Result<String, Failed> {
    let services: Vec<_> = target.services().await?.into_iter().collect();
    let count = |state: &State| match state {
        State::Instances(instances) => instances.iter().filter(|instance| instance.phase == Phase::Ready).count(),
        State::Platform(_) => 0,
    };
    let seen = target.observe(&services).await?;
    let words: Vec<_> = seen.iter().map(|seen| format!("{} {}", seen.service, count(&seen.state))).collect();
    Ok(words.join(", "))
}
