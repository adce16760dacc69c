//! TOML: one service per file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::node::{Budget, Entry, Kind, MAX_DEPTH, Node, Parsed, Place, Segment, Source, Tree, path_text, too_deep};
use super::scalar;
use crate::problem::Problem;
use crate::spec::text::clip;

/// Reads a TOML text.
pub(super) fn parse(source: Source<'_>) -> Parsed {
    const MOST_SYNTAX_PROBLEMS: usize = 20;
    /// A longer text could have more problems than fit into memory.
    const LONGEST_FOR_ALL_PROBLEMS: usize = 256 << 10;
    let (table, errors) = if source.text.len() <= LONGEST_FOR_ALL_PROBLEMS {
        DeTable::parse_recoverable(source.text)
    } else {
        match DeTable::parse(source.text) {
            Ok(table) => (table, Vec::new()),
            Err(error) => (Spanned::new(0..0, DeTable::new()), vec![error]),
        }
    };
    if !errors.is_empty() {
        let problems = errors.iter().take(MOST_SYNTAX_PROBLEMS).map(|error| syntax(source, error)).collect();
        return Parsed { trees: Vec::new(), problems };
    }
    let mut builder = Builder { source, path: Vec::new(), budget: Budget::default() };
    match builder.map(Place::Byte(0), table.into_inner()) {
        Ok(root) if root.entries().is_empty() => Parsed::default(),
        Ok(root) => Parsed { trees: vec![Tree { root, problems: Vec::new() }], problems: Vec::new() },
        Err(problem) => Parsed { trees: Vec::new(), problems: vec![*problem] },
    }
}

fn syntax(source: Source<'_>, error: &toml::de::Error) -> Problem {
    let at = Place::Byte(error.span().map_or(0, |span| span.start));
    let message = error.message().strip_suffix(", expected nothing").unwrap_or(error.message());
    let problem = source.problem(at, String::new(), format!("not valid TOML: {}", clip(message)));
    let hints = [
        ("duplicate key", "keep one of the two"),
        ("recursion", "a spec never needs values nested so deep"),
        ("string values must be quoted", "put the value in quotes"),
    ];
    match hints.iter().find(|(part, _)| error.message().contains(part)) {
        Some((_, hint)) => problem.with_hint(*hint),
        None => problem,
    }
}

struct Builder<'t> {
    source: Source<'t>,
    path: Vec<Segment>,
    budget: Budget,
}

impl Builder<'_> {
    fn problem(&self, place: Place, (message, hint): (String, String)) -> Problem {
        self.source.problem(place, path_text(&self.path), message).with_hint(hint)
    }

    fn node(&mut self, value: Spanned<DeValue<'_>>) -> Result<Node, Box<Problem>> {
        let place = Place::Byte(value.span().start);
        let node = match value.into_inner() {
            DeValue::String(text) => Node::scalar(place, Kind::Text, text),
            DeValue::Boolean(bool) => Node::scalar(place, Kind::Bool(bool), bool.to_string()),
            DeValue::Datetime(date) => Node::scalar(place, Kind::Date, date.to_string()),
            DeValue::Float(float) => {
                let value = float.as_str().parse().unwrap_or(f64::NAN);
                Node::scalar(place, Kind::Float(value), float.to_string())
            }
            DeValue::Integer(integer) => {
                let kind = match integer.radix() {
                    10 => scalar::integer(integer.as_str()),
                    radix => u64::from_str_radix(integer.as_str(), radix).map_or(Kind::Float(f64::MAX), Kind::Unsigned),
                };
                Node::scalar(place, kind, integer.to_string())
            }
            DeValue::Array(array) => {
                self.check_depth(place)?;
                let mut items = Vec::with_capacity(array.len());
                for (index, element) in array.into_iter().enumerate() {
                    self.path.push(Segment::Index(index));
                    items.push(self.node(element)?);
                    self.path.pop();
                }
                Node::list(place, items)
            }
            DeValue::Table(table) => return self.map(place, table),
        };
        self.budget.spend(1, node.text.len()).map_err(|words| Box::new(self.problem(place, words)))?;
        Ok(node)
    }

    fn check_depth(&self, place: Place) -> Result<(), Box<Problem>> {
        if self.path.len() < MAX_DEPTH { Ok(()) } else { Err(Box::new(self.problem(place, too_deep()))) }
    }

    fn map(&mut self, place: Place, table: DeTable<'_>) -> Result<Node, Box<Problem>> {
        self.check_depth(place)?;
        self.budget.spend(1, 0).map_err(|words| Box::new(self.problem(place, words)))?;
        // The table is sorted by key; problems should come in the order of the file.
        let mut fields: Vec<_> = table.into_iter().collect();
        fields.sort_by_key(|(key, _)| key.span().start);
        let mut entries = Vec::with_capacity(fields.len());
        for (key, value) in fields {
            let key_place = Place::Byte(key.span().start);
            let key = key.into_inner().into_owned();
            self.path.push(Segment::Key(key.clone()));
            let value = self.node(value)?;
            self.path.pop();
            entries.push(Entry { key, key_place, value });
        }
        Ok(Node::map(place, entries))
    }
}
