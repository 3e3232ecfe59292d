//! The reading half of IAM.

use async_trait::async_trait;
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{Role as SdkRole, SummaryKeyType};

use super::convert::{NextPage, arn, document, legal, tags};
use super::errors::{found, map, unexpected};
use crate::error::Result;
use crate::model::{
    Arn, IamPath, Issuer, ManagedPolicy, OidcProvider, PolicyName, PolicyVersion, Quotas, Role, RoleName,
};
use crate::policy::Document;
use crate::ports::{IamRead, traced};

/// The largest page that IAM's lists give.
const PAGE: i32 = 1000;

pub(super) struct Iam(Client);

impl Iam {
    pub(super) fn new(client: Client) -> Self {
        Self(client)
    }
}

/// The marker of the next page: IAM says apart whether there is one.
fn marker(truncated: bool, marker: Option<&str>) -> Option<&str> {
    marker.filter(|_| truncated)
}

#[async_trait]
impl IamRead for Iam {
    async fn role(&self, name: &RoleName) -> Result<Option<Role>> {
        const OPERATION: &str = "iam:GetRole";
        let answer = traced(OPERATION, self.0.get_role().role_name(name.as_str()).send()).await;
        let Some(output) = found(OPERATION, &format!("role {name}"), answer)? else { return Ok(None) };
        let Some(described) = output.role() else { return Err(unexpected(OPERATION, "the answer holds no role")) };
        role(OPERATION, described).map(Some)
    }

    async fn attached_policies(&self, role: &RoleName) -> Result<Option<Vec<Arn>>> {
        const OPERATION: &str = "iam:ListAttachedRolePolicies";
        let mut arns = Vec::new();
        let mut next = NextPage::default();
        loop {
            let request =
                self.0.list_attached_role_policies().role_name(role.as_str()).max_items(PAGE).set_marker(next.token());
            let answer = traced(OPERATION, request.send()).await;
            let Some(page) = found(OPERATION, &format!("role {role}"), answer)? else { return Ok(None) };
            for policy in page.attached_policies() {
                arns.push(arn(OPERATION, policy.policy_arn().unwrap_or_default())?);
            }
            if !next.advance(OPERATION, marker(page.is_truncated(), page.marker()))? {
                return Ok(Some(arns));
            }
        }
    }

    async fn inline_policies(&self, role: &RoleName) -> Result<Option<Vec<PolicyName>>> {
        const OPERATION: &str = "iam:ListRolePolicies";
        let mut names = Vec::new();
        let mut next = NextPage::default();
        loop {
            let request = self.0.list_role_policies().role_name(role.as_str()).max_items(PAGE).set_marker(next.token());
            let answer = traced(OPERATION, request.send()).await;
            let Some(page) = found(OPERATION, &format!("role {role}"), answer)? else { return Ok(None) };
            for name in page.policy_names() {
                names.push(legal(OPERATION, PolicyName::new(name))?);
            }
            if !next.advance(OPERATION, marker(page.is_truncated(), page.marker()))? {
                return Ok(Some(names));
            }
        }
    }

    async fn inline_policy(&self, role: &RoleName, name: &PolicyName) -> Result<Option<Document>> {
        const OPERATION: &str = "iam:GetRolePolicy";
        let request = self.0.get_role_policy().role_name(role.as_str()).policy_name(name.as_str());
        let answer = traced(OPERATION, request.send()).await;
        let output = found(OPERATION, &format!("inline policy {name} of role {role}"), answer)?;
        output.map(|output| document(OPERATION, output.policy_document())).transpose()
    }

    async fn policy(&self, arn: &Arn) -> Result<Option<ManagedPolicy>> {
        const OPERATION: &str = "iam:GetPolicy";
        let answer = traced(OPERATION, self.0.get_policy().policy_arn(arn.as_str()).send()).await;
        let Some(output) = found(OPERATION, &format!("policy {arn}"), answer)? else { return Ok(None) };
        let Some(policy) = output.policy() else { return Err(unexpected(OPERATION, "the answer holds no policy")) };
        let Some(version) = policy.default_version_id() else {
            return Err(unexpected(OPERATION, "the answer holds no default version"));
        };
        Ok(Some(ManagedPolicy {
            arn: arn.clone(),
            default_version: version.to_owned(),
            attachment_count: number(policy.attachment_count()),
            attachable: policy.is_attachable(),
            tags: tags(policy.tags()),
        }))
    }

    async fn policy_versions(&self, arn: &Arn) -> Result<Option<Vec<PolicyVersion>>> {
        const OPERATION: &str = "iam:ListPolicyVersions";
        let mut versions = Vec::new();
        let mut next = NextPage::default();
        loop {
            let request =
                self.0.list_policy_versions().policy_arn(arn.as_str()).max_items(PAGE).set_marker(next.token());
            let answer = traced(OPERATION, request.send()).await;
            let Some(page) = found(OPERATION, &format!("policy {arn}"), answer)? else { return Ok(None) };
            for version in page.versions() {
                let Some(id) = version.version_id() else {
                    return Err(unexpected(OPERATION, "the answer holds a version without an id"));
                };
                versions.push(PolicyVersion { id: id.to_owned(), default: version.is_default_version() });
            }
            if !next.advance(OPERATION, marker(page.is_truncated(), page.marker()))? {
                return Ok(Some(versions));
            }
        }
    }

