use std::path::Path;

use super::document::{self, Document};
use super::node::{MAX_BYTES, MAX_PROBLEMS, Place, Source};
use super::resolve::{Unreadable, read_text, resolve_paths};
use super::sources::Sources;
use super::{json, toml, yaml};
use crate::problem::{Problem, SpecError};
use crate::spec::ServiceSpec;
use crate::spec::check::{LONGEST_FILE, problems, set_problems};

/// How many problems of one file are reported before the rest of its documents is left alone.
const MAX_PROBLEMS_OF_FILE: usize = 200;

/// A format of spec files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// YAML 1.2: one or more documents.
    Yaml,
    /// JSON: a service, or a list of services.
    Json,
    /// TOML: one service.
    Toml,
}

impl Format {
    /// The format that a file's extension stands for: `yaml`, `yml`, `json` or `toml`.
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// Reads the services of a text; `file_name` stands in the problems. No other file is read, so that a file with `from`
/// has no content yet.
///
/// # Errors
/// [`SpecError`] with all problems at once, those of [`check_set`](crate::spec::check_set) too.
pub fn parse(text: &str, file_name: &str, format: Format) -> Result<Vec<ServiceSpec>, SpecError> {
    let mut files = Files::default();
    files.add(text.to_owned(), file_name, format);
    files.finish().map(|(specs, _)| specs)
}

/// Reads spec files, each in the format of its extension. Paths in a spec are relative to the folder of its file, and
/// the contents of its `files` are read, wherever they are: whoever takes specs from others uses [`parse`].
///
/// # Errors
/// [`SpecError`] with all problems of all files at once: what cannot be read, what is not a spec, and what
/// [`check_set`](crate::spec::check_set) finds.
pub fn load(paths: &[impl AsRef<Path>]) -> Result<Vec<ServiceSpec>, SpecError> {
    load_with_sources(paths).map(|(specs, _)| specs)
}

/// Reads spec files as [`load`] does, and keeps what tells where the fields of each spec stand.
///
/// # Errors
/// As for [`load`].
pub fn load_with_sources(paths: &[impl AsRef<Path>]) -> Result<(Vec<ServiceSpec>, Sources), SpecError> {
    let mut files = Files::default();
    for path in paths.iter().map(AsRef::as_ref) {
        let name = path.display().to_string();
        let Some(format) = Format::of_path(path) else {
            files.refuse(&name, unknown_format(&name));
            continue;
        };
        match read_text(path, MAX_BYTES) {
            Err(error) => files.refuse(&name, unreadable(&name, &error)),
            Ok(text) => {
                let first = files.documents.len();
                files.add(text, &name, format);
                files.resolve(first, path.parent().unwrap_or(Path::new("")));
            }
        }
    }
    files.finish()
}

fn unknown_format(name: &str) -> Problem {
    Problem::new("", format!("cannot tell the format of {name}")).with_hint("name it .yaml, .yml, .json or .toml")
}

fn unreadable(name: &str, error: &Unreadable) -> Problem {
    Problem::new("", format!("cannot read {name}: {}", error.why)).with_hint(error.hint)
}

/// Files, what they hold, and what is wrong with them.
#[derive(Default)]
struct Files {
    /// Names and texts.
    sources: Vec<(String, String)>,
    documents: Vec<Document>,
    /// Problems, each with the index of its source.
    problems: Vec<(usize, Problem)>,
}

impl Files {
    fn source(&self, index: usize) -> Source<'_> {
        let (file, text) = &self.sources[index];
        Source { file, text }
    }

    fn refuse(&mut self, name: &str, problem: Problem) {
        self.problems.push((self.sources.len(), problem));
        self.sources.push((name.to_owned(), String::new()));
    }

