//! From trees to specs, with all problems at once.

use serde::Deserialize as _;

use super::de::Decoder;
use super::node::{Entry, Kind, MAX_PROBLEMS, Node, Segment, Source, Tree};
use crate::problem::Problem;
use crate::spec::ServiceSpec;
use crate::spec::text::clip;

/// A document that is a spec.
#[derive(Debug)]
pub(super) struct Document {
    /// Which of the files it stands in.
    pub(super) source: usize,
    pub(super) root: Node,
    pub(super) spec: ServiceSpec,
}

/// Decodes a tree. What is wrong is cut out and the rest decoded again, until nothing more is wrong.
pub(super) fn decode(source: Source<'_>, tree: Tree) -> Result<(Node, ServiceSpec), Vec<Problem>> {
    let Tree { mut root, mut problems } = tree;
    let service = name(&root);
    let mut missing = Missing::default();
    let mut renamed: Vec<Vec<Segment>> = Vec::new();
    let spec = loop {
        let error = match ServiceSpec::deserialize(Decoder::new(&root)) {
            Ok(spec) => break Some(spec),
            Err(error) => error.at(root.place, &root),
        };
        let path = error.path();
        if missing.try_another(&path, &mut root) {
            continue;
        }
        let Some(node) = root.get_mut(&path) else { break None };
        let follows = error.follows_from_a_cut(node) || renamed.contains(&path);
        let field = error.missing();
        let suggestion = error.suggestion().filter(|_| !follows);
        if !follows {
            if problems.len() >= MAX_PROBLEMS {
                let message = format!("there are more than {MAX_PROBLEMS} problems; the others are not shown");
                problems.push(source.problem(root.place, String::new(), message));
                break None;
            }
            problems.push(error.into_problem(source));
        }
        if field.is_some_and(|field| missing.fill_in(&path, field, node)) {
            continue;
        }
        if path.is_empty() {
            break None;
        }
        // What was probably meant is looked into under the right name.
        match suggestion.and_then(|(name, key)| rename(&mut root, &path, name, key)) {
            Some(path) => renamed.push(path),
            None => root.get_mut(&path).into_iter().for_each(|node| node.kind = Kind::Cut),
        }
    };
    match spec {
        Some(spec) if problems.is_empty() => Ok((root, spec)),
        _ => Err(match service {
            Some(name) => problems.into_iter().map(|problem| problem.with_service(&name)).collect(),
            None => problems,
        }),
    }
}

/// Gives a key or a value another name, unless the key is taken; the path to it afterwards.
fn rename(root: &mut Node, path: &[Segment], name: &str, key: bool) -> Option<Vec<Segment>> {
    if !key {
        name.clone_into(&mut root.get_mut(path)?.text);
        return Some(path.to_vec());
    }
    let (last, above) = path.split_last()?;
    let Kind::Map(entries) = &mut root.get_mut(above)?.kind else { return None };
    if entries.iter().any(|entry| entry.key == name) {
        return None;
    }
    let entry = entries.iter_mut().find(|entry| Segment::Key(entry.key.clone()) == *last)?;
    name.clone_into(&mut entry.key);
    Some(above.iter().cloned().chain([Segment::Key(name.to_owned())]).collect())
}

/// What the document calls its service, right or wrong.
fn name(root: &Node) -> Option<String> {
    let value = &root.entry("service")?.value;
    (matches!(value.kind, Kind::Text) && !value.text.is_empty()).then(|| clip(&value.text))
}

/// Fields that were missing or cut out, with what was put there so that decoding goes on to the next missing one.
#[derive(Default)]
struct Missing {
    filled: Vec<(Vec<Segment>, usize)>,
}

impl Missing {
    /// Values of the types that required fields have.
    fn value(which: usize, node: &Node) -> Option<Kind> {
        match which {
            0 => Some(Kind::Text),
            1 => Some(Kind::Unsigned(1)),
            2 => Some(Kind::List(vec![Node::scalar(node.place, Kind::Text, "x")])),
            _ => None,
        }
    }

    /// Puts a value where a field is missing, unless all were tried.
    fn fill_in(&mut self, path: &[Segment], field: &str, map: &mut Node) -> bool {
        let whole: Vec<_> = path.iter().cloned().chain([Segment::Key(field.to_owned())]).collect();
        if self.filled.iter().any(|(filled, _)| *filled == whole) {
            return false;
        }
        let value = Node::scalar(map.place, Kind::Text, "x");
        let key_place = map.place;
        let Kind::Map(entries) = &mut map.kind else { return false };
        match entries.iter_mut().find(|entry| entry.key == field) {
            Some(entry) => entry.value = value,
            None => entries.push(Entry { key: field.to_owned(), key_place, value }),
        }
        self.filled.push((whole, 0));
        true
    }

    /// If the value at this path, or one around it, was filled in and does not fit, puts another there.
    fn try_another(&mut self, path: &[Segment], root: &mut Node) -> bool {
        let Some((filled, which)) = self.filled.iter_mut().find(|(filled, _)| path.starts_with(filled)) else {
            return false;
        };
        let Some(node) = root.get_mut(filled) else { return false };
        *which += 1;
        node.kind = Self::value(*which, node).unwrap_or(Kind::Cut);
        true
    }
}
