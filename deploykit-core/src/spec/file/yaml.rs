//! YAML 1.2 without its traps: no tags, no merge keys, and aliases only as far as they stay small.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::node::{
    Budget, Entry, Kind, MAX_DEPTH, MAX_PROBLEMS, Node, Parsed, Place, Segment, Source, Tree, path_text, too_deep,
};
use super::scalar;
use crate::problem::Problem;
use crate::spec::text::clip;

/// How long a line may be. The parser keeps all of a line that may yet turn out to be a key.
const LONGEST_LINE: usize = 1 << 20;

/// Reads the documents of a YAML text; empty ones are passed over.
pub(super) fn parse(source: Source<'_>) -> Parsed {
    if let Some(line) = source.text.split('\n').position(|line| line.len() > LONGEST_LINE) {
        let problem = source.problem(Place::Point(line + 1, 1), String::new(), "this line is longer than 1 MiB");
        let hint = "break it, or put a long text into a file of its own and name it with `from`";
        return Parsed { trees: Vec::new(), problems: vec![problem.with_hint(hint)] };
    }
    let mut builder = Builder::new(source);
    let mut parser = Parser::new_from_str(source.text);
    while let Some(event) = parser.next_event() {
        let taken = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => Err(Box::new(syntax(source, &error))),
        };
        if let Err(problem) = taken {
            builder.parsed.problems.append(&mut builder.problems);
            builder.parsed.problems.push(*problem);
            break;
        }
    }
    builder.parsed
}

fn place(span: Span) -> Place {
    Place::Point(span.start.line(), span.start.col() + 1)
}

fn syntax(source: Source<'_>, error: &ScanError) -> Problem {
    let at = Place::Point(error.marker().line().max(1), error.marker().col() + 1);
    let info = error.info();
    let problem = source.problem(at, String::new(), format!("not valid YAML: {}", clip(info)));
    let hints = [
        ("tab", "indent with spaces"),
        ("mapping values are not allowed", "check the indentation, or put a text with `: ` in it in quotes"),
        ("simple key", "check the indentation, and that each key is followed by `: `"),
        ("did not find expected key", "check the indentation of this line and of those above it"),
        ("expected '-' indicator", "check the indentation of this line and of those above it"),
        ("unknown anchor", "an alias `*name` needs an anchor `&name` before it in the same document"),
        ("unexpected character", "put a text that begins with this character in quotes"),
        ("',' or '}'", "close the map with `}`, and put commas between its fields"),
        ("',' or ']'", "close the list with `]`, and put commas between its items"),
        ("quoted scalar", "check the quotes and the characters after `\\`"),
        ("misplaced bracket", "take it out, or open one before it"),
        ("unexpected end", "close every quote and bracket"),
        ("flow construct", "close the map or list above with `}` or `]`, or indent what belongs to it"),
    ];
    match hints.iter().find(|(part, _)| info.contains(part)) {
        Some((_, hint)) => problem.with_hint(*hint),
        None => problem,
    }
}

enum Frame {
    List { place: Place, anchor: usize, items: Vec<Node> },
    Map { place: Place, anchor: usize, entries: Vec<Entry>, seen: HashMap<String, Place>, key: Key },
}

/// The key whose value comes next.
enum Key {
    None,
    /// The value is read and forgotten.
    Refused,
    Of(String, Place),
}

struct Builder<'t> {
    source: Source<'t>,
    parsed: Parsed,
    /// Problems of the document that is being read.
    problems: Vec<Problem>,
    frames: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    budget: Budget,
}

impl<'t> Builder<'t> {
    fn new(source: Source<'t>) -> Self {
        Self {
            source,
            parsed: Parsed::default(),
            problems: Vec::new(),
            frames: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            budget: Budget::default(),
        }
    }

