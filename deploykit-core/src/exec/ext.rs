use std::future::Future;

use super::{Executor, Report, RunError, Targets};
use crate::name::ServiceName;
use crate::observed::Observed;
use crate::plan::Plan;
use crate::spec::ServiceSpec;
use crate::target::Deployer;

/// What one mostly wants of a single target, with the default options. An [`Executor`] can do more: several targets,
/// several services in order, secrets, events, cancellation.
///
/// It is there for every deployer that can be cloned, and so for each behind an [`Arc`](std::sync::Arc).
pub trait DeployerExt: Deployer + Clone {
    /// An executor over this target alone.
    fn executor(&self) -> Executor {
        Executor::new(Targets::single(self.clone()))
    }

    /// How to get to `spec` from what is there now. Changes nothing.
    ///
    /// # Errors
    /// See [`Executor::plan`].
    fn plan(&self, spec: ServiceSpec) -> impl Future<Output = Result<Plan, RunError>> + Send {
        let executor = self.executor();
        async move {
            let pinned = executor.pin(vec![spec]).await?;
            executor.plan(pinned.into_iter().map(crate::Goal::Run).collect()).await
        }
    }

    /// Deploys a service.
    ///
    /// # Errors
    /// See [`Executor::deploy`].
    fn deploy(&self, spec: ServiceSpec) -> impl Future<Output = Result<Report, RunError>> + Send {
        let executor = self.executor();
        async move { executor.deploy(vec![spec]).await }
    }

    /// Removes a service.
    ///
    /// # Errors
    /// See [`Executor::remove`].
    fn remove(&self, service: ServiceName) -> impl Future<Output = Result<Report, RunError>> + Send {
        let executor = self.executor();
        async move { executor.remove(vec![service]).await }
    }

    /// Takes a service back to the deployment before the latest, or to the one that `to` names.
    ///
    /// # Errors
    /// See [`Executor::rollback`].
    fn rollback(
        &self,
        service: ServiceName,
        to: Option<String>,
    ) -> impl Future<Output = Result<Report, RunError>> + Send {
        let executor = self.executor();
        async move { executor.rollback(&service, to.as_deref()).await }
    }

    /// What there is of a service; `None` if there is nothing.
    ///
    /// # Errors
    /// See [`Executor::status`].
    fn status(&self, service: ServiceName) -> impl Future<Output = Result<Option<Observed>, RunError>> + Send {
        let executor = self.executor();
        async move { Ok(executor.status(&[service]).await?.pop().map(|(_, seen)| seen)) }
    }
}

impl<D: Deployer + Clone> DeployerExt for D {}
