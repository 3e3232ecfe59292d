//! Decides what text means as YAML or JSON: a tree that remembers where each value stands and how it was written.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_saphyr::granit_parser::{self, ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::problem::{Place, Problem, shown, source_lines};

/// Largest file, in bytes.
pub(super) const MAX_SIZE: usize = 1024 * 1024;
/// Deepest nesting of lists and mappings.
const MAX_DEPTH: usize = 64;

/// A value, where it stands, and how deep it is.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
    /// Levels of lists and mappings in it, itself included.
    height: usize,
    /// Bytes and nodes that a copy of it takes.
    weight: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    /// `plain` text has no quotes and may stand for a number, a boolean or nothing.
    Scalar {
        text: String,
        plain: bool,
    },
    /// Nothing, a boolean or a number of a program, which is not text in any reading.
    Typed(serde_json::Value),
    List(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) place: Place,
}

impl Node {
    fn new(value: Value, place: Place) -> Self {
        let (height, weight) = match &value {
            Value::Scalar { text, .. } => (0, 1 + text.len()),
            Value::Typed(_) => (0, 1),
            Value::List(items) => {
                items.iter().fold((1, 1), |(height, weight), item| (height.max(item.height + 1), weight + item.weight))
            }
            Value::Mapping(entries) => entries.iter().fold((1, 1), |(height, weight), (key, value)| {
                (height.max(value.height + 1), weight + 1 + key.text.len() + value.weight)
            }),
        };
        Self { value, place, height, weight }
    }

    /// What a program made: there is no text in which it stands.
    pub(super) fn of(value: &serde_json::Value) -> Self {
        let place = Place { line: 0, column: 0, length: 0 };
        let value = match value {
            serde_json::Value::String(text) => Value::Scalar { text: text.clone(), plain: false },
            serde_json::Value::Array(items) => Value::List(items.iter().map(Self::of).collect()),
            serde_json::Value::Object(entries) => Value::Mapping(
                entries.iter().map(|(key, item)| (Key { text: key.clone(), place }, Self::of(item))).collect(),
            ),
            other => Value::Typed(other.clone()),
        };
        Self::new(value, place)
    }

    /// Whether it is written as nothing: an empty value, `~` or `null`.
    pub(super) fn is_nothing(&self) -> bool {
        match &self.value {
            Value::Scalar { text, plain: true } => matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"),
            Value::Typed(value) => value.is_null(),
            _ => false,
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|(key, _)| key.text == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The items of a list; none for anything else.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }
}

/// Refuses what is too large to be a grant.
pub(super) fn check_size(size: usize) -> Result<(), Problem> {
    if size <= MAX_SIZE {
        return Ok(());
    }
    Err(Problem::new(
        format!("the file has {size} bytes, the limit is {MAX_SIZE}"),
        "split it into several files, or give large policies by ARN",
    ))
}

/// Reads every document of a YAML stream that is not empty, with its number in the stream.
pub(super) fn read_yaml(text: &str) -> Result<Vec<(usize, Node)>, Problem> {
    check_size(text.len())?;
    read(text, 1024)
}

/// Reads one JSON value.
pub(super) fn read_json(text: &str) -> Result<Node, Problem> {
    check_size(text.len())?;
    if text.trim().is_empty() {
        return Err(empty());
    }
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        let words = error.to_string();
        let words = words.split(" at line ").next().unwrap_or_default();
        let place = Place { line: error.line().max(1), column: error.column().max(1), length: 1 };
        return Err(Problem::new(format!("this is not JSON: {words}"), "correct the JSON").at(place));
    }
    // JSON is YAML but for tabs between its tokens, and every tab of valid JSON is one: inside strings they are escaped.
    let text = text.replace('\t', " ");
    let documents = read(&text, MAX_SIZE)?;
    documents.into_iter().next().map_or_else(|| Err(empty()), |(_, node)| Ok(node))
}

fn empty() -> Problem {
    Problem::new("there is no grant in it", "start with `cluster`, `serviceAccount` and `role`")
}

fn read(text: &str, longest_key: usize) -> Result<Vec<(usize, Node)>, Problem> {
    let options = granit_parser::options! {
        emit_comments: false,
        simple_key_max_lookahead: longest_key,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder =
        Builder { open: Vec::new(), anchors: BTreeMap::new(), copied: 0, documents: Vec::new(), number: 0 };
    let result = builder.run(Parser::new_from_str_with_options(text, options), text);
    match result {
        Err(problem) if builder.number > 1 => Err(problem.in_document(builder.number)),
        Err(problem) => Err(problem),
        Ok(()) if builder.documents.is_empty() => Err(empty()),
        Ok(()) => Ok(builder.documents),
    }
}

/// A list or mapping whose end has not been seen.
struct Open {
    value: Value,
    /// The key whose value comes next.
    key: Option<Key>,
    /// Every key so far, with its line.
    seen: BTreeMap<String, usize>,
    place: Place,
    anchor: usize,
}

struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    /// Weight of all copies made for aliases.
    copied: usize,
    documents: Vec<(usize, Node)>,
    number: usize,
}

