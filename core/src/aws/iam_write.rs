//! The writing half of IAM.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_iam::Client;

use super::convert::sdk_tags;
use super::errors::{map, unexpected};
use crate::error::{Error, Result};
use crate::model::{Arn, Issuer, NewPolicy, NewRole, PolicyName, RoleName};
use crate::policy::Document;
use crate::ports::{IamWrite, traced};

pub(super) struct IamWriter(Client);

impl IamWriter {
    pub(super) fn new(client: Client) -> Self {
        Self(client)
    }
}

/// Sends a request whose answer says nothing.
macro_rules! send {
    ($operation:literal, $resource:expr, $request:expr) => {
        match traced($operation, $request.send()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(map($operation, $resource, &error)),
        }
    };
}

#[async_trait]
impl IamWrite for IamWriter {
    async fn create_role(&self, role: &NewRole) -> Result<String> {
        const OPERATION: &str = "iam:CreateRole";
        let request = self
            .0
            .create_role()
            .role_name(role.name.as_str())
            .path(role.path.as_str())
            .set_description(role.description.clone())
            .max_session_duration(seconds(role.max_session_duration)?)
            .set_permissions_boundary(role.permissions_boundary.as_ref().map(ToString::to_string))
            .assume_role_policy_document(role.trust.to_json())
            .set_tags(some_tags(&role.tags)?);
        let output = traced(OPERATION, request.send())
            .await
            .map_err(|error| map(OPERATION, format!("role {}", role.name), &error))?;
        let Some(created) = output.role() else { return Err(unexpected(OPERATION, "the answer holds no role")) };
        Ok(created.role_id().to_owned())
    }

    async fn update_trust(&self, role: &RoleName, trust: &Document) -> Result<()> {
        let request = self.0.update_assume_role_policy().role_name(role.as_str()).policy_document(trust.to_json());
        send!("iam:UpdateAssumeRolePolicy", format!("role {role}"), request)
    }

    async fn update_role(&self, role: &RoleName, description: Option<&str>, max_session_duration: u32) -> Result<()> {
        // An empty description removes the old one; what leaving it out does is not documented.
        let request = self
            .0
            .update_role()
            .role_name(role.as_str())
            .description(description.unwrap_or_default())
            .max_session_duration(seconds(max_session_duration)?);
        send!("iam:UpdateRole", format!("role {role}"), request)
    }

    async fn put_boundary(&self, role: &RoleName, boundary: &Arn) -> Result<()> {
        let request =
            self.0.put_role_permissions_boundary().role_name(role.as_str()).permissions_boundary(boundary.as_str());
        send!("iam:PutRolePermissionsBoundary", format!("role {role}"), request)
    }

    async fn delete_boundary(&self, role: &RoleName) -> Result<()> {
        let request = self.0.delete_role_permissions_boundary().role_name(role.as_str());
        send!("iam:DeleteRolePermissionsBoundary", format!("role {role}"), request)
    }

    async fn tag_role(&self, role: &RoleName, tags: &BTreeMap<String, String>) -> Result<()> {
        let Some(tags) = some_tags(tags)? else { return Ok(()) };
        let request = self.0.tag_role().role_name(role.as_str()).set_tags(Some(tags));
        send!("iam:TagRole", format!("role {role}"), request)
    }

    async fn untag_role(&self, role: &RoleName, keys: &[String]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let request = self.0.untag_role().role_name(role.as_str()).set_tag_keys(Some(keys.to_vec()));
        send!("iam:UntagRole", format!("role {role}"), request)
    }

    async fn delete_role(&self, role: &RoleName) -> Result<()> {
        let request = self.0.delete_role().role_name(role.as_str());
        send!("iam:DeleteRole", format!("role {role}"), request)
    }

    async fn attach_policy(&self, role: &RoleName, policy: &Arn) -> Result<()> {
        let request = self.0.attach_role_policy().role_name(role.as_str()).policy_arn(policy.as_str());
        send!("iam:AttachRolePolicy", format!("policy {policy} on role {role}"), request)
    }

    async fn detach_policy(&self, role: &RoleName, policy: &Arn) -> Result<()> {
        let request = self.0.detach_role_policy().role_name(role.as_str()).policy_arn(policy.as_str());
        send!("iam:DetachRolePolicy", format!("policy {policy} on role {role}"), request)
    }

    async fn put_inline_policy(&self, role: &RoleName, name: &PolicyName, document: &Document) -> Result<()> {
        let request = self
            .0
            .put_role_policy()
            .role_name(role.as_str())
            .policy_name(name.as_str())
            .policy_document(document.to_json());
        send!("iam:PutRolePolicy", format!("inline policy {name} of role {role}"), request)
    }