    /// Takes the next event; a problem ends the reading.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Box<Problem>> {
        let place = place(span);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::DocumentEnd => {
                self.end_document();
                Ok(())
            }
            Event::Alias(anchor) => self.alias(anchor, place),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                self.spend(1, text.len(), place)?;
                if plain && text == "<<" && self.wants_key() {
                    return self.merge_key(place);
                }
                self.refuse_tag(tag.as_deref(), place);
                let kind = match tag {
                    // Whatever it was to be, nothing else is said about it.
                    Some(_) => Kind::Cut,
                    None if plain => scalar::resolve(&text),
                    None => Kind::Text,
                };
                self.finish(Node::scalar(place, kind, text), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), place);
                self.begin(Frame::List { place, anchor, items: Vec::new() }, place)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), place);
                let (entries, seen) = (Vec::new(), HashMap::new());
                self.begin(Frame::Map { place, anchor, entries, seen, key: Key::None }, place)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.frames.pop() {
                Some(Frame::List { place, anchor, items }) => self.finish(Node::list(place, items), anchor),
                Some(Frame::Map { place, anchor, entries, .. }) => self.finish(Node::map(place, entries), anchor),
                None => Ok(()),
            },
        }
    }

    fn end_document(&mut self) {
        let problems = std::mem::take(&mut self.problems);
        match self.root.take() {
            Some(Node { kind: Kind::Null, text, .. }) if text.is_empty() && problems.is_empty() => {}
            Some(root) => self.parsed.trees.push(Tree { root, problems }),
            None => self.parsed.problems.extend(problems),
        }
    }

    fn path(&self) -> String {
        let segments: Vec<_> = self
            .frames
            .iter()
            .filter_map(|frame| match frame {
                Frame::List { items, .. } => Some(Segment::Index(items.len())),
                Frame::Map { key: Key::Of(key, _), .. } => Some(Segment::Key(key.clone())),
                Frame::Map { .. } => None,
            })
            .collect();
        path_text(&segments)
    }

    fn problem(&self, place: Place, (message, hint): (impl Into<String>, impl Into<String>)) -> Problem {
        self.source.problem(place, self.path(), message).with_hint(hint)
    }

    fn note(&mut self, place: Place, words: (impl Into<String>, impl Into<String>)) {
        if self.problems.len() < MAX_PROBLEMS {
            let problem = self.problem(place, words);
            self.problems.push(problem);
        }
    }

    fn spend(&mut self, nodes: usize, text: usize, place: Place) -> Result<(), Box<Problem>> {
        self.budget.spend(nodes, text).map_err(|words| Box::new(self.problem(place, words)))
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, place: Place) {
        let Some(tag) = tag else { return };
        let shown = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
        let message = format!("tags such as `{}` are not supported", clip(&shown));
        self.note(place, (message, "take the tag away; put the value in quotes if it is a string"));
    }

    fn wants_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame::Map { key: Key::None, .. }))
    }

    fn refuse_key(&mut self) {
        if let Some(Frame::Map { key, .. }) = self.frames.last_mut() {
            *key = Key::Refused;
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "one of the ways to take an event")]
    fn merge_key(&mut self, place: Place) -> Result<(), Box<Problem>> {
        self.note(
            place,
            ("merge keys (`<<`) are not supported", "write the fields out, or use an alias for the whole map"),
        );
        self.refuse_key();
        Ok(())
    }

    fn begin(&mut self, frame: Frame, place: Place) -> Result<(), Box<Problem>> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(Box::new(self.problem(place, too_deep())));
        }
        self.spend(1, 0, place)?;
        self.frames.push(frame);
        Ok(())
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Box<Problem>> {
        let Some(node) = self.anchors.get(&anchor) else {
            let hint = "its anchor is in another document, or is the value that the alias is a part of";
            return Err(Box::new(self.problem(place, ("an alias without a value", hint))));
        };
        // Measured before it is copied, so that a bomb never unfolds.
        let size = Size::of(node);
        if self.frames.len() + size.depth > MAX_DEPTH {
            return Err(Box::new(self.problem(place, too_deep())));
        }
        self.budget.spend(size.nodes, size.text).map_err(|words| Box::new(self.problem(place, words)))?;
        let node = node.clone();
        self.finish(node, 0)
    }

    /// Puts a value that is complete where it belongs.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Box<Problem>> {
        if anchor > 0 {
            let size = Size::of(&node);
            self.spend(size.nodes, size.text, node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.frames.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Map { entries, key, .. }) => match std::mem::replace(key, Key::None) {
                Key::Of(key, key_place) => entries.push(Entry { key, key_place, value: node }),
                Key::Refused => {}
                Key::None => self.key(node),
            },
        }
        Ok(())
    }

    fn key(&mut self, node: Node) {
        if matches!(node.kind, Kind::List(_) | Kind::Map(_)) {
            self.note(node.place, ("a key that is a list or a map", "write a string before the `:`"));
            return self.refuse_key();
        }
        let Some(Frame::Map { seen, key, .. }) = self.frames.last_mut() else { return };
        let Some(first) = seen.get(&node.text).copied() else {
            seen.insert(node.text.clone(), node.place);
            *key = Key::Of(node.text, node.place);
            return;
        };
        let line = self.source.location(first).line;
        let message = format!("`{}` is given twice, first on line {line}", clip(&node.text));
        self.note(node.place, (message, "keep one of the two"));
        self.refuse_key();
    }
}