impl Builder {
    fn run<'a>(
        &mut self,
        events: impl Iterator<Item = Result<(Event<'a>, Span), ScanError>>,
        source: &str,
    ) -> Result<(), Problem> {
        for event in events {
            let (event, span) = event.map_err(|error| broken(&error, source))?;
            let place = place_of(&span);
            match event {
                Event::DocumentStart(..) => {
                    self.number += 1;
                    self.anchors.clear();
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let as_text = text_tag(tag.as_deref(), place)?;
                    let plain = style == ScalarStyle::Plain && !as_text;
                    self.add(Node::new(Value::Scalar { text: text.into_owned(), plain }, place), anchor)?;
                }
                Event::SequenceStart(_, anchor, tag) => {
                    self.start(Value::List(Vec::new()), place, anchor, tag.as_deref())?;
                }
                Event::MappingStart(_, anchor, tag) => {
                    self.start(Value::Mapping(Vec::new()), place, anchor, tag.as_deref())?;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(Open { value, place, anchor, .. }) = self.open.pop() {
                        self.add(Node::new(value, place), anchor)?;
                    }
                }
                Event::Alias(anchor) => {
                    let node = self.copy(anchor, place)?;
                    self.add(node, 0)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn start(&mut self, value: Value, place: Place, anchor: usize, tag: Option<&Tag>) -> Result<(), Problem> {
        if text_tag(tag, place)? {
            return Err(Problem::new("the tag `!!str` stands before a list or mapping", "remove it").at(place));
        }
        if self.open.last().is_some_and(|open| matches!(open.value, Value::Mapping(_)) && open.key.is_none()) {
            return Err(not_text(place));
        }
        // The parser limits lists and mappings, each in its own way of writing; this limits their sum.
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(place));
        }
        self.open.push(Open { value, key: None, seen: BTreeMap::new(), place, anchor });
        Ok(())
    }

    /// Counts what anchors and aliases repeat, so that a small file cannot become a huge tree.
    fn count(&mut self, weight: usize, place: Place) -> Result<(), Problem> {
        self.copied += weight;
        if self.copied <= MAX_SIZE {
            return Ok(());
        }
        Err(Problem::new(
            format!("the anchors and aliases of this file repeat more than {MAX_SIZE} bytes"),
            "write out what is needed, or split the file",
        )
        .at(place))
    }

    fn copy(&mut self, anchor: usize, place: Place) -> Result<Node, Problem> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(Problem::new("this alias stands inside its own anchor", "write the value out").at(place));
        };
        self.count(node.weight, place)?;
        if self.open.len() + node.height > MAX_DEPTH {
            return Err(too_deep(place));
        }
        // Inner places stay those of the anchor: that is where a mistake is corrected.
        Ok(Node { place, ..node })
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        if anchor != 0 {
            self.count(node.weight, node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            if !node.is_nothing() {
                self.documents.push((self.number, node));
            }
            return Ok(());
        };
        match (&mut open.value, open.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Mapping(entries), Some(key)) => entries.push((key, node)),
            (Value::Mapping(_), None) => open.key = Some(key_of(node, &mut open.seen)?),
            (Value::Scalar { .. } | Value::Typed(_), _) => {}
        }
        Ok(())
    }
}

fn key_of(node: Node, seen: &mut BTreeMap<String, usize>) -> Result<Key, Problem> {
    if node.is_nothing() {
        return Err(Problem::new("there is no key before the colon", "write a key, or quote it").at(node.place));
    }
    let Value::Scalar { text, plain } = node.value else { return Err(not_text(node.place)) };
    if text == "<<" && plain {
        return Err(Problem::new("merge keys (`<<`) are not read", "write the keys out").at(node.place));
    }
    if let Some(line) = seen.insert(text.clone(), node.place.line) {
        return Err(Problem::new(
            format!("the key {} appears twice in one mapping, first in line {line}", shown(&text)),
            "keep one of the two",
        )
        .at(node.place));
    }
    Ok(Key { text, place: node.place })
}

fn not_text(place: Place) -> Problem {
    Problem::new("a list or mapping stands where a key is expected", "write the key as plain text").at(place)
}

fn too_deep(place: Place) -> Problem {
    Problem::new(format!("lists and mappings are nested deeper than {MAX_DEPTH}"), "flatten them").at(place)
}

/// Whether the tag says "this is text"; no other tag is read.
fn text_tag(tag: Option<&Tag>, place: Place) -> Result<bool, Problem> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema_tag("str") => Ok(true),
        Some(tag) if ["map", "seq"].iter().any(|name| tag.is_yaml_core_schema_tag(name)) => Ok(false),
        Some(tag) => {
            let tag = shown(&tag.original());
            Err(Problem::new(format!("the tag {tag} is not read"), "remove it, and write the value itself").at(place))
        }
    }
}

fn place_of(span: &Span) -> Place {
    // A list or mapping has the span of its first token; a scalar over several lines is cut by whoever shows it.
    Place { line: span.start.line(), column: span.start.col() + 1, length: span.len() }
}

/// Broken YAML; a tab at the start of a line is named, for the parser complains about its consequences.
fn broken(error: &ScanError, source: &str) -> Problem {
    let mark = error.marker();
    let near = mark.line().saturating_sub(2)..=mark.line();
    let tab = source_lines(source).enumerate().find_map(|(index, line)| {
        let blank = &line[..line.len() - line.trim_start().len()];
        (near.contains(&index) && blank.contains('\t') && blank.len() < line.len()).then(|| Place {
            line: index + 1,
            column: blank.find('\t').unwrap_or(0) + 1,
            length: 1,
        })
    });
    if let Some(place) = tab {
        return Problem::new("a tab indents this line", "indent with spaces: YAML allows no tabs there").at(place);
    }
    let place = Place { line: mark.line(), column: mark.col() + 1, length: 1 };
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return too_deep(place);
    }
    Problem::new(format!("this is not YAML: {}", error.info()), "correct the YAML").at(place)
}
