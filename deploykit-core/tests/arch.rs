//! What may know of what: planning and data know no clock, no randomness, no environment and nothing asynchronous.
#![expect(clippy::unwrap_used, reason = "a test may fail so")]

use std::fs;
use std::path::{Path, PathBuf};

/// Words that may not stand in the code of a pure module.
const FORBIDDEN: [&str; 9] =
    ["tokio", "async", "await", "SystemTime::now", "Instant", "rand", "fastrand", "std::env", "std::fs"];

/// Modules that do: they talk to the world, or stand for it.
const WORLDLY: [&str; 6] = ["exec", "memory", "target.rs", "conformance", "spec/file/load.rs", "spec/file/resolve.rs"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The code of a file without comments and without its tests, line by line.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let lines = lines.take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    lines.map(|(number, line)| (number, line.split("//").next().unwrap()))
}

/// Whether `word` stands in `line` as a whole word.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

#[test]
fn planning_and_data_are_pure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut pure = 0;
    let mut wrong = Vec::new();
    for path in sources(&root) {
        let name = path.strip_prefix(&root).unwrap();
        if WORLDLY.iter().any(|worldly| name.starts_with(worldly)) || name.file_name().unwrap() == "tests.rs" {
            continue;
        }
        pure += 1;
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in code(&text) {
            let found = FORBIDDEN.iter().find(|word| has_word(line, word));
            wrong.extend(found.map(|word| format!("{}:{number}: `{word}`: {}", name.display(), line.trim())));
        }
    }
    assert!(pure > 30, "only {pure} files were looked at");
    assert!(wrong.is_empty(), "a pure module knows of the world:\n{}", wrong.join("\n"));
}

#[test]
fn the_check_finds_what_it_looks_for() {
    assert!(has_word("use tokio::time;", "tokio"));
    assert!(has_word("    std::env::var(name)", "std::env"));
    assert!(!has_word("operand", "rand"));
    assert!(!has_word("Instance", "Instant"));
    assert_eq!(code("a // async\n#[cfg(test)]\nasync").collect::<Vec<_>>(), [(1, "a ")]);
}
