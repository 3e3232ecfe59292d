//! Writes the service account into a kustomization's patches.

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::ScalarStyle;

use super::error::KustomizeError;
use super::mark::{self, Change, Found, Mark};
use super::ops::{Effect, Op, Patch};
use super::patches::{Body, Entry, Kustomization, List, is_block, unsupported};
use super::selector::Fit;
use super::text::{self, Splices, scalar_text};
use super::tree::{Kind, Node};
use super::{FIELD, KustomizeEdit};

/// Replacements in the kustomization and its patch files.
#[derive(Default)]
pub(super) struct Edits {
    pub(super) kustomization: Splices,
    files: BTreeMap<String, Splices>,
}

impl Edits {
    /// The text that holds the entry's patch.
    pub(super) fn of(&mut self, entry: &Entry) -> &mut Splices {
        match &entry.path {
            Some(path) => self.files.entry(path.clone()).or_default(),
            None => &mut self.kustomization,
        }
    }

    pub(super) fn finish(self, kustomization: &Kustomization<'_>, former: Option<String>) -> KustomizeEdit {
        let files = self.files.into_iter().filter_map(|(path, splices)| {
            let text = splices.apply(kustomization.files.get(&path)?)?;
            Some((path, text))
        });
        KustomizeEdit { files: files.collect(), kustomization: self.kustomization.apply(kustomization.text), former }
    }
}

pub(super) fn set(kustomization: &Kustomization<'_>, wanted: &str) -> Result<KustomizeEdit, KustomizeError> {
    let deciding = kustomization.deciding();
    let former = kustomization.value();
    if former.as_deref() == Some(wanted) {
        return Ok(KustomizeEdit { former, ..KustomizeEdit::default() });
    }
    let mut edits = Edits::default();
    for entry in &kustomization.entries {
        if let Body::Merge(Some((Effect::Set(value), _))) = &entry.body
            && matches!(entry.fit, Fit::Exact | Fit::Wide)
            && value != wanted
        {
            let what = format!(
                "a strategic merge patch sets serviceAccountName to {value:?}; change it to {wanted:?} or remove it there"
            );
            return Err(KustomizeError::Conflict { file: entry.file(), line: entry.line_of_effect(), what });
        }
    }
    if let Some(entry) = deciding
        && let Some((patch, op)) = changeable(entry)
    {
        change(kustomization, entry, patch, op, wanted, &mut edits);
        return Ok(edits.finish(kustomization, former));
    }
    // Only what comes at or after the deciding entry wins over it.
    let place = |entry: &Entry| (entry.list as usize, entry.index);
    let from = deciding.map_or((0, 0), place);
    let own = kustomization.entries.iter().rev().find(|entry| place(entry) >= from && entry.editable().is_some());
    if let Some(entry) = own
        && let Some(patch) = entry.editable()
        && append_op(kustomization, entry, patch, wanted, &mut edits)
    {
        return Ok(edits.finish(kustomization, former));
    }
    let list = match deciding {
        Some(entry) if entry.list == List::Json6902 => List::Json6902,
        _ => List::Patches,
    };
    append_entry(kustomization, list, wanted, &mut edits.kustomization)?;
    Ok(edits.finish(kustomization, former))
}

/// The marks on the line of `at`, from `at` on.
pub(super) fn marks_behind(text: &str, comments: &super::tree::Document, at: usize) -> Vec<Found> {
    comments.comment_between(at, text::line_end(text, at)).map(|span| mark::read(text, &span)).unwrap_or_default()
}

/// The marks about an entry as a whole.
pub(super) fn entry_marks(kustomization: &Kustomization<'_>, entry: &Entry) -> Vec<Found> {
    let own = workload(kustomization);
    let mut marks = marks_behind(kustomization.text, &kustomization.document, entry.host);
    marks.retain(|(mark, _)| mark.workload.as_ref().is_none_or(|workload| *workload == own));
    marks
}

fn workload(kustomization: &Kustomization<'_>) -> String {
    format!("{}/{}", kustomization.kind, kustomization.name)
}

/// The deciding operation, when its value can be changed where it stands.
fn changeable(entry: &Entry) -> Option<(&Patch, &Op)> {
    let patch = entry.editable()?;
    let op = &patch.ops[patch.deciding()?];
    let value = op.node.get("value")?;
    let verb = op.node.get("op")?;
    let raw = &patch.source.text[value.range()];
    let plain = |node: &Node| match &node.kind {
        Kind::Scalar { style, .. } => !node.anchored && !is_block(*style),
        _ => false,
    };
    let fits = op.sets_field()
        && value.str().is_some()
        && plain(value)
        && plain(verb)
        && mark::raw_length(raw) == Some(raw.len());
    fits.then_some((patch, op))
}

