//! What the suite found.

use std::fmt;

use super::Case;

/// What came of the cases that ran.
#[derive(Clone, Debug)]
#[must_use]
pub struct Report {
    /// One for each, in the order in which they ran.
    pub results: Vec<CaseResult>,
}

/// What came of one case.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// Which one.
    pub case: Case,
    /// What came of it.
    pub verdict: Verdict,
}

/// Whether a clause of the contract is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Kept,
    /// It says something about what this target does not do.
    NotApplicable {
        /// What it does not do.
        reason: String,
    },
    /// It is not.
    Broken {
        /// What was found instead.
        found: String,
    },
}

impl Report {
    /// Whether no clause was found broken.
    pub fn is_kept(&self) -> bool {
        self.broken().next().is_none()
    }

    /// The cases whose clause is broken.
    pub fn broken(&self) -> impl Iterator<Item = &CaseResult> {
        self.results.iter().filter(|result| matches!(result.verdict, Verdict::Broken { .. }))
    }

    /// The cases that do not apply to this target.
    pub fn not_applicable(&self) -> impl Iterator<Item = &CaseResult> {
        self.results.iter().filter(|result| matches!(result.verdict, Verdict::NotApplicable { .. }))
    }
}

/// A line for each case, and what to know about those that are not kept.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.results.iter().try_for_each(|result| writeln!(f, "{result}"))
    }
}

impl fmt::Display for CaseResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.case.name();
        match &self.verdict {
            Verdict::Kept => write!(f, "kept            {name}"),
            Verdict::NotApplicable { reason } => write!(f, "not applicable  {name}: {reason}"),
            Verdict::Broken { found } => {
                write!(f, "BROKEN          {name}\n  clause: {}\n  found:  {found}", self.case.clause())
            }
        }
    }
}
