//! What the pod-identity webhook reads on a service account, and whether pods are older than it.

use std::collections::BTreeMap;

use super::ownership::{ANNOTATIONS, owned};
use crate::grant::{CheckedGrant, short_hash};
use crate::model::{Arn, Container, FieldOwner, Pod, ServiceAccount};

/// The annotation by which pods get their role.
pub(crate) const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
/// The annotation by which their tokens get another audience than `sts.amazonaws.com`.
pub(crate) const AUDIENCE: &str = "eks.amazonaws.com/audience";
const EXPIRATION: &str = "eks.amazonaws.com/token-expiration";
const REGIONAL: &str = "eks.amazonaws.com/sts-regional-endpoints";

/// The annotations that the pod-identity webhook reads.
pub(crate) fn identity_annotations(grant: &CheckedGrant, role_arn: &Arn) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::from([(ROLE_ARN.to_owned(), role_arn.to_string())]);
    if grant.audience.as_str() != "sts.amazonaws.com" {
        annotations.insert(AUDIENCE.to_owned(), grant.audience.to_string());
    }
    if let Some(seconds) = grant.grant.token.expiration {
        annotations.insert(EXPIRATION.to_owned(), seconds.to_string());
    }
    if let Some(regional) = grant.grant.token.regional_endpoints {
        annotations.insert(REGIONAL.to_owned(), regional.to_string());
    }
    annotations
}

/// The same beside what is on the service account: an audience that others set would make tokens that the trust policy does not let in.
pub(super) fn identity_beside(
    found: Option<&ServiceAccount>,
    grant: &CheckedGrant,
    role_arn: &Arn,
    manager: &str,
) -> BTreeMap<String, String> {
    let mut identity = identity_annotations(grant, role_arn);
    let Some((found, now)) = found.and_then(|found| Some((found, found.annotations.get(AUDIENCE)?))) else {
        return identity;
    };
    let ours = owned(&found.owners, ANNOTATIONS, manager).any(|key| key == AUDIENCE);
    // What podrole took over from others is kept, what it set for an earlier version of the grant is not.
    if (now == grant.audience.as_str()) == ours {
        identity.insert(AUDIENCE.to_owned(), grant.audience.to_string());
    }
    identity
}

pub(super) fn identity_hash(annotations: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = annotations.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    short_hash(&lines.concat())
}

/// Whether a template's mark is of an identity: its hash, and behind it what tells a second restart for it apart.
pub(super) fn is_mark_of(mark: &str, hash: &str) -> bool {
    mark.strip_prefix(hash).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// What the webhook reads on the service account.
pub(super) struct Annotated {
    /// Whether the grant changes it.
    pub(super) touches_identity: bool,
    /// Since when it is as it is now.
    pub(super) since: Option<i64>,
}

impl Annotated {
    pub(super) fn of(found: Option<&ServiceAccount>, identity: &BTreeMap<String, String>, manager: &str) -> Self {
        let Some(found) = found else { return Self { touches_identity: true, since: None } };
        let surplus = owned(&found.owners, ANNOTATIONS, manager).any(|key| {
            key.starts_with("eks.amazonaws.com/")
                && !identity.contains_key(&key)
                && found.annotations.contains_key(&key)
        });
        let differs = identity.iter().any(|(key, value)| found.annotations.get(key) != Some(value));
        Self { touches_identity: surplus || differs, since: annotated_at(&found.owners) }
    }
}

/// Whether a pod was made before its service account was annotated. The webhook's variable in it tells; where there is none, its age does.
pub(crate) fn is_older(pod: &Pod, since: i64, role_arn: &str) -> bool {
    pod.created_at <= since && !has_role(pod, role_arn)
}

/// Whether the webhook gave a pod the role.
pub(super) fn has_role(pod: &Pod, role_arn: &str) -> bool {
    let given = |container: &Container| {
        container.env.get("AWS_ROLE_ARN").is_some_and(|value| value.as_deref() == Some(role_arn))
    };
    pod.containers.iter().any(given)
}

/// When the annotation that names the role was last set.
pub(crate) fn annotated_at(owners: &[FieldOwner]) -> Option<i64> {
    let field = format!(".metadata.annotations.{ROLE_ARN}");
    owners.iter().filter(|owner| owner.fields.contains(&field)).filter_map(|owner| owner.time).max()
}
