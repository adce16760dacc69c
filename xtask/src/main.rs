//! The workspace's own commands; `cargo xtask --help` lists them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports to whoever runs it")]
#![expect(clippy::disallowed_methods, reason = "it times the work of other programs, by the wall clock")]

mod deny;
mod deps;
mod files;
mod fuzz;
mod mutants;
mod run;
mod stage;
mod tests_stage;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use run::cargo;
use stage::{Stages, Verdict};

/// The workspace's own commands.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check everything that has to hold before a change is merged.
    ///
    /// Formatting, lints for no, the default and all features, documentation, licences and sources of dependencies,
    /// the size and kind of core's dependencies, what is committed, a short run of each fuzz target, and all tests:
    /// unit, integration, documentation and examples. Every stage runs, whatever came of those before it; the exit
    /// code is 1 if any failed. What cannot be done on this machine is skipped, and the summary says so and why.
    Test(TestArgs),
    /// Run the benchmarks.
    Bench {
        /// Only benchmarks whose name contains this.
        filter: Option<String>,
    },
    /// Run the simulation: faults, crashes and rival deployers on the in-memory target, in virtual time.
    Sim {
        /// How many seeds to try of each scenario.
        #[arg(long, default_value_t = 1000)]
        seeds: u64,
    },
    /// Break the planner on purpose, in one way after the other, and see that its tests notice.
    Mutants {
        /// Only those whose description contains this.
        filter: Option<String>,
    },
    /// Fuzz each target for its share of the time; needs cargo-fuzz and a nightly toolchain.
    Fuzz {
        /// How long to fuzz in all.
        #[arg(long, default_value_t = 10)]
        minutes: u64,
        /// Only this target.
        target: Option<String>,
    },
    /// Say which live targets the tests can run against, and what each needs.
    Testbed,
}

#[derive(Clone, Copy, Debug, Args)]
struct TestArgs {
    /// The loop for a laptop: formatting, lints for all features, quick checks, and tests with few seeds.
    #[arg(long)]
    quick: bool,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Task::Test(args) => return test(args),
        Task::Bench { filter } => bench(filter.as_deref()),
        Task::Sim { seeds } => sim(seeds),
        Task::Mutants { filter } => mutants::hunt(filter.as_deref()),
        Task::Fuzz { minutes, target } => fuzz::fuzz(minutes * 60, target.as_deref()),
        Task::Testbed => {
            println!("There are no live targets yet. The in-memory target, which all tests run on, needs nothing.");
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn test(TestArgs { quick }: TestArgs) -> ExitCode {
    let mut stages = Stages::default();
    stages.run("format", || cargo(["fmt", "--all", "--", "--check"]).into());
    stages.run("committed files", || files::check_committed().into());
    if !quick {
        stages.run("lints, no features", || clippy_each("--no-default-features").into());
        stages.run("lints, default features", || clippy(&["--workspace"]).into());
    }
    stages.run("lints, all features", || clippy(&["--workspace", "--all-features"]).into());
    stages.run("dependencies of core", || deps::check().into());
    if !quick {
        stages.run("documentation", || doc().into());
        stages.run("licences and sources", || deny::check().into());
        stages.run("advisories", deny::check_advisories);
        stages.run("fuzzing", fuzz::smoke);
    }
    let mut totals = tests_stage::Totals::default();
    stages.run("tests", || tests_stage::run(quick, &mut totals).into());
    stages.run("snapshots", || files::check_no_pending_snapshots().into());
    let failed = stages.summarise();
    println!("\n{totals}");
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn clippy(packages: &[&str]) -> Result<(), String> {
    cargo(["clippy", "--all-targets"].iter().chain(packages).chain(&["--", "-D", "warnings"]))
}

/// Lints each library alone: together, one would turn on the features of another.
fn clippy_each(features: &str) -> Result<(), String> {
    run::packages()?.iter().try_for_each(|package| clippy(&["--package", package, features]))
}

fn doc() -> Result<(), String> {
    run::cargo_with(["doc", "--workspace", "--no-deps", "--all-features"], &[("RUSTDOCFLAGS", "-D warnings")])
}

fn bench(filter: Option<&str>) -> Result<(), String> {
    cargo(["bench", "--workspace", "--benches", "--all-features", "--"].into_iter().chain(filter))
}

fn sim(seeds: u64) -> Result<(), String> {
    let arguments =
        ["test", "--package", "deploykit-core", "--all-features", "--test", "simulation", "--", "--nocapture"];
    run::cargo_with(arguments, &[("DEPLOYKIT_SEEDS", &seeds.to_string())])
}

/// What came of a stage that either holds or does not.
impl From<Result<(), String>> for Verdict {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