fn change(kustomization: &Kustomization<'_>, entry: &Entry, patch: &Patch, op: &Op, wanted: &str, edits: &mut Edits) {
    let (Some(value), Some(verb)) = (op.node.get("value"), op.node.get("op")) else { return };
    let source = &patch.source;
    let raw = &source.text[value.range()];
    let new = match &value.kind {
        Kind::Scalar { style: ScalarStyle::DoubleQuoted, .. } => format!("\"{wanted}\""),
        Kind::Scalar { style: ScalarStyle::SingleQuoted, .. } => format!("'{wanted}'"),
        _ => scalar_text(wanted),
    };
    let replace = op.verb() == "replace";
    let splices = edits.of(entry);
    splices.replace(source.spots(&value.range()), source.written(&new));
    if replace {
        let verb_text = source.text[verb.range()].replace("replace", "add");
        splices.replace(source.spots(&verb.range()), source.written(&verb_text));
    }
    let on_value = marks_behind(&source.text, &patch.document, value.end);
    if !on_value.is_empty() || !entry_marks(kustomization, entry).is_empty() {
        return;
    }
    let mark = Mark::new(Change::Was { raw: raw.to_owned(), replace });
    if takes_comment(patch, op) {
        splices.insert(source.spot(value.end), source.written(&mark.to_string()));
    } else {
        mark_entry(kustomization, entry, mark, edits);
    }
}

/// Whether a comment can stand behind the operation's value.
fn takes_comment(patch: &Patch, op: &Op) -> bool {
    !patch.document.root.is_flow() && !op.node.is_flow() && patch.source.has_lines()
}

fn mark_entry(kustomization: &Kustomization<'_>, entry: &Entry, mut mark: Mark, edits: &mut Edits) {
    let crowded = kustomization.list(entry.list).is_some_and(|(_, list)| list.is_flow());
    mark.workload = crowded.then(|| workload(kustomization));
    edits.kustomization.insert(line_content_end(kustomization, entry.host), mark.to_string());
}

/// End of what stands on the line of `at` before a comment and blanks. A comment keeps its place behind the mark.
fn line_content_end(kustomization: &Kustomization<'_>, at: usize) -> usize {
    let text = kustomization.text;
    let end = text::line_end(text, at);
    let end = kustomization.document.comment_between(at, end).map_or(end, |comment| comment.start);
    at + text[at..end].trim_end().len()
}

/// The operation as YAML lines without the last line break.
pub(super) fn operation(service_account: &str, indent: usize, mark: &str) -> String {
    let pad = " ".repeat(indent);
    let value = scalar_text(service_account);
    format!("{pad}- op: add\n{pad}  path: {FIELD}\n{pad}  value: {value}{mark}")
}

fn json_operation(service_account: &str) -> String {
    format!("{{\"op\": \"add\", \"path\": \"{FIELD}\", \"value\": \"{service_account}\"}}")
}

fn append_op(kustomization: &Kustomization<'_>, entry: &Entry, patch: &Patch, wanted: &str, edits: &mut Edits) -> bool {
    let (source, root) = (&patch.source, &patch.document.root);
    let mark = Mark::new(Change::OpAdded);
    if !root.is_flow() {
        let Some(last) = patch.ops.last() else { return false };
        let Some(dash) = dash_of(&source.text, &last.node) else { return false };
        if !source.has_lines() || root.keeps_blank_lines() {
            return false;
        }
        let indent = dash - text::line_start(&source.text, dash);
        let lines = operation(wanted, indent, &mark.to_string());
        let at = source.spot(text::line_end(&source.text, last.node.end));
        edits.of(entry).insert(at, source.written(&format!("\n{lines}")));
        return true;
    }
    if !source.takes_any_text() {
        return false;
    }
    let (at, lead) = behind_last(&source.text, root);
    edits.of(entry).insert(source.spot(at), source.written(&format!("{lead}{}", json_operation(wanted))));
    mark_entry(kustomization, entry, mark, edits);
    true
}

/// Where the next item of a flow sequence goes, and what parts it from the one before.
fn behind_last(text: &str, sequence: &Node) -> (usize, String) {
    let Some(last) = sequence.items().and_then(<[Node]>::last) else { return (sequence.start + 1, String::new()) };
    let before = &text[text::line_start(text, last.start)..last.start];
    let own_line = before.trim().is_empty() && text[..last.start].contains('\n');
    (last.end, if own_line { format!(",\n{before}") } else { ", ".to_owned() })
}

