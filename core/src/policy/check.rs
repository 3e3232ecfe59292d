//! Decides whether IAM would accept a document, by the rules of its policy grammar.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::condition::Operator;
use super::document::DocumentError;
use super::json::canonical;

/// Where a document is used, which decides its grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// A managed or inline policy: says what its role may do.
    Identity,
    /// A role's trust policy: says who may assume it.
    Trust,
}

type Checked = Result<(), DocumentError>;

const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];

fn refuse<T>(path: &str, rule: impl Into<String>, remedy: impl Into<String>) -> Result<T, DocumentError> {
    Err(DocumentError::new(path, rule, remedy))
}

/// Characters that a policy document may hold.
pub(super) fn is_legal(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}')
}

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(super) fn check(document: &Value, kind: DocumentKind) -> Checked {
    let Some(elements) = document.as_object() else {
        return refuse("", "a policy document is a JSON object", "start with {\"Version\": \"2012-10-17\", …}");
    };
    characters("", document)?;
    for (name, value) in elements {
        match name.as_str() {
            "Version" if value.as_str().is_some_and(|version| VERSIONS.contains(&version)) => {}
            "Version" => {
                let rule = format!("{} is not a version of the policy language", canonical(value));
                return refuse("Version", rule, "write \"2012-10-17\"");
            }
            "Id" if value.is_string() => {}
            "Id" => return refuse("Id", "an Id is a string", "write it in quotes or remove it"),
            "Statement" => {}
            other => return unknown(other, other, &["Version", "Id", "Statement"]),
        }
    }
    let statements: Vec<(String, &Value)> = match elements.get("Statement") {
        None => return refuse("Statement", "a policy has at least one statement", "add the Statement element"),
        Some(Value::Array(items)) if items.is_empty() => {
            return refuse("Statement", "a policy has at least one statement", "add one to the list");
        }
        Some(Value::Array(items)) => {
            items.iter().enumerate().map(|(index, item)| (format!("Statement[{index}]"), item)).collect()
        }
        Some(single) => vec![("Statement".to_owned(), single)],
    };
    let mut sids = BTreeSet::new();
    for (path, value) in statements {
        let Some(elements) = value.as_object() else {
            let rule = format!("a statement is an object, this is {}", type_name(value));
            return refuse(&path, rule, "write {\"Effect\": …, \"Action\": …}");
        };
        statement(&path, elements, kind)?;
        if let Some(sid) = elements.get("Sid").and_then(Value::as_str).filter(|sid| !sid.is_empty())
            && !sids.insert(sid)
        {
            let rule = format!("the Sid {sid:?} is used twice in this document");
            return refuse(&format!("{path}.Sid"), rule, "give each statement a Sid of its own, or none");
        }
    }
    Ok(())
}

fn unknown(path: &str, name: &str, legal: &[&str]) -> Checked {
    let near = legal.iter().find(|legal| legal.eq_ignore_ascii_case(name));
    let remedy = near.map_or_else(|| format!("legal are {}", legal.join(", ")), |near| format!("did you mean {near}?"));
    refuse(path, format!("{name:?} is not an element of the policy grammar"), remedy)
}

fn characters(path: &str, value: &Value) -> Checked {
    let text = |path: &str, text: &str| match text.chars().find(|character| !is_legal(*character)) {
        None => Ok(()),
        Some(character) => {
            let rule =
                format!("the character {character:?} (U+{:04X}) is not allowed in a policy", u32::from(character));
            refuse(path, rule, "use tab, line breaks and characters from U+0020 to U+00FF")
        }
    };
    match value {
        Value::String(content) => text(path, content),
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| characters(&format!("{path}[{index}]"), item))
        }
        Value::Object(entries) => entries.iter().try_for_each(|(key, item)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            text(&path, key)?;
            characters(&path, item)
        }),
        _ => Ok(()),
    }
}