    async fn policy_document(&self, arn: &Arn, version: &str) -> Result<Option<Document>> {
        const OPERATION: &str = "iam:GetPolicyVersion";
        let request = self.0.get_policy_version().policy_arn(arn.as_str()).version_id(version);
        let answer = traced(OPERATION, request.send()).await;
        let Some(output) = found(OPERATION, &format!("version {version} of policy {arn}"), answer)? else {
            return Ok(None);
        };
        let Some(encoded) = output.policy_version().and_then(|version| version.document()) else {
            return Err(unexpected(OPERATION, "the answer holds no document"));
        };
        document(OPERATION, encoded).map(Some)
    }

    async fn oidc_provider(&self, arn: &Arn) -> Result<Option<OidcProvider>> {
        const OPERATION: &str = "iam:GetOpenIDConnectProvider";
        let request = self.0.get_open_id_connect_provider().open_id_connect_provider_arn(arn.as_str());
        let answer = traced(OPERATION, request.send()).await;
        let Some(output) = found(OPERATION, &format!("OIDC provider {arn}"), answer)? else { return Ok(None) };
        // IAM answers without the scheme, emulators sometimes with it.
        let url = output.url().unwrap_or_default();
        let url = if url.starts_with("https://") { url.to_owned() } else { format!("https://{url}") };
        Ok(Some(OidcProvider {
            arn: arn.clone(),
            url: legal(OPERATION, Issuer::new(url))?,
            client_ids: output.client_id_list().iter().cloned().collect(),
            tags: tags(output.tags()),
        }))
    }

    async fn quotas(&self) -> Result<Quotas> {
        const OPERATION: &str = "iam:GetAccountSummary";
        let output = traced(OPERATION, self.0.get_account_summary().send())
            .await
            .map_err(|error| map(OPERATION, "the account's quotas", &error))?;
        let summary = output.summary_map();
        let quota = |key: &SummaryKeyType, default: u32| {
            let value = summary.and_then(|summary| summary.get(key)).copied();
            value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default)
        };
        let default = Quotas::default();
        Ok(Quotas {
            trust_policy_size: quota(&SummaryKeyType::AssumeRolePolicySizeQuota, default.trust_policy_size),
            attached_policies_per_role: quota(
                &SummaryKeyType::from("AttachedPoliciesPerRoleQuota"),
                default.attached_policies_per_role,
            ),
            managed_policy_size: quota(&SummaryKeyType::PolicySizeQuota, default.managed_policy_size),
            inline_policies_size: quota(&SummaryKeyType::from("RolePolicySizeQuota"), default.inline_policies_size),
            versions_per_policy: quota(&SummaryKeyType::VersionsPerPolicyQuota, default.versions_per_policy),
        })
    }

    async fn role_trusts(&self) -> Result<Vec<(RoleName, Document)>> {
        const OPERATION: &str = "iam:ListRoles";
        let mut trusts = Vec::new();
        let mut next = NextPage::default();
        loop {
            let page = traced(OPERATION, self.0.list_roles().max_items(PAGE).set_marker(next.token()).send())
                .await
                .map_err(|error| map(OPERATION, "the account's roles", &error))?;
            for role in page.roles() {
                let name = legal(OPERATION, RoleName::new(role.role_name()))?;
                let trust = document(OPERATION, role.assume_role_policy_document().unwrap_or_default())
                    .map_err(|error| error.resource(format!("role {name}")))?;
                trusts.push((name, trust));
            }
            if !next.advance(OPERATION, marker(page.is_truncated(), page.marker()))? {
                return Ok(trusts);
            }
        }
    }
}

fn role(operation: &str, role: &SdkRole) -> Result<Role> {
    let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    Ok(Role {
        name: legal(operation, RoleName::new(role.role_name()))?,
        arn: arn(operation, role.arn())?,
        unique_id: role.role_id().to_owned(),
        path: legal(operation, IamPath::new(role.path()))?,
        description: role.description().filter(|text| !text.is_empty()).map(str::to_owned),
        // Absent means AWS's default, one hour.
        max_session_duration: role.max_session_duration().map_or(3600, |seconds| number(Some(seconds))),
        permissions_boundary: boundary.map(|value| arn(operation, value)).transpose()?,
        trust: document(operation, role.assume_role_policy_document().unwrap_or_default())?,
        tags: tags(role.tags()),
    })
}

/// A count; AWS's are never negative.
fn number(value: Option<i32>) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or_default()
}