/// What a value costs.
#[derive(Default)]
struct Size {
    nodes: usize,
    text: usize,
    depth: usize,
}

impl Size {
    fn of(node: &Node) -> Self {
        let mut size = Self { nodes: 1, text: node.text.len(), depth: 0 };
        match &node.kind {
            Kind::List(items) => items.iter().for_each(|item| size.add(0, item)),
            Kind::Map(entries) => entries.iter().for_each(|entry| size.add(entry.key.len(), &entry.value)),
            _ => return size,
        }
        size.depth += 1;
        size
    }

    fn add(&mut self, key: usize, node: &Node) {
        let inner = Self::of(node);
        self.nodes += inner.nodes;
        self.text += inner.text + key;
        self.depth = self.depth.max(inner.depth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let parsed = parse(Source { file: "x", text });
        let of_trees = parsed.trees.iter().flat_map(|tree| &tree.problems);
        of_trees.chain(&parsed.problems).map(ToString::to_string).collect()
    }

    /// So many aliases of the level before.
    fn above(level: usize, count: usize) -> String {
        let item = level.checked_sub(1).map_or("x".to_owned(), |above| format!("*a{above}"));
        vec![item; count].join(", ")
    }

    #[test]
    fn a_small_bomb_is_refused_before_it_unfolds() {
        let lines = (0..30).map(|level| format!("a{level}: &a{level} [{}]\n", above(level, 9)));
        let text = lines.collect::<Vec<_>>().concat();
        let found = problems(&text);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("more than 100000 values"), "{found:?}");
    }

    #[test]
    fn long_texts_are_counted_wherever_they_are_used() {
        let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 19), "*a, ".repeat(10));
        assert!(problems(&text)[0].contains("longer than 4 MiB"));
    }

    #[test]
    fn aliases_do_not_nest_deeper_than_values_may() {
        let lines = (0..100).map(|level| format!("a{level}: &a{level} [{}]\n", above(level, 1)));
        let text = lines.collect::<Vec<_>>().concat();
        let found = problems(&text);
        assert!(found[0].contains("nested more than 64 deep"), "{found:?}");
        assert!(problems(&"[".repeat(200))[0].contains("nested more than 64 deep"));
        assert!(problems(&"- ".repeat(200))[0].contains("nested more than 64 deep"));
    }

    #[test]
    fn empty_documents_are_passed_over() {
        let parsed = parse(Source { file: "x", text: "---\n---\na: 1\n---\n# nothing\n...\n" });
        assert_eq!((parsed.trees.len(), parsed.problems.len()), (1, 0));
    }

    #[test]
    fn an_anchor_ends_with_its_document() {
        let found = problems("a: &a 1\n---\nb: *a\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("x:3:4: b: an alias without a value"), "{found:?}");
    }
}