fn statement(path: &str, elements: &Map<String, Value>, kind: DocumentKind) -> Checked {
    const LEGAL: [&str; 9] =
        ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    for name in elements.keys() {
        if !LEGAL.contains(&name.as_str()) {
            return unknown(&format!("{path}.{name}"), name, &LEGAL);
        }
    }
    let at = |name: &str| format!("{path}.{name}");
    if let Some(sid) = elements.get("Sid")
        && !sid.as_str().is_some_and(|sid| sid.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    {
        let rule = format!("a Sid has letters and digits only, this is {}", canonical(sid));
        return refuse(&at("Sid"), rule, "remove spaces, hyphens and other characters");
    }
    match elements.get("Effect") {
        Some(Value::String(effect)) if matches!(effect.as_str(), "Allow" | "Deny") => {}
        Some(effect) => {
            let rule = format!("an Effect is \"Allow\" or \"Deny\", this is {}", canonical(effect));
            return refuse(&at("Effect"), rule, "mind upper and lower case");
        }
        None => return refuse(&at("Effect"), "a statement has an Effect", "add \"Effect\": \"Allow\""),
    }
    let (name, actions) = one_of(path, elements, "Action", "NotAction")?;
    strings(&at(name), actions, |path, action| check_action(path, action, kind))?;
    match kind {
        DocumentKind::Identity => {
            for name in ["Principal", "NotPrincipal"] {
                if elements.contains_key(name) {
                    let rule = format!("a policy of a role cannot have a {name}, it applies to whoever has it");
                    return refuse(&at(name), rule, "remove it, or put the statement into a trust policy");
                }
            }
            let (name, resources) = one_of(path, elements, "Resource", "NotResource")?;
            strings(&at(name), resources, check_resource)?;
        }
        DocumentKind::Trust => {
            for name in ["Resource", "NotResource"] {
                if elements.contains_key(name) {
                    let rule = format!("a trust policy cannot have a {name}: Has prohibited field {name}");
                    return refuse(&at(name), rule, "remove it");
                }
            }
            let (name, principals) = one_of(path, elements, "Principal", "NotPrincipal")?;
            check_principals(&at(name), principals)?;
        }
    }
    elements.get("Condition").map_or(Ok(()), |block| check_conditions(&at("Condition"), block))
}

/// The one of two elements that a statement must have.
fn one_of<'a>(
    path: &str,
    elements: &'a Map<String, Value>,
    positive: &'static str,
    negative: &'static str,
) -> Result<(&'static str, &'a Value), DocumentError> {
    match (elements.get(positive), elements.get(negative)) {
        (Some(value), None) => Ok((positive, value)),
        (None, Some(value)) => Ok((negative, value)),
        (Some(_), Some(_)) => {
            let rule = format!("a statement has {positive} or {negative}, not both");
            refuse(&format!("{path}.{negative}"), rule, "remove one of them")
        }
        (None, None) => {
            let rule = format!("a statement has {positive} or {negative}");
            refuse(&format!("{path}.{positive}"), rule, format!("add {positive}"))
        }
    }
}

fn strings(path: &str, value: &Value, rule: impl Fn(&str, &str) -> Checked) -> Checked {
    match value {
        Value::String(single) => rule(path, single),
        Value::Array(items) if items.is_empty() => refuse(path, "the list is empty", "name at least one"),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            let path = format!("{path}[{index}]");
            match item {
                Value::String(item) => rule(&path, item),
                other => not_text(&path, other),
            }
        }),
        other => not_text(path, other),
    }
}

fn not_text(path: &str, value: &Value) -> Checked {
    refuse(path, format!("this is a string or a list of strings, not {}", type_name(value)), "write it in quotes")
}

fn check_action(path: &str, action: &str, kind: DocumentKind) -> Checked {
    let (vendor, name) = action.split_once(':').unwrap_or(("", action));
    let vendor_ok = !vendor.is_empty() && vendor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let name_ok = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*?".contains(&byte));
    if action != "*" && !(vendor_ok && name_ok) {
        let rule = format!("an action is written service:Name, this is {action:?}");
        return refuse(path, rule, "write for example s3:GetObject");
    }
    if kind == DocumentKind::Trust && !vendor.eq_ignore_ascii_case("sts") {
        let rule = format!("AssumeRole policy may only specify STS AssumeRole actions, this is {action:?}");
        return refuse(path, rule, "write for example sts:AssumeRoleWithWebIdentity");
    }
    Ok(())
}

fn check_resource(path: &str, resource: &str) -> Checked {
    let is_arn = resource.starts_with("arn:") && resource.splitn(6, ':').count() == 6;
    if resource == "*" || is_arn {
        return Ok(());
    }
    let rule = format!("a resource is an ARN or \"*\", this is {resource:?}");
    refuse(path, rule, "write for example arn:aws:s3:::bucket/*")
}

