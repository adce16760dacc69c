//! A text as a tree in which every value and every key knows its place, whatever the format.

use std::fmt::Write as _;

use crate::problem::{Location, Problem};
use crate::spec::text::{clip, one_line};

/// How deep values may be nested, the document itself counted.
pub(super) const MAX_DEPTH: usize = 64;
/// How long a file may be, and the text of one once its aliases are written out.
pub(super) const MAX_BYTES: usize = 4 << 20;
/// How many problems of one document are reported.
pub(super) const MAX_PROBLEMS: usize = 50;
/// How many values a file may hold, those of its aliases counted wherever they are used.
pub(super) const MAX_NODES: usize = 100_000;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Line and column, from 1.
    Point(usize, usize),
    /// A byte. Its line and column are computed only if somebody has to read them.
    Byte(usize),
}

/// A value.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it begins.
    pub(super) place: Place,
    /// What it is.
    pub(super) kind: Kind,
    /// A scalar as it was written, or the string it stands for; empty for lists and maps.
    pub(super) text: String,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text,
    Date,
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A value that was wrong and is passed over from now on.
    Cut,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_place: Place,
    pub(super) value: Node,
}

impl Entry {
    /// Where to look for the value: a list or a map is found by its key.
    pub(super) fn place(&self) -> Place {
        if self.value.is_collection() { self.key_place } else { self.value.place }
    }
}

/// A part of a path: `ready` or `[2]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

/// A path as a person writes it: `stages[1].share`.
pub(super) fn path_text<'s>(segments: impl IntoIterator<Item = &'s Segment>) -> String {
    const MOST: usize = 120;
    let mut path = String::new();
    for segment in segments {
        if path.len() > MOST {
            path.push('…');
            break;
        }
        match segment {
            Segment::Key(key) if path.is_empty() => path.push_str(&clip(key)),
            Segment::Key(key) => {
                path.push('.');
                path.push_str(&clip(key));
            }
            Segment::Index(index) => {
                let _ = write!(path, "[{index}]");
            }
        }
    }
    path
}

impl Node {
    pub(super) fn scalar(place: Place, kind: Kind, text: impl Into<String>) -> Self {
        Self { place, kind, text: text.into() }
    }

    pub(super) fn list(place: Place, items: Vec<Self>) -> Self {
        Self { place, kind: Kind::List(items), text: String::new() }
    }

    pub(super) fn map(place: Place, entries: Vec<Entry>) -> Self {
        Self { place, kind: Kind::Map(entries), text: String::new() }
    }

