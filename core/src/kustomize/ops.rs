//! Reads the operations of a JSON6902 patch and what they do to the service account.

use super::FIELD;
use super::text::Source;
use super::tree::{Document, Node};

/// What a patch does to the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    Set(String),
    Removed,
    /// It touches the field in a way whose outcome is not looked into.
    Opaque,
}

/// One operation of a JSON6902 patch.
#[derive(Debug, Clone)]
pub(super) struct Op {
    pub(super) node: Node,
}

impl Op {
    pub(super) fn verb(&self) -> &str {
        self.node.get("op").and_then(Node::str).unwrap_or_default()
    }

    fn field(&self, key: &str) -> Option<&str> {
        self.node.get(key).and_then(|node| if node.is_null() { None } else { node.str() })
    }

    pub(super) fn sets_field(&self) -> bool {
        matches!(self.verb(), "add" | "replace") && self.field("path") == Some(FIELD)
    }

    pub(super) fn effect(&self) -> Option<Effect> {
        let above = |path: &str| FIELD.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        let path = self.field("path").unwrap_or_default();
        if self.verb() == "move" && self.field("from").is_some_and(|from| from == FIELD || above(from)) {
            return Some(if self.field("from") == Some(FIELD) { Effect::Removed } else { Effect::Opaque });
        }
        match (self.verb(), path == FIELD) {
            ("add" | "replace", true) => Some(match self.node.get("value") {
                Some(value) if value.is_null() => Effect::Removed,
                Some(value) => value.str().map_or(Effect::Opaque, |value| Effect::Set(value.to_owned())),
                None => Effect::Opaque,
            }),
            ("remove", own) if own || above(path) => Some(Effect::Removed),
            ("move" | "copy", true) => Some(Effect::Opaque),
            ("add" | "replace" | "move" | "copy", false) if above(path) => Some(Effect::Opaque),
            _ => None,
        }
    }
}

/// A JSON6902 patch.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    pub(super) source: Source,
    pub(super) document: Document,
    pub(super) ops: Vec<Op>,
}

impl Patch {
    /// The operation that decides the field in the end.
    pub(super) fn deciding(&self) -> Option<usize> {
        self.ops.iter().rposition(|op| op.effect().is_some())
    }
}
