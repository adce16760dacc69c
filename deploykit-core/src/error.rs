//! What a target could not do.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The result of talking to a target.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What a target could not do: the operation, its subject, the target, the kind of failure, and whether to try again.
///
/// Its text is one line without the source, which [`std::error::Error::source`] returns.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    retry: Retry,
    operation: &'static str,
    subject: String,
    target: String,
    context: Vec<(&'static str, String)>,
    hint: Option<String>,
    source: Option<Source>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, operation, subject, target, context, .. } = &*self.0;
        write!(f, "cannot {operation} {subject} on {target}: {kind}")?;
        for (index, (name, value)) in context.iter().enumerate() {
            write!(f, "{}{name}: {value}", if index == 0 { " (" } else { ", " })?;
        }
        f.write_str(if context.is_empty() { "" } else { ")" })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl Error {
    /// An error that is tried again if its kind usually passes.
    pub fn new(
        kind: ErrorKind,
        operation: &'static str,
        subject: impl fmt::Display,
        target: impl fmt::Display,
    ) -> Self {
        Self(Box::new(Inner {
            kind,
            retry: kind.usual_retry(),
            operation,
            subject: subject.to_string(),
            target: target.to_string(),
            context: Vec::new(),
            hint: None,
            source: None,
        }))
    }

    /// Keeps what it came from.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says whether to try again, where the kind does not tell.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Adds something that was known, such as what was last seen.
    #[must_use]
    pub fn with_context(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((name, value.to_string()));
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether to try again.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// What was being done: `start`.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// To what it was being done.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// What was known.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    /// What to do next.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The text with those of all its sources, for a report: `..: target unavailable: connection refused`.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}

/// Kinds of failure. A backend maps each code of its target to one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// What it needs is not there.
    NotFound,
    /// Something foreign is in the way, or what it was decided on has moved.
    Conflict,
    /// Another deployer holds the lease.
    Held,
    /// The lease was lost to another; nothing may be changed any more.
    Fenced,
    /// The target does not let us.
    Denied,
    /// The target does not take it.
    Invalid,
    /// The target cannot do it.
    Unsupported,
    /// The target does not answer.
    Unavailable,
    /// The target asks to slow down.
    RateLimited,
    /// It took too long.
    Timeout,
    /// Anything else.
    Unexpected,
}

impl ErrorKind {
    fn usual_retry(self) -> Retry {
        match self {
            Self::Unavailable | Self::RateLimited | Self::Timeout => Retry::Later { after: None },
            _ => Retry::Never,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotFound => "not found",
            Self::Conflict => "conflict",
            Self::Held => "another deployer is at work",
            Self::Fenced => "the lease was lost to another deployer",
            Self::Denied => "permission denied",
            Self::Invalid => "rejected as invalid",
            Self::Unsupported => "not supported by this target",
            Self::Unavailable => "target unavailable",
            Self::RateLimited => "rate limited",
            Self::Timeout => "timed out",
            Self::Unexpected => "unexpected failure",
        })
    }
}

/// Whether to try again. The executor reads nothing else of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// It would fail again.
    Never,
    /// It may pass.
    Later {
        /// Not before so much time, if the target said so.
        after: Option<Duration>,
    },
}
