//! The writing half of IAM in the simulation: roles, their policies, and OIDC providers.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::checks;
use super::errors::{self, delete_conflict, exists, limit, no_such_entity};
use super::iam_policies;
use super::iam_read::{Iam, issuer_of, role_key};
use super::principals;
use super::state::{CallRecord, State};
use super::world::{AccountProvider, AccountRole};
use crate::error::Result;
use crate::model::{AccountId, Arn, Issuer, NewPolicy, NewRole, PolicyName, RoleName};
use crate::policy::{Document, DocumentKind};
use crate::ports::IamWrite;

/// Roles in an account.
const ROLES: usize = 1000;
/// OIDC providers in an account.
const PROVIDERS: usize = 100;
/// Client ids of an OIDC provider.
const CLIENT_IDS: usize = 100;

impl Iam {
    async fn write<T: Send>(
        &self,
        action: &str,
        resource: String,
        effect: impl FnOnce(&mut State, &AccountId) -> Result<T> + Send,
    ) -> Result<T> {
        let call = CallRecord::write(format!("iam:{action}"), resource);
        self.memory
            .call(&self.caller, call, |state| {
                state.account(&self.account)?;
                effect(state, &self.account)
            })
            .await
    }

    /// A write on an existing role.
    async fn on_role<T: Send>(
        &self,
        action: &str,
        name: &RoleName,
        effect: impl FnOnce(&mut AccountRole) -> Result<T> + Send,
    ) -> Result<T> {
        self.write(action, format!("role {name}"), |state, account| effect(role_mut(state, account, name)?)).await
    }
}

fn role_mut<'a>(state: &'a mut State, account: &AccountId, name: &RoleName) -> Result<&'a mut AccountRole> {
    let key = role_key(state, account, name).ok_or_else(|| errors::no_such_role(name))?;
    state.account(account)?.roles.get_mut(&key).ok_or_else(|| errors::no_such_role(name))
}

fn check_boundary(state: &State, account: &AccountId, boundary: &Arn) -> Result<()> {
    match iam_policies::find(&state.world, account, boundary) {
        Some(_) => Ok(()),
        None => Err(no_such_entity(format!("Scope ARN: {boundary} does not exist or is not attachable."))),
    }
}

fn create_role(state: &mut State, account: &AccountId, new: &NewRole) -> Result<String> {
    checks::description(new.description.as_deref())?;
    checks::session(new.max_session_duration)?;
    let tags = checks::tags(&BTreeMap::new(), &new.tags, "Role")?;
    let quotas = state.account(account)?.quotas;
    checks::document(&new.trust, DocumentKind::Trust)?;
    if role_key(state, account, &new.name).is_some() {
        return Err(exists(format!("Role with name {} already exists.", new.name)));
    }
    checks::trust(&new.trust, &quotas)?;
    let trust = principals::resolve(state, &new.trust)?;
    if let Some(boundary) = &new.permissions_boundary {
        check_boundary(state, account, boundary)?;
    }
    if state.account(account)?.roles.len() >= ROLES {
        return Err(limit(format!("Cannot exceed quota for RolesPerAccount: {ROLES}")));
    }
    let lower = new.name.as_str().to_lowercase();
    let unique_id = state.ids.role(&format!("{account}/{lower}"));
    state.show_at_once(account, &new.name);
    if !state.lag.is_zero() {
        let from = state.clock.since_start() + state.lag;
        state.visible_from.insert((account.clone(), lower), from);
    }
    let role = AccountRole {
        unique_id: unique_id.clone(),
        path: new.path.clone(),
        description: new.description.clone().filter(|text| !text.is_empty()),
        max_session_duration: new.max_session_duration,
        permissions_boundary: new.permissions_boundary.clone(),
        trust,
        tags,
        attached_policies: BTreeSet::new(),
        inline_policies: BTreeMap::new(),
    };
    state.account(account)?.roles.insert(new.name.clone(), role);
    Ok(unique_id)
}

fn delete_role(state: &mut State, account: &AccountId, name: &RoleName) -> Result<()> {
    let role = role_mut(state, account, name)?;
    if !role.attached_policies.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must detach all policies first."));
    }
    if !role.inline_policies.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete policies first."));
    }
    let unique_id = role.unique_id.clone();
    if let Some(key) = role_key(state, account, name) {
        let arn = principals::role_arn(&state.world, account, &key);
        state.account(account)?.roles.remove(&key);
        state.show_at_once(account, &key);
        if let Some(arn) = arn {
            principals::forget(&mut state.world, &arn, &unique_id);
        }
    }
    Ok(())
}

