//! What should be.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::name::ServiceName;
use crate::pin::PinnedSpec;
use crate::revision::Revision;

/// What should become of a service. Removing one takes the same road as deploying it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Goal {
    /// It should run like this.
    Run(Arc<PinnedSpec>),
    /// It should run like this again: straight there, without the stages of a release.
    RollBack(Arc<PinnedSpec>),
    /// It should not be.
    Remove(ServiceName),
}

impl Goal {
    /// The service.
    pub fn service(&self) -> &ServiceName {
        match self {
            Self::Run(spec) | Self::RollBack(spec) => spec.service(),
            Self::Remove(service) => service,
        }
    }

    /// What should run, if anything.
    pub fn spec(&self) -> Option<&Arc<PinnedSpec>> {
        match self {
            Self::Run(spec) | Self::RollBack(spec) => Some(spec),
            Self::Remove(_) => None,
        }
    }

    /// The revision that should run, if any.
    pub fn revision(&self) -> Option<&Revision> {
        self.spec().map(|spec| spec.revision())
    }
}
