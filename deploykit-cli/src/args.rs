//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use deploykit_core::{ServiceName, units};

use crate::exit;

/// Plan deployments, look at the plans, and carry them out.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = exit::HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Where the options stand that all verbs have.
const COMMON: &str = "Options of all verbs";

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// A target, may be given more than once.
    #[arg(long = "target", global = true, value_name = "TARGET", env = "DEPLOYKIT_TARGET", hide_env = true)]
    #[arg(value_delimiter = ',', help_heading = COMMON)]
    pub(crate) targets: Vec<String>,
    /// A file with the key under which secrets are compared; everybody who deploys the same services needs the same.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = COMMON)]
    pub(crate) digest_key: Option<PathBuf>,
    /// When to use colours; by default on a terminal, unless `NO_COLOR` is set.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = COMMON)]
    pub(crate) color: Color,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Check spec files, and against the targets if any are given.
    Validate {
        #[command(flatten)]
        specs: Specs,
        /// How to write the result.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Print the JSON Schema of spec files, for editors.
    Schema,
    /// Show how to get from what is there to what the specs say. Changes nothing.
    Plan {
        #[command(flatten)]
        specs: Specs,
        /// Save the plan to this file, for `apply FILE`.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        out: Option<PathBuf>,
        /// Exit with 0 if there is nothing to do, and with 2 if there is.
        #[arg(long)]
        exit_code: bool,
        /// Show each round, also those that repeat others.
        #[arg(long)]
        all_rounds: bool,
        /// How to write the plan.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: PlanFormat,
    },
    /// Deploy: plan, ask, and carry the plan out; or carry out a saved plan, exactly as it is.
    Apply {
        /// A plan that `plan --out` saved. Refused if what it was made from has changed.
        #[arg(value_name = "PLAN", conflicts_with_all = ["files", "services"], value_hint = ValueHint::FilePath)]
        plan: Option<PathBuf>,
        #[command(flatten)]
        specs: Specs,
        #[command(flatten)]
        carry: Carry,
    },
    /// Show what there is of services, or of all.
    Status {
        /// Only these services.
        #[arg(value_name = "SERVICE")]
        services: Vec<ServiceName>,
        /// How to write it.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Show the deployments of services that are kept, and that one can go back to.
    History {
        /// Only these services.
        #[arg(value_name = "SERVICE")]
        services: Vec<ServiceName>,
        /// How to write it.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Go back to an earlier deployment: to the last that worked, or to the one that is named.
    Rollback {
        /// The service, unless there is only one; and the revision, or the number that `history` shows.
        #[arg(value_names = ["SERVICE", "REVISION"], num_args = 0..=2)]
        to: Vec<String>,
        #[command(flatten)]
        carry: Carry,
    },
    /// Open the gate that a release waits at, and go on with it.
    Promote {
        /// The service.
        #[arg(value_name = "SERVICE")]
        service: ServiceName,
        /// Open the gate and leave it to another `apply` to go on.
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        carry: Carry,
    },
    /// Remove services with all that is kept for them.
    Remove {
        /// The services.
        #[arg(value_name = "SERVICE", required = true)]
        services: Vec<ServiceName>,
        #[command(flatten)]
        carry: Carry,
    },
    /// Print the log of an instance, or of all instances of a service.
    Logs {
        /// The service or the instance, by the name that `status` shows.
        #[arg(value_name = "NAME")]
        of: String,
        /// Go on as new lines come, until told to stop.
        #[arg(short, long)]
        follow: bool,
        /// Only the last so many lines of each instance.
        #[arg(long, value_name = "LINES")]
        tail: Option<usize>,
        /// Only lines from so long ago on, such as `5m`.
        #[arg(long, value_name = "TIME", value_parser = units::duration::parse)]
        since: Option<Duration>,
        /// Of the run before the present one.
        #[arg(long)]
        previous: bool,
    },
    /// Show what there is of services whenever it changes, until told to stop.
    Watch {
        /// Only these services.
        #[arg(value_name = "SERVICE")]
        services: Vec<ServiceName>,
        /// How long to wait between two looks.
        #[arg(long, value_name = "TIME", default_value = "1s", value_parser = units::duration::parse)]
        interval: Duration,
        /// How to write it.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Make a key for `--digest-key`.
    Keygen {
        /// Write it to this file, which must not exist yet, and that only you can read.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        out: Option<PathBuf>,
    },
    /// Print what a shell needs to complete this command line.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Which specs.
#[derive(Debug, Args)]
pub(crate) struct Specs {
    /// Spec files, or folders of them; `-` is YAML from the standard input.
    #[arg(short = 'f', long = "file", value_name = "FILE", num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub(crate) files: Vec<PathBuf>,
    /// Only these services of them.
    #[arg(long = "service", value_name = "SERVICE", num_args = 1..)]
    pub(crate) services: Vec<ServiceName>,
}

/// How a plan is carried out.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Carry {
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show the plan, and stop there.
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Wait until another deployer is done, at most so long. Without it, not at all.
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true,
          default_missing_value = "10m", value_parser = units::duration::parse)]
    pub(crate) wait_lease: Option<Duration>,
    /// Take over from another deployer; it will change nothing any more.
    #[arg(long)]
    pub(crate) take_lease: bool,
    /// Show each round of the plan, also those that repeat others.
    #[arg(long)]
    pub(crate) all_rounds: bool,
    /// How to show what happens: for people, or a JSON object on each line.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: DataFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    Text,
    Json,
    Markdown,
    Mermaid,
}
