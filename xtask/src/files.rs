//! What is committed: nothing that holds on one machine only, and no snapshot that nobody has looked at.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{command, output_of, root};

/// Folders of one machine or one person. Written in parts, so that this file is none that names them.
const FOLDERS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/tm", "p/"),
    concat!("/Use", "rs/"),
    concat!(r"\Use", r"rs\"),
];
/// The only place that crates come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Tables of a cargo configuration that point elsewhere.
const ELSEWHERE: &[&str] = &["[source", "[registries", "[registry", "replace-with"];

/// Checks each committed file.
pub(crate) fn check_committed() -> Result<(), String> {
    let list = output_of(&mut command("git", ["ls-files", "-z"]))?;
    let mut problems = Vec::new();
    let mut count = 0;
    for name in list.split('\0').filter(|name| !name.is_empty()) {
        // A file that is deleted and not committed yet, or one that is not text.
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        count += 1;
        problems.extend(problems_of(name, &text));
    }
    println!("{count} text files");
    fail_with(&problems)
}

fn problems_of(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(folder) = FOLDERS.iter().find(|folder| line.contains(*folder)) {
            problems.push(format!("{name}:{number}: names a folder of one machine, {folder}"));
        }
        let source = line.strip_prefix("source = \"").and_then(|rest| rest.strip_suffix('"'));
        if source.is_some_and(|source| name.ends_with("Cargo.lock") && source != REGISTRY) {
            problems.push(format!("{name}:{number}: a crate does not come from crates.io"));
        }
        if name.contains(".cargo/config") && ELSEWHERE.iter().any(|word| line.trim_start().starts_with(word)) {
            problems.push(format!("{name}:{number}: crates are taken from elsewhere than crates.io"));
        }
    }
    problems
}

/// Checks that no snapshot waits to be looked at, committed or not.
pub(crate) fn check_no_pending_snapshots() -> Result<(), String> {
    let mut pending = Vec::new();
    find_pending(root(), &mut pending).map_err(|error| format!("cannot look for snapshots: {error}"))?;
    let in_words = |path: &PathBuf| format!("{}: a snapshot that nobody has accepted", path.display());
    fail_with(&pending.iter().map(in_words).collect::<Vec<_>>())
}

fn find_pending(folder: &Path, pending: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !path.is_symlink() {
            if name != "target" && name != ".git" {
                find_pending(&path, pending)?;
            }
        } else if name.ends_with(".snap.new") || name.ends_with(".pending-snap") {
            pending.push(path.strip_prefix(root()).unwrap_or(&path).to_owned());
        }
    }
    Ok(())
}

/// Prints problems and fails with their number.
pub(crate) fn fail_with(problems: &[String]) -> Result<(), String> {
    for problem in problems {
        println!("{problem}");
    }
    match problems {
        [] => Ok(()),
        [one] => Err(one.clone()),
        [first, ..] => Err(format!("{} problems, the first: {first}", problems.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_one_machine_are_found() {
        let text = format!("fine\npath = \"{}someone/x\"\n", FOLDERS[0]);
        assert_eq!(problems_of("a.rs", &text), [format!("a.rs:2: names a folder of one machine, {}", FOLDERS[0])]);
        assert!(problems_of("a.rs", "the home/tmp folder, ./tmp and tmp/").is_empty());
    }

    #[test]
    fn crates_come_from_one_place() {
        let lock = |source: &str| format!("name = \"x\"\nsource = \"{source}\"\n");
        assert!(problems_of("Cargo.lock", &lock(REGISTRY)).is_empty());
        assert_eq!(problems_of("Cargo.lock", &lock("sparse+https://mirror.example/")).len(), 1);
        assert_eq!(problems_of("fuzz/Cargo.lock", &lock("git+https://mirror.example/")).len(), 1);
        assert_eq!(problems_of(".cargo/config.toml", "[source.crates-io]\nreplace-with = \"x\"\n").len(), 2);
    }
}
