//! EKS and STS, as podrole needs them.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{Arn, Cluster, ClusterName, Namespace, PodIdentityAssociation, ServiceAccountName};

/// EKS, in one account and region. There is no writing half: podrole does not change clusters.
///
/// # Behavior
/// - A cluster that does not exist is `Ok(None)`; any other refusal is an error.
#[async_trait]
pub trait EksRead: Send + Sync {
    /// `DescribeCluster`.
    async fn cluster(&self, name: &ClusterName) -> Result<Option<Cluster>>;
    /// `ListPodIdentityAssociations` for one service account, all pages.
    async fn pod_identity_associations(
        &self,
        cluster: &ClusterName,
        namespace: &Namespace,
        service_account: &ServiceAccountName,
    ) -> Result<Vec<PodIdentityAssociation>>;
}

/// STS, in one region.
#[async_trait]
pub trait StsRead: Send + Sync {
    /// `GetCallerIdentity`: the ARN that the credentials stand for.
    async fn caller(&self) -> Result<Arn>;
}
