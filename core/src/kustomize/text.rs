//! Splices text, and finds the way from a patch inside a scalar back to the bytes of its file.

use std::ops::Range;

use serde_saphyr::granit_parser::ScalarStyle;

use super::tree::{Kind, Node};

/// The line break a text uses: that of its first line.
pub(super) fn line_break(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |found| found + 1)
}

/// End of the line `at` lies in, before its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |found| at + found);
    if end > at && text[..end].ends_with('\r') { end - 1 } else { end }
}

/// End of the line before the one `at` lies in, before its line break.
pub(super) fn previous_line_end(text: &str, at: usize) -> usize {
    let start = line_start(text, at);
    let before = text[..start].strip_suffix('\n').unwrap_or(&text[..start]);
    before.strip_suffix('\r').unwrap_or(before).len()
}

/// Line and column, from 1, of an offset.
pub(super) fn place_of(text: &str, at: usize) -> (usize, usize) {
    let at = at.min(text.len());
    let start = line_start(text, at);
    (text[..start].matches('\n').count() + 1, text[start..at].chars().count() + 1)
}

/// The offset of a line and column that count from 1.
pub(super) fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
}

/// Replacements in one text, applied together.
#[derive(Debug, Default)]
pub(super) struct Splices(Vec<(Range<usize>, String)>);

impl Splices {
    pub(super) fn replace(&mut self, range: Range<usize>, with: String) {
        self.0.push((range, with));
    }

    pub(super) fn insert(&mut self, at: usize, what: String) {
        self.replace(at..at, what);
    }

    /// The new text, or nothing when it equals the old one. Replacements inside a removed range are dropped with it.
    pub(super) fn apply(mut self, text: &str) -> Option<String> {
        self.0.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (range, with) in self.0 {
            if range.start < done {
                continue;
            }
            out.push_str(&text[done..range.start]);
            out.push_str(&with);
            done = range.end;
        }
        out.push_str(&text[done..]);
        (out != text).then_some(out)
    }
}

/// How text is written at the place a patch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    File,
    Literal { indent: usize },
    Double,
    Single,
    Plain,
}

/// A patch's own text and where each of its bytes stands in the file that holds it.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) text: String,
    /// `None` when the patch is written in a way that cannot be edited in place (folded, or with rare escapes).
    spots: Option<Vec<usize>>,
    form: Form,
    line_break: &'static str,
    fallback: usize,
}

impl Source {
    /// A patch that is a file.
    pub(super) fn file(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            spots: Some((0..=text.len()).collect()),
            form: Form::File,
            line_break: line_break(text),
            fallback: 0,
        }
    }

    /// A patch that is a scalar in `host`.
    pub(super) fn scalar(host: &str, node: &Node) -> Option<Self> {
        let Kind::Scalar { value, style } = &node.kind else { return None };
        let raw = &host[node.range()];
        let (text, spots, form) = match style {
            ScalarStyle::Literal => literal(host, node),
            ScalarStyle::DoubleQuoted => {
                let (text, spots) = unescape(raw, node.start, '\\');
                (text, spots, Form::Double)
            }
            ScalarStyle::SingleQuoted => {
                let (text, spots) = unescape(raw, node.start, '\'');
                (text, spots, Form::Single)
            }
            _ => (raw.to_owned(), (node.start..=node.end).collect(), Form::Plain),
        };
        let one_line = matches!(form, Form::Literal { .. }) || !(raw.contains('\n') || *style == ScalarStyle::Folded);
        // A reading that differs from the parser's is not trusted with an edit.
        if one_line && text.trim_matches('\n') == value.trim_matches('\n') {
            return Some(Self { text, spots: Some(spots), form, line_break: line_break(host), fallback: node.start });
        }
        let text = value.clone();
        Some(Self { text, spots: None, form, line_break: line_break(host), fallback: node.start })
    }

    pub(super) fn editable(&self) -> bool {
        self.spots.is_some()
    }

    /// The offset in the file of an offset in the patch.
    pub(super) fn spot(&self, at: usize) -> usize {
        self.spots.as_ref().and_then(|spots| spots.get(at)).copied().unwrap_or(self.fallback)
    }

    pub(super) fn spots(&self, range: &Range<usize>) -> Range<usize> {
        self.spot(range.start)..self.spot(range.end)
    }

    /// Text with `\n` line breaks as it must be written in the file.
    pub(super) fn written(&self, text: &str) -> String {
        match self.form {
            Form::File => text.replace('\n', self.line_break),
            Form::Literal { indent } => text.replace('\n', &format!("{}{}", self.line_break, " ".repeat(indent))),
            Form::Double => text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"),
            Form::Single => text.replace('\'', "''"),
            Form::Plain => text.to_owned(),
        }
    }

    /// Whether lines can be added and a comment ends with its line.
    pub(super) fn has_lines(&self) -> bool {
        matches!(self.form, Form::File | Form::Literal { .. } | Form::Double)
    }

    /// Whether the text can hold characters that are special in YAML.
    pub(super) fn takes_any_text(&self) -> bool {
        self.form != Form::Plain
    }
}

fn literal(host: &str, node: &Node) -> (String, Vec<usize>, Form) {
    let first = line_start(host, node.start);
    let indent = node.start - first;
    let mut text = String::new();
    let mut spots = Vec::new();
    let mut at = first;
    loop {
        let end = line_end(host, at);
        let content = (at + indent).min(end);
        text.push_str(&host[content..end]);
        spots.extend(content..end);
        if end >= node.end {
            spots.push(end);
            break;
        }
        text.push('\n');
        spots.push(end);
        at = host[end..].find('\n').map_or(host.len(), |found| end + found + 1);
    }
    (text, spots, Form::Literal { indent })
}

/// The content of a quoted scalar on one line. An escape that is not understood comes out wrong, which the caller notices.
fn unescape(raw: &str, start: usize, escape: char) -> (String, Vec<usize>) {
    let mut text = String::new();
    let mut spots = Vec::new();
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    let mut chars = inner.char_indices();
    while let Some((at, mut char)) = chars.next() {
        if char == escape {
            char = match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, 't')) => '\t',
                Some((_, other)) => other,
                None => escape,
            };
        }
        text.push(char);
        spots.extend((0..char.len_utf8()).map(|byte| start + 1 + at + byte));
    }
    spots.push(start + 1 + inner.len());
    (text, spots)
}

/// A name as a YAML scalar: plain where YAML reads it back as text, else quoted.
pub(super) fn scalar_text(name: &str) -> String {
    let word = !matches!(name, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if word && name.starts_with(|first: char| first.is_ascii_lowercase()) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('\\', "\\\\"))
    }
}
