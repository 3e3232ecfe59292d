//! Decides how one statement of a policy is read, also one that AWS would not accept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether a statement allows or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The statement allows what it names.
    Allow,
    /// The statement denies what it names; a denial wins over every allowance.
    Deny,
}

/// One statement, taken apart. Single values are lists of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Position in the document, from 0.
    pub index: usize,
    /// The label.
    pub sid: Option<String>,
    /// Anything but `Allow` reads as [`Effect::Deny`].
    pub effect: Effect,
    /// `Principal` by kind (`AWS`, `Federated`, `Service`); `"*"` reads as `AWS: *`.
    pub principals: BTreeMap<String, Vec<String>>,
    /// `NotPrincipal`, in the same form.
    pub not_principals: BTreeMap<String, Vec<String>>,
    /// `Action`.
    pub actions: Vec<String>,
    /// `NotAction`.
    pub not_actions: Vec<String>,
    /// `Resource`.
    pub resources: Vec<String>,
    /// `NotResource`.
    pub not_resources: Vec<String>,
    /// `Condition`, one entry per operator and key; all of them must hold. A block that cannot be read gives an entry
    /// with an empty operator, which no evaluation takes for fulfilled.
    pub conditions: Vec<Condition>,
}

/// One line of a condition block: the key's value must pass the operator with one of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Operator with prefix and suffix, as written, such as `ForAnyValue:StringLikeIfExists`.
    pub operator: String,
    /// Condition key as written; upper and lower case do not differ.
    pub key: String,
    /// Values as text.
    pub values: Vec<String>,
}

impl Statement {
    pub(super) fn read(index: usize, value: &Value) -> Self {
        Self {
            index,
            sid: value.get("Sid").and_then(Value::as_str).map(str::to_owned),
            effect: if value.get("Effect").and_then(Value::as_str) == Some("Allow") {
                Effect::Allow
            } else {
                Effect::Deny
            },
            principals: principals(value.get("Principal")),
            not_principals: principals(value.get("NotPrincipal")),
            actions: texts(value.get("Action")),
            not_actions: texts(value.get("NotAction")),
            resources: texts(value.get("Resource")),
            not_resources: texts(value.get("NotResource")),
            conditions: value.get("Condition").map_or_else(Vec::new, |block| {
                conditions(block).unwrap_or_else(|| {
                    vec![Condition { operator: String::new(), key: String::new(), values: Vec::new() }]
                })
            }),
        }
    }

    /// How messages name the statement.
    pub(super) fn name(&self) -> String {
        match &self.sid {
            Some(sid) => format!("Statement[{}] ({sid})", self.index),
            None => format!("Statement[{}]", self.index),
        }
    }
}

/// The condition block as lines, or nothing where it has another shape.
pub(super) fn conditions(block: &Value) -> Option<Vec<Condition>> {
    let mut lines = Vec::new();
    for (operator, keys) in block.as_object()? {
        for (key, values) in keys.as_object()? {
            let values = match values {
                Value::Array(items) => items.iter().map(text).collect::<Option<Vec<_>>>()?,
                single => vec![text(single)?],
            };
            lines.push(Condition { operator: operator.clone(), key: key.clone(), values });
        }
    }
    Some(lines)
}

/// A scalar as the text that IAM compares.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
        Some(single) => text(single).into_iter().collect(),
        None => Vec::new(),
    }
}

fn principals(value: Option<&Value>) -> BTreeMap<String, Vec<String>> {
    match value {
        Some(Value::Object(kinds)) => kinds.iter().map(|(kind, values)| (kind.clone(), texts(Some(values)))).collect(),
        Some(Value::String(everyone)) => BTreeMap::from([("AWS".to_owned(), vec![everyone.clone()])]),
        _ => BTreeMap::new(),
    }
}
