//! What IAM refuses before it does anything: descriptions, durations, tags, documents, sizes.

use std::collections::BTreeMap;

use super::errors::{aws, invalid_input, limit, malformed, validation};
use crate::error::{ErrorKind, Result};
use crate::model::Quotas;
use crate::policy::{Document, DocumentKind};

/// Tags on a role, policy or provider.
const TAGS: usize = 50;

pub(super) fn description(text: Option<&str>) -> Result<()> {
    let Some(text) = text else { return Ok(()) };
    if text.chars().count() > 1000 {
        return Err(validation(text, "description", "Member must have length less than or equal to 1000"));
    }
    let legal = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{7e}' | '\u{a1}'..='\u{ff}');
    if !text.chars().all(legal) {
        let rule =
            "Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*";
        return Err(validation(text, "description", rule));
    }
    Ok(())
}

pub(super) fn session(seconds: u32) -> Result<()> {
    let rule = match seconds {
        0..3600 => "Member must have value greater than or equal to 3600",
        3600..=43200 => return Ok(()),
        _ => "Member must have value less than or equal to 43200",
    };
    Err(validation(&seconds.to_string(), "maxSessionDuration", rule))
}

/// The tags after adding `new` to those that are there. Keys are unique without regard to case.
pub(super) fn tags(
    present: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    what: &str,
) -> Result<BTreeMap<String, String>> {
    let legal = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
    let mut merged = present.clone();
    let mut seen = std::collections::BTreeSet::new();
    for (key, value) in new {
        if !(1..=128).contains(&key.chars().count()) || !key.chars().all(legal) {
            let rule =
                "Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+ (1 to 128 characters)";
            return Err(validation(key, "tags.member.key", rule));
        }
        if value.chars().count() > 256 || !value.chars().all(legal) {
            let rule = "Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]* (up to 256 characters)";
            return Err(validation(value, "tags.member.value", rule));
        }
        if key.to_lowercase().starts_with("aws:") {
            return Err(invalid_input("aws: prefixed tag key names are not allowed for external use."));
        }
        if !seen.insert(key.to_lowercase()) {
            return Err(invalid_input("Duplicate tag keys found. Please note that Tag keys are case insensitive."));
        }
        merged.retain(|held, _| held.to_lowercase() != key.to_lowercase());
        merged.insert(key.clone(), value.clone());
    }
    if merged.len() > TAGS {
        return Err(limit(format!("Cannot exceed quota for TagsPer{what}: {TAGS}")));
    }
    Ok(merged)
}

pub(super) fn document(document: &Document, kind: DocumentKind) -> Result<()> {
    document.check(kind).map_err(|error| malformed(error.to_string()))
}

/// Trust policies: grammar, then size.
pub(super) fn trust(trust: &Document, quotas: &Quotas) -> Result<()> {
    document(trust, DocumentKind::Trust)?;
    size(trust, quotas.trust_policy_size, "ACLSizePerRole")
}

/// Managed policies: grammar, then size.
pub(super) fn managed(policy: &Document, quotas: &Quotas) -> Result<()> {
    document(policy, DocumentKind::Identity)?;
    size(policy, quotas.managed_policy_size, "PolicySize")
}

fn size(document: &Document, quota: u32, name: &str) -> Result<()> {
    if document.size() > as_usize(quota) {
        return Err(limit(format!("Cannot exceed quota for {name}: {quota}")));
    }
    Ok(())
}

pub(super) fn client_id(id: &str) -> Result<()> {
    if (1..=255).contains(&id.chars().count()) {
        return Ok(());
    }
    Err(validation(id, "clientID", "Member must have length between 1 and 255"))
}

/// A change of what AWS manages.
pub(super) fn not_ours(arn: &crate::model::Arn) -> crate::error::Error {
    aws(ErrorKind::PermissionDenied, "AccessDenied", format!("Policy {arn} is managed by AWS and cannot be changed."))
}

pub(super) fn as_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
