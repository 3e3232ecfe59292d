//! The reading half of IAM in the simulation.

use async_trait::async_trait;

use super::Memory;
use super::iam_policies;
use super::principals::role_arn;
use super::state::{CallRecord, State};
use super::world::AccountRole;
use crate::error::Result;
use crate::model::{
    AccountId, Arn, Issuer, ManagedPolicy, OidcProvider, PolicyName, PolicyVersion, Quotas, Role, RoleName,
};
use crate::policy::Document;
use crate::ports::IamRead;

/// IAM of one account.
pub(super) struct Iam {
    pub(super) memory: Memory,
    pub(super) account: AccountId,
    pub(super) caller: String,
}

impl Iam {
    async fn read<T: Send>(
        &self,
        action: &str,
        resource: String,
        effect: impl FnOnce(&State, &AccountId) -> Result<T> + Send,
    ) -> Result<T> {
        let call = CallRecord::read(format!("iam:{action}"), resource);
        self.memory
            .call(&self.caller, call, |state| {
                state.account(&self.account)?;
                effect(state, &self.account)
            })
            .await
    }
}

/// A role by its name in any case.
pub(super) fn role_key(state: &State, account: &AccountId, name: &RoleName) -> Option<RoleName> {
    let roles = &state.world.accounts.get(account)?.roles;
    roles.keys().find(|held| held.as_str().eq_ignore_ascii_case(name.as_str())).cloned()
}

/// A role that IAM shows already.
fn visible<'a>(state: &'a State, account: &AccountId, name: &RoleName) -> Option<(RoleName, &'a AccountRole)> {
    let key = role_key(state, account, name).filter(|key| state.is_visible(account, key))?;
    let role = state.world.accounts.get(account)?.roles.get(&key)?;
    Some((key, role))
}

/// The issuer in the ARN of an OIDC provider of this account.
pub(super) fn issuer_of(state: &State, account: &AccountId, arn: &Arn) -> Option<Issuer> {
    let holder = state.world.accounts.get(account)?;
    let ours = arn.account().as_ref() == Some(account) && arn.partition() == holder.partition;
    let rest = arn.resource().strip_prefix("oidc-provider/").filter(|_| ours && arn.service() == "iam")?;
    Issuer::new(format!("https://{rest}")).ok()
}

#[async_trait]
impl IamRead for Iam {
    async fn role(&self, name: &RoleName) -> Result<Option<Role>> {
        self.read("GetRole", format!("role {name}"), |state, account| {
            Ok(visible(state, account, name).and_then(|(name, role)| {
                Some(Role {
                    arn: role_arn(&state.world, account, &name)?,
                    trust: state.shown_trust(account, &name, &role.trust),
                    name,
                    unique_id: role.unique_id.clone(),
                    path: role.path.clone(),
                    description: role.description.clone(),
                    max_session_duration: role.max_session_duration,
                    permissions_boundary: role.permissions_boundary.clone(),
                    tags: role.tags.clone(),
                })
            }))
        })
        .await
    }

    async fn attached_policies(&self, role: &RoleName) -> Result<Option<Vec<Arn>>> {
        self.read("ListAttachedRolePolicies", format!("role {role}"), |state, account| {
            Ok(visible(state, account, role).map(|(_, role)| role.attached_policies.iter().cloned().collect()))
        })
        .await
    }

    async fn inline_policies(&self, role: &RoleName) -> Result<Option<Vec<PolicyName>>> {
        self.read("ListRolePolicies", format!("role {role}"), |state, account| {
            Ok(visible(state, account, role).map(|(_, role)| role.inline_policies.keys().cloned().collect()))
        })
        .await
    }

    async fn inline_policy(&self, role: &RoleName, name: &PolicyName) -> Result<Option<Document>> {
        self.read("GetRolePolicy", format!("inline policy {name} of role {role}"), |state, account| {
            Ok(visible(state, account, role).and_then(|(_, role)| role.inline_policies.get(name).cloned()))
        })
        .await
    }

    async fn policy(&self, arn: &Arn) -> Result<Option<ManagedPolicy>> {
        self.read("GetPolicy", format!("policy {arn}"), |state, account| {
            Ok(iam_policies::read(&state.world, account, arn))
        })
        .await
    }

    async fn policy_versions(&self, arn: &Arn) -> Result<Option<Vec<PolicyVersion>>> {
        self.read("ListPolicyVersions", format!("policy {arn}"), |state, account| {
            Ok(iam_policies::versions(&state.world, account, arn))
        })
        .await
    }

    async fn policy_document(&self, arn: &Arn, version: &str) -> Result<Option<Document>> {
        self.read("GetPolicyVersion", format!("policy {arn} {version}"), |state, account| {
            iam_policies::document(&state.world, account, arn, version)
        })
        .await
    }

    async fn oidc_provider(&self, arn: &Arn) -> Result<Option<OidcProvider>> {
        self.read("GetOpenIDConnectProvider", format!("OIDC provider {arn}"), |state, account| {
            let Some(url) = issuer_of(state, account, arn) else { return Ok(None) };
            let provider = state.world.accounts.get(account).and_then(|holder| holder.oidc_providers.get(&url));
            Ok(provider.map(|provider| OidcProvider {
                arn: arn.clone(),
                url: url.clone(),
                client_ids: provider.client_ids.clone(),
                tags: provider.tags.clone(),
            }))
        })
        .await
    }

    async fn quotas(&self) -> Result<Quotas> {
        self.read("GetAccountSummary", format!("account {}", self.account), |state, account| {
            Ok(state.world.accounts.get(account).map(|holder| holder.quotas).unwrap_or_default())
        })
        .await
    }

    async fn role_trusts(&self) -> Result<Vec<(RoleName, Document)>> {
        self.read("ListRoles", format!("account {}", self.account), |state, account| {
            let roles = state.world.accounts.get(account).into_iter().flat_map(|holder| &holder.roles);
            let shown = roles.filter(|(name, _)| state.is_visible(account, name));
            Ok(shown.map(|(name, role)| (name.clone(), state.shown_trust(account, name, &role.trust))).collect())
        })
        .await
    }
}
