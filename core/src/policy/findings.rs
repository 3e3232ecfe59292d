//! Decides which statements of a trust policy a careful reader should look at.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::condition::{Operator, glob};
use super::document::Document;
use super::evaluate::{Caller, context, web_identity_keys};
use super::statement::{Effect, Statement};
use super::trust_request::TrustRequest;
use super::{WEB_IDENTITY_ACTION, condition};

/// What is remarkable about a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Any identity provider or AWS principal is let in.
    WildcardPrincipal,
    /// The issuer's tokens are let in without looking at the subject.
    NoSubject,
    /// The subject is compared with a pattern.
    WildcardSubject,
    /// The issuer's tokens are let in whatever their audience.
    NoAudience,
    /// The service account is denied, whatever other statements allow.
    Denied,
    /// The service account is denied under conditions that cannot be judged here.
    MaybeDenied,
}

/// A remark on one statement of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Position of the statement, from 0.
    pub index: usize,
    /// Its label.
    pub sid: Option<String>,
    /// What is remarkable.
    pub kind: FindingKind,
    /// One sentence for people.
    pub message: String,
}

impl Finding {
    fn new(statement: &Statement, kind: FindingKind, what: impl fmt::Display) -> Self {
        let message = format!("{} {what}", statement.name());
        Self { index: statement.index, sid: statement.sid.clone(), kind, message }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// Statements that let more of an issuer's tokens in than named service accounts with a pinned audience.
///
/// Conditions on other keys may narrow such a statement; they are not judged.
pub fn wider_grants(document: &Document, issuer: &str) -> Vec<Finding> {
    let issuer = issuer.strip_prefix("https://").unwrap_or(issuer);
    let provider = format!(":oidc-provider/{issuer}");
    let mut findings = Vec::new();
    for statement in document.statements() {
        if statement.effect == Effect::Deny || !statement.covers(WEB_IDENTITY_ACTION) {
            continue;
        }
        let principals = || statement.principals.values().flatten();
        let everyone = principals().any(|principal| principal == "*") || !statement.not_principals.is_empty();
        if !everyone && !principals().any(|principal| principal.ends_with(&provider)) {
            continue;
        }
        let subject = pins(&statement, &format!("{issuer}:sub"));
        let audience = pins(&statement, &format!("{issuer}:aud"));
        if everyone && (subject.is_none() || audience.is_none()) {
            let what = "lets any identity provider in: name the provider's ARN as Federated principal";
            findings.push(Finding::new(&statement, FindingKind::WildcardPrincipal, what));
            continue;
        }
        match subject {
            None => {
                let what = format_args!("lets every token of {issuer} in: pin {issuer}:sub");
                findings.push(Finding::new(&statement, FindingKind::NoSubject, what));
            }
            Some(Some(pattern)) => {
                let what = format_args!("lets every service account in that matches {pattern}");
                findings.push(Finding::new(&statement, FindingKind::WildcardSubject, what));
            }
            Some(None) => {}
        }
        if !matches!(audience, Some(None)) {
            let what = format_args!("does not pin the audience: add {issuer}:aud");
            findings.push(Finding::new(&statement, FindingKind::NoAudience, what));
        }
    }
    findings
}

/// Deny statements that hit the request's service account.
pub(super) fn denials(document: &Document, request: &TrustRequest) -> Vec<Finding> {
    let issuer = request.issuer.strip_prefix("https://").unwrap_or(&request.issuer);
    let keys = context(web_identity_keys(
        issuer,
        &request.subject(),
        std::slice::from_ref(&request.audience),
        &BTreeMap::new(),
    ));
    let caller = Caller::Federated(&request.provider_arn);
    let mut findings = Vec::new();
    for statement in document.statements() {
        if statement.effect == Effect::Allow || !statement.covers(WEB_IDENTITY_ACTION) || !statement.names(caller) {
            continue;
        }
        let (known, unknown): (Vec<_>, Vec<_>) =
            statement.conditions.iter().partition(|line| keys.contains_key(&line.key.to_lowercase()));
        let excluded = known.iter().any(|line| condition::holds(line, &keys, document.has_variables()) == Some(false));
        if excluded {
            continue;
        }
        findings.push(if unknown.is_empty() {
            let what = format_args!("denies {}, whatever else allows it", request.subject());
            Finding::new(&statement, FindingKind::Denied, what)
        } else {
            let names: Vec<_> = unknown.iter().map(|line| line.key.as_str()).collect();
            let what = format_args!("may deny {}, depending on {}", request.subject(), names.join(", "));
            Finding::new(&statement, FindingKind::MaybeDenied, what)
        });
    }
    findings
}

/// How a statement pins a key: not at all, to values (`Some(None)`), or to a pattern.
#[allow(clippy::option_option)]
fn pins(statement: &Statement, key: &str) -> Option<Option<String>> {
    let mut pinned = None;
    for line in statement.conditions.iter().filter(|line| line.key.eq_ignore_ascii_case(key)) {
        let Some(operator) = Operator::parse(&line.operator) else { continue };
        if !operator.is_positive() || !operator.is_plain() {
            continue;
        }
        let pattern = line.values.iter().find(|value| operator.is_pattern() && value.contains(['*', '?']));
        match pattern {
            None => return Some(None),
            Some(pattern) if glob(pattern, "") => {}
            Some(pattern) => pinned = Some(Some(pattern.clone())),
        }
    }
    pinned
}
