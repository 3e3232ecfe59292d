//! Decides what two documents must share to mean the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::json::canonical;
use super::statement::{Condition, conditions, text, texts};

/// The meaning of a condition block: for each operator and key, the value lists that all must match.
pub(super) type Conditions = BTreeMap<(String, String), BTreeSet<BTreeSet<String>>>;

/// The meaning of a document, comparable.
pub(super) fn of_document(document: &Value) -> (Option<String>, BTreeSet<String>) {
    let version = has_policy_variable(document)
        .then(|| document.get("Version").and_then(Value::as_str).unwrap_or("2008-10-17").to_owned());
    let statements = match document.get("Statement") {
        Some(Value::Array(items)) => items.iter().map(of_statement).collect(),
        Some(single) => BTreeSet::from([of_statement(single)]),
        None => BTreeSet::new(),
    };
    (version, statements)
}

/// Whether the document's language version replaces policy variables.
pub(super) fn has_variables(document: &Value) -> bool {
    document.get("Version").and_then(Value::as_str) == Some("2012-10-17")
}

/// The meaning of a statement, as text that is equal for equal meanings.
pub(super) fn of_statement(statement: &Value) -> String {
    let Some(elements) = statement.as_object() else {
        return canonical(statement);
    };
    let mut normal = BTreeMap::new();
    for (name, value) in elements {
        let meaning = match name.as_str() {
            "Sid" => continue,
            "Action" | "NotAction" if is_text(value) => {
                format!("{:?}", texts(Some(value)).iter().map(|action| action.to_lowercase()).collect::<BTreeSet<_>>())
            }
            "Resource" | "NotResource" if is_text(value) => {
                format!("{:?}", texts(Some(value)).into_iter().collect::<BTreeSet<_>>())
            }
            "Principal" | "NotPrincipal" => of_principal(value),
            "Condition" => match conditions(value) {
                Some(lines) => {
                    let block = of_conditions(&lines);
                    if block.is_empty() {
                        continue;
                    }
                    format!("{block:?}")
                }
                None => canonical(value),
            },
            _ => canonical(value),
        };
        normal.insert(name.as_str(), meaning);
    }
    format!("{normal:?}")
}

/// The meaning of condition lines.
pub(super) fn of_conditions(lines: &[Condition]) -> Conditions {
    let mut block = Conditions::new();
    for line in lines {
        let operator = line.operator.replace("ArnEquals", "ArnLike").replace("ArnNotEquals", "ArnNotLike");
        let fold = operator.contains("Bool") || operator.contains("Null");
        let values = line.values.iter().map(|value| if fold { value.to_lowercase() } else { value.clone() }).collect();
        block.entry((operator, line.key.to_lowercase())).or_default().insert(values);
    }
    block
}

/// The account of a principal that stands for a whole account: its id or the ARN of its root.
pub(super) fn account_principal(principal: &str) -> Option<&str> {
    let account = match principal.strip_prefix("arn:") {
        Some(rest) => rest.split_once(":iam::")?.1.strip_suffix(":root")?,
        None => principal,
    };
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then_some(account)
}

fn of_principal(value: &Value) -> String {
    let kinds: BTreeMap<&str, BTreeSet<String>> = match value {
        Value::String(everyone) => BTreeMap::from([("AWS", BTreeSet::from([everyone.clone()]))]),
        Value::Object(kinds) if kinds.values().all(is_text) => kinds
            .iter()
            .map(|(kind, values)| {
                let normal = |value: String| account_principal(&value).map_or(value.clone(), str::to_owned);
                (kind.as_str(), texts(Some(values)).into_iter().map(normal).collect())
            })
            .collect(),
        other => return canonical(other),
    };
    format!("{kinds:?}")
}

fn is_text(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| text(item).is_some()),
        single => text(single).is_some(),
    }
}

fn has_policy_variable(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${"),
        Value::Array(items) => items.iter().any(has_policy_variable),
        Value::Object(object) => object.values().any(has_policy_variable),
        _ => false,
    }
}
