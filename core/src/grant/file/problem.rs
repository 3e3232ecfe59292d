//! Decides what a reader of a faulty file is told: the place, the path, what is wrong, the nearest legal word, and the line itself.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::error::{Error, ErrorKind};

/// Longest part of a source line that is shown.
const SHOWN: usize = 120;

/// A stretch of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Line, from 1.
    pub(super) line: usize,
    /// Column in characters, from 1.
    pub(super) column: usize,
    /// Length in characters; 0 when only the start is known.
    pub(super) length: usize,
}

/// One step on the way from the top of a document to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// What is wrong, before it is known in which file, and perhaps before it is known where.
#[derive(Debug)]
pub(super) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    message: String,
    remedy: Option<String>,
    place: Option<Place>,
    /// From the field up to the top of the document: errors gather it on their way out.
    path: Vec<Step>,
    document: Option<usize>,
    kind: ErrorKind,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::with(message.into(), Some(remedy.into()), ErrorKind::InvalidInput)
    }

    fn with(message: String, remedy: Option<String>, kind: ErrorKind) -> Self {
        Self(Box::new(Parts { message, remedy, place: None, path: Vec::new(), document: None, kind }))
    }

    /// A broken rule of [`Grant::check`](crate::Grant::check), whose message names the field itself.
    pub(super) fn of_check(error: &Error, message: String) -> Self {
        Self::with(message, error.get_remedy().map(ToOwned::to_owned), error.kind())
    }

    /// Says where, unless a more exact place is known.
    pub(super) fn at(mut self, place: Place) -> Self {
        self.0.place.get_or_insert(place);
        self
    }

    pub(super) fn under_key(mut self, key: &str) -> Self {
        self.0.path.push(Step::Key(key.to_owned()));
        self
    }

    pub(super) fn under_index(mut self, index: usize) -> Self {
        self.0.path.push(Step::Index(index));
        self
    }

    /// Says in which document, counted from 1.
    pub(super) fn in_document(mut self, number: usize) -> Self {
        self.0.document.get_or_insert(number);
        self
    }

    pub(super) fn in_document_if(self, number: usize, several: bool) -> Self {
        if several { self.in_document(number) } else { self }
    }

    /// The error of a value that nobody wrote as text.
    pub(super) fn into_error_without_place(mut self) -> Error {
        self.0.place = None;
        self.into_error("")
    }

    /// The same, for something else than a grant.
    pub(super) fn into_error_of(mut self, what: &str) -> Error {
        if self.0.path.is_empty() {
            self.0.message = format!("this is not {what}: {}", self.0.message);
        }
        self.into_error_without_place()
    }

    /// The error, with the line of `source` that it is about.
    pub(super) fn into_error(self, source: &str) -> Error {
        let Parts { message: what, remedy, place, path, document, kind } = *self.0;
        let mut place_text = Vec::new();
        if let Some(place) = place {
            place_text.push(format!("line {}, column {}", place.line, place.column));
        }
        if let Some(number) = document {
            place_text.push(format!("(document {number})"));
        }
        let path = path_text(path.iter().rev());
        // Some messages of canonical types begin with the field.
        let what = what.strip_prefix(&format!("{path} ")).unwrap_or(&what).to_owned();
        let parts = [place_text.join(" "), path, what];
        let message = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        let remedy = remedy.unwrap_or_else(|| "correct it".to_owned());
        let snippet = place.and_then(|place| snippet(source, place)).unwrap_or_default();
        Error::new(kind, message).remedy(format!("{remedy}{snippet}"))
    }
}

/// `policies[1].s3.access`; keys that are no plain words stand in brackets and quotes.
fn path_text<'a>(steps: impl Iterator<Item = &'a Step>) -> String {
    steps.fold(String::new(), |path, step| match step {
        Step::Key(key) if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
            let dot = if path.is_empty() { "" } else { "." };
            format!("{path}{dot}{key}")
        }
        Step::Key(key) => format!("{path}[{}]", shown(key)),
        Step::Index(index) => format!("{path}[{index}]"),
    })
}

/// Reads the path that a message of [`Grant::check`](crate::Grant::check) begins with, such as `policies[0].document`.
pub(super) fn leading_path(message: &str) -> Vec<Step> {
    let end =
        message.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '[' | ']'))).unwrap_or(message.len());
    let mut steps = Vec::new();
    for word in message[..end].split(['.', '[']) {
        match word.strip_suffix(']') {
            Some(index) => steps.extend(index.parse().map(Step::Index)),
            None => steps.push(Step::Key(word.to_owned())),
        }
    }
    steps
}

/// A text in quotes, its control characters escaped, cut when it is long.
pub(super) fn shown(text: &str) -> String {
    let mut cut: String = text.chars().take(60).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

/// The source line with a caret under the place.
fn snippet(source: &str, place: Place) -> Option<String> {
    let line = source_lines(source).nth(place.line.checked_sub(1)?)?;
    let start = place.column.saturating_sub(1);
    let skipped = start.saturating_sub(SHOWN / 2);
    let visible: Vec<char> = line
        .chars()
        .skip(skipped)
        .take(SHOWN)
        // Control characters could move the caret, or the reader's terminal.
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let room = visible.len().saturating_sub(start - skipped).max(1);
    let text: String = visible.into_iter().collect();
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    let indent = " ".repeat(start - skipped);
    let carets = "^".repeat(place.length.clamp(1, room));
    Some(format!("\n  {number} | {}\n  {margin} | {indent}{carets}", text.trim_end()))
}

/// Lines as YAML counts them: a lone carriage return ends one too.
pub(super) fn source_lines(source: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(source);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let width = if text[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = Some(&text[end + width..]);
        Some(&text[..end])
    })
}

