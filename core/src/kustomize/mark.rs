//! The comments that say what podrole changed, so that it can be undone.

use std::fmt;
use std::ops::Range;

const PREFIX: &str = "# podrole: ";

/// What was done at the place the comment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The value was written like this before, and the operation was `replace` before.
    Was {
        raw: String,
        replace: bool,
    },
    OpAdded,
    EntryAdded,
    ListAdded,
}

/// One mark, with the workload it is for where the line alone does not say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) change: Change,
    pub(super) workload: Option<String>,
}

impl Mark {
    pub(super) fn new(change: Change) -> Self {
        Self { change, workload: None }
    }
}

/// Written with the space that parts it from what stands before.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {PREFIX}")?;
        match &self.change {
            Change::Was { raw, replace } => {
                write!(f, "was {raw}")?;
                if *replace {
                    f.write_str(", op replace")?;
                }
            }
            Change::OpAdded => f.write_str("op added")?,
            Change::EntryAdded => f.write_str("entry added")?,
            Change::ListAdded => f.write_str("list added")?,
        }
        match &self.workload {
            Some(workload) => write!(f, " for {workload}"),
            None => Ok(()),
        }
    }
}

/// A mark and the bytes it covers, with the space before it.
pub(super) type Found = (Mark, Range<usize>);

/// The marks at the front of the comment that covers `comment` in `text`.
pub(super) fn read(text: &str, comment: &Range<usize>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = comment.start;
    while let Some(rest) = text[at..comment.end].strip_prefix(PREFIX) {
        let Some((mark, length)) = one(rest) else { break };
        let end = at + PREFIX.len() + length;
        found.push((mark, at.saturating_sub(1)..end));
        if !text[end..comment.end].starts_with(' ') {
            break;
        }
        at = end + 1;
    }
    found
}

fn one(text: &str) -> Option<(Mark, usize)> {
    let mut at;
    let change = if let Some(rest) = text.strip_prefix("was ") {
        let length = raw_length(rest)?;
        let raw = rest[..length].to_owned();
        at = "was ".len() + length;
        let replace = text[at..].starts_with(", op replace");
        if replace {
            at += ", op replace".len();
        }
        Change::Was { raw, replace }
    } else {
        let (change, word) =
            [(Change::OpAdded, "op added"), (Change::EntryAdded, "entry added"), (Change::ListAdded, "list added")]
                .into_iter()
                .find(|(_, word)| text.starts_with(word))?;
        at = word.len();
        change
    };
    let mut workload = None;
    if let Some(rest) = text[at..].strip_prefix(" for ") {
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        workload = Some(rest[..length].to_owned());
        at += " for ".len() + length;
    }
    Some((Mark { change, workload }, at))
}

/// How long the scalar at the front of `text` is, when it is one that a mark can hold.
pub(super) fn raw_length(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    if quote != '"' && quote != '\'' {
        let length = text.find(|char: char| char.is_whitespace() || char == ',').unwrap_or(text.len());
        return (length > 0).then_some(length);
    }
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '\n' | '\r' => return None,
            '\\' if quote == '"' => {
                chars.next();
            }
            char if char == quote => {
                if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') {
                    chars.next();
                } else {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}
