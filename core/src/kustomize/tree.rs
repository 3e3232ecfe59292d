//! Reads YAML into a tree whose nodes know the bytes they came from.

use std::ops::Range;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

use super::error::KustomizeError;

/// A node and the bytes it covers, without its anchor, tag and comments.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) start: usize,
    /// End of the last byte that is not blank.
    pub(super) end: usize,
    pub(super) line: usize,
    pub(super) anchored: bool,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar { value: String, style: ScalarStyle },
    Sequence { flow: bool, items: Vec<Node> },
    Mapping { flow: bool, pairs: Vec<(Node, Node)> },
    Alias,
}

impl Node {
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.pair(key).map(|(_, value)| value)
    }

    pub(super) fn pair(&self, key: &str) -> Option<&(Node, Node)> {
        let Kind::Mapping { pairs, .. } = &self.kind else { return None };
        pairs.iter().find(|(name, _)| matches!(&name.kind, Kind::Scalar { value, .. } if value == key))
    }

    pub(super) fn str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { value, .. } if !self.is_null() => Some(value),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        let Kind::Scalar { value, style: ScalarStyle::Plain } = &self.kind else { return false };
        self.start == self.end || matches!(value.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    pub(super) fn is_mapping(&self) -> bool {
        matches!(self.kind, Kind::Mapping { .. })
    }

    pub(super) fn is_flow(&self) -> bool {
        matches!(self.kind, Kind::Sequence { flow: true, .. } | Kind::Mapping { flow: true, .. })
    }

    pub(super) fn items(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Sequence { items, .. } => Some(items),
            _ => None,
        }
    }

    /// Whether blank lines after this node belong to its value (`|+`).
    pub(super) fn keeps_blank_lines(&self) -> bool {
        match &self.kind {
            Kind::Scalar { value, style: ScalarStyle::Literal | ScalarStyle::Folded } => value.ends_with("\n\n"),
            Kind::Scalar { .. } | Kind::Alias => false,
            Kind::Sequence { items, .. } => items.last().is_some_and(Node::keeps_blank_lines),
            Kind::Mapping { pairs, .. } => pairs.last().is_some_and(|(_, value)| value.keeps_blank_lines()),
        }
    }
}

/// One document of a YAML text.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) root: Node,
    pub(super) comments: Vec<Range<usize>>,
    /// Where the document ends: before `...`, or at the end of the text.
    pub(super) end: usize,
}

impl Document {
    /// The first comment that starts at or after `from` and before `to`.
    pub(super) fn comment_between(&self, from: usize, to: usize) -> Option<Range<usize>> {
        self.comments.iter().filter(|span| span.start >= from && span.start < to).min_by_key(|span| span.start).cloned()
    }
}

