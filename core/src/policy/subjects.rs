//! Decides which service accounts of an issuer a trust policy lets in.

use std::collections::{BTreeMap, BTreeSet};

use super::WEB_IDENTITY_ACTION;
use super::condition::{self, Operator, glob};
use super::document::Document;
use super::evaluate::{Caller, context, web_identity_keys};
use super::statement::{Effect, Statement};

/// The tokens of one issuer and audience that a trust policy lets in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subjects {
    /// Subjects let in by name, less those that a Deny statement shuts out without further conditions.
    pub exact: BTreeSet<String>,
    /// Patterns of subjects that are let in.
    pub patterns: BTreeSet<String>,
    /// Positions of statements that let every subject of the issuer in.
    pub unbounded: BTreeSet<usize>,
    /// Positions of statements whose other conditions were taken as fulfilled.
    pub conditional: BTreeSet<usize>,
}

impl Subjects {
    /// Whether exactly this subject is let in, and nobody else.
    pub fn is_exactly(&self, subject: &str) -> bool {
        self.patterns.is_empty() && self.unbounded.is_empty() && self.exact.iter().eq([subject])
    }

    /// Whether the subject is let in, as far as patterns tell.
    pub fn contains(&self, subject: &str) -> bool {
        self.exact.contains(subject)
            || !self.unbounded.is_empty()
            || self.patterns.iter().any(|pattern| glob(pattern, subject))
    }
}

/// The subjects that `sts:AssumeRoleWithWebIdentity` lets in for tokens of this provider, issuer and audience.
///
/// Conditions on other keys are taken as fulfilled and noted in [`Subjects::conditional`]: the answer is what may get
/// in, never less.
pub fn subjects_allowed(document: &Document, provider_arn: &str, issuer: &str, audience: &str) -> Subjects {
    let issuer = issuer.strip_prefix("https://").unwrap_or(issuer);
    let variables = document.has_variables();
    let keys = |subject: &str| context(web_identity_keys(issuer, subject, &[audience.to_owned()], &BTreeMap::new()));
    let (sub, aud) = (format!("{issuer}:sub"), format!("{issuer}:aud"));
    let is_sub = |key: &str| key.eq_ignore_ascii_case(&sub);
    let is_aud = |key: &str| key.eq_ignore_ascii_case(&aud);
    let statements: Vec<_> = document
        .statements()
        .into_iter()
        .filter(|statement| statement.covers(WEB_IDENTITY_ACTION) && statement.names(Caller::Federated(provider_arn)))
        .collect();
    let passes = |statement: &Statement, which: &dyn Fn(&str) -> bool, subject: &str, unknown: bool| {
        let mut lines = statement.conditions.iter().filter(|line| which(&line.key));
        lines.all(|line| condition::holds(line, &keys(subject), variables).unwrap_or(unknown))
    };
    let mut found = Subjects::default();
    for statement in statements.iter().filter(|statement| statement.effect == Effect::Allow) {
        if statement.conditions.iter().any(|line| Operator::parse(&line.operator).is_none())
            || !passes(statement, &is_aud, "", false)
        {
            continue;
        }
        if statement.conditions.iter().any(|line| !is_sub(&line.key) && !is_aud(&line.key)) {
            found.conditional.insert(statement.index);
        }
        let positive = statement.conditions.iter().filter(|line| is_sub(&line.key)).filter_map(|line| {
            Operator::parse(&line.operator).filter(|operator| operator.is_positive()).map(|operator| (line, operator))
        });
        let (mut exact, mut patterns): (BTreeSet<&String>, Vec<BTreeSet<&String>>) = (BTreeSet::new(), Vec::new());
        let mut pinned = false;
        for (line, operator) in positive {
            let (wild, named): (BTreeSet<_>, BTreeSet<_>) =
                line.values.iter().partition(|value| operator.is_pattern() && value.contains(['*', '?']));
            exact.extend(named);
            pinned |= wild.is_empty();
            patterns.push(wild);
        }
        if patterns.is_empty() {
            found.unbounded.insert(statement.index);
            continue;
        }
        // All lines must hold: a name passes the others too, and a line of names only leaves no room for patterns.
        found.exact.extend(exact.into_iter().filter(|subject| passes(statement, &is_sub, subject, false)).cloned());
        if !pinned {
            found.patterns.extend(patterns.into_iter().min_by_key(BTreeSet::len).into_iter().flatten().cloned());
        }
    }
    let shut_out = |subject: &String| {
        statements.iter().any(|statement| {
            statement.effect == Effect::Deny
                && statement.conditions.iter().all(|line| is_sub(&line.key) || is_aud(&line.key))
                && passes(statement, &|_| true, subject, true)
        })
    };
    found.exact.retain(|subject| !shut_out(subject));
    found
}
