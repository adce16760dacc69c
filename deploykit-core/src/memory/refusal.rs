//! Why the world does not do what it is asked for.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::name::TargetName;

/// An error that does not know yet what was being done.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) kind: ErrorKind,
    context: Vec<(&'static str, String)>,
    hint: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(kind: ErrorKind) -> Self {
        Self { kind, context: Vec::new(), hint: None }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.context.push((name, value.to_string()));
        self
    }

    pub(super) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    pub(super) fn into_error(self, operation: &'static str, subject: impl fmt::Display, target: &TargetName) -> Error {
        let mut error = Error::new(self.kind, operation, subject, target);
        for (name, value) in self.context {
            error = error.with_context(name, value);
        }
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}
