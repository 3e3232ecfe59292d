//! One remote change, as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::grant::ClusterSelector;
use crate::model::{AccountId, Arn, Issuer, Namespace, NewPolicy, NewRole, PolicyName, RoleName, ServiceAccountName};
use crate::policy::Document;
use crate::ports::{ServiceAccountApply, ServiceAccountRestore, WorkloadApply, WorkloadRestore};

/// A change and why it is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// Its number in the plan, from 1.
    pub id: u32,
    /// What is done, in words (`create role connections-role-test`).
    pub summary: String,
    /// Why.
    pub why: String,
    /// Where.
    pub target: Target,
    /// The steps that must be done before.
    pub depends_on: Vec<u32>,
    /// What changes, field by field, for people.
    pub changes: Vec<Change>,
    /// What is done, for the machine.
    pub action: Action,
}

/// Where a step works.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// The thing, in words (`role connections-role-test`).
    pub resource: String,
    /// The AWS account, for steps on AWS; absent for the default credentials' account where no call told which it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The cluster, for steps on Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterSelector>,
    /// Which credentials are used: the account that the grant named, if it named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<AccountId>,
}

/// One field before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// The field, in the service's words.
    pub field: String,
    /// What it reads like now; `None` when absent.
    pub before: Option<String>,
    /// What it will read like; `None` when removed.
    pub after: Option<String>,
}

impl Change {
    pub(crate) fn new(
        field: impl Into<String>,
        before: Option<impl Into<String>>,
        after: Option<impl Into<String>>,
    ) -> Self {
        Self { field: field.into(), before: before.map(Into::into), after: after.map(Into::into) }
    }

    pub(crate) fn add(field: impl Into<String>, after: impl Into<String>) -> Self {
        Self::new(field, None::<String>, Some(after))
    }

