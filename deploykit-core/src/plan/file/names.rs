//! The names of instances in a plan's file.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanFileError;
use crate::name::ServiceName;
use crate::observed::InstanceId;
use crate::revision::Revision;

/// Turns instances into their names and back, given the revisions that they may be of.
#[derive(Debug)]
pub(super) struct Names<'a> {
    service: &'a ServiceName,
    /// By what stands for them in a name: the short form, or the whole one where several have the same short form.
    by_text: BTreeMap<&'a str, &'a Revision>,
}

impl<'a> Names<'a> {
    pub(super) fn new(service: &'a ServiceName, revisions: &'a BTreeSet<Revision>) -> Self {
        let mut by_text = BTreeMap::new();
        for revision in revisions {
            let is_alone = revisions.iter().filter(|other| other.short() == revision.short()).count() == 1;
            by_text.insert(if is_alone { revision.short() } else { revision.as_str() }, revision);
        }
        Self { service, by_text }
    }

    pub(super) fn name(&self, id: &InstanceId) -> String {
        let short = id.revision.short();
        let text = if self.by_text.contains_key(short) { short } else { id.revision.as_str() };
        format!("{}-{text}-{}", id.service, id.ordinal)
    }

    pub(super) fn id(&self, name: &str, at: &str) -> Result<InstanceId, PlanFileError> {
        let parse = || {
            let rest = name.strip_prefix(self.service.as_str())?.strip_prefix('-')?;
            let (text, ordinal) = rest.rsplit_once('-')?;
            let revision = (*self.by_text.get(text)?).clone();
            let id = InstanceId { service: self.service.clone(), revision, ordinal: ordinal.parse().ok()? };
            // One instance has one name.
            (self.name(&id) == name).then_some(id)
        };
        parse().ok_or_else(|| {
            let name: String = name.chars().take(120).collect();
            let problem =
                format!("`{}` is not an instance of {} of one of its `revisions`", name.escape_debug(), self.service);
            PlanFileError::invalid(at, problem)
        })
    }
}
