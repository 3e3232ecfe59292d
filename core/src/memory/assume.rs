//! STS in the simulation: whether a service account's token becomes credentials of a role.

use std::collections::BTreeMap;

use super::Memory;
use super::errors::aws;
use super::iam_read::role_key;
use super::principals::role_arn;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Arn, Namespace, RoleName, ServiceAccountName};
use crate::policy::{Decision, WebIdentity, evaluate_web_identity};

/// Whom the credentials stand for that `AssumeRoleWithWebIdentity` gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedRole {
    /// `arn:aws:sts::204393242335:assumed-role/connections-role-test/podrole`.
    pub arn: String,
    /// The role's unique id.
    pub role_unique_id: String,
    /// Position of the trust statement that let the token in, from 0.
    pub statement: usize,
}

impl Memory {
    /// What a pod of a service account gets from `sts:AssumeRoleWithWebIdentity` with a token for `audience`.
    ///
    /// It is asked beside the ports: not counted, not slow and not failed by scripted faults, but a role or a
    /// trust policy that [lags](Memory::set_lag) is not known yet.
    ///
    /// # Errors
    /// `not_found` for a cluster or service account that is not in the world. `permission_denied`, as STS says it:
    /// `InvalidIdentityToken` where the role's account has no provider for the issuer, or the provider not the audience;
    /// `AccessDenied` where there is no such role or its trust policy keeps the token out (the remedy says why).
    pub fn assume_role_with_web_identity(
        &self,
        cluster: &Arn,
        namespace: &Namespace,
        service_account: &ServiceAccountName,
        audience: &str,
        role: &Arn,
    ) -> Result<AssumedRole> {
        let fail =
            |error: Error| Err(error.operation("sts:AssumeRoleWithWebIdentity").resource(format!("role {role}")));
        let token = |message: String| aws(ErrorKind::PermissionDenied, "InvalidIdentityToken", message);
        let state = self.lock();
        let Some(held) = state.world.clusters.get(cluster) else {
            return fail(Error::new(ErrorKind::NotFound, format!("there is no cluster {cluster}")));
        };
        if !held.namespaces.get(namespace).is_some_and(|held| held.service_accounts.contains_key(service_account)) {
            let message = format!("there is no service account {namespace}/{service_account} to issue a token for");
            return fail(Error::new(ErrorKind::NotFound, message).code("NotFound"));
        }
        let Some(issuer) = &held.issuer else {
            return fail(token(format!("the cluster {cluster} has no OIDC issuer yet")));
        };
        let denied = || {
            let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
            aws(ErrorKind::PermissionDenied, "AccessDenied", message).action("sts:AssumeRoleWithWebIdentity")
        };
        let Some(account) = role.account() else { return fail(denied()) };
        let Some(holder) = state.world.accounts.get(&account) else { return fail(denied()) };
        let Some(provider) = holder.oidc_providers.get(issuer) else {
            return fail(token(format!("No OpenIDConnect provider found in your account for {issuer}")));
        };
        if !provider.client_ids.contains(audience) {
            return fail(token("Incorrect token audience".to_owned()));
        }
        let name = RoleName::new(role.name()).ok().and_then(|name| role_key(&state, &account, &name));
        let name = name.filter(|name| {
            state.is_visible(&account, name) && role_arn(&state.world, &account, name).as_ref() == Some(role)
        });
        let Some((name, assumed)) = name.and_then(|name| Some((name.clone(), holder.roles.get(&name)?))) else {
            return fail(denied());
        };
        let identity = WebIdentity {
            provider_arn: Arn::oidc_provider(&holder.partition, &account, issuer).to_string(),
            issuer: issuer.to_string(),
            subject: format!("system:serviceaccount:{namespace}:{service_account}"),
            audiences: vec![audience.to_owned()],
            context: BTreeMap::new(),
        };
        match evaluate_web_identity(&state.shown_trust(&account, &name, &assumed.trust), &identity) {
            Decision::Allowed { index, .. } => Ok(AssumedRole {
                arn: format!("arn:{}:sts::{account}:assumed-role/{name}/podrole", holder.partition),
                role_unique_id: assumed.unique_id.clone(),
                statement: index,
            }),
            Decision::Denied { reason, .. } => fail(denied().remedy(reason)),
        }
    }
}
