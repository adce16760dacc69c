//! What deploykit does, in five steps and about ten seconds.
//!
//! `cargo run --example quickstart` looks for a target, and finds the one in memory: a world in this process, with
//! instances that take 300 ms to start, a router and a clock. Nothing on your machine is changed. It deploys two
//! services of FTGO, a food delivery shop, from the spec files in `ftgo/`:
//!
//! 1. the first version: the plan, then the plan carried out, with what happens as it happens;
//! 2. the second version: what differs, the plan, and the rollout, one instance at a time;
//! 3. a version that does not work: it goes back by itself, and says why;
//! 4. what is there now, and the history;
//! 5. back to the first version.
//!
//! On a terminal, progress is a line for each service, kept up to date; in a pipe, a line for each thing that happens.
//!
//! All of it is the library's public interface. `deploy_script.rs` is what a program of your own looks like.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use deploykit_cli::progress::{Style, while_running};
use deploykit_core::exec::{Executor, Targets};
use deploykit_core::memory::{Behaviour, MemoryTarget};
use deploykit_core::spec::ServiceSpec;
use deploykit_core::spec::file::load;
use deploykit_core::{Goal, Observed, RecordStatus, Report, ServiceName};

type Failed = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match tour(&mut io::stdout(), Style::Auto).await {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The whole tour, written to `out`; progress is shown in this style.
pub async fn tour(out: &mut impl Write, style: Style) -> Result<(), Failed> {
    let target = choose_target(out)?;
    let executor = Executor::new(Targets::single(target));

    heading(out, "1. A first version: plan it, look at the plan, carry it out")?;
    deploy(out, &executor, style, specs(&["v1/restaurant-service.yaml", "v1/api-gateway.yaml"])?).await?;

    heading(out, "2. A second version: a new image, and one more gateway")?;
    deploy(out, &executor, style, specs(&["v2/restaurant-service.yaml", "v2/api-gateway.yaml"])?).await?;

    heading(out, "3. A version that does not work: it goes back by itself")?;
    deploy(out, &executor, style, specs(&["broken/restaurant-service.yaml"])?).await?;

    heading(out, "4. What is there now, and the history")?;
    let services = executor.status(&[]).await?;
    for (_, seen) in &services {
        status(out, seen)?;
    }

    heading(out, "5. Back to the first version of the restaurant service")?;
    let restaurant = ServiceName::new("restaurant-service")?;
    // A deployment is named by its number in the history or by its revision.
    let report = while_running(&executor, style, executor.rollback(&restaurant, Some("1"))).await?;
    result(out, &report)?;

    writeln!(out, "\nThat was all. The specs are in examples/ftgo, this program is examples/quickstart.rs.")?;
    Ok(())
}

/// Says which targets there are, and which one is taken.
fn choose_target(out: &mut impl Write) -> io::Result<MemoryTarget> {
    writeln!(out, "Targets looked for:")?;
    for name in ["Docker engine", "JVM hosts"] {
        writeln!(out, "  {name:<14} no: not built into this version yet")?;
    }
    writeln!(out, "  {:<14} yes: a world in this process; nothing on this machine is changed", "memory")?;
    Ok(MemoryTarget::builder("memory")
        .start_time(Duration::from_millis(300))
        .stop_time(Duration::from_millis(100))
        .in_flight(2, Duration::from_millis(150))
        .behaviour(
            Behaviour::new()
                .of_reference("restaurant-service:1.2.0")
                .exits(Duration::from_millis(200), 1)
                .says("FATAL cannot reach restaurant-db:3306: connection refused"),
        )
        .build())
}

/// The services of spec files below `ftgo/`, wherever the program runs.
fn specs(files: &[&str]) -> Result<Vec<ServiceSpec>, Failed> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ftgo");
    let paths: Vec<_> = files.iter().map(|file| folder.join(file)).collect();
    Ok(load(&paths)?)
}

/// Plans, shows the plan, and carries out exactly that plan.
async fn deploy(
    out: &mut impl Write,
    executor: &Executor,
    style: Style,
    specs: Vec<ServiceSpec>,
) -> Result<(), Failed> {
    // Pinning fixes what the specs leave open, such as the image that a tag stands for at this moment.
    let pinned = executor.pin(specs).await?;
    let plan = executor.plan(pinned.into_iter().map(Goal::Run).collect()).await?;
    writeln!(out, "{plan}\n")?;
    let report = while_running(executor, style, executor.run(&plan)).await?;
    result(out, &report)?;
    Ok(())
}

/// How each service ended, with all there is to say about a failure.
fn result(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(out)?;
    for (service, report) in &report.services {
        writeln!(out, "{service}: {} after {:.1}s", report.outcome.ending(), report.elapsed.as_secs_f64())?;
        if let Some(cause) = report.outcome.cause() {
            for line in cause.report().lines() {
                writeln!(out, "  {line}")?;
            }
        }
    }
    Ok(())
}

/// What there is of a service, and its history, the latest deployment first.
fn status(out: &mut impl Write, seen: &Observed) -> io::Result<()> {
    let counts: Vec<_> = seen
        .counts()
        .iter()
        .map(|(revision, count)| format!("{revision} {} of {} ready", count.ready, count.total))
        .collect();
    writeln!(out, "{}: {}", seen.service, counts.join(", "))?;
    let mut records: Vec<_> = seen.records.iter().collect();
    records.sort_by_key(|record| std::cmp::Reverse(record.sequence));
    for record in records {
        let status = match record.status {
            RecordStatus::Deploying => "under way",
            RecordStatus::Deployed => "deployed",
            RecordStatus::Failed => "failed",
        };
        writeln!(out, "  deployment {}  {}  {status}", record.sequence, record.revision())?;
    }
    Ok(())
}

fn heading(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n{text}\n{}", "-".repeat(text.len()))
}
