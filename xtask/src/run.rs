//! Running other programs, cargo above all.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// A program, started in the folder of the workspace.
pub(crate) fn command<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// How a command would be written in a shell.
pub(crate) fn in_words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs cargo, its output going where ours does.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Result<(), String> {
    cargo_with(arguments, &[])
}

/// Runs cargo with these environment variables.
pub(crate) fn cargo_with<S: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = S>,
    variables: &[(&str, &str)],
) -> Result<(), String> {
    let mut command = command("cargo", arguments);
    command.envs(variables.iter().copied());
    show(&mut command)
}

/// Runs a command, its output going where ours does.
pub(crate) fn show(command: &mut Command) -> Result<(), String> {
    let words = in_words(command);
    println!("$ {words}");
    let status = command.status().map_err(|error| format!("cannot run `{words}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{words}` failed: {status}")) }
}

/// What a command prints.
pub(crate) fn output_of(command: &mut Command) -> Result<String, String> {
    let words = in_words(command);
    let output = command.output().map_err(|error| format!("cannot run `{words}`: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("`{words}` failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

/// Whether a command runs and succeeds; nothing of it is shown.
pub(crate) fn works(program: &str, arguments: &[&str]) -> bool {
    command(program, arguments).output().is_ok_and(|output| output.status.success())
}

/// The packages that users depend on: the folders at the top that are called `deploykit-..`.
pub(crate) fn packages() -> Result<Vec<String>, String> {
    let failed = |error: std::io::Error| format!("cannot list {}: {error}", root().display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root()).map_err(failed)? {
        let path: PathBuf = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.starts_with("deploykit-") && path.join("Cargo.toml").is_file() {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
