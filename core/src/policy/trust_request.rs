//! Decides what the statement that lets a service account in looks like, and which statements equal it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::condition::{Operator, glob};
use super::document::{Document, DocumentError};
use super::json::compact;
use super::meaning;
use super::statement::{Condition, Effect, Statement};
use super::{DocumentKind, WEB_IDENTITY_ACTION, WebIdentity};

/// The service account that a role shall let in, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRequest {
    /// ARN of the IAM OIDC provider of the cluster's issuer.
    pub provider_arn: String,
    /// The issuer's host and path; a leading `https://` is ignored.
    pub issuer: String,
    /// Audience of the token, `sts.amazonaws.com` in every partition.
    pub audience: String,
    /// Namespace of the service account, or a pattern of it when `wildcard` is set.
    pub namespace: String,
    /// Name of the service account, or a pattern of it when `wildcard` is set.
    pub service_account: String,
    /// Compare the subject with `StringLike`, so that `*` and `?` match; the audience stays exact.
    pub wildcard: bool,
    /// Further conditions: operator, key, values.
    pub extra_conditions: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Who runs podrole; part of the statement's Sid.
    pub owner: String,
}

impl TrustRequest {
    /// The token's subject, `system:serviceaccount:<namespace>:<service account>`.
    pub fn subject(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.service_account)
    }

    /// Who asks with a token of the service account, as far as is known here.
    pub(crate) fn identity(&self) -> WebIdentity {
        WebIdentity {
            provider_arn: self.provider_arn.clone(),
            issuer: self.issuer.clone(),
            subject: self.subject(),
            audiences: vec![self.audience.clone()],
            context: BTreeMap::new(),
        }
    }

    /// The label of our statement: `Podrole`, 8 hex digits of the owner, 8 of issuer, operator, audience and further
    /// conditions. Grants that agree in these share the statement.
    pub fn sid(&self) -> String {
        let mut further: BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
        for (operator, keys) in &self.extra_conditions {
            for (key, values) in keys {
                let values = values.iter().map(String::as_str).collect();
                further.entry(operator).or_default().insert(key, values);
            }
        }
        let shape = (self.issuer(), self.operator(), &self.audience, further);
        format!("{}{}", owner_prefix(&self.owner), hash(&compact(&shape)))
    }

    /// Our statement for this service account alone, as JSON.
    pub fn statement(&self) -> Value {
        self.statement_for(&BTreeSet::from([self.subject()]))
    }

    /// Says whether the further conditions are ones that IAM knows and that leave subject and audience to podrole.
    ///
    /// # Errors
    ///
    /// An operator that IAM does not know, a condition without values, the issuer's `:sub` or `:aud` among the further
    /// conditions, or `*` and `?` in a name although `wildcard` is not set.
    pub fn check(&self) -> Result<(), DocumentError> {
        for (operator, keys) in &self.extra_conditions {
            for key in keys.keys() {
                if self.is_pinned(key) {
                    let path = format!("Condition.{operator}.{key}");
                    let rule = "subject and audience are pinned by podrole itself";
                    return Err(DocumentError::new(path, rule, "remove it from the further conditions"));
                }
            }
        }
        if !self.wildcard && self.subject().contains(['*', '?']) {
            let rule = format!("{:?} has wildcards, which the grant does not allow", self.subject());
            return Err(DocumentError::new("", rule, "name the service account, or allow wildcards in the grant"));
        }
        Document::of(vec![self.statement()]).check(DocumentKind::Trust)
    }

    pub(super) fn statement_for(&self, subjects: &BTreeSet<String>) -> Value {
        let mut block: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for (operator, keys) in &self.extra_conditions {
            for (key, values) in keys.iter().filter(|(key, _)| !self.is_pinned(key)) {
                block.entry(operator).or_default().insert(key.clone(), one_or_many(values.iter().cloned()));
            }
        }
        block.entry("StringEquals").or_default().insert(self.key("aud"), json!(self.audience));
        block.entry(self.operator()).or_default().insert(self.key("sub"), one_or_many(subjects.iter().cloned()));
        json!({
            "Sid": self.sid(),
            "Effect": "Allow",
            "Principal": { "Federated": self.provider_arn },
            "Action": WEB_IDENTITY_ACTION,
            "Condition": block,
        })
    }

    /// The service account as grants name it, `namespace/name`.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.namespace, self.service_account)
    }

    /// Who gets in and under which conditions, in words.
    pub(crate) fn in_words(&self) -> String {
        self.words(&self.audience, &self.further())
    }

    /// The same of another statement that has the subject.
    pub(super) fn in_words_of(&self, statement: &Statement) -> String {
        let (audience, subject) = (self.key("aud"), self.key("sub"));
        let values = statement.conditions.iter().filter(|line| line.key.eq_ignore_ascii_case(&audience));
        let values: Vec<&str> = values.flat_map(|line| &line.values).map(String::as_str).collect();
        let further = statement
            .conditions
            .iter()
            .filter(|line| !line.key.eq_ignore_ascii_case(&audience) && !line.key.eq_ignore_ascii_case(&subject));
        self.words(&values.join(" or "), &further.cloned().collect::<Vec<_>>())
    }

    fn words(&self, audience: &str, further: &[Condition]) -> String {
        let lines = further.iter().map(|line| format!(", {} {} {}", line.operator, line.key, line.values.join(" or ")));
        format!("{} (audience {audience}{})", self.subject(), lines.collect::<String>())
    }

    pub(super) fn issuer(&self) -> &str {
        self.issuer.strip_prefix("https://").unwrap_or(&self.issuer)
    }

    pub(super) fn key(&self, claim: &str) -> String {
        format!("{}:{claim}", self.issuer())
    }

    fn operator(&self) -> &'static str {
        if self.wildcard { "StringLike" } else { "StringEquals" }
    }

    fn is_pinned(&self, key: &str) -> bool {
        key.eq_ignore_ascii_case(&self.key("sub")) || key.eq_ignore_ascii_case(&self.key("aud"))
    }

    /// The subjects of a statement of ours that may stay in it: well-formed, and exact unless this is the statement for
    /// patterns.
    pub(super) fn valid_subjects(&self, statement: &Statement) -> BTreeSet<String> {
        subjects(statement, &self.key("sub"))
            .filter(|subject| is_subject(subject, self.wildcard) || **subject == self.subject())
            .cloned()
            .collect()
    }

    /// Whether the statement is ours in another shape (audience, conditions) and holds our subject.
    pub(super) fn is_outdated(&self, statement: &Statement) -> bool {
        let ours = statement.sid.as_deref().is_some_and(|sid| is_sid_of(&self.owner, sid));
        ours && statement.principals.get("Federated").is_some_and(|arns| arns.contains(&self.provider_arn))
            && subjects(statement, &self.key("sub")).any(|subject| *subject == self.subject())
    }

    /// Whether the statement, not ours, lets the service account in exactly as ours would.
    pub(super) fn is_equivalent(&self, statement: &Statement) -> bool {
        let Statement { effect: Effect::Allow, principals, not_principals, actions, conditions, .. } = statement else {
            return false;
        };
        let provider = principals.get("Federated").is_some_and(|arns| arns.contains(&self.provider_arn));
        let action = actions.iter().any(|action| glob(&action.to_lowercase(), &WEB_IDENTITY_ACTION.to_lowercase()));
        if !provider || !action || !not_principals.is_empty() {
            return false;
        }
        let (audience, subject) = (self.key("aud"), self.key("sub"));
        let (mut has_audience, mut has_subject) = (false, false);
        let mut further = Vec::new();
        for line in conditions {
            if line.key.eq_ignore_ascii_case(&audience) {
                if has_audience || !is_exact(line) || line.values.iter().any(|value| *value != self.audience) {
                    return false;
                }
                has_audience = !line.values.is_empty();
            } else if line.key.eq_ignore_ascii_case(&subject) {
                let operator = if self.wildcard { line.operator == "StringLike" } else { is_exact(line) };
                if has_subject || !operator || !line.values.contains(&self.subject()) {
                    return false;
                }
                has_subject = true;
            } else {
                further.push(line.clone());
            }
        }
        has_audience && has_subject && meaning::of_conditions(&further) == meaning::of_conditions(&self.further())
    }

    fn further(&self) -> Vec<Condition> {
        let lines = self.extra_conditions.iter().flat_map(|(operator, keys)| {
            keys.iter().filter(|(key, _)| !self.is_pinned(key)).map(|(key, values)| Condition {
                operator: operator.clone(),
                key: key.clone(),
                values: values.clone(),
            })
        });
        lines.collect()
    }
}

