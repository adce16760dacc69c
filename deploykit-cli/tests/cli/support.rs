//! A folder with spec files and a world, and the program run in it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Instances get ready so soon that no test waits for long.
pub(crate) const TARGET: &str = "memory:world.json?start_time=20ms";

/// A folder of its own for one test.
pub(crate) struct Folder(TempDir);

/// What came of a run of the program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with the spec of `orders` in this version.
    pub(crate) fn with_orders(version: u32) -> Self {
        let folder = Self::new();
        folder.write_orders(version, "");
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Writes the spec of `orders` in a version, with more fields.
    pub(crate) fn write_orders(&self, version: u32, more: &str) {
        let text = format!(
            "service: orders\nartifact: {{image: {{reference: 'shop/orders:{version}'}}}}\nreplicas: 2\n{more}"
        );
        self.write("orders.yaml", &text);
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program with these arguments, in this folder and without what the environment says.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("deploykit"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        for name in ["COLUMNS", "NO_COLOR", "CLICOLOR_FORCE", "DEPLOYKIT_TARGET", "DEPLOYKIT_DIGEST_KEY"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Runs a verb on the world of this folder.
    pub(crate) fn on_world(&self, arguments: &[&str]) -> Ran {
        self.on(TARGET, arguments)
    }

    /// Runs a verb on a target.
    pub(crate) fn on(&self, target: &str, arguments: &[&str]) -> Ran {
        self.run(&[&["--target", target], arguments].concat())
    }

    /// Deploys the spec of `orders`.
    pub(crate) fn apply(&self) -> Ran {
        self.on_world(&["apply", "-f", "orders.yaml", "--yes"])
    }

    /// Starts a verb on a target, its output to be read.
    pub(crate) fn start(&self, target: &str, arguments: &[&str]) -> Child {
        let mut command = self.command(&[&["--target", target], arguments].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// What a program that was started comes to.
    pub(crate) fn wait(mut child: Child) -> Self {
        let mut text = [String::new(), String::new()];
        child.stdout.take().unwrap().read_to_string(&mut text[0]).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut text[1]).unwrap();
        let [out, err] = text;
        Self { code: child.wait().unwrap().code(), out, err }
    }

    /// Fails unless the program ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Fails unless there is nothing on the standard error output.
    #[track_caller]
    pub(crate) fn quietly(self) -> Self {
        assert_eq!(self.err, "", "{self:#?}");
        self
    }
}

/// Reads the output of a program up to the line that contains this, which is returned.
pub(crate) fn read_until(child: &mut Child, text: &str) -> String {
    // The rest is read by whoever waits for the program, so no more than needed may be taken.
    let mut out = BufReader::with_capacity(1, child.stdout.as_mut().unwrap());
    let mut line = String::new();
    while out.read_line(&mut line).unwrap() > 0 {
        if line.contains(text) {
            return line;
        }
        line.clear();
    }
    panic!("the output ended without `{text}`");
}

/// Text with what differs from run to run replaced: revisions and times.
pub(crate) fn stable(text: &str) -> String {
    let named = deploykit_testkit::name_digests(text);
    let mut stable = String::new();
    let mut rest = named.as_str();
    while let Some(at) = rest.find("2026-") {
        let (before, from) = rest.split_at(at);
        stable.push_str(before);
        let end = from.find('Z').map_or(from.len(), |end| end + 1);
        stable.push_str("[time]");
        rest = &from[end..];
    }
    stable + rest
}
