//! The marks that say what is ours: tags on AWS, annotations in Kubernetes. There is no state file.
//!
//! | mark | where | says |
//! |---|---|---|
//! | `podrole.dev/created-by` = owner | role, customer-managed policy, OIDC provider, service account | podrole made it |
//! | `podrole.dev/grant/<grant>` = `namespace/name`, at most 256 characters of it | a role we made | this grant uses it, for that service account |
//! | `podrole.dev/boundary/<grant>/<hash>` = policy ARN | a role we made | this grant set it as permissions boundary |
//! | `podrole.dev/attached/<grant>/<hash>` = policy ARN | a role we made | this grant attached it |
//! | `podrole.dev/inline/<grant>/<hash>` = policy name | a role we made | this grant wrote it |
//! | `podrole.dev/data-sync/<grant>/<hash>` = role name | a role we made | this grant has a statement in that role's trust |
//! | `podrole.dev/subject/<grant>/<hash>` = `namespace/name` | a role we made | this grant let that further service account in |
//! | `podrole.dev/left/<grant>/<hash>` = `namespace/name` | a role we made | this grant was revoked, and its statement had to stay as the only one |
//! | `podrole.dev/grant/<grant>` = role name | a policy we made | this grant uses it |
//! | `podrole.dev/workloads` = `deployment/name,…` | service account | these workloads were pointed at it |
//! | `podrole.dev/former-values` = JSON | service account | what annotations and labels said that were taken over from other managers |
//! | `podrole.dev/former-service-account` = name or empty | workload | what it ran as before |
//! | `podrole.dev/identity` = hash, or hash-hash | pod template | the identity its pods were made for, and which of several restarts for it |

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::grant::{OWN_PREFIX, short_hash};
use crate::model::{Arn, Namespace, PolicyName, RoleName, WorkloadKind, WorkloadName, WorkloadRef};

/// Who made a thing.
pub(crate) const CREATED_BY: &str = "podrole.dev/created-by";
/// Which workloads were pointed at a service account.
pub(crate) const WORKLOADS: &str = "podrole.dev/workloads";
/// What a workload ran as before.
pub(crate) const FORMER: &str = "podrole.dev/former-service-account";
/// What was taken over on a service account.
pub(crate) const TAKEN: &str = "podrole.dev/former-values";
/// The identity that the pods of a template were made for.
pub(crate) const IDENTITY: &str = "podrole.dev/identity";

/// What a grant put on a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RoleRecord {
    /// The grant itself, with its service account, `namespace/name`.
    Own(String),
    Boundary(Arn),
    Attached(Arn),
    Inline(PolicyName),
    DataSync(RoleName),
    /// A further service account, `namespace/name`.
    Subject(String),
    /// A service account that was shut out, but for a trust policy that cannot be empty.
    Left(String),
}

impl RoleRecord {
    /// The record of a grant itself. The grant's id tells them apart, so that a name too long for a tag may be cut short.
    pub(crate) fn own(subject: &str) -> Self {
        Self::Own(subject.chars().take(256).collect())
    }

    /// The tag that records it for a grant.
    pub(crate) fn tag(&self, grant: &str) -> (String, String) {
        let (kind, value) = match self {
            Self::Own(subject) => return (grant_key(grant), subject.clone()),
            Self::Boundary(arn) => ("boundary", arn.as_str()),
            Self::Attached(arn) => ("attached", arn.as_str()),
            Self::Inline(name) => ("inline", name.as_str()),
            Self::DataSync(role) => ("data-sync", role.as_str()),
            Self::Subject(subject) => ("subject", subject.as_str()),
            Self::Left(subject) => ("left", subject.as_str()),
        };
        (format!("{OWN_PREFIX}{kind}/{grant}/{}", short_hash(value)), escape(value))
    }

    /// What it is about, in words.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Attached(arn) => format!("policy {arn}"),
            Self::Boundary(arn) => format!("permissions boundary {arn}"),
            Self::Inline(name) => format!("inline policy {name}"),
            Self::DataSync(role) => format!("role {role}"),
            Self::Own(subject) | Self::Subject(subject) | Self::Left(subject) => format!("service account {subject}"),
        }
    }

    fn parse(key: &str, value: &str) -> Option<(String, Self)> {
        let mut parts = key.strip_prefix(OWN_PREFIX)?.split('/');
        let (kind, grant) = (parts.next()?, parts.next()?);
        if kind == "grant" {
            return Some((grant.to_owned(), Self::Own(value.to_owned())));
        }
        parts.next()?;
        let value = unescape(value);
        let record = match kind {
            "boundary" => Self::Boundary(Arn::new(value).ok()?),
            "attached" => Self::Attached(Arn::new(value).ok()?),
            "inline" => Self::Inline(PolicyName::new(value).ok()?),
            "data-sync" => Self::DataSync(RoleName::new(value).ok()?),
            "subject" => Self::Subject(value),
            "left" => Self::Left(value),
            _ => return None,
        };
        Some((grant.to_owned(), record))
    }
}

/// What stands in a tag value as it is; the rest is escaped. A percent sign cannot stand there either, so `=` does its work.
const TAG_VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b' ')
    .remove(b'_')
    .remove(b'.')
    .remove(b':')
    .remove(b'/')
    .remove(b'+')
    .remove(b'-')
    .remove(b'@');

fn escape(value: &str) -> String {
    utf8_percent_encode(value, TAG_VALUE).to_string().replace('%', "=")
}

