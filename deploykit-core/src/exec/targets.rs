use std::collections::BTreeMap;
use std::sync::Arc;

use crate::name::TargetName;
use crate::problem::{Problem, SpecError};
use crate::target::Deployer;

/// The targets that a program deploys to, by the names it gave them.
#[derive(Clone, Debug, Default)]
pub struct Targets(BTreeMap<TargetName, Arc<dyn Deployer>>);

impl Targets {
    /// No targets yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One target, which every service without a `target` is deployed to.
    pub fn single(deployer: impl Deployer) -> Self {
        Self::new().with(deployer)
    }

    /// Adds a target under its own name. One of the same name is replaced.
    #[must_use]
    pub fn with(mut self, deployer: impl Deployer) -> Self {
        self.0.insert(deployer.target().clone(), Arc::new(deployer));
        self
    }

    /// The target of this name.
    pub fn get(&self, name: &TargetName) -> Option<&Arc<dyn Deployer>> {
        self.0.get(name)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &TargetName> {
        self.0.keys()
    }

    /// All targets, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&TargetName, &Arc<dyn Deployer>)> {
        self.0.iter()
    }

    /// The only target, if there is one.
    pub(super) fn only(&self) -> Option<&TargetName> {
        if self.0.len() == 1 { self.0.keys().next() } else { None }
    }

    /// The target that a service names, or the only one.
    ///
    /// # Errors
    /// [`SpecError`] about the field `target`, with the nearest name as a hint.
    pub fn choose(&self, wanted: Option<&TargetName>) -> Result<(&TargetName, &Arc<dyn Deployer>), SpecError> {
        let found = match wanted {
            Some(name) => self.0.get_key_value(name),
            None => self.only().and_then(|name| self.0.get_key_value(name)),
        };
        found.ok_or_else(|| self.not_found(wanted).into())
    }

    fn not_found(&self, wanted: Option<&TargetName>) -> Problem {
        let known = self.0.keys().map(TargetName::as_str).collect::<Vec<_>>().join(", ");
        match wanted {
            _ if self.0.is_empty() => Problem::new("target", "the program has no targets"),
            None => Problem::new("target", "is not given, and there is more than one")
                .with_hint(format!("use one of: {known}")),
            Some(name) => {
                let nearest = self.0.keys().max_by(|a, b| {
                    let likeness = |known: &TargetName| strsim::jaro_winkler(known.as_str(), name.as_str());
                    likeness(a).total_cmp(&likeness(b)).then_with(|| b.cmp(a))
                });
                let near = nearest.filter(|near| strsim::jaro_winkler(near.as_str(), name.as_str()) > 0.8);
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`? the targets are: {known}"),
                    None => format!("the targets are: {known}"),
                };
                Problem::new("target", format!("there is no target `{name}`")).with_hint(hint)
            }
        }
    }
}
