//! The tests: all of them, and what they came to together.

use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use crate::run::{command, in_words};

/// With `--quick`, so many seeds of each simulation.
const QUICK_SEEDS: &str = "50";
/// Without it, so many.
const SEEDS: &str = "12000";

/// The closing lines of all test programs, added up.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Totals {
    programs: usize,
    /// Something went wrong, be it that a program did not get as far as to count.
    failed: bool,
    counts: [u64; 5],
    seconds: f64,
}

const KINDS: [&str; 5] = ["passed", "failed", "ignored", "measured", "filtered out"];

/// Runs the tests of the workspace with all features; their output is shown as it comes.
pub(crate) fn run(quick: bool, totals: &mut Totals) -> Result<(), String> {
    let mut command = command("cargo", ["test", "--workspace", "--all-features", "--no-fail-fast"]);
    command.env("INSTA_UPDATE", "no").stdout(Stdio::piped());
    command.env("DEPLOYKIT_SEEDS", if quick { QUICK_SEEDS } else { SEEDS });
    if quick {
        command.args(["--lib", "--bins", "--tests"]);
    }
    let words = in_words(&command);
    println!("$ {words}");
    let failed = |error: std::io::Error| format!("cannot run `{words}`: {error}");
    let mut child = command.spawn().map_err(failed)?;
    let mut output = BufReader::new(child.stdout.take().ok_or("it has no output")?);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        std::io::stdout().write_all(&line).map_err(failed)?;
        totals.add(&String::from_utf8_lossy(&line));
        line.clear();
    }
    let status = child.wait().map_err(failed)?;
    totals.failed = !status.success();
    if status.success() { Ok(()) } else { Err(format!("`{words}` failed: {status}")) }
}

impl Totals {
    /// Adds a line like `test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.31s`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ").and_then(|(_, rest)| rest.split_once(". ")) else {
            return;
        };
        self.programs += 1;
        for part in counts.trim_end().split("; ") {
            if let Some(time) = part.strip_prefix("finished in ") {
                self.seconds += time.trim_end_matches('s').parse::<f64>().unwrap_or_default();
            } else if let Some((number, kind)) = part.split_once(' ')
                && let Some(index) = KINDS.iter().position(|known| *known == kind)
            {
                self.counts[index] += number.parse::<u64>().unwrap_or_default();
            }
        }
    }
}

/// In the form that one test program has.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { programs, failed: went_wrong, counts: [passed, failed, ignored, measured, filtered], seconds } =
            self;
        let verdict = if *went_wrong || *failed > 0 || *programs == 0 { "FAILED" } else { "ok" };
        writeln!(f, "all {programs} test programs together:")?;
        write!(f, "test result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; ")?;
        write!(f, "{measured} measured; {filtered} filtered out; finished in {seconds:.2}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_add_up() {
        let mut totals = Totals::default();
        totals.add("test a ... ok\n");
        totals.add("test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.50s\n");
        totals.add("test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.25s");
        assert_eq!(
            totals.to_string(),
            "all 2 test programs together:\n\
             test result: FAILED. 6 passed; 1 failed; 1 ignored; 0 measured; 3 filtered out; finished in 1.75s"
        );
    }

    #[test]
    fn no_tests_are_no_success() {
        assert!(Totals::default().to_string().contains("FAILED"));
        let mut totals = Totals { failed: true, ..Totals::default() };
        totals.add("test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.50s\n");
        assert!(totals.to_string().contains("FAILED"), "a program that was killed does not count");
    }
}
