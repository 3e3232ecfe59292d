//! IAM, as podrole needs it.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{
    Arn, Issuer, ManagedPolicy, NewPolicy, NewRole, OidcProvider, PolicyName, PolicyVersion, Quotas, Role, RoleName,
};
use crate::policy::Document;

/// The reading half of IAM, in one account.
///
/// # Behavior
/// - What does not exist is `Ok(None)`, and nothing else is: a denial, a throttle or a garbled answer is an error. A role or policy that has
///   nothing of what is listed gives an empty list.
/// - Lists are complete: every page is read.
/// - Documents are decoded.
/// - Errors carry the operation (`iam:GetRole`), the service's code, and on a denial the missing action.
#[async_trait]
pub trait IamRead: Send + Sync {
    /// `GetRole`. Names are compared without regard to case, as IAM does.
    async fn role(&self, name: &RoleName) -> Result<Option<Role>>;
    /// `ListAttachedRolePolicies`: the ARNs of managed policies on a role; `None` when there is no such role.
    async fn attached_policies(&self, role: &RoleName) -> Result<Option<Vec<Arn>>>;
    /// `ListRolePolicies`: the names of inline policies of a role; `None` when there is no such role.
    async fn inline_policies(&self, role: &RoleName) -> Result<Option<Vec<PolicyName>>>;
    /// `GetRolePolicy`; `None` when role or policy is absent.
    async fn inline_policy(&self, role: &RoleName, name: &PolicyName) -> Result<Option<Document>>;
    /// `GetPolicy`.
    async fn policy(&self, arn: &Arn) -> Result<Option<ManagedPolicy>>;
    /// `ListPolicyVersions`; `None` when there is no such policy.
    async fn policy_versions(&self, arn: &Arn) -> Result<Option<Vec<PolicyVersion>>>;
    /// `GetPolicyVersion`; `None` when policy or version is absent.
    async fn policy_document(&self, arn: &Arn, version: &str) -> Result<Option<Document>>;
    /// `GetOpenIDConnectProvider`. The URL comes back with its scheme.
    async fn oidc_provider(&self, arn: &Arn) -> Result<Option<OidcProvider>>;
    /// `GetAccountSummary`: the live quotas.
    async fn quotas(&self) -> Result<Quotas>;
    /// `ListRoles`: names and trust policies of all roles of the account (for the removal of a provider).
    async fn role_trusts(&self) -> Result<Vec<(RoleName, Document)>>;
}

/// The writing half of IAM, in one account.
///
/// # Behavior
/// - A name that is taken is `already_exists` (code `EntityAlreadyExists`), a thing that is missing `not_found` (`NoSuchEntity`), a quota
///   `limit_exceeded` (`LimitExceeded`), a bad document `invalid_input` (`MalformedPolicyDocument`), a role that still has policies
///   `conflict` (`DeleteConflict`).
/// - Attaching what is attached, tagging what is tagged and untagging what is not, succeed.
/// - Detaching what is not attached, and deleting what is absent, is `not_found`.
#[async_trait]
pub trait IamWrite: Send + Sync {
    /// `CreateRole`, tags included. Returns the role's unique id.
    async fn create_role(&self, role: &NewRole) -> Result<String>;
    /// `UpdateAssumeRolePolicy`: last write wins.
    async fn update_trust(&self, role: &RoleName, trust: &Document) -> Result<()>;
    /// `UpdateRole`: description and session duration (seconds), both replaced.
    async fn update_role(&self, role: &RoleName, description: Option<&str>, max_session_duration: u32) -> Result<()>;
    /// `PutRolePermissionsBoundary`.
    async fn put_boundary(&self, role: &RoleName, boundary: &Arn) -> Result<()>;
    /// `DeleteRolePermissionsBoundary`.
    async fn delete_boundary(&self, role: &RoleName) -> Result<()>;
    /// `TagRole`: adds or replaces these tags.
    async fn tag_role(&self, role: &RoleName, tags: &BTreeMap<String, String>) -> Result<()>;
    /// `UntagRole`.
    async fn untag_role(&self, role: &RoleName, keys: &[String]) -> Result<()>;
    /// `DeleteRole`: refused while policies are on it.
    async fn delete_role(&self, role: &RoleName) -> Result<()>;
    /// `AttachRolePolicy`.
    async fn attach_policy(&self, role: &RoleName, policy: &Arn) -> Result<()>;
    /// `DetachRolePolicy`.
    async fn detach_policy(&self, role: &RoleName, policy: &Arn) -> Result<()>;
    /// `PutRolePolicy`: adds or replaces an inline policy.
    async fn put_inline_policy(&self, role: &RoleName, name: &PolicyName, document: &Document) -> Result<()>;
    /// `DeleteRolePolicy`.
    async fn delete_inline_policy(&self, role: &RoleName, name: &PolicyName) -> Result<()>;
    /// `CreatePolicy`, tags included.
    async fn create_policy(&self, policy: &NewPolicy) -> Result<()>;
    /// `CreatePolicyVersion` with `SetAsDefault`. Returns the new version's id.
    async fn create_policy_version(&self, policy: &Arn, document: &Document) -> Result<String>;
    /// `DeletePolicyVersion`: not the default one.
    async fn delete_policy_version(&self, policy: &Arn, version: &str) -> Result<()>;
    /// `DeletePolicy`: refused while it is attached or has versions besides the default.
    async fn delete_policy(&self, policy: &Arn) -> Result<()>;
    /// `TagPolicy`.
    async fn tag_policy(&self, policy: &Arn, tags: &BTreeMap<String, String>) -> Result<()>;
    /// `UntagPolicy`.
    async fn untag_policy(&self, policy: &Arn, keys: &[String]) -> Result<()>;
    /// `CreateOpenIDConnectProvider` without a thumbprint: IAM uses its own CA library, and nobody contacts the issuer from here.
    async fn create_oidc_provider(
        &self,
        url: &Issuer,
        client_ids: &[String],
        tags: &BTreeMap<String, String>,
    ) -> Result<()>;
    /// `AddClientIDToOpenIDConnectProvider`: adding what is there succeeds.
    async fn add_client_id(&self, provider: &Arn, client_id: &str) -> Result<()>;
    /// `DeleteOpenIDConnectProvider`.
    async fn delete_oidc_provider(&self, provider: &Arn) -> Result<()>;
}
