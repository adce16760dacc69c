//! The command line over all targets of this workspace.

use std::process::ExitCode;

use deploykit_cli::App;

fn main() -> ExitCode {
    App::new("deploykit").memory_targets().main()
}
