//! A whole deploy script, with a whole command line.
//!
//! Replace the memory target by your own, and this is all there is to write. `plan`, `apply`, `status`, `history`,
//! `rollback`, `remove`, `logs` and the others are there, as in the binary `deploykit`:
//!
//! ```sh
//! cargo run --example deploy_script -- --help
//! cargo run --example deploy_script -- plan
//! cargo run --example deploy_script -- --target memory:world.json apply --yes    # a world that is kept in a file
//! cargo run --example deploy_script -- --target memory:world.json status
//! ```

use std::process::ExitCode;

use deploykit_cli::App;
use deploykit_core::SpecError;
use deploykit_core::memory::MemoryTarget;
use deploykit_core::spec::{Artifact, ServiceSpec};

fn main() -> ExitCode {
    match script() {
        Ok(script) => script.main(),
        Err(error) => deploykit_cli::fail(&error),
    }
}

/// What is deployed, and where.
pub fn script() -> Result<App, SpecError> {
    let orders = ServiceSpec::builder("orders", Artifact::image("registry.example/ftgo/orders:1.4.0"))
        .replicas(3)
        .http_port("http", 8080)
        .ready_http("http", "/health")
        .build()?;
    Ok(App::new("deploy_script").target(MemoryTarget::new("memory")).memory_targets().specs([orders]))
}
