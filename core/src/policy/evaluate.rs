//! Decides offline whether a role's trust policy lets a caller in, and if not, what was closest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::condition::{self, Context, glob};
use super::document::Document;
use super::meaning::account_principal;
use super::statement::{Effect, Statement};
use super::{ASSUME_ROLE_ACTION, WEB_IDENTITY_ACTION};

/// A token that asks for a role, as STS sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIdentity {
    /// ARN of the IAM OIDC provider that knows the token's issuer.
    pub provider_arn: String,
    /// The issuer's host and path; a leading `https://` is ignored.
    pub issuer: String,
    /// The token's `sub`.
    pub subject: String,
    /// The token's `aud`, one or several.
    pub audiences: Vec<String>,
    /// Other condition keys, such as `aws:CurrentTime` or `aws:SourceIp`. A key that is missing here is treated as
    /// missing in the request.
    pub context: BTreeMap<String, Vec<String>>,
}

/// Who asks for a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller<'a> {
    /// A token of the OIDC provider with this ARN.
    Federated(&'a str),
    /// Credentials of the role with this ARN. Trust in its whole account counts; AWS then also asks for an allowance in
    /// the caller's own policies, which is not judged here.
    Role(&'a str),
    /// An AWS service, such as `s3.amazonaws.com`.
    Service(&'a str),
}

/// What kept a caller out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Miss {
    /// No statement names the action.
    Action,
    /// No statement for the action names the caller.
    Principal,
    /// A condition other than audience and subject fails.
    Condition,
    /// The token's subject is not the one that is let in.
    Subject,
    /// The token's audience is not the one that is let in.
    Audience,
    /// A Deny statement applies.
    ExplicitDeny,
}

/// What a trust policy says to a caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum Decision {
    /// Let in.
    Allowed {
        /// Position of the first statement that allows it, from 0.
        index: usize,
        /// That statement's label.
        sid: Option<String>,
    },
    /// Kept out.
    Denied {
        /// What was in the way in the statement that came closest.
        miss: Miss,
        /// The same for people, naming statement, wanted and actual values.
        reason: String,
    },
}

impl Decision {
    /// Whether the caller is let in.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }
}

/// Answers `sts:AssumeRoleWithWebIdentity` for a role with this trust policy.
///
/// That the token is genuine, and that its audience is among the provider's client ids, is not judged.
pub fn evaluate_web_identity(document: &Document, identity: &WebIdentity) -> Decision {
    let issuer = identity.issuer.strip_prefix("https://").unwrap_or(&identity.issuer);
    let keys = web_identity_keys(issuer, &identity.subject, &identity.audiences, &identity.context);
    decide(document, Caller::Federated(&identity.provider_arn), WEB_IDENTITY_ACTION, &context(keys), issuer)
}

/// Answers `sts:AssumeRole` for a role with this trust policy; `keys` are condition keys of the request, such as
/// `sts:ExternalId` or `aws:SourceAccount`.
pub fn evaluate_assume_role(document: &Document, caller: Caller<'_>, keys: &BTreeMap<String, Vec<String>>) -> Decision {
    decide(document, caller, ASSUME_ROLE_ACTION, &context(keys.clone()), "")
}

/// The condition keys of a token, and the further ones.
pub(super) fn web_identity_keys(
    issuer: &str,
    subject: &str,
    audiences: &[String],
    further: &BTreeMap<String, Vec<String>>,
) -> BTreeMap<String, Vec<String>> {
    let mut keys = further.clone();
    keys.insert(format!("{issuer}:sub"), vec![subject.to_owned()]);
    keys.insert(format!("{issuer}:aud"), audiences.to_vec());
    keys
}

/// Condition keys with their names folded.
pub(super) fn context(keys: BTreeMap<String, Vec<String>>) -> Context {
    keys.into_iter().map(|(key, values)| (key.to_lowercase(), values)).collect()
}

impl Statement {
    /// Whether the statement is about an action.
    pub(super) fn covers(&self, action: &str) -> bool {
        let action = action.to_lowercase();
        let named = |patterns: &[String]| patterns.iter().any(|pattern| glob(&pattern.to_lowercase(), &action));
        if self.actions.is_empty() {
            !self.not_actions.is_empty() && !named(&self.not_actions)
        } else {
            named(&self.actions)
        }
    }

