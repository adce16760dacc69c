//! What keeps a tree from being a spec: kept in parts, so that the nearest name can be suggested and the place shown.

use std::fmt;

use serde::de;

use super::node::{Node, Place, Segment, Source, path_text};
use super::words;
use crate::problem::Problem;
use crate::spec::text::{clip, enumerate, nearest, one_line, split_hint};

/// One thing that is wrong, with the way to it.
#[derive(Debug)]
pub(super) struct DecodeError {
    what: Box<What>,
    /// The way to the value, innermost first.
    path: Vec<Segment>,
    at: Option<At>,
}

#[derive(Debug)]
struct At {
    place: Place,
    /// Whether the key is wrong and not the value.
    key: bool,
    found: String,
    found_kind: &'static str,
    hint: Option<String>,
}

/// What is wrong.
#[derive(Debug)]
enum What {
    UnknownField {
        name: String,
        known: &'static [&'static str],
    },
    UnknownVariant {
        name: String,
        known: &'static [&'static str],
    },
    Missing {
        field: &'static str,
    },
    WrongType {
        expected: String,
    },
    /// A map where exactly one field says which variant is meant.
    NotOne {
        known: &'static [&'static str],
        found: usize,
    },
    /// The name of a variant that cannot stand alone.
    Bare {
        variant: String,
        needs: String,
    },
    /// Something below the name of a variant that takes nothing.
    NoFields {
        variant: String,
    },
    Other(String),
}

impl DecodeError {
    fn new(what: What) -> Self {
        Self { what: Box::new(what), path: Vec::new(), at: None }
    }

    pub(super) fn wrong_type(expected: impl Into<String>) -> Self {
        Self::new(What::WrongType { expected: expected.into() })
    }