    fn is_collection(&self) -> bool {
        matches!(self.kind, Kind::List(_) | Kind::Map(_))
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> &[Entry] {
        if let Kind::Map(entries) = &self.kind { entries } else { &[] }
    }

    /// The entry of a map under this key.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Whether the value was cut out.
    pub(super) fn is_cut(&self) -> bool {
        matches!(self.kind, Kind::Cut)
    }

    /// The value at this path.
    pub(super) fn get_mut(&mut self, path: &[Segment]) -> Option<&mut Self> {
        path.iter().try_fold(self, |node, segment| match (&mut node.kind, segment) {
            (Kind::Map(entries), Segment::Key(key)) => {
                entries.iter_mut().find(|entry| entry.key == *key).map(|entry| &mut entry.value)
            }
            (Kind::List(items), Segment::Index(index)) => items.get_mut(*index),
            _ => None,
        })
    }

    /// Where the field of this path stands, or what is nearest to it: the value, or the key of the last part that is
    /// there. Keys may hold dots, so the longest that fits is taken.
    pub(super) fn find(&self, path: &str) -> Place {
        let (mut node, mut place, mut rest) = (self, self.place, path);
        while !rest.is_empty() {
            if let Kind::List(items) = &node.kind {
                let Some((index, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) else { break };
                let Some(item) = index.parse().ok().and_then(|index: usize| items.get(index)) else { break };
                (node, place, rest) = (item, item.place, after);
            } else {
                // A key that is not printable stands escaped in the path.
                let escaped = |key: &str| rest.contains('\\').then(|| rest.strip_prefix(&*one_line(key))).flatten();
                let fits = |key: &str| {
                    let after = rest.strip_prefix(key).or_else(|| escaped(key))?;
                    (after.is_empty() || after.starts_with(['.', '['])).then_some(after)
                };
                let fitting = node.entries().iter().filter_map(|entry| Some((entry, fits(&entry.key)?)));
                let Some((entry, after)) = fitting.min_by_key(|(_, after)| after.len()) else { break };
                (node, place, rest) = (&entry.value, entry.place(), after);
            }
            rest = rest.strip_prefix('.').unwrap_or(rest);
        }
        place
    }
}

/// What is left of the limits of a file.
#[derive(Debug)]
pub(super) struct Budget {
    nodes: usize,
    text: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { nodes: MAX_NODES, text: MAX_BYTES }
    }
}

impl Budget {
    /// Takes so many values and bytes of text off; says what there is too much of.
    pub(super) fn spend(&mut self, nodes: usize, text: usize) -> Result<(), (String, String)> {
        let split = || "split it into several files, or take some of its aliases away".to_owned();
        self.nodes = self
            .nodes
            .checked_sub(nodes)
            .ok_or_else(|| (format!("the file holds more than {MAX_NODES} values"), split()))?;
        self.text = self
            .text
            .checked_sub(text)
            .ok_or_else(|| (format!("the file's values are longer than {} MiB", MAX_BYTES >> 20), split()))?;
        Ok(())
    }
}

/// What is said of values nested too deep.
pub(super) fn too_deep() -> (String, String) {
    (
        format!("values are nested more than {MAX_DEPTH} deep"),
        "a spec never needs that; take some levels out".to_owned(),
    )
}

/// A file's name and text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'t> {
    pub(super) file: &'t str,
    pub(super) text: &'t str,
}

impl Source<'_> {
    /// The place in words that a person finds it by.
    pub(super) fn location(&self, place: Place) -> Location {
        let (line, column) = match place {
            Place::Point(line, column) => (line, column),
            Place::Byte(byte) => {
                let byte = self.text.floor_char_boundary(byte);
                let before = &self.text[..byte];
                let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
                (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
            }
        };
        Location { file: self.file.to_owned(), line, column }
    }

    /// A problem at a place.
    pub(super) fn problem(&self, place: Place, path: String, message: impl Into<String>) -> Problem {
        Problem::new(path, message).with_location(self.location(place))
    }
}

/// A document as a tree, and what is wrong with it already.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) root: Node,
    pub(super) problems: Vec<Problem>,
}

/// The documents of a text, and what keeps the rest of it from being read.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) trees: Vec<Tree>,
    pub(super) problems: Vec<Problem>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = Source { file: "x", text: "ä: 1\nöü: 2" };
        let at = |byte| {
            let location = source.location(Place::Byte(byte));
            (location.line, location.column)
        };
        assert_eq!([at(0), at(2), at(6), at(10), at(99)], [(1, 1), (1, 2), (2, 1), (2, 3), (2, 6)]);
    }

    #[test]
    fn a_key_with_dots_is_found() {
        let text = |column| Node::scalar(Place::Point(1, column), Kind::Text, "");
        let entry = |key: &str, column, value| Entry { key: key.into(), key_place: Place::Point(2, column), value };
        let file = Node::map(Place::Point(1, 2), vec![entry("mode", 3, text(4))]);
        let files = Node::map(Place::Point(1, 5), vec![entry("/a", 6, text(7)), entry("/a.b", 8, file)]);
        let root = Node::map(Place::Point(1, 0), vec![entry("files", 9, files)]);
        assert_eq!(root.find("files./a.b.mode"), Place::Point(1, 4));
        assert_eq!(root.find("files./a.b.from"), Place::Point(2, 8));
        assert_eq!(root.find("files./c"), Place::Point(2, 9));
        assert_eq!(root.find("service"), Place::Point(1, 0));
    }
}
