//! The seam between deploykit and a target.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::Stream;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::action::{Action, Applied};
use crate::capability::Capabilities;
use crate::error::Result;
use crate::lease::{FencingToken, Lease, LeaseRequest};
use crate::name::{ServiceName, TargetName, VarName};
use crate::observed::{InstanceId, Observed};
use crate::pin::Digest;
use crate::problem::SpecError;
use crate::spec::ServiceSpec;
use crate::time::Timestamp;

/// One target, and how to deploy to it: the trait that a backend implements.
///
/// # Contract
/// - Only [`apply`](Self::apply) and [`lease`](Self::lease) change anything, and only what carries deploykit's own
///   label. Something foreign under a name of ours is a [`Conflict`](crate::ErrorKind::Conflict): it is neither
///   adopted nor removed.
/// - Each call is one try. There are no loops, waits or retries in a backend: an action that takes effect later
///   returns at once, and the executor observes until it has. Waiting, retries, deadlines and cancellation live in
///   the executor.
/// - [`apply`](Self::apply) is idempotent, and may be dropped at any await: what it had done by then shows in the next
///   observation, and doing it again completes it.
/// - The truth is on the target. A backend keeps nothing that another process would need.
/// - What a target cannot do is declared in [`capabilities`](Self::capabilities) or refused by
///   [`check`](Self::check), so that it is refused when planning.
/// - Errors say whether to try again ([`Retry`](crate::Retry)), and hold no secrets.
///
/// The conformance suite checks this.
#[async_trait]
pub trait Deployer: fmt::Debug + Send + Sync + 'static {
    /// The name of this target.
    fn target(&self) -> &TargetName;

    /// What this target can do. It must not change while the program runs.
    fn capabilities(&self) -> Capabilities;

    /// Checks a spec against the limits of this target beyond its capabilities, without asking it.
    ///
    /// # Errors
    /// [`SpecError`] with all problems at once.
    fn check(&self, spec: &ServiceSpec) -> Result<(), SpecError>;

    /// The digest of the content that a spec's artifact stands for now: a tag's image, a file's bytes. `None` if this
    /// cannot be told before it is published, or never changes under its name.
    async fn pin(&self, spec: &ServiceSpec) -> Result<Option<Digest>>;

    /// Every service that deploykit has on this target.
    async fn services(&self) -> Result<BTreeSet<ServiceName>>;

    /// What there is of these services now: one observation for each, in the same order, in as few requests as the
    /// target allows. A service that is not there is an empty observation. Returns all that is owned, or fails.
    async fn observe(&self, services: &[ServiceName]) -> Result<Vec<Observed>>;

    /// Carries out one action, in one try. The single door for changes.
    ///
    /// # Errors
    /// [`Fenced`](crate::ErrorKind::Fenced) if the token is older than one that the target has seen for the service.
    async fn apply(&self, action: &Action, cx: &Context) -> Result<Applied>;

    /// Takes, renews or gives back the lease of a service.
    ///
    /// # Errors
    /// [`Held`](crate::ErrorKind::Held) with the holder as context, [`Fenced`](crate::ErrorKind::Fenced).
    async fn lease(&self, service: &ServiceName, request: &LeaseRequest) -> Result<Lease>;

    /// The names of services as something changes with them; `None` if the target does not tell. The stream may name
    /// a service too often, and may end; the executor then asks.
    async fn changes(&self) -> Result<Option<ChangeStream>>;

    /// The log lines of an instance, oldest first.
    async fn logs(&self, of: &InstanceId, options: &LogOptions) -> Result<LogStream>;
}

/// Names of services with which something has changed.
pub type ChangeStream = Pin<Box<dyn Stream<Item = ServiceName> + Send>>;

/// Log lines as they come.
pub type LogStream = Pin<Box<dyn Stream<Item = Result<LogLine>> + Send>>;

/// Which log lines are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on as new lines come.
    pub follow: bool,
    /// Only lines from then on.
    pub since: Option<Timestamp>,
    /// Only the last so many of those there are.
    pub tail: Option<usize>,
    /// Those of the run before the present one.
    pub previous: bool,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, where the target knows.
    pub at: Option<Timestamp>,
    /// The text, without its line end.
    pub text: String,
}

/// What an action needs and a plan must not hold.
#[derive(Clone)]
pub struct Context {
    /// The token of the lease under which the action is done.
    pub token: FencingToken,
    /// The values of the service's secrets, fetched just before the action and wiped after it. Only
    /// [`Start`](Action::Start), [`Submit`](Action::Submit) and [`Publish`](Action::Publish) have any.
    pub secrets: Arc<BTreeMap<VarName, SecretString>>,
    /// Set when nobody waits for the action any more. A backend may look at it in an action that takes minutes.
    pub cancelled: CancellationToken,
    progress: Option<ProgressSink>,
}

type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// How far an action has come that takes a while: a build, a push, an upload.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// What is being done now, in a few words.
    pub message: String,
    /// How much is done.
    pub done: u64,
    /// How much there is, if it is known.
    pub total: Option<u64>,
}

impl Context {
    /// A context without secrets, whose progress nobody looks at.
    pub fn new(token: FencingToken) -> Self {
        Self { token, secrets: Arc::default(), cancelled: CancellationToken::new(), progress: None }
    }

    /// Hands over the values of secrets.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Arc<BTreeMap<VarName, SecretString>>) -> Self {
        self.secrets = secrets;
        self
    }

    /// Tells how far the action has come to `sink`, which must return at once.
    #[must_use]
    pub fn with_progress(mut self, sink: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(sink));
        self
    }

    /// Stops when `token` is cancelled.
    #[must_use]
    pub fn with_cancellation(mut self, token: CancellationToken) -> Self {
        self.cancelled = token;
        self
    }

    /// Says how far the action has come.
    pub fn progress(&self, message: impl Into<String>, done: u64, total: Option<u64>) {
        if let Some(sink) = &self.progress {
            sink(Progress { message: message.into(), done, total });
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("token", &self.token)
            .field("secrets", &self.secrets.keys())
            .finish_non_exhaustive()
    }
}

macro_rules! deployer_by_pointer {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: Deployer + ?Sized> Deployer for $pointer<T> {
            fn target(&self) -> &TargetName {
                (**self).target()
            }
            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }
            fn check(&self, spec: &ServiceSpec) -> Result<(), SpecError> {
                (**self).check(spec)
            }
            async fn pin(&self, spec: &ServiceSpec) -> Result<Option<Digest>> {
                (**self).pin(spec).await
            }
            async fn services(&self) -> Result<BTreeSet<ServiceName>> {
                (**self).services().await
            }
            async fn observe(&self, services: &[ServiceName]) -> Result<Vec<Observed>> {
                (**self).observe(services).await
            }
            async fn apply(&self, action: &Action, cx: &Context) -> Result<Applied> {
                (**self).apply(action, cx).await
            }
            async fn lease(&self, service: &ServiceName, request: &LeaseRequest) -> Result<Lease> {
                (**self).lease(service, request).await
            }
            async fn changes(&self) -> Result<Option<ChangeStream>> {
                (**self).changes().await
            }
            async fn logs(&self, of: &InstanceId, options: &LogOptions) -> Result<LogStream> {
                (**self).logs(of, options).await
            }
        }
    };
}

deployer_by_pointer!(Arc);
deployer_by_pointer!(Box);
