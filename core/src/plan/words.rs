//! Documents, long texts and tags as a plan shows them.

use std::collections::BTreeMap;

use super::action::Change;
use crate::grant::{OWN_PREFIX, short_hash};
use crate::policy::Document;

/// The most characters of a document that a plan shows.
const SHOWN: usize = 200;

/// A document, or the beginning of a long one with what tells it from others.
pub(super) fn describe(document: &Document) -> String {
    let text = document.to_json();
    let length = text.chars().count();
    if length <= SHOWN {
        return text;
    }
    let beginning: String = text.chars().take(SHOWN - 1).collect();
    format!("{beginning}… ({length} characters, SHA-256 {}…)", short_hash(&text))
}

/// A document before and after.
pub(super) fn document_change(before: Option<&Document>, after: &Document) -> Change {
    match before {
        None => Change::add("document", describe(after)),
        Some(before) => text_change("document", &before.to_json(), &after.to_json()),
    }
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