    pub(crate) fn remove(field: impl Into<String>, before: impl Into<String>) -> Self {
        Self::new(field, Some(before), None::<String>)
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
#[allow(missing_docs)] // Fields are named after what they hold.
pub enum Action {
    /// `CreateOpenIDConnectProvider`.
    CreateProvider { arn: Arn, url: Issuer, client_ids: Vec<String>, tags: BTreeMap<String, String> },
    /// `AddClientIDToOpenIDConnectProvider`.
    AddClientId { arn: Arn, client_id: String },
    /// `DeleteOpenIDConnectProvider`.
    DeleteProvider { arn: Arn },
    /// `CreatePolicy`.
    CreatePolicy { policy: NewPolicy },
    /// `CreatePolicyVersion`, after `DeletePolicyVersion` of `prune`.
    UpdatePolicy { arn: Arn, before: Document, after: Document, prune: Option<String> },
    /// `TagPolicy`.
    TagPolicy { arn: Arn, tags: BTreeMap<String, String> },
    /// `UntagPolicy`.
    UntagPolicy { arn: Arn, keys: Vec<String> },
    /// `DeletePolicy`, after `DeletePolicyVersion` of `versions`.
    DeletePolicy { arn: Arn, versions: Vec<String> },
    /// `CreateRole`.
    CreateRole { role: NewRole },
    /// `GetRole`, `UpdateAssumeRolePolicy`, `GetRole`: only while the trust still means `before`.
    UpdateTrust { role: RoleName, before: Document, after: Document },
    /// `GetRole`, `UpdateRole`: only while both settings are what they were.
    UpdateRole {
        role: RoleName,
        former_description: Option<String>,
        former_session_duration: u32,
        description: Option<String>,
        max_session_duration: u32,
    },
    /// `GetRole`, `PutRolePermissionsBoundary`: only while the boundary is `before`.
    PutBoundary { role: RoleName, before: Option<Arn>, boundary: Arn },
    /// `GetRole`, `DeleteRolePermissionsBoundary`: only while the boundary is `before`.
    DeleteBoundary { role: RoleName, before: Option<Arn> },
    /// `TagRole`.
    TagRole { role: RoleName, tags: BTreeMap<String, String> },
    /// `UntagRole`.
    UntagRole { role: RoleName, keys: Vec<String> },
    /// `GetRole`, `DeleteRole`: only while the trust still means `trust`.
    DeleteRole { role: RoleName, trust: Document },
    /// `AttachRolePolicy`.
    AttachPolicy { role: RoleName, policy: Arn },
    /// `DetachRolePolicy`.
    DetachPolicy { role: RoleName, policy: Arn },
    /// `PutRolePolicy`.
    PutInlinePolicy { role: RoleName, name: PolicyName, before: Option<Document>, after: Document },
    /// `DeleteRolePolicy`.
    DeleteInlinePolicy { role: RoleName, name: PolicyName },
    /// Server-side apply of a service account; `create` when it does not exist yet.
    ApplyServiceAccount { create: bool, apply: ServiceAccountApply },
    /// Puts back what was taken over on a service account.
    RestoreServiceAccount { restore: ServiceAccountRestore },
    /// Deletes a service account.
    DeleteServiceAccount { namespace: Namespace, name: ServiceAccountName, uid: String },
    /// Server-side apply on a workload.
    ApplyWorkload { apply: WorkloadApply },
    /// Restores a workload.
    RestoreWorkload { restore: WorkloadRestore },
    /// Edits a file.
    EditFile { path: String, before: String, after: String },
}

impl Action {
    /// The `kind` of every action, for the catalogue that the bindings are checked against.
    pub const KINDS: &'static [&'static str] = &[
        "create_provider",
        "add_client_id",
        "delete_provider",
        "create_policy",
        "update_policy",
        "tag_policy",
        "untag_policy",
        "delete_policy",
        "create_role",
        "update_trust",
        "update_role",
        "put_boundary",
        "delete_boundary",
        "tag_role",
        "untag_role",
        "delete_role",
        "attach_policy",
        "detach_policy",
        "put_inline_policy",
        "delete_inline_policy",
        "apply_service_account",
        "restore_service_account",
        "delete_service_account",
        "apply_workload",
        "restore_workload",
        "edit_file",
    ];

    /// `+` for what makes a thing, `-` for what removes one, `~` for a change.
    pub fn symbol(&self) -> char {
        match self {
            Self::CreateProvider { .. }
            | Self::CreatePolicy { .. }
            | Self::CreateRole { .. }
            | Self::AttachPolicy { .. }
            | Self::PutInlinePolicy { before: None, .. }
            | Self::ApplyServiceAccount { create: true, .. } => '+',
            Self::DeleteProvider { .. }
            | Self::DeletePolicy { .. }
            | Self::DeleteRole { .. }
            | Self::DetachPolicy { .. }
            | Self::DeleteInlinePolicy { .. }
            | Self::DeleteServiceAccount { .. } => '-',
            _ => '~',
        }
    }
}

impl Step {
    /// Whether another plan's step is the same change of the same state. The Sids of a trust policy are part of that state, although they mean
    /// nothing to AWS: the whole policy is written, and they say whose statements they are.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self == other
            && match (&self.action, &other.action) {
                (Action::UpdateTrust { before, .. }, Action::UpdateTrust { before: theirs, .. }) => {
                    before.same_trust(theirs)
                }
                _ => true,
            }
    }

    /// In words, what another plan's step does otherwise.
    pub(crate) fn difference(&self, other: &Self) -> String {
        if self.summary != other.summary {
            return format!("step {} would be \"{}\" instead of \"{}\"", self.id, other.summary, self.summary);
        }
        for change in &self.changes {
            match other.changes.iter().find(|theirs| theirs.field == change.field) {
                Some(theirs) if theirs.before != change.before => {
                    return format!(
                        "{} was {} and is {} now",
                        change.field,
                        change.before.as_deref().unwrap_or("absent"),
                        theirs.before.as_deref().unwrap_or("absent")
                    );
                }
                Some(theirs) if theirs == change => {}
                _ => return format!("\"{}\" would change {} otherwise", self.summary, change.field),
            }
        }
        format!("\"{}\" would not be the same change", self.summary)
    }
}
