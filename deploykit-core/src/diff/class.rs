//! What the change of a field takes: one table.

use super::ChangeClass::{self, InPlace, Replaces};

/// What is compared by itself elsewhere says nothing about what runs.
const ONLY_HOW: &str = "it says how the artifact is made; the artifact itself tells what runs";

/// Paths, what a change there takes, and why. The first that fits counts; one fits all fields under it. `*` stands for
/// one part of a path, `**` for any number of them.
const CLASSES: [(&str, ChangeClass, &str); 25] = [
    ("pins.artifact", Replaces, "the artifact's content is another"),
    ("artifact.*.build", InPlace, ONLY_HOW),
    ("artifact.image.pull", InPlace, "it matters only when an instance starts"),
    ("artifact", Replaces, "an instance keeps what it was started with"),
    ("env", Replaces, "environment is fixed when an instance starts"),
    ("secrets.*.*", InPlace, "it says where the value comes from; the value is compared by its digest"),
    ("secrets", Replaces, "environment is fixed when an instance starts"),
    ("files.**.from", InPlace, "it says where the text comes from; the text is compared itself"),
    ("files", Replaces, "files are put in place when an instance starts"),
    ("ports", Replaces, "ports are fixed when an instance starts"),
    ("probes", Replaces, "probes are handed over when an instance starts"),
    ("resources", Replaces, "limits are set when an instance starts"),
    ("shutdown.grace", Replaces, "the grace is handed over when an instance starts"),
    ("shutdown.drain", InPlace, "it is read when an instance is drained"),
    ("replicas", InPlace, "instances are added or taken away; the others run on"),
    ("autoscale", InPlace, "the platform is told; instances run on"),
    ("expose", InPlace, "the router is told"),
    ("strategy", InPlace, "it says how to roll, not what runs"),
    ("deadline", InPlace, "it says how long to wait, not what runs"),
    ("on_failure", InPlace, "it says what to do with a failure, not what runs"),
    ("history", InPlace, "it says how many records are kept"),
    ("depends_on", InPlace, "it says what comes first, not what runs"),
    ("labels", InPlace, "labels are not part of what an instance gets"),
    ("target", InPlace, "it says where, not what runs"),
    ("service", InPlace, "it names the service, not what runs"),
];

/// What the change of a field takes, and why, by its path in a spec: `env.LOG_LEVEL`, `strategy.rolling.max_surge`.
///
/// Exactly the fields that [`Revision`](crate::Revision) is made of replace instances. Two paths are not those of a
/// spec's fields: `pins.artifact`, the digest of the artifact, and `secrets.NAME`, the digest of a secret. Where the
/// artifact's digest is known, it alone decides, and the name that the artifact was found under changes in place.
///
/// ```
/// use deploykit_core::diff::{ChangeClass, field_class};
///
/// assert_eq!(field_class("env.LOG_LEVEL").0, ChangeClass::Replaces);
/// assert_eq!(field_class("replicas").0, ChangeClass::InPlace);
/// ```
pub fn field_class(path: &str) -> (ChangeClass, &'static str) {
    let found = CLASSES.iter().find(|(pattern, ..)| fits(pattern, path));
    found.map_or((Replaces, "nothing says that it can change in place"), |(_, class, why)| (*class, *why))
}

/// The same where the artifact may be pinned to its content.
pub(super) fn class_of(path: &str, is_pinned: bool) -> (ChangeClass, &'static str) {
    let names_artifact = matches!(
        path,
        "artifact.image.reference"
            | "artifact.jar.path"
            | "artifact.war.path"
            | "artifact.machine.image"
            | "artifact.function.zip"
            | "artifact.function.image"
    );
    if is_pinned && names_artifact {
        return (InPlace, "it is a name; the content's digest tells what runs");
    }
    field_class(path)
}

fn fits(pattern: &str, path: &str) -> bool {
    if let Some((begin, end)) = pattern.split_once("**") {
        return path.len() >= begin.len() + end.len() && path.starts_with(begin) && path.ends_with(end);
    }
    let mut parts = path.split('.');
    pattern.split('.').all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fits_by_its_whole_parts() {
        assert!(fits("env", "env.A"));
        assert!(!fits("env", "environment"));
        assert!(fits("secrets.*.*", "secrets.A.kubernetes.key"));
        assert!(!fits("secrets.*.*", "secrets.A"));
        assert!(fits("files.**.from", "files./etc/a.yaml.from"));
        assert!(!fits("files.**.from", "files./etc/a.from.content"));
    }

    #[test]
    fn what_is_not_known_replaces() {
        assert_eq!(field_class("something.new").0, Replaces);
    }
}
