//! The boundaries between core's modules: what is pure stays pure.
//!
//! The planner, the diff and the data may not name a clock, randomness, the environment, tasks or the network, nor the
//! modules that do. Clippy finds the calls it is told of; this finds the words.

use std::fs;
use std::path::Path;

use crate::files::fail_with;
use crate::run::root;

/// The pure modules of core: files, or folders with all that is in them.
const PURE: &[&str] = &[
    "action.rs",
    "capability.rs",
    "diff",
    "goal.rs",
    "lease.rs",
    "name.rs",
    "observed.rs",
    "pin.rs",
    "plan",
    "problem.rs",
    "record.rs",
    "revision",
    "revision.rs",
    "spec",
    "time.rs",
    "traffic.rs",
    "units",
];
/// Words that have no place in them.
const WORDS: &[&str] =
    &["Instant", "SystemTime", "async", "async_trait", "await", "getrandom", "rand", "spawn", "tokio", "tokio_util"];
/// Paths that have no place in them.
const PATHS: &[&str] = &[
    "crate::conformance",
    "crate::exec",
    "crate::memory",
    "crate::target",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
];
/// What is allowed all the same, and why.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("spec/file/load.rs", "std::fs", "it reads the files"),
    ("spec/file/load.rs", "std::io", "it reads the files"),
    ("time.rs", "SystemTime", "a time of the system is turned into one, and none is asked for"),
];

/// Checks each pure module.
pub(crate) fn check() -> Result<(), String> {
    let source = root().join("deploykit-core/src");
    let mut problems = Vec::new();
    let mut count = 0;
    for module in PURE {
        let path = source.join(module);
        if path.exists() {
            visit(&path, &mut |file| {
                let text = fs::read_to_string(file).map_err(|error| format!("cannot read a file: {error}"))?;
                let name = file.strip_prefix(&source).unwrap_or(file).to_string_lossy().replace('\\', "/");
                count += 1;
                problems.extend(problems_of(&name, &text));
                Ok(())
            })?;
        }
    }
    println!("{count} pure files");
    fail_with(&problems)
}

fn visit(path: &Path, look: &mut dyn FnMut(&Path) -> Result<(), String>) -> Result<(), String> {
    if path.is_dir() {
        let entries = fs::read_dir(path).map_err(|error| format!("cannot list a folder: {error}"))?;
        for entry in entries {
            visit(&entry.map_err(|error| format!("cannot list a folder: {error}"))?.path(), look)?;
        }
        return Ok(());
    }
    let is_source = path.extension().is_some_and(|extension| extension == "rs");
    let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
    if is_source && !is_test { look(path) } else { Ok(()) }
}

fn problems_of(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        // Tests come last in a file, and may do what they like.
        if line.starts_with("#[cfg(test)]") {
            let rest: Vec<_> = text.lines().skip(number).take(1).collect();
            if rest.first().is_some_and(|next| next.ends_with('{')) {
                break;
            }
        }
        let code = line.split("//").next().unwrap_or_default();
        let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        let words = words.filter_map(|word| WORDS.iter().find(|forbidden| **forbidden == word));
        let paths = PATHS.iter().filter(|path| names_path(code, path));
        for found in words.chain(paths) {
            if !ALLOWED.iter().any(|(file, what, _)| file == &name && what == found) {
                problems.push(format!("deploykit-core/src/{name}:{number}: names `{found}`, but has to be pure"));
            }
        }
    }
    problems
}

/// Whether the code names this path, or something in it, also in the form `use std::{fs, io}`.
fn names_path(code: &str, path: &str) -> bool {
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    if code.match_indices(path).any(|(at, _)| is_end(&code[at + path.len()..])) {
        return true;
    }
    let Some((parent, child)) = path.rsplit_once("::") else { return false };
    let Some((_, group)) = code.split_once(&format!("{parent}::{{")) else { return false };
    group.split([',', '{', '}', ';']).any(|item| item.trim().split("::").next() == Some(child))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impure_words_and_paths_are_found() {
        let found = |code: &str| problems_of("plan/x.rs", code).len();
        assert_eq!(found("use tokio::time;"), 1);
        assert_eq!(found("async fn f() {}\nlet now = Instant::now();"), 2);
        assert_eq!(found("use std::env;"), 1);
        assert_eq!(found("use std::{collections::BTreeMap, fs::File};"), 1);
        assert_eq!(found("use crate::exec::Executor;"), 1);
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        let found = |code: &str| problems_of("plan/x.rs", code);
        assert!(found("/// Not tokio: an async caller does that.\nlet env = spec.env; // Instant").is_empty());
        assert!(found("let instance: Instance = randomised(std::environment);").is_empty());
        assert!(found("#[cfg(test)]\nmod tests {\n    use tokio::test;\n}").is_empty());
        assert_eq!(found("#[cfg(test)]\nmod tests;\nuse tokio::test;").len(), 1);
        assert!(problems_of("time.rs", "use std::time::SystemTime;").is_empty());
    }

    #[test]
    fn what_is_allowed_is_still_there() {
        for (file, what, _) in ALLOWED {
            if let Ok(text) = fs::read_to_string(root().join("deploykit-core/src").join(file)) {
                let last = what.rsplit("::").next().unwrap();
                assert!(text.contains(last), "{file} does not name {what} any more: take it from the list");
            }
        }
    }
}