/// The dash of a block sequence's item.
pub(super) fn dash_of(text: &str, item: &Node) -> Option<usize> {
    let mut start = text::line_start(text, item.start);
    loop {
        let line = &text[start..text::line_end(text, start)];
        let trimmed = line.trim_start();
        if trimmed.starts_with("- ") || trimmed == "-" {
            let dash = start + line.len() - trimmed.len();
            return (dash < item.start).then_some(dash);
        }
        if start == 0 || !(start + line.len() - trimmed.len() >= item.start || trimmed.starts_with('#')) {
            return None;
        }
        start = text::line_start(text, start - 1);
    }
}

fn append_entry(
    kustomization: &Kustomization<'_>,
    list: List,
    wanted: &str,
    splices: &mut Splices,
) -> Result<(), KustomizeError> {
    let (text, root) = (kustomization.text, &kustomization.document.root);
    let name = scalar_text(&kustomization.name.replace('.', "\\."));
    let kind = kustomization.kind;
    let mut mark = Mark::new(Change::EntryAdded);
    let found = kustomization.list(list);
    if let Some((_, node)) = found
        && node.is_flow()
    {
        let (at, lead) = behind_last(text, node);
        let extra = if list == List::Json6902 { "group: apps, version: v1, " } else { "" };
        let patch = json_operation(wanted);
        let entry = format!("{lead}{{target: {{{extra}kind: {kind}, name: {name}}}, patch: '[{patch}]'}}");
        mark.workload = Some(workload(kustomization));
        splices.insert(at, entry.replace('\n', text::line_break(text)));
        splices.insert(line_content_end(kustomization, at), mark.to_string());
        return Ok(());
    }
    let (at, indent, key) = match found {
        Some((key, node)) if node.is_null() => {
            if node.start != node.end {
                return Err(unsupported(node, format!("`{}` is null; remove it or make it a list", list.key())));
            }
            (text::line_end(text, key.end), list_indent(text, root), String::new())
        }
        Some((_, node)) => {
            let tail = node.items().and_then(<[Node]>::last).and_then(|item| Some((item, dash_of(text, item)?)));
            let Some((item, dash)) = tail.filter(|(item, _)| !item.keeps_blank_lines()) else {
                return Err(unsupported(
                    node,
                    format!("an entry cannot be added behind the last one of `{}`", list.key()),
                ));
            };
            let indent = dash - text::line_start(text, dash);
            (behind_comments(text, text::line_end(text, item.end), indent), indent, String::new())
        }
        None => {
            if root.is_flow() || root.keeps_blank_lines() {
                return Err(unsupported(
                    root,
                    format!("there is no place to add `{}`; write an empty one", list.key()),
                ));
            }
            let before = &text[text::line_start(text, root.start)..root.start];
            // A byte order mark is no indentation.
            let column = if before.trim().is_empty() { before.len() } else { 0 };
            let end = text[..kustomization.document.end].trim_end().len();
            let key = format!("\n{}{}:{}", " ".repeat(column), list.key(), Mark::new(Change::ListAdded));
            (end, list_indent(text, root).max(column), key)
        }
    };
    let pad = " ".repeat(indent);
    let extra =
        if list == List::Json6902 { format!("\n{pad}    group: apps\n{pad}    version: v1") } else { String::new() };
    let lines = operation(wanted, indent + 4, "");
    let entry = format!(
        "{key}\n{pad}- patch: |-{mark}\n{lines}\n{pad}  target:{extra}\n{pad}    kind: {kind}\n{pad}    name: {name}"
    );
    splices.insert(at, entry.replace('\n', text::line_break(text)));
    Ok(())
}

/// Past the comment lines that follow at least as deep as the list's own indented dashes.
fn behind_comments(text: &str, end: usize, indent: usize) -> usize {
    let mut past = end;
    while let Some(next) = text[past..].find('\n').map(|found| past + found + 1) {
        let line = &text[next..text::line_end(text, next)];
        let trimmed = line.trim_start();
        if indent == 0 || !trimmed.starts_with('#') || line.len() - trimmed.len() < indent {
            break;
        }
        past = next + line.len();
    }
    past
}

/// How far the kustomization's other lists indent their dashes.
fn list_indent(text: &str, root: &Node) -> usize {
    let Kind::Mapping { pairs, .. } = &root.kind else { return 0 };
    pairs
        .iter()
        .filter(|(_, value)| !value.is_flow())
        .find_map(|(_, value)| value.items().and_then(<[Node]>::first))
        .and_then(|item| dash_of(text, item))
        .map_or(0, |dash| dash - text::line_start(text, dash))
}
