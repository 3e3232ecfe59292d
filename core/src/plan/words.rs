//! Documents, long texts and tags as a plan shows them.

use std::collections::BTreeMap;

use super::action::Change;
use crate::grant::OWN_PREFIX;
use crate::policy::Document;

/// The most characters that a plan shows of a statement of ours, and of what is removed.
const SHOWN: usize = 200;

/// A document that goes, or the beginning of a long one.
pub(super) fn describe(document: &Document) -> String {
    let text = spaced(&document.to_json());
    let length = text.chars().count();
    if length <= SHOWN {
        return text;
    }
    let beginning: String = text.chars().take(SHOWN - 1).collect();
    format!("{beginning}… ({length} characters)")
}

/// A document before and after: every statement that comes or goes, whole, for one that is not seen is not agreed to.
pub(super) fn document_changes(before: Option<&Document>, after: &Document) -> Vec<Change> {
    let now = after.statement_texts();
    let former = before.map(Document::statement_texts).unwrap_or_default();
    let removed =
        former.iter().filter(|text| !now.contains(text)).map(|text| Change::remove("statement", spaced(text)));
    let added = now.iter().filter(|text| !former.contains(text)).map(|text| Change::add("statement", spaced(text)));
    let mut changes: Vec<Change> = removed.chain(added).collect();
    if changes.is_empty() {
        let before = before.map(|document| spaced(&document.to_json()));
        changes.push(Change::new("document", before, Some(spaced(&after.to_json()))));
    }
    changes
}

/// Compact JSON with blanks behind commas and colons, where lines can be broken.
fn spaced(json: &str) -> String {
    let (mut text, mut quoted, mut escaped) = (String::with_capacity(json.len()), false, false);
    for c in json.chars() {
        text.push(c);
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        if !quoted && matches!(c, ',' | ':') {
            text.push(' ');
        }
    }
    text
}

/// Two texts, of long ones from shortly before they differ.
pub(super) fn text_change(field: &str, before: &str, after: &str) -> Change {
    let same = before.chars().zip(after.chars()).take_while(|(before, after)| before == after).count();
    let long = before.chars().count().max(after.chars().count()) > SHOWN;
    let start = if long { same.saturating_sub(SHOWN / 4) } else { 0 };
    let part = |text: &str| {
        let length = text.chars().count();
        let shown: String = text.chars().skip(start).take(SHOWN).collect();
        let (before, after) = (if start > 0 { "…" } else { "" }, if start + SHOWN < length { "…" } else { "" });
        format!("{before}{shown}{after}")
    };
    Change::new(field, Some(part(before)), Some(part(after)))
}

/// Podrole's own tags on what it makes, in short.
pub(super) fn own_tags(tags: &BTreeMap<String, String>) -> Change {
    let mut kinds: Vec<&str> = tags
        .keys()
        .filter_map(|key| key.strip_prefix(OWN_PREFIX))
        .map(|rest| rest.split('/').next().unwrap_or(rest))
        .collect();
    kinds.dedup();
    Change::add("podrole's tags", kinds.join(", "))
}
