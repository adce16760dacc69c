//! JSON as RFC 8259 has it: no comments, no trailing commas.

use std::collections::HashMap;

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::node::{
    Budget, Entry, Kind, MAX_DEPTH, MAX_PROBLEMS, Node, Parsed, Place, Segment, Source, Tree, path_text, too_deep,
};
use super::scalar;
use crate::problem::Problem;
use crate::spec::text::clip;

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads a JSON text: a service, or a list of services.
pub(super) fn parse(source: Source<'_>) -> Parsed {
    let mut parsed = Parsed::default();
    let value = match parse_to_ast(source.text, &CollectOptions::default(), &STRICT) {
        Ok(result) => result.value,
        Err(error) => {
            parsed.problems.push(syntax(source, &error));
            return parsed;
        }
    };
    let mut builder = Builder { source, path: Vec::new(), problems: Vec::new(), budget: Budget::default() };
    let root = match value.map(|value| builder.node(value)).transpose() {
        Ok(root) => root,
        Err(problem) => {
            parsed.problems = builder.problems;
            parsed.problems.push(*problem);
            return parsed;
        }
    };
    if let Some(problem) = not_strict(source) {
        parsed.problems.push(problem);
        return parsed;
    }
    let Some(root) = root else { return parsed };
    match root.kind {
        Kind::List(items) => {
            // What is wrong with an element stands under its index.
            parsed.problems = builder.problems;
            parsed.trees = items.into_iter().map(|root| Tree { root, problems: Vec::new() }).collect();
        }
        _ => parsed.trees.push(Tree { root, problems: builder.problems }),
    }
    parsed
}

/// What the parser lets pass and RFC 8259 does not: other white space, line ends in strings.
fn not_strict(source: Source<'_>) -> Option<Problem> {
    let error = serde_json::from_str::<serde::de::IgnoredAny>(source.text).err()?;
    if error.is_eof() {
        return None;
    }
    let lines_before = source.text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let byte = lines_before.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
    let text = error.to_string();
    let message = text.rsplit_once(" at line ").map_or(&*text, |(message, _)| message);
    let problem = source.problem(Place::Byte(byte), String::new(), format!("not valid JSON: {}", clip(message)));
    let odd =
        source.text.get(byte..).and_then(|rest| rest.chars().next()).filter(|c| c.is_whitespace() || c.is_control());
    Some(match odd {
        _ if message.contains("control character") => {
            problem.with_hint("write it as an escape, such as `\\n` or `\\t`")
        }
        Some(odd) => problem.with_hint(format!("take the character U+{:04X} out", u32::from(odd))),
        None => problem,
    })
}

fn syntax(source: Source<'_>, error: &ParseError) -> Problem {
    let text = error.kind().to_string();
    let mut letters = text.chars();
    let message: String = letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect();
    let at = Place::Byte(error.range().start);
    let problem = source.problem(at, String::new(), format!("not valid JSON: {}", clip(&message)));
    match error.kind() {
        ParseErrorKind::CommentsNotAllowed => problem.with_hint("take the comment out, or write the spec in YAML"),
        ParseErrorKind::TrailingCommasNotAllowed => problem.with_hint("take the last comma out"),
        ParseErrorKind::MultipleRootJsonValues => problem.with_hint("write several services as a list: [{..}, {..}]"),
        ParseErrorKind::SingleQuotedStringsNotAllowed => problem.with_hint("write strings in double quotes"),
        ParseErrorKind::ExpectedStringObjectProperty | ParseErrorKind::UnexpectedWord => {
            problem.with_hint("write names and strings in double quotes")
        }
        ParseErrorKind::ExpectedComma => problem.with_hint("put a comma between fields and between items"),
        ParseErrorKind::UnterminatedObject => problem.with_hint("close it with `}`"),
        ParseErrorKind::UnterminatedArray => problem.with_hint("close it with `]`"),
        _ => problem,
    }
}

struct Builder<'t> {
    source: Source<'t>,
    path: Vec<Segment>,
    problems: Vec<Problem>,
    budget: Budget,
}

impl Builder<'_> {
    fn problem(&self, place: Place, (message, hint): (String, String)) -> Problem {
        self.source.problem(place, path_text(&self.path), message).with_hint(hint)
    }

    fn node(&mut self, value: Value<'_>) -> Result<Node, Box<Problem>> {
        let place = Place::Byte(value.range().start);
        let text = if let Value::StringLit(text) = &value { text.value.len() } else { 0 };
        self.budget.spend(1, text).map_err(|words| Box::new(self.problem(place, words)))?;
        Ok(match value {
            Value::NullKeyword(_) => Node::scalar(place, Kind::Null, "null"),
            Value::BooleanLit(bool) => Node::scalar(place, Kind::Bool(bool.value), bool.value.to_string()),
            Value::NumberLit(number) => Node::scalar(place, number_kind(number.value), number.value),
            Value::StringLit(text) => Node::scalar(place, Kind::Text, text.value),
            Value::Array(array) => {
                self.check_depth(place)?;
                let mut items = Vec::with_capacity(array.elements.len());
                for (index, element) in array.elements.into_iter().enumerate() {
                    self.path.push(Segment::Index(index));
                    items.push(self.node(element)?);
                    self.path.pop();
                }
                Node::list(place, items)
            }
            Value::Object(object) => {
                self.check_depth(place)?;
                Node::map(place, self.entries(object)?)
            }
        })
    }

    fn check_depth(&self, place: Place) -> Result<(), Box<Problem>> {
        if self.path.len() < MAX_DEPTH { Ok(()) } else { Err(Box::new(self.problem(place, too_deep()))) }
    }

    fn entries(&mut self, object: Object<'_>) -> Result<Vec<Entry>, Box<Problem>> {
        let mut entries = Vec::with_capacity(object.properties.len());
        let mut seen: HashMap<String, Place> = HashMap::new();
        for property in object.properties {
            let key_place = Place::Byte(property.name.range().start);
            let key = property.name.into_string();
            if let Some(first) = seen.get(&key) {
                if self.problems.len() < MAX_PROBLEMS {
                    let line = self.source.location(*first).line;
                    let message = format!("`{}` is given twice, first on line {line}", clip(&key));
                    let problem = self.problem(key_place, (message, "keep one of the two".to_owned()));
                    self.problems.push(problem);
                }
                continue;
            }
            seen.insert(key.clone(), key_place);
            self.path.push(Segment::Key(key.clone()));
            let value = self.node(property.value)?;
            self.path.pop();
            entries.push(Entry { key, key_place, value });
        }
        Ok(entries)
    }
}

fn number_kind(text: &str) -> Kind {
    if text.contains(['.', 'e', 'E']) { Kind::Float(text.parse().unwrap_or(f64::NAN)) } else { scalar::integer(text) }
}