fn check_principals(path: &str, value: &Value) -> Checked {
    let kinds = match value {
        Value::String(everyone) if everyone == "*" => return Ok(()),
        Value::Object(kinds) if !kinds.is_empty() => kinds,
        _ => {
            let rule = format!(
                "a principal is \"*\" or an object with AWS, Federated or Service, this is {}",
                canonical(value)
            );
            return refuse(path, rule, "write for example {\"Federated\": \"arn:aws:iam::…:oidc-provider/…\"}");
        }
    };
    for (kind, names) in kinds {
        let path = format!("{path}.{kind}");
        let rule = match kind.as_str() {
            "AWS" => check_aws_principal,
            "Federated" => check_federated_principal,
            "Service" => check_service_principal,
            other => return unknown(&path, other, &["AWS", "Federated", "Service"]),
        };
        strings(&path, names, rule)?;
    }
    Ok(())
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_aws_principal(path: &str, principal: &str) -> Checked {
    let parts: Vec<_> = principal.splitn(6, ':').collect();
    let arn = matches!(parts.as_slice(), ["arn", _, "iam" | "sts", "", account, resource]
        if is_account(account) && !resource.is_empty() && !resource.contains(['*', '?']));
    if principal == "*" || is_account(principal) || arn || super::is_unique_id(principal) {
        return Ok(());
    }
    let rule = format!("Invalid principal in policy: {principal:?} is not an account id or the ARN of a role or user");
    refuse(path, rule, "write for example arn:aws:iam::111122223333:role/my-role, without wildcards")
}

fn check_federated_principal(path: &str, principal: &str) -> Checked {
    let parts: Vec<_> = principal.splitn(6, ':').collect();
    let arn = matches!(parts.as_slice(), ["arn", _, "iam", "", account, resource]
        if is_account(account) && (resource.starts_with("oidc-provider/") || resource.starts_with("saml-provider/")));
    if principal == "*" || arn || is_domain(principal) {
        return Ok(());
    }
    let rule = format!("Federated principals must be valid domain names or SAML metadata ARNs, this is {principal:?}");
    refuse(
        path,
        rule,
        "write for example arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/…",
    )
}

fn check_service_principal(path: &str, principal: &str) -> Checked {
    if is_domain(principal) {
        return Ok(());
    }
    let rule = format!("Invalid principal in policy: {principal:?} is not a service");
    refuse(path, rule, "write for example s3.amazonaws.com")
}

fn is_domain(text: &str) -> bool {
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    text.contains('.') && text.split('.').all(label)
}

fn check_conditions(path: &str, block: &Value) -> Checked {
    let shape = "write {\"StringEquals\": {\"key\": \"value\"}}";
    let Some(operators) = block.as_object() else {
        return refuse(path, format!("a Condition is an object, this is {}", type_name(block)), shape);
    };
    for (operator, keys) in operators {
        let path = format!("{path}.{operator}");
        if Operator::parse(operator).is_none() {
            let remedy = Operator::remedy(operator);
            return refuse(&path, format!("{operator:?} is not a condition operator"), &remedy);
        }
        let Some(keys) = keys.as_object() else {
            return refuse(&path, format!("an operator holds an object, this is {}", type_name(keys)), shape);
        };
        let mut folded = BTreeSet::new();
        for (key, values) in keys {
            let path = format!("{path}.{key}");
            if !key.split_once(':').is_some_and(|(vendor, name)| !vendor.is_empty() && !name.is_empty()) {
                let rule = format!("a condition key is written vendor:name, this is {key:?}");
                return refuse(&path, rule, "write for example aws:SourceAccount");
            }
            if !folded.insert(key.to_lowercase()) {
                let rule = format!("the condition key {key:?} appears twice, in upper and lower case");
                return refuse(&path, rule, "join the two into one list of values");
            }
            let scalar = |value: &Value| matches!(value, Value::String(_) | Value::Bool(_) | Value::Number(_));
            match values {
                Value::Array(items) if items.is_empty() => {
                    return refuse(&path, "an empty list of values never matches", "name at least one value");
                }
                Value::Array(items) if items.iter().all(scalar) => {}
                single if scalar(single) => {}
                other => {
                    let rule = format!(
                        "a condition value is a string, boolean, number or a list of these, not {}",
                        canonical(other)
                    );
                    return refuse(&path, rule, shape);
                }
            }
        }
    }
    Ok(())
}
