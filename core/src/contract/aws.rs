//! Checks of EKS and STS.

use std::sync::Arc;

use async_trait::async_trait;

use super::expect::{Must as _, There as _, absent, ensure, refused_as, same};
use super::{Check, Context, Found, checks};
use crate::error::ErrorKind;
use crate::model::{AccountId, Cluster, ClusterName, PodIdentityAssociation, ServiceAccountName};
use crate::ports::{EksRead, StsRead};

/// EKS, a cluster that is there, and one that is not.
pub struct EksContext {
    /// The port.
    pub read: Arc<dyn EksRead>,
    /// A cluster that is ACTIVE, as the port must describe it.
    pub cluster: Cluster,
    /// A Pod Identity association of that cluster, as the port must tell it.
    pub association: PodIdentityAssociation,
    /// A name that no cluster has.
    pub absent: ClusterName,
}

#[async_trait]
impl Context for EksContext {
    async fn clean_up(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The behaviour of [`EksRead`].
pub fn eks_checks() -> Vec<Check<EksContext>> {
    checks![
        a_cluster_that_does_not_exist_is_none,
        a_cluster_is_described_with_its_arn_issuer_endpoint_and_ca,
        a_service_account_without_association_has_an_empty_list,
        an_association_is_found_by_namespace_and_service_account,
        associations_of_a_cluster_that_does_not_exist_are_not_found,
    ]
}

async fn a_cluster_that_does_not_exist_is_none(context: &EksContext) -> Found {
    absent("the cluster", context.read.cluster(&context.absent).await)
}

async fn a_cluster_is_described_with_its_arn_issuer_endpoint_and_ca(context: &EksContext) -> Found {
    let wanted = &context.cluster;
    let found = context.read.cluster(&wanted.name).await.there("describe the cluster")?;
    same("the cluster", &found, wanted)?;
    same("its status", &found.status.as_str(), &"ACTIVE")?;
    ensure(found.account().is_some() && found.region().is_some(), "its ARN has no account and region")
}

async fn a_service_account_without_association_has_an_empty_list(context: &EksContext) -> Found {
    let name = ServiceAccountName::new("podrole-contract-nobody").map_err(|error| error.to_string())?;
    let of = &context.association;
    let found = context.read.pod_identity_associations(&context.cluster.name, &of.namespace, &name).await;
    same("the list", &found.must("list associations")?, &Vec::new())
}

async fn an_association_is_found_by_namespace_and_service_account(context: &EksContext) -> Found {
    let of = &context.association;
    let found = context.read.pod_identity_associations(&context.cluster.name, &of.namespace, &of.service_account).await;
    same("the list", &found.must("list associations")?, &vec![of.clone()])
}

async fn associations_of_a_cluster_that_does_not_exist_are_not_found(context: &EksContext) -> Found {
    let of = &context.association;
    let found = context.read.pod_identity_associations(&context.absent, &of.namespace, &of.service_account).await;
    refused_as("listing", found, ErrorKind::NotFound).map(drop)
}

/// STS.
pub struct StsContext {
    /// The port.
    pub read: Arc<dyn StsRead>,
    /// The account of the credentials.
    pub account: AccountId,
}

#[async_trait]
impl Context for StsContext {
    async fn clean_up(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The behaviour of [`StsRead`].
pub fn sts_checks() -> Vec<Check<StsContext>> {
    checks![the_caller_is_an_arn_of_the_credentials_account]
}

async fn the_caller_is_an_arn_of_the_credentials_account(context: &StsContext) -> Found {
    let caller = context.read.caller().await.must("GetCallerIdentity")?;
    same("the account", &caller.account(), &Some(context.account.clone()))?;
    ensure(matches!(caller.service(), "iam" | "sts"), format!("{caller} is of service {}", caller.service()))
}