/// Whether an operator lets the values of its line in: one that podrole writes, or what somebody may have made of it.
pub(super) fn lets_in(operator: &str) -> bool {
    Operator::parse(operator).is_some_and(Operator::is_positive)
}

/// Values of the subject key under an operator that lets them in.
fn subjects<'a>(statement: &'a Statement, key: &'a str) -> impl Iterator<Item = &'a String> {
    let lines = statement.conditions.iter();
    let lines = lines.filter(move |line| line.key.eq_ignore_ascii_case(key) && lets_in(&line.operator));
    lines.flat_map(|line| &line.values)
}

/// Whether the line lets nothing pass but its values, letter by letter.
fn is_exact(line: &Condition) -> bool {
    match line.operator.as_str() {
        "StringEquals" => true,
        "StringLike" => !line.values.iter().any(|value| value.contains(['*', '?'])),
        _ => false,
    }
}

fn is_subject(subject: &str, patterns: bool) -> bool {
    let legal = |character: char| {
        matches!(character, 'a'..='z' | '0'..='9' | '-' | '.') || patterns && matches!(character, '*' | '?')
    };
    let part = |part: &str| !part.is_empty() && part.chars().all(legal);
    subject
        .strip_prefix("system:serviceaccount:")
        .and_then(|rest| rest.split_once(':'))
        .is_some_and(|(namespace, name)| part(namespace) && part(name))
}

pub(super) fn one_or_many(mut values: impl ExactSizeIterator<Item = String>) -> Value {
    if values.len() == 1 { values.next().map_or(Value::Null, Value::String) } else { values.collect::<Vec<_>>().into() }
}

/// Whether a label is one of an owner's statements for service accounts.
pub(super) fn is_sid_of(owner: &str, sid: &str) -> bool {
    sid.strip_prefix(&owner_prefix(owner))
        .is_some_and(|rest| rest.len() == 8 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn owner_prefix(owner: &str) -> String {
    format!("Podrole{}", hash(owner))
}

/// The first 8 hex digits of SHA-256.
pub(super) fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(4).fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
