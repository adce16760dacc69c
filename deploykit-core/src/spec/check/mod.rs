//! What a spec must hold beyond the types of its fields.

mod artifact;
mod limits;
mod network;
mod set;
mod strategy;
mod workload;

pub use set::check_set;
#[cfg(feature = "files")]
pub(super) use {set::set_problems, workload::LONGEST_FILE};

use super::ServiceSpec;
use super::text::one_line;
use crate::problem::{Problem, SpecError};

impl ServiceSpec {
    /// Checks the limits and cross-field rules of the spec.
    ///
    /// # Errors
    /// [`SpecError`] with all problems at once.
    pub fn check(&self) -> Result<(), SpecError> {
        SpecError::unless_empty(problems(self))
    }
}

/// Everything that is wrong with one spec by itself.
pub(super) fn problems(spec: &ServiceSpec) -> Vec<Problem> {
    let mut found = Found { spec, problems: Vec::new() };
    limits::check(spec, &mut found);
    artifact::check(&spec.artifact, &mut found);
    workload::check(spec, &mut found);
    network::check(spec, &mut found);
    strategy::check(spec, &mut found);
    found.problems
}

/// The problems of one spec. Each says what to do about it.
struct Found<'s> {
    spec: &'s ServiceSpec,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn add(&mut self, path: impl AsRef<str>, message: impl Into<String>, hint: impl Into<String>) {
        // A key of a map may be any text.
        let problem = Problem::new(one_line(path.as_ref()), message).with_hint(hint);
        self.problems.push(problem.with_service(self.spec.service.as_str()));
    }

    /// Refuses an empty text and one with a NUL, which no program, path or variable can hold.
    fn text(&mut self, path: &str, text: &str, what: &str) {
        if text.is_empty() {
            self.add(path, format!("the {what} is empty"), "write one, or take the field out");
        }
        self.no_nul(path, text);
    }

    fn no_nul(&mut self, path: &str, text: &str) {
        if text.contains('\0') {
            self.add(path, "there is a NUL character in it", "take it out; programs end texts at a NUL");
        }
    }

    /// Refuses a command without a program.
    fn command(&mut self, path: &str, command: &[String]) {
        if command.first().is_none_or(String::is_empty) {
            self.add(
                path,
                "the command names no program",
                "write the program and its arguments, like [\"make\", \"all\"]",
            );
        }
        for (index, word) in command.iter().enumerate() {
            self.no_nul(&format!("{path}[{index}]"), word);
        }
    }
}
