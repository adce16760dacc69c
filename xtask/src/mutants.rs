//! Breaks the planner on purpose, one way at a time, and sees that a test notices.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

/// One way to break the planner: a text in a file, and what to put in its place.
struct Mutant {
    what: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

const PLAN: &str = "deploykit-core/src/plan";

const MUTANTS: [Mutant; 16] = [
    Mutant {
        what: "the ceiling forgets what stops and what has exited",
        file: "instances.rs",
        from: ".saturating_sub(fleet.occupied())",
        to: ".saturating_sub(fleet.wanted.live() + fleet.others.live())",
    },
    Mutant {
        what: "one more than the floor allows is stopped",
        file: "instances.rs",
        from: "let mut may_drop = available.saturating_sub(want.floor());",
        to: "let mut may_drop = (available + 1).saturating_sub(want.floor()); may_stop += 1;",
    },
    Mutant {
        what: "one more than the floor allows is withdrawn",
        file: "instances.rs",
        from: "let mut may_drop = serving.saturating_sub(want.floor());",
        to: "let mut may_drop = (serving + 1).saturating_sub(want.floor()); may_leave += 1;",
    },
    Mutant {
        what: "requests under way are not waited for",
        file: "fleet.rs",
        from: "in_flight == 0 || self.now >= since.after(self.drain)",
        to: "{ let _ = (since, in_flight); true }",
    },
    Mutant {
        what: "min_ready is ignored",
        file: "fleet.rs",
        from: "self.now >= self.matures_at(member)",
        to: "(self.now >= self.matures_at(member) || true)",
    },
    Mutant {
        what: "instances are stopped while users are on them",
        file: "fleet.rs",
        from: "(_, Route::In) if available => others.strong_in.insert(place),",
        to: "(_, Route::In) if available => others.strong_out.insert(place),",
    },
    Mutant {
        what: "all that is unhealthy is replaced at once",
        file: "instances.rs",
        from: "wanted.unhealthy.iter().take(budget as usize)",
        to: "wanted.unhealthy.iter().take(budget as usize + 1000)",
    },
    Mutant {
        what: "users reach instances that still start",
        file: "fleet.rs",
        from: "Phase::Starting => wanted.starting.insert(ordinal),",
        to: "Phase::Starting if self.routed && !misrouted => wanted.idle.insert(ordinal), Phase::Starting => wanted.starting.insert(ordinal),",
    },
    Mutant {
        what: "old ones are withdrawn before new ones are confirmed",
        file: "instances.rs",
        from: "if route.is_empty() {\n            withdraw_others",
        to: "if !route.moves.is_empty() || route.is_empty() {\n            withdraw_others",
    },
    Mutant {
        what: "a stage is entered before its instances are available",
        file: "release.rs",
        from: "Position::Before(stage) if fleet.wanted.available() >= want.stages[stage].instances(want.replicas) => {",
        to: "Position::Before(stage) => {",
    },
    Mutant {
        what: "the stable revision leaves before the release is over",
        file: "release.rs",
        from: "if self.is_over() { u32::MAX }",
        to: "if fleet.now >= fleet.split_since { u32::MAX }",
    },
    Mutant {
        what: "a deployment begins without a record",
        file: "books.rs",
        from: "if !self.keeps_records {\n            return false;\n        }\n        let status",
        to: "if self.keeps_records || !settled {\n            return false;\n        }\n        let status",
    },
    Mutant {
        what: "recreate starts beside what still runs",
        file: "instances.rs",
        from: "if want.recreate && fleet.others.occupied() > 0 {",
        to: "if want.recreate && fleet.others.live() > 0 {",
    },
    Mutant {
        what: "a crash loop goes on until the deadline",
        file: "instances.rs",
        from: "(next_attempt(&member) > CRASH_LOOP)",
        to: "(next_attempt(&member) > CRASH_LOOP * 1000)",
    },
    Mutant {
        what: "beginning again forgets that a revision has worked",
        file: "books.rs",
        from: "let proven = self.has_worked(spec.revision());",
        to: "let proven = false;",
    },
    Mutant {
        what: "what is shown lets things come true in another order than they do",
        file: "draft.rs",
        from: "if std::mem::take(&mut self.draining) && self.drain_all() {",
        to: "if std::mem::take(&mut self.draining) && self.drain_all() && self.split_since > self.now {",
    },
];

/// Tries every mutant whose description contains `filter`; fails if one is not caught, or does not apply any more.
pub(crate) fn hunt(filter: Option<&str>) -> Result<(), String> {
    let copy = Path::new("target/mutants");
    copy_workspace(copy).map_err(|error| format!("cannot copy the workspace to {}: {error}", copy.display()))?;
    println!("the unbroken planner");
    if !tests_pass(copy)? {
        return Err("the tests fail before anything is broken".to_owned());
    }
    let mut survivors = Vec::new();
    for mutant in MUTANTS.iter().filter(|mutant| filter.is_none_or(|filter| mutant.what.contains(filter))) {
        let file = copy.join(PLAN).join(mutant.file);
        let original = fs::read_to_string(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let places = original.matches(mutant.from).count();
        if places != 1 {
            return Err(format!("«{}» does not apply: its text stands {places} times in {}", mutant.what, mutant.file));
        }
        write(&file, &original.replace(mutant.from, mutant.to))?;
        let survives = tests_pass(copy);
        write(&file, &original)?;
        let survives = survives?;
        println!("{}: {}", if survives { "NOT CAUGHT" } else { "caught" }, mutant.what);
        if survives {
            survivors.push(mutant.what);
        }
    }
    if survivors.is_empty() { Ok(()) } else { Err(format!("not caught: {}", survivors.join("; "))) }
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

fn copy_workspace(to: &Path) -> io::Result<()> {
    let listed = Command::new("git").args(["ls-files", "-z"]).stdout(Stdio::piped()).output()?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let target: PathBuf = to.join(name);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        // A file that is deleted but still listed is no part of the workspace any more.
        if Path::new(name).is_file() {
            fs::copy(name, target)?;
        }
    }
    Ok(())
}

/// Whether the planner's tests pass; one that does not compile is an error, as it would prove nothing.
fn tests_pass(copy: &Path) -> Result<bool, String> {
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(arguments).args(["--package", "deploykit-core", "--all-features"]);
        command.args(["--lib", "--test", "planner_properties", "--test", "memory", "--test", "simulation"]);
        command.current_dir(copy).env("CARGO_TARGET_DIR", "target").env("INSTA_UPDATE", "no");
        command.env("RUSTFLAGS", "--cap-lints warn");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().map(|status| status.success()).map_err(|error| format!("cannot run cargo: {error}"))
    };
    if !cargo(&["test", "--no-run"])? {
        return Err("it does not compile".to_owned());
    }
    cargo(&["test"])
}
