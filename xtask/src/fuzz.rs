//! Fuzzing, where the tools for it are there.

use crate::run::{cargo, command, output_of, root, show, works};
use crate::stage::Verdict;

/// A smoke run of each target takes so many seconds.
const SMOKE_SECONDS: u64 = 10;

/// Runs each target for a moment; skipped without the tools.
pub(crate) fn smoke() -> Verdict {
    match targets() {
        Err(why) => Verdict::Skipped(why),
        // What is fuzzed is what was committed, and not what happens to be new today.
        Ok(targets) => cargo(["fetch", "--locked", "--manifest-path", "fuzz/Cargo.toml"])
            .and_then(|()| targets.iter().try_for_each(|target| run(target, SMOKE_SECONDS)))
            .into(),
    }
}

/// Fuzzes one target, or each for its share of the time.
pub(crate) fn fuzz(seconds: u64, only: Option<&str>) -> Result<(), String> {
    let mut targets = targets()?;
    if let Some(only) = only {
        let known = targets.join(", ");
        targets.retain(|target| target == only);
        if targets.is_empty() {
            return Err(format!("there is no fuzz target {only}; there are: {known}"));
        }
    }
    let share = seconds / u64::try_from(targets.len()).unwrap_or(1).max(1);
    targets.iter().try_for_each(|target| run(target, share.max(1)))
}

/// The fuzz targets; or why there are none, or none can be run.
fn targets() -> Result<Vec<String>, String> {
    if !root().join("fuzz/Cargo.toml").is_file() {
        return Err("there are no fuzz targets".to_owned());
    }
    if !works("rustup", &["run", "nightly", "rustc", "--version"]) {
        return Err("no nightly toolchain; `rustup toolchain install nightly` installs one".to_owned());
    }
    if !works("rustup", &["run", "nightly", "cargo", "fuzz", "--version"]) {
        return Err("cargo-fuzz is not installed; `cargo install --locked cargo-fuzz` installs it".to_owned());
    }
    let list = output_of(&mut command("rustup", ["run", "nightly", "cargo", "fuzz", "list"]))?;
    Ok(list.lines().map(str::to_owned).collect())
}

fn run(target: &str, seconds: u64) -> Result<(), String> {
    let limit = format!("-max_total_time={seconds}");
    // What is found goes to a folder of its own; the committed corpus is small and only read.
    let found = root().join("target/fuzz-corpus").join(target);
    std::fs::create_dir_all(&found).map_err(|error| format!("cannot create {}: {error}", found.display()))?;
    let (found, seeds) = (found.display().to_string(), format!("fuzz/corpus/{target}"));
    // There is no unsafe code here that a sanitizer could watch, and without one it builds and runs faster.
    let mut run = vec!["run", "nightly", "cargo", "fuzz", "run", "--sanitizer", "none", target, &found];
    run.extend(root().join(&seeds).is_dir().then_some(seeds.as_str()));
    run.extend(["--", &limit]);
    show(&mut command("rustup", run))
}
