//! Takes podrole's changes out of a kustomization again.

use super::KustomizeEdit;
use super::error::KustomizeError;
use super::mark::{Change, Found};
use super::ops::{Op, Patch};
use super::patches::{Entry, Kustomization};
use super::set::{Edits, dash_of, entry_marks, marks_behind};
use super::text::{self, Splices};
use super::tree::Node;

pub(super) fn unset(kustomization: &Kustomization<'_>, expected: &str) -> Result<KustomizeEdit, KustomizeError> {
    let former = kustomization.value();
    let mut edits = Edits::default();
    for entry in &kustomization.entries {
        let Some(patch) = entry.editable() else { continue };
        let marked = |op: &Op| {
            let value = op.node.get("value").filter(|_| op.sets_field());
            value.is_some_and(|value| !marks_behind(&patch.source.text, &patch.document, value.end).is_empty())
        };
        let at = patch.ops.iter().rposition(marked).or_else(|| patch.ops.iter().rposition(Op::sets_field));
        let Some(at) = at else { continue };
        let op = &patch.ops[at];
        let Some(value) = op.node.get("value") else { continue };
        let on_value = marks_behind(&patch.source.text, &patch.document, value.end);
        let on_entry = entry_marks(kustomization, entry);
        let inside = on_value.first();
        let Some((mark, span)) = inside.or(on_entry.first()) else { continue };
        if value.str() != Some(expected) {
            return Err(KustomizeError::Conflict {
                file: entry.file(),
                line: entry.line_of_effect(),
                what: format!(
                    "podrole set serviceAccountName to {expected:?} here, but now it is {:?}; change it back or remove the mark",
                    value.str().unwrap_or_default()
                ),
            });
        }
        if inside.is_some() {
            let splices = edits.of(entry);
            splices.replace(patch.source.spots(span), String::new());
        } else {
            edits.kustomization.replace(span.clone(), String::new());
        }
        match &mark.change {
            Change::Was { raw, replace } => restore(entry, patch, op, raw, *replace, &mut edits),
            Change::OpAdded => remove_op(entry, patch, at, &mut edits)?,
            Change::EntryAdded if patch.ops.len() > 1 => remove_op(entry, patch, at, &mut edits)?,
            Change::EntryAdded => remove_entry(kustomization, entry, &mut edits.kustomization),
            Change::ListAdded => {}
        }
    }
    Ok(edits.finish(kustomization, former))
}

fn restore(entry: &Entry, patch: &Patch, op: &Op, raw: &str, replace: bool, edits: &mut Edits) {
    let source = &patch.source;
    let (Some(value), Some(verb)) = (op.node.get("value"), op.node.get("op")) else { return };
    let splices = edits.of(entry);
    splices.replace(source.spots(&value.range()), source.written(raw));
    if replace {
        let verb_text = source.text[verb.range()].replace("add", "replace");
        splices.replace(source.spots(&verb.range()), source.written(&verb_text));
    }
}

fn remove_op(entry: &Entry, patch: &Patch, at: usize, edits: &mut Edits) -> Result<(), KustomizeError> {
    let (source, root) = (&patch.source, &patch.document.root);
    let range = if root.is_flow() {
        Some(flow_item(root, at))
    } else if patch.ops.len() > 1 {
        block_item(&source.text, root, at)
    } else {
        None
    };
    let Some(range) = range else {
        return Err(KustomizeError::Conflict {
            file: entry.file(),
            line: entry.line_of_effect(),
            what: "podrole's operation is the only one left in this patch; remove the patch by hand".to_owned(),
        });
    };
    edits.of(entry).replace(source.spots(&range), String::new());
    Ok(())
}

fn remove_entry(kustomization: &Kustomization<'_>, entry: &Entry, splices: &mut Splices) {
    let text = kustomization.text;
    let Some((key, list)) = kustomization.list(entry.list) else { return };
    if list.is_flow() {
        splices.replace(flow_item(list, entry.index), String::new());
        return;
    }
    let Some(mut range) = block_item(text, list, entry.index) else { return };
    let marks: Vec<Found> = marks_behind(text, &kustomization.document, key.end);
    if let Some((_, span)) = marks.into_iter().find(|(mark, _)| mark.change == Change::ListAdded) {
        if list.items().is_some_and(|items| items.len() == 1) {
            range.start = text::previous_line_end(text, key.start);
        } else if !kustomization
            .entries
            .iter()
            .any(|other| other.list == entry.list && other.index != entry.index && is_ours(kustomization, other))
        {
            splices.replace(span, String::new());
        }
    }
    splices.replace(range, String::new());
}

/// Whether podrole added the entry, for whichever workload.
fn is_ours(kustomization: &Kustomization<'_>, entry: &Entry) -> bool {
    let marks = marks_behind(kustomization.text, &kustomization.document, entry.host);
    marks.iter().any(|(mark, _)| mark.change == Change::EntryAdded)
}

/// The bytes of an item of a flow sequence with the comma that parts it from its neighbour.
fn flow_item(sequence: &Node, at: usize) -> std::ops::Range<usize> {
    let items = sequence.items().unwrap_or_default();
    match (at.checked_sub(1).and_then(|before| items.get(before)), items.get(at + 1)) {
        (Some(before), _) => before.end..items[at].end,
        (None, Some(next)) => items[at].start..next.start,
        (None, None) => sequence.start + 1..items[at].end,
    }
}

/// The lines of an item of a block sequence, with the line break before the first.
fn block_item(text: &str, sequence: &Node, at: usize) -> Option<std::ops::Range<usize>> {
    let item = sequence.items()?.get(at)?;
    let dash = dash_of(text, item)?;
    let end = text::line_end(text, item.end);
    if text::line_start(text, dash) > 0 {
        return Some(text::previous_line_end(text, dash)..end);
    }
    let next = text[end..].find('\n').map_or(text.len(), |found| end + found + 1);
    Some(0..next)
}
