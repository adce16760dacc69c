//! Carrying plans out: the only part of deploykit that waits, retries, keeps deadlines and can be told to stop.
//!
//! [`Executor`] looks at the target, asks [`next`](crate::plan::next) what to do, does it, and looks again, until all
//! is as it should be. It keeps nothing that the target does not: a run that was cut off is mended by running again.

mod aftermath;
mod changes;
mod clock;
mod drive;
mod error;
mod events;
mod executor;
mod ext;
mod failure;
mod lease;
mod options;
mod outcome;
mod pinning;
mod progress;
mod promote;
mod pursue;
mod reconcile;
mod round;
mod run;
mod secrets;
mod seen;
mod targets;

pub use error::RunError;
pub use events::EventStream;
pub use executor::{Executor, ExecutorBuilder};
pub use ext::DeployerExt;
pub use failure::{Failure, FailureKind};
pub use options::Options;
pub use outcome::{Outcome, Report, RunFailed, ServiceReport};
pub use reconcile::Reconciler;
pub use secrets::{LocalSecrets, SecretError, SecretReader};
pub use seen::Seen;
pub use targets::Targets;

pub(crate) use seen::waiting_for;
