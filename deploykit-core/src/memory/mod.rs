//! A target in memory, for trying things out and for tests: with time that can be virtual, and faults on demand.
//!
//! [`MemoryTarget`] is a [`Deployer`](crate::Deployer) like any other and passes the same conformance suite. What it
//! has is a [`World`], plain data that a test can look at and change behind deploykit's back. Under
//! `#[tokio::test(start_paused = true)]` hours pass in milliseconds, and the same seed gives the same [`Faults`].

mod behaviour;
mod builder;
mod clock;
mod effect;
mod engine;
mod faults;
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
pub use instance::{Exit, Flaps, InstanceState, Line, Sick, Stop};
pub use lease::LeaseState;
pub use oracle::{Guarantees, Violation};
pub use router::{EndpointState, RouterState};
pub use save::WorldFileError;
pub use target::MemoryTarget;
pub use world::{Requests, Running, ServiceState, Version, World};
