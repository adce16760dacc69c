use std::collections::BTreeMap;

use super::document::Document;
use super::node::{Node, Source};
use crate::name::ServiceName;
use crate::problem::{Problem, SpecError};
use crate::spec::ServiceSpec;

/// Where the fields of specs stand in their files, to show the place of what is found wrong with them later.
///
/// ```no_run
/// # fn check(_: &deploykit_core::ServiceSpec) -> Result<(), deploykit_core::SpecError> { Ok(()) }
/// let (specs, sources) = deploykit_core::spec::file::load_with_sources(&["orders.yaml"])?;
/// for spec in &specs {
///     check(spec).map_err(|error| sources.locate(error))?;
/// }
/// # Ok::<(), deploykit_core::SpecError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sources {
    /// Names and texts.
    files: Vec<(String, String)>,
    /// The tree of each service, and which of the files it stands in.
    trees: BTreeMap<ServiceName, (usize, Node)>,
}

impl Sources {
    /// Takes documents apart into specs and what tells their places.
    pub(super) fn split(files: Vec<(String, String)>, documents: Vec<Document>) -> (Vec<ServiceSpec>, Self) {
        let mut trees = BTreeMap::new();
        let take = |document: Document| {
            trees.insert(document.spec.service.clone(), (document.source, document.root));
            document.spec
        };
        let specs = documents.into_iter().map(take).collect();
        (specs, Self { files, trees })
    }

    /// The problems with their places, where they have none yet and the service is one of these.
    #[must_use]
    pub fn locate(&self, error: SpecError) -> SpecError {
        SpecError::new(error.into_problems().into_iter().map(|problem| self.locate_one(problem)).collect())
    }

    fn locate_one(&self, problem: Problem) -> Problem {
        let service = problem.service.as_deref().and_then(|name| ServiceName::new(name).ok());
        let Some((file, root)) = service.and_then(|name| self.trees.get(&name)).filter(|_| problem.at.is_none()) else {
            return problem;
        };
        let (name, text) = &self.files[*file];
        let at = Source { file: name, text }.location(root.find(&problem.path));
        problem.with_location(at)
    }
}