fn attach(state: &mut State, account: &AccountId, name: &RoleName, policy: &Arn) -> Result<()> {
    let quota = state.account(account)?.quotas.attached_policies_per_role;
    let attached = role_mut(state, account, name)?.attached_policies.clone();
    iam_policies::attachable(&state.world, account, policy)?;
    if !attached.contains(policy) && attached.len() >= checks::as_usize(quota) {
        return Err(limit(format!("Cannot exceed quota for PoliciesPerRole: {quota}")));
    }
    role_mut(state, account, name)?.attached_policies.insert(policy.clone());
    Ok(())
}

fn put_inline(
    state: &mut State,
    account: &AccountId,
    role_name: &RoleName,
    name: &PolicyName,
    document: &Document,
) -> Result<()> {
    let quota = state.account(account)?.quotas.inline_policies_size;
    let role = role_mut(state, account, role_name)?;
    checks::document(document, DocumentKind::Identity)?;
    let others = role.inline_policies.iter().filter(|(held, _)| *held != name).map(|(_, held)| held.size());
    if others.sum::<usize>() + document.size() > checks::as_usize(quota) {
        return Err(limit(format!("Maximum policy size of {quota} bytes exceeded for role {role_name}")));
    }
    role.inline_policies.insert(name.clone(), document.clone());
    Ok(())
}

fn provider_mut<'a>(state: &'a mut State, account: &AccountId, arn: &Arn) -> Result<&'a mut AccountProvider> {
    let absent = || no_such_entity(format!("OpenIDConnect Provider not found for arn {arn}"));
    let url = issuer_of(state, account, arn).ok_or_else(absent)?;
    state.account(account)?.oidc_providers.get_mut(&url).ok_or_else(absent)
}

#[async_trait]
impl IamWrite for Iam {
    async fn create_role(&self, role: &NewRole) -> Result<String> {
        self.write("CreateRole", format!("role {}", role.name), |state, account| create_role(state, account, role))
            .await
    }

    async fn update_trust(&self, role: &RoleName, trust: &Document) -> Result<()> {
        self.write("UpdateAssumeRolePolicy", format!("role {role}"), |state, account| {
            let quotas = state.account(account)?.quotas;
            role_mut(state, account, role)?;
            checks::trust(trust, &quotas)?;
            let trust = principals::resolve(state, trust)?;
            let former = std::mem::replace(&mut role_mut(state, account, role)?.trust, trust);
            state.keep_showing(account, role, &former);
            Ok(())
        })
        .await
    }

    async fn update_role(&self, role: &RoleName, description: Option<&str>, max_session_duration: u32) -> Result<()> {
        self.on_role("UpdateRole", role, |role| {
            checks::description(description)?;
            checks::session(max_session_duration)?;
            role.description = description.filter(|text| !text.is_empty()).map(str::to_owned);
            role.max_session_duration = max_session_duration;
            Ok(())
        })
        .await
    }

    async fn put_boundary(&self, role: &RoleName, boundary: &Arn) -> Result<()> {
        self.write("PutRolePermissionsBoundary", format!("role {role}"), |state, account| {
            role_mut(state, account, role)?;
            check_boundary(state, account, boundary)?;
            role_mut(state, account, role)?.permissions_boundary = Some(boundary.clone());
            Ok(())
        })
        .await
    }

    async fn delete_boundary(&self, role: &RoleName) -> Result<()> {
        self.on_role("DeleteRolePermissionsBoundary", role, |held| {
            let absent = || no_such_entity(format!("Role {role} does not have a permissions boundary."));
            held.permissions_boundary.take().map(|_| ()).ok_or_else(absent)
        })
        .await
    }

    async fn tag_role(&self, role: &RoleName, tags: &BTreeMap<String, String>) -> Result<()> {
        self.on_role("TagRole", role, |role| {
            role.tags = checks::tags(&role.tags, tags, "Role")?;
            Ok(())
        })
        .await
    }

    async fn untag_role(&self, role: &RoleName, keys: &[String]) -> Result<()> {
        self.on_role("UntagRole", role, |role| {
            role.tags.retain(|held, _| !keys.iter().any(|key| key.to_lowercase() == held.to_lowercase()));
            Ok(())
        })
        .await
    }

    async fn delete_role(&self, role: &RoleName) -> Result<()> {
        self.write("DeleteRole", format!("role {role}"), |state, account| delete_role(state, account, role)).await
    }

    async fn attach_policy(&self, role: &RoleName, policy: &Arn) -> Result<()> {
        self.write("AttachRolePolicy", format!("policy {policy} on role {role}"), |state, account| {
            attach(state, account, role, policy)
        })
        .await
    }

