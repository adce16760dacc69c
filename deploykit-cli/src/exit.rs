//! What the exit code tells.

use std::process::ExitCode;

use deploykit_core::exec::{FailureKind, Outcome, Report, RunError};

/// How the program ends. A code keeps its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// All is as it should be.
    Done,
    /// Something failed: a spec, a target, a rollout that was left as it is.
    Failed,
    /// `plan --exit-code`: there is something to do.
    Changes,
    /// A rollout failed, and what ran before runs again.
    RolledBack,
    /// A rollout failed and was stopped where it was.
    Halted,
    /// A release waits for its gate to be opened.
    Paused,
    /// The plan was made from what is not there any more; nothing was done.
    Stale,
    /// The command line makes no sense.
    Usage,
    /// It was told to stop, or not to begin.
    Cancelled,
    /// Nobody reads the output any more.
    Pipe,
}

impl Exit {
    /// The number that a shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Changes => 2,
            Self::RolledBack => 3,
            Self::Halted => 4,
            Self::Paused => 5,
            Self::Stale => 6,
            Self::Usage => 64,
            Self::Cancelled => 130,
            Self::Pipe => 141,
        }
    }

    /// What a run came to: the gravest of all services' ends.
    pub(crate) fn of(report: &Report) -> Self {
        let of = |outcome: &Outcome| match outcome {
            Outcome::Completed { .. } => Self::Done,
            Outcome::Paused { .. } => Self::Paused,
            Outcome::RolledBack { .. } => Self::RolledBack,
            Outcome::Halted { cause } if matches!(cause.kind, FailureKind::Stale) => Self::Stale,
            Outcome::Halted { .. } => Self::Halted,
            Outcome::Cancelled { .. } => Self::Cancelled,
            // A service is blocked by one that ended otherwise, and that one tells more.
            _ => Self::Failed,
        };
        let ends = || report.services.values().filter(|service| !matches!(service.outcome, Outcome::Blocked { .. }));
        let gravity = [Self::Cancelled, Self::Failed, Self::Halted, Self::RolledBack, Self::Stale, Self::Paused];
        gravity
            .into_iter()
            .find(|exit| ends().any(|service| of(&service.outcome) == *exit))
            .unwrap_or_else(|| if ends().count() == report.services.len() { Self::Done } else { Self::Failed })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The codes, for the help.
pub(crate) const HELP: &str = "\
Exit codes:
    0  all is as it should be
    1  something failed
    2  `plan --exit-code`: there is something to do
    3  a rollout failed, and what ran before runs again
    4  a rollout failed and was stopped where it was
    5  a release waits for its gate: `promote` opens it
    6  the plan is out of date; nothing was done
   64  the command line makes no sense
  130  stopped, or not begun, because somebody said so
  141  nobody reads the output any more

Environment:
  DEPLOYKIT_TARGET      targets, if --target is not given, with commas between them
  DEPLOYKIT_DIGEST_KEY  the key under which secrets are compared, if --digest-key is not given
  NO_COLOR              no colours, if --color is not given";

/// Why the program ends before its time.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// What to tell, if anything; several lines are fine.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

/// What a verb comes to.
pub(crate) type Verdict = Result<Exit, Failure>;

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let exit = match &error {
            RunError::Stale(_) => Exit::Stale,
            RunError::Cancelled => Exit::Cancelled,
            _ => Exit::Failed,
        };
        let hint = match &error {
            RunError::Target(error) => error.hint().map(str::to_owned),
            RunError::Failed(failure) => Some(failure.hint.clone()),
            _ => None,
        };
        Self { exit, message: error.to_string(), hint }
    }
}

impl From<deploykit_core::SpecError> for Failure {
    fn from(error: deploykit_core::SpecError) -> Self {
        RunError::Spec(error).into()
    }
}

/// Writing failed.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::new(Exit::Pipe, ""),
            _ => Self::error(format!("cannot write the output: {error}")),
        }
    }
}
