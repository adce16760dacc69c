//! Leases: one deployer at a time for a service, with a token that outlived holders cannot use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;
use crate::units::duration;

/// Rises each time a lease changes hands. A target refuses what comes with an older token than it has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FencingToken(pub u64);

/// Who may change a service, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Who holds it, for people: `ci@build-7 (pid 4711)`.
    pub holder: String,
    /// Its token.
    pub token: FencingToken,
    /// When it ends unless it is renewed, by the target's clock.
    pub expires: Timestamp,
}

/// What to do with a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeaseRequest {
    /// Take it if nobody holds it, or it has run out, or this holder has it already.
    /// Fails with [`Held`](crate::ErrorKind::Held) otherwise.
    Acquire {
        /// Who asks.
        holder: String,
        /// For how long.
        #[serde(with = "duration")]
        ttl: Duration,
        /// Take it from whoever holds it.
        steal: bool,
    },
    /// Hold it for longer. Fails with [`Fenced`](crate::ErrorKind::Fenced) if it was taken by another.
    Renew {
        /// The token it was taken with.
        token: FencingToken,
        /// For how long from now.
        #[serde(with = "duration")]
        ttl: Duration,
    },
    /// Give it back; nothing happens if another has it.
    Release {
        /// The token it was taken with.
        token: FencingToken,
    },
}
