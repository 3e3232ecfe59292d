//! Standard output, for people and for pipes.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal as _, Write as _, stderr, stdout};

use console::Term;

/// Prints a line. When nobody reads any more (`| head`) the work goes on, and its end is told by the exit code.
pub fn print(text: impl Display) {
    if let Err(error) = writeln!(stdout(), "{text}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        // There may be nobody on standard error either.
        let _ = writeln!(stderr(), "standard output cannot be written: {error}");
    }
}

/// A heading.
pub fn heading(text: &str) {
    if color() {
        print(format!("\n\u{1b}[1m{text}\u{1b}[0m"));
    } else {
        print(format!("\n{text}"));
    }
}

/// Columns of the terminal; where there is none `COLUMNS`, else 100.
pub fn width() -> usize {
    if stdout().is_terminal() {
        return usize::from(Term::stdout().size().1);
    }
    std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(100)
}

/// Whether to colour: on a terminal that can, unless `NO_COLOR` is set.
pub fn color() -> bool {
    stdout().is_terminal() && !is_dumb() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether a line of progress can be drawn and taken back.
pub(crate) fn is_live() -> bool {
    stderr().is_terminal() && !is_dumb()
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}