    fn add(&mut self, text: String, name: &str, format: Format) {
        // A byte order mark says nothing in UTF-8.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        if text.len() > MAX_BYTES {
            let why = format!("it is longer than {} KiB", MAX_BYTES >> 10);
            return self.refuse(name, unreadable(name, &Unreadable { why, hint: "split it into several files" }));
        }
        let index = self.sources.len();
        self.sources.push((name.to_owned(), text));
        let source = self.source(index);
        let parsed = match format {
            Format::Yaml => yaml::parse(source),
            Format::Json => json::parse(source),
            Format::Toml => toml::parse(source),
        };
        let mut problems = parsed.problems;
        if problems.is_empty() && parsed.trees.is_empty() {
            let problem = source.problem(Place::Point(1, 1), String::new(), "there is no service in it");
            problems.push(problem.with_hint("a service begins with `service` and its name"));
        }
        let mut documents = Vec::new();
        for tree in parsed.trees {
            if problems.len() >= MAX_PROBLEMS_OF_FILE {
                let message = format!("there are more than {MAX_PROBLEMS_OF_FILE} problems; the others are not shown");
                problems.push(source.problem(tree.root.place, String::new(), message));
                break;
            }
            match document::decode(source, tree) {
                Ok((root, spec)) => documents.push(Document { source: index, root, spec }),
                Err(found) => problems.extend(found),
            }
        }
        self.documents.extend(documents);
        self.problems.extend(problems.into_iter().map(|problem| (index, problem)));
    }

    /// Makes the paths of the documents from `first` on relative to `folder`, and reads what they name.
    fn resolve(&mut self, first: usize, folder: &Path) {
        let mut problems = Vec::new();
        for document in &mut self.documents[first..] {
            let (file, text) = &self.sources[document.source];
            let source = Source { file, text };
            resolve_paths(&mut document.spec, folder);
            for (path, file) in &mut document.spec.files {
                let (Some(from), None) = (&file.from, &file.content) else { continue };
                if from.is_empty() {
                    continue;
                }
                match read_text(Path::new(from), LONGEST_FILE) {
                    Ok(content) => {
                        file.content = Some(content);
                        file.from = None;
                    }
                    Err(error) => {
                        let field = format!("files.{path}.from");
                        let problem =
                            unreadable(from, &error).with_location(source.location(document.root.find(&field)));
                        let problem = Problem { path: field, ..problem };
                        problems.push((document.source, problem.with_service(document.spec.service.as_str())));
                    }
                }
            }
        }
        self.problems.extend(problems);
    }

    fn finish(mut self) -> Result<(Vec<ServiceSpec>, Sources), SpecError> {
        let locate = |document: &Document, path: &str| self.source(document.source).location(document.root.find(path));
        let mut found = Vec::new();
        for document in &self.documents {
            // Finding the place of a problem takes a while in a long file.
            if found.len() >= MAX_PROBLEMS_OF_FILE {
                break;
            }
            let problems = problems(&document.spec);
            let more = problems.len().saturating_sub(MAX_PROBLEMS);
            for problem in problems.into_iter().take(MAX_PROBLEMS) {
                let at = locate(document, &problem.path);
                found.push((document.source, problem.with_location(at)));
            }
            if more > 0 {
                let message = format!("there are {more} more problems, which are not shown");
                let problem = Problem::new("", message).with_location(locate(document, ""));
                found.push((document.source, problem.with_service(document.spec.service.as_str())));
            }
        }
        let specs: Vec<_> = self.documents.iter().map(|document| &document.spec).collect();
        let together = set_problems(&specs, &|index, path| Some(locate(&self.documents[index], path)));
        found.extend(together.into_iter().map(|(index, problem)| (self.documents[index].source, problem)));
        self.problems.extend(found);
        self.problems.sort_by(|(file, one), (other_file, other)| (file, &one.at).cmp(&(other_file, &other.at)));
        SpecError::unless_empty(self.problems.into_iter().map(|(_, problem)| problem).collect())?;
        Ok(Sources::split(self.sources, self.documents))
    }
}
