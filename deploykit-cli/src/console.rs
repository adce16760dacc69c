//! Where results and errors go, and where answers come from.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use deploykit_core::plan::Plan;
use deploykit_core::render::TextOptions;
use tokio::sync::oneshot;

use crate::exit::Failure;

/// How wide a page is where nobody says.
const WIDTH: usize = 120;

/// Prints a result, with a line end.
///
/// # Errors
/// If it cannot be written; that nobody reads is an error too.
pub(crate) fn print(text: impl Display) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Tells a person something beside the results.
pub(crate) fn tell(text: impl Display) {
    // Nothing is left to tell it to if this fails.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Tells why the program ends before its time.
pub(crate) fn tell_failure(failure: &Failure) {
    if !failure.message.is_empty() {
        let red = anstyle::AnsiColor::Red.on_default().bold();
        tell(format!("{red}error{red:#}: {}", failure.message));
    }
    if let Some(hint) = &failure.hint {
        tell(format!("hint: {hint}"));
    }
}

/// A text in bold, where there are colours.
pub(crate) fn bold(text: impl Display) -> String {
    let bold = anstyle::Style::new().bold();
    format!("{bold}{text}{bold:#}")
}

/// A plan as text, fitted to the terminal.
pub(crate) fn plan_text(plan: &Plan, all_rounds: bool) -> String {
    // Colours are taken out again where they are not wanted.
    let mut options = TextOptions::default();
    options.color = true;
    options.all_rounds = all_rounds;
    options.width = console::Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns));
    plan.text(&options).trim_end().to_owned()
}

/// Whether somebody is there to answer questions.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal()
}

/// Asks a question that is answered by yes or no; no answer is no.
pub(crate) async fn ask(question: &str) -> bool {
    let _ = write!(anstream::stderr().lock(), "{question} [y/N] ");
    let (sender, receiver) = oneshot::channel();
    // A thread of its own: one that waits for an answer must not keep the program from ending.
    let asking = std::thread::Builder::new().spawn(move || {
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        let _ = sender.send(read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"));
    });
    asking.is_ok() && receiver.await.unwrap_or(false)
}

/// Writes a file; the error names it.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::error(format!("cannot write {}: {error}", path.display())))
}

/// Rows in aligned columns, two spaces apart; the first is the header.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let wide = |text: &str| text.chars().count();
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| wide(&row[column]));
        cells.max().unwrap_or_default().max(wide(header[column]))
    });
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![bold(line(header))];
    lines.extend(rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str()))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["orders".to_owned(), "3/3".to_owned()], ["a".to_owned(), String::new()]];
        let text = anstream::adapter::strip_str(&table(["NAME", "READY"], &rows)).to_string();
        assert_eq!(text, "NAME    READY\norders  3/3\na");
    }
}
