//! A target in memory, for trying things out and for tests: with time that can be virtual, and faults on demand.
//!
//! [`MemoryTarget`] is a [`Deployer`](crate::Deployer) like any other and passes the same conformance suite. What it
//! has is a [`World`], plain data that a test can look at and change behind deploykit's back. Under
//! `#[tokio::test(start_paused = true)]` hours pass in milliseconds, and the same seed gives the same [`Faults`].
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use deploykit_core::memory::{Behaviour, Guarantees, MemoryTarget};
//! use deploykit_core::spec::{Artifact, ServiceSpec};
//! use deploykit_core::{Executor, exec::Targets};
//!
//! let never_ready = Behaviour::new().of_reference("broken").never_ready();
//! let target = MemoryTarget::builder("memory").behaviour(never_ready).build();
//! let executor = Executor::new(Targets::single(target.clone()));
//! let version = |tag| ServiceSpec::builder("orders", Artifact::image(format!("orders:{tag}"))).replicas(3).build();
//!
//! assert!(executor.deploy(vec![version("1")?]).await?.is_success());
//! let orders = deploykit_core::ServiceName::new("orders")?;
//! let before = target.world().ids(&orders);
//!
//! // What never gets ready is given up after its deadline, and nothing of what worked was taken away for it.
//! target.watch_guarantees(Guarantees::new().min_available(3));
//! assert!(!executor.deploy(vec![version("broken")?]).await?.is_success());
//! assert_eq!(target.world().ids(&orders), before);
//! assert!(target.violations().is_empty());
//! # Ok(())
//! # }
//! ```

mod behaviour;
mod builder;
mod clock;
mod effect;
mod engine;
mod faults;
mod guarantees;
mod instance;
mod lease;
mod oracle;
mod random;
mod refusal;
mod router;
mod save;
mod shared;
mod stream;
mod target;
mod world;

pub use behaviour::{Behaviour, Started};
pub use builder::MemoryBuilder;
pub use engine::{Batch, EngineState, Group, Millis};
pub use faults::{Call, Faults};
pub use guarantees::{Guarantees, Violation};
pub use instance::{Exit, Flaps, InstanceState, Line, Sick, Stop};
pub use lease::LeaseState;
pub use router::{EndpointState, RouterState};
pub use save::WorldFileError;
pub use target::MemoryTarget;
pub use world::{Requests, Running, ServiceState, Version, World};