fn unescape(value: &str) -> String {
    percent_decode_str(&value.replace('=', "%")).decode_utf8_lossy().into_owned()
}

/// What a grant is recorded to have put on a role.
pub(crate) fn role_records(tags: &BTreeMap<String, String>, grant: &str) -> Vec<RoleRecord> {
    all_records(tags).into_iter().filter(|(owner, _)| owner == grant).map(|(_, record)| record).collect()
}

/// What every grant is recorded to have put on a role.
pub(crate) fn all_records(tags: &BTreeMap<String, String>) -> Vec<(String, RoleRecord)> {
    tags.iter().filter_map(|(key, value)| RoleRecord::parse(key, value)).collect()
}

/// The key of the tag by which a grant says that it uses a role or a policy we made.
pub(crate) fn grant_key(grant: &str) -> String {
    format!("{OWN_PREFIX}grant/{grant}")
}

/// A grant in words: by its service account where the tags of a role tell, else by its id.
pub(crate) fn grant_in_words(tags: &BTreeMap<String, String>, grant: &str) -> String {
    match role_records(tags, grant).into_iter().find(|record| matches!(record, RoleRecord::Own(_))) {
        Some(RoleRecord::Own(name)) => format!("the grant of {name}"),
        _ => format!("grant {grant}"),
    }
}

/// The value of that tag: the role that the grant uses it for.
pub(crate) fn policy_user_role(role: &RoleName) -> String {
    escape(role.as_str())
}

/// The grants that use a policy we made, each with the role that it uses it for.
pub(crate) fn policy_users(tags: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    let prefix = format!("{OWN_PREFIX}grant/");
    tags.iter().filter_map(|(key, role)| Some((key.strip_prefix(prefix.as_str())?, role.as_str()))).collect()
}

/// Whether tags or annotations say that this owner made the thing.
pub(crate) fn created_by(marks: &BTreeMap<String, String>, owner: &str) -> bool {
    marks.get(CREATED_BY).is_some_and(|by| by == owner)
}

/// Annotations and labels of a service account that were taken over from other managers, with what they said before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
}

impl Taken {
    /// Reads the mark back. What nobody can read is nothing.
    pub(crate) fn of(annotations: &BTreeMap<String, String>) -> Self {
        annotations.get(TAKEN).and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default()
    }

    /// The mark; `None` when nothing was taken over.
    pub(crate) fn mark(&self) -> Option<String> {
        (*self != Self::default()).then(|| serde_json::to_string(self).ok()).flatten()
    }
}

fn kind_word(kind: WorkloadKind) -> &'static str {
    match kind {
        WorkloadKind::Deployment => "deployment",
        WorkloadKind::StatefulSet => "statefulset",
        WorkloadKind::DaemonSet => "daemonset",
    }
}

/// The annotation that records which workloads were pointed at a service account.
pub(crate) fn workloads_value<'a>(workloads: impl IntoIterator<Item = &'a WorkloadRef>) -> String {
    let mut names: Vec<String> =
        workloads.into_iter().map(|workload| format!("{}/{}", kind_word(workload.kind), workload.name)).collect();
    names.sort();
    names.dedup();
    names.join(",")
}

/// The workloads that were pointed at a service account. What nobody can read is skipped.
pub(crate) fn recorded_workloads(annotations: &BTreeMap<String, String>, namespace: &Namespace) -> Vec<WorkloadRef> {
    let Some(value) = annotations.get(WORKLOADS) else { return Vec::new() };
    value
        .split(',')
        .filter_map(|text| {
            let (kind, name) = text.split_once('/')?;
            let kind = match kind {
                "deployment" => WorkloadKind::Deployment,
                "statefulset" => WorkloadKind::StatefulSet,
                "daemonset" => WorkloadKind::DaemonSet,
                _ => return None,
            };
            Some(WorkloadRef { kind, namespace: namespace.clone(), name: WorkloadName::new(name).ok()? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_reads_back_from_its_tag() {
        let records = [
            RoleRecord::own("devops-aurora-1/connections-serviceaccount-s3"),
            RoleRecord::Boundary(Arn::new("arn:aws:iam::204393242335:policy/b,c").expect("legal")),
            RoleRecord::Attached(Arn::new("arn:aws:iam::204393242335:policy/a=2Cb,c").expect("legal")),
            RoleRecord::Attached(
                Arn::new("arn:aws:iam::204393242335:policy/team!#$%&()*;<>?[]^`{|}~/p").expect("legal"),
            ),
            RoleRecord::Inline(PolicyName::new("a,b=c@d").expect("legal")),
            RoleRecord::DataSync(RoleName::new("sync+role").expect("legal")),
            RoleRecord::Subject("team-*/app".to_owned()),
            RoleRecord::Left("team/app".to_owned()),
        ];
        let tags: BTreeMap<String, String> = records.iter().map(|record| record.tag("0a1b2c3d")).collect();
        let legal = |c: char| c.is_alphanumeric() || "_.:/=+-@".contains(c);
        for (key, value) in &tags {
            assert!(key.len() <= 128 && key.chars().all(legal), "{key}");
            assert!(value.chars().all(legal), "{value}");
        }
        let mut back = role_records(&tags, "0a1b2c3d");
        back.sort();
        let mut wanted = records.to_vec();
        wanted.sort();
        assert_eq!(back, wanted);
        assert!(role_records(&tags, "ffffffff").is_empty(), "another grant's records are not ours");
    }
}
