//! Stages: each is run and timed whatever came of the others, and the summary tells.

use std::fmt;
use std::time::{Duration, Instant};

/// What came of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// What it checks holds.
    Passed,
    /// It does not, in these words.
    Failed(String),
    /// It could not be checked here, for this reason.
    Skipped(String),
}

/// The stages that were run.
#[derive(Debug, Default)]
pub(crate) struct Stages(Vec<(&'static str, Duration, Verdict)>);

impl Stages {
    /// Runs a stage.
    pub(crate) fn run(&mut self, name: &'static str, stage: impl FnOnce() -> Verdict) {
        println!("\n== {name}");
        let start = Instant::now();
        let verdict = stage();
        let took = start.elapsed();
        match &verdict {
            Verdict::Passed => println!("-- {name}: ok, {:.1}s", took.as_secs_f32()),
            Verdict::Failed(why) => println!("-- {name}: failed, {:.1}s: {why}", took.as_secs_f32()),
            Verdict::Skipped(why) => println!("skipped: {name}: {why}"),
        }
        self.0.push((name, took, verdict));
    }

    /// Prints what came of each stage; returns whether any failed.
    pub(crate) fn summarise(&self) -> bool {
        println!("\n{self}");
        self.0.iter().any(|(_, _, verdict)| matches!(verdict, Verdict::Failed(_)))
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |wanted: fn(&Verdict) -> bool| self.0.iter().filter(|(_, _, verdict)| wanted(verdict)).count();
        let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
        let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
        let time: Duration = self.0.iter().map(|(_, took, _)| *took).sum();
        let passed = self.0.len() - failed - skipped;
        let seconds = time.as_secs_f32();
        writeln!(f, "== summary: {passed} stages passed, {failed} failed, {skipped} skipped, {seconds:.1}s")?;
        for (index, (name, took, verdict)) in self.0.iter().enumerate() {
            let (mark, why) = match verdict {
                Verdict::Passed => ("ok", None),
                Verdict::Failed(why) => ("FAILED", Some(why)),
                Verdict::Skipped(why) => ("skipped", Some(why)),
            };
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{mark:<8}{name:<24}{:>7.1}s", took.as_secs_f32())?;
            if let Some(first) = why.and_then(|why| why.lines().next()) {
                write!(f, "  {first}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_runs_and_one_failure_counts() {
        let mut stages = Stages::default();
        stages.run("first", || Verdict::Failed("it does not hold\nin detail".to_owned()));
        stages.run("second", || Verdict::Skipped("no such tool".to_owned()));
        stages.run("third", || Verdict::Passed);
        assert!(stages.summarise());
        let text = stages.to_string();
        assert!(text.starts_with("== summary: 1 stages passed, 1 failed, 1 skipped"), "{text}");
        assert!(text.contains("FAILED  first") && text.contains("  it does not hold\nskipped second"), "{text}");
        assert!(!text.contains("in detail"), "{text}");
    }
}