/// Checks `text` strictly and reads its documents. `place` turns an offset in `text` into file, line and column.
pub(super) fn parse(
    text: &str,
    place: &dyn Fn(usize) -> (String, usize, usize),
) -> Result<Vec<Document>, KustomizeError> {
    let fault = |at: usize, message: String| {
        let (file, line, column) = place(at);
        KustomizeError::Yaml { file, line, column, message }
    };
    // The event parser below accepts a key given twice; this reader does not.
    if let Err(error) = serde_saphyr::from_multiple::<serde_json::Value>(text) {
        let at = error.location().map_or(0, |location| {
            super::text::offset_of(
                text,
                usize::try_from(location.line()).unwrap_or(1),
                usize::try_from(location.column()).unwrap_or(1),
            )
        });
        let message = error.without_snippet().to_string();
        return Err(fault(at, tidy(&message)));
    }
    let mut documents = Vec::new();
    let mut comments = Vec::new();
    let mut root = None;
    let mut parser = Parser::new_from_str(text);
    loop {
        let (event, span) = match parser.next() {
            None => break,
            Some(Ok(next)) => next,
            Some(Err(error)) => {
                return Err(fault(error.marker().byte_offset().unwrap_or(0), error.to_string()));
            }
        };
        match event {
            Event::Comment(..) => comments.push(bytes(&span)),
            Event::DocumentEnd => {
                let explicit = text[bytes(&span).start..].starts_with("...");
                let end = if explicit { bytes(&span).start } else { text.len() };
                if let Some(root) = root.take() {
                    documents.push(Document { root, comments: std::mem::take(&mut comments), end });
                }
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::Anchor(..) => {}
            event => {
                root = Some(
                    node(event, &span, text, &mut parser, &mut comments).map_err(|(at, message)| fault(at, message))?,
                );
            }
        }
    }
    // Comments after the last document's content are reported with it.
    if let Some(last) = documents.last_mut() {
        last.comments.append(&mut comments);
    }
    Ok(documents)
}

type Fault = (usize, String);

fn node<'a>(
    event: Event<'a>,
    span: &Span,
    text: &'a str,
    parser: &mut Parser<'a, impl serde_saphyr::granit_parser::BorrowedInput<'a>>,
    comments: &mut Vec<Range<usize>>,
) -> Result<Node, Fault> {
    let mut at = bytes(span);
    if let Event::Scalar(value, ScalarStyle::Literal | ScalarStyle::Folded, ..) = &event
        && value.trim().is_empty()
    {
        // The parser places an empty block scalar where the next thing stands, which may be another key of the mapping.
        let end = text[..at.start].trim_end().len();
        at = end..end;
    }
    let make = |end: usize, anchor: usize, kind: Kind| Node {
        start: at.start,
        end,
        line: span.start.line(),
        anchored: anchor != 0,
        kind,
    };
    Ok(match event {
        Event::Scalar(value, style, anchor, _) => {
            let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
            let end = if block { at.start + text[at.start..at.end].trim_end().len() } else { at.end };
            make(end, anchor, Kind::Scalar { value: value.into_owned(), style })
        }
        Event::Alias(_) | Event::UnresolvedAlias(_) => make(at.end, 0, Kind::Alias),
        Event::SequenceStart(style, anchor, _) => {
            let mut items: Vec<Node> = Vec::new();
            let close = loop {
                let (event, span) = next(parser, comments)?;
                if event == Event::SequenceEnd {
                    break bytes(&span).end;
                }
                items.push(node(event, &span, text, parser, comments)?);
            };
            let flow = style == StructureStyle::Flow;
            let end = if flow { close } else { items.last().map_or(at.end, |item| item.end) };
            make(end, anchor, Kind::Sequence { flow, items })
        }
        Event::MappingStart(style, anchor, _) => {
            let mut pairs: Vec<(Node, Node)> = Vec::new();
            let close = loop {
                let (event, span) = next(parser, comments)?;
                if event == Event::MappingEnd {
                    break bytes(&span).end;
                }
                let key = node(event, &span, text, parser, comments)?;
                let (event, span) = next(parser, comments)?;
                let value = node(event, &span, text, parser, comments)?;
                pairs.push((key, value));
            };
            let flow = style == StructureStyle::Flow;
            let end = if flow { close } else { pairs.last().map_or(at.end, |(key, value)| value.end.max(key.end)) };
            make(end, anchor, Kind::Mapping { flow, pairs })
        }
        other => return Err((at.start, format!("unexpected {other:?}"))),
    })
}

fn next<'a>(
    parser: &mut Parser<'a, impl serde_saphyr::granit_parser::BorrowedInput<'a>>,
    comments: &mut Vec<Range<usize>>,
) -> Result<(Event<'a>, Span), Fault> {
    loop {
        match parser.next() {
            Some(Ok((Event::Comment(..), span))) => comments.push(bytes(&span)),
            Some(Ok((Event::Anchor(..), _))) => {}
            Some(Ok(next)) => return Ok(next),
            Some(Err(error)) => return Err((error.marker().byte_offset().unwrap_or(0), error.to_string())),
            None => return Err((0, "the text ends too early".to_owned())),
        }
    }
}

fn bytes(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or(0..0)
}

/// Drops the place, which the error carries itself, and advice about the reader's options.
fn tidy(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let message = match message.split_once(": ") {
        Some((place, rest)) if place.starts_with("line ") => rest,
        _ => message,
    };
    message.split(", set DuplicateKeyPolicy").next().unwrap_or(message).to_owned()
}