    async fn detach_policy(&self, role: &RoleName, policy: &Arn) -> Result<()> {
        self.write("DetachRolePolicy", format!("policy {policy} on role {role}"), |state, account| {
            if role_mut(state, account, role)?.attached_policies.remove(policy) {
                return Ok(());
            }
            Err(no_such_entity(format!("Policy {policy} was not found.")))
        })
        .await
    }

    async fn put_inline_policy(&self, role: &RoleName, name: &PolicyName, document: &Document) -> Result<()> {
        self.write("PutRolePolicy", format!("inline policy {name} of role {role}"), |state, account| {
            put_inline(state, account, role, name, document)
        })
        .await
    }

    async fn delete_inline_policy(&self, role: &RoleName, name: &PolicyName) -> Result<()> {
        self.write("DeleteRolePolicy", format!("inline policy {name} of role {role}"), |state, account| {
            let removed = role_mut(state, account, role)?.inline_policies.remove(name);
            let absent = || no_such_entity(format!("The role policy with name {name} cannot be found."));
            removed.map(|_| ()).ok_or_else(absent)
        })
        .await
    }

    async fn create_policy(&self, policy: &NewPolicy) -> Result<()> {
        self.write("CreatePolicy", format!("policy {}", policy.arn), |state, account| {
            iam_policies::create(state, account, policy)
        })
        .await
    }

    async fn create_policy_version(&self, policy: &Arn, document: &Document) -> Result<String> {
        self.write("CreatePolicyVersion", format!("policy {policy}"), |state, account| {
            iam_policies::create_version(state, account, policy, document)
        })
        .await
    }

    async fn delete_policy_version(&self, policy: &Arn, version: &str) -> Result<()> {
        self.write("DeletePolicyVersion", format!("policy {policy} {version}"), |state, account| {
            iam_policies::delete_version(state, account, policy, version)
        })
        .await
    }

    async fn delete_policy(&self, policy: &Arn) -> Result<()> {
        self.write("DeletePolicy", format!("policy {policy}"), |state, account| {
            iam_policies::delete(state, account, policy)
        })
        .await
    }

    async fn tag_policy(&self, policy: &Arn, tags: &BTreeMap<String, String>) -> Result<()> {
        self.write("TagPolicy", format!("policy {policy}"), |state, account| {
            iam_policies::tag(state, account, policy, tags)
        })
        .await
    }

    async fn untag_policy(&self, policy: &Arn, keys: &[String]) -> Result<()> {
        self.write("UntagPolicy", format!("policy {policy}"), |state, account| {
            iam_policies::untag(state, account, policy, keys)
        })
        .await
    }

    async fn create_oidc_provider(
        &self,
        url: &Issuer,
        client_ids: &[String],
        tags: &BTreeMap<String, String>,
    ) -> Result<()> {
        self.write("CreateOpenIDConnectProvider", format!("OIDC provider {url}"), |state, account| {
            let tags = checks::tags(&BTreeMap::new(), tags, "OpenIdConnectProvider")?;
            client_ids.iter().try_for_each(|id| checks::client_id(id))?;
            let client_ids: BTreeSet<String> = client_ids.iter().cloned().collect();
            check_client_ids(&client_ids)?;
            let providers = &mut state.account(account)?.oidc_providers;
            if providers.contains_key(url) {
                return Err(exists(format!("Provider with url {url} already exists.")));
            }
            if providers.len() >= PROVIDERS {
                return Err(limit(format!("Cannot exceed quota for OpenIdConnectProvidersPerAccount: {PROVIDERS}")));
            }
            providers.insert(url.clone(), AccountProvider { client_ids, tags });
            Ok(())
        })
        .await
    }

    async fn add_client_id(&self, provider: &Arn, client_id: &str) -> Result<()> {
        self.write("AddClientIDToOpenIDConnectProvider", format!("OIDC provider {provider}"), |state, account| {
            checks::client_id(client_id)?;
            let held = provider_mut(state, account, provider)?;
            let mut client_ids = held.client_ids.clone();
            client_ids.insert(client_id.to_owned());
            check_client_ids(&client_ids)?;
            held.client_ids = client_ids;
            Ok(())
        })
        .await
    }

    async fn delete_oidc_provider(&self, provider: &Arn) -> Result<()> {
        self.write("DeleteOpenIDConnectProvider", format!("OIDC provider {provider}"), |state, account| {
            provider_mut(state, account, provider)?;
            if let Some(url) = issuer_of(state, account, provider) {
                state.account(account)?.oidc_providers.remove(&url);
            }
            Ok(())
        })
        .await
    }
}

fn check_client_ids(client_ids: &BTreeSet<String>) -> Result<()> {
    if client_ids.len() > CLIENT_IDS {
        return Err(limit(format!("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENT_IDS}")));
    }
    Ok(())
}