    /// Whether the statement is about a caller.
    pub(super) fn names(&self, caller: Caller<'_>) -> bool {
        if self.principals.is_empty() {
            !self.not_principals.is_empty() && !includes(&self.not_principals, caller)
        } else {
            includes(&self.principals, caller)
        }
    }
}

fn includes(principals: &BTreeMap<String, Vec<String>>, caller: Caller<'_>) -> bool {
    let has = |kind: &str, test: &dyn Fn(&str) -> bool| {
        principals.get(kind).is_some_and(|names| names.iter().any(|name| test(name)))
    };
    let everyone = |name: &str| name == "*";
    has("AWS", &everyone)
        || match caller {
            Caller::Federated(arn) => has("Federated", &|name| name == arn || name == "*"),
            Caller::Service(service) => has("Service", &|name| name == service || name == "*"),
            Caller::Role(arn) => {
                let account = arn.split(':').nth(4);
                has("AWS", &|name| name == arn || account.is_some() && account_principal(name) == account)
            }
        }
}

/// How close a statement came: what failed, worst last, and the sentence.
struct Near {
    rank: (u8, std::cmp::Reverse<usize>),
    miss: Miss,
    reason: String,
}

fn decide(document: &Document, caller: Caller<'_>, action: &str, context: &Context, issuer: &str) -> Decision {
    let variables = document.has_variables();
    let mut allowed = None;
    let mut nearest: Option<Near> = None;
    for statement in document.statements() {
        let applies = statement.covers(action) && statement.names(caller);
        // An operator that is not known must not open a door: it fails an allowance and lets a denial stand.
        let fails = |unknown: bool| {
            statement
                .conditions
                .iter()
                .filter(move |line| !condition::holds(line, context, variables).unwrap_or(unknown))
        };
        match statement.effect {
            Effect::Deny if applies && fails(true).next().is_none() => {
                let reason = format!("{} denies it explicitly", statement.name());
                return Decision::Denied { miss: Miss::ExplicitDeny, reason };
            }
            Effect::Deny => {}
            Effect::Allow if applies && fails(false).next().is_none() => {
                allowed.get_or_insert((statement.index, statement.sid.clone()));
            }
            Effect::Allow => {
                let near = near(&statement, caller, action, context, issuer, fails(false).collect());
                if nearest.as_ref().is_none_or(|best| best.rank < near.rank) {
                    nearest = Some(near);
                }
            }
        }
    }
    match (allowed, nearest) {
        (Some((index, sid)), _) => Decision::Allowed { index, sid },
        (None, Some(near)) => Decision::Denied { miss: near.miss, reason: near.reason },
        (None, None) => Decision::Denied { miss: Miss::Action, reason: format!("no statement allows {action}") },
    }
}

fn near(
    statement: &Statement,
    caller: Caller<'_>,
    action: &str,
    context: &Context,
    issuer: &str,
    failed: Vec<&super::Condition>,
) -> Near {
    let name = statement.name();
    let few = std::cmp::Reverse(failed.len());
    if !statement.covers(action) {
        let reason = format!("no statement allows {action}");
        return Near { rank: (0, few), miss: Miss::Action, reason };
    }
    if !statement.names(caller) {
        let who = match caller {
            Caller::Federated(name) | Caller::Role(name) | Caller::Service(name) => name,
        };
        let reason = format!("the principal {who} is not named by {name}");
        return Near { rank: (1, few), miss: Miss::Principal, reason };
    }
    let mut miss = Miss::Condition;
    let mut sentences = Vec::new();
    for line in failed {
        let actual =
            context.get(&line.key.to_lowercase()).map_or_else(|| "absent".to_owned(), |values| format!("{values:?}"));
        let is = |claim: &str| !issuer.is_empty() && line.key.eq_ignore_ascii_case(&format!("{issuer}:{claim}"));
        let what = if is("sub") {
            miss = miss.max(Miss::Subject);
            "the subject".to_owned()
        } else if is("aud") {
            miss = miss.max(Miss::Audience);
            "the audience".to_owned()
        } else {
            format!("the condition key {}", line.key)
        };
        sentences.push(format!("{what} is {actual}, {name} wants {} {:?}", line.operator, line.values));
    }
    Near { rank: (2, few), miss, reason: sentences.join("; ") }
}