    pub(super) fn not_one(known: &'static [&'static str], found: usize) -> Self {
        Self::new(What::NotOne { known, found })
    }

    pub(super) fn no_fields(variant: &str) -> Self {
        Self::new(What::NoFields { variant: variant.to_owned() })
    }

    /// The error of a variant's name that stands alone, from that of the empty map it was taken for.
    pub(super) fn bare(variant: &str, of_empty: &Self) -> Self {
        let needs = match &*of_empty.what {
            What::Missing { field } => format!("{variant}: {{{field}: ..}}"),
            What::WrongType { expected } if expected == "a boolean" => format!("{variant}: true"),
            What::WrongType { expected } if expected == "a string" => format!("{variant}: \"..\""),
            What::WrongType { expected } if expected == "a sequence" => format!("{variant}: [..]"),
            _ => format!("{variant}: .."),
        };
        Self::new(What::Bare { variant: variant.to_owned(), needs })
    }

    /// Adds the value's place, unless a value inside it is to blame.
    pub(super) fn at(mut self, place: Place, node: &Node) -> Self {
        if self.at.is_none() {
            let hint = match &*self.what {
                What::WrongType { expected } => words::hint(&words::expected(expected), node),
                _ => None,
            };
            let (found, found_kind) = (words::found(node), words::found_kind(node));
            self.at = Some(At { place, key: false, found, found_kind, hint });
        }
        self
    }

    /// Adds the key's place.
    pub(super) fn at_key(mut self, place: Place, key: &str) -> Self {
        if self.at.is_none() {
            let found = format!("the string `{}`", clip(key));
            self.at = Some(At { place, key: true, found, found_kind: "a string", hint: None });
        }
        self
    }

    /// Adds a step to the way, from inside to outside.
    pub(super) fn under(mut self, segment: Segment) -> Self {
        self.path.push(segment);
        self
    }

    /// The way to the value that is wrong, from the document on.
    pub(super) fn path(&self) -> Vec<Segment> {
        self.path.iter().rev().cloned().collect()
    }

    /// Whether it only follows from something that was cut out of this value before.
    pub(super) fn follows_from_a_cut(&self, node: &Node) -> bool {
        match &*self.what {
            What::Missing { field } => node.entry(field).is_some_and(|entry| entry.value.is_cut()),
            What::NotOne { .. } => node.entries().iter().any(|entry| entry.value.is_cut()),
            _ => false,
        }
    }

    /// The name that was probably meant, and whether it is a key.
    pub(super) fn suggestion(&self) -> Option<(&'static str, bool)> {
        let (What::UnknownField { name, known } | What::UnknownVariant { name, known }) = &*self.what else {
            return None;
        };
        Some((nearest(name, known.iter().copied())?, self.at.as_ref().is_some_and(|at| at.key)))
    }

    /// The field that is missing.
    pub(super) fn missing(&self) -> Option<&'static str> {
        if let What::Missing { field } = *self.what { Some(field) } else { None }
    }

    /// The problem to report.
    pub(super) fn into_problem(self, source: Source<'_>) -> Problem {
        let mut path = self.path();
        // What a secret's declaration holds by mistake may be its value.
        let secret = matches!(path.first(), Some(Segment::Key(key)) if key == "secrets");
        let at = self.at.unwrap_or(At {
            place: Place::Point(1, 1),
            key: false,
            found: "a map".to_owned(),
            found_kind: "a map",
            hint: None,
        });
        if at.key && !matches!(*self.what, What::Other(_)) {
            path.pop();
        }
        let field = match path.last() {
            Some(Segment::Key(key)) => format!("{}: ", clip(key)),
            _ => String::new(),
        };
        let found = if secret { at.found_kind } else { at.found.as_str() };
        let (message, hint) = match *self.what {
            _ if secret && !at.key && path.len() == 2 && at.found_kind != "a map" => (
                format!("expected a map that says where the value comes from, found {found}"),
                Some(
                    "write for example `{env: NAME}` or `{file: path}`; a spec never holds a secret's value".to_owned(),
                ),
            ),
            What::UnknownField { name, known } => unknown("field", &name, known),
            What::UnknownVariant { name, known } => unknown(if at.key { "field" } else { "value" }, &name, known),
            What::Missing { field } => (format!("the field `{field}` is missing"), None),
            What::WrongType { .. } if path.is_empty() => (
                format!("expected a service, which is a map of fields, found {found}"),
                Some("begin with `service` and its name; in YAML, several services are separated by `---`".to_owned()),
            ),
            What::WrongType { expected } => {
                let quotes = || expected.starts_with("a string").then(|| "put it in quotes".to_owned());
                let hint = if secret { at.hint.and_then(|_| quotes()) } else { at.hint };
                (format!("expected {}, found {found}", words::expected(&expected)), hint)
            }
            What::NotOne { known, found: 0 } => {
                ("it is empty".to_owned(), Some(format!("write one of {} in it", enumerate(known, "or"))))
            }
            What::NotOne { known, found } => (
                format!("expected one of {}, found {found} fields", enumerate(known, "or")),
                Some("keep the one that is meant".to_owned()),
            ),
            What::Bare { variant, needs } => {
                (format!("`{}` does not stand alone", clip(&variant)), Some(format!("write `{field}{{{needs}}}`")))
            }
            What::NoFields { variant } => {
                (format!("`{variant}` takes no value"), Some(format!("write `{field}{variant}`")))
            }
            What::Other(text) => {
                let (message, hint) = split_hint(&text);
                (message.to_owned(), hint.map(str::to_owned))
            }
        };
        let problem = source.problem(at.place, path_text(&path), one_line(&message));
        match hint {
            Some(hint) => problem.with_hint(one_line(&hint)),
            None => problem,
        }
    }
}

fn unknown(kind: &str, name: &str, known: &'static [&'static str]) -> (String, Option<String>) {
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "take it out".to_owned(),
        None => format!("write one of {}", enumerate(known, "or")),
    };
    (format!("unknown {kind} `{}`", clip(name)), Some(hint))
}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(What::Other(text.to_string()))
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::wrong_type(expected.to_string())
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::wrong_type(expected.to_string())
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::UnknownField { name: name.to_owned(), known })
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::UnknownVariant { name: name.to_owned(), known })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(What::Missing { field })
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl de::StdError for DecodeError {}
