//! A whole command line for a deploy script.
//!
//! [`App`] gives a program that knows its targets, and maybe its services, the verbs `validate`, `schema`, `plan`,
//! `apply`, `status`, `history`, `rollback`, `promote`, `remove`, `logs`, `watch`, `keygen` and `completions`, with
//! colours, questions, live progress and exit codes that keep their meaning. The binary `deploykit` is that with all
//! targets of this workspace, for specs in files.
//!
//! ```
//! use deploykit_cli::{App, Exit};
//! use deploykit_core::memory::MemoryTarget;
//! use deploykit_core::spec::{Artifact, ServiceSpec};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let orders = ServiceSpec::builder("orders", Artifact::image("shop/orders:1")).replicas(2).build()?;
//! let app = App::new("deploy").target(MemoryTarget::new("memory")).specs([orders]);
//! assert_eq!(app.run_with(["deploy", "apply", "--yes"]).await, Exit::Done);
//! # Ok(())
//! # }
//! ```

mod app;
mod args;
mod console;
mod exit;
mod interrupt;
mod key;
mod open;
pub mod progress;
mod session;
mod verbs;

pub use app::{App, fail};
pub use exit::Exit;
pub use open::OpenError;