/// The legal word that was probably meant.
pub(crate) fn nearest<'a>(word: &str, legal: &[&'a str]) -> Option<&'a str> {
    if word.len() > 64 {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let word = plain(word);
    legal
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &plain(candidate)), *candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 2).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What was found, in words.
fn found(unexpected: &Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => value.to_string(),
        Unexpected::Str(text) => format!("the text {}", shown(text)),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

/// What was expected: serde's words for Rust types, in words of files.
fn expected(words: &dyn Expected) -> (String, &'static str) {
    let words = words.to_string();
    let (text, remedy) = match words.as_str() {
        "a string" => ("text", "write text"),
        "a boolean" => ("true or false", "write `true` or `false`, without quotes"),
        "u8" | "u16" | "u32" | "u64" | "usize" => {
            ("a whole number", "write a whole number, without quotes and without a unit")
        }
        "a sequence" => ("a list", "write a list: `[a, b]`, or one item a line, each after `- `"),
        "a map" => ("a mapping", "write `key: value` pairs"),
        "path string" => ("a path", "write text"),
        _ if words.starts_with("struct ") || words.starts_with("internally tagged enum ") => {
            ("a mapping", "write `key: value` pairs")
        }
        _ => return (words, ""),
    };
    (text.to_owned(), remedy)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    /// The part of the text after the first `; ` is the remedy.
    fn custom<T: fmt::Display>(text: T) -> Self {
        let text = text.to_string();
        let (message, remedy) = match text.split_once("; ") {
            Some((message, remedy)) => (message.to_owned(), Some(remedy.to_owned())),
            None => (text, None),
        };
        Self::with(message, remedy, ErrorKind::InvalidInput)
    }

    fn unknown_field(field: &str, legal: &'static [&'static str]) -> Self {
        let keys = legal.join(", ");
        match nearest(field, legal) {
            Some(near) => Self::new(
                format!("unknown key; did you mean `{near}`?"),
                format!("write `{near}`; legal keys here: {keys}"),
            ),
            None => Self::new("unknown key", format!("remove it; legal keys here: {keys}")),
        }
    }

    fn unknown_variant(variant: &str, legal: &'static [&'static str]) -> Self {
        let values = legal.join(", ");
        let value = shown(variant);
        match nearest(variant, legal) {
            Some(near) => Self::new(
                format!("unknown value {value}; did you mean `{near}`?"),
                format!("write `{near}`; legal values here: {values}"),
            ),
            None => Self::new(format!("unknown value {value}"), format!("write one of: {values}")),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"), format!("add `{field}: …`"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` appears twice"), "keep one of the two")
    }

    fn invalid_type(unexpected: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        let (wanted, mut remedy) = expected(wanted);
        let message = format!("expected {wanted}, found {}", found(&unexpected));
        if matches!(unexpected, Unexpected::Unit) {
            remedy = "give it a value, or remove the key to get its default";
        }
        if remedy.is_empty() {
            return Self::new(message, format!("write {wanted}"));
        }
        Self::new(message, remedy)
    }

    fn invalid_value(unexpected: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_messages_are_found() {
        let steps = leading_path("policies[12].document: Statement[0] is …");
        assert_eq!(steps, [Step::Key("policies".into()), Step::Index(12), Step::Key("document".into())]);
        assert_eq!(path_text(steps.iter()), "policies[12].document");
        assert_eq!(leading_path("role \"x\": too long"), [Step::Key("role".into())]);
        assert_eq!(path_text([Step::Key("a:b".into())].iter()), "[\"a:b\"]");
    }

    #[test]
    fn the_nearest_word_ignores_case_and_separators() {
        let legal = &["serviceAccount", "role", "policies", "read_write"];
        assert_eq!(nearest("service_account", legal), Some("serviceAccount"));
        assert_eq!(nearest("policy", legal), Some("policies"));
        assert_eq!(nearest("readwrite", legal), Some("read_write"));
        assert_eq!(nearest("rloe", legal), Some("role"));
        assert_eq!(nearest("cluster", legal), None);
        assert_eq!(nearest(&"r".repeat(100_000), legal), None);
    }

    #[test]
    fn lines_end_as_in_yaml() {
        assert_eq!(source_lines("a\r\nb\rc\n\nd").collect::<Vec<_>>(), ["a", "b", "c", "", "d"]);
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let line = format!("{}X{}", "é".repeat(500), "b".repeat(500));
        let text = snippet(&line, Place { line: 1, column: 501, length: 900 }).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() < 140), "{text}");
        let caret = lines[2].chars().position(|c| c == '^');
        assert_eq!(lines[1].chars().position(|c| c == 'X'), caret);
    }
}