    async fn delete_inline_policy(&self, role: &RoleName, name: &PolicyName) -> Result<()> {
        let request = self.0.delete_role_policy().role_name(role.as_str()).policy_name(name.as_str());
        send!("iam:DeleteRolePolicy", format!("inline policy {name} of role {role}"), request)
    }

    async fn create_policy(&self, policy: &NewPolicy) -> Result<()> {
        let (path, name) = path_and_name(&policy.arn)?;
        let request = self
            .0
            .create_policy()
            .policy_name(name)
            .path(path)
            .set_description(policy.description.clone())
            .policy_document(policy.document.to_json())
            .set_tags(some_tags(&policy.tags)?);
        send!("iam:CreatePolicy", format!("policy {}", policy.arn), request)
    }

    async fn create_policy_version(&self, policy: &Arn, document: &Document) -> Result<String> {
        const OPERATION: &str = "iam:CreatePolicyVersion";
        let request = self
            .0
            .create_policy_version()
            .policy_arn(policy.as_str())
            .policy_document(document.to_json())
            .set_as_default(true);
        let output = traced(OPERATION, request.send())
            .await
            .map_err(|error| map(OPERATION, format!("policy {policy}"), &error))?;
        let id = output.policy_version().and_then(|version| version.version_id());
        id.map(str::to_owned).ok_or_else(|| unexpected(OPERATION, "the answer holds no version"))
    }

    async fn delete_policy_version(&self, policy: &Arn, version: &str) -> Result<()> {
        let request = self.0.delete_policy_version().policy_arn(policy.as_str()).version_id(version);
        send!("iam:DeletePolicyVersion", format!("version {version} of policy {policy}"), request)
    }

    async fn delete_policy(&self, policy: &Arn) -> Result<()> {
        let request = self.0.delete_policy().policy_arn(policy.as_str());
        send!("iam:DeletePolicy", format!("policy {policy}"), request)
    }

    async fn tag_policy(&self, policy: &Arn, tags: &BTreeMap<String, String>) -> Result<()> {
        let Some(tags) = some_tags(tags)? else { return Ok(()) };
        let request = self.0.tag_policy().policy_arn(policy.as_str()).set_tags(Some(tags));
        send!("iam:TagPolicy", format!("policy {policy}"), request)
    }

    async fn untag_policy(&self, policy: &Arn, keys: &[String]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let request = self.0.untag_policy().policy_arn(policy.as_str()).set_tag_keys(Some(keys.to_vec()));
        send!("iam:UntagPolicy", format!("policy {policy}"), request)
    }

    async fn create_oidc_provider(
        &self,
        url: &Issuer,
        client_ids: &[String],
        tags: &BTreeMap<String, String>,
    ) -> Result<()> {
        let request = self
            .0
            .create_open_id_connect_provider()
            .url(url.as_str())
            .set_client_id_list(Some(client_ids.to_vec()))
            .set_tags(some_tags(tags)?);
        send!("iam:CreateOpenIDConnectProvider", format!("OIDC provider {url}"), request)
    }

    async fn add_client_id(&self, provider: &Arn, client_id: &str) -> Result<()> {
        let request = self
            .0
            .add_client_id_to_open_id_connect_provider()
            .open_id_connect_provider_arn(provider.as_str())
            .client_id(client_id);
        send!("iam:AddClientIDToOpenIDConnectProvider", format!("OIDC provider {provider}"), request)
    }

    async fn delete_oidc_provider(&self, provider: &Arn) -> Result<()> {
        let request = self.0.delete_open_id_connect_provider().open_id_connect_provider_arn(provider.as_str());
        send!("iam:DeleteOpenIDConnectProvider", format!("OIDC provider {provider}"), request)
    }
}

/// Tags for a request; `None` where there are none, because IAM refuses an empty list.
fn some_tags(tags: &BTreeMap<String, String>) -> Result<Option<Vec<aws_sdk_iam::types::Tag>>> {
    if tags.is_empty() { Ok(None) } else { sdk_tags(tags).map(Some) }
}

fn seconds(value: u32) -> Result<i32> {
    i32::try_from(value).map_err(|_| Error::invalid(format!("a session of {value} seconds is longer than IAM allows")))
}

/// `/team/` and `name` of `arn:…:policy/team/name`.
fn path_and_name(arn: &Arn) -> Result<(String, &str)> {
    let bad = || Error::invalid(format!("{arn} is not the ARN of a managed policy"));
    let rest = arn.resource().strip_prefix("policy").ok_or_else(bad)?;
    let (path, name) = rest.rsplit_once('/').ok_or_else(bad)?;
    if name.is_empty() {
        return Err(bad());
    }
    Ok((format!("{path}/"), name))
}
